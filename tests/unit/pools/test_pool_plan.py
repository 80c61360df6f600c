"""What a pool does about what is there: by example, at random, and in a world of minutes until all is done."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.memory.system import SeededChance
from paddock.core.pools.plan import (
    ASLEEP_FOR,
    MOST_ENDS,
    MOST_LAUNCHES,
    MOST_STARTS,
    MOST_STOPS,
    READY_FOR,
    EndMember,
    LaunchSpares,
    Member,
    PoolAct,
    StartMember,
    StopMember,
    plan,
    wanted,
)
from paddock.core.pools.pool import Pool, Stock
from paddock.core.pools.schedule import DAYS, Schedule, Targets, Window
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import DAY, HOUR, MICROSECOND, MINUTE, SECOND, Moment, Span
from tests.strategies import NOON
from tests.world.pool_model import BOOT, POOL, World, checked, member, ours, several, touched

READY, STOPPED, STOPPING = RunnerState.READY, RunnerState.STOPPED, RunnerState.STOPPING
BUSY, BOOTING, REQUESTED, DRAINING = (
    RunnerState.BUSY,
    RunnerState.BOOTING,
    RunnerState.REQUESTED,
    RunnerState.DRAINING,
)


def pool(hot: int = 0, stopped: int = 0, **other: Any) -> Pool:  # noqa: ANN401 - any fields
    """A pool with these targets."""
    return attrs.evolve(POOL, hot=hot, stopped=stopped, **other)


def acts(one: Pool, *members: Member, now: Moment = NOON, ahead: Span = BOOT) -> tuple[PoolAct, ...]:
    """What is planned at noon, its promises kept."""
    return checked(one, now, ahead, members)


def kinds(found: Sequence[PoolAct]) -> dict[str, int]:
    """How many machines of each kind of act."""
    counts = Counter[str]()
    for act in found:
        if isinstance(act, LaunchSpares):
            counts[f"launch {act.stock}"] += act.count
        else:
            counts[type(act).__name__] += 1
    return dict(counts)


def test_an_empty_pool_is_filled() -> None:
    """Hot ones first, then those that are to be put to sleep once they are ready."""
    assert acts(pool(2, 3)) == (
        LaunchSpares(2, Stock.HOT, "of 2 hot ones wanted, 0 are ready or boot"),
        LaunchSpares(3, Stock.STOPPED, "of 3 stopped ones wanted, 0 sleep and 0 are on their way"),
    )
    assert acts(pool(2, 3), *several(2), *several(3, STOPPED)) == ()


def test_hot_ones_are_woken_before_any_is_launched() -> None:
    """The oldest first, by id where two are of one age; what sleeps no more is launched anew."""
    asleep = [member("b", STOPPED), member("a", STOPPED), member("old", STOPPED, age=2 * DAY)]
    text = "of 2 hot ones wanted, 0 are ready or boot"
    assert acts(pool(2, 3), *asleep) == (
        StartMember("old", text),
        StartMember("a", text),
        LaunchSpares(2, Stock.STOPPED, "of 3 stopped ones wanted, 1 sleep and 0 are on their way"),
    )
    assert kinds(acts(pool(5), *asleep)) == {"StartMember": 3, "launch hot": 2}


@pytest.mark.parametrize("state", [REQUESTED, BOOTING])
@pytest.mark.parametrize("stock", Stock)
def test_what_boots_is_not_launched_again(state: RunnerState, stock: Stock) -> None:
    """Whatever it boots for: there are as many as are wanted in the end."""
    coming = several(3, state, 0, stock=stock)
    assert acts(pool(3), *coming) == acts(pool(0, 3), *coming) == acts(pool(1, 2), *coming) == ()
    assert kinds(acts(pool(2, 2), *coming)) == {"launch stopped": 1}


def test_what_is_on_its_way_to_sleep_is_capacity_to_come() -> None:
    """It is neither launched again as a sleeper, nor as a hot one: it is woken when it sleeps."""
    falling = several(2, STOPPING, 0)
    assert acts(pool(0, 2), *falling) == ()
    assert acts(pool(2), *falling) == ()
    assert kinds(acts(pool(2, 2), *falling)) == {"launch hot": 2}


def test_machines_that_are_too_many_are_put_to_sleep_before_any_is_launched_to_sleep() -> None:
    """Row 63: those that are stopped in a run count in that run, and so do those that may not be stopped yet."""
    assert kinds(acts(pool(1, 3), *several(4))) == {"StopMember": 3}
    assert acts(pool(1, 3), *several(4, age=MINUTE)) == ()
    assert kinds(acts(pool(1, 4), *several(4))) == {"StopMember": 3, "launch stopped": 1}
    assert kinds(acts(pool(0, 30), *several(30))) == {"StopMember": MOST_STOPS}
    asleep = [member("asleep", STOPPED), member("falling", STOPPING)]
    assert kinds(acts(pool(1, 3), *several(3), *asleep)) == {"StopMember": 1, "EndMember": 1}


def test_those_that_were_launched_to_sleep_are_put_to_sleep_first() -> None:
    """Then the oldest."""
    members = [member("a"), member("b", stock=Stock.STOPPED), member("c", age=2 * DAY)]
    assert touched(acts(pool(1, 2), *members), StopMember) == ["b", "c"]


def test_who_has_a_job_or_a_claim_is_no_spare_and_is_not_counted() -> None:
    """Rows 59, 72 and 74: another takes its place, and nothing is done to it, whatever it is or may have become."""
    for state in RunnerState:
        one = member("mine", state, age=40 * DAY, assigned=True, digest="old")
        assert kinds(acts(pool(1), one)) == {"launch hot": 1}, state
        assert acts(pool(), one) == (), state
    for state in (BUSY, DRAINING):
        assert kinds(acts(pool(1), member("mine", state))) == {"launch hot": 1}
        assert acts(pool(), member("mine", state, age=40 * DAY)) == ()


def test_what_nothing_certain_is_known_of_is_kept_and_not_replaced() -> None:
    """Rows 60 and 72: it counts when it is asked what lacks, and does not when it is asked what is too many."""
    unknown = several(2, complete=False, digest="old", age=40 * DAY)
    assert acts(pool(2), *unknown) == ()
    assert acts(pool(), *unknown) == ()
    assert acts(pool(2), *unknown, *(member(name) for name in "ab")) == (), "the two may be busy after all"
    assert kinds(acts(pool(2), *unknown, *(member(name) for name in "abc"))) == {"EndMember": 1}
    asleep = several(2, STOPPED, complete=False, digest="old", age=40 * DAY)
    assert acts(pool(0, 2), *asleep) == acts(pool(), *asleep) == ()
    assert kinds(acts(pool(2), *asleep)) == {}, "neither woken, nor launched beside them"


def test_spot_machines_are_overflow() -> None:
    """Row 76: never counted, never stopped, never ended."""
    overflow = [member(str(state), state, market=Market.SPOT, digest="old", age=40 * DAY) for state in RunnerState]
    assert acts(pool(), *overflow) == ()
    assert kinds(acts(pool(1, 1, most=2), *overflow)) == {"launch hot": 1, "launch stopped": 1}


@pytest.mark.parametrize(("state", "rest"), [(READY, READY_FOR), (STOPPED, ASLEEP_FOR)])
def test_a_machine_is_left_alone_for_a_while(state: RunnerState, rest: Span) -> None:
    """Rows 69 and 70: from its coming into the state on, even if it is outdated and nobody wants any."""
    one = member("a", state, age=rest, launched_at=NOON - DAY, digest="old")
    assert kinds(acts(pool(), one)) == {"EndMember": 1}
    assert acts(pool(), one, now=NOON - MICROSECOND) == ()
    if state is READY:
        fresh = attrs.evolve(one, digest="new")
        assert kinds(acts(pool(0, 1), fresh)) == {"StopMember": 1}
        assert acts(pool(0, 1), fresh, now=NOON - MICROSECOND) == ()


def test_only_a_spare_is_ever_settled() -> None:
    """Whoever looks a second time, just before the deed, asks the machine's value itself."""
    assert {state for state in RunnerState if member("a", state).settled(NOON)} == {READY, STOPPED}
    assert not member("a", assigned=True).settled(NOON)
    assert not member("a", complete=False).settled(NOON)
    assert not member("a", market=Market.SPOT).settled(NOON)


@pytest.mark.parametrize("state", [READY, STOPPED])
def test_one_too_many_is_ended_when_it_has_been_idle_for_long_enough(state: RunnerState) -> None:
    """Not before, for the next job may want it."""
    one = member("a", state, age=POOL.idle_timeout, launched_at=NOON - DAY)
    assert acts(pool(), one, now=NOON - MICROSECOND) == ()
    wish = "hot" if state is READY else "stopped"
    reason = f"{state} for 10 min 00 s, and more than the 0 {wish} ones wanted"
    assert acts(pool(), one) == (EndMember("a", reason, state),)
    assert acts(pool(1, 1), one, member("b", STOPPED if state is READY else READY)) == ()


def test_a_sleeper_too_many_is_not_ended_where_a_hot_one_lacks() -> None:
    """It is woken, and of those that sleep on as many as are wanted are kept."""
    assert kinds(acts(pool(1), *several(1, STOPPED))) == {"StartMember": 1}
    assert kinds(acts(pool(1, 2), *several(4, STOPPED))) == {"StartMember": 1, "EndMember": 1}


@pytest.mark.parametrize("state", [READY, STOPPED])
def test_of_too_many_the_outdated_go_first(state: RunnerState) -> None:
    """One after the other, and those of the pool's making stay; so they do beside some that nothing is known of."""
    wish = pool(2) if state is READY else pool(0, 2)
    old, new = several(2, state, digest="old"), [member("a", state), member("b", state)]
    assert touched(acts(wish, *old, *new), EndMember) == [f"{state}-00"]
    assert acts(wish, *several(2, state, complete=False), *new) == ()


def test_a_hot_one_is_replaced_by_one_that_is_there_before_it_goes() -> None:
    """Rows 79 and 81: another is launched, or woken, and only when it is ready does the outdated one end."""
    old = several(2, digest="old")
    assert acts(pool(2), *old) == (
        LaunchSpares(1, Stock.HOT, "of 2 hot ones wanted, 2 are ready or boot, 2 of them to be replaced"),
    )
    assert acts(pool(2), *old, member("new", BOOTING)) == ()
    reason = "it is made of old, and the pool of new"
    assert acts(pool(2), *old, member("new")) == (EndMember("ready-00", reason, READY),)
    assert kinds(acts(pool(2, 1), *old, member("new", STOPPED))) == {"StartMember": 1, "launch stopped": 1}


def test_sleepers_are_replaced_one_after_the_other() -> None:
    """Row 79: one ends and another is launched; the next waits until that one sleeps."""
    old = several(3, STOPPED, digest="old")
    assert kinds(acts(pool(0, 3), *old)) == {"EndMember": 1, "launch stopped": 1}
    rest = old[1:]
    for coming in (member("new", BOOTING), member("new", stock=Stock.STOPPED, age=MINUTE), member("new", STOPPING)):
        assert acts(pool(0, 3), *rest, coming) == ()
    assert touched(acts(pool(0, 3), *rest, member("new", STOPPED)), EndMember) == ["stopped-01"]


def test_no_more_than_one_in_ten_is_replaced_at_a_time() -> None:
    """Of the hot and of the sleeping ones; and never more than ten."""
    hot, asleep = several(30, digest="old"), several(30, STOPPED, digest="old")
    assert kinds(acts(pool(30, 30), *hot, *asleep)) == {"launch hot": 6, "EndMember": 6, "launch stopped": 6}
    many = several(300, STOPPED, digest="old")
    assert kinds(acts(pool(0, 300), *many)) == {"EndMember": 10, "launch stopped": 10}


def test_an_outdated_machine_is_better_than_none() -> None:
    """One that lacks is woken of whatever sleeps, those of the pool's making first; one to be replaced is not."""
    asleep = [member("old", STOPPED, digest="old", age=2 * DAY), member("new", STOPPED)]
    assert touched(acts(pool(1), *asleep), StartMember) == ["new"]
    assert touched(acts(pool(2), *asleep), StartMember) == ["new", "old"]
    found = acts(pool(1, 1), member("hot", digest="old"), asleep[0])
    assert kinds(found) == {"launch hot": 1, "EndMember": 1, "launch stopped": 1}


def test_an_old_machine_is_replaced_as_an_outdated_one_is() -> None:
    """From the maximum age on, counted from its launch; a digest that nobody knows is no reason."""
    aged = pool(1, most=2, max_age=16 * HOUR)
    one = member("a", age=MINUTE * 5, launched_at=NOON - 16 * HOUR)
    assert kinds(acts(aged, one)) == {"launch hot": 1}
    assert acts(aged, one, now=NOON - MICROSECOND) == ()
    reason = "it is 16 h 00 min old, and none is kept for more than 16 h 00 min"
    assert acts(aged, one, member("b", age=HOUR)) == (EndMember("a", reason, READY),)
    assert acts(pool(1), member("a", digest="")) == ()
    assert acts(pool(1, digest=""), member("a", digest="old")) == ()


def test_the_limit_holds_whatever_is_wanted() -> None:
    """Machines with jobs take places, hot ones come before sleepers, and none is ended for those that have a job."""
    assert kinds(acts(pool(3, 3, most=4))) == {"launch hot": 3, "launch stopped": 1}
    assert kinds(acts(pool(3, 3, most=4), *several(2, BUSY))) == {"launch hot": 2}
    assert acts(pool(3, 3, most=4), *several(4, BUSY)) == ()
    assert acts(pool(3, 3, most=4), *several(9, BUSY)) == ()
    assert kinds(acts(pool(3, most=4), *several(9, RunnerState.GONE))) == {"launch hot": 3}
    assert kinds(acts(pool(2, 2, most=4), *several(2, BUSY), *several(2, STOPPED))) == {"StartMember": 2}
    assert kinds(acts(pool(4, most=2), *several(4))) == {"EndMember": 2}
    lowered = [*several(2, BUSY), *several(2), *several(1, STOPPED)]
    assert touched(acts(pool(3, 3, most=4), *lowered), EndMember) == ["stopped-00"]
    assert acts(pool(2, most=2), *several(2, digest="old")) == (), "there is no place for a successor"


def test_only_so_much_is_done_in_one_run() -> None:
    """A mistake in what was wanted, or seen, does not cost a whole pool; the rest is done in the next."""
    assert kinds(acts(pool(100, 100))) == {"launch hot": MOST_LAUNCHES}
    assert kinds(acts(pool(10, 100))) == {"launch hot": 10, "launch stopped": MOST_LAUNCHES - 10}
    assert kinds(acts(pool(100), *several(100, STOPPED))) == {"StartMember": MOST_STARTS}
    assert kinds(acts(pool(), *several(100))) == {"EndMember": MOST_ENDS}
    assert kinds(acts(pool(), *several(100, STOPPED))) == {"EndMember": MOST_ENDS}


OFFICE = Schedule("UTC", (Window("office", 8 * 60, 18 * 60, 5, 0, DAYS[:5]),))


def test_a_window_is_prepared_and_does_not_ask_for_machines_twice() -> None:
    """As one target turns into another, as many machines are wanted as the greater asks for, not as both do."""
    night = pool(0, 5, schedule=OFFICE)
    eight = NOON + 20 * HOUR
    assert wanted(night, eight - BOOT - MICROSECOND, BOOT) == Targets(0, 5)
    assert wanted(night, eight - BOOT, BOOT) == wanted(night, eight, BOOT) == Targets(5)
    six = eight + 10 * HOUR
    assert wanted(night, six - MICROSECOND, BOOT) == Targets(5)
    assert wanted(night, six, BOOT) == Targets(0, 5)
    assert wanted(pool(0, 2, schedule=OFFICE), eight - BOOT, BOOT) == Targets(5)
    assert wanted(pool(1, 9, schedule=OFFICE), eight - BOOT, BOOT) == Targets(5, 5)
    with pytest.raises(ValueError, match="ahead"):
        plan(night, NOON, -1, ())


@pytest.mark.parametrize("asleep", [0, 5])
def test_a_day_begins_with_machines_that_are_ready_and_ends_without_them(asleep: int) -> None:
    """They are ready when the window begins, woken or launched, and are asleep, or ended, when it is over.

    Nothing is done all day; and five machines are launched in all, with five that sleep at night as well.
    """
    world = World(pool(0, asleep, schedule=OFFICE), {}, now=NOON + 19 * HOUR)
    night = world.minutes(60 - 4)
    assert world.there() == (0, asleep, asleep)
    dawn = world.minutes(4)
    assert (world.now, world.there()) == (NOON + 20 * HOUR, (5, 0, 5))
    assert world.minutes(60) == []
    world.now += 9 * HOUR - 2 * MINUTE
    assert world.minute() == ()
    dusk = world.minutes(5)
    assert world.there() == (0, asleep, asleep)
    assert world.minutes(60) == []
    first, last = ({"StartMember": 5}, {"StopMember": 5}) if asleep else ({"launch hot": 5}, {"EndMember": 5})
    assert kinds(night) == ({"launch stopped": 5, "StopMember": 5} if asleep else {})
    assert (kinds(dawn), kinds(dusk)) == (first, last)


def test_a_pool_that_nobody_wants_any_more_drains_and_lets_jobs_finish() -> None:
    """With targets of 0 and 0 all that is left in the end are those with jobs; and then they end as well."""
    members = [*several(3), *several(2, STOPPED), *several(2, BUSY), *several(1, BOOTING), *several(1, STOPPING)]
    busy = {one.id for one in members if one.state is BUSY}
    world = World(pool(), {one.id: one for one in members}, chance=lambda _: 1)
    done = world.minutes(30)
    assert set(world.members) == busy
    assert kinds(done) == {"EndMember": 7}
    world.chance = lambda _: 0
    assert world.minutes(3) == []
    assert world.members == {}


ages = st.integers(0, 40).map(lambda minutes: minutes * 30 * SECOND)
member_values: st.SearchStrategy[tuple[object, ...]] = st.tuples(
    st.sampled_from([READY, READY, STOPPED, STOPPED, *RunnerState]),
    ages,
    st.sampled_from(["new", "new", "old", ""]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([Market.ON_DEMAND, Market.ON_DEMAND, Market.ON_DEMAND, Market.SPOT]),
    st.sampled_from(Stock),
    st.sampled_from([0, 0, 31 * DAY]),
)


def a_member(number: int, values: tuple[object, ...]) -> Member:
    """A machine of these values."""
    state, age, digest, assigned, complete, market, stock, older = values
    assert isinstance(state, RunnerState)
    assert isinstance(age, int)
    assert isinstance(older, int)
    return member(
        f"m{number:02}",
        state,
        age,
        launched_at=NOON - age - older,
        digest=digest,
        assigned=assigned,
        complete=complete,
        market=market,
        stock=stock,
    )


any_members = st.lists(member_values, max_size=25).map(lambda many: [a_member(*one) for one in enumerate(many)])
few = st.integers(0, 6)
limits = st.none() | st.integers(0, 15)


@settings(max_examples=2 * settings().max_examples)
@given(any_members, few, few, limits, st.integers(0, 2**32))
def test_whatever_is_seen_nothing_is_done_that_must_not_be(
    members: list[Member], hot: int, stopped: int, most: int | None, seed: int
) -> None:
    """Rows 59, 60, 63, 69, 70, 72, 76, 80 and 81 as `checked` has them; and the order of what is seen is no matter."""
    one = pool(hot, stopped, most=most)
    found = acts(one, *members)
    chance = SeededChance(seed)
    shuffled = sorted(members, key=lambda _: chance.below(2**20))
    assert plan(one, NOON, BOOT, shuffled) == found
    order = [StartMember, LaunchSpares, StopMember, EndMember]
    assert [order.index(type(act)) for act in found] == sorted(order.index(type(act)) for act in found)


def settle(world: World, hot: int, stopped: int) -> None:
    """Let minutes pass until there is nothing to do for longer than anything is waited for; the targets are met."""
    quiet = 0
    for _ in range(400):
        quiet = 0 if world.minute() else quiet + 1
        if quiet == 16:
            break
    assert quiet == 16, f"it does not come to rest: {world.there()}"
    assert world.there() == (hot, stopped, hot + stopped)


@given(any_members, few, few, limits)
def test_a_pool_comes_to_rest_at_its_targets(members: list[Member], hot: int, stopped: int, most: int | None) -> None:
    """From any start, if all can be seen; and all are of the pool's making, if there is a place for a successor."""
    seen = {one.id: attrs.evolve(one, complete=True, market=Market.ON_DEMAND) for one in members}
    world = World(pool(hot, stopped, most=most), seen)
    room = hot + stopped if most is None else most
    settle(world, min(hot, room), max(0, min(stopped, room - hot)))
    if most is None or most > hot:
        assert world.stale() == []


@given(any_members, few, few, st.none() | st.integers(12, 20), st.integers(0, 2**32))
def test_jobs_that_take_machines_do_not_upset_it(
    members: list[Member], hot: int, stopped: int, most: int | None, seed: int
) -> None:
    """While they do every promise is kept, the limit among them; when no more come, the pool comes to rest."""
    chance = SeededChance(seed).below
    world = World(pool(hot, stopped, most=most), {one.id: one for one in members}, chance)
    start = len(members)
    for _ in range(60):
        for _ in range(chance(3)):
            world.job()
        world.minute()
        assert most is None or len(ours(list(world.members.values()))) <= max(most, start)
    world.members = {
        name: attrs.evolve(one, complete=True, market=Market.ON_DEMAND) for name, one in world.members.items()
    }
    world.chance = lambda _: 0  # jobs end
    settle(world, hot, stopped)
    assert world.stale() == []
