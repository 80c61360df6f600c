"""A process that dies at any port call of a claim, or of the task ``pools``: others go on, and nothing is left over."""

from collections.abc import Callable

import pytest

from paddock.adapters.memory.machines import Shortage
from paddock.adapters.simulation.wires import untouched
from paddock.core.spec import Market
from paddock.core.states import JobState, RunnerState
from paddock.core.units import MINUTE
from tests.faults import Fuse
from tests.world.invariants import nothing_is_left
from tests.world.pools import ASKS, PoolWorld, flaws

Story = Callable[[PoolWorld], list[int]]


def stood() -> PoolWorld:
    """One is hot and one sleeps."""
    world = PoolWorld(hot=1, stopped=1)
    world.stocked()
    return world


def claims(world: PoolWorld) -> list[int]:
    """Three jobs: one takes the hot one, one the sleeper, and one starts cold."""
    jobs = world.push_jobs(3, labels=ASKS)
    world.work()
    return jobs


def not_woken(world: PoolWorld) -> list[int]:
    """Two jobs: the sleeper cannot be woken for want of capacity, and its job starts cold, on spot."""
    world.region.shortages.append(Shortage(market=Market.ON_DEMAND))
    return claims(world)[:2]


def dispatched_twice(world: PoolWorld) -> list[int]:
    """A job whose request comes twice."""
    (job,) = world.push_jobs(1, labels=ASKS)
    world.deliver()
    for held in world.jobs.inner.receive(1):  # none: the process died before it took the webhook in
        world.jobs.send([held.message])
        world.jobs.inner.defer(held.receipt, 0)
    world.work()
    return [job]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", [claims, not_woken, dispatched_twice])
def test_a_dispatcher_that_dies_in_a_claim_leaves_nothing_behind(story: Story, *, after: bool) -> None:
    """Each job is served once, by a launch that counts once; the pool is whole again, and all machines are known."""
    whole, undisturbed = Fuse(), stood()
    undisturbed.meddle(whole.around)
    story(undisturbed)
    assert len(whole.calls) > 10
    for number in range(1, len(whole.calls) + 1):
        world = stood()
        world.meddle(Fuse(number, after=after).around)
        try:
            jobs = story(world)
            world.minutes(12)
            world.meddle(untouched)
            world.region.shortages.clear()
            records = [world.record(job) for job in jobs]
            assert {record.state for record in records} == {JobState.FINISHED}
            assert {record.launch - record.displaced for record in records} <= {0, 1}  # none: a sibling's machine did
            world.stocked(30)
            listed = {machine for machine, life in world.cloud.lives.items() if life.ended_at is None}
            assert listed == {one.machine for one in world.spares()}, "a machine that is nobody's"
            world.without_pool()
            world.run_until_quiet()
            nothing_is_left(world, 3)
            assert flaws(world) == []
        except AssertionError as error:
            error.add_note(f"the process died at call {number}: {world.crashes}")
            raise
        assert len(world.crashes) == 1


def fills(world: PoolWorld) -> None:
    """An empty pool: two are to be hot, one is to sleep."""
    world.configure(hot=2, stopped=1)


def shrinks(world: PoolWorld) -> None:
    """A pool with too many: one is stopped, one ended."""
    world.configure(hot=2, stopped=1, idle_timeout=MINUTE)
    world.stocked()
    world.minutes(4)
    world.configure(hot=0, stopped=2)


def grows(world: PoolWorld) -> None:
    """A pool whose sleepers are to be hot."""
    world.configure(stopped=2)
    world.stocked()
    world.configure(hot=2, stopped=0)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", [fills, shrinks, grows])
def test_a_task_that_dies_is_gone_on_with_by_the_next_run(story: Callable[[PoolWorld], None], *, after: bool) -> None:
    """The pool becomes what it should be, with no machine more than that, and none is lost on the way."""

    def launched(world: PoolWorld) -> int:
        return len(world.cloud.lives)

    whole, undisturbed = Fuse(), PoolWorld()
    story(undisturbed)
    undisturbed.meddle(whole.around)
    undisturbed.pools()
    undisturbed.meddle(untouched)
    undisturbed.stocked(20)
    for number in range(1, len(whole.calls) + 1):
        world = PoolWorld()
        story(world)
        world.meddle(Fuse(number, after=after).around)
        try:
            world.pools()
            assert len(world.crashes) == 1
            world.meddle(untouched)
            world.run(MINUTE)
            world.stocked(20)
            world.minutes(4)  # what drains is ended by the sweep, if whoever meant to has died
            assert launched(world) == launched(undisturbed)
            alive = {machine for machine, life in world.cloud.lives.items() if life.ended_at is None}
            assert alive == {one.machine for one in world.spares()}
            standing = world.table.pools.get("warm")
            assert standing is None or standing.launching is None
            world.without_pool()
            world.run_until_quiet()
            nothing_is_left(world, 0)
        except AssertionError as error:
            error.add_note(f"the process died at call {number}: {world.crashes}")
            raise


@pytest.mark.parametrize(
    "state", sorted([RunnerState.BOOTING, RunnerState.READY, RunnerState.STOPPING, RunnerState.STOPPED])
)
def test_spares_of_a_pool_that_is_no_more_are_ended_by_the_sweep(state: RunnerState) -> None:
    """Whatever they are at; a machine that a job has claimed of it serves that job first."""
    world = PoolWorld(hot=1, stopped=1)
    for _ in range(100):
        found = [one for one in world.spares() if one.state is state]
        if found:
            break
        world.pools()
        world.run(MINUTE // 6)
    (spare,) = found[:1]
    world.without_pool()
    world.fleet.house.sweep()
    assert world.runner(spare.machine).state is RunnerState.DRAINING
    assert world.cloud.lives[spare.machine].ended_at is not None
    assert world.decisions.about(f"machine:{spare.machine}")[-1].reason == "there is no pool warm any more"
    world.run_until_quiet()
    nothing_is_left(world, 0)


def test_a_claimed_machine_outlives_its_pool() -> None:
    """It is its job's, and no spare."""
    world = stood()
    jobs = world.push_jobs(2, labels=ASKS)
    world.work()
    world.without_pool()
    world.fleet.house.sweep()
    world.run_until_quiet()
    assert {world.record(job).conclusion for job in jobs} == {"success"}
    assert {world.record(job).launch for job in jobs} == {1}
    nothing_is_left(world, 0)
