"""What follows when the cloud takes spot machines back: counted once, moved on demand, re-run when it is time."""

import attrs
import pytest

from paddock.core.circuit import ANY
from paddock.core.rerun import RerunState
from paddock.core.spec import Market
from paddock.core.states import CircuitState, OperationalResult
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.invariants import check
from tests.world.spot import circuits_of, interrupted, machine_of, market_of, running, take_back, warn, without
from tests.world.world import SETTINGS, World, on_time


@pytest.mark.parametrize("told", ["warned", "warned twice", "taken without a word"])
def test_a_job_that_had_not_started_gets_another_machine_on_demand_at_once(told: str) -> None:
    """Nothing of its launch budget is spent, and nobody is told twice."""
    world = World()
    job = world.push_job(labels="paddock/cpu=4/disk=80")
    world.run(5 * SECOND)
    first = machine_of(world, job)
    if told == "taken without a word":
        take_back(world, first)
    else:
        warn(world, first, times=1 if told == "warned" else 3)
    second = world.record(job)
    assert second.machine not in {first, None}
    assert (market_of(world, second), second.on_demand, second.displaced) == (Market.ON_DEMAND, True, 1)
    assert world.cloud.launches[-1].disk == 80
    if told != "taken without a word":
        world.run(2 * MINUTE)
        take_back(world, first)
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    assert world.verdicts(job).count("interrupted") == 1
    assert len(world.table.interruptions) == 1  # type: ignore[arg-type]  # this world's stores are in memory
    check(world)


def test_a_short_job_that_ends_in_time_is_not_run_again() -> None:
    """It was warned, and served all the same: the machine's evidence decides."""
    world = World()
    job = world.push_job(lasts=MINUTE)
    running(world, job)
    warn(world, machine_of(world, job))
    world.run_until_quiet()
    assert (world.record(job).conclusion, world.record(job).result) == ("success", OperationalResult.SERVED)
    run = world.table.reruns.get(str(world.record(job).facts.run_id))
    assert run is not None
    assert run.state is RerunState.LEFT
    assert len(world.github.jobs()) == 1
    check(world)


@pytest.mark.parametrize("webhook", ["comes", "is lost"])
def test_a_run_that_lost_a_job_is_run_again_on_demand_when_it_is_complete(webhook: str) -> None:
    """Not before: its other job runs on. The failed jobs come back as a new attempt, which nothing can take back."""
    world = World(webhooks=without(("workflow_run", "completed")) if webhook == "is lost" else on_time)
    lost, other = world.push_jobs(2)
    running(world, lost, other)
    take_back(world, machine_of(world, lost))
    world.run_until_quiet()
    again = [job for job in world.github.jobs() if job.attempt == 2]
    assert [job.name for job in again] == [world.github.state.jobs[lost].name]
    record = world.record(again[0].id)
    assert (record.conclusion, market_of(world, record)) == ("success", Market.ON_DEMAND)
    assert world.record(lost).result is OperationalResult.INTERRUPTED
    assert {"interrupted", "marked", "rerun"} <= set(world.verdicts(lost))
    check(world)


def test_a_job_that_wants_no_retry_is_not_run_again() -> None:
    """``retry=false``: it fails, and says why nothing was done."""
    world = World()
    job = world.push_job(labels="paddock/retry=false")
    running(world, job)
    take_back(world, machine_of(world, job))
    world.run_until_quiet()
    assert len(world.github.jobs()) == 1
    assert "no_rerun" in world.verdicts(job)


def test_a_run_is_run_again_once() -> None:
    """If the re-run fails by itself, nobody asks again."""
    world = World()
    job = world.push_job(ends="failure")
    running(world, job)
    take_back(world, machine_of(world, job))
    world.run_until_quiet()
    assert [one.attempt for one in world.github.jobs()] == [1, 2]
    check(world)


def test_a_newer_run_of_the_same_branch_is_enough() -> None:
    """Nobody waits for the old one any more."""
    world = World()
    job = world.push_job()
    running(world, job)
    take_back(world, machine_of(world, job))
    world.push_job()
    world.run_until_quiet()
    assert [one.attempt for one in world.github.jobs()] == [1, 1]
    assert any("is newer" in decision.reason for decision in world.decisions.about(f"job:{job}"))


def test_three_interruptions_open_the_circuit_and_the_next_job_goes_elsewhere() -> None:
    """The type leaves the offer; while others are left, it is still spot."""
    world = World(settings=attrs.evolve(SETTINGS, repositories=("acme/app",)))
    jobs = world.push_jobs(3)
    running(world, *jobs)
    kind = world.runner(machine_of(world, jobs[0])).instance_type
    interrupted(world, jobs)
    assert circuits_of(world) == {f"us-east-1a/{kind}": CircuitState.OPEN}
    avoided, opened = world.decisions.about(f"circuit:us-east-1a/{kind}")
    assert avoided.verdict == "avoided"
    assert (opened.verdict, "3 interruptions" in opened.reason) == ("opened", True)
    other = world.push_job()
    world.run(SECOND)
    runner = world.runner(machine_of(world, other))
    assert (runner.market, runner.instance_type != kind) == (Market.SPOT, True)
    assert "chosen" in world.verdicts(other)
    world.run_until_quiet()


def test_an_open_circuit_is_tried_by_one_launch_and_closes_when_that_is_served() -> None:
    """Of five jobs after the cool-down one tries, the others keep away."""
    world = World()
    jobs = world.push_jobs(3)
    running(world, *jobs)
    kind = world.runner(machine_of(world, jobs[0])).instance_type
    interrupted(world, jobs)
    world.run(31 * MINUTE)
    later = world.push_jobs(5)
    world.run(SECOND)
    kinds = [world.runner(machine_of(world, job)).instance_type for job in later]
    assert kinds.count(kind) == 1
    assert circuits_of(world) == {f"us-east-1a/{kind}": CircuitState.HALF_OPEN}
    world.run_until_quiet()
    assert circuits_of(world) == {f"us-east-1a/{kind}": CircuitState.CLOSED}


def test_a_probe_that_is_taken_back_opens_it_for_twice_as_long() -> None:
    """And the jobs of the time between stay away."""
    world = World()
    jobs = world.push_jobs(3)
    running(world, *jobs)
    interrupted(world, jobs)
    world.run(31 * MINUTE)
    (probe,) = world.push_jobs(1)
    world.run(SECOND)
    warn(world, machine_of(world, probe))
    (circuit,) = world.fleet.circuits.all()
    assert (circuit.state, circuit.openings) == (CircuitState.OPEN, 2)
    assert circuit.until == world.clock.now() + 60 * MINUTE


def test_a_zones_storm_opens_the_zone_and_leaves_on_demand() -> None:
    """Types that opened within the same storm give way to it. Of the one zone here nothing is left on spot."""
    world = World()
    jobs = [world.push_job(labels=f"paddock/family={family}") for family in ("c7i", "c7i", "c7i", "m7i", "m8a")]
    running(world, *jobs)
    interrupted(world, jobs)
    found = circuits_of(world)
    assert found[f"us-east-1a/{ANY}"] is CircuitState.OPEN
    assert [key for key, state in found.items() if state is CircuitState.OPEN] == [f"us-east-1a/{ANY}"]
    job = world.push_job()
    world.run(SECOND)
    assert market_of(world, world.record(job)) is Market.ON_DEMAND


def test_a_hundred_interruptions_at_once_count_a_hundred() -> None:
    """Each is a record of its own, and one opening is decided."""
    world = World()
    jobs = world.push_jobs(100)
    running(world, *jobs)
    interrupted(world, jobs)
    assert len(world.table.interruptions) == 100  # type: ignore[arg-type]  # this world's stores are in memory
    (circuit,) = world.fleet.circuits.all()
    assert [one.verdict for one in world.decisions.about(f"circuit:{circuit.key}")] == ["avoided", "opened"]


def test_an_operator_opens_and_closes() -> None:
    """With a reason that is kept; opening what is open takes the operator's end."""
    world = World()
    opened = world.fleet.circuits.open(ANY, "c7i.large", "maintenance", 2 * HOUR)
    assert (opened.state, opened.until) == (CircuitState.OPEN, world.clock.now() + 2 * HOUR)
    again = world.fleet.circuits.open(ANY, "c7i.large", "longer", 5 * HOUR)
    assert again.until == world.clock.now() + 5 * HOUR
    closed = world.fleet.circuits.close(ANY, "c7i.large", "over")
    assert closed is not None
    assert closed.state is CircuitState.CLOSED
    assert world.fleet.circuits.close(ANY, "c7i.large", "over") is None
    assert [one.verdict for one in world.decisions.about(f"circuit:{ANY}/c7i.large")] == ["opened", "opened", "closed"]
