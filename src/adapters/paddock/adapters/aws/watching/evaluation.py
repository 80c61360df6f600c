"""How CloudWatch judges an alarm, by its documented rules.

::

    N points are judged, M of them must breach. CloudWatch looks further back than N, over the evaluation range:

    enough points in the range   the newest N of them are judged; what is missing between them does not matter
    too few                      the missing ones are filled in, as few as possible, as the alarm says:
                                 breaching, not breaching, ignore (the state stays), missing (it is not known)

Source: "Configuring how CloudWatch alarms treat missing data", its tables and "Avoiding premature transitions to alarm
state". How long the range is AWS does not say; in its tables it is two points longer than N, and so it is here. It
looks once a minute, through windows that slide.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from paddock.adapters.aws.watching.definition import COMPARISONS, Alarm, Missing
from paddock.adapters.aws.watching.maths import evaluate
from paddock.adapters.aws.watching.names import Names
from paddock.adapters.aws.watching.samples import LATENCY, Samples
from paddock.core.units import MINUTE, Moment, Span

FURTHER: Final = 2
_ALWAYS_IGNORED: Final = "AWS/DynamoDB"  # whatever the alarm says: AWS, PutMetricAlarm, "TreatMissingData"


class State(StrEnum):
    """An alarm's state, in CloudWatch's words."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


def judged(points: Sequence[bool | None], *, of: int, needed: int, missing: Missing, current: State) -> State:
    """The state of an alarm whose evaluation range holds these points, the oldest first.

    Args:
        points: True is breaching, False is not, None is missing.
        of: how many points are judged (N).
        needed: how many of them must breach (M).
        missing: how the missing ones are treated.
        current: the state until now.
    """
    real = [point for point in points if point is not None]
    if len(real) >= of:
        return State.ALARM if sum(real[-of:]) >= needed else State.OK
    if missing is Missing.BREACHING:
        return State.ALARM if sum(real) + of - len(real) >= needed else State.OK
    if missing is Missing.NOT_BREACHING or sum(real) >= needed or False in real:
        return State.ALARM if sum(real) >= needed else State.OK
    if missing is Missing.IGNORE:
        return current
    # All that is there breaches. It is too early to tell unless the oldest is as old as M points.
    old = bool(real) and len(points) - points.index(True) >= needed
    return State.ALARM if old else State.INSUFFICIENT_DATA


@attrs.frozen
class Change:
    """An alarm that went to another state, at the beginning of that minute."""

    at: Moment
    alarm: str
    state: State


def replay(
    alarms: Sequence[Alarm],
    names: Names,
    samples: Samples,
    since: Moment,
    until: Moment,
    *,
    latency: Span = LATENCY,
) -> Iterator[Change]:
    """Every change of these alarms' states in that time, in order. Each begins with too little data, as AWS's do."""
    states: dict[str, State] = {alarm.name: State.INSUFFICIENT_DATA for alarm in alarms}
    for now in range(since - since % MINUTE, until + 1, MINUTE):
        for alarm in alarms:
            state = state_at(alarm, names, samples, now, states[alarm.name], latency=latency)
            if state is not states[alarm.name]:
                states[alarm.name] = state
                yield Change(now, alarm.name, state)


def state_at(
    alarm: Alarm, names: Names, samples: Samples, now: Moment, current: State, *, latency: Span = LATENCY
) -> State:
    """The state of the alarm at this moment."""
    count = alarm.of + FURTHER
    series: Mapping[str, tuple[float | None, ...]] = {
        query.id: samples.series(
            query.key(names), query.stat, period=alarm.period, points=count, now=now, latency=latency
        )
        for query in alarm.queries
    }
    values = evaluate(alarm.expression, series) if alarm.expression else series[alarm.queries[0].id]
    breaches = COMPARISONS[alarm.comparison]
    points = [None if value is None else breaches(value, alarm.threshold) for value in values]
    ignored = any(query.key(names)[0] == _ALWAYS_IGNORED for query in alarm.queries)
    missing = Missing.IGNORE if ignored else alarm.missing
    return judged(points, of=alarm.of, needed=alarm.needed, missing=missing, current=current)
