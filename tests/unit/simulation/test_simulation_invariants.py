"""What must never be is noticed: each rule of the simulation, broken on purpose."""

from collections.abc import Callable

import attrs
import pytest

from paddock.core.costs.ledger import Phase
from paddock.core.decision import Decision
from paddock.core.job import Job, JobFacts
from paddock.core.messages import Assignment, JobRequested, RunnerPackage
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.github import Scope
from paddock.core.ports.machines import LaunchRequest
from paddock.core.settings import Limits
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.intake import Taken
from tests.strategies import NOON
from tests.world.spot import machine_of, running
from tests.world.world import SETTINGS, World


def a_live_runner_is_killed(world: World) -> None:
    """A sweep on a stale snapshot."""
    job = world.push_job(lasts=HOUR)
    running(world, job)
    world.sim.processes.fleet.house.sweep._machines.terminate([machine_of(world, job)])


def a_second_machine_is_started(world: World) -> None:
    """The job is thought lost, and its machine is well."""
    job = world.push_job(lasts=HOUR)
    world.run(SECOND)
    world.table.jobs.update(str(job), {"state": JobState.LAUNCHED}, {"state": JobState.QUEUED, "machine": None})
    world.fleet.house.sweep()
    world.work()


def a_machine_is_started_that_nobody_wrote_down(world: World) -> None:
    """Without a launch record nobody could resume it."""
    world.sim.processes.fleet.house.sweep._machines.launch(LaunchRequest("token", 1, RunnerSpec(), Market.SPOT, 40))


def a_machine_is_forgotten(world: World) -> None:
    """Its record is gone, and so nobody ends it."""
    job = world.push_job(lasts=MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    world.sweeps(on=False)
    world.agents.by_machine[machine].mute = True
    world.run(20 * MINUTE)


def a_job_is_lost(world: World) -> None:
    """Its webhook never comes, and nobody compares."""
    world.courier.fate = lambda _: ()
    world.sweeps(on=False)
    world.push_job()
    world.run(2 * HOUR)


def the_record_says_otherwise(world: World) -> None:
    """GitHub says success."""
    job = world.push_job()
    world.run_until_quiet()
    world.table.jobs.update(str(job), {"state": JobState.FINISHED}, {"conclusion": "failure"})


def a_job_is_given_up_without_a_reason(world: World) -> None:
    """Its author would not know why."""
    job = world.push_job(labels="paddock/cpu=banana")
    world.run(MINUTE)
    world.table.jobs.update(str(job), {"state": JobState.REJECTED}, {"reason": ""})


def a_record_stays_open(world: World) -> None:
    """GitHub has ended the job, and the fleet never hears of it."""
    job = world.push_job(lasts=MINUTE)
    running(world, job)
    world.courier.fate = lambda _: ()
    world.sweeps(on=False)
    world.silence(machine_of(world, job))
    world.github.runs.complete(world.agents.by_machine[machine_of(world, job)].orders.runner_id, job, "success")  # type: ignore[union-attr]
    world.run(2 * HOUR)


def a_served_job_is_called_interrupted(world: World) -> None:
    """It came to its own end."""
    job = world.push_job()
    world.run_until_quiet()
    world.table.jobs.update(str(job), {"state": JobState.FINISHED}, {"result": OperationalResult.INTERRUPTED})


def a_bill_has_a_gap(world: World) -> None:
    """A line of the ledger is missing."""
    job = world.push_job()
    world.run_until_quiet()
    entries = world.sim.archive._bills[machine_of(world, job)]
    entries[:] = [entry for entry in entries if entry.phase is not Phase.JOB]


def a_machine_is_not_billed(world: World) -> None:
    """None of its lines is there."""
    job = world.push_job(lasts=10 * MINUTE)
    world.run_until_quiet()
    world.sim.archive._bills.clear()
    assert world.record(job).conclusion == "success"


def a_decision_has_no_reason(world: World) -> None:
    """Nobody could explain it."""
    world.decisions.append([Decision("job:1", NOON, "dispatch", "launched", "")])


def a_fault_is_told(world: World) -> None:
    """One of ours, which the fleet caught."""
    world.decisions.append([Decision("job:1", NOON, "dispatch", "fault", "a fault of ours: KeyError: 1")])


def a_step_fails_as_nobody_foresaw(world: World) -> None:
    """Neither a port's error nor a crash."""

    def fail() -> None:
        raise KeyError("x")

    world.sim.processes.guarded("sweep", fail)


def a_job_is_launched_too_often(world: World) -> None:
    """Beyond its budget."""
    job = world.push_job()
    world.run_until_quiet()
    world.table.jobs.update(str(job), {"state": JobState.FINISHED}, {"launch": 9})


def what_was_lost_is_overlooked(world: World) -> None:
    """The cloud took a job's machine, and no re-run was considered."""
    job = world.push_job(lasts=HOUR)
    running(world, job)
    world.take_back(machine_of(world, job))
    world.run_until_quiet()
    world.table.reruns.remove(str(world.record(job).facts.run_id))


def what_was_not_lost_is_run_again(world: World) -> None:
    """A red test is nobody's failure but its author's."""
    job = world.push_job(ends="failure")
    world.run_until_quiet()
    told = world.github.state.jobs[job]
    world.github.runs.rerun_failed(told.repository, told.run_id)
    world.run_until_quiet()


def an_interruption_counts_for_nothing(world: World) -> None:
    """The circuit never hears of it."""
    job = world.push_job(lasts=HOUR)
    running(world, job)
    machine = machine_of(world, job)
    world.take_back(machine)
    world.run_until_quiet()
    assert world.runner(machine).state is RunnerState.GONE
    world.table.interruptions.remove(machine)


def a_job_stands_still(world: World) -> None:
    """Its machine does nothing, and no sweep looks."""
    job = world.push_job()
    world.run(SECOND)
    world.sweeps(on=False)
    world.silence(machine_of(world, job))
    world.run(50 * MINUTE)


def a_message_is_sent_before_its_record_is_flipped(world: World) -> None:
    """A crash in between would lose the job."""
    job = world.push_job()
    world.run_until_quiet()
    world.sim.watch.written._added[job] -= HOUR
    world.fleet.house.sweep_github._queue.send([JobRequested(world.record(job).facts, world.clock.now())])


def a_message_has_other_labels(world: World) -> None:
    """Every retry copies what GitHub said."""
    job = world.push_job()
    world.run(SECOND)
    facts = attrs.evolve(world.record(job).facts, labels=("paddock/cpu=8",))
    world.fleet.house.sweep_github._queue.send([JobRequested(facts, world.clock.now(), "a delivery")])


def a_machine_is_of_another_kind(world: World) -> None:
    """The job asked for four processors."""
    job = world.push_job(labels="paddock/cpu=4")
    world.sim.watch.written.launched(LaunchRequest("token", 1, RunnerSpec(), Market.SPOT, 40), [job])


def a_runner_lacks_a_label(world: World) -> None:
    """GitHub would never give it the job."""
    job = world.push_job(labels="paddock/cpu=4")
    registered = world.github.runners.register(Scope("acme", "app"), "paddock--i-1--1", ("paddock",))
    package = RunnerPackage("2.330.0", "https://github.invalid/runner.tar.gz", "ab" * 32, "runner.tar.gz")
    orders = Assignment("i-1", job, 1, "acme/app", ("paddock/cpu=4",), registered.name, registered.id, package)
    world.sim.watch.ordered(orders, AssignmentReceipt("i-1", registered.name, registered.id, taken=False))


def a_launch_that_gave_nothing_is_held_against_the_job(world: World) -> None:
    """The cloud had no machine."""
    job = attrs.evolve(Job(JobFacts(7, 8, "acme/app", ("paddock",))), state=JobState.DISPATCHING, launch=1)
    world.sim.watch.written.changed(job, attrs.evolve(job, state=JobState.QUEUED))


def a_launch_is_failed_unasked(world: World) -> None:
    """GitHub gave the job to a runner a while ago."""
    job = world.push_job(lasts=HOUR)
    running(world, job)
    world.run(5 * MINUTE)
    launched = attrs.evolve(world.record(job), state=JobState.LAUNCHED)
    world.sim.watch.written.changed(launched, attrs.evolve(launched, state=JobState.QUEUED))


def a_word_is_acknowledged_and_ignored(world: World) -> None:
    """GitHub cancelled the job before it started."""
    job = world.push_job()
    world.run(SECOND)
    world.fleet.events._completion.completed = lambda seen: None  # type: ignore[method-assign]  # noqa: ARG005
    world.cancel(job)
    world.run(SECOND)


def a_word_is_taken_in_and_dropped(world: World) -> None:
    """Intake says that it took it."""
    world.fleet.intake = lambda _: Taken()  # type: ignore[assignment]
    world.push_job()
    world.run(SECOND)


def a_lost_machines_job_is_left(world: World) -> None:
    """The step closes the machine and does nothing else."""
    job = world.push_job()
    world.run(SECOND)
    world.fleet.events._completion.launch_lost = lambda *_: None  # type: ignore[method-assign]
    world.cloud.kill(machine_of(world, job))
    world.run(2 * MINUTE)


def a_machine_is_kept_for_nobody(world: World) -> None:
    """Its job was cancelled before it started."""
    job = world.push_job()
    world.run(SECOND)
    world.fleet.events._completion._release = lambda job: None  # type: ignore[method-assign]  # noqa: ARG005
    world.cancel(job)
    world.run(SECOND)


def a_machine_that_lives_is_called_gone(world: World) -> None:
    """It was only not seen."""
    job = world.push_job(lasts=HOUR)
    running(world, job)
    runner = world.runner(machine_of(world, job))
    world.sim.watch.written.closed(runner, attrs.evolve(runner, gone_at=world.clock.now()))


BREACHES: dict[Callable[[World], None], str] = {
    a_live_runner_is_killed: "no live runner is killed",
    a_second_machine_is_started: "one machine for each job",
    a_machine_is_started_that_nobody_wrote_down: "launches are written down first",
    a_machine_is_forgotten: "no machine outlives its purpose",
    a_job_is_lost: "no job is lost",
    the_record_says_otherwise: "jobs end as GitHub says",
    a_job_is_given_up_without_a_reason: "jobs end as GitHub says",
    a_record_stays_open: "jobs end as GitHub says",
    a_served_job_is_called_interrupted: "results are true",
    a_bill_has_a_gap: "the ledger equals the bill",
    a_machine_is_not_billed: "the ledger equals the bill",
    a_decision_has_no_reason: "every decision has a reason",
    a_fault_is_told: "no fault is ours",
    a_step_fails_as_nobody_foresaw: "no fault is ours",
    a_job_is_launched_too_often: "launches stay within the budget",
    what_was_lost_is_overlooked: "what was lost is run again",
    what_was_not_lost_is_run_again: "what was lost is run again",
    an_interruption_counts_for_nothing: "interruptions count once",
    a_job_stands_still: "no job waits for nothing",
    a_message_is_sent_before_its_record_is_flipped: "records are flipped before messages are sent",
    a_message_has_other_labels: "what GitHub said is kept whole",
    a_machine_is_of_another_kind: "what GitHub said is kept whole",
    a_runner_lacks_a_label: "a runner has its job's labels",
    a_launch_that_gave_nothing_is_held_against_the_job: "launches are held against a job with cause",
    a_launch_is_failed_unasked: "GitHub is asked before a launch counts as failed",
    a_word_is_acknowledged_and_ignored: "what was acknowledged is written down",
    a_word_is_taken_in_and_dropped: "what is taken in is not dropped",
    a_lost_machines_job_is_left: "a lost machine's job is seen to",
    a_machine_is_kept_for_nobody: "a machine is released with its job",
    a_machine_that_lives_is_called_gone: "what is closed is gone",
}


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_a_broken_rule_is_noticed(breach: Callable[[World], None]) -> None:
    """And told by its name, once, with the story of the job or machine."""
    world = World()
    breach(world)
    found = [one for one in world.sim.check() if one.rule == BREACHES[breach]]
    assert len(found) == 1, world.sim.check()
    assert found[0].what
    assert NOON <= found[0].at <= world.clock.now()


def test_a_quiet_story_breaks_none() -> None:
    """However often it is looked at."""
    world = World()
    world.push_jobs(3)
    world.run_until_quiet()
    assert world.sim.check() == world.sim.check() == []


def test_a_machine_is_in_use_until_its_end_is_noticed() -> None:
    """Whoever waits behind a limit waits for that too: nobody said that the machine ended before the sweep looked."""
    world = World(settings=attrs.evolve(SETTINGS, limits=Limits(machines=1)))
    for _ in range(20):
        world.push_job(lasts=250 * SECOND)  # whenever the rules look, the machine is gone, and its successor to come
    world.run(HOUR)
    assert len(world.table.jobs.page("live", "queued").items) > 5
    assert world.sim.check() == []


def test_stories_are_told_in_order_and_rules_are_not_told_without_end() -> None:
    """A hundred of a kind are enough."""
    world = World()
    job = world.push_job()
    world.run_until_quiet()
    world.sim.findings.wrong("a rule", "broken", job, machine_of(world, job))
    (found,) = world.sim.findings.violations
    assert len(found.story) > 3
    assert list(found.story) == sorted(found.story, key=lambda line: line[:12])
    for _ in range(200):
        world.sim.findings.fault("another rule", "broken")
    assert len(world.sim.findings.violations) == 101
