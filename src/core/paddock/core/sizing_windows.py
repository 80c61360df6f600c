"""A week of targets, hour by hour, as the targets and the few windows of a schedule.

Hours that follow one another with the same targets are one window, and so are days with the same hours. Where that
leaves more windows than a person wants to read, hours or days are put together that differ least, with what the needier
asks for: nothing is ever smaller than it was in the week.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import combinations, groupby, pairwise
from typing import Final, TypeAlias

import attrs

from paddock.core.schedule import DAYS, Schedule, Targets, Window

MOST_WINDOWS: Final = 6
HOURS: Final = 24

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
    runs: tuple[_Run, ...]

    @property
    def hours(self) -> list[Targets]:
        """The targets of its 24 hours."""
        return [run.targets for run in self.runs for _ in range(run.begins, run.ends)]


_Option: TypeAlias = tuple[int, list[_Group], tuple[int, ...], list[Targets]]
"""What it costs, which groups it is instead of, and the days and hours of the new one."""


def fit(patterns: Sequence[Pattern], zone: str) -> tuple[Targets, Schedule]:
    """The targets that hold in most hours, and a schedule of at most `MOST_WINDOWS` windows for the others.

    `patterns` name each day of the week once. No hour has fewer hot ones than in its pattern, or fewer machines.
    """
    groups = _alike((pattern.days, pattern.hours) for pattern in patterns)
    while True:
        targets = _usual(groups)
        spans = _spans(groups, targets)
        if len(spans) <= MOST_WINDOWS:
            return targets, Schedule(zone, tuple(_window(*one) for one in spans))
        groups = _coarser(groups, targets, len(spans))


def cells(window: Window) -> Iterator[tuple[int, int]]:
    """The hours of the week in which a window of whole hours is in force: the day's number, and the hour."""
    for day in [number for number, name in enumerate(DAYS) if not window.days or name in window.days]:
        for hour in range(window.begins // 60, (window.begins + window.minutes) // 60):
            yield (day + hour // HOURS) % len(DAYS), hour % HOURS


def both(one: Targets, other: Targets) -> Targets:
    """What does for either: as many hot ones, and as many machines. As `paddock.core.pool_plan.wanted` has it."""
    hot = max(one.hot, other.hot)
    return Targets(hot, max(one.hot + one.stopped, other.hot + other.stopped) - hot)


def _cost(targets: Targets) -> int:
    return _HOT_COSTS * targets.hot + targets.stopped


def _alike(days: Iterable[tuple[tuple[int, ...], Sequence[Targets]]]) -> list[_Group]:
    """Groups of days with the same hours."""
    found: dict[tuple[_Run, ...], tuple[int, ...]] = {}
    for numbers, hours in days:
        runs: list[_Run] = []
        for targets, stretch in groupby(hours):
            begins = runs[-1].ends if runs else 0
            runs.append(_Run(begins, begins + len(list(stretch)), targets))
        found[tuple(runs)] = (*found.get(tuple(runs), ()), *numbers)
    return [_Group(tuple(sorted(numbers)), same) for same, numbers in found.items()]


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


def _coarser(groups: Sequence[_Group], usual: Targets, windows: int) -> list[_Group]:
    """The same with some hours of some days put together, or two groups of days.

    Of what leaves fewer windows that which costs least, and comes first; if nothing does, of all: more is put together
    next time.
    """
    options = sorted((*_hours_together(groups, usual), *_days_together(groups)), key=lambda option: option[0])
    for option in options:
        found = _with(groups, option)
        if len(_spans(found, _usual(found))) < windows:
            return found
    return _with(groups, options[0])


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


def _raised(group: _Group, runs: Sequence[_Run], targets: Targets) -> _Option:
    """These runs of the group, which follow one another, with the same targets."""
    cost = sum((run.ends - run.begins) * (_cost(targets) - _cost(run.targets)) for run in runs)
    begins, ends = runs[0].begins, runs[-1].ends
    hours = [*group.hours[:begins], *[targets] * (ends - begins), *group.hours[ends:]]
    return len(group.days) * cost, [group], group.days, hours


def _days_together(groups: Iterable[_Group]) -> Iterator[_Option]:
    for one, other in combinations(groups, 2):
        hours = [both(*targets) for targets in zip(one.hours, other.hours, strict=True)]
        cost = sum(
            len(group.days) * (_cost(targets) - _cost(before))
            for group in (one, other)
            for targets, before in zip(hours, group.hours, strict=True)
        )
        yield cost, [one, other], (*one.days, *other.days), hours
