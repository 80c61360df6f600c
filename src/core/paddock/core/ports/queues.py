"""The port to a queue, with the promises of a standard SQS queue."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

import attrs

from paddock.core.units import Span

M = TypeVar("M")
In = TypeVar("In", contravariant=True)


@attrs.frozen
class Received(Generic[M]):
    """A message on loan until its visibility time-out. ``receives`` counts the loans, this one included."""

    message: M
    receipt: str
    receives: int


@attrs.frozen
class DeadLetter:
    """A message that was given up: its text as it was sent, and why.

    ``readable`` is false where the text is none that its queue carries: no redrive puts that back.
    """

    body: str
    reason: str
    readable: bool = True


@attrs.frozen
class Depth:
    """How many messages wait (delayed ones included), are on loan, and were given up."""

    waiting: int
    on_loan: int
    dead: int


Wanted: TypeAlias = Callable[[str], bool]
"""Which dead letters are wanted back, by their text. It is asked in the midst of it, and must not use the queue."""

Told: TypeAlias = Callable[[str], object]
"""Who is told of what was put back, text by text. He must not use the queue either."""


def every(_: str) -> bool:
    """All of them are wanted."""
    return True


def nobody(_: str) -> None:
    """Nobody is told."""


class Sender(Protocol[In]):
    """The end of a queue at which messages are put in: all that who takes in webhooks needs, or may do.

    Every method may raise `Unavailable` or `Throttled`.
    """

    def send(self, messages: Sequence[In], *, delay: Span = 0) -> None:
        """Store every message durably before returning, visible after `delay` (at most 15 minutes). All or error."""


class Queue(Sender[M], Protocol[M]):
    """At least once, in no promised order. What makes handling safe is the conditional write behind it.

    Every method may raise `Unavailable` or `Throttled`.
    """

    def receive(self, limit: int, *, wait: Span = 0) -> Sequence[Received[M]]:
        """Lend up to `limit` messages, waiting up to `wait` for the first. Empty if there is none.

        A message that is neither deleted nor deferred comes back after the queue's visibility time-out; after the
        queue's maximum of receives it becomes a dead letter instead. A message that cannot be read becomes a dead
        letter at once and is never returned.
        """

    def delete(self, receipts: Sequence[str]) -> None:
        """The messages are done. A receipt that is unknown or out of date changes nothing."""

    def defer(self, receipt: str, delay: Span) -> None:
        """Give the message back, to be seen again after `delay`. An unknown or outdated receipt changes nothing."""

    def depth(self) -> Depth:
        """Counts, approximate while others work."""

    def dead_letters(self, limit: int = 10) -> Sequence[DeadLetter]:
        """The oldest dead letters, left where they are."""

    def redrive(self, wanted: Wanted = every, *, most: int | None = None, told: Told = nobody) -> int:
        """Put readable dead letters back on the queue with their receives at zero; how many there were.

        Those that are wanted, each asked about at most once, and no more than `most` (None: all). All others stay, and
        so do those that cannot be read. Whoever is told learns of each one as soon as it is on the queue for good, so
        that after an error he knows which are back. None is ever lost: one that is cut off is dead still, or is back
        and dead as well.
        """
