"""Telling the control plane: reports by queue, plain signs of life by the machine's own item, a success not at all."""

import json
from collections.abc import Mapping

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.item import OwnItem
from paddock.agent.aws.service import Service
from paddock.agent.telling.delivery import Refused
from paddock.agent.telling.report import Event, Result

MAX_BYTES = 262_144  # of a message; the service's newer limit is four times that, and a report never needs it
_TARGET = "AmazonSQS.SendMessage"
_SIGNS = (Event.HEARTBEAT, Event.STARTED)


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
        job's start, which GitHub tells of as well; when the runner was ready and began is left there, too. One with a
        reason (a notice of EC2's) goes to the queue like all others.

        The end of a job that was a success in every respect goes nowhere, and is as good as delivered: that the job
        is done, and how, GitHub says; that the machine is gone, EC2 does; and a message more would wake a function to
        learn nothing. So it is with the report that an earlier agent of this machine left. Should GitHub's word be
        lost, the machine's end is what makes the control plane ask.

        Raises:
            OSError: not now; the same report may be sent again.
            Refused: never; it would be refused again.
        """
        if _is_success(data):
            return
        alive = data.get("event") in _SIGNS and not data.get("reason") and not data.get("interrupted_by")
        try:
            if alive:
                at, *rest = (_whole(data.get(name)) for name in ("at", "runner_id", "ready_at", "started_at"))
                runner_id, ready_at, started_at = rest
                self._item.heartbeat(at=at or 0, runner_id=runner_id, ready_at=ready_at, started_at=started_at)
                return
            self._sqs.call(_TARGET, {"QueueUrl": self._queue_url, "MessageBody": _body(data)})
        except AwsError as error:
            # A right, a key or a queue may be there a moment later: a stack is young, or somebody mends it.
            mended = not alive and error.kind in (Kind.DENIED, Kind.MISSING)
            if error.again or mended:
                raise
            raise Refused(str(error)) from error


def _is_success(data: Mapping[str, object]) -> bool:
    """Whether the job and the machine ended as they should, so that nobody needs to be told why."""
    said = data.get("reason") or data.get("interrupted_by") or data.get("detail")
    ended = data.get("event"), data.get("result"), data.get("conclusion")
    return ended == (Event.FINISHED, Result.SERVED, "success") and not said


def _whole(value: object) -> int | None:
    return value if type(value) is int else None


def _body(data: Mapping[str, object]) -> str:
    """The message: ASCII, for SQS refuses some characters that a hostile detail may hold, and never too long."""
    body = json.dumps(data)
    detail = data.get("detail")
    if len(body) > MAX_BYTES and isinstance(detail, str):
        room = max(0, MAX_BYTES - len(json.dumps({**data, "detail": ""}))) // 12  # the longest escape of one character
        body = json.dumps({**data, "detail": detail[len(detail) - room :]})  # its end says most
    return body
