"""What must be true of every change of a job's record, looked at as it is written.

::

    record flipped ──> message sent           never the other way round: a crash in between would lose work
    launch came to nothing ──> held against the job only if it gave a machine, and GitHub was asked first
"""

from collections.abc import Callable, Mapping, Sequence

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.simulation.findings import Findings, clock
from paddock.adapters.simulation.protocols import Life
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.job import Job
from paddock.core.messages import Assignment, JobMessage
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.machines import LaunchRequest
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState
from paddock.core.units import Span

_BEFORE = frozenset({JobState.DISPATCHING, JobState.LAUNCHED})
_AFTER = frozenset({JobState.QUEUED, JobState.ABANDONED})


class Written:
    """Looks at what is written of jobs, and at what is sent and asked for in their name."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        github: MemoryGitHub,
        table: Table,
        findings: Findings,
        lives: Mapping[str, Life],
        wanted: Callable[[tuple[str, ...]], RunnerSpec | None],
        step: Span,
    ) -> None:
        """Args: what there is to look at; `lives` is the cloud's log.

        `wanted` is the machine that labels ask for; `step` is how long a step of the fleet takes at most.
        """
        self._timeline = timeline
        self._jobs = github.state.jobs
        self._runners = github.state.runners
        self._table = table
        self._wrong = findings.wrong
        self._lives = lives
        self._wanted = wanted
        self._step = step
        self._added: dict[int, int] = {}  # when the record was made
        self._unsent: dict[int, int] = {}  # how often it was flipped and its message not sent yet
        self._started: dict[int, int] = {}  # how many machines were started for it

    def forget(self, job_id: int) -> None:
        """The job is closed."""
        for kept in (self._added, self._unsent, self._started):
            kept.pop(job_id, None)

    def added(self, job: Job) -> None:
        """A record was made."""
        self._added[job.id] = self._timeline.now()

    def changed(self, before: Job, after: Job) -> None:
        """A record was changed."""
        queued = after.state is JobState.QUEUED and before.state is not JobState.QUEUED
        told_its_turn = after.state is JobState.QUEUED and after.lease_until > after.not_before > before.not_before
        if after.wakes > before.wakes or queued or told_its_turn:
            self._unsent[after.id] = self._unsent.get(after.id, 0) + 1
        if before.state in _BEFORE and after.state in _AFTER and before.displaced == after.displaced:
            self._failed(before, after)

    def closed(self, before: Runner, after: Runner) -> None:
        """A machine's record was changed: its end is written down only when it has ended."""
        life = self._lives.get(after.machine)
        if before.gone_at is None and after.gone_at is not None and life is not None and life.ended_at is None:
            said = f"machine {after.machine} lives, and its record says that it is gone: {after.reason}"
            self._wrong("what is closed is gone", said, after.assigned_job, after.machine)

    def sent(self, messages: Sequence[JobMessage]) -> None:
        """Messages go to the jobs queue: those of our own, which no webhook brought, follow a change of the record."""
        for message in messages:
            job_id, told = message.job.job_id, self._jobs.get(message.job.job_id)
            if told is not None and message.job.labels != told.labels:
                said = f"a message of job {job_id} has labels {message.job.labels}, and GitHub says {told.labels}"
                self._wrong("what GitHub said is kept whole", said, job_id)
            if message.delivery:
                continue
            left = self._unsent.get(job_id, 0)
            if left:
                self._unsent[job_id] = left - 1
            elif self._table.jobs.get(str(job_id)) is not None and not self._is_new(job_id):
                said = f"a message of job {job_id} was sent, and its record does not say why"
                self._wrong("records are flipped before messages are sent", said, job_id)

    def has_one(self, job_id: int) -> None:
        """A job has a machine of its pool, and none is started for it."""
        self._started[job_id] = self._started.get(job_id, 0) + 1

    def launched(self, request: LaunchRequest, jobs: Sequence[int]) -> None:
        """Machines were started for these jobs: of the kind that they ask for."""
        for job_id in jobs:
            self._started[job_id] = self._started.get(job_id, 0) + 1
            told = self._jobs.get(job_id)
            if told is not None and request.spec != self._wanted(told.labels):
                said = f"job {job_id} with labels {told.labels} was launched as {request.spec}"
                self._wrong("what GitHub said is kept whole", said, job_id)

    def ordered(self, orders: Assignment, receipt: AssignmentReceipt) -> None:
        """A machine got its orders: its runner has the labels of the job it is for, and so GitHub may give it that."""
        told, runner = self._jobs.get(orders.job_id), self._runners.get(receipt.runner_id)
        itself = orders.registration is not None
        if told is None or (runner is None and not itself) or receipt.runner_name != orders.runner_name:
            return  # its registration is deleted, or the orders of a faster dispatcher stand
        labels = orders.labels if runner is None else runner.labels
        if labels != told.labels:
            said = f"runner {orders.runner_name} for job {told.id} has labels {labels}, and the job {told.labels}"
            self._wrong("a runner has its job's labels", said, told.id, orders.machine)

    def _is_new(self, job_id: int) -> bool:
        """True if the record was made so lately that whoever found none may be about to send this."""
        return self._timeline.now() - self._added.get(job_id, 0) <= self._step

    def _failed(self, before: Job, after: Job) -> None:
        """A launch is held against the job, which goes back to the queue or is given up."""
        spent, started = after.launch - after.displaced, self._started.get(after.id, 0)
        launch = None if before.launch_id is None else self._table.launches.get(before.launch_id)
        refused = launch is not None and launch.machines is None  # the cloud said no, and no capacity is no no
        if before.missing_at is None and spent > started and not refused:
            said = f"{spent} launches are held against job {after.id}, and {started} gave a machine ({after.reason})"
            self._wrong("launches are held against a job with cause", said, after.id)
        runner = None if before.machine is None else self._table.runners.get(before.machine)
        if runner is not None and (runner.interrupted_at is not None or runner.served_job not in {None, after.id}):
            said = f"job {after.id} lost machine {runner.machine} to the cloud or to job {runner.served_job}"
            self._wrong("launches are held against a job with cause", said, after.id, runner.machine)
        told = self._jobs.get(after.id)
        began = None if told is None else _left_the_queue(told)
        if began is not None and before.state is JobState.LAUNCHED and self._timeline.now() - began > self._step:
            said = f"job {after.id} is {after.state} again ({after.reason}), and GitHub gave it away at {clock(began)}"
            self._wrong("GitHub is asked before a launch counts as failed", said, after.id, before.machine)


def _left_the_queue(told: JobRecord) -> int | None:
    """When GitHub gave the job to a runner, or ended it."""
    return told.completed_at if told.started_at is None else told.started_at
