"""What CloudWatch tells by EventBridge of an alarm whose state changes.

Source: "Amazon CloudWatch User Guide": alarm events and EventBridge. `pattern` is that of the rule which lets them
through to the events queue. Only of the alarm on interruptions does anything follow: circuits are looked at once more.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from paddock.core.errors import InvalidInput

SOURCE: Final = "aws.cloudwatch"
CHANGED: Final = "CloudWatch Alarm State Change"
SPOT: Final = "spot-interruptions"
"""The alarm on interruptions, as the stack's name and a dash go before it."""

RINGS: Final = "ALARM"
_SHOWN: Final = 80


@attrs.frozen
class AlarmChanged:
    """An alarm has come to another state, in CloudWatch's words: ``OK``, ``ALARM``, ``INSUFFICIENT_DATA``."""

    name: str
    state: str

    @property
    def storm(self) -> bool:
        """Whether it says that the cloud takes back more spot machines than usual."""
        return self.state == RINGS and self.name.endswith(f"-{SPOT}")


def pattern(alarm: Any) -> dict[str, Any]:  # noqa: ANN401 - a text, or what CloudFormation makes one of
    """The event pattern of a rule that tells when this alarm goes off."""
    return {"source": [SOURCE], "detail-type": [CHANGED], "detail": {"alarmName": [alarm], "state": {"value": [RINGS]}}}


def alarm_changed(data: Mapping[str, Any]) -> AlarmChanged:
    """An event of CloudWatch's.

    Raises:
        InvalidInput: it is of another kind, or does not have the shape that CloudWatch documents for it.
    """
    if data.get("detail-type") != CHANGED:
        raise _wrong("detail-type", data.get("detail-type"), f"must be {CHANGED}: the rule lets too much through")
    detail = data.get("detail")
    detail = detail if isinstance(detail, Mapping) else {}
    state = detail.get("state")
    value = state.get("value") if isinstance(state, Mapping) else None
    for field, found in (("detail.alarmName", detail.get("alarmName")), ("detail.state.value", value)):
        if not isinstance(found, str) or not found:
            raise _wrong(field, found, "must be a text")
    return AlarmChanged(str(detail["alarmName"]), str(value))


def _wrong(field: str, value: object, remedy: str) -> InvalidInput:
    return InvalidInput(field, value if value is None else str(value)[:_SHOWN], remedy)
