"""A week of targets, hour by hour, as the targets and the few windows of a schedule.

Hours that follow one another with the same targets are one window, and so are days with the same hours. Hours and days
that differ little are put together, with what the needier asks for, as long as that adds little to what the whole week
costs; and further where there are more windows than a person wants to read. Nothing is ever smaller than it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from itertools import combinations, pairwise, permutations
from typing import Final, TypeAlias

import attrs

from paddock.core.pools.schedule import DAYS, Schedule, Targets, Window

MOST_WINDOWS: Final = 6
HOURS: Final = 24

LITTLE: Final = 10
"""So many per cent may be added to what a week costs for the sake of fewer windows, even if there are few."""

_HOT_COSTS: Final = 20
"""So many stopped ones cost what a hot one does: disks, by list prices (m7i.large and 40 GiB: 24 of them)."""


@attrs.frozen
class Pattern:
    """What is wanted in the 24 hours of days of the week that are alike; ``days`` are numbers, Monday's is 0."""

    days: tuple[int, ...]
    hours: tuple[Targets, ...]


@attrs.frozen
class _Run:
    """Hours with the same targets; ``ends`` is excluded."""

    begins: int
    ends: int
    targets: Targets


@attrs.frozen
class _Group:
    """Days with the same runs, which fill the day."""

    days: tuple[int, ...]
    hours: tuple[Targets, ...]
    runs: tuple[_Run, ...]

    @property
    def cost(self) -> int:
        """What it costs in a week."""
        return len(self.days) * sum(map(_cost, self.hours))


_Option: TypeAlias = tuple[int, list[_Group], tuple[int, ...], tuple[Targets, ...]]
"""What it costs, which groups it is instead of, and the days and hours of the new one."""


def fit(patterns: Sequence[Pattern], zone: str) -> tuple[Targets, Schedule]:
    """The targets that hold in most hours, and a schedule of at most `MOST_WINDOWS` windows for the others.

    `patterns` name each day of the week once. No hour has fewer hot ones than in its pattern, or fewer machines.
    """
    groups = _alike((pattern.days, pattern.hours) for pattern in patterns)
    limit = sum(group.cost for group in groups) * (100 + LITTLE)
    while True:
        targets = _usual(groups)
        spans = _spans(groups, targets)
        coarser = _coarser(groups, targets, len(spans))
        few = len(spans) <= MOST_WINDOWS
        if coarser is None or (few and 100 * sum(group.cost for group in coarser) > limit):
            return targets, Schedule(zone, tuple(_window(*one) for one in spans))
        groups = coarser


def cells(window: Window) -> Iterator[tuple[int, int]]:
    """The hours of the week in which a window of whole hours is in force: the day's number, and the hour."""
    for day in [number for number, name in enumerate(DAYS) if not window.days or name in window.days]:
        for hour in range(window.begins // 60, (window.begins + window.minutes) // 60):
            yield (day + hour // HOURS) % len(DAYS), hour % HOURS


def both(one: Targets, other: Targets) -> Targets:
    """What does for either: as many hot ones, and as many machines. As `paddock.core.pools.plan.wanted` has it."""
    hot = max(one.hot, other.hot)
    return Targets(hot, max(one.hot + one.stopped, other.hot + other.stopped) - hot)


def _cost(targets: Targets) -> int:
    return _HOT_COSTS * targets.hot + targets.stopped


def _alike(days: Iterable[tuple[tuple[int, ...], tuple[Targets, ...]]]) -> list[_Group]:
    """Groups of days with the same hours."""
    found: dict[tuple[Targets, ...], tuple[int, ...]] = {}
    for numbers, hours in days:
        found[hours] = (*found.get(hours, ()), *numbers)
    return [_Group(tuple(sorted(numbers)), hours, _runs(hours)) for hours, numbers in found.items()]


@lru_cache(maxsize=1_000)
def _runs(hours: tuple[Targets, ...]) -> tuple[_Run, ...]:
    ends = [*(at for at in range(1, HOURS) if hours[at] != hours[at - 1]), HOURS]
    return tuple(_Run(begins, end, hours[begins]) for begins, end in zip((0, *ends), ends, strict=False))


def _usual(groups: Iterable[_Group]) -> Targets:
    """The targets of most hours of the week; of several such the cheapest."""
    hours: dict[Targets, int] = {}
    for group in groups:
        for run in group.runs:
            hours[run.targets] = hours.get(run.targets, 0) + len(group.days) * (run.ends - run.begins)
    return min(hours, key=lambda targets: (-hours[targets], _cost(targets), targets.hot))


def _spans(groups: Iterable[_Group], usual: Targets) -> list[tuple[list[int], int, int, Targets]]:
    """What windows are of: days, the first hour and the one after the last, and targets that are not the usual ones.

    By the first of their days and their beginnings.
    """
    spans: dict[tuple[int, int, Targets], list[int]] = {}
    for group in groups:
        for run in group.runs:
            if run.targets != usual:
                spans.setdefault((run.begins, run.ends, run.targets), []).extend(group.days)
    found = [(sorted(days), *span) for span, days in spans.items()]
    for days, begins, _, targets in [one for one in found if one[1] and one[2] == HOURS]:
        # What goes on after midnight, on each of these days, is one window across it.
        tomorrow = sorted((day + 1) % len(DAYS) for day in days)
        for other in [one for one in found if one[:2] == (tomorrow, 0) and one[2] < HOURS and one[3] == targets]:
            found.remove((days, begins, HOURS, targets))
            found.remove(other)
            found.append((days, begins, other[2], targets))
    return sorted(found, key=lambda one: one[:3])


def _window(days: Sequence[int], begins: int, ends: int, targets: Targets) -> Window:
    names = () if len(days) == len(DAYS) else tuple(DAYS[day] for day in days)
    window = Window("", begins * 60, ends * 60, targets.hot, targets.stopped, names)
    return attrs.evolve(window, name=window.describe("").strip())


def _coarser(groups: Sequence[_Group], usual: Targets, windows: int) -> list[_Group] | None:
    """The same with some hours of some days put together, or two groups of days; None if there are no such.

    Of what leaves fewer windows that which costs least, and comes first; if nothing does, of all: more is put together
    next time.
    """
    options = [*_hours_together(groups, usual), *_hours_alike(groups, usual), *_days_together(groups)]
    options.sort(key=lambda option: option[0])
    for option in options:
        found = _with(groups, option)
        if len(_spans(found, _usual(found))) < windows:
            return found
    return _with(groups, options[0]) if options else None


def _with(groups: Sequence[_Group], option: _Option) -> list[_Group]:
    _, gone, days, hours = option
    return _alike([*((group.days, group.hours) for group in groups if group not in gone), (days, hours)])


def _hours_together(groups: Iterable[_Group], usual: Targets) -> Iterator[_Option]:
    """Two windows that follow one another, with what is between them; and one that could as well have the usual."""
    for group in groups:
        others = [at for at, run in enumerate(group.runs) if run.targets != usual]
        for first, last in pairwise(others):
            runs = group.runs[first : last + 1]
            yield _raised(group, runs, reduce(both, [run.targets for run in runs]))
        for at in others:
            if both(group.runs[at].targets, usual) == usual:
                yield _raised(group, group.runs[at : at + 1], usual)


def _hours_alike(groups: Sequence[_Group], usual: Targets) -> Iterator[_Option]:
    """A window of some days that could as well have what a window of the same hours has on others."""
    for one, other in permutations(groups, 2):
        there = {(run.begins, run.ends): run.targets for run in other.runs if run.targets != usual}
        for run in one.runs:
            targets = there.get((run.begins, run.ends), run.targets)
            if run.targets not in (usual, targets) and both(run.targets, targets) == targets:
                yield _raised(one, [run], targets)


def _raised(group: _Group, runs: Sequence[_Run], targets: Targets) -> _Option:
    """These runs of the group, which follow one another, with the same targets."""
    cost = sum((run.ends - run.begins) * (_cost(targets) - _cost(run.targets)) for run in runs)
    begins, ends = runs[0].begins, runs[-1].ends
    hours = (*group.hours[:begins], *[targets] * (ends - begins), *group.hours[ends:])
    return len(group.days) * cost, [group], group.days, hours


def _days_together(groups: Iterable[_Group]) -> Iterator[_Option]:
    for one, other in combinations(groups, 2):
        hours = tuple(both(*targets) for targets in zip(one.hours, other.hours, strict=True))
        cost = sum(
            len(group.days) * (_cost(targets) - _cost(before))
            for group in (one, other)
            for targets, before in zip(hours, group.hours, strict=True)
        )
        yield cost, [one, other], (*one.days, *other.days), hours
