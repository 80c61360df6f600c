"""A queue in memory, as strict as SQS is on its worst day.

::

    send ──(delay)──> waiting ──receive──> on loan ──delete──> done
                         ▲                    │
                         ├──defer (delay)─────┤
                         └──time-out──────────┴──(receives used up)──> dead ──redrive──> waiting

A receipt is out of date as soon as its loan is over: after a time-out even a late `delete` does nothing. SQS may be
more lenient; whoever relies on that has a bug that shows once in a million messages.
"""

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count, islice
from threading import Condition, Lock
from time import monotonic_ns
from typing import Any, Generic, Protocol, TypeVar, cast

import attrs

from paddock.adapters.memory.system import ManualClock
from paddock.adapters.wire import message_in, message_text
from paddock.core.errors import InvalidInput
from paddock.core.ports.queues import DeadLetter, Depth, Received, Told, Wanted, every, nobody
from paddock.core.ports.system import Clock
from paddock.core.units import MINUTE, SECOND, Moment, Span

M = TypeVar("M")

MAX_DELAY: Span = 15 * MINUTE  # SQS's


class Waiter(Protocol):
    """How an empty-handed `receive` waits: for real, or by moving a manual clock."""

    def wait(self, changed: Condition, span: Span) -> Span:
        """Wait up to `span` for `changed` (its lock is held); the span that went by."""


class BlockingWaiter:
    """Waits for real: goes with `SystemClock`."""

    def wait(self, changed: Condition, span: Span) -> Span:
        """Block until somebody sends or `span` is over; how long it was."""
        start = monotonic_ns()
        changed.wait(span / SECOND)
        return (monotonic_ns() - start) // 1_000


class ClockWaiter:
    """Waits by moving the clock: goes with `ManualClock` and a single thread."""

    def __init__(self, clock: ManualClock) -> None:
        """Args: the clock to move."""
        self._clock = clock

    def wait(self, changed: Condition, span: Span) -> Span:  # noqa: ARG002 - nobody else runs meanwhile
        """Move the clock by `span`."""
        self._clock.advance(span)
        return span


@attrs.define(eq=False)
class _Entry:
    """A message and where it stands. ``turn`` is its valid place in the heap of those that come back later."""

    message: Any = None
    text: str | None = None  # of a message that came from outside and is not read yet
    receives: int = 0
    receipt: str | None = None
    turn: int = 0

    def read(self) -> None:
        """Turn the text into the message; InvalidInput if it cannot be read."""
        if self.text is not None:
            self.message, self.text = message_in(self.text), None

    @property
    def readable(self) -> bool:
        """True if the text, if it was one, is the message now."""
        try:
            self.read()
        except InvalidInput:
            return False
        return True

    @property
    def body(self) -> str:
        """The text as it was sent."""
        return message_text(self.message) if self.text is None else self.text


class MemoryQueue(Generic[M]):
    """A standard queue. Safe for threads: one lock."""

    def __init__(
        self, clock: Clock, *, visibility: Span = 6 * MINUTE, max_receives: int = 5, waiter: Waiter | None = None
    ) -> None:
        """Args: the clock; how long a loan lasts; after how many loans a message is given up; how to wait.

        Without a waiter `receive` never waits.
        """
        self._clock = clock
        self._visibility = visibility
        self._max_receives = max_receives
        self._waiter = waiter
        self._ready: deque[_Entry] = deque()
        self._later: list[tuple[Moment, int, _Entry]] = []  # delayed, deferred and lent ones, by when they come back
        self._loans: dict[str, _Entry] = {}
        self._dead: list[tuple[_Entry, str]] = []
        self._delayed = 0
        self._turns = count(1)
        self._receiving = 0
        self._lock = Lock()
        self._changed = Condition(self._lock)

    def send(self, messages: Sequence[M], *, delay: Span = 0) -> None:
        """Store every message, visible after `delay`.

        Raises:
            ValueError: `delay` is negative or over 15 minutes.
        """
        self._put([_Entry(message) for message in messages], delay)

    def send_text(self, body: str) -> None:
        """Store a text that some other program sent, readable or not: beyond the port, for simulated mishaps."""
        self._put([_Entry(text=body)], 0)

    def receive(self, limit: int, *, wait: Span = 0) -> Sequence[Received[M]]:
        """Lend up to `limit` messages, waiting up to `wait` for the first, if there is a waiter.

        Raises:
            ValueError: `limit` is below 1.
        """
        if limit < 1:
            raise ValueError(str(InvalidInput("limit", limit, "must be at least 1")))
        with self._lock:
            while True:
                lent = self._lend(limit)
                if lent or wait <= 0 or self._waiter is None:
                    return lent
                self._receiving += 1
                try:
                    wait -= self._waiter.wait(self._changed, self._until_next(wait))
                finally:
                    self._receiving -= 1

    def delete(self, receipts: Sequence[str]) -> None:
        """The messages are done. A receipt that is unknown or out of date changes nothing."""
        with self._lock:
            self._come_back()
            for receipt in receipts:
                entry = self._loans.pop(receipt, None)
                if entry is not None:
                    entry.turn = 0

    def defer(self, receipt: str, delay: Span) -> None:
        """Give the message back, to be seen again after `delay`. An outdated receipt changes nothing.

        Raises:
            ValueError: `delay` is negative.
        """
        if delay < 0:
            raise ValueError(str(InvalidInput("delay", delay, "must not be negative")))
        with self._lock:
            self._come_back()
            entry = self._loans.pop(receipt, None)
            if entry is None:
                return
            entry.receipt = None
            self._delayed += 1
            self._schedule(entry, delay)
            self._changed.notify_all()

    def depth(self) -> Depth:
        """Counts, exact at the moment they are taken."""
        with self._lock:
            self._come_back()
            return Depth(len(self._ready) + self._delayed, len(self._loans), len(self._dead))

    def visible(self) -> int:
        """How many messages could be received now: beyond the port, for whoever plays SQS's poller."""
        if self._later:
            with self._lock:
                self._come_back()
        return len(self._ready)

    def next_due(self) -> Moment | None:
        """When the next of the delayed, deferred and lent messages comes back; None if there is none."""
        later = self._later
        if later and later[0][2].turn != later[0][1]:
            with self._lock:
                while later and later[0][2].turn != later[0][1]:
                    heappop(later)  # deleted or deferred since
        return later[0][0] if later else None

    def dead_letters(self, limit: int = 10) -> Sequence[DeadLetter]:
        """The oldest dead letters, left where they are."""
        with self._lock:
            self._come_back()
            return tuple(
                DeadLetter(entry.body, reason, entry.readable) for entry, reason in self._dead[: max(0, limit)]
            )

    def redrive(self, wanted: Wanted = every, *, most: int | None = None, told: Told = nobody) -> int:
        """Put the oldest of the wanted dead letters back on the queue; see `Queue.redrive`."""
        with self._lock:
            self._come_back()
            readable = (entry for entry, _ in self._dead if entry.readable and wanted(entry.body))
            back = list(islice(readable, most))
            chosen = {id(entry) for entry in back}
            self._dead = [each for each in self._dead if id(each[0]) not in chosen]
            for entry in back:
                entry.receives = 0
            self._ready.extend(back)
            self._changed.notify_all()
        for entry in back:
            told(entry.body)
        return len(back)

    def _put(self, entries: list[_Entry], delay: Span) -> None:
        if not 0 <= delay <= MAX_DELAY:
            raise ValueError(str(InvalidInput("delay", delay, f"must be from 0 to {MAX_DELAY} microseconds")))
        with self._lock:
            if delay:
                self._delayed += len(entries)
                for entry in entries:
                    self._schedule(entry, delay)
            else:
                self._ready.extend(entries)
            if self._receiving:
                self._changed.notify_all()

    def _lend(self, limit: int) -> tuple[Received[M], ...]:
        self._come_back()
        lent: list[Received[M]] = []
        while self._ready and len(lent) < limit:
            entry = self._ready.popleft()
            try:
                entry.read()
            except InvalidInput as error:
                self._dead.append((entry, f"unreadable: {error}"))
                continue
            entry.receives += 1
            self._schedule(entry, self._visibility)
            entry.receipt = str(entry.turn)
            self._loans[entry.receipt] = entry
            lent.append(Received(cast("M", entry.message), entry.receipt, entry.receives))
        return tuple(lent)

    def _schedule(self, entry: _Entry, delay: Span) -> None:
        entry.turn = next(self._turns)
        heappush(self._later, (self._clock.now() + delay, entry.turn, entry))

    def _come_back(self) -> None:
        """Move what is due to where it belongs now."""
        if not self._later:
            return
        now = self._clock.now()
        while self._later and self._later[0][0] <= now:
            _, turn, entry = heappop(self._later)
            if entry.turn != turn:
                continue  # deleted or deferred since
            if entry.receipt is None:
                self._delayed -= 1
            else:
                del self._loans[entry.receipt]
                entry.receipt = None
            if entry.receives >= self._max_receives:
                self._dead.append((entry, f"received {entry.receives} times and never done"))
            else:
                self._ready.append(entry)

    def _until_next(self, wait: Span) -> Span:
        return max(1, min(wait, self._later[0][0] - self._clock.now())) if self._later else wait
