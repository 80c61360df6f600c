"""One queue of SQS as texts and receipts: each method is SQS's operation of that name, for any number of entries."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs
from botocore.exceptions import ClientError

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.errors import Asking, code_of
from paddock.adapters.aws_codes import COMMON
from paddock.adapters.sqs_wire import CODES, MAX_ENTRIES, STALE, Batch, Body, Failed, batches, deliver, entry_error
from paddock.core.errors import PaddockError, Rejected
from paddock.core.ports.system import Sleeper

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef

_SHORT: Final = 2  # seconds for which SQS may wait before it answers a client that has little patience
_REASON = "Reason"  # the message attribute in which a dead letter says why it was buried
_RECEIVES: Final = "ApproximateReceiveCount"
_SENT: Final = "SentTimestamp"
_WAITING: Final = "ApproximateNumberOfMessages"
_DELAYED: Final = "ApproximateNumberOfMessagesDelayed"
_ON_LOAN: Final = "ApproximateNumberOfMessagesNotVisible"


@attrs.frozen
class Lent:
    """A message as SQS lends it. ``sent`` is milliseconds since the epoch; ``reason`` is empty if none is written."""

    id: str
    body: Body
    receipt: str
    receives: int
    sent: int
    reason: str


class Channel:
    """Safe for threads."""

    def __init__(self, clients: Clients, url: str, sleeper: Sleeper) -> None:
        """Args: the clients; the queue's address; waits before what SQS did not take is sent again."""
        self._clients = clients
        self._url = url
        self._sleeper = sleeper
        self._ask = Asking(CODES)

    def send(self, bodies: Sequence[Body], *, delay: int = 0, reason: str = "") -> None:
        """Store the texts, none of which may be over SQS's limit; visible after so many seconds.

        A reason is left out where the text leaves no room for it.
        """
        for batch in batches(bodies):
            deliver(batch, partial(self._post, delay, reason), self._sleeper, partial(_error, "SendMessageBatch"))

    def receive(self, count: int, *, wait: int = 0, loan: int | None = None) -> Sequence[Lent]:
        """Lend up to `count` messages, at most ten; `wait` and `loan` are seconds, `loan` the queue's own if None."""
        client = self._clients.polls if wait > _SHORT else self._client
        answer = self._ask(
            client.receive_message,
            QueueUrl=self._url,
            MaxNumberOfMessages=min(count, MAX_ENTRIES),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=[_RECEIVES, _SENT],
            MessageAttributeNames=[_REASON],
            **({} if loan is None else {"VisibilityTimeout": loan}),  # type: ignore[arg-type]
        )
        return [_lent(message) for message in answer.get("Messages", [])]

    def delete(self, receipts: Sequence[str]) -> None:
        """The messages are done; a receipt that is worth nothing changes nothing."""
        for batch in _tens(receipts):
            deliver(batch, self._delete, self._sleeper, partial(_error, "DeleteMessageBatch"))

    def give_back(self, receipts: Sequence[str]) -> None:
        """The messages may be seen again at once; a receipt that is worth nothing changes nothing."""
        for batch in _tens(receipts):
            deliver(batch, self._give_back, self._sleeper, partial(_error, "ChangeMessageVisibilityBatch"))

    def hide(self, receipt: str, seconds: int) -> None:
        """The message is seen again after so many seconds; a receipt that is worth nothing changes nothing."""
        try:
            self._ask(
                self._client.change_message_visibility,
                QueueUrl=self._url,
                ReceiptHandle=receipt,
                VisibilityTimeout=seconds,
            )
        except Rejected as error:
            if _code(error) not in STALE:
                raise

    def counts(self) -> tuple[int, int, int]:
        """How many messages wait (delayed ones included) and how many are on loan; their loans until given up.

        The last is 0 if the queue has no dead-letter queue.
        """
        found = self._ask(
            self._client.get_queue_attributes,
            QueueUrl=self._url,
            AttributeNames=[_WAITING, _DELAYED, _ON_LOAN, "RedrivePolicy"],
        )["Attributes"]
        policy = json.loads(found.get("RedrivePolicy", "{}"))
        waiting = int(found[_WAITING]) + int(found[_DELAYED])
        return waiting, int(found[_ON_LOAN]), int(policy.get("maxReceiveCount", 0))

    @property
    def _client(self) -> "SQSClient":
        return self._clients.sqs

    def _post(self, delay: int, reason: str, batch: Batch) -> Sequence[Failed]:
        why = {"MessageAttributes": {_REASON: {"DataType": "String", "StringValue": reason}}} if reason else {}
        entries = [{"Id": each, "MessageBody": body, "DelaySeconds": delay, **why} for each, body in batch.items()]
        answer = self._ask(self._client.send_message_batch, QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
        return _failed(answer.get("Failed", []))

    def _delete(self, batch: Batch) -> Sequence[Failed]:
        entries = [{"Id": each, "ReceiptHandle": receipt} for each, receipt in batch.items()]
        answer = self._ask(self._client.delete_message_batch, QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
        return _alive(answer.get("Failed", []))

    def _give_back(self, batch: Batch) -> Sequence[Failed]:
        entries = [{"Id": each, "ReceiptHandle": one, "VisibilityTimeout": 0} for each, one in batch.items()]
        answer = self._ask(
            self._client.change_message_visibility_batch,
            QueueUrl=self._url,
            Entries=entries,  # type: ignore[arg-type]
        )
        return _alive(answer.get("Failed", []))


def _lent(message: "MessageTypeDef") -> Lent:
    attributes = message.get("Attributes")
    attributes = {} if attributes is None else attributes
    reason = message.get("MessageAttributes", {}).get(_REASON)
    return Lent(
        message["MessageId"],
        message.get("Body", ""),
        message["ReceiptHandle"],
        int(attributes.get(_RECEIVES, "1")),
        int(attributes.get(_SENT, "0")),
        "" if reason is None else reason.get("StringValue", ""),
    )


def _tens(receipts: Sequence[str]) -> Iterator[Batch]:
    """The receipts in batches; an empty one, which would spoil its whole batch, is none."""
    rest = iter([receipt for receipt in receipts if receipt])
    while ten := list(islice(rest, MAX_ENTRIES)):
        yield {str(number): receipt for number, receipt in enumerate(ten)}


def _failed(entries: Sequence["BatchResultErrorEntryTypeDef"]) -> list[Failed]:
    return [Failed(each["Id"], each["Code"], each.get("Message", ""), each["SenderFault"]) for each in entries]


def _alive(entries: Sequence["BatchResultErrorEntryTypeDef"]) -> list[Failed]:
    """The entries that failed for another reason than a receipt that is worth nothing."""
    return [each for each in _failed(entries) if each.code not in STALE]


def _error(operation: str, failed: Failed) -> PaddockError:
    return entry_error(operation, failed, COMMON)


def _code(error: Rejected) -> str:
    return code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
