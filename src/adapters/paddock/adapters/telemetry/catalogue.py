"""The catalogue of metrics, as ``paddock.contracts`` ships it: the one source of names, units, dimensions and emitters.

Most count one verdict of one use-case. A decision is written down whenever something happens, with its reason; so
nothing needs to be counted anywhere else, and there is no metric whose single cases cannot be read up.

The values of dimensions stand in the catalogue. So no id can ever become one, and what a fleet's metrics can cost at
most is known beforehand.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

import attrs

from paddock.contracts import metrics_text
from paddock.core.decision import Decision, Fact
from paddock.core.units import MILLISECOND, SECOND

_PER_UNIT: Mapping[str, int] = {"Milliseconds": MILLISECOND, "Seconds": SECOND}


class Emitter(StrEnum):
    """What emits a metric."""

    DECISION = "decision"  # a use-case, with the decision that it counts
    LEVEL = "level"  # whoever tells the port `Gauges` of it
    FAILURE = "failure"  # an adapter, for each request that failed
    AWS = "aws"  # AWS itself


@attrs.frozen
class Metric:
    """One series of one metric, or one of the verdicts that count for it. ``unit`` is CloudWatch's word.

    ``dimensions`` are those that it has besides the stack, with their values; of AWS's own metrics they are the names
    of all dimensions, with nothing as value, and ``namespace`` is AWS's.

    A decision's metric counts ``verdict`` of ``actor`` (empty: whoever decides so), or adds up the fact ``value``: in
    microseconds, whatever ``unit`` of time is published, or as it is. It is emitted if each fact in ``where`` has one
    of those values, and no fact in ``unless`` has. A fact that is not known emits nothing. ``level`` is the name under
    which `Gauges` is told.
    """

    name: str
    unit: str
    help: str
    emitted: Emitter
    dimensions: Mapping[str, str] = attrs.field(factory=dict)
    actor: str = ""
    verdict: str = ""
    value: str = ""
    where: Mapping[str, Sequence[Fact]] = attrs.field(factory=dict)
    unless: Mapping[str, Sequence[Fact]] = attrs.field(factory=dict)
    level: str = ""
    namespace: str = ""

    @property
    def series(self) -> str:
        """Its name, with the values of its dimensions: ``LaunchFailures{Reason=capacity}``."""
        inside = ",".join(f"{name}={value}" if value else name for name, value in self.dimensions.items())
        return f"{self.name}{{{inside}}}" if inside else self.name

    def published(self, amount: int) -> int:
        """The amount as it is published, in the metric's unit."""
        return amount // _PER_UNIT.get(self.unit, 1)

    def of(self, decision: Decision) -> int | None:
        """What this decision adds to the metric; None if nothing, or nothing that is known."""
        facts = decision.facts
        if not all(facts.get(fact) in values for fact, values in self.where.items()):
            return None
        if any(facts.get(fact) in values for fact, values in self.unless.items()):
            return None
        if not self.value:
            return 1
        amount = facts.get(self.value)
        return self.published(amount) if type(amount) is int else None


@attrs.frozen
class Catalogue:
    """All metrics, and the namespace in which Paddock's own are published."""

    namespace: str
    metrics: tuple[Metric, ...]
    _by: Mapping[tuple[str, str], Sequence[Metric]] = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(lambda self: _by_verdict(self.metrics), takes_self=True)
    )
    _levels: Mapping[str, Metric] = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(
            lambda self: {metric.level: metric for metric in self.metrics if metric.level}, takes_self=True
        ),
    )

    def counted_by(self, decision: Decision) -> tuple[tuple[Metric, int], ...]:
        """The metrics that this decision counts for, and how much."""
        found = (metric for actor in (decision.actor, "") for metric in self._by.get((actor, decision.verdict), ()))
        counted = ((metric, metric.of(decision)) for metric in found)
        return tuple((metric, amount) for metric, amount in counted if amount is not None)

    def told_by(self, levels: Mapping[str, int]) -> tuple[tuple[Metric, int], ...]:
        """The metrics of these levels, as they are published.

        Raises:
            KeyError: the catalogue has no such level.
        """
        return tuple((self._levels[name], self._levels[name].published(level)) for name, level in levels.items())

    def failure_of(self, service: str) -> Metric:
        """The metric of requests to this service that failed.

        Raises:
            KeyError: the catalogue has no such service.
        """
        for metric in self.metrics:
            if metric.emitted is Emitter.FAILURE and metric.dimensions.get("Service") == service:
                return metric
        raise KeyError(service)

    def named(self, name: str, **dimensions: str) -> Metric:
        """The series of this name and these values of dimensions; AWS's are named by the name alone.

        Raises:
            KeyError: the catalogue has no such metric.
        """
        for metric in self.metrics:
            if metric.name == name and (metric.emitted is Emitter.AWS or metric.dimensions == dimensions):
                return metric
        raise KeyError(f"{name} {dimensions or ''}".strip())


def _by_verdict(metrics: Sequence[Metric]) -> Mapping[tuple[str, str], Sequence[Metric]]:
    found: dict[tuple[str, str], list[Metric]] = {}
    for metric in metrics:
        if metric.emitted is Emitter.DECISION:
            found.setdefault((metric.actor, metric.verdict), []).append(metric)
    return found


@cache
def catalogue() -> Catalogue:
    """The one that is shipped."""
    data = json.loads(metrics_text())
    return Catalogue(data["namespace"], tuple(_metric(each) for each in data["metrics"]))


def _metric(each: Mapping[str, Any]) -> Metric:
    return Metric(**{**each, "emitted": Emitter(each.get("emitted", Emitter.DECISION))})
