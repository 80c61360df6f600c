"""What machines report and what GitHub says: in any order, twice, late, or untrue."""

import attrs
import pytest

from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.adapters.simulation.wires import Wired
from paddock.adapters.simulation.words import facts_of, word_of
from paddock.core.errors import Conflict, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.messages import JobObserved, JobRequested, Observed, ReportEvent, RunCompleted, RunnerReported
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.faults import Between, Failing
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import World


def running(world: World, **job: object) -> tuple[int, str]:
    """A job that runs, and its machine."""
    number = world.push_job(lasts=HOUR, **job)  # type: ignore[arg-type]  # passed through
    world.run(MINUTE)
    machine = world.record(number).machine
    assert world.record(number).state is JobState.RUNNING
    assert machine is not None
    return number, machine


def observed(world: World, job: int, status: Observed, **fields: object) -> JobObserved:
    """GitHub's word on the job."""
    record = world.github.state.jobs[job]
    facts = facts_of(record, world.github.state.repository(record.repository))
    return attrs.evolve(JobObserved(facts, status, world.clock.now()), **fields)  # type: ignore[arg-type]  # as above


def reported(world: World, machine: str, event: ReportEvent, **fields: object) -> RunnerReported:
    """A machine's word."""
    runner = world.runner(machine)
    report = RunnerReported(event, machine, runner.assigned_job or 0, 1, runner.runner_name or "", world.clock.now())
    return attrs.evolve(report, **fields)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("first", ["github", "machine"])
@pytest.mark.parametrize("ends", ["success", "failure"])
def test_two_witnesses_close_a_job_whoever_comes_first(first: str, ends: str) -> None:
    """GitHub's conclusion, the machine's result: a red test is not our failure."""
    late = (5 * MINUTE,)
    world = World(
        webhooks=lambda event: late if first == "machine" and getattr(event, "action", "") == "completed" else (0,),
        reports=lambda report: late if first == "github" and getattr(report, "event", "") == "finished" else (0,),
    )
    job = world.push_job(ends=ends)
    world.run_until_quiet()
    record = world.record(job)
    assert (record.state, record.conclusion, record.result) == (JobState.FINISHED, ends, OperationalResult.SERVED)
    check(world, noticed=6 * MINUTE)


def test_every_message_may_come_twice_and_backwards() -> None:
    """Nothing changes by repeating it."""
    world = World()
    job, machine = running(world)
    world.run_until_quiet()
    before = (world.record(job), world.runner(machine))
    events = [delivery.event for delivery in world.github.deliveries.newest_first()]
    for word in (word_of(event, world.clock.now()) for event in events):
        if isinstance(word, JobObserved | RunCompleted):
            world.fleet.events(word)
    for kind in reversed(ReportEvent):
        world.fleet.events(reported(world, machine, kind, result=OperationalResult.SERVED, conclusion="success"))
    after = (world.record(job), world.runner(machine))
    assert after == (before[0], attrs.evolve(before[1], heartbeat_at=after[1].heartbeat_at))


def test_word_of_a_start_may_overtake_word_of_the_job() -> None:
    """The record is made then; the request that follows finds it running."""
    world = World(webhooks=lambda event: () if getattr(event, "action", "") == "queued" else (0,))
    helper = world.push_job(labels="paddock")
    facts = observed(world, helper, Observed.IN_PROGRESS).job
    world.fleet.events(JobObserved(facts, Observed.IN_PROGRESS, NOON, runner_name="somebody-elses-runner"))
    assert world.record(helper).state is JobState.RUNNING
    assert world.record(helper).machine is None
    world.fleet.dispatch([JobRequested(facts, NOON, "guid")])
    assert not world.cloud.lives
    assert world.verdicts(helper)[:2] == ["early", "running"]


def test_jobs_of_equal_labels_swap_their_machines() -> None:
    """GitHub gives a job to any runner that fits: nobody is left without a machine, and none is launched for it."""
    for seed in range(20):
        world = World(seed=seed)
        jobs = world.push_jobs(4)
        world.run_until_quiet()
        check(world)
        assert len(world.cloud.lives) == 4
        assert {world.record(job).launch for job in jobs} == {1}


def test_a_machine_is_inherited_only_by_a_job_that_its_labels_cover() -> None:
    """A runner with more labels takes a job with fewer; the job it was meant for cannot use the other's runner."""
    world = World()
    demanding = world.push_job(labels=("paddock", "cpu=4"), lasts=HOUR)
    world.run(10 * SECOND)
    modest = world.push_job(labels="paddock", lasts=HOUR)
    world.run(10 * MINUTE)
    assert world.record(modest).machine != world.record(demanding).machine
    world.run_until_quiet()
    check(world)
    assert world.record(demanding).displaced == 1
    assert "displaced" in world.verdicts(demanding)


def test_a_job_cancelled_before_it_starts_releases_its_machine() -> None:
    """It drains, and ends when it still serves nobody."""
    world = World()
    job = world.push_job()
    world.run(5 * SECOND)
    world.cancel(job)
    world.run(5 * SECOND)
    assert world.record(job).state is JobState.CANCELLED
    assert world.runner(world.cloud.alive[0]).state is RunnerState.DRAINING
    world.run_until_quiet()
    check(world)


def test_a_job_cancelled_before_it_was_dispatched_gets_no_machine() -> None:
    """The request that comes late finds its record closed."""
    world = World(webhooks=lambda event: (MINUTE,) if getattr(event, "action", "") == "queued" else (0,))
    job = world.push_job()
    world.cancel(job)
    world.run_until_quiet()
    assert world.record(job).state is JobState.CANCELLED
    assert not world.cloud.lives


def test_a_machine_that_interrupts_its_job_leaves_the_conclusion_to_github() -> None:
    """What the runner prints then is not what GitHub is told: the job stays open until GitHub has spoken."""
    world = World()
    job, machine = running(world)
    world.cloud.kill(machine)
    world.fleet.events(
        reported(world, machine, ReportEvent.FINISHED, result=OperationalResult.INTERRUPTED, reason="sigterm")
    )
    assert (world.record(job).state, world.record(job).result) == (JobState.RUNNING, OperationalResult.INTERRUPTED)
    world.run_until_quiet()
    assert (world.record(job).state, world.record(job).conclusion) == (JobState.FINISHED, "failure")
    assert world.record(job).result is OperationalResult.INTERRUPTED
    check(world)


def test_githubs_conclusion_corrects_the_runners() -> None:
    """It is the one that people see."""
    world = World()
    job, machine = running(world)
    finished = reported(
        world, machine, ReportEvent.FINISHED, conclusion="cancelled", result=OperationalResult.INTERRUPTED
    )
    world.fleet.events(finished)
    assert world.record(job).conclusion == "cancelled"
    world.fleet.events(observed(world, job, Observed.COMPLETED, conclusion="failure"))
    assert world.record(job).conclusion == "failure"
    assert world.verdicts(job)[-1] == "corrected"


def test_a_machine_that_fails_to_start_is_replaced_and_an_alike_failure_ends_it() -> None:
    """Twice the same means that machine or image are broken, not unlucky."""
    world = World()
    job = world.push(JobScript("job", ("paddock",), faults=RunnerFaults(delete_while_idle_after=0, times=99)))[0]
    for runner in world.github.all_runners():
        world.github.runners.delete(runner.id)

    def deleted() -> None:
        for runner in world.github.all_runners():
            world.github.runners.delete(runner.id)

    for _ in range(60):
        world.run(5 * SECOND)
        deleted()
    record = world.record(job)
    assert (record.state, record.launch) == (JobState.ABANDONED, 2)
    assert "registration_deleted" in record.reason
    world.run(HOUR)
    assert not world.cloud.alive


def test_machines_that_vanish_without_a_word_cost_the_whole_budget() -> None:
    """A spot machine taken away says nothing about the next: three tries, then the job is given up with a reason."""
    world = World()
    job = world.push_job()
    for _ in range(40):
        world.run(10 * SECOND)
        for machine in world.cloud.alive:
            world.cloud.kill(machine)
    record = world.record(job)
    assert (record.state, record.launch) == (JobState.ABANDONED, 3)
    assert record.reason.startswith("launch budget spent")
    assert len(world.cloud.lives) == 3


def test_a_machine_that_idles_out_counts_as_a_failed_launch() -> None:
    """Else a job that no runner is ever given would get machines for ever."""
    world = World()
    job = world.push_job()
    # GitHub holds it for a runner that is gone: no other runner is given it.
    world.github.state.put_job(world.github.state.jobs[job], assigned_to=999, lease_until=NOON + 2 * DAY)
    world.run(2 * HOUR)
    record = world.record(job)
    assert record.launch - record.displaced <= 3
    assert len(world.cloud.lives) <= 3


def test_a_report_from_an_unknown_machine_is_written_down_and_changes_nothing() -> None:
    """It may be a stranger's."""
    world = World()
    world.fleet.events(RunnerReported(ReportEvent.FINISHED, "i-unknown", 1, 1, "x", NOON))
    assert [told.verdict for told in world.decisions.about("machine:i-unknown")] == ["unknown_machine"]


def test_when_a_machine_was_ready_is_not_learnt_once_its_bill_is_begun() -> None:
    """Another process closes its books between the reading of its record and the writing."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.work()
    machine = world.record(job).machine or ""
    gone_at = world.clock.now()
    deed = Between(2, lambda: world.table.runners.update(machine, {}, {"gone_at": gone_at}))
    world.around = deed.around
    told = RunnerReported(ReportEvent.STARTED, machine, job, 1, "", gone_at, ready_at=gone_at)
    world.new_fleet().events(told)
    assert world.runner(machine).gone_at == gone_at
    assert world.runner(machine).ready_at is None


def test_a_machines_clock_is_not_believed() -> None:
    """Job code owns the machine: a report from the year 2100 must not keep it alive for ever."""
    world = World()
    job, machine = running(world)
    for event in (ReportEvent.HEARTBEAT, ReportEvent.FINISHED):
        future = NOON + 10_000 * DAY
        forged = reported(
            world, machine, event, conclusion="success", result=OperationalResult.SERVED, finished_at=future
        )
        world.fleet.events(attrs.evolve(forged, at=future))
    runner = world.runner(machine)
    assert runner.heartbeat_at == runner.idle_at == world.clock.now()
    assert (runner.result, world.record(job).live) == (OperationalResult.SERVED, True)
    world.run(5 * MINUTE)
    assert machine not in world.cloud.alive


def test_a_machine_that_says_nothing_after_githubs_word_is_ended() -> None:
    """Its job is over, its report lost, its power-off failed."""
    world = World()
    job, machine = running(world)
    world.silence(machine)
    world.github.runs.complete(world.cloud.agents[machine].orders.runner_id, job, "success")  # type: ignore[union-attr]
    world.run(10 * MINUTE)
    assert machine not in world.cloud.alive
    assert world.record(job).state is JobState.FINISHED
    assert "draining" in [told.verdict for told in world.decisions.about(f"machine:{machine}")]


def test_a_job_that_github_no_longer_knows_is_given_up() -> None:
    """Its repository or run was deleted while its machine was lost."""
    world = World()
    job = world.push_job()
    world.run(5 * SECOND)
    del world.github.state.jobs[job]
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    world.run(5 * MINUTE)
    assert (world.record(job).state, world.record(job).reason) == (
        JobState.ABANDONED,
        "GitHub no longer knows the job",
    )


def test_the_end_of_a_run_is_accepted() -> None:
    """Re-runs are decided on it, later."""
    world = World()
    world.fleet.events(RunCompleted(1, 1, "acme/app", "failure"))
    assert world.errors == []


@pytest.mark.parametrize("status", Observed)
def test_a_record_that_does_not_keep_still_brings_the_message_back(status: Observed) -> None:
    """Losing every race is a passing fault, not a reason to drop GitHub's word."""
    world = World()
    job = world.push_job()
    world.run(SECOND)

    def around(name: str, port: object) -> Wired:
        def intercept(what: str, call: object) -> object:
            if what == "table.jobs.update":
                raise Conflict("somebody was faster", world.table.jobs.get(str(job)))
            assert callable(call)
            return call()

        return Wired(name, port, intercept)

    world.around = around
    with pytest.raises(Unavailable, match="does not keep still"):
        world.new_fleet().events(observed(world, job, status, conclusion="success", runner_name="x"))


@pytest.mark.parametrize("call", ["table.jobs.update", "table.runners.update", "github.workflows.job"])
def test_an_event_that_cannot_be_handled_now_comes_back(call: str) -> None:
    """A store or GitHub is away: the message is deferred, and in the end all is closed."""
    failing = Failing()
    world = World(around=failing.around, reports=lambda _: (0, 0))
    world.push_job()
    world.run(10 * SECOND)
    failing.errors[call] = Unavailable("away")
    world.run(3 * MINUTE)
    failing.errors.clear()
    world.run_until_quiet()
    check(world, noticed=10 * MINUTE)


def test_a_label_set_of_jobs_shares_what_is_left_of_a_cancelled_one() -> None:
    """A machine whose own job was cancelled serves another one of the same labels, if GitHub was faster."""
    world = World()
    first, second = world.push_job(lasts=HOUR), world.push_job(lasts=HOUR)
    world.run(21 * SECOND)
    assert {job.state for job in map(world.record, (first, second))} <= {JobState.RUNNING, JobState.LAUNCHED}
    world.cancel(first)
    world.run_until_quiet()
    check(world)


def test_waits_and_durations_are_githubs() -> None:
    """Its clock stands above the machine's."""
    world = World()
    job = world.push_job(lasts=10 * MINUTE)
    world.run_until_quiet()
    record: Job = world.record(job)
    told = world.github.state.jobs[job]
    assert (record.started_at, record.finished_at) == (told.started_at, told.completed_at)
    assert record.duration == 10 * MINUTE


def test_a_machine_that_worked_for_a_job_lost_to_us_costs_its_own_job_nothing() -> None:
    """It served somebody of the same labels; GitHub still has its own job in the queue: a new machine, no blame."""
    world = World(webhooks=lambda _: ())
    job, other = world.push_jobs(2)
    request = JobRequested(observed(world, job, Observed.IN_PROGRESS).job, NOON)
    world.fleet.dispatch([request])
    machine = world.record(job).machine or ""
    world.github.state.put_job(world.github.state.jobs[job], assigned_to=999)  # GitHub gives the machine the other one
    world.run(30 * SECOND)
    world.fleet.events(
        reported(world, machine, ReportEvent.FINISHED, conclusion="success", result=OperationalResult.SERVED)
    )
    assert world.github.state.jobs[other].assigned_to is not None
    world.run(2 * MINUTE)
    assert (world.record(job).launch, world.record(job).displaced) == (2, 1)
    assert "displaced" in world.verdicts(job)


@pytest.mark.parametrize("started", [True, False])
def test_a_launched_job_whose_machine_is_past_work_is_asked_about(*, started: bool) -> None:
    """Nobody said whom it served: if it ran something, the job was displaced, else its launch has failed."""
    world = World()
    job = world.push_job()
    world.run(5 * SECOND)
    machine = world.record(job).machine or ""
    world.github.state.put_job(world.github.state.jobs[job], assigned_to=999)
    world.silence(machine)
    at = world.clock.now() if started else None
    world.table.runners.update(
        machine,
        {"state": RunnerState.BOOTING},
        {"state": RunnerState.DRAINING, "idle_at": world.clock.now(), "busy_at": at, "reason": "unheard of"},
    )
    world.run(2 * MINUTE + 20 * SECOND)
    record = world.record(job)
    assert (record.launch, record.displaced) == (2, 1 if started else 0)
    assert ("displaced" if started else "relaunch") in world.verdicts(job)


def test_a_report_without_a_reason_gets_one() -> None:
    """Every decision says why, or that it was not told."""
    world = World()
    world.push_job()
    world.run(5 * SECOND)
    machine = world.cloud.alive[0]
    world.fleet.events(reported(world, machine, ReportEvent.FAILED_TO_START))
    told = [decision for decision in world.decisions.about(f"machine:{machine}") if decision.actor == "completion"]
    assert [(decision.verdict, decision.reason) for decision in told] == [("failed_to_start", "it gave no reason")]


def test_only_a_machines_first_word_on_its_end_counts() -> None:
    """A second one is a forgery or a fault."""
    world = World()
    _, machine = running(world)
    served = reported(world, machine, ReportEvent.FINISHED, conclusion="success", result=OperationalResult.SERVED)
    world.fleet.events(served)
    world.fleet.events(reported(world, machine, ReportEvent.FAILED_TO_START, reason="no_job"))
    assert (world.runner(machine).result, world.runner(machine).reason) == (OperationalResult.SERVED, "")


def test_a_machine_that_serves_a_third_job_is_inherited_by_nobody() -> None:
    """The job whose machine was taken gets a new one instead."""
    world = World(webhooks=lambda _: ())
    left, taker, third = world.push_jobs(3)
    for job in (left, taker, third):
        world.fleet.dispatch([JobRequested(observed(world, job, Observed.IN_PROGRESS).job, NOON)])
    machines = {job: world.record(job).machine or "" for job in (left, taker, third)}

    def started(job: int, on: str) -> None:
        name = world.runner(on).runner_name
        world.fleet.events(observed(world, job, Observed.IN_PROGRESS, runner_name=name))

    world.table.runners.update(machines[taker], {}, {"served_job": third})  # known, and its pairing not yet complete
    started(taker, machines[left])
    world.fleet.house.sweep()
    assert (world.record(left).state, world.record(left).displaced) == (JobState.QUEUED, 1)


def test_an_inherited_machine_that_dies_is_no_failure_of_the_job_that_has_it() -> None:
    """The job's own launch gave a machine that works: for another one."""
    world = World(webhooks=lambda _: ())
    left, taker = world.push_jobs(2)
    for job in (left, taker):
        world.fleet.dispatch([JobRequested(observed(world, job, Observed.IN_PROGRESS).job, NOON)])
    first, second = (world.record(job).machine or "" for job in (left, taker))
    world.run(15 * SECOND)  # EC2 lists them by now
    world.fleet.events(observed(world, taker, Observed.IN_PROGRESS, runner_name=world.runner(first).runner_name))
    world.fleet.house.sweep()
    assert world.record(left).machine == second
    world.cloud.kill(second)
    world.fleet.house.sweep()
    assert (world.record(left).state, world.record(left).displaced, world.record(left).failure) == (
        JobState.QUEUED,
        1,
        "",
    )
    assert [told.verdict for told in world.decisions.about(f"job:{left}")][-2:] == ["swapped", "displaced"]


def test_a_job_that_was_given_up_and_runs_after_all_is_noted_on_its_machine() -> None:
    """Its record stays closed; but the job whose machine it took must not wait for it."""
    world = World(webhooks=lambda _: ())
    given_up, other = world.push_jobs(2)
    for job in (given_up, other):
        world.fleet.dispatch([JobRequested(observed(world, job, Observed.IN_PROGRESS).job, NOON)])
    world.table.jobs.update(
        str(given_up),
        {"state": JobState.LAUNCHED},
        {"state": JobState.ABANDONED, "reason": "for the test", "machine": None},
    )
    machine = world.record(other).machine or ""
    name = world.runner(machine).runner_name
    world.fleet.events(observed(world, given_up, Observed.IN_PROGRESS, runner_name=name))
    assert world.record(given_up).state is JobState.ABANDONED
    assert (world.runner(machine).state, world.runner(machine).served_job) == (RunnerState.BUSY, given_up)
    assert world.record(other).state is JobState.QUEUED


@pytest.mark.parametrize(
    ("told", "heard", "taken"), [(7, 7_400_000, 7_400_000), (7, 8_000_000, 7_000_000), (9, 8_500_000, 9_000_000)]
)
def test_a_time_that_github_cut_to_its_second_is_read_as_that_second(told: int, heard: int, taken: int) -> None:
    """Word that comes within the second is the better time; later or impossible word is not."""
    facts = JobFacts(1, 1, "acme/app", ("paddock",))
    seen = JobObserved(facts, Observed.COMPLETED, heard, started_at=told * SECOND, completed_at=told * SECOND)
    assert (seen.began, seen.ended) == (taken, taken)


def test_an_inherited_machine_is_billed_to_the_workflow_that_it_served() -> None:
    """It was launched for a job of another one, and its books are closed in one step, from its own record."""
    world = World(webhooks=lambda _: ())
    left, taker = world.push_job(), world.push_job()
    for job in (left, taker):
        facts = observed(world, job, Observed.IN_PROGRESS).job
        world.fleet.dispatch([JobRequested(attrs.evolve(facts, workflow=f"workflow of {job}"), NOON)])
    first, second = (world.record(job).machine or "" for job in (left, taker))
    for machine, job in ((first, taker), (second, left)):
        world.fleet.events(reported(world, machine, ReportEvent.STARTED, started_at=NOON))  # before GitHub says whose
        name = world.runner(machine).runner_name
        world.fleet.events(observed(world, job, Observed.IN_PROGRESS, runner_name=name))
    world.clock.advance(MINUTE)
    done = reported(world, second, ReportEvent.FINISHED, result=OperationalResult.SERVED, conclusion="success")
    world.fleet.events(done)
    world.cloud.kill(second)
    world.fleet.house.sweep()
    assert not world.runner(second).live
    bill = world.table.ledger.get(second)
    assert bill is not None
    assert (bill.job_id, bill.workflow) == (left, f"workflow of {left}")


def concluded(conclusion: str) -> tuple[World, int, str]:
    """A job of which GitHub alone has told the end, and its machine."""
    world = World(reports=lambda _: ())
    job, machine = running(world)
    runner = world.cloud.agents[machine].orders.runner_id  # type: ignore[union-attr]  # it has orders
    world.github.runs.complete(runner, job, conclusion)
    world.run(SECOND)
    return world, job, machine


def test_success_ends_job_and_machine_in_one_step() -> None:
    """Where a machine says nothing of it: GitHub's word on the job is enough for its machine to be seen as done."""
    world, number, machine = concluded("success")
    job, found = world.record(number), world.runner(machine)
    assert (job.state, job.result) == (JobState.FINISHED, OperationalResult.SERVED)
    done = RunnerState.DRAINING, OperationalResult.SERVED, job.finished_at
    assert (found.state, found.result, found.idle_at) == done


def test_failure_says_nothing_of_the_machine() -> None:
    """It may be the machine that failed: that is its own word to say."""
    world, job, machine = concluded("failure")
    assert (world.record(job).state, world.runner(machine).state) == (JobState.FINISHED, RunnerState.BUSY)
