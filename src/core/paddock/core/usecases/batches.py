"""What workers repeat: messages are borrowed from the queues, handled, and given back or not."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from paddock.core.errors import PaddockError
from paddock.core.messages import (
    EventMessage,
    JobMessage,
    JobObserved,
    MachineChanged,
    MachineWarned,
    RunCompleted,
    RunnerReported,
)
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.queues import Queue, Received
from paddock.core.ports.system import Clock
from paddock.core.units import Span
from paddock.core.usecases.handled import Again, Done, Handled, Left, delay_after, longer
from paddock.core.usecases.record import Recorder

BATCH = 10  # SQS lends at most ten messages at a time


class Batches:
    """Decides what becomes of each message that is on loan."""

    def __init__(
        self,
        *,
        jobs: Queue[JobMessage],
        dispatch: Callable[[Sequence[JobMessage]], Sequence[Handled]],
        events: Queue[EventMessage],
        handle: Callable[[EventMessage], None],
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        """Args: the two queues, each with who handles its messages; where it is told that one cannot be handled."""
        self._jobs = jobs
        self._dispatch = dispatch
        self._events = events
        self._handle = handle
        self._record = Recorder(decisions, clock, "fleet")

    def dispatch_once(self, limit: int = BATCH, wait: Span = 0) -> int:
        """Take up to `limit` requests from the jobs queue and dispatch them; how many there were.

        `wait` is how long the queue may be waited for. Requests that are done leave the queue, the others come back.

        Raises:
            PaddockError: the queue does not answer; what was lent comes back by itself.
        """
        batch = self._jobs.receive(limit, wait=wait)
        if not batch:
            return 0
        handled = self.dispatch_lent(batch)
        done = [received.receipt for received, fate in zip(batch, handled, strict=True) if isinstance(fate, Done)]
        if done:
            self._jobs.delete(done)
        for received, fate in zip(batch, handled, strict=True):
            if isinstance(fate, Again):
                self._jobs.defer(received.receipt, fate.delay)
        return len(batch)

    def dispatch_lent(self, batch: Sequence[Received[JobMessage]]) -> Sequence[Handled]:
        """Dispatch requests that are on loan; what is to become of each of them.

        For whoever takes messages and gives them back himself. One that comes back stays away for longer each time.
        """
        handled = self._dispatch([received.message for received in batch])
        return [
            fate if isinstance(fate, Done) else Again(longer(fate.delay, received.receives), fate.reason)
            for received, fate in zip(batch, handled, strict=True)
        ]

    def complete_once(self, limit: int = BATCH, wait: Span = 0) -> int:
        """Take up to `limit` events from the events queue and handle them one by one; how many there were.

        An event that met a passing fault comes back later, each time after a longer while. One that can never be
        handled is left to the queue, which gives it up as a dead letter; why, is written down.

        Raises:
            PaddockError: the queue does not answer; what was lent comes back by itself.
        """
        batch = self._events.receive(limit, wait=wait)
        done: list[str] = []
        try:
            for received in batch:
                match self.complete_lent(received):
                    case Done():
                        done.append(received.receipt)  # what was done before the queue's own error is kept
                    case Again(delay=delay):
                        self._events.defer(received.receipt, delay)
                    case Left():
                        pass
        finally:
            if done:
                self._events.delete(done)
        return len(batch)

    def complete_lent(self, received: Received[EventMessage]) -> Handled | Left:
        """Handle an event that is on loan; what is to become of it. Nothing is raised, whatever went wrong."""
        try:
            self._handle(received.message)
        except Exception as error:  # noqa: BLE001 - even a fault of ours concerns its own event alone
            reason = f"{type(error).__name__}: {error}"
            if isinstance(error, PaddockError) and error.retryable:
                return Again(delay_after(error, received.receives), reason)
            with suppress(Exception):  # the dead letter will tell of it too
                self._unhandled(received.message, error)
            return Left(reason)
        return Done()

    def _unhandled(self, message: EventMessage, error: Exception) -> None:
        reason = f"{type(message).__name__} could not be handled: {type(error).__name__}: {error}"
        verdict = "unhandled" if isinstance(error, PaddockError) else "fault"
        match message:
            case JobObserved():
                self._record.job(message.job.job_id, verdict, reason)
            case RunCompleted():
                self._record.delivery(message.delivery or "unknown", verdict, reason)
            case RunnerReported() | MachineWarned() | MachineChanged():
                self._record.machine(message.machine, verdict, reason)
