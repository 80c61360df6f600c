"""The replay of a demand against targets, and which changes are worth it.

By hand it is a row of places, each of which is empty for a while after each job.
"""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.pools.pool import Bounds, Pool
from paddock.core.pools.schedule import Schedule, Targets, Window
from paddock.core.sizing.demand import Taken
from paddock.core.sizing.replay import Expected, Waits, expected, present, settled
from paddock.core.sizing.targets import Recommendation, recommend
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from tests.world.demands import MONDAY, POOL, demand, each_day, every, job, pool, takens

WAITS = Waits(hot=6 * SECOND, stopped=20 * SECOND, cold=40 * SECOND, interval=50 * SECOND)
UNTIL = MONDAY + 2 * DAY
OFFICE = each_day(range(5), *every(2 * MINUTE, 9 * HOUR, 17 * HOUR), lasts=9 * MINUTE)


def replayed(jobs: list[Taken], hot: int, stopped: int, *windows: Window, looked: Span = 2 * DAY) -> Expected:
    """What these targets would have meant."""
    return expected(Recommendation(Targets(hot, stopped), Schedule("UTC", windows)), demand(jobs, looked=looked), WAITS)


def by_hand(jobs: list[Taken], hot: int, stopped: int) -> tuple[int, int, Span]:
    """Hits of each kind and the idle time: each place is a machine's, and is empty until its successor is there."""
    places = {"hot": [MONDAY] * hot, "stopped": [MONDAY] * stopped}
    hits, idle = {"hot": 0, "stopped": 0}, 0
    for one in demand(jobs, looked=2 * DAY).jobs:
        for kind, ready in places.items():
            there = [number for number, at in enumerate(ready) if at <= one.queued_at]
            if there:
                hits[kind] += 1
                idle += one.queued_at - ready[there[0]] if kind == "hot" else 0
                ready[there[0]] = one.queued_at + 90 * SECOND
                break
    idle += sum(max(0, UNTIL - at) for at in places["hot"])
    return hits["hot"], hits["stopped"], idle


@given(st.lists(takens() | takens(MONDAY + HOUR, 3 * MINUTE), max_size=30), st.integers(0, 4), st.integers(0, 4))
def test_constant_targets_are_a_row_of_places(jobs: list[Taken], hot: int, stopped: int) -> None:
    """Whoever does not find one starts cold; what each waits is by how it starts."""
    found = replayed(jobs, hot, stopped)
    assert (found.hits_hot, found.hits_stopped, found.idle_machine_time) == by_hand(jobs, hot, stopped)
    assert found.hits_hot + found.hits_stopped + found.cold == len(demand(jobs, looked=2 * DAY).jobs)
    assert found.waited == found.hits_hot * 6 * SECOND + found.hits_stopped * 20 * SECOND + found.cold * 40 * SECOND


@given(st.lists(takens(MONDAY + HOUR, 5 * MINUTE), max_size=30), st.integers(0, 5), st.integers(0, 5))
def test_one_more_machine_never_means_fewer_hits(jobs: list[Taken], hot: int, stopped: int) -> None:
    """Of its kind, and of both together."""
    less, hotter, more = (replayed(jobs, *of) for of in ((hot, stopped), (hot + 1, stopped), (hot, stopped + 1)))
    assert hotter.hits_hot >= less.hits_hot
    assert more.hits_hot == less.hits_hot
    assert more.hits_stopped >= less.hits_stopped
    assert max(hotter.cold, more.cold) <= less.cold


def test_a_spare_is_replaced_when_its_successor_is_there() -> None:
    """To the microsecond, 90 s later."""
    for late, hits in ((-1, 1), (0, 2)):
        found = replayed([job(MONDAY + HOUR), job(MONDAY + HOUR + 90 * SECOND + late)], 1, 0)
        assert (found.hits_hot, found.cold) == (hits, 2 - hits)


def test_a_window_brings_its_machines_and_takes_them_away() -> None:
    """They are there from its beginning on, and idle for as long as it lasts; after it there are none."""
    window = Window("day", 9 * 60, 17 * 60, hot=2)
    edges: list[tuple[Moment, int]] = [(9 * HOUR - 1, 0), (9 * HOUR, 1), (17 * HOUR - 1, 1), (17 * HOUR, 0)]
    for at, hits in edges:
        assert replayed([job(MONDAY + at)], 0, 0, window, looked=DAY).hits_hot == hits
    assert replayed([], 0, 0, window, looked=DAY).idle_machine_time == 2 * 8 * HOUR
    assert replayed([], 0, 0, attrs.evolve(window, hot=0, stopped=5), looked=DAY).idle_machine_time == 0


def test_what_is_too_many_and_not_there_yet_never_comes() -> None:
    """The window ends while the successor boots: the one that is there stays, and no other comes."""
    window = Window("day", 9 * 60, 17 * 60, hot=2)
    jobs = [job(MONDAY + 17 * HOUR + at * SECOND) for at in (-1, 1, 89, 91)]
    assert replayed(jobs, 1, 0, window, looked=DAY).hits_hot == 3
    two = [job(MONDAY + 17 * HOUR + at * SECOND) for at in (-3, -1, 1, 88)]
    assert replayed(two, 2, 0, attrs.evolve(window, hot=3), looked=DAY).hits_hot == 4, "of two the later one"


def settled_for(one: Pool, jobs: list[Taken] = OFFICE) -> Recommendation:
    """What is recommended to a pool, its present targets considered."""
    found = demand(jobs)
    return settled(recommend(found, one, found.until, WAITS.ahead), one, found, WAITS)


def test_a_pool_without_targets_gets_the_recommended_ones() -> None:
    """With what they would have meant, and what is now."""
    found = settled_for(POOL)
    assert [window.name for window in found.schedule.windows] == ["mon-fri 09:00-17:00", "mon-fri 17:00-21:00"]
    assert found.evidence[-1] == (
        "replayed, 1200 of 1200 jobs get a hot machine, 0 a stopped one, 0 a cold start, and hot ones wait for "
        "10 h 00 min in sum; now 0 of 1200 jobs get a hot machine, 0 a stopped one, 1200 a cold start, and hot ones "
        "wait for 0 ms in sum"
    )


def test_a_pool_that_has_what_is_recommended_is_left_alone() -> None:
    """Also one that has more or less the same: half an hour of hot machines is less than a tenth of their time."""
    wish = settled_for(POOL)
    same = attrs.evolve(POOL, schedule=wish.schedule)
    assert (settled_for(same).targets, settled_for(same).schedule) == (wish.targets, wish.schedule)
    longer = Schedule("UTC", (Window("mine", 9 * 60, 17 * 60 + 10, 1, 4, wish.schedule.windows[0].days),))
    found = settled_for(attrs.evolve(POOL, schedule=longer))
    assert found.schedule == longer
    assert found.evidence[-1].startswith("no change: less than 5 % of the jobs and less than 10 % of the idle time")


@pytest.mark.parametrize(
    ("kind", "early", "changes"),
    [("hot", 4, False), ("hot", 5, True), ("stopped", 4, False), ("stopped", 5, True)],
)
def test_a_change_is_made_from_five_in_a_hundred_jobs_on(kind: str, early: int, changes: bool) -> None:  # noqa: FBT001 - a parameter
    """So many of 100 jobs come after the end of the present window, and start cold for that."""
    jobs = [job(MONDAY + 10 * HOUR + at * 2 * MINUTE) for at in range(100 - early)]
    jobs += [job(MONDAY + 22 * HOUR + at * 2 * MINUTE) for at in range(early)]
    now, proposed = (
        Window("day", 9 * 60, ends, hot=int(kind == "hot"), stopped=int(kind == "stopped"))
        for ends in (22 * 60, 22 * 60 + 15)
    )
    assert changed(now, proposed, jobs) is changes


@pytest.mark.parametrize(("minutes", "changes"), [(47, False), (48, True), (-47, False), (-48, True)])
def test_a_change_is_made_from_a_tenth_of_the_idle_time_on(minutes: int, changes: bool) -> None:  # noqa: FBT001 - as above
    """Eight hours of a hot machine for no job at all, and so much longer or shorter."""
    now, proposed = (Window("day", 9 * 60, 17 * 60 + more, hot=1) for more in (0, minutes))
    assert changed(now, proposed, []) is changes


def changed(now: Window, proposed: Window, jobs: list[Taken]) -> bool:
    """True if the pool is to have another window."""
    one = pool(schedule=Schedule("UTC", (now,)))
    wish = Recommendation(Targets(), Schedule("UTC", (proposed,)), ("why",))
    found = settled(wish, one, demand(jobs, looked=DAY), WAITS)
    assert found.evidence[0] == "why"
    assert found.schedule in (wish.schedule, one.schedule)
    return found.schedule == wish.schedule


def test_what_the_bounds_do_not_allow_does_not_stay() -> None:
    """However small the difference would be."""
    wish = settled_for(POOL)
    one = attrs.evolve(POOL, schedule=wish.schedule, stopped=0, bounds=Bounds(most=Targets(1, 3)))
    assert [window.stopped for window in settled_for(one).schedule.windows] == [3, 1]
    wide = attrs.evolve(one, bounds=Bounds(most=Targets(1, 4)))
    assert settled_for(wide).schedule == wish.schedule


def test_a_quiet_pool_is_no_reason_to_change_from_nothing_to_nothing() -> None:
    """No jobs, no idle time: nothing is less than nothing."""
    assert settled_for(POOL, []).evidence[-1].startswith("no change")
    assert settled_for(pool(hot=1), []).targets == Targets(), "it idles for nobody"


def test_the_time_to_replace_a_spare_is_that_of_a_boot_and_of_the_task() -> None:
    """As `recommend` wants it."""
    assert WAITS.ahead == 90 * SECOND
    assert Waits(0, 0, 30 * SECOND).ahead == 90 * SECOND
    assert present(pool(hot=2)) == Recommendation(Targets(2), Schedule())
