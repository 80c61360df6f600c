"""What fleets have been seen to do wrong when the cloud takes machines back. The whole list: docs/failure-modes.md."""

import pytest

from paddock.core.errors import Unavailable
from paddock.core.spec import Market
from paddock.core.states import CircuitState, JobState, OperationalResult
from paddock.core.units import MINUTE, SECOND
from tests.faults import Failing
from tests.world.invariants import check
from tests.world.spot import circuits_of, machine_of, warn
from tests.world.world import World


@pytest.mark.parametrize("github", ["says so", "says nothing"])
def test_a_machine_taken_without_any_word_costs_its_job_a_re_run_and_no_more(github: str) -> None:
    """Neither the cloud nor the machine tells, and GitHub's own word may be lost too: the sweeps find out."""
    world = World()
    job = world.push_job(lasts=20 * MINUTE)
    world.run(2 * MINUTE)
    assert world.record(job).state is JobState.RUNNING
    if github == "says nothing":
        world.courier.fate = lambda _: ()
    world.cloud.take_back(world.cloud.alive[0])
    world.run(30 * MINUTE)  # a fleet is quiet also while a re-run is only planned
    world.run_until_quiet()
    assert world.record(job).result is OperationalResult.INTERRUPTED
    first, again = world.github.jobs()
    assert (first.conclusion, again.attempt, again.conclusion) == ("failure", 2, "success")
    assert world.runner(world.record(again.id).machine).market is Market.ON_DEMAND
    check(world)


def test_word_of_a_taking_is_kept_while_nothing_can_be_told() -> None:
    """Neither a metric nor a decision: it is not used up, and what follows from it is done when they can be."""
    failing = Failing()
    world = World(around=failing.around)
    jobs = world.push_jobs(3)
    world.run(5 * SECOND)
    machines = [machine_of(world, job) for job in jobs]
    failing.errors["decisions.append"] = Unavailable("away")
    for machine in machines:
        warn(world, machine)
    assert world.events.depth().waiting + world.events.depth().on_loan == len(machines)
    failing.errors.clear()
    world.run(MINUTE)
    assert [(record.on_demand, record.displaced) for record in map(world.record, jobs)] == [(True, 1)] * 3
    assert CircuitState.OPEN in circuits_of(world).values()
    world.run_until_quiet()
    check(world)


def test_a_reclaim_storm_gives_no_job_up() -> None:
    """Hundreds of machines at one moment, more than one sweep comes to: every job is served, none by its last try."""
    world = World()
    jobs = world.push_jobs(300)
    world.run(5 * SECOND)
    for machine in world.cloud.alive:
        world.cloud.take_back(machine)
    world.run_until_quiet()
    assert {world.record(job).conclusion for job in jobs} == {"success"}
    check(world)
