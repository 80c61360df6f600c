"""How the fleet's steps run: functions that a queue or a schedule starts, which take time, die and are started again.

::

    message visible ──(window, pick-up, cold start)──> batch of up to ten ──(work per message)──> the step ──> again?
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.simulation.draws import between, hit
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.parameters import Functions
from paddock.adapters.simulation.timeline import Handle, Timeline
from paddock.core.ports.queues import DeadLetter, Depth, Received, Told, Wanted, every, nobody
from paddock.core.ports.system import Chance
from paddock.core.units import MINUTE, SECOND, Moment, Span

M = TypeVar("M")

BATCH = 10
_BACK_OFF: Span = 5 * SECOND
_LATEST: Span = 15 * MINUTE  # SQS's longest delay


class SimulatedQueue(Generic[M]):
    """A `MemoryQueue` that tells its worker of what can be received, and may send a message twice, or late."""

    def __init__(self, inner: MemoryQueue[M], chance: Chance, faults: FaultPlan) -> None:
        """Args: the queue; chance and odds of duplicates and delays."""
        self.inner = inner
        self._chance = chance
        self.faults = faults
        self.requests = 0  # of SQS's API
        self.watch: Callable[[], object] = lambda: None

    def send(self, messages: Sequence[M], *, delay: Span = 0) -> None:
        """Store every message; see `Queue.send`."""
        self.requests += 1
        chance, faults = self._chance, self.faults
        if hit(chance, faults.message_late):
            delay = max(delay, between(0, min(faults.late, _LATEST))(chance))
        self.inner.send(messages, delay=delay)
        if hit(chance, faults.message_twice):
            self.inner.send(messages, delay=between(0, min(faults.late, _LATEST))(chance))
        self.watch()

    def receive(self, limit: int, *, wait: Span = 0) -> Sequence[Received[M]]:
        """Lend messages; nobody waits in virtual time."""
        self.requests += 1
        return self.inner.receive(limit, wait=wait)

    def delete(self, receipts: Sequence[str]) -> None:
        """The messages are done."""
        self.requests += 1
        self.inner.delete(receipts)

    def defer(self, receipt: str, delay: Span) -> None:
        """Give the message back, to be seen again after `delay`."""
        self.requests += 1
        self.inner.defer(receipt, delay)

    def depth(self) -> Depth:
        """Counts."""
        return self.inner.depth()

    def dead_letters(self, limit: int = 10) -> Sequence[DeadLetter]:
        """The oldest dead letters."""
        return self.inner.dead_letters(limit)

    def redrive(self, wanted: Wanted = every, *, most: int | None = None, told: Told = nobody) -> int:
        """Put dead letters back; see `Queue.redrive`."""
        count = self.inner.redrive(wanted, most=most, told=told)
        self.watch()
        return count


class Worker(Generic[M]):
    """The invocations that one queue starts. ``invocations`` counts them, ``cold`` those that began cold.

    ``billed`` is how long they ran: Lambda bills the start of a cold one as well.
    """

    def __init__(
        self,
        *,
        timeline: Timeline,
        chance: Chance,
        functions: Functions,
        queue: SimulatedQueue[M],
        step: Callable[[], int],
    ) -> None:
        """Args: `step` receives a batch and handles it, and tells how many messages that were; it never raises."""
        self._timeline = timeline
        self._chance = chance
        self._functions = functions
        self._queue = queue.inner
        self._step = step
        self._running = 0
        self._claimed = 0
        self._idle: list[Moment] = []  # when each warm environment was last used
        self._not_before: Moment = 0
        self._alarm: Handle | None = None
        self._alarm_at: Moment = 0
        self.invocations = 0
        self.cold = 0
        self.billed: Span = 0
        queue.watch = self.watch

    def watch(self) -> None:
        """Look at the queue: start what can be started, and come back when something else becomes visible."""
        if self._timeline.now() < self._not_before:
            return
        visible = self._queue.visible()
        while self._claimed < visible and self._running < self._functions.concurrency:
            self._start()
        due = self._queue.next_due()
        if due is not None and (self._alarm is None or self._alarm.act is None or due < self._alarm_at):
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm, self._alarm_at = self._timeline.at(due, self.watch), due

    def _start(self) -> None:
        functions, chance, now = self._functions, self._chance, self._timeline.now()
        self._running += 1
        self._claimed += BATCH
        self.invocations += 1
        delay = functions.window + functions.pick_up(chance)
        while self._idle and self._idle[0] + functions.keep < now:
            self._idle.pop(0)
        if self._idle:
            self._idle.pop()
        else:
            self.cold += 1
            start = functions.cold(chance)
            self.billed += start
            delay += start
        self._timeline.at(now + delay, self._run)

    def _run(self) -> None:
        work = min(BATCH, self._queue.visible()) * self._functions.per_message
        self.billed += work
        if work:
            self._timeline.at(self._timeline.now() + work, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        done = self._step()
        now = self._timeline.now()
        self._running -= 1
        self._claimed -= BATCH
        self._idle.append(now)
        if not done and self._queue.visible():
            # The queue does not answer: as all pollers do, it waits a little before it asks again.
            self._not_before = now + _BACK_OFF
            self._timeline.at(self._not_before, self.watch)
        self.watch()


class Schedule:
    """A step that runs every so often, as long as it is ``on``."""

    def __init__(self, timeline: Timeline, every: Span, step: Callable[[], object]) -> None:
        """Args: when, and what."""
        self._timeline = timeline
        self._every = every
        self._step = step
        self.on = True
        timeline.at(timeline.now() + every, self._run)

    def _run(self) -> None:
        self._timeline.at(self._timeline.now() + self._every, self._run)
        if self.on:
            self._step()
