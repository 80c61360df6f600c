"""Sending to SQS: what the webhook function needs of a queue, and no more."""

from collections.abc import Sequence
from functools import partial
from typing import Generic, TypeVar

from paddock.adapters.aws_codes import COMMON
from paddock.adapters.aws_http.messages import message_text
from paddock.adapters.aws_http.service import JsonService, Protocol
from paddock.adapters.sqs_wire import CODES, Batch, Failed, batches, delay_seconds, deliver, entry_error, fitting
from paddock.core.errors import PaddockError
from paddock.core.ports.system import Sleeper
from paddock.core.units import Span

M_contra = TypeVar("M_contra", contravariant=True)

SQS = Protocol(service="sqs", target="AmazonSQS", json_version="1.0", codes=CODES)
_BATCH = "SendMessageBatch"


class SqsSender(Generic[M_contra]):
    """The sending half of `Queue` on a standard queue. A message costs one request, so do ten at once."""

    def __init__(self, sqs: JsonService, queue_url: str, sleeper: Sleeper) -> None:
        """Args: the service, shared by all queues of a region; the queue's address; waits before a repetition."""
        self._sqs = sqs
        self._url = queue_url
        self._sleeper = sleeper

    def send(self, messages: Sequence[M_contra], *, delay: Span = 0) -> None:
        """See `Queue.send`; the delay is rounded up to whole seconds. After an error some may have been stored.

        Raises:
            ValueError: `delay` is negative or over 15 minutes.
            Rejected: a message is over 1 MiB; nothing was stored.
        """
        seconds = delay_seconds(delay)
        bodies = fitting([message_text(message) for message in messages])
        if len(bodies) == 1:
            self._sqs.call("SendMessage", {"QueueUrl": self._url, "MessageBody": bodies[0], "DelaySeconds": seconds})
            return
        for batch in batches(bodies):
            deliver(batch, partial(self._post, seconds), self._sleeper, _error)

    def _post(self, delay: int, batch: Batch) -> Sequence[Failed]:
        entries = [{"Id": each, "MessageBody": body, "DelaySeconds": delay} for each, body in batch.items()]
        answer = self._sqs.call(_BATCH, {"QueueUrl": self._url, "Entries": entries})
        return [
            Failed(str(each["Id"]), str(each["Code"]), str(each.get("Message", "")), bool(each["SenderFault"]))
            for each in answer.get("Failed", [])
        ]


def _error(failed: Failed) -> PaddockError:
    return entry_error(_BATCH, failed, COMMON)
