"""Telling the control plane: reports by queue, plain signs of life by the machine's own item."""

import json
from collections.abc import Mapping

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.item import OwnItem
from paddock.agent.aws.service import Service
from paddock.agent.telling.delivery import Refused

MAX_BYTES = 262_144  # of a message; the service's newer limit is four times that, and a report never needs it
_TARGET = "AmazonSQS.SendMessage"
_SIGNS = ("heartbeat", "started")


class QueueTransport:
    """Takes one report at a time; a repetition after an error may arrive twice."""

    def __init__(self, sqs: Service, queue_url: str, item: OwnItem) -> None:
        """Args: the service; the reports queue; the machine's own item."""
        self._sqs = sqs
        self._queue_url = queue_url
        self._item = item

    def send(self, data: Mapping[str, object]) -> None:
        """Hand one report over: plain data of ``runner_reported``.

        A heartbeat that tells nothing but life goes to the item: one write, no message, no function woken. So does the
        job's start, which GitHub tells of as well, and the last report once more. One with a reason (a notice of
        EC2's) goes to the queue like all others.

        Raises:
            OSError: not now; the same report may be sent again.
            Refused: never; it would be refused again.
        """
        alive = data.get("event") in _SIGNS and not data.get("reason") and not data.get("interrupted_by")
        try:
            if alive:
                at, runner_id = data.get("at"), data.get("runner_id")
                self._item.heartbeat(
                    at=at if type(at) is int else 0, runner_id=runner_id if type(runner_id) is int else None
                )
                return
            self._sqs.call(_TARGET, {"QueueUrl": self._queue_url, "MessageBody": _body(data)})
        except AwsError as error:
            # A right, a key or a queue may be there a moment later: a stack is young, or somebody mends it.
            mended = not alive and error.kind in (Kind.DENIED, Kind.MISSING)
            if error.again or mended:
                raise
            raise Refused(str(error)) from error


def _body(data: Mapping[str, object]) -> str:
    """The message: ASCII, for SQS refuses some characters that a hostile detail may hold, and never too long."""
    body = json.dumps(data)
    detail = data.get("detail")
    if len(body) > MAX_BYTES and isinstance(detail, str):
        room = max(0, MAX_BYTES - len(json.dumps({**data, "detail": ""}))) // 12  # the longest escape of one character
        body = json.dumps({**data, "detail": detail[len(detail) - room :]})  # its end says most
    return body
