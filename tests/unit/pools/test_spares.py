"""Spares are launched: once, gone on with, slowed where they never come up; one without a record is adopted."""

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.machines import Shortage
from paddock.adapters.simulation.wires import Wired, untouched
from paddock.core.errors import AccessDenied, PaddockError, Rejected, Throttled, TokenReused, Unavailable
from paddock.core.launch import Launch
from paddock.core.pools.pool import Stock
from paddock.core.pools.standing import BOOTS_KEPT, PoolStanding, StandingIs
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND, Moment
from paddock.core.usecases.adopt import record_of
from tests.faults import Fuse
from tests.strategies import NOON
from tests.world.invariants import nothing_is_left
from tests.world.pools import ASKS, SETTINGS, SPEC, WARM, PoolWorld
from tests.world.world import BOOT

READY = RunnerState.READY


def standing(world: PoolWorld) -> PoolStanding:
    """The pool's record."""
    found = world.table.pools.get(WARM)
    assert found is not None
    return found


# -- back-off -----------------------------------------------------------------------------------------------------


def test_the_pause_doubles_to_an_hour_and_a_success_ends_it() -> None:
    """One failure after another, a minute's pause at first; the machine that comes up at last takes all of it back."""
    record, pauses = PoolStanding(WARM), []
    for _ in range(9):
        record = attrs.evolve(record, **record.after((), 1, (), NOON))
        pauses.append((record.paused_until - NOON) // MINUTE)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert record.failures == 9
    record = attrs.evolve(record, **record.after((20 * SECOND,), 0, ("i-2",), NOON))
    assert (record.failures, record.paused_until, record.expected, record.boots) == (0, 0, ("i-2",), (20 * SECOND,))


def test_where_some_come_up_and_some_do_not_only_these_count() -> None:
    """What is launched can come up: the failures before it are forgotten, those beside it are not."""
    record = PoolStanding(WARM, failures=7)
    record = attrs.evolve(record, **record.after((SECOND,), 2, (), NOON))
    assert (record.failures, record.paused_until - NOON) == (2, 2 * MINUTE)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=20))
def test_a_pause_is_never_longer_than_an_hour_and_few_boots_are_kept(rounds: list[tuple[int, int]]) -> None:
    """Whatever comes up or does not, in whichever order; the longest of the last boots is what a boot takes."""
    record = PoolStanding(WARM)
    seen: list[int] = []
    for number, (boots, failures) in enumerate(rounds):
        took = [number * SECOND + one for one in range(boots)]
        seen += took
        record = attrs.evolve(record, **record.after(tuple(took), failures, (), NOON))
        assert record.paused_until <= NOON + HOUR
        assert list(record.boots) == seen[-BOOTS_KEPT:]
        assert record.boot == max(seen[-BOOTS_KEPT:], default=90 * SECOND)


def test_spares_that_never_come_up_are_ended_and_launched_ever_more_seldom() -> None:
    """Half a day of an image whose agent does not start: a few machines an hour at the most. Then it is mended."""
    world = PoolWorld(hot=1)
    world.cloud.stillborn = True
    asked: list[Moment] = []
    for _ in range(12 * 60):
        before = len(world.cloud.launches)
        world.minutes(1)
        asked += [world.clock.now()] * (len(world.cloud.launches) - before)
        assert len(world.cloud.alive) <= 1
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= HOUR
    assert len(asked) < 18
    report = world.pools()
    assert report.acts == () or "never came up: none is launched until" in report.acts[0]
    assert all(life.ended_at is not None for life in list(world.cloud.lives.values())[:-1])
    world.cloud.stillborn = False
    world.minutes(75)
    assert world.states() == [READY]
    assert (standing(world).failures, standing(world).paused_until) == (0, 0)


def test_how_long_machines_take_is_measured() -> None:
    """From the launch to their word; the schedule stocks so much ahead."""
    world = PoolWorld(hot=2)
    world.stocked()
    world.minutes(1)
    assert (standing(world).boots, standing(world).expected, standing(world).boot) == ((BOOT, BOOT), (), BOOT)


def test_a_machine_that_a_job_claimed_while_it_booted_is_no_failure() -> None:
    """It came up for the job, or its job's end tells of it."""
    world = PoolWorld(hot=1)
    world.pools()
    world.cloud.dead.update(world.cloud.alive)
    job = world.push_job(labels=ASKS)
    world.work()
    (claimed,) = [one for one in world.runners() if one.assigned_job == job]
    assert claimed.claimed_at is not None
    for _ in range(20):
        world.minutes(1)
        assert (standing(world).failures, standing(world).paused_until) == (0, 0)
    assert world.record(job).conclusion == "success"


# -- launches -----------------------------------------------------------------------------------------------------


def cut_off(call: str, *, after: bool) -> PoolWorld:
    """A world in which the launch of a spare was cut off at this call."""
    counted = Fuse()
    world = PoolWorld(hot=1)
    world.meddle(counted.around)
    world.pools()
    at = counted.calls.index(call) + 1
    world = PoolWorld(hot=1)
    world.meddle(Fuse(at, after=after).around)
    world.pools()
    assert len(world.crashes) == 1
    world.meddle(untouched)
    return world


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["table.launches.add", "table.pools.add", "machines.launch", "table.runners.add"])
def test_a_launch_that_was_cut_off_is_gone_on_with_by_its_token(call: str, *, after: bool) -> None:
    """One machine in the end, whose record names the launch that it came of; none is asked for beside it."""
    world = cut_off(call, after=after)
    world.minutes(2)
    (spare,) = world.spares()
    assert [request.token for request in world.cloud.launches] == [spare.launch_id]
    assert (spare.stock, spare.spare_of, spare.pool, spare.assigned_job) == (Stock.HOT, WARM, WARM, None)
    assert standing(world).launching is None


@pytest.mark.parametrize(
    "error", [TokenReused("other parameters"), Rejected("no such image"), AccessDenied("it may not")], ids=repr
)
def test_a_launch_that_is_refused_for_good_is_not_asked_for_for_ever(error: PaddockError) -> None:
    """The next one asks for what is wanted then; a machine that the first gave after all becomes a spare."""
    world = cut_off("machines.launch", after=True)
    (lost,) = world.cloud.alive

    def refuses(what: str, call: object) -> object:
        assert callable(call)
        if what == "machines.launch":
            raise error
        return call()

    world.meddle(lambda name, port: Wired(name, port, refuses))
    report = world.pools()
    assert report.failed == 1
    assert standing(world).launching is None
    world.meddle(untouched)
    world.run(4 * MINUTE)
    world.minutes(8)
    assert lost in [one.machine for one in world.spares()]


@pytest.mark.parametrize("error", [Unavailable("away"), Throttled("slow down")], ids=repr)
def test_a_launch_whose_answer_nobody_knows_is_asked_for_again(error: PaddockError) -> None:
    """Under the same token, whatever the pool is by then."""
    world = PoolWorld(hot=1)
    answers = [True]

    def lost(what: str, call: object) -> object:
        assert callable(call)
        answer = call()
        if what == "machines.launch" and answers.pop():
            raise error
        return answer

    world.meddle(lambda name, port: Wired(name, port, lost))
    assert world.pools().failed == 1
    named = standing(world).launching
    assert named is not None
    world.meddle(untouched)
    world.configure(hot=2)
    world.minutes(2)
    assert [one.count for one in world.cloud.launches] == [1, 1]
    assert len(world.spares()) == 2


def test_without_capacity_the_run_says_so_and_asks_no_more_for_a_while() -> None:
    """The first is asked and had none; the next ones know. Then there is some."""
    world = PoolWorld(hot=1)
    world.region.shortages.append(Shortage())
    first, second = world.pools(), world.pools()
    assert (first.failed, first.succeeded, second.failed) == (1, 0, 1)
    assert "InsufficientInstanceCapacity: no on-demand capacity for" in first.errors[0]
    assert "no offer had capacity a moment ago" in second.errors[0]
    assert (first.acts, second.acts) == ((), ())
    assert standing(world).launches == 1
    world.region.shortages.clear()
    world.run(5 * MINUTE)
    world.stocked()


def test_a_second_launch_of_the_pool_is_refused_while_one_is_under_way() -> None:
    """The record names the first one."""
    world = PoolWorld(hot=1)
    assert world.table.pools.add(PoolStanding(WARM, launching="theirs", launches=1))
    world.table.launches.add(Launch("theirs", SPEC, Market.ON_DEMAND, (), world.clock.now(), stock=Stock.HOT, count=1))
    other = world.new_fleet()
    paused = world.fleet.operate.pause("so that it is not gone on with")
    assert paused.on
    report = other.house.pools()
    assert report.attempted == 0
    assert world.cloud.launches == []


def test_a_launch_that_is_forgotten_bars_nothing() -> None:
    """Its record is gone, as records go in time: nobody can go on with it."""
    world = PoolWorld(hot=1)
    assert world.table.pools.add(PoolStanding(WARM, launching="forgotten", launches=1))
    world.minutes(1)
    assert world.states() == [READY]
    assert standing(world).launches == 2
    world.table.pools.update(WARM, StandingIs(launching=None), {})


# -- adoption -----------------------------------------------------------------------------------------------------


def test_a_pools_machine_without_a_record_becomes_a_spare_whatever_its_state() -> None:
    """Nobody wrote it down, and it sleeps: the sweep finds it, and the pool knows it again."""
    world = PoolWorld(stopped=1)
    world.stocked()
    (sleeper,) = world.spares()
    assert world.table.runners.remove(sleeper.machine)
    world.run(4 * MINUTE)
    world.minutes(4)
    found = world.runner(sleeper.machine)
    assert (found.state, found.spare_of, found.stock) == (RunnerState.STOPPED, WARM, Stock.STOPPED)
    assert "adopted" in world.told(sleeper.machine)
    world.stocked(20)
    world.without_pool()
    world.run_until_quiet()
    nothing_is_left(world, 0)


@pytest.mark.parametrize("receipt", [None, AssignmentReceipt("i-1", "paddock--i-1--abc", 7, taken=True)], ids=repr)
def test_one_with_orders_is_adopted_as_no_spare(receipt: AssignmentReceipt | None) -> None:
    """Whoever it works for, no job may claim it."""
    machine = Machine("i-1", MachineState.RUNNING, NOON, token="token")
    launch = Launch("token", SPEC, Market.ON_DEMAND, (), NOON, machines=("i-1",), stock=Stock.HOT, count=1)
    record = record_of(machine, launch, None, receipt, SETTINGS)
    assert record.spare is (receipt is None)
    assert (record.stock, record.pool) == (Stock.HOT, WARM)
