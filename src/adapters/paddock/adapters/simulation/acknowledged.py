"""What must be true once a message has left its queue: what it says is written down, for nobody will say it again."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import Status
from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.functions import SimulatedQueue
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.messages import (
    EventMessage,
    JobObserved,
    MachineChanged,
    MachineWarned,
    Observed,
    ReportEvent,
    RunnerReported,
    WarningKind,
)
from paddock.core.ports.queues import DeadLetter, Depth, Received, Told, Wanted, every, nobody
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.states import ENDED_JOBS, JobState, RunnerState
from paddock.core.units import MINUTE, Span

M = TypeVar("M")

_RULE = "what was acknowledged is written down"
_KNOWN_BY = 10 * MINUTE
_WAITS = frozenset({JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED})
_ENDS = frozenset({ReportEvent.FINISHED, ReportEvent.FAILED_TO_START})
_IDLE = frozenset({RunnerState.BOOTING, RunnerState.READY})


class WatchedQueue(Generic[M]):
    """A queue as the fleet sees it, with those who are told of what is sent, what is done, and what comes back."""

    def __init__(
        self,
        inner: SimulatedQueue[M],
        *,
        lent: Callable[[int], object],
        failed: Callable[[], object],
        sent: Callable[[Sequence[M]], object] | None = None,
        telling: Callable[[M], bool] = lambda _: False,
        done: Callable[[M], object] = lambda _: None,
    ) -> None:
        """Args: the queue; who is told how many more messages (or fewer) are lent, and of each given back, sent, done.

        `telling` is asked of each message when it is received whether `done` is to be told of it later.
        """
        self._inner = inner
        self._count = lent
        self._failed = failed
        self._sent = sent
        self._telling = telling
        self._done = done
        self._lent: dict[str, M] = {}

    def send(self, messages: Sequence[M], *, delay: Span = 0) -> None:
        """Store every message."""
        if self._sent is not None:
            self._sent(messages)
        self._inner.send(messages, delay=delay)

    def receive(self, limit: int, *, wait: Span = 0) -> Sequence[Received[M]]:
        """Lend messages."""
        batch = self._inner.receive(limit, wait=wait)
        self._count(len(batch))
        self._lent.update({one.receipt: one.message for one in batch if self._telling(one.message)})
        return batch

    def delete(self, receipts: Sequence[str]) -> None:
        """The messages are done."""
        self._count(-len(receipts))
        for receipt in receipts:
            message = self._lent.pop(receipt, None)
            if message is not None:
                self._done(message)
        self._inner.delete(receipts)

    def defer(self, receipt: str, delay: Span) -> None:
        """Give the message back."""
        self._count(-1)
        self._failed()
        self._lent.pop(receipt, None)
        self._inner.defer(receipt, delay)

    def depth(self) -> Depth:
        """Counts."""
        return self._inner.depth()

    def dead_letters(self, limit: int = 10) -> Sequence[DeadLetter]:
        """The oldest dead letters."""
        return self._inner.dead_letters(limit)

    def redrive(self, wanted: Wanted = every, *, most: int | None = None, told: Told = nobody) -> int:
        """Put dead letters back; see `Queue.redrive`."""
        return self._inner.redrive(wanted, most=most, told=told)


class Acknowledged:
    """Looks at messages that are done."""

    def __init__(
        self, *, timeline: Timeline, github: MemoryGitHub, table: Table, findings: Findings, exact: bool
    ) -> None:
        """Args: the time; GitHub; the fleet's books; `exact`: the cloud's answers are never stale."""
        self._jobs = github.state.jobs
        self._timeline = timeline
        self._table = table
        self._wrong = findings.wrong
        self._exact = exact

    def telling(self, message: EventMessage) -> bool:
        """True if something must come of the message: it is about a job, or about a machine that has its record."""
        if isinstance(message, RunnerReported | MachineWarned | MachineChanged):
            return self._table.runners.get(message.machine) is not None
        return isinstance(message, JobObserved)

    def done(self, message: EventMessage) -> None:
        """An event is done with."""
        match message:
            case JobObserved():
                self._observed(message)
            case RunnerReported():
                self._reported(message)
            case MachineWarned(warning=WarningKind.SPOT) | MachineChanged(state="terminated"):
                self._told(message)

    def _observed(self, seen: JobObserved) -> None:
        job = self._table.jobs.get(str(seen.job.job_id))
        if job is None:
            return
        ended = seen.status is Observed.COMPLETED
        if job.state not in ENDED_JOBS if ended else job.state in _WAITS:
            said = f"GitHub said that job {job.id} is {seen.status} ({seen.conclusion}), and its record is {job.state}"
            self._wrong(_RULE, said, job.id)

    def _reported(self, report: RunnerReported) -> None:
        runner = self._table.runners.get(report.machine)
        if runner is None:
            return
        unended = report.event in _ENDS and runner.result is None
        unbegun = report.event is ReportEvent.STARTED and runner.state in _IDLE and runner.gone_at is None
        if unended or unbegun:
            said = f"machine {report.machine} said {report.event}, and its record is {runner.state}, {runner.result}"
            self._wrong(_RULE, said, runner.assigned_job, runner.machine)
        if report.event is ReportEvent.FAILED_TO_START:
            self.left(runner, f"machine {runner.machine} failed to start")

    def left(self, runner: Runner, why: str) -> None:
        """The machine will not serve the job that it was started for: as long as GitHub has that, it is relaunched."""
        job = None if runner.assigned_job is None else self._table.jobs.get(str(runner.assigned_job))
        told = None if job is None else self._jobs.get(job.id)
        if job is None or told is None or job.machine != runner.machine or job.missing_at is not None:
            return
        if job.state is JobState.LAUNCHED and told.status is Status.QUEUED:
            said = f"{why}, and job {job.id}, which waits for it, is left as it is"
            self._wrong("a lost machine's job is seen to", said, job.id, runner.machine)

    def _told(self, event: MachineWarned | MachineChanged) -> None:
        runner = self._table.runners.get(event.machine)
        if runner is None:
            return
        if isinstance(event, MachineWarned):
            missed = runner.interrupted_at is None
        else:
            # The cloud itself may not know a machine that it has only just started. One that worked may be left to the
            # sweep: nobody waits for what follows from its end, unless it was taken, which others may see meanwhile.
            old = self._timeline.now() - runner.launched_at > _KNOWN_BY
            missed = self._exact and runner.live and runner.state in _IDLE and old
        if missed:
            said = f"the cloud spoke of machine {runner.machine} ({type(event).__name__}): its record is {runner.state}"
            self._wrong(_RULE, said, runner.assigned_job, runner.machine)
