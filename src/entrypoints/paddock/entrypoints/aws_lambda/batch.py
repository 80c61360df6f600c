"""Batches of SQS's messages as Lambda hands them over, and the answer that names those which must come back.

Whatever the answer does not name is deleted by Lambda. What it names stays on loan until the queue's time is over, or
until the time that `defer` set: so a message that must come back is deferred, and then named.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import attrs

from paddock.core.errors import InvalidInput, PaddockError
from paddock.core.ports.queues import Received
from paddock.core.units import Span
from paddock.core.usecases.handled import Again, Done, Handled, Left

_LOG = logging.getLogger(__name__)

M = TypeVar("M")

Answer = dict[str, list[dict[str, str]]]

_FAILURES: Final = "batchItemFailures"


class Lender(Protocol):
    """The queue that lent the messages. Its methods may raise any `PaddockError`."""

    def defer(self, receipt: str, delay: Span) -> None:
        """The message is seen again after `delay`."""

    def bury(self, body: str, why: InvalidInput) -> None:
        """A text that cannot be read is put among the dead letters."""


@attrs.frozen
class Record:
    """One message as Lambda hands it over. ``sender`` is who sent it, by SQS's word."""

    id: str
    body: str
    receipt: str
    receives: int
    sender: str


@attrs.frozen
class Lent(Generic[M]):
    """A message that could be read, and the record in which it came."""

    record: Record
    message: M

    @property
    def received(self) -> Received[M]:
        """The message as a queue lends it."""
        return Received(self.message, self.record.receipt, self.record.receives)


def records_of(event: Mapping[str, Any]) -> Sequence[Record]:
    """The messages of an event.

    Raises:
        InvalidInput: it is no event of an SQS queue; then all of it comes back.
    """
    try:
        return [_record(record) for record in event["Records"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("event", type(error).__name__, f"must be SQS's, with Records: {error}") from error


class Batch:
    """The messages of one event, until each of them is done or must come back."""

    def __init__(self, queue: Lender, records: Sequence[Record]) -> None:
        """Args: who lent them; the messages."""
        self._queue = queue
        self._records = records
        self._back: list[str] = []

    def read(self, reader: Callable[[str], M]) -> Iterator[Lent[M]]:
        """Those that can be read, in order; the rest is buried at once. The reader may raise `InvalidInput` alone."""
        for record in self._records:
            try:
                message = reader(record.body)
            except InvalidInput as error:
                self._bury(record, error)
            else:
                yield Lent(record, message)

    def settle(self, record: Record, fate: Handled | Left) -> None:
        """Say what is to become of a message."""
        if isinstance(fate, Done):
            return
        self._back.append(record.id)
        _LOG.warning("message %s comes back: %s", record.id, fate.reason)
        if isinstance(fate, Again):
            try:
                self._queue.defer(record.receipt, fate.delay)
            except PaddockError as error:  # then it comes when its loan is over
                _LOG.warning("message %s could not be deferred: %s", record.id, error)

    def answer(self) -> Answer:
        """What Lambda is told: the messages that must come back, and no others."""
        return {_FAILURES: [{"itemIdentifier": each} for each in self._back]}

    def _bury(self, record: Record, why: InvalidInput) -> None:
        _LOG.error("message %s cannot be read and goes to the dead letters: %s", record.id, why)
        try:
            self._queue.bury(record.body, why)
        except PaddockError as error:
            _LOG.error("message %s could not be buried and comes back: %s", record.id, error)
            self._back.append(record.id)


def carried(message: Any, *kinds: type) -> Any:  # noqa: ANN401 - one of the kinds
    """The message, if it is of a kind that its queue carries.

    Raises:
        InvalidInput: it is of another kind.
    """
    if isinstance(message, kinds):
        return message
    names = " or ".join(kind.__name__ for kind in kinds)
    raise InvalidInput("kind", type(message).__name__, f"must be {names} on this queue")


def _record(record: Mapping[str, Any]) -> Record:
    attributes = record["attributes"]
    return Record(
        id=record["messageId"],
        body=record["body"],
        receipt=record["receiptHandle"],
        receives=int(attributes["ApproximateReceiveCount"]),
        sender=str(attributes.get("SenderId", "")),
    )
