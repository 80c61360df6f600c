"""What the sweep does about what it saw: every rule, just before and just after its time has come."""

from collections.abc import Iterable

import attrs
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from paddock.core.job import Job, JobFacts
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from paddock.core.usecases.house.plan import (
    MOST_WAKES,
    Act,
    AdoptMachine,
    AskGitHub,
    CloseMachine,
    DrainMachine,
    EndMachine,
    InheritMachine,
    RelaunchJob,
    ReleaseMachine,
    Snapshot,
    WakeJob,
    plan,
)
from tests.strategies import NOON

DEADLINES = Deadlines()
JOB = Job(JobFacts(1, 9, "acme/app", ("paddock",), created_at=NOON), received_at=NOON)
MACHINE = Machine("i-1", MachineState.RUNNING, NOON)
RUNNER = Runner("i-1", "acme/app", ("paddock",), "token", runner_name="paddock--i-1--abc", launched_at=NOON)


def acts(
    after: Moment, *, jobs: tuple[Job, ...] = (), runners: tuple[Runner, ...] = (), machines: tuple[Machine, ...] = ()
) -> tuple[Act, ...]:
    """What is planned so long after noon."""
    return plan(Snapshot(NOON + after, jobs, runners, {machine.id: machine for machine in machines}), DEADLINES)


def kinds(seen: tuple[Act, ...]) -> list[str]:
    """The acts by name."""
    return [type(act).__name__ for act in seen]


def test_a_machine_that_is_not_listed_is_closed_unless_it_is_newborn() -> None:
    """The cloud may not list a machine in its first seconds; one that reported its end was there."""
    assert acts(10 * SECOND, runners=(RUNNER,)) == ()
    assert acts(11 * SECOND, runners=(RUNNER,)) == (CloseMachine("i-1", "the machine is gone"),)
    reported = attrs.evolve(RUNNER, result=OperationalResult.SERVED, state=RunnerState.DRAINING, idle_at=NOON)
    assert kinds(acts(SECOND, runners=(reported,))) == ["CloseMachine"]


def test_a_machine_without_a_record_gets_one_when_no_dispatcher_can_still_be_at_it() -> None:
    """A lease and a little more; it is not ended, it may run a job."""
    patience = DEADLINES.lease + 10 * SECOND
    assert acts(patience, machines=(MACHINE,)) == ()
    assert kinds(acts(patience + 1, machines=(MACHINE,))) == ["AdoptMachine"]
    act = acts(patience + 1, machines=(MACHINE,))[0]
    assert act == AdoptMachine(MACHINE, "it runs for 2 min 10 s and has no record")


@pytest.mark.parametrize(
    ("runner", "patience", "reason"),
    [
        (RUNNER, DEADLINES.boot, "silent for"),
        (attrs.evolve(RUNNER, ready_at=NOON), DEADLINES.boot + DEADLINES.idle, "silent for"),
        (attrs.evolve(RUNNER, heartbeat_at=NOON), DEADLINES.boot + DEADLINES.idle, "silent for"),
        (attrs.evolve(RUNNER, state=RunnerState.READY, ready_at=NOON), DEADLINES.boot + DEADLINES.idle, "silent for"),
        (attrs.evolve(RUNNER, runner_name=None), DEADLINES.orphan, "silent for"),
        (
            attrs.evolve(RUNNER, state=RunnerState.DRAINING, idle_at=NOON, reason="no_job"),
            DEADLINES.drain,
            "its work is over and it has not powered off: no_job",
        ),
        (
            attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON, served_job=1),
            DEADLINES.runtime + DEADLINES.drain,
            "beyond the longest job's time, and silent",
        ),
    ],
)
def test_a_machine_that_takes_too_long_is_ended(runner: Runner, patience: Moment, reason: str) -> None:
    """Each state has its own patience, and the record's state goes along for the second look."""
    job = attrs.evolve(JOB, state=JobState.RUNNING, machine="i-1", started_at=NOON)
    assert "EndMachine" not in kinds(acts(patience, jobs=(job,), runners=(runner,), machines=(MACHINE,)))
    found = acts(patience + 1, jobs=(job,), runners=(runner,), machines=(MACHINE,))
    ends = [act for act in found if isinstance(act, EndMachine)]
    assert [(act.machine, act.state) for act in ends] == [("i-1", runner.state)]
    assert ends[0].reason.startswith(reason)


def test_patience_counts_from_the_orders_and_not_from_the_launch() -> None:
    """GitHub throttled the registration for minutes: the machine keeps its time to fetch them and to boot."""
    job = attrs.evolve(LAUNCHED, launched_at=NOON + 9 * MINUTE)
    mine = attrs.evolve(RUNNER, assigned_job=1)
    patience = 9 * MINUTE + DEADLINES.boot
    assert acts(patience, jobs=(job,), runners=(mine,), machines=(MACHINE,)) == ()
    found = acts(patience + 1, jobs=(job,), runners=(mine,), machines=(MACHINE,))
    assert found == (EndMachine("i-1", "silent for 4 min 00 s, and without work", RunnerState.BOOTING),)
    elsewhere = attrs.evolve(job, machine="i-2")
    assert kinds(acts(patience, jobs=(elsewhere,), runners=(mine,), machines=(MACHINE,)))[0] == "EndMachine"
    heir = attrs.evolve(job, inherited=True)  # it gives the machine no orders, and no more time
    assert kinds(acts(patience, jobs=(heir,), runners=(mine,), machines=(MACHINE,)))[0] == "EndMachine"


def test_a_busy_machine_that_is_still_heard_of_lives() -> None:
    """Time alone ends nothing: silence is the second witness."""
    busy = attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON, served_job=1)
    job = attrs.evolve(JOB, state=JobState.RUNNING, machine="i-1", started_at=NOON)
    heard = attrs.evolve(busy, heartbeat_at=NOON + 7 * HOUR - DEADLINES.silence)
    assert acts(7 * HOUR, jobs=(job,), runners=(heard,), machines=(MACHINE,)) == ()
    assert kinds(acts(7 * HOUR + 1, jobs=(job,), runners=(heard,), machines=(MACHINE,))) == ["EndMachine"]


def test_a_machine_whose_job_github_concluded_drains() -> None:
    """Its own report may be lost: 24 of 62 running machines of one fleet had finished their jobs."""
    busy = attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON, served_job=1)
    assert acts(MINUTE, runners=(busy,), machines=(MACHINE,)) == (DrainMachine("i-1", 1),)
    unknown = attrs.evolve(busy, served_job=None)
    assert acts(MINUTE, runners=(unknown,), machines=(MACHINE,)) == ()


@pytest.mark.parametrize("state", [RunnerState.BOOTING, RunnerState.READY])
def test_a_machine_whose_job_ended_without_it_is_released(state: RunnerState) -> None:
    """Given up, or run by somebody else's runner: nothing is waited for, unless GitHub gave the machine another job."""
    idle = attrs.evolve(RUNNER, state=state, assigned_job=1)
    assert acts(MINUTE, runners=(idle,), machines=(MACHINE,)) == (ReleaseMachine("i-1", 1),)
    for served in (attrs.evolve(idle, served_job=2), attrs.evolve(idle, assigned_job=None)):
        assert acts(MINUTE, runners=(served,), machines=(MACHINE,)) == ()
    assert acts(MINUTE, jobs=(LAUNCHED,), runners=(idle,), machines=(MACHINE,)) == ()


def test_a_queued_job_is_woken_when_it_may_go_and_no_message_is_on_its_way() -> None:
    """Both marks must be over."""
    assert acts(0, jobs=(JOB,)) == (WakeJob(1),)
    assert acts(0, jobs=(attrs.evolve(JOB, not_before=NOON + 1),)) == ()
    assert acts(0, jobs=(attrs.evolve(JOB, lease_until=NOON + 1),)) == ()


def test_a_queued_job_older_than_github_lets_it_wait_is_asked_about() -> None:
    """The word that it was cancelled may be lost."""
    assert kinds(acts(DAY, jobs=(JOB,))) == ["WakeJob"]
    assert acts(DAY + 1, jobs=(JOB,)) == (AskGitHub(1, None, "it has waited longer than GitHub lets a job wait"),)


def test_of_the_jobs_that_wait_for_a_limit_each_repositorys_oldest_are_woken() -> None:
    """One repository's long queue must not keep another's only job from being looked at."""
    crowd = tuple(
        attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=100 + n, created_at=NOON - n), not_before=NOON)
        for n in range(MOST_WAKES + 5)
    )
    other = attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=7, repository="acme/other"), not_before=NOON)
    woken = [act.job_id for act in acts(0, jobs=(*crowd, other)) if isinstance(act, WakeJob)]
    assert woken == [*(114 - n for n in range(MOST_WAKES)), 7]


def test_jobs_that_wait_for_limits_come_after_those_that_lost_their_message() -> None:
    """They are dispatched anew every few seconds; the others may be behind them in age, and wait for this alone."""
    limited = tuple(
        attrs.evolve(
            JOB, facts=attrs.evolve(JOB.facts, job_id=n, repository=f"acme/{n}", created_at=NOON - n), not_before=NOON
        )
        for n in range(100, 103)
    )
    lost = attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=7))
    requeued = attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=8), not_before=NOON, lease_until=NOON)
    woken = [act.job_id for act in acts(0, jobs=(*limited, lost, requeued)) if isinstance(act, WakeJob)]
    assert woken == [7, 8, 102, 101, 100]


def test_jobs_that_wait_only_for_their_message_are_all_woken() -> None:
    """However many messages were lost."""
    many = tuple(attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=n)) for n in range(50))
    assert len(acts(0, jobs=many)) == 50


def test_a_job_whose_dispatcher_died_is_woken_after_its_lease() -> None:
    """And ten seconds more: its own message may come first."""
    job = attrs.evolve(JOB, state=JobState.DISPATCHING, lease_until=NOON)
    assert acts(10 * SECOND - 1, jobs=(job,)) == ()
    assert acts(10 * SECOND, jobs=(job,)) == (WakeJob(1, "its dispatcher's lease ran out"),)


LAUNCHED = attrs.evolve(JOB, state=JobState.LAUNCHED, machine="i-1", launched_at=NOON)


def test_a_launched_job_without_its_machine_is_launched_again() -> None:
    """Not in the first seconds: the machine may have been written between two looks."""
    assert acts(10 * SECOND, jobs=(LAUNCHED,)) == ()
    found = acts(11 * SECOND, jobs=(LAUNCHED,))
    assert found == (RelaunchJob(1, "i-1", "its machine is gone before the job started"),)


def test_a_launched_job_whose_machine_serves_another_is_launched_again() -> None:
    """Runners are label capacity."""
    taken = attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON, served_job=2)
    other = attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=2), state=JobState.RUNNING, machine="i-1")
    found = acts(SECOND, jobs=(LAUNCHED, other), runners=(taken,), machines=(MACHINE,))
    assert found == (RelaunchJob(1, "i-1", "its machine serves job 2"),)


@pytest.mark.parametrize("state", [RunnerState.BUSY, RunnerState.DRAINING])
def test_a_launched_job_whose_machine_has_worked_for_somebody_is_asked_about(state: RunnerState) -> None:
    """GitHub's own word is awaited for a minute first."""
    worked = attrs.evolve(RUNNER, state=state, busy_at=NOON, idle_at=NOON if state is RunnerState.DRAINING else None)
    assert acts(DEADLINES.word, jobs=(LAUNCHED,), runners=(worked,), machines=(MACHINE,)) == ()
    found = acts(DEADLINES.word + 1, jobs=(LAUNCHED,), runners=(worked,), machines=(MACHINE,))
    assert found == (AskGitHub(1, "i-1", "its machine has worked, and GitHub has not said for whom"),)


def test_a_running_job_whose_machine_is_done_is_asked_about() -> None:
    """Gone, or draining for longer than GitHub's word needs."""
    running = attrs.evolve(JOB, state=JobState.RUNNING, machine="i-1", started_at=NOON)
    draining = attrs.evolve(RUNNER, state=RunnerState.DRAINING, busy_at=NOON, idle_at=NOON + SECOND, served_job=1)
    busy = attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON, served_job=1)
    asked = AskGitHub(1, "i-1", "it is recorded as running, and its machine is done")
    assert acts(DEADLINES.word, jobs=(running,)) == ()
    assert acts(DEADLINES.word + 1, jobs=(running,)) == (asked,)
    assert acts(DEADLINES.word + SECOND, jobs=(running,), runners=(draining,), machines=(MACHINE,)) == ()
    assert acts(DEADLINES.word + 2 * SECOND, jobs=(running,), runners=(draining,), machines=(MACHINE,)) == (asked,)
    assert acts(HOUR, jobs=(running,), runners=(busy,), machines=(MACHINE,)) == ()


def test_machines_come_before_jobs() -> None:
    """A machine's end frees a place for a job."""
    found = acts(11 * SECOND, jobs=(JOB,), runners=(RUNNER,))
    assert kinds(found) == ["CloseMachine", "WakeJob"]


def test_a_machine_that_must_end_is_inherited_by_nobody() -> None:
    """It would be ended and given away in one run, and the job would wait for a machine that is gone."""
    taken = attrs.evolve(RUNNER, state=RunnerState.BUSY, busy_at=NOON, assigned_job=2, served_job=2)
    idle = attrs.evolve(RUNNER, machine="i-2", runner_name="paddock--i-2--abc", assigned_job=2)
    left = attrs.evolve(JOB, state=JobState.LAUNCHED, machine="i-1", launched_at=NOON)
    runs = attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, job_id=2), state=JobState.RUNNING, machine="i-1")
    machines = (MACHINE, attrs.evolve(MACHINE, id="i-2"))
    found = {
        after: kinds(acts(after, jobs=(left, runs), runners=(taken, idle), machines=machines))
        for after in (MINUTE, HOUR)
    }
    assert found == {MINUTE: ["InheritMachine"], HOUR: ["EndMachine", "RelaunchJob"]}


PLACES = st.tuples(
    st.sampled_from(("acme/app", "acme/api")), st.sets(st.sampled_from(("a", "B", "b", "c")), max_size=3)
)


@limits(max_examples=60, deadline=None)
@given(st.lists(PLACES, max_size=8), st.lists(PLACES, max_size=8))
def test_each_job_whose_machine_serves_another_inherits_the_oldest_that_fits(
    displaced: list[tuple[str, set[str]]], free: list[tuple[str, set[str]]]
) -> None:
    """Oldest jobs first; as if each were laid beside each machine."""

    def low(labels: Iterable[str]) -> set[str]:
        return {label.lower() for label in labels}

    jobs, runners, expected = list[Job](), list[Runner](), list[InheritMachine]()
    for number, (repository, labels) in enumerate(displaced):
        facts = JobFacts(number, 9, repository, tuple(sorted(labels)), created_at=NOON)
        jobs.append(Job(facts, JobState.LAUNCHED, machine=f"i-{number}", launched_at=NOON))
        runners.append(attrs.evolve(RUNNER, machine=f"i-{number}", state=RunnerState.BUSY, served_job=90, busy_at=NOON))
    left = [
        attrs.evolve(RUNNER, machine=f"f-{number}", repository=repository, labels=tuple(labels), assigned_job=80)
        for number, (repository, labels) in enumerate(free)
    ]
    runners += left
    for job in jobs:
        found = next(
            (
                one
                for one in left
                if one.repository == job.facts.repository and low(job.facts.labels) <= low(one.labels)
            ),
            None,
        )
        if found is not None:
            left.remove(found)
            expected.append(InheritMachine(job.id, job.machine or "", found.machine))
    machines = tuple(attrs.evolve(MACHINE, id=runner.machine) for runner in runners)
    planned = acts(SECOND, jobs=tuple(jobs), runners=tuple(runners), machines=machines)
    assert [act for act in planned if isinstance(act, InheritMachine)] == expected
