"""What is wrong with a pool, all of it at once, and what would be right."""

from collections.abc import Collection, Iterator
from typing import Final

from paddock.core.catalogue import fitting, widening
from paddock.core.errors import InvalidInput
from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Targets
from paddock.core.pools.schedule_check import MOST
from paddock.core.pools.schedule_check import problems as of_schedule
from paddock.core.spec import Arch
from paddock.core.units import HOUR, Span

LEAST_AGE: Final[Span] = HOUR
"""Machines of which none may become older than this would be replaced all the time."""


def problems(pool: Pool) -> tuple[InvalidInput, ...]:
    """All that is wrong with the pool, wherever it is to be.

    Fields are paths as files have them, from the pool on: ``most``, ``windows[0].from``; empty for the pool itself.
    """
    found = [*_machine(pool), *_numbers(pool), *_spans(pool), *_bounds(pool), *of_schedule(pool.schedule)]
    found += _too_small(pool)
    return tuple(found or _useless(pool))


def impossible(
    pools: Collection[Pool], *, arches: Collection[Arch], images: bool, sleeps: bool, places: int | None = None
) -> tuple[InvalidInput, ...]:
    """What a fleet can never give its pools.

    Args:
        pools: the pools.
        arches: those that the fleet has machines of.
        images: whether it has machines of images.
        sleeps: whether its machines can be stopped, and started again.
        places: how many machines it can have at once, spares and others; None: as many as it wants.
    """
    found: list[InvalidInput] = []
    for pool in pools:
        spec, at = pool.spec, f"pools.{pool.name}"
        if spec.arch not in arches:
            instead = " or ".join(f"arch: {arch}" for arch in arches)
            found.append(
                InvalidInput(f"{at}.machine.arch", str(spec.arch), f"no machine of this fleet is that: write {instead}")
            )
        if spec.image is not None and not images:
            found.append(
                InvalidInput(f"{at}.machine.image", spec.image, "machines of this fleet have no images: leave it out")
            )
        found += [
            InvalidInput(
                f"{at}.{path}stopped",
                targets.stopped,
                "machines of this fleet cannot sleep: leave it out, and keep hot ones instead",
            )
            for path, targets in _targets(pool)
            if targets.stopped and not sleeps
        ]
    return (*found, *_crowded(pools, places))


def _crowded(pools: Collection[Pool], places: int | None) -> Iterator[InvalidInput]:
    """Hot machines that leave no place: for other jobs, and for the successor of one that is replaced."""
    hottest = [(pool, *max(_targets(pool), key=lambda one: one[1].hot)) for pool in pools]
    total = sum(targets.hot for _, _, targets in hottest)
    if places is None or total < places:
        return
    pool, path, targets = max(hottest, key=lambda one: one[2].hot)
    remedy = (
        f"leaves no place for another machine: pools keep up to {total} hot, and this fleet has {places} in all; "
        f"keep {places - 1} or fewer, or have {total + 1} places or more"
    )
    yield InvalidInput(f"pools.{pool.name}.{path}hot", targets.hot, remedy)


def _targets(pool: Pool) -> Iterator[tuple[str, Targets]]:
    """All that may ever be asked for, each with what stands before its fields."""
    yield "", pool.targets
    for index, window in enumerate(pool.schedule.windows):
        yield f"windows[{index}].", window.targets
    if pool.auto:
        yield "bounds.least.", pool.bounds.least
        yield "bounds.most.", pool.bounds.most


def _machine(pool: Pool) -> Iterator[InvalidInput]:
    if not fitting(pool.spec):
        yield InvalidInput("machine", str(pool.spec), f"fits no instance type: {widening(pool.spec)}")


def _numbers(pool: Pool) -> Iterator[InvalidInput]:
    """Those of windows are the schedule's to tell."""
    for path, targets in _targets(pool):
        for name, count in (("hot", targets.hot), ("stopped", targets.stopped)):
            if not path.startswith("windows") and not 0 <= count <= MOST:
                yield InvalidInput(path + name, count, f"must be 0 to {MOST} machines")


def _spans(pool: Pool) -> Iterator[InvalidInput]:
    if pool.idle_timeout <= 0:
        yield InvalidInput("idle_timeout", pool.idle_timeout, "must be longer than nothing")
    if pool.max_age < LEAST_AGE:
        remedy = "must be 1h or more: else all machines would be replaced all the time"
        yield InvalidInput("max_age", pool.max_age, remedy)


def _bounds(pool: Pool) -> Iterator[InvalidInput]:
    least, most = pool.bounds.least, pool.bounds.most
    if not pool.auto:
        if (least, most) != (Targets(), Targets()):
            yield InvalidInput("bounds", "", "are for auto alone: write auto: true, or leave them out")
        return
    if most == Targets():
        remedy = "leave auto no machine: write how many it may ask for, as in {most: {hot: 4, stopped: 4}}"
        yield InvalidInput("bounds", "", remedy)
        return
    for name, low, high in (("hot", least.hot, most.hot), ("stopped", least.stopped, most.stopped)):
        if low > high:
            yield InvalidInput(f"bounds.least.{name}", low, f"must be no more than bounds.most.{name}, {high}")


def _too_small(pool: Pool) -> Iterator[InvalidInput]:
    path, targets = max(_targets(pool), key=lambda one: one[1].hot)
    if pool.most is not None and pool.most <= targets.hot:
        remedy = (
            f"must be more than {path}hot, {targets.hot}: a hot one is ended only when its successor is there; "
            f"write {targets.hot + 1} or more"
        )
        yield InvalidInput("most", pool.most, remedy)


def _useless(pool: Pool) -> Iterator[InvalidInput]:
    if all(targets == Targets() for _, targets in _targets(pool)):
        remedy = "keeps no machine at any hour: write hot or stopped, here or in a window, or remove the pool"
        yield InvalidInput("", "", remedy)
