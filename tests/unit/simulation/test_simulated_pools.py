"""Pools in the simulated world: agents on standby, the task each minute, what jobs get of them, and their end."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import attrs
import pytest

from paddock.adapters.simulation.chaos import Case, case_of, play, told, with_pools
from paddock.adapters.simulation.cloud import SimulatedEc2, quiet
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.host import Standing
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outcome import Outcome, PoolUse
from paddock.adapters.simulation.outside import START
from paddock.adapters.simulation.parameters import Parameters, Rates
from paddock.adapters.simulation.pool_watch import emptied
from paddock.adapters.simulation.world import Simulation
from paddock.core.messages import Assignment, ReportEvent, RunnerPackage, RunnerReported
from paddock.core.pools.pool import Pool
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span
from tests.world.pools import ASKS, PoolWorld
from tests.world.workloads import Given

WEB = Pool("web", RunnerSpec(pool="web", spot=False))
ASK = JobLoad("job", ("paddock/pool=web",), 2 * MINUTE)


def pushed(*sizes: int, every: Span = HOUR, start: Span = 10 * MINUTE) -> Given:
    """So many jobs that ask for the pool, one push after the other; the first when the pool is full."""
    first = RunLoad(START, "acme/app", "ci", (JobLoad("first", ("paddock",), SECOND),))
    runs = [RunLoad(START + start + n * every, "acme/app", "ci", (ASK,) * size) for n, size in enumerate(sizes)]
    return Given([first, *runs])


def simulated(load: Given, *, seed: int = 0, hot: int = 0, stopped: int = 0) -> Outcome:
    """What comes of the load with this pool, on a quiet day."""
    settings = FleetSettings(repositories=("acme/app",), pools={"web": attrs.evolve(WEB, hot=hot, stopped=stopped)})
    cloud = partial(SimulatedEc2, quiet())
    world = Simulation(load, settings=settings, seed=seed, cloud=cloud, parameters=Parameters(rates=Rates(None, None)))
    outcome = world.run()
    assert not outcome.violations, outcome.violations
    return outcome


class Heard:
    """The fate of reports: they arrive. It remembers when machines said that they wait."""

    def __init__(self) -> None:
        self.readies: list[Moment] = []

    def __call__(self, report: object) -> Sequence[Span]:
        """It arrives at once."""
        if isinstance(report, RunnerReported) and report.event is ReportEvent.READY:
            self.readies.append(report.at)
        return (0,)


def test_a_machine_on_standby_says_again_and_again_that_it_waits() -> None:
    """Every five minutes, so that a lost word is made good; and it waits far longer than a job's machine would."""
    heard = Heard()
    world = PoolWorld(hot=1, reports=heard)
    world.stocked()
    heard.readies.clear()
    world.run(HOUR)
    assert len(heard.readies) == 12
    assert {later - sooner for sooner, later in pairwise(heard.readies)} == {5 * MINUTE}
    (spare,) = world.spares()
    assert world.agents.by_machine[spare.machine].standing is Standing.WAITING


def test_orders_are_found_and_served_and_nothing_is_said_of_waiting_any_more() -> None:
    """It takes the orders that are put, and is then like any machine."""
    heard = Heard()
    world = PoolWorld(hot=1, reports=heard)
    world.stocked()
    (spare,) = world.spares()
    heard.readies.clear()
    job = world.push_job(labels=ASKS, lasts=20 * MINUTE)
    world.run(MINUTE)
    agent = world.agents.by_machine[spare.machine]
    assert (agent.standing, agent.job_id) == (Standing.WORKING, job)
    world.run(10 * MINUTE)
    assert not heard.readies


def test_a_stop_takes_the_agent_along_and_a_start_brings_another() -> None:
    """Which says that it is up; orders that were put meanwhile are found at the boot."""
    world = PoolWorld(stopped=1)
    world.stocked()
    (spare,) = world.spares()
    assert spare.machine not in world.agents.by_machine
    job = world.push_job(labels=ASKS)
    world.run(MINUTE)
    agent = world.agents.by_machine[spare.machine]
    assert agent.job_id == job
    assert agent.booted_at > spare.naps[-1].stopped_at


def test_an_idle_spare_costs_few_events() -> None:
    """It looks for orders every second, and that is no event: a year must stay fast."""
    world = PoolWorld(hot=1)
    world.stocked()
    before = world.clock.events
    world.run(2 * HOUR)
    assert world.clock.events - before < 2 * HOUR // SECOND // 2


@pytest.mark.parametrize("seed", [0, 1])
def test_a_load_ends_with_its_pools_emptied_or_no_more(seed: int) -> None:
    """When the last job is over nobody wants the machines any longer, and none is left."""
    outcome = simulated(pushed(1), seed=seed, hot=2, stopped=1)
    assert outcome.pools["web"] == attrs.evolve(outcome.pools["web"], hot=1, stopped=0, overflow=0)
    assert outcome.pools["web"].machines == 4


def test_jobs_are_counted_by_what_they_got() -> None:
    """Hot ones first, then those asleep; what is beyond is launched."""
    used = simulated(pushed(4), hot=1, stopped=2).pools["web"]
    assert (used.hot, used.stopped, used.booting, used.overflow) == (1, 2, 0, 1)


def test_a_hot_machine_is_there_sooner_than_a_sleeping_one_and_that_sooner_than_a_new_one() -> None:
    """By the waits of three fleets with one load."""
    load = pushed(1, 1, 1, 1)
    waits = [simulated(load, **pool).waits["paddock/pool=web"].total.p50 for pool in ({"hot": 1}, {"stopped": 1}, {})]
    assert waits == sorted(waits)
    assert len(set(waits)) == len(waits)


def test_what_waits_costs_and_what_sleeps_costs_less() -> None:
    """A hot machine's idle hours are paid, a sleeping one's disk alone."""
    load = pushed(1, every=HOUR, start=6 * HOUR)
    hot, stopped = (simulated(load, **pool) for pool in ({"hot": 1}, {"stopped": 1}))
    assert hot.pools["web"].idle > 5 * HOUR > stopped.pools["web"].idle
    assert hot.pools["web"].idle_cost > stopped.pools["web"].idle_cost + stopped.pools["web"].sleep_cost > 0
    assert hot.pools["web"].sleep_cost == 0 < stopped.pools["web"].sleep_cost


def test_a_fleet_without_pools_has_none_in_its_outcome() -> None:
    """Nothing is told of what is not there."""
    world = Simulation(
        pushed(), settings=FleetSettings(repositories=("acme/app",)), cloud=partial(SimulatedEc2, quiet())
    )
    assert world.run().pools == {}


def test_pools_are_resized_while_it_runs() -> None:
    """Somebody deploys other targets, and the next runs of the task follow."""
    world = PoolWorld(hot=1)
    world.stocked()
    world.sim.resize({"warm": attrs.evolve(world.pool, hot=0, stopped=2)})
    world.minutes(12)
    assert world.states() == [RunnerState.STOPPED] * 2
    world.sim.resize(emptied(world.settings.pools, 5 * MINUTE))
    world.minutes(12)
    assert world.states() == []


def test_pools_are_in_a_third_of_the_cases_and_half_of_their_jobs_ask_for_them() -> None:
    """And each kind of fault meets them, for the case is otherwise the seed's."""
    cases = [case_of(seed, 40) for seed in range(300)]
    with_some = [case for case in cases if case.settings.pools]
    assert 70 < len(with_some) < 130
    assert 20 < sum(case.resized is not None for case in with_some) < 110
    assert all(with_pools(case) == case for case in with_some)
    assert "pool: " in told(with_some[0], ())


def test_a_case_with_pools_is_one_story() -> None:
    """To the last figure, and on a quiet day nothing is wrong."""
    case = with_pools(Case(3, 40, FaultPlan()))
    outcome = play(case)
    assert outcome == play(case)
    assert not outcome.violations
    assert sum((used.hot + used.stopped + used.booting + used.overflow) for used in outcome.pools.values()) > 0


# -- what must never be is noticed --------------------------------------------------------------------------------


def one_that_has_a_job_is_claimed(world: PoolWorld) -> None:
    """A claim without its condition."""
    (spare,) = world.spares()
    theirs = attrs.evolve(spare, assigned_job=7, claimed_at=1, spare_of=None)
    world.sim.pools.changed(theirs, attrs.evolve(theirs, assigned_job=8, claimed_at=2))


def one_with_orders_is_stopped(world: PoolWorld) -> None:
    """Its record was flipped before, and nobody looked again."""
    world.push_job(labels=ASKS, lasts=HOUR)
    world.run(MINUTE)
    (machine,) = (runner.machine for runner in world.runners() if runner.assigned_job is not None)
    world.fleet.house.pools._machines.stop([machine])


def one_has_two_jobs(world: PoolWorld) -> None:
    """It was a spare again after its first."""
    (spare,) = world.spares()
    world.sim.pools.begun(spare.machine, 7)
    world.sim.pools.begun(spare.machine, 8)


def a_job_starts_cold_beside_a_hot_machine(world: PoolWorld) -> None:
    """Nobody claims."""
    world.sim.pools._exact = True
    world.fleet.dispatch._launching._claims = lambda _: {}  # type: ignore[assignment]
    world.push_job(labels=ASKS)
    world.run(SECOND)


def a_pool_is_larger_than_it_may_be(world: PoolWorld) -> None:
    """Its limit is not looked at."""
    pool = attrs.evolve(world.pool, most=2)
    world.sim.pools.resized({"warm": pool})
    world.configure(hot=3)
    world.minutes(2)


def a_pool_has_too_many(world: PoolWorld) -> None:
    """Somebody wants none any more, and the task does nothing."""
    world.configure(hot=3)
    world.minutes(2)
    world.sim.pools.resized(emptied(world.settings.pools, MINUTE))
    world.run(25 * MINUTE)


def a_pool_has_too_few(world: PoolWorld) -> None:
    """Somebody wants more, and the task does nothing."""
    world.sim.pools.resized({"warm": attrs.evolve(world.pool, hot=4)})
    world.run(25 * MINUTE)


def those_that_should_sleep_run(world: PoolWorld) -> None:
    """They are told to sleep by nobody."""
    world.configure(hot=3)
    world.minutes(2)
    world.sim.pools.resized({"warm": attrs.evolve(world.pool, hot=0, stopped=3)})
    world.run(25 * MINUTE)


def spares_grow_old(world: PoolWorld) -> None:
    """Nobody replaces them."""
    world.sim.pools.resized({"warm": attrs.evolve(world.pool, max_age=MINUTE)})
    world.run(45 * MINUTE)


def more_is_launched_than_lacks(world: PoolWorld) -> None:
    """What is there does not count."""
    world.sim.pools._exact = True
    world.sim.pools._machines["i-made-up"] = "warm"
    world.configure(hot=9)
    world.pools()


def a_pool_that_is_no_more_keeps_its_machines(world: PoolWorld) -> None:
    """The sweep does not look."""
    world.sim.pools.resized({})
    world.run(20 * MINUTE)


@pytest.mark.parametrize(
    ("meddle", "rule"),
    [
        (one_that_has_a_job_is_claimed, "a claim needs a spare"),
        (one_with_orders_is_stopped, "no machine with orders sleeps"),
        (one_has_two_jobs, "a machine has one job"),
        (a_job_starts_cold_beside_a_hot_machine, "a job that asks for a pool has what it has"),
        (a_pool_is_larger_than_it_may_be, "a pool is no larger than it may be"),
        (a_pool_has_too_many, "a pool has what it wants"),
        (a_pool_has_too_few, "a pool has what it wants"),
        (those_that_should_sleep_run, "a pool has what it wants"),
        (spares_grow_old, "a pool has what it wants"),
        (more_is_launched_than_lacks, "a pool launches what it lacks"),
        (a_pool_that_is_no_more_keeps_its_machines, "no machine outlives its purpose"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "as",
)
def test_what_must_never_be_of_a_pool_is_noticed(meddle: Callable[[PoolWorld], object], rule: str) -> None:
    """Each rule, broken on purpose; before that nothing was wrong."""
    world = PoolWorld(hot=1)
    world.stocked()
    assert not world.sim.check()
    meddle(world)
    world.sim.pools.look()
    assert rule in {one.rule for one in world.sim.check()}


def test_what_a_job_got_is_counted_when_its_machine_has_its_orders() -> None:
    """A claim alone may be given back: the job needed none after all."""
    world = PoolWorld(hot=1)
    world.stocked()
    (spare,) = world.spares()
    claimed = attrs.evolve(spare, assigned_job=7, claimed_at=world.clock.now(), spare_of=None)
    world.sim.pools.changed(spare, claimed)
    world.sim.measure.pools.job(7, spare.machine, SECOND)
    assert world.sim.measure.pools.outcomes() == {}
    package = RunnerPackage("2.330.0", "https://github.invalid/runner.tar.gz", "ab" * 32, "runner.tar.gz")
    orders = Assignment(spare.machine, 7, 1, "acme/app", ("paddock",), "r", 1, package)
    world.sim.pools.ordered(orders, AssignmentReceipt(spare.machine, "r", 1, taken=False))
    world.sim.measure.pools.job(7, spare.machine, SECOND)
    assert world.sim.measure.pools.outcomes() == {"warm": PoolUse(hot=1)}
    assert world.sim.measure.pools.waits == {("warm", "hot"): [SECOND]}
