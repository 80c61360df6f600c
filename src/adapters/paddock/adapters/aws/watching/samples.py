"""What CloudWatch holds of metrics: sums, counts and values by the minute, read from log lines and from AWS's services.

Windows slide: CloudWatch looks at the last so many seconds each time it looks (AWS, "Alarm evaluation window"). A value
is seen some time after it was told, `LATENCY` here; what has not come by then counts as missing, and is not waited for.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from paddock.adapters.aws.watching.maths import Point, Series
from paddock.adapters.aws.watching.names import Key
from paddock.core.errors import InvalidInput
from paddock.core.units import MILLISECOND, MINUTE, Moment, Span

LATENCY: Final[Span] = 2 * MINUTE


@attrs.define
class _Held:
    """One metric: the minutes that have values, in order, and their values."""

    minutes: list[int] = attrs.field(factory=list)
    values: dict[int, list[float]] = attrs.field(factory=dict)

    def add(self, minute: int, value: float) -> None:
        if minute not in self.values:
            self.minutes.insert(bisect_left(self.minutes, minute), minute)
            self.values[minute] = []
        self.values[minute].append(value)

    def within(self, first: int, end: int) -> list[float]:
        inside = self.minutes[bisect_left(self.minutes, first) : bisect_left(self.minutes, end)]
        return [value for minute in inside for value in self.values[minute]]


class Samples:
    """Values of metrics over time."""

    def __init__(self) -> None:
        """It begins empty."""
        self._held: dict[Key, _Held] = {}

    @property
    def keys(self) -> Sequence[Key]:
        """The metrics that have a value, in the order of their first."""
        return tuple(self._held)

    def add(self, key: Key, at: Moment, value: float) -> None:
        """The metric had this value at that moment."""
        self._held.setdefault(key, _Held()).add(at // MINUTE, value)

    def read(self, lines: Iterable[str]) -> None:
        """Take the metrics out of log lines as CloudWatch does. A line without any is passed over.

        Source: "Specification: Embedded metric format".
        """
        for line in lines:
            fields = json.loads(line)
            found = fields.get("_aws", {})
            for directive in found.get("CloudWatchMetrics", ()):
                for names in directive["Dimensions"]:
                    dimensions = tuple((name, fields[name]) for name in names)
                    for metric in directive["Metrics"]:
                        key = (directive["Namespace"], metric["Name"], dimensions)
                        self.add(key, found["Timestamp"] * MILLISECOND, fields[metric["Name"]])

    def series(self, key: Key, stat: str, *, period: Span, points: int, now: Moment, latency: Span = LATENCY) -> Series:
        """So many points, the oldest first; the last one's window ends now. None where there is no value.

        Raises:
            InvalidInput: `stat` is none that is known here.
        """
        held = self._held.get(key, _Held())
        last = now // MINUTE
        seen = (now - latency) // MINUTE  # minutes before this one are seen as they are; later ones not yet
        step = period // MINUTE
        starts = range(last - points * step, last, step)
        return tuple(statistic(stat, held.within(start, min(start + step, seen))) for start in starts)


def statistic(stat: str, values: Sequence[float]) -> Point:
    """CloudWatch's statistic of these values; None if there are none.

    Raises:
        InvalidInput: it is none that is known here.
    """
    if stat.startswith("p") and stat[1:].isdigit() and 0 < int(stat[1:]) < 100:  # noqa: PLR2004 - per cent
        return _percentile(sorted(values), int(stat[1:])) if values else None
    known = {"Sum": sum, "Maximum": max, "Minimum": min, "SampleCount": len, "Average": _mean}
    if stat not in known:
        raise InvalidInput("stat", stat, f"must be one of {', '.join(known)}, or a percentile such as p95")
    return float(known[stat](values)) if values else None  # type: ignore[operator]  # each takes a sequence


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _percentile(values: Sequence[float], per_cent: int) -> float:
    return values[max(0, -(-len(values) * per_cent // 100) - 1)]
