"""What fleets have been seen to do wrong in tidying up after themselves. The whole list: docs/failure-modes.md."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.github import JobScript
from paddock.adapters.simulation.wires import untouched
from paddock.core.job import Job, JobFacts
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines, FleetSettings
from paddock.core.states import LIVE_JOBS, LIVE_RUNNERS, JobState, RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from paddock.core.usecases.house.plan import EndMachine, Snapshot, plan
from paddock.core.usecases.house.sweep import MOST_ACTS
from tests.faults import Between, Fuse
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import World

JOB = Job(JobFacts(1, 9, "acme/app", ("paddock",), created_at=NOON), received_at=NOON)
MACHINE = Machine("i-1", MachineState.RUNNING, NOON)
RUNNER = Runner("i-1", "acme/app", ("paddock",), "token", runner_name="paddock--i-1--abc", launched_at=NOON)
OF_POOLS = {RunnerState.REQUESTED, RunnerState.STOPPING, RunnerState.STOPPED}  # nobody writes these yet


@pytest.mark.parametrize("at", [NOON, None])
@pytest.mark.parametrize("state", sorted(LIVE_JOBS))
def test_no_state_of_a_job_is_forgotten(state: JobState, at: Moment | None) -> None:
    """Whatever message was lost, and a time with it: a record that nothing touched for a day and more is looked at."""
    machine = "i-1" if state in {JobState.LAUNCHED, JobState.RUNNING} else None
    stuck = attrs.evolve(JOB, state=state, launch=1, launch_id="token", machine=machine, launched_at=at)
    stuck = attrs.evolve(stuck, started_at=at if state is JobState.RUNNING else None)
    acts = plan(Snapshot(NOON + 30 * HOUR, (stuck,), (), {}), Deadlines())
    assert [getattr(act, "job_id", None) for act in acts] == [JOB.id]


@pytest.mark.parametrize("at", [NOON, None])
@pytest.mark.parametrize("state", sorted(LIVE_RUNNERS - OF_POOLS))
def test_no_state_of_a_machine_is_forgotten(state: RunnerState, at: Moment | None) -> None:
    """A machine that lives on in any state for a day and more, and says nothing, is ended."""
    stuck = attrs.evolve(RUNNER, state=state, ready_at=at, busy_at=at, idle_at=at)
    acts = plan(Snapshot(NOON + 30 * HOUR, (), (stuck,), {MACHINE.id: MACHINE}), Deadlines())
    assert [type(act) for act in acts] == [EndMachine]


@given(runtime=st.integers(MINUTE, 5 * DAY), age=st.integers(0, 6 * DAY))
def test_no_machine_is_ended_before_the_longest_job_that_is_allowed(runtime: Span, age: Span) -> None:
    """The sweep's patience follows from the setting: no fixed number of hours can be below it."""
    busy = attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON)
    seen = Snapshot(NOON + age, (), (busy,), {MACHINE.id: MACHINE})
    ended = [act for act in plan(seen, Deadlines(runtime=runtime)) if isinstance(act, EndMachine)]
    assert not ended or age > runtime


def test_a_machine_that_boots_and_says_nothing_is_replaced() -> None:
    """It looks healthy to the cloud; four minutes after its orders it is ended, and its job gets another at once."""
    world = World()
    job = world.push_job()
    world.run(5 * SECOND)
    silent = world.cloud.alive[0]
    world.silence(silent)
    world.run_until_quiet()
    check(world)
    record, life = world.record(job), world.cloud.lives[silent]
    assert (record.state, record.launch) == (JobState.FINISHED, 2)
    assert record.machine != silent
    assert life.ended_at is not None
    assert life.ended_at - life.machine.launched_at <= world.settings.deadlines.boot + MINUTE
    assert record.launched_at is not None
    assert record.launched_at - life.ended_at <= 5 * SECOND


def test_a_machine_that_began_to_work_after_the_sweep_had_looked_is_left_alone() -> None:
    """What is destroyed is looked at a second time, and not as it was in a listing."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(5 * SECOND)
    machine = world.cloud.alive[0]
    orders_at = world.clock.now()
    world.silence(machine)
    world.sweeps(on=False)
    world.clock.advance(9 * MINUTE + 5 * SECOND)
    acts = plan(world.fleet.house.sweep.observe(), world.settings.deadlines)
    assert [type(act) for act in acts] == [EndMachine]
    world.wake(machine)  # it was slow, and works now
    for _ in range(4):
        world.deliver()
        world.work()
        world.clock.advance(10 * SECOND)
    assert world.record(job).state is JobState.RUNNING, orders_at
    world.fleet.house.sweep._act(acts[0])
    assert world.cloud.alive == [machine]
    world.sweeps(on=True)
    world.run_until_quiet()
    check(world)


def test_two_sweeps_at_once_do_everything_once() -> None:
    """At each port call of one of them another one runs: one bill, one relaunch, nothing destroyed twice."""
    calls = Fuse()
    sweep_between(calls)
    for number in range(1, len(calls.calls) + 1):
        between = Between(number, lambda: None)
        world, job = sweep_between(between)
        world.run_until_quiet()
        check(world)
        record = world.record(job)
        assert (record.state, record.launch) == (JobState.FINISHED, 2), f"another sweep ran before call {number}"
        assert len(world.cloud.lives) == 2
        assert world.verdicts(job).count("relaunch") == 1


def sweep_between(around: Fuse | Between) -> tuple[World, int]:
    """A job whose machine died booting, and one sweep, whose calls alone go through `around`."""
    world = World()
    job = world.push_job()
    world.run(10 * SECOND)
    world.cloud.kill(world.cloud.alive[0])
    world.clock.advance(20 * SECOND)
    other = world.fleet
    if isinstance(around, Between):
        around.deed = other.house.sweep
    world.around = around.around
    fleet = world.new_fleet()
    world.around = untouched
    fleet.house.sweep()
    return world, job


def test_a_sweep_sees_all_pages_and_comes_to_everything_in_the_end() -> None:
    """More machines and jobs than a listing's page holds die at one moment; so many acts a run, until it is done."""
    world = World()
    salted = [JobScript(f"job {number}", (f"paddock={number}",)) for number in range(MOST_ACTS + 50)]
    jobs = world.push(*salted)
    world.run(5 * SECOND)
    assert len(world.cloud.alive) == len(jobs)
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    world.clock.advance(20 * SECOND)
    report = world.fleet.house.sweep()
    assert report.by_kind["CloseMachine"] == MOST_ACTS
    assert report.left >= 50
    world.run_until_quiet()
    check(world)
    assert {world.record(job).launch for job in jobs} == {2}
    assert {world.record(job).conclusion for job in jobs} == {"success"}


def test_jobs_that_wait_without_a_message_are_all_woken_over_all_pages() -> None:
    """More than a page of them: the first run comes to so many, the next one to the rest."""
    world = World()
    for number in range(MOST_ACTS + 50):
        facts = attrs.evolve(JOB.facts, job_id=number, created_at=NOON + number)
        world.table.jobs.add(attrs.evolve(JOB, facts=facts))
    world.clock.advance(MINUTE)
    assert world.fleet.house.sweep().left == 50
    world.clock.advance(SECOND)
    assert world.fleet.house.sweep().left == 0
    assert world.jobs.depth().waiting == MOST_ACTS + 50


def test_jobs_that_wait_for_limits_do_not_starve_one_that_lost_its_message() -> None:
    """A dozen repositories have longer queues than one run wakes; another job is behind all of them in age alone."""
    repositories = tuple(f"acme/r{number}" for number in range(12))
    world = World(settings=FleetSettings(repositories=("acme/*",)))
    now = world.clock.now()
    for number in range(120):
        facts = attrs.evolve(JOB.facts, job_id=1 + number, repository=repositories[number % 12], created_at=now)
        world.table.jobs.add(attrs.evolve(JOB, facts=facts, not_before=now + SECOND))
    facts = attrs.evolve(JOB.facts, job_id=5000, created_at=now + SECOND)
    world.table.jobs.add(attrs.evolve(JOB, facts=facts))
    world.clock.advance(MINUTE)
    report = world.fleet.house.sweep()
    assert report.left > 0
    assert world.record(5000).lease_until > 0
