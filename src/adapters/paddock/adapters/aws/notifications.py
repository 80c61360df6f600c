"""What a topic says, as SNS hands it to a function: alarms in words, and whatever else as it stands.

Sources: "AWS Lambda Developer Guide", events of SNS; "Amazon CloudWatch User Guide", the message of an alarm.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from paddock.core.errors import InvalidInput

_OVER: Final = "OK"
_RINGS: Final = "ALARM"


@attrs.frozen
class Notification:
    """Something that people are told. ``id`` is SNS's, the same if it is delivered twice."""

    id: str
    subject: str
    text: str


def notifications_in(event: Mapping[str, Any]) -> Sequence[Notification]:
    """What an event of SNS's tells.

    An alarm that is well without having been otherwise, as each is when it is made, is no news and is left out.

    Raises:
        InvalidInput: it is no event of SNS's.
    """
    try:
        told = [_notification(record["Sns"]) for record in event["Records"]]
    except (KeyError, TypeError) as error:
        raise InvalidInput("event", type(error).__name__, f"must be SNS's, with Records: {error}") from error
    return [one for one in told if one is not None]


def _notification(sns: Mapping[str, Any]) -> Notification | None:
    number, text = str(sns["MessageId"]), str(sns["Message"])
    alarm = _alarm(text)
    if alarm is None:
        return Notification(number, str(sns.get("Subject") or "Paddock"), text)
    state, before = alarm["NewStateValue"], alarm.get("OldStateValue")
    if state == _OVER and before != _RINGS:
        return None
    words = [f"It is over: {alarm.get('NewStateReason', '')}"] if state == _OVER else []
    words += [str(alarm["AlarmDescription"])] if alarm.get("AlarmDescription") else []
    words += [f"Why now: {alarm.get('NewStateReason', '')}"] if state != _OVER else []
    return Notification(number, f"{state}: {alarm['AlarmName']}", "\n".join(words))


def _alarm(text: str) -> Mapping[str, Any] | None:
    """The alarm's message in a text; None if it is anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) and {"AlarmName", "NewStateValue"} <= set(data) else None
