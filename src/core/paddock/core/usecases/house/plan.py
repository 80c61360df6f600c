"""What the sweep should do, as a pure function of what it saw. Levels heal what edges lost.

Each act carries its reason; the sweep looks at the world again before any act that destroys something.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import attrs

from paddock.core.job import Job
from paddock.core.ports.machines import Machine
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines
from paddock.core.states import JobState, RunnerState
from paddock.core.units import SECOND, Moment, span_text
from paddock.core.usecases.patience import WITHOUT_WORK, doubtful, overdue

MOST_WAKES = 10  # of one repository's jobs that wait for a limit
_NEWBORN = 10 * SECOND  # EC2 may not list a machine at once


@attrs.frozen
class Snapshot:
    """What was seen: live job and machine records, and the machines that are not terminated, by id."""

    now: Moment
    jobs: Sequence[Job]
    runners: Sequence[Runner]
    machines: Mapping[str, Machine]


@attrs.frozen
class CloseMachine:
    """The record lives and the machine does not."""

    machine: str
    reason: str


@attrs.frozen
class EndMachine:
    """The machine must end; its record closes when it is gone. ``state`` is the record's state as seen."""

    machine: str
    reason: str
    state: RunnerState


@attrs.frozen
class EndSpare:
    """Nobody keeps the pool's machine any more, and no job has claimed it."""

    machine: str
    reason: str


@attrs.frozen
class AdoptMachine:
    """The machine lives and has no record."""

    machine: Machine
    reason: str


@attrs.frozen
class DrainMachine:
    """GitHub says that the machine's one job has ended, and the machine has not said so itself."""

    machine: str
    job_id: int


@attrs.frozen
class ReleaseMachine:
    """The job that the machine was started for has ended without it, and it serves no other."""

    machine: str
    job_id: int


@attrs.frozen
class DoubtMachine:
    """The machine runs a job that nobody knows of, or did: it is silent."""

    machine: str


@attrs.frozen
class WakeJob:
    """The job waits and no message is on its way. An empty reason is not worth a decision."""

    job_id: int
    reason: str = ""


@attrs.frozen
class AskGitHub:
    """The job's record and its machine disagree; GitHub knows. Of another `machine` than this, nothing was seen."""

    job_id: int
    machine: str | None
    reason: str


@attrs.frozen
class InheritMachine:
    """The job's machine serves another; ``machine`` waits for one that runs elsewhere, and may as well serve this."""

    job_id: int
    taken: str
    machine: str


@attrs.frozen
class RelaunchJob:
    """The job's machine will not serve it."""

    job_id: int
    machine: str
    reason: str


Act: TypeAlias = (
    CloseMachine
    | EndMachine
    | EndSpare
    | AdoptMachine
    | DrainMachine
    | ReleaseMachine
    | DoubtMachine
    | InheritMachine
    | WakeJob
    | AskGitHub
    | RelaunchJob
)


def plan(seen: Snapshot, deadlines: Deadlines, pools: AbstractSet[str] = frozenset()) -> tuple[Act, ...]:
    """What to do about what was seen, machines first (their ends free places), then jobs, oldest first.

    Spares of the `pools` are theirs to see to (`paddock.core.usecases.pools.keep`); those of a pool that is gone end.
    """
    heirs = _heirs(seen, deadlines)
    given = {act.machine for act in heirs}
    served = {act.job_id for act in heirs}
    machines = (act for act in _machines(seen, deadlines, pools) if not _releases(act, given))
    jobs = (act for act in _jobs(seen, deadlines) if not isinstance(act, RelaunchJob) or act.job_id not in served)
    return (*machines, *heirs, *jobs)


def _releases(act: Act, machines: AbstractSet[str]) -> bool:
    return isinstance(act, ReleaseMachine) and act.machine in machines


def _heirs(seen: Snapshot, deadlines: Deadlines) -> list[InheritMachine]:
    """Who inherits whose machine: jobs whose own serves another, oldest first, and machines that nobody waits for."""
    runners = {runner.machine: runner for runner in seen.runners}
    jobs = {job.id: job for job in seen.jobs}
    meant_for = {runner.machine: jobs.get(runner.assigned_job or 0) for runner in seen.runners}
    free = [
        runner
        for runner in seen.runners
        if runner.machine in seen.machines
        and may_inherit(runner, meant_for[runner.machine])
        and not overdue(runner, meant_for[runner.machine], seen.now, deadlines)  # it is ended in the same run
    ]
    heirs: list[InheritMachine] = []
    shelves: dict[str, dict[frozenset[str], deque[tuple[int, Runner]]]] = {}  # by repository and labels: few kinds
    for place, runner in enumerate(free):
        alike = shelves.setdefault(runner.repository, {}).setdefault(_folded(runner.labels), deque())
        alike.append((place, runner))
    for job in _oldest_first(seen.jobs) if free else ():
        own = runners.get(job.machine or "")
        if job.state is JobState.LAUNCHED and own is not None and own.served_job not in {None, job.id}:
            wanted = _folded(job.facts.labels)
            here = shelves.get(job.facts.repository, {})
            fit = [alike for labels, alike in here.items() if alike and wanted <= labels]
            if fit:
                _, found = min(fit, key=_first).popleft()
                heirs.append(InheritMachine(job.id, own.machine, found.machine))
    return heirs


def may_inherit(runner: Runner, assigned: Job | None) -> bool:
    """True if the machine is well and without work, and the job that it is meant for does not wait for it."""
    waited_for = assigned is not None and assigned.live and assigned.machine == runner.machine
    known = runner.runner_name is not None and runner.assigned_job is not None
    well = runner.state in WITHOUT_WORK and runner.gone_at is None and runner.interrupted_at is None
    return well and known and runner.served_job is None and not waited_for


def _folded(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(label.casefold() for label in labels)


def _first(alike: Sequence[tuple[int, Runner]]) -> int:
    return alike[0][0]


def _machines(seen: Snapshot, deadlines: Deadlines, pools: AbstractSet[str]) -> Iterator[Act]:
    known = {runner.machine: runner for runner in seen.runners}
    jobs = {job.id: job for job in seen.jobs}
    for runner in seen.runners:
        if runner.machine not in seen.machines:
            # One that has reported its end was there: that it is not listed is no newborn's absence.
            if runner.result is not None or seen.now - runner.launched_at > _NEWBORN:
                yield CloseMachine(runner.machine, "the machine is gone")
        elif not runner.spare:
            yield from _useless(runner, jobs, seen.now, deadlines)
        elif runner.spare_of not in pools:
            yield EndSpare(runner.machine, f"there is no pool {runner.spare_of} any more")
    for runner in seen.runners:
        if runner.state is RunnerState.BUSY and runner.served_job is not None and runner.served_job not in jobs:
            yield DrainMachine(runner.machine, runner.served_job)
    for machine in seen.machines.values():
        age = seen.now - machine.launched_at
        # As long as a lease lasts, somebody may be about to write the record.
        if machine.id not in known and age > deadlines.lease + _NEWBORN:
            yield AdoptMachine(machine, f"it runs for {span_text(age)} and has no record")


def _useless(runner: Runner, jobs: Mapping[int, Job], now: Moment, deadlines: Deadlines) -> Iterator[Act]:
    assigned = None if runner.assigned_job is None else jobs.get(runner.assigned_job)
    reason = overdue(runner, assigned, now, deadlines)
    idle = runner.state in WITHOUT_WORK and runner.served_job is None
    if reason:
        yield EndMachine(runner.machine, reason, runner.state)
    elif idle and assigned is None and runner.assigned_job is not None:
        yield ReleaseMachine(runner.machine, runner.assigned_job)
    elif doubtful(runner, assigned, now, deadlines):
        yield DoubtMachine(runner.machine)


def _jobs(seen: Snapshot, deadlines: Deadlines) -> Iterator[Act]:
    yield from _waiting(seen, deadlines)
    runners = {runner.machine: runner for runner in seen.runners}
    for job in _oldest_first(seen.jobs):
        if job.state is JobState.DISPATCHING:
            if job.lease_until + _NEWBORN <= seen.now and job.not_before <= seen.now:
                yield WakeJob(job.id, "its dispatcher's lease ran out")
        elif job.state is JobState.LAUNCHED and job.machine is not None:
            yield from _launched(job, job.machine, runners.get(job.machine), seen.now, deadlines)
        elif job.state is JobState.RUNNING and job.machine is not None:
            # On a runner that is none of ours there is no machine to be done: the comparison with GitHub asks.
            runner = runners.get(job.machine)
            over = runner is None or runner.state is RunnerState.DRAINING
            idle = None if runner is None else runner.idle_at
            ended = idle or job.started_at or job.launched_at or job.received_at
            if over and seen.now - ended > deadlines.word:
                yield AskGitHub(job.id, job.machine, "it is recorded as running, and its machine is done")


def _launched(job: Job, machine: str, runner: Runner | None, now: Moment, deadlines: Deadlines) -> Iterator[Act]:
    if runner is None:
        if now - (job.launched_at or job.received_at) > _NEWBORN:
            yield RelaunchJob(job.id, machine, "its machine is gone before the job started")
    elif runner.served_job is not None and runner.served_job != job.id:
        yield RelaunchJob(job.id, machine, f"its machine serves job {runner.served_job}")
    elif runner.state in {RunnerState.BUSY, RunnerState.DRAINING}:
        since = max(runner.busy_at or 0, runner.idle_at or 0) or runner.launched_at
        if now - since > deadlines.word:
            yield AskGitHub(job.id, job.machine, "its machine has worked, and GitHub has not said for whom")


def _waiting(seen: Snapshot, deadlines: Deadlines) -> Iterator[Act]:
    """Queued jobs with no message on its way: those that lost theirs first, then those that wait for a limit.

    Of these the oldest of each repository are enough: dispatch looks at those ahead of them, and the rest have nothing
    to hope for. But one repository's queue must not keep another's job from being looked at.
    """
    due = [
        job
        for job in _oldest_first(seen.jobs)
        if job.state is JobState.QUEUED and job.not_before <= seen.now and job.lease_until <= seen.now
    ]
    limited, woken = [], Counter[str]()
    for job in due:
        if _waits_for_limit(job):
            woken[job.facts.repository] += 1
            limited.extend([job] if woken[job.facts.repository] <= MOST_WAKES else [])
    for job in (*(job for job in due if not _waits_for_limit(job)), *limited):
        if seen.now - job.facts.created_at > deadlines.queue:
            yield AskGitHub(job.id, job.machine, "it has waited longer than GitHub lets a job wait")
        else:
            yield WakeJob(job.id)


def _waits_for_limit(job: Job) -> bool:
    """True if a dispatcher has looked at it and used its message up; every other message leaves a mark."""
    return bool(job.not_before) and not job.lease_until


def _oldest_first(jobs: Iterable[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (job.facts.created_at, job.id))
