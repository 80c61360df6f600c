"""Word of an interruption in any order, any number of times, of anybody: the right job is seen to, once."""

from collections.abc import Callable

import attrs
import pytest

from paddock.adapters.simulation.wires import untouched
from paddock.adapters.simulation.words import facts_of
from paddock.core.errors import AccessDenied, Unavailable
from paddock.core.fleet import Fleet
from paddock.core.messages import (
    JobObserved,
    MachineChanged,
    MachineWarned,
    Observed,
    ReportEvent,
    RunnerReported,
    WarningKind,
)
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from tests.faults import Between, Failing, Fuse
from tests.world.invariants import check, everything_in
from tests.world.spot import (
    attempts,
    ended,
    machine_of,
    market_of,
    rerun_of,
    running,
    say_gone,
    silenced,
    stopped,
    take_back,
    warn,
    without,
)
from tests.world.world import World

NO_START = ("workflow_job", "in_progress")


def report(world: World, machine: str, event: ReportEvent, reason: str = "", at: Moment | None = None) -> None:
    """The machine tells."""
    orders = world.cloud.agents[machine].orders
    by = "spot" if reason == "spot_notice" and event is not ReportEvent.HEARTBEAT else None
    result = OperationalResult.FAILED_TO_START if event is ReportEvent.FAILED_TO_START else None
    told = RunnerReported(
        event=event,
        machine=machine,
        job_id=0 if orders is None else orders.job_id,
        launch=1,
        runner_name="" if orders is None else orders.runner_name,
        at=world.clock.now() if at is None else at,
        result=result,
        reason=reason,
        interrupted_by=by,
    )
    world.events.send([told])
    world.work()


def observed(world: World, job: int, status: Observed) -> JobObserved:
    """GitHub's word on the job as it is now."""
    told = world.github.state.jobs[job]
    facts = facts_of(told, world.github.state.repository(told.repository))
    return JobObserved(
        facts,
        status,
        world.clock.now(),
        conclusion=told.conclusion if status is Observed.COMPLETED else None,
        runner_name=told.runner_name,
        started_at=told.started_at,
        completed_at=told.completed_at,
    )


def unwatched(world: World) -> Fleet:
    """Another process on the same stores, around whose ports there is nothing."""
    around, world.around = world.around, untouched
    fleet = world.new_fleet()
    world.around = around
    return fleet


def swapped() -> tuple[World, list[int]]:
    """A world in which the first job's machine runs the second one, of which GitHub has not told yet."""
    for seed in range(50):
        world = World(seed=seed, webhooks=without(NO_START), reports=lambda _: ())
        jobs = world.push_jobs(2)
        world.run(40 * SECOND)
        serves = {agent.job_id: name for name, agent in world.cloud.agents.items()}
        if serves.get(jobs[1]) == machine_of(world, jobs[0]) and len(serves) == 2:
            return world, jobs
    raise AssertionError("no seed of GitHub's gives the first job's machine to the second one")


# -- before the job runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["the cloud", "the machine"])
def test_the_machines_own_last_word_may_come_first(first: str) -> None:
    """A machine without a job says that it is taken back: nobody's failure, whoever is heard first."""
    world = World(reports=lambda _: ())
    job = world.push_job()
    world.run(SECOND)
    machine = machine_of(world, job)
    silenced(world, machine)
    if first == "the cloud":
        warn(world, machine)
    report(world, machine, ReportEvent.FAILED_TO_START, "spot_notice")
    if first == "the machine":
        warn(world, machine)
    record = world.record(job)
    assert record.machine not in {machine, None}
    assert (record.on_demand, record.launch, record.displaced) == (True, 2, 1)
    assert market_of(world, record) is Market.ON_DEMAND
    world.cloud.take_back(machine)
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    check(world)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_the_process_dies_a_warning_costs_no_launch(*, after: bool) -> None:
    """The registration may be gone and the job not yet moved: the repeated warning moves it, on demand."""

    def story(fuse: Fuse) -> tuple[World, int]:
        world = World()
        job = world.push_job()
        world.run(5 * SECOND)
        world.around = fuse.around
        world.fleet = world.new_fleet()
        world.reclaim(machine_of(world, job), heard=False)
        world.run_until_quiet()
        return world, job

    whole = Fuse()
    story(whole)
    for number in range(1, len(whole.calls) + 1):
        world, job = story(Fuse(number, after=after))
        record = world.record(job)
        assert record.conclusion == "success", (number, world.crashes)
        assert record.launch - record.displaced == 1, (number, world.crashes, world.verdicts(job))
        check(world, registrations_left=1)


def test_a_warned_machine_whose_registration_cannot_be_deleted_is_seen_to_at_its_end() -> None:
    """GitHub is away just then; the job moves when the machine is gone."""
    broken = Failing({"github.runners.delete": Unavailable("away")})
    world = World(around=broken.around)
    job = world.push_job()
    world.run(SECOND)
    first = machine_of(world, job)
    world.reclaim(first)
    world.run(MINUTE)
    broken.errors.clear()
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    assert world.record(job).machine != first
    check(world, registrations_left=1)


# -- while it runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard", ["warned", "taken"])
def test_before_githubs_word_that_it_runs(heard: str) -> None:
    """GitHub is asked, and the job is known to run before it is known to be lost."""
    world = World(webhooks=without(NO_START))
    job = world.push_job(lasts=20 * MINUTE)
    world.run(MINUTE)
    assert world.record(job).state is JobState.LAUNCHED
    machine = machine_of(world, job)
    if heard == "warned":
        world.reclaim(machine)
    else:
        world.take_back(machine)
    world.run_until_quiet()
    assert world.record(job).result is OperationalResult.INTERRUPTED
    assert attempts(world) == [1, 2]
    check(world)


def test_before_the_agent_says_that_it_started() -> None:
    """Its report comes after the warning, and changes nothing."""
    world = World(reports=lambda _: ())
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    warn(world, machine)
    report(world, machine, ReportEvent.STARTED)
    take_back(world, machine)
    report(world, machine, ReportEvent.STARTED)
    assert world.runner(machine).state is RunnerState.GONE
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    check(world)


def test_the_machine_of_another_job_is_taken() -> None:
    """Runners are label capacity: the job that ran on it is lost, not the one that it was launched for."""
    world, (first, second) = swapped()
    taken, other = machine_of(world, first), machine_of(world, second)
    world.take_back(taken)
    world.run(2 * MINUTE)
    assert (world.record(first).machine, world.record(second).machine) == (other, taken)
    world.courier.fate = without()
    world.run_until_quiet()
    world.run(6 * MINUTE)  # a sweep looks at it once GitHub has said how it ended
    world.run_until_quiet()
    assert world.record(second).result is OperationalResult.INTERRUPTED
    assert world.record(first).result is not OperationalResult.INTERRUPTED
    assert rerun_of(world, second).suspects == (second,)
    assert attempts(world) == [1, 1, 2]
    assert world.github.jobs()[2].name == world.github.state.jobs[second].name
    check(world)


def test_whom_a_taken_machine_served_may_be_told_after_its_end() -> None:
    """Three jobs in a circle, and GitHub's word comes last: the lost one is found all the same."""
    for seed in range(200):
        world = World(seed=seed, webhooks=without(NO_START), reports=lambda _: ())
        jobs = world.push_jobs(3)
        world.run(40 * SECOND)
        serves = {name: agent.job_id for name, agent in world.cloud.agents.items()}
        launched = {machine_of(world, job): job for job in jobs}
        if all(serves[name] not in {None, launched[name]} for name in launched):
            break
    taken = machine_of(world, jobs[0])
    lost = serves[taken]
    assert lost is not None
    take_back(world, taken)
    world.events.send([observed(world, lost, Observed.IN_PROGRESS)])
    world.work()
    world.courier.fate = without()
    world.run_until_quiet()
    world.run(6 * MINUTE)  # a sweep looks at it once GitHub has said how it ended
    world.run_until_quiet()
    assert world.record(lost).machine == taken
    assert world.record(lost).result is OperationalResult.INTERRUPTED
    assert [world.record(job).result for job in jobs].count(OperationalResult.INTERRUPTED) == 1
    assert attempts(world) == [1, 1, 1, 2]
    check(world)


@pytest.mark.parametrize("webhooks", ["on time", "none"])
def test_two_jobs_of_one_run_are_lost(webhooks: str) -> None:
    """One re-run is enough for both."""
    world = World()
    jobs = world.push_jobs(2)
    running(world, *jobs)
    if webhooks == "none":
        world.courier.fate = lambda _: ()
    for job in jobs:
        world.take_back(machine_of(world, job))
    world.run(SECOND)
    world.courier.fate = without()
    world.run_until_quiet()
    assert sorted(rerun_of(world, jobs[0]).suspects) == sorted(jobs)
    assert attempts(world) == [1, 1, 2, 2]
    assert [world.record(job).result for job in jobs] == [OperationalResult.INTERRUPTED] * 2
    check(world)


def test_github_may_conclude_the_job_between_any_two_calls_of_the_taking() -> None:
    """A write that loses that race is repeated: the job is lost all the same."""
    for number in range(1, 60):
        between = Between(0, lambda: None)
        world = World(around=between.around, reports=lambda _: ())
        job = world.push_job(lasts=20 * MINUTE)
        running(world, job)
        machine = machine_of(world, job)
        agent = world.cloud.agents[machine]
        assert agent.orders is not None
        runner_id = agent.orders.runner_id
        silenced(world, machine)
        second = unwatched(world)

        def conclude(world: World = world, job: int = job, runner: int = runner_id, second: Fleet = second) -> None:
            world.github.runs.complete(runner, job, "failure")
            world.lost(job)
            second.events(observed(world, job, Observed.COMPLETED))

        between.deed, between._at = conclude, between._calls + number
        world.cloud.take_back(machine)
        world.fleet.events(MachineChanged(machine, "terminated", world.clock.now(), world.clock.now()))
        if between._calls < between._at:
            assert number > 10
            break
        assert world.record(job).result is OperationalResult.INTERRUPTED, number
        world.run_until_quiet()
        assert attempts(world) == [1, 2], number
        check(world)


# -- after it ended -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["run, then machine", "machine, then run"])
@pytest.mark.parametrize("warned", [True, False])
def test_the_run_may_be_complete_before_the_machine_has_told_why(order: str, *, warned: bool) -> None:
    """GitHub's word is faster than a machine that still ships its log."""
    world = World(reports=lambda _: ())
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    if warned:
        warn(world, machine)
        world.run(75 * SECOND)
    tell = stopped(world, job)
    if order == "machine, then run":
        tell()
    world.run(20 * SECOND)
    assert world.record(job).state is JobState.FINISHED
    if order == "run, then machine":
        tell()
    world.run(10 * SECOND)
    world.take_back(machine)
    world.run_until_quiet()
    assert world.record(job).result is OperationalResult.INTERRUPTED
    assert attempts(world) == [1, 2]
    check(world)


def test_the_machine_may_never_tell_and_its_end_is_enough() -> None:
    """The last report is lost; the cloud's word on the end decides."""
    world = World(reports=lambda _: ())
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    warn(world, machine)
    world.run(75 * SECOND)
    stopped(world, job)
    world.run(45 * SECOND)
    world.take_back(machine)
    world.run_until_quiet()
    assert world.record(job).result is OperationalResult.INTERRUPTED
    assert attempts(world) == [1, 2]
    check(world)


def test_the_end_of_a_stopped_job_is_githubs_word_although_its_webhook_is_lost() -> None:
    """The runner prints that it was cancelled, and tells GitHub that it failed."""
    world = World(reports=lambda _: (), webhooks=without(("workflow_job", "completed")))
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    stopped(world, job)()
    assert (world.record(job).conclusion, world.record(job).result) == ("failure", OperationalResult.INTERRUPTED)
    world.take_back(machine)
    world.courier.fate = without()
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    check(world)


def test_a_job_that_had_failed_by_itself_is_not_run_again() -> None:
    """It ended well before its machine was taken, and the machine's report is lost: a red test is no interruption."""
    world = World(reports=lambda _: ())
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    ended(world, job, "failure")
    world.run(100 * SECOND)
    assert machine in world.cloud.alive
    world.take_back(machine)
    world.run_until_quiet()
    assert world.record(job).result is None
    assert attempts(world) == [1]
    check(world)


def test_a_warning_that_comes_after_the_job_was_served_changes_nothing_of_it() -> None:
    """Nothing is marked, nothing asked of GitHub; the interruption counts."""
    fuse = Fuse()
    world = World(around=fuse.around)
    job = world.push_job()
    world.run_until_quiet()
    machine = machine_of(world, job)
    before = fuse.calls.count("github.workflows.run")
    for _ in range(3):
        warn(world, machine)
    assert world.record(job).result is OperationalResult.SERVED
    assert world.table.reruns.get(str(world.record(job).facts.run_id)) is None
    assert fuse.calls.count("github.workflows.run") == before
    assert len(everything_in(world.table.interruptions)) == 1
    check(world)


def test_a_machine_of_which_the_cloud_says_nothing_any_more_was_taken_if_it_was_warned() -> None:
    """EC2 forgets ended machines after an hour; the warning is evidence enough."""
    world = World(notices=lambda _: ())
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    warn(world, machine)
    world.run(2 * MINUTE)
    world.cloud.take_back(machine)
    del world.region._lives[machine]
    world.region._ended.clear()
    world.run_until_quiet()
    assert world.runner(machine).taken
    assert world.record(job).result is OperationalResult.INTERRUPTED
    assert attempts(world) == [1, 2]
    check(world)


# -- from anybody -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        lambda now: MachineWarned("i-0", WarningKind.SPOT, now, now),
        lambda now: MachineWarned("i-0", WarningKind.REBALANCE, now, now),
        lambda now: MachineChanged("i-0", "terminated", now, now),
        lambda now: RunnerReported(ReportEvent.HEARTBEAT, "i-0", 1, 1, "", now, reason="spot_notice"),
        lambda now: RunnerReported(ReportEvent.FINISHED, "i-0", 7, 1, "", now, interrupted_by="spot"),
    ],
    ids=["warned", "rebalance", "gone", "notice", "finished"],
)
def test_word_of_a_machine_that_nobody_knows_is_written_down_and_no_more(
    word: Callable[[Moment], MachineWarned | MachineChanged | RunnerReported],
) -> None:
    """Another fleet's, or one that died before it was written down."""
    world = World()
    world.events.send([word(world.clock.now())])
    world.work()
    assert world.events.depth().dead == world.events.depth().waiting == world.events.depth().on_loan == 0
    assert not everything_in(world.table.runners)
    assert not everything_in(world.table.interruptions)
    world.run_until_quiet()
    check(world)


def test_a_rebalance_recommendation_changes_nothing() -> None:
    """It may be taken some time: it is written down."""
    world = World()
    job = world.push_job()
    running(world, job)
    machine = machine_of(world, job)
    before = world.runner(machine), world.record(job)
    world.events.send([MachineWarned(machine, WarningKind.REBALANCE, world.clock.now(), world.clock.now())])
    report(world, machine, ReportEvent.HEARTBEAT, "rebalance")
    assert (attrs.evolve(world.runner(machine), heartbeat_at=before[0].heartbeat_at), world.record(job)) == before
    told = [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]
    assert told.count("rebalance") == 2
    world.run_until_quiet()
    check(world)


@pytest.mark.parametrize("hours", [-24 * 365 * 50, -24, 24, 24 * 365 * 50])
def test_a_machines_clock_may_be_set_by_its_job(hours: int) -> None:
    """Jobs are root there: the moment that a machine tells lies between its launch and the cloud's notice from now."""
    fuse = Fuse()
    world = World(around=fuse.around)
    job = world.push_job(lasts=10 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    before = len(fuse.calls)
    now = world.clock.now()
    report(world, machine, ReportEvent.HEARTBEAT, "spot_notice", at=max(0, now + hours * HOUR))
    assert len(fuse.calls) - before < 40
    (hit,) = everything_in(world.table.interruptions)
    assert world.runner(machine).launched_at <= hit.at <= now + 2 * MINUTE
    assert world.runner(machine).interrupted_at == hit.at


def test_a_machine_that_waits_in_a_pool_drains() -> None:
    """It has no job and no registration; nothing else is there to do."""
    world = World()
    idle = Runner(
        machine="i-pool",
        repository="",
        labels=(),
        launch_id="l-0",
        state=RunnerState.READY,
        pool="hot",
        instance_type="m7i.large",
        zone="us-east-1a",
        market=Market.SPOT,
        launched_at=world.clock.now() - DAY,
    )
    world.table.runners.add(idle)
    warn(world, "i-pool", times=2)
    assert world.runner("i-pool").state is RunnerState.DRAINING
    assert len(everything_in(world.table.interruptions)) == 1


def test_an_on_demand_machine_that_is_taken_counts_for_no_circuit() -> None:
    """The cloud does not do that; if its word says so, the job is seen to all the same, once."""
    world = World()
    job = world.push_job(labels="paddock/spot=false", lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    warn(world, machine, times=2)
    assert not everything_in(world.table.interruptions)
    told = [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]
    assert told.count("interrupted") == 1
    take_back(world, machine)
    say_gone(world, machine)
    world.run_until_quiet()
    assert world.record(job).result is OperationalResult.INTERRUPTED
    assert attempts(world) == [1, 2]
    check(world)


def test_a_machines_record_is_closed_although_github_refuses_to_speak_of_the_run() -> None:
    """Whether the run is re-run is another question than whether the machine is gone."""
    broken = Failing()
    world = World(around=broken.around, webhooks=without(("workflow_run", "completed")))
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    broken.errors["github.workflows.run"] = AccessDenied("no")
    tell = stopped(world, job)
    world.run(5 * SECOND)
    tell()
    world.cloud.take_back(machine)
    say_gone(world, machine)
    world.run(2 * MINUTE)
    assert world.runner(machine).state is RunnerState.GONE
    assert world.events.depth().dead == 0
    broken.errors.clear()
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    check(world)


@pytest.mark.parametrize("state", [JobState.LAUNCHED, JobState.RUNNING])
def test_a_machines_record_is_closed_although_github_refuses_to_speak_of_its_job(state: JobState) -> None:
    """The App lost the repository: the machine is gone all the same, and is billed to its end."""
    broken = Failing()
    world = World(around=broken.around)
    job = world.push_job(lasts=20 * MINUTE)
    if state is JobState.RUNNING:
        running(world, job)
    else:
        world.run(5 * SECOND)
    assert world.record(job).state is state
    machine = machine_of(world, job)
    broken.errors["github.workflows.job"] = AccessDenied("no")
    world.take_back(machine)
    world.run(2 * MINUTE)
    assert world.runner(machine).state is RunnerState.GONE
    broken.errors.clear()
    world.run(20 * MINUTE)
    world.run_until_quiet()
    world.events.inner._dead.clear()
    check(world)
