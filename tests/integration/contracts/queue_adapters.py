"""The adapters that are queues. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs

from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.memory import ClockWaiter, ManualClock, ManualSleeper, MemoryQueue
from paddock.adapters.sqlite import Database, SqliteQueue
from paddock.core.messages import EventMessage
from paddock.core.ports.queues import Queue
from paddock.core.units import SECOND, Span
from tests.aws.queue import queue_on_moto
from tests.strategies import NOON

VISIBILITY: Span = 30 * SECOND
MAX_RECEIVES = 3


@attrs.frozen
class QueueUnderTest:
    """An empty queue with the visibility time-out and maximum of receives above.

    ``pass_time`` lets so much time go by for the queue; ``send_text`` stores a text as it is; ``settle`` gives up at
    once what is to be given up. ``lenient``: old receipts may be good for something, what was given back counts as on
    loan, and a message may be lent twice, as SQS may do.
    """

    queue: Queue[EventMessage]
    pass_time: Callable[[Span], object]
    send_text: Callable[[str], None]
    settle: Callable[[], None] = lambda: None
    lenient: bool = False


OpenQueue: TypeAlias = Callable[[Path], AbstractContextManager[QueueUnderTest]]
"""Opens a queue that may keep its files in the folder given (empty at first)."""


@contextmanager
def memory(_: Path) -> Iterator[QueueUnderTest]:
    clock = ManualClock(NOON)
    queue: MemoryQueue[EventMessage] = MemoryQueue(
        clock, visibility=VISIBILITY, max_receives=MAX_RECEIVES, waiter=ClockWaiter(clock)
    )
    yield QueueUnderTest(queue, clock.advance, queue.send_text)


@contextmanager
def sqlite(folder: Path) -> Iterator[QueueUnderTest]:
    clock = ManualClock(NOON)
    with Database(folder / "paddock.db") as database:
        queue: SqliteQueue[EventMessage] = SqliteQueue(
            database, "reports", clock, ManualSleeper(clock), visibility=VISIBILITY, max_receives=MAX_RECEIVES
        )
        yield QueueUnderTest(queue, clock.advance, queue.send_text)


@contextmanager
def sqs(_: Path) -> Iterator[QueueUnderTest]:
    with queue_on_moto(VISIBILITY, MAX_RECEIVES) as made:
        queue: SqsQueue[EventMessage] = SqsQueue(
            made.clients, made.url, made.dead_letter_url, ManualSleeper(made.clock), look=0
        )
        yield QueueUnderTest(queue, made.clock.advance, made.send_text, made.settle, lenient=True)


ADAPTERS: dict[str, OpenQueue] = {"memory": memory, "sqlite": sqlite, "sqs": sqs}

DIFFERENCES: Mapping[str, str] = {
    "test_an_outdated_receipt_changes_nothing[sqs]": "moto deletes and gives back by any receipt that ever was",
}
"""Tests that an adapter cannot pass for another's fault, and why: they are expected to fail, and fail if they pass."""
