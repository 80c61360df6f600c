"""Lambda's event source mapping of an SQS queue: it polls, batches, invokes, and deletes what was handled.

What it does, and where that is written ("AWS Lambda Developer Guide", "Using Lambda with Amazon SQS"):

* It polls for up to twenty seconds, gathers messages up to the batch's size or for the batching window, and invokes
  the function with them once.
* With ``ReportBatchItemFailures`` an answer without failures, or none at all, is success: the whole batch is deleted.
  One that names messages has the others deleted. One that names a message which is not in the batch, or an empty name,
  or none, or that under another key, is a failure of the whole batch.
* A function that raises, is killed or takes too long has failed with the whole batch. What failed is not touched: it is
  seen again when its loan is over, and becomes a dead letter by the queue's own redrive policy.
* A message may come again although it was handled: standard queues deliver at least once. So may one that is being
  handled: then two environments have it at the same time.
* A message that was received while Lambda has no room for one more invocation is handed to nobody, and comes again when
  its loan is over; it may become a dead letter that way ("set maxReceiveCount to at least 5").
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from paddock.core.ports.system import Chance
from tests.aws.machine import ACCOUNT
from tests.aws.weather import Rarely

LONGEST_POLL = 20  # seconds
RECEIVE = 10  # messages of one ReceiveMessage
UNBATCHED = 10  # the largest batch without a window
LOOK = 0.05  # seconds between two looks within a window


class FunctionError(Exception):
    """The function did not answer: it raised, was killed, or took too long."""


class Function(Protocol):
    """A function, whichever environments of it there are. Safe for threads."""

    def invoke(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever it answers
        """Its answer.

        Raises:
            FunctionError: there is none.
        """


@attrs.frozen(kw_only=True)
class Mapped:
    """How a queue is mapped to its function. Spans are seconds.

    Of so many messages about one meets this, and at least one of twice as many (None: none of them): ``again``, it was
    handled, is not deleted, and comes again; ``beside``, it is lent to somebody else while it is handled; ``unhanded``,
    it is handed to nobody until its queue gives it up, and no other with its text.
    """

    queue_url: str
    batch_size: int = 10
    window: float = 0
    concurrency: int = 2
    report_failures: bool = True
    poll: int = LONGEST_POLL
    again: int | None = None
    beside: int | None = None
    unhanded: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what Lambda refuses."""
        if self.batch_size > UNBATCHED and not self.window:
            raise ValueError(f"batch_size {self.batch_size} needs a window")


@attrs.frozen
class Turn:
    """What became of one batch: ids of the messages handed over, deleted, left on loan, and kept by chance."""

    handed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    error: str = ""


class Pump:
    """One mapping. ``sender_of`` says who sent a message, by its id: SQS tells it by the request's signature.

    ``unhanded`` are the texts of messages that were handed to nobody, by id; ``together`` counts those that were handed
    over while somebody else had them in hand.
    """

    def __init__(
        self,
        sqs: Any,  # noqa: ANN401 - a client of boto3
        mapped: Mapped,
        function: Function,
        *,
        chance: Chance,
        sender_of: Callable[[str], str] = lambda _: "AIDAEXAMPLE",
    ) -> None:
        self._sqs, self._mapped, self._function = sqs, mapped, function
        self._sender_of = sender_of
        self._again, self._beside, self._unhanded = (
            None if rarity is None else Rarely(chance, rarity)
            for rarity in (mapped.again, mapped.beside, mapped.unhanded)
        )
        self._lock = threading.Lock()
        self._stopping, self._open = threading.Event(), threading.Event()
        self._open.set()
        self._threads: list[threading.Thread] = []
        self.turns: list[Turn] = []
        self.errors: list[Exception] = []
        self.unhanded: dict[str, str] = {}
        self.together = 0
        self._in_hand: Counter[str] = Counter()

    def once(self, poll: int | None = None) -> Turn:
        """Poll, and hand over what there is; an empty turn if there is nothing."""
        messages = self._but_unhanded(self._gathered(self._mapped.poll if poll is None else poll))
        if not messages:
            return Turn()
        ids = [message["MessageId"] for message in messages]
        with self._lock:
            self.together += sum(bool(self._in_hand[one]) for one in ids)
            self._in_hand.update(ids)
        for message in messages:
            if self._beside is not None and self._beside():
                self._give_back(message)
        try:
            turn = self._handed(messages)
        finally:
            with self._lock:
                self._in_hand.subtract(ids)
        with self._lock:
            self.turns.append(turn)
        return turn

    def start(self) -> None:
        """Work until `stop`, with as many batches at once as the mapping allows."""
        for number in range(self._mapped.concurrency):
            name = f"pump-{self._mapped.queue_url.rpartition('/')[2]}-{number}"
            self._threads.append(threading.Thread(target=self._work, name=name))
            self._threads[-1].start()

    def has_in_hand(self, message: str) -> bool:
        """True if the message was handed over and nothing came of it yet."""
        with self._lock:
            return self._in_hand[message] > 0

    def hold(self) -> None:
        """Take nothing from the queue until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Work again."""
        self._open.set()

    def stop(self) -> None:
        """Hand over nothing more; raises what went wrong in the pump itself."""
        self._stopping.set()
        self._open.set()
        for thread in self._threads:
            thread.join()
        for error in self.errors:
            raise error

    def _work(self) -> None:
        try:
            while self._open.wait() and not self._stopping.is_set():
                self.once(1)
        except Exception as error:  # noqa: BLE001 - `stop` raises it
            self.errors.append(error)

    def _gathered(self, poll: int) -> list[dict[str, Any]]:
        """Messages up to the batch's size; after the first ones only for as long as the window is."""
        messages = self._received(self._mapped.batch_size, poll)
        end = time.monotonic() + self._mapped.window
        while self._mapped.window and messages and len(messages) < self._mapped.batch_size:
            more = self._received(self._mapped.batch_size - len(messages), 0)
            messages += more
            left = end - time.monotonic()
            if not more and (left <= 0 or self._stopping.wait(min(left, LOOK))):
                break
        return messages

    def _but_unhanded(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is handed over; the rest is put back at once, so that nobody waits for the end of its loan."""
        handed = []
        for message in messages:
            id_, body = message["MessageId"], message["Body"]
            fresh = message["Attributes"]["ApproximateReceiveCount"] == "1" and body not in self.unhanded.values()
            if fresh and self._unhanded is not None and self._unhanded():
                with self._lock:
                    self.unhanded[id_] = body
            if id_ in self.unhanded:
                self._give_back(message)
            else:
                handed.append(message)
        return handed

    def _received(self, most: int, wait: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._mapped.queue_url,
            MaxNumberOfMessages=min(most, RECEIVE),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _handed(self, messages: Sequence[Mapping[str, Any]]) -> Turn:
        handed = tuple(str(message["MessageId"]) for message in messages)
        event = {"Records": [self._record(message) for message in messages]}
        try:
            answer = self._function.invoke(event)
        except FunctionError as error:
            return Turn(handed, left=handed, error=str(error))
        back = failures_in(answer, handed) if self._mapped.report_failures else frozenset()
        done = [message for message in messages if message["MessageId"] not in back]
        again = [message for message in done if self._again is not None and self._again()]
        self._delete([message for message in done if message not in again])
        for message in again:
            self._give_back(message)
        kept = tuple(message["MessageId"] for message in again)
        return Turn(
            handed,
            deleted=tuple(message["MessageId"] for message in done if message not in again),
            left=tuple(one for one in handed if one in back),
            again=kept,
        )

    def _give_back(self, message: Mapping[str, Any]) -> None:
        """Let a message be seen again at once. If its loan was over before, somebody else has it by now."""
        with contextlib.suppress(self._sqs.exceptions.ReceiptHandleIsInvalid, self._sqs.exceptions.MessageNotInflight):
            self._sqs.change_message_visibility(
                QueueUrl=self._mapped.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(messages), RECEIVE):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start : start + RECEIVE])
            ]
            # An error is let pass, as Lambda lets it: the message comes again.
            self._sqs.delete_message_batch(QueueUrl=self._mapped.queue_url, Entries=entries)

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        queue = self._mapped.queue_url.rpartition("/")[2]
        region = self._sqs.meta.region_name
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {**message["Attributes"], "SenderId": self._sender_of(message["MessageId"])},
            "messageAttributes": message.get("MessageAttributes", {}),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{region}:{ACCOUNT}:{queue}",
            "awsRegion": region,
        }


def failures_in(answer: object, handed: Iterable[str]) -> frozenset[str]:
    """The messages that an answer has come back: all of them if it is none that Lambda understands."""
    everything = frozenset(handed)
    if answer is None or answer == "":
        return frozenset()
    if not isinstance(answer, Mapping):
        return everything
    named = answer.get("batchItemFailures")
    if named is None:
        return frozenset()
    if not isinstance(named, list) or not all(isinstance(one, Mapping) for one in named):
        return everything
    back = [one.get("itemIdentifier") for one in named]
    if not all(isinstance(one, str) and one in everything for one in back):
        return everything
    return frozenset(back)
