"""The week of a pool's demand: for each hour of it how many jobs came, and how many were in flight."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import tzinfo
from typing import Final, TypeAlias

import attrs

from paddock.core.pools.schedule import DAYS
from paddock.core.sizing.demand import Demand
from paddock.core.sizing.windows import HOURS
from paddock.core.units import DAY, HOUR, MINUTE, Moment, Span
from paddock.core.wallclock import shown, zone_of

WEEK: Final[Span] = 7 * DAY

PER_CENT: Final = 90
USUAL: Final = 50

DAYS_APART_FROM: Final[Span] = 28 * DAY
"""Only if so much was looked at does each day of the week stand for itself."""

ACTIVE_FOR: Final[Span] = 4 * HOUR

_Seen: TypeAlias = Mapping[tuple[int, int], Mapping[int, Sequence[tuple[int, int, int]]]]
"""By hour of the week and date, for each minute the most arrivals, the most jobs in flight, and these as one began."""

_WORKDAYS, _WEEKEND = (0, 1, 2, 3, 4), (5, 6)


@attrs.frozen
class Slot:
    """An hour of the day, on days that are taken together, as demand was then.

    Nine in ten of its minutes had at most ``arrivals`` jobs queued within the time that a spare takes to be replaced,
    and at most ``claims`` jobs in flight, at any moment of theirs. On most of the days there were ``usual`` or more in
    flight as one more was queued: itself included, and 0 if none was, for who has a machine needs no other. ``active``
    says that a job was queued in it, or in the `ACTIVE_FOR` before it.
    """

    arrivals: int = 0
    claims: int = 0
    usual: int = 0
    active: bool = False

    @property
    def machines(self) -> int:
        """How many machines there should be, hot or stopped."""
        return max(self.arrivals, self.claims, self.usual, int(self.active))


@attrs.frozen
class Days:
    """Days of the week that are taken together, by their numbers (Monday's is 0), and the 24 slots of each."""

    days: tuple[int, ...]
    slots: tuple[Slot, ...]


def slots(demand: Demand, zone: str, ahead: Span) -> tuple[Days, ...]:
    """The week as demand was, each of its days in one of the results.

    Which days are taken together depends on how long was looked at alone. From `DAYS_APART_FROM` on none are, from a
    week on the five from Monday to Friday and the two others, and below a week all.

    Raises:
        ValueError: `ahead` is not more than 0.
        InvalidInput: the zone is none that this system knows.
    """
    if ahead <= 0:
        raise ValueError(f"ahead = {ahead}: must be more than 0, for no spare is replaced at once")
    clock = zone_of(zone)
    arrivals, claims = (demand.peaks(spans) for spans in (demand.arrivals(ahead), demand.claims(ahead)))
    seen: dict[tuple[int, int], dict[int, list[tuple[int, int, int]]]] = {}
    for minute, peak, flying in zip(range(demand.since, demand.until, MINUTE), arrivals, claims, strict=True):
        date, hour = _hour(minute, clock)
        seen.setdefault((date % len(DAYS), hour), {}).setdefault(date, []).append((peak[0], *flying))
    active = {
        (date % len(DAYS), hour)
        for job in demand.jobs
        for date, hour in (_hour(job.queued_at + after, clock) for after in range(0, ACTIVE_FOR + 1, HOUR))
    }
    return tuple(
        Days(days, tuple(_slot([(day, hour) for day in days], seen, active) for hour in range(HOURS)))
        for days in _together(demand.until - demand.since)
    )


def _slot(cells: Sequence[tuple[int, int]], seen: _Seen, active: AbstractSet[tuple[int, int]]) -> Slot:
    """The slot of these hours of the week."""
    dates = [minutes for cell in cells for minutes in seen.get(cell, {}).values()]
    return Slot(
        arrivals=percentile([arrivals for minutes in dates for arrivals, _, _ in minutes], PER_CENT),
        claims=percentile([claims for minutes in dates for _, claims, _ in minutes], PER_CENT),
        usual=percentile([max(begun for _, _, begun in minutes) for minutes in dates], USUAL),
        active=any(cell in active for cell in cells),
    )


def percentile(values: Sequence[int], per_cent: int) -> int:
    """By nearest rank: the least value that `per_cent` % of the values do not exceed. 0 if there are none."""
    if not values:
        return 0
    rank = -(-len(values) * per_cent // 100)  # rounded up, in integers
    return sorted(values)[max(rank, 1) - 1]


def _hour(moment: Moment, zone: tzinfo) -> tuple[int, int]:
    """The day and the hour that the zone's clock shows. The day as a number, whose rest by 7 is that of the weekday."""
    wall = shown(moment, zone)
    return wall.toordinal() - 1, wall.hour


def _together(looked: Span) -> Iterator[tuple[int, ...]]:
    if looked >= DAYS_APART_FROM:
        yield from ((day,) for day in range(len(DAYS)))
    elif looked >= WEEK:
        yield from (_WORKDAYS, _WEEKEND)
    else:
        yield _WORKDAYS + _WEEKEND
