"""The slots of a week against somebody who counts by hand: for each minute, at each moment that could be its worst.

He reads the clock on the wall with Python's own calendar, and finds percentiles by trying one value after the other.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.errors import InvalidInput
from paddock.core.pools.pool import Pool
from paddock.core.sizing.demand import Demand, Taken, demand_between
from paddock.core.sizing.slots import ACTIVE_FOR, DAYS_APART_FROM, Slot, percentile, slots
from paddock.core.sizing.targets import asked
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from tests.world.demands import AHEAD, MONDAY, POOL, demand, takens

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
FEW = settings().max_examples // 3
starts = st.builds(
    lambda week, minute: MONDAY + week * 7 * DAY + minute * MINUTE,
    st.sampled_from([0, -5, -4, 17]),
    st.integers(0, 7 * 24 * 60),
)
LOOKED = [DAY, 2 * DAY, 7 * DAY, 8 * DAY + 90 * SECOND]


def wall(moment: Moment, zone: str) -> datetime:
    """What the clock shows."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))


def least(values: list[int], per_cent: int) -> int:
    """The first value from 0 on that enough of them do not exceed."""
    value = 0
    while sum(one <= value for one in values) * 100 < per_cent * len(values):
        value += 1
    return value


def worst(spans: list[tuple[Moment, Moment]], begins: Moment, ends: Moment) -> int:
    """The most of the spans at any moment of the minute: it is at its beginning, or as one of them begins."""
    moments = [begins, *(at for at, _ in spans if begins <= at < ends)]
    return max(sum(since <= at < until for since, until in spans) for at in moments)


def worst_begun(spans: list[tuple[Moment, Moment]], begins: Moment, ends: Moment) -> int:
    """The same as one of them begins; 0 if none does."""
    moments = [at for at, _ in spans if begins <= at < ends]
    return max((sum(since <= at < until for since, until in spans) for at in moments), default=0)


def alike(weekday: int, looked: Span) -> set[int]:
    """The days that are taken together with this one."""
    if looked >= DAYS_APART_FROM:
        return {weekday}
    if looked >= 7 * DAY:
        return set(range(5)) if weekday < 5 else {5, 6}
    return set(range(7))


def by_hand(found: Demand, zone: str, ahead: Span, days: set[int], hour: int) -> Slot:
    """The slot of this hour on these days."""
    taken = [(one.queued_at, one.queued_at + ahead) for one in found.jobs]
    held = [
        (one.queued_at, max(one.queued_at + ahead, one.queued_at + one.machine_until - one.machine_from))
        for one in found.jobs
    ]
    arrivals: list[int] = []
    claims: dict[date, list[int]] = {}
    begun: dict[date, list[int]] = {}
    for minute in range(found.since, found.until, MINUTE):
        shown = wall(minute, zone)
        if shown.hour == hour and shown.weekday() in days:
            end = min(minute + MINUTE, found.until)
            arrivals.append(worst(taken, minute, end))
            claims.setdefault(shown.date(), []).append(worst(held, minute, end))
            begun.setdefault(shown.date(), []).append(worst_begun(held, minute, end))
    active = {
        (shown.weekday(), shown.hour)
        for one in found.jobs
        for after in range(0, ACTIVE_FOR + 1, HOUR)
        for shown in [wall(one.queued_at + after, zone)]
    }
    return Slot(
        arrivals=least(arrivals, 90),
        claims=least([one for minutes in claims.values() for one in minutes], 90),
        usual=least([max(minutes) for minutes in begun.values()], 50),
        active=any((day, hour) in active for day in days),
    )


@given(st.data(), st.sampled_from(ZONES), st.sampled_from(LOOKED), st.integers(1, 400), starts)
@settings(max_examples=FEW)
def test_the_slots_are_those_that_are_counted_by_hand(
    data: st.DataObject, zone: str, looked: Span, seconds: int, since: Moment
) -> None:
    """From any minute of some weeks on, and for any time that a spare takes to be replaced.

    In one of the weeks Berlin puts its clock back, in another New York does, in a third Berlin puts it forward.
    """
    centre = data.draw(st.integers(0, looked // HOUR - 1)) * HOUR
    jobs = data.draw(st.lists(takens(since + centre, 2 * HOUR), max_size=25))
    found = demand_between(jobs, since, since + looked)
    week = slots(found, zone, seconds * SECOND)
    assert sorted(day for days in week for day in days.days) == list(range(7))
    near = {wall(since + centre + after, zone).hour for after in (0, HOUR, 2 * HOUR, 5 * HOUR)}
    for days in week:
        assert len(days.slots) == 24
        assert all(set(days.days) == alike(day, looked) for day in days.days)
        for hour in sorted(near):
            assert days.slots[hour] == by_hand(found, zone, seconds * SECOND, set(days.days), hour)


def test_from_four_weeks_on_each_day_stands_for_itself() -> None:
    """What makes the difference is how long was looked at, never how many jobs there were."""
    mondays = [attrs.evolve(one, queued_at=one.queued_at + week * 7 * DAY) for week in range(4) for one in DRIP]
    apart = slots(demand(mondays, looked=28 * DAY), "UTC", AHEAD)
    assert [days.days for days in apart] == [(day,) for day in range(7)]
    assert [days.slots[10].claims for days in apart] == [1, 0, 0, 0, 0, 0, 0]
    assert [days.days for days in slots(demand(mondays, looked=28 * DAY - 1), "UTC", AHEAD)] == [
        (0, 1, 2, 3, 4),
        (5, 6),
    ]
    assert [days.days for days in slots(demand(DRIP, looked=7 * DAY - 1), "UTC", AHEAD)] == [(0, 1, 2, 3, 4, 5, 6)]


DRIP = [
    Taken(MONDAY + 10 * HOUR + at, MONDAY + 10 * HOUR + at, MONDAY + 11 * HOUR) for at in range(0, HOUR, 10 * MINUTE)
][:1]


@given(st.lists(takens(), max_size=20), st.lists(takens(), min_size=1, max_size=10), st.sampled_from(LOOKED))
@settings(max_examples=FEW)
def test_more_demand_never_means_less_for_an_hour(jobs: list[Taken], more: list[Taken], looked: Span) -> None:
    """Neither fewer hot ones, nor fewer machines, in no slot of the week; with bounds and without."""
    narrow = attrs.evolve(POOL, most=4)
    before, after = (
        [slot for days in slots(demand(some, looked=looked), "UTC", AHEAD) for slot in days.slots]
        for some in (jobs, [*jobs, *more])
    )
    for less, greater in zip(before, after, strict=True):
        for pool in (POOL, narrow):
            assert_no_less(less, greater, pool)


def assert_no_less(less: Slot, greater: Slot, pool: Pool) -> None:
    """What is asked for the second is no less, also if the first one's jobs were too few for hot machines."""
    for hot in (False, True):
        one, other = asked(less, pool, hot=hot), asked(greater, pool)
        assert one.hot <= other.hot
        assert one.hot + one.stopped <= other.hot + other.stopped


@given(st.lists(st.integers(0, 20), max_size=40), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int], per_cent: int) -> None:
    """By nearest rank, in integers."""
    assert percentile(values, per_cent) == least(values, per_cent)


@pytest.mark.parametrize("ahead", [0, -1])
def test_no_spare_is_replaced_at_once(ahead: Span) -> None:
    """Nothing would ever be in flight."""
    with pytest.raises(ValueError, match="more than 0"):
        slots(demand([]), "UTC", ahead)


def test_a_zone_that_nobody_knows_is_refused() -> None:
    """With the name that was probably meant."""
    with pytest.raises(InvalidInput, match="Europe/Berlin"):
        slots(demand([]), "Europe/Berlinn", AHEAD)
