"""What AWS tells by EventBridge: EC2's warnings of a spot machine's end and changes of state; and alarms.

Source: "Amazon EC2 User Guide": the events of spot interruptions, rebalance recommendations and state changes. A rule
with the queue as its target sends each event whole, as one message; `PATTERNS` are the rules' patterns.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from paddock.adapters.aws.alarm_events import SOURCE as CLOUDWATCH
from paddock.adapters.aws.alarm_events import alarm_changed
from paddock.core.circuit import NOTICE
from paddock.core.codec import message_from_data
from paddock.core.errors import InvalidInput
from paddock.core.messages import MachineChanged, MachineWarned, WarningKind
from paddock.core.units import Moment, moment_of

SPOT: Final = "EC2 Spot Instance Interruption Warning"
REBALANCE: Final = "EC2 Instance Rebalance Recommendation"
STATE: Final = "EC2 Instance State-change Notification"

ENDING: Final = ("shutting-down", "terminated")
"""The states that are told: a machine ends, and has ended. The second is for whoever could do nothing at the first, as
GitHub's word on its job was still to come; each event is a message more."""

_KIND: Final = "detail-type"
_SOURCE: Final = "aws.ec2"

PATTERNS: Final[Mapping[str, Mapping[str, object]]] = {
    "machine-warned": {"source": [_SOURCE], _KIND: [SPOT, REBALANCE]},
    "machine-changed": {"source": [_SOURCE], _KIND: [STATE], "detail": {"state": list(ENDING)}},
}
"""Event patterns by rule, as EventBridge wants them. No event fits two of them, so that none comes twice. Whose machine
it is no pattern can say: EC2's events have no tags. ``machine-changed`` is for fleets with a limit on machines or vCPU,
where a job may wait for the place of one that ends: elsewhere the sweep closes it within a minute, with all others."""

_MACHINE: Final = re.compile(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?")
_STATE: Final = re.compile(r"[a-z]+(?:-[a-z]+)*")
_SHOWN: Final = 80


def event_in(text: str, received_at: Moment) -> Any:  # noqa: ANN401 - the kind is in the text; callers match on it
    """The message in a text of the events queue, whether we wrote it or EventBridge did; or an `AlarmChanged`.

    Raises:
        InvalidInput: it is neither. No other error, whatever the text is.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("message", f"{len(text)} characters", f"must be JSON: {error}") from error
    if isinstance(data, Mapping) and _KIND in data:
        return alarm_changed(data) if data.get("source") == CLOUDWATCH else cloud_event(data, received_at)
    return message_from_data(data)


def cloud_event(data: Mapping[str, Any], received_at: Moment) -> MachineWarned | MachineChanged:
    """One event of EC2's.

    Args:
        data: the event as EventBridge sends it.
        received_at: when it came here.

    Raises:
        InvalidInput: it is of another source or kind, or does not have the shape that EC2 documents for it.
    """
    if data.get("source") != _SOURCE:
        raise _wrong("source", data.get("source"), f"must be {_SOURCE}")
    read = _KINDS.get(str(data.get(_KIND)))
    if read is None:
        raise _wrong(_KIND, data.get(_KIND), f"must be one of {', '.join(_KINDS)}: the rule lets too much through")
    detail = data.get("detail")
    if not isinstance(detail, Mapping):
        raise _wrong("detail", detail, "must be an object")
    machine = _text(detail, "instance-id", _MACHINE, "must be an instance's id")
    return read(machine, detail, _moment(data.get("time")), received_at)


def _spot(machine: str, _detail: Mapping[str, Any], at: Moment, received_at: Moment) -> MachineWarned:
    # Whether it is stopped or terminated is all the same: ours never come back.
    return MachineWarned(machine, WarningKind.SPOT, at + NOTICE, received_at)


def _rebalance(machine: str, _detail: Mapping[str, Any], at: Moment, received_at: Moment) -> MachineWarned:
    return MachineWarned(machine, WarningKind.REBALANCE, at + NOTICE, received_at)  # no sooner: that is still to come


def _state(machine: str, detail: Mapping[str, Any], at: Moment, received_at: Moment) -> MachineChanged:
    return MachineChanged(machine, _text(detail, "state", _STATE, "must be EC2's name of a state"), at, received_at)


_KINDS: Final[Mapping[str, Callable[[str, Mapping[str, Any], Moment, Moment], MachineWarned | MachineChanged]]] = {
    SPOT: _spot,
    REBALANCE: _rebalance,
    STATE: _state,
}


def _text(detail: Mapping[str, Any], name: str, pattern: re.Pattern[str], remedy: str) -> str:
    value = detail.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _wrong(f"detail.{name}", value, remedy)
    return value


def _moment(value: object) -> Moment:
    remedy = "must be a time such as 2026-11-22T13:00:05Z"
    if not isinstance(value, str) or not value.endswith("Z"):
        raise _wrong("time", value, remedy)
    try:
        return moment_of(datetime.fromisoformat(value))
    except ValueError:
        raise _wrong("time", value, remedy) from None


def _wrong(field: str, value: object, remedy: str) -> InvalidInput:
    return InvalidInput(field, value if value is None else str(value)[:_SHOWN], remedy)
