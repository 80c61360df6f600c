"""What is recommended for a pool: by example for the demands that people know, and what holds for all."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.pools.pool import Bounds, Pool
from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.pools.schedule_check import problems
from paddock.core.sizing.demand import Taken
from paddock.core.sizing.slots import Slot, slots
from paddock.core.sizing.targets import LEAST_JOBS, Recommendation, asked, recommend, within
from paddock.core.sizing.windows import MOST_WINDOWS
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span
from tests.world.demands import AHEAD, MONDAY, POOL, demand, each_day, every, job, pool, takens

NOW = MONDAY + 7 * DAY
WORKDAYS, ALL = range(5), range(7)
OFFICE = each_day(WORKDAYS, *every(2 * MINUTE, 9 * HOUR, 17 * HOUR), lasts=9 * MINUTE)
HALF = settings().max_examples // 2


def recommended(jobs: list[Taken], one: Pool = POOL, looked: Span = 7 * DAY) -> Recommendation:
    """What is recommended after this time, sound and few windows."""
    found = recommend(demand(jobs, looked=looked), one, MONDAY + looked, AHEAD)
    assert problems(found.schedule) == ()
    assert len(found.schedule.windows) <= MOST_WINDOWS
    return found


def windows(found: Recommendation) -> dict[str, tuple[int, int]]:
    """The windows' targets by their names."""
    return {window.name: (window.hot, window.stopped) for window in found.schedule.windows}


def test_office_hours_have_hot_machines_and_the_evening_has_one_that_sleeps() -> None:
    """A job every two minutes: one comes within 90 s, five are in flight; then some hours of one that is stopped."""
    found = recommended(OFFICE)
    assert found.targets == Targets()
    assert windows(found) == {"mon-fri 09:00-17:00": (1, 4), "mon-fri 17:00-21:00": (0, 1)}
    nine = "for nine in ten minutes had at most"
    one = "one at least, for a job came in the hour or in the 4 before it"
    assert found.evidence == (
        "1200 jobs in 7 days",
        "Monday to Friday count as one day, Saturday and Sunday as another: less than 28 days were looked at",
        f"mon-fri 09:00-17:00: 1 hot and 4 stopped, {nine} 1 arrival within 1 min 30 s, and at most 5 jobs in flight",
        f"mon-fri 17:00-21:00: 0 hot and 1 stopped, {nine} 0 arrivals within 1 min 30 s, and at most 1 job in flight; "
        + one,
        "at other times: 0 hot and 0 stopped, for no job came, nor in the 4 hours before",
    )


def test_a_nightly_burst_has_as_many_that_sleep_as_it_has_jobs() -> None:
    """Three minutes in an hour are no reason to keep forty hot; but they come every night, and sleep costs little."""
    found = recommended(each_day(ALL, *every(3 * SECOND, 2 * HOUR, 2 * HOUR + 2 * MINUTE), lasts=3 * MINUTE))
    assert found.targets == Targets()
    assert windows(found) == {"daily 02:00-03:00": (0, 40), "daily 03:00-07:00": (0, 1)}
    assert "most days had 40 at once as a job came" in found.evidence[2]


def test_a_burst_of_one_night_is_not_provided_for() -> None:
    """One such night of seven: what most days had is what counts, and one machine sleeps on for some hours."""
    found = recommended(each_day([2], *every(3 * SECOND, 2 * HOUR, 2 * HOUR + 2 * MINUTE), lasts=3 * MINUTE))
    assert windows(found) == {"mon-fri 02:00-07:00": (0, 1)}


def test_a_constant_drip_needs_no_windows() -> None:
    """Every ten minutes one: a hot one. Every half an hour one: one that sleeps, for it would mostly wait."""
    often = recommended(each_day(ALL, *every(10 * MINUTE, 0, DAY), lasts=5 * MINUTE))
    assert (often.targets, often.schedule) == (Targets(1), Schedule())
    assert often.evidence[2].startswith("at all times: 1 hot and 0 stopped, for nine in ten minutes")
    seldom = recommended(each_day(ALL, *every(30 * MINUTE, 0, DAY), lasts=5 * MINUTE))
    assert (seldom.targets, seldom.schedule) == (Targets(0, 1), Schedule())


def test_jobs_that_run_long_need_machines_as_they_come_and_not_thereafter() -> None:
    """They have theirs: twenty that begin at nine are not twenty to be kept for the hour after hour that they run."""
    found = recommended(each_day(ALL, *[9 * HOUR + at * SECOND for at in range(20)], lasts=40 * MINUTE))
    assert windows(found) == {"daily 09:00-10:00": (0, 20), "daily 10:00-14:00": (0, 1)}


def test_a_pool_that_nobody_asks_keeps_nothing() -> None:
    """Its schedule says so for every hour, in the zone that it had."""
    found = recommended([], pool("Europe/Berlin", hot=5, stopped=5))
    assert (found.targets, found.schedule) == (Targets(), Schedule("Europe/Berlin"))
    assert found.evidence[0] == "0 jobs in 7 days"


def test_with_fewer_than_twenty_jobs_in_a_week_nothing_is_kept_hot() -> None:
    """However close they come. Those of the weeks before do not count for that."""
    close = [job(MONDAY + 10 * HOUR + at * 2 * MINUTE, HOUR) for at in range(LEAST_JOBS)]
    assert windows(recommended(close, looked=DAY)) == {
        "daily 10:00-11:00": (1, 19),
        "daily 11:00-12:00": (0, 16),
        "daily 12:00-15:00": (0, 1),
    }
    few = recommended(close[1:], looked=DAY)
    assert max(hot for hot, _ in windows(few).values()) == 0
    assert few.evidence[:2] == (
        "19 jobs in 1 day, 19 of them in the last 7 days",
        "fewer than 20 jobs in 7 days: no machine is kept hot for them",
    )
    assert max(hot for hot, _ in windows(recommended(close, looked=8 * DAY)).values()) == 0


def test_the_hours_are_those_of_the_schedules_zone() -> None:
    """What is nine o'clock in UTC is ten in Berlin."""
    berlin = recommended(OFFICE, pool("Europe/Berlin"))
    assert windows(berlin) == {"mon-fri 10:00-18:00": (1, 4), "mon-fri 18:00-22:00": (0, 1)}


@pytest.mark.parametrize(
    ("bounds", "most", "office", "night"),
    [
        (Bounds(), None, (0, 0), (0, 0)),
        (Bounds(), 3, (0, 0), (0, 0)),
        (Bounds(most=Targets(0, 100)), None, (0, 5), (0, 0)),
        (Bounds(most=Targets(100, 2)), None, (1, 2), (0, 0)),
        (Bounds(Targets(2, 1), Targets(9, 9)), None, (2, 3), (2, 1)),
        (Bounds(most=Targets(100, 100)), 3, (1, 2), (0, 0)),
        (Bounds(most=Targets(100, 100)), 1, (0, 1), (0, 0)),
    ],
)
def test_targets_are_within_the_pools_bounds(
    bounds: Bounds, most: int | None, office: tuple[int, int], night: tuple[int, int]
) -> None:
    """What may not be hot sleeps, as far as that may be; and a difference is told."""
    found = recommended(OFFICE, pool(bounds=bounds, most=most, auto=True))
    for at, targets in ((10 * HOUR, office), (3 * HOUR, night)):
        assert found.schedule.targets(MONDAY + at, found.targets) == Targets(*targets)
    [told] = [text for text in found.evidence if "bounds" in text]
    assert told.endswith("without them there would be at most 1 hot and 4 stopped")


def test_a_pool_whose_targets_do_not_follow_demand_has_no_bounds_but_its_limit() -> None:
    """Its configuration can have none; what people are told is what its jobs ask for."""
    assert recommended(OFFICE, pool(bounds=Bounds())) == recommended(OFFICE)
    limited = recommended(OFFICE, pool(bounds=Bounds(), most=3))
    assert windows(limited)["mon-fri 09:00-17:00"] == (1, 2)


def test_what_had_to_be_put_together_is_told() -> None:
    """Ten levels a day are more windows than anybody wants to read."""
    stairs = [one for level in range(10) for one in each_day(ALL, *[(8 + level) * HOUR] * (3 * level + 3), lasts=HOUR)]
    found = recommended(stairs)
    assert len(found.schedule.windows) == MOST_WINDOWS
    assert found.evidence[-1].endswith(
        "of the week got more than needed: those that differ least were put together, for no more than 6 windows"
    )


@given(
    st.lists(takens(), max_size=40),
    st.builds(Targets, st.integers(0, 2), st.integers(0, 2)),
    st.builds(Targets, st.integers(2, 9), st.integers(2, 9)),
    st.none() | st.integers(0, 9),
    st.sampled_from([2 * DAY, 7 * DAY]),
)
@settings(max_examples=HALF)
def test_in_no_hour_there_is_less_than_its_jobs_ask_for_or_more_than_the_bounds_allow(
    jobs: list[Taken], least: Targets, most: Targets, limit: int | None, looked: Span
) -> None:
    """Whatever the jobs; and the same jobs in another order are the same recommendation."""
    one = pool(bounds=Bounds(least, most), most=limit)
    found = recommended(jobs, one, looked)
    assert found == recommended(jobs[::-1], one, looked)
    recent = sum(MONDAY <= each.queued_at < MONDAY + looked for each in jobs)
    for days in slots(demand(jobs, looked=looked), "UTC", AHEAD):
        for day in days.days:
            for hour, slot in enumerate(days.slots):
                wish = asked(slot, one, hot=recent >= LEAST_JOBS)
                targets = found.schedule.targets(MONDAY + day * DAY + hour * HOUR, found.targets)
                assert wish.hot <= targets.hot <= most.hot
                assert targets.stopped <= most.stopped
                assert targets.hot + targets.stopped >= wish.hot + wish.stopped
                if limit is None:
                    assert targets.hot >= least.hot
                    assert targets.stopped >= least.stopped
                else:
                    assert targets.hot < max(1, limit) or targets.hot == 0
                    assert targets.hot + targets.stopped <= limit


@given(
    st.builds(Slot, *[st.integers(0, 9)] * 3, st.booleans()),
    st.integers(0, 9),
    st.booleans(),
)
def test_within_wide_bounds_a_slot_gets_what_it_asks_for(slot: Slot, limit: int, hot: bool) -> None:  # noqa: FBT001 - drawn
    """As many hot ones as arrive, and the rest of the machines asleep; what may not be hot sleeps."""
    wide = asked(slot, POOL, hot=hot)
    assert wide.hot == (slot.arrivals if hot else 0)
    assert wide.hot + wide.stopped == max(slot.arrivals, slot.claims, slot.usual, 1 if slot.active else 0)
    narrow = asked(slot, pool(bounds=Bounds(most=Targets(limit, 100))), hot=hot)
    assert narrow == Targets(min(limit, wide.hot), wide.hot + wide.stopped - min(limit, wide.hot))


def test_no_target_is_more_than_a_schedule_may_have() -> None:
    """Bounds that nobody checked are no way around."""
    huge = pool(bounds=Bounds(Targets(9_999, 9_999), Targets(99_999, 99_999)))
    assert within(huge, 1, 2) == Targets(4_999, 1)
    assert recommended([], huge).targets == Targets(4_999, 1)


@pytest.mark.parametrize(
    ("looked", "late", "message"),
    [(DAY - 1, 0, "look at a day or more"), (7 * DAY, -1, "look at nothing after now")],
)
def test_what_cannot_be_judged_is_refused(looked: Span, late: Span, message: str) -> None:
    """Less than a day, for hours that nobody looked at have no size; and what is not over."""
    with pytest.raises(ValueError, match=message):
        recommend(demand([], looked=looked), POOL, MONDAY + looked + late, AHEAD)


def test_a_recommendation_is_its_own_pools_targets() -> None:
    """Who takes it over has a pool of whose schedule nothing is wrong, and which asks for the same again."""
    found = recommended(OFFICE)
    taken = attrs.evolve(POOL, hot=found.targets.hot, stopped=found.targets.stopped, schedule=found.schedule)
    assert recommended(OFFICE, taken) == found
