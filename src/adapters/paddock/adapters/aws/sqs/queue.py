"""A standard queue of SQS and its dead-letter queue.

Requests: `send` makes one for every ten messages or 1 MiB; `receive` one for every ten, and one more if the last ten
were ten or nothing was to be read, and two for each message that cannot be read; `delete` one for every ten; `defer`
and `bury` one; `depth` two. `dead_letters` and `redrive` read the dead-letter queue ten at a time: one request finds it
empty, ten letters that go back are three, ten that stay are two. There is no way to ask for some letters alone, so that
whatever stays there is looked at each time.

What SQS does in its own way, and no adapter can change:

* A receipt may stay good for a while after its loan is over. Of a receipt that came before another's, SQS says that
  it "might not" delete the message.
* A message that was given back counts as on loan until it is seen again.
* A message that was lent too often becomes a dead letter when somebody would receive it the next time.
* A `receive` that does not wait asks some of SQS's servers only, and may find nothing in a queue that is nearly empty.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.sqs.channel import Channel, Lent
from paddock.adapters.aws.sqs.dead import DeadLetters
from paddock.adapters.sqs_wire import MAX_ENTRIES, delay_seconds, fitting, whole_seconds
from paddock.adapters.wire import message_in, message_text
from paddock.core.errors import InvalidInput
from paddock.core.ports.queues import DeadLetter, Depth, Received, Told, Wanted, every, nobody
from paddock.core.ports.system import Sleeper
from paddock.core.units import HOUR, SECOND, Span

M = TypeVar("M")

LONGEST_POLL: Span = 20 * SECOND
# SQS counts twelve hours from the receipt and refuses what would go beyond; the longest function's loan is 90 minutes.
MAX_DEFER: Span = 10 * HOUR


class SqsQueue(Generic[M]):
    """`Queue` on SQS. Safe for threads."""

    def __init__(
        self,
        clients: Clients,
        url: str,
        dead_letter_url: str,
        sleeper: Sleeper,
        *,
        look: Span = SECOND,
        read: Callable[[str], Any] = message_in,
    ) -> None:
        """Args: the clients; addresses of the queue and its dead-letter queue; waits before a repetition.

        ``look`` is how long the dead-letter queue must have nothing more to give until it is believed. ``read`` reads a
        text of the queue, for one on which others' messages are as well; it may raise `InvalidInput` alone.
        """
        self._channel = Channel(clients, url, sleeper)
        dead = Channel(clients, dead_letter_url, sleeper)
        self._dead_channel = dead
        self._dead = DeadLetters(self._channel, dead, look, read)
        self._read = read

    def send(self, messages: Sequence[M], *, delay: Span = 0) -> None:
        """See `Queue.send`; the delay is rounded up to whole seconds.

        After an error some of the messages may have been stored.

        Raises:
            ValueError: `delay` is negative or over 15 minutes.
            Rejected: a message is over 1 MiB; nothing was stored.
        """
        seconds = delay_seconds(delay)
        self._channel.send(fitting([message_text(message) for message in messages]), delay=seconds)

    def receive(self, limit: int, *, wait: Span = 0) -> Sequence[Received[M]]:
        """See `Queue.receive`; the wait is rounded up to whole seconds.

        Raises:
            ValueError: `limit` is below 1.
        """
        if limit < 1:
            raise ValueError(str(InvalidInput("limit", limit, "must be at least 1")))
        received: list[Received[M]] = []
        while len(received) < limit:
            asked = min(limit - len(received), MAX_ENTRIES)
            poll = 0 if received else min(max(0, wait), LONGEST_POLL)
            lent = self._channel.receive(asked, wait=whole_seconds(poll))
            received += self._readable(lent)
            if not lent:
                wait -= poll
            if len(lent) < asked if received else not lent and wait <= 0:
                break
        return received

    def delete(self, receipts: Sequence[str]) -> None:
        """See `Queue.delete`."""
        self._channel.delete(receipts)

    def defer(self, receipt: str, delay: Span) -> None:
        """See `Queue.defer`; the delay is rounded up to whole seconds. After ten hours it is seen again in any case.

        Raises:
            ValueError: `delay` is negative.
        """
        if delay < 0:
            raise ValueError(str(InvalidInput("delay", delay, "must not be negative")))
        if receipt:
            self._channel.hide(receipt, whole_seconds(min(delay, MAX_DEFER)))

    def bury(self, body: str, why: InvalidInput) -> None:
        """Put a text that cannot be read among the dead; one request. Whoever was lent it deletes it then."""
        self._dead.bury(body, why)

    def depth(self) -> Depth:
        """See `Queue.depth`; what was given back counts as on loan until it is seen again."""
        waiting, on_loan, _ = self._channel.counts()
        return Depth(waiting, on_loan, sum(self._dead_channel.counts()[:2]))

    def dead_letters(self, limit: int = 10) -> Sequence[DeadLetter]:
        """See `Queue.dead_letters`; oldest first among those that SQS gives, and it gives roughly the oldest."""
        return self._dead.oldest(limit)

    def redrive(self, wanted: Wanted = every, *, most: int | None = None, told: Told = nobody) -> int:
        """See `Queue.redrive`; in no promised order.

        After an error some are back, and one batch of them may be there and dead as well. If it is cut off, those that
        were looked at are hidden among the dead for ten minutes.
        """
        return self._dead.revive(wanted, most, told)

    def _readable(self, lent: Sequence[Lent]) -> list[Received[M]]:
        """What can be read; the rest is buried."""
        received: list[Received[M]] = []
        for each in lent:
            try:
                message = self._read(each.body)
            except InvalidInput as error:
                self.bury(each.body, error)
                self._channel.delete([each.receipt])  # only now: dead twice is better than lost
            else:
                received.append(Received(message, each.receipt, each.receives))
        return received
