"""The catalogue of metrics, as ``paddock.contracts`` ships it: each counts one verdict of one use-case.

A decision is written down whenever something happens, with its reason; so nothing needs to be counted anywhere else,
and there is no metric whose single cases cannot be read up.
"""

import json
from collections.abc import Mapping
from functools import cache

import attrs

from paddock.contracts import metrics_text
from paddock.core.decision import Decision


@attrs.frozen
class Metric:
    """One metric. ``unit`` is CloudWatch's word. ``actor`` is empty for a verdict that counts whoever decides so."""

    name: str
    unit: str
    actor: str
    verdict: str
    help: str


@attrs.frozen
class Catalogue:
    """All metrics, and the namespace in which they are published."""

    namespace: str
    metrics: tuple[Metric, ...]
    _by: Mapping[tuple[str, str], Metric] = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(
            lambda self: {(metric.actor, metric.verdict): metric for metric in self.metrics}, takes_self=True
        ),
    )

    def counted_by(self, decision: Decision) -> tuple[Metric, ...]:
        """The metrics that this decision counts for."""
        found = (self._by.get((actor, decision.verdict)) for actor in (decision.actor, ""))
        return tuple(metric for metric in found if metric is not None)


@cache
def catalogue() -> Catalogue:
    """The one that is shipped."""
    data = json.loads(metrics_text())
    return Catalogue(data["namespace"], tuple(Metric(**metric) for metric in data["metrics"]))
