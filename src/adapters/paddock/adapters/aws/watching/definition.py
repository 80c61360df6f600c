"""An alarm as data: what it asks, when it goes off, and what people are told; and as CloudFormation has it."""

import operator
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs

from paddock.adapters.aws.watching.names import Names, Query
from paddock.core.units import MINUTE, SECOND, Span

RUNBOOK: Final = "docs/runbook"
"""Where the alarms' pages are in the repository, for whoever has set no address for them."""

RESULT: Final = "result"
"""The id of what an expression gives."""


class Missing(StrEnum):
    """How a point that is missing is treated, in CloudWatch's words."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@attrs.frozen
class Alarm:
    """One alarm. ``means`` says what is wrong, ``then`` what to do next.

    Of the last ``of`` points, each of a ``period``, ``needed`` must be beyond the ``threshold``. Without an
    ``expression`` there is one query.
    """

    name: str
    means: str
    then: str
    queries: tuple[Query, ...]
    threshold: float
    expression: str = ""
    comparison: str = "GreaterThanThreshold"
    period: Span = MINUTE
    of: int = 1
    needed: int = 1
    missing: Missing = Missing.NOT_BREACHING

    def properties(self, names: Names, actions: Sequence[Any], runbook: str = RUNBOOK) -> dict[str, Any]:
        """The properties of ``AWS::CloudWatch::Alarm``.

        Args:
            names: how the stack's parts are called.
            actions: ARNs of SNS topics, or what CloudFormation makes ARNs of; told of the alarm, and of its end.
            runbook: where its page can be read.
        """
        told = {"AlarmActions": list(actions), "OKActions": list(actions)} if actions else {}
        return {
            "AlarmName": substituted(f"{names.stack}-{self.name}"),
            "AlarmDescription": f"{self.means} {self.then} Runbook: {runbook}/{self.name}.md",
            "ComparisonOperator": self.comparison,
            "Threshold": self.threshold,
            "EvaluationPeriods": self.of,
            "DatapointsToAlarm": self.needed,
            "TreatMissingData": self.missing.value,
            **told,
            **(self._maths(names) if self.expression else self._single(names)),
        }

    def _single(self, names: Names) -> dict[str, Any]:
        (query,) = self.queries
        namespace, name, dimensions = query.key(names)
        return {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": _dimensions(dimensions),
            "Statistic": query.stat,
            "Period": self.period // SECOND,
        }

    def _maths(self, names: Names) -> dict[str, Any]:
        metrics: list[dict[str, Any]] = []
        for query in self.queries:
            namespace, name, dimensions = query.key(names)
            metric = {"Namespace": namespace, "MetricName": name, "Dimensions": _dimensions(dimensions)}
            stat = {"Metric": metric, "Period": self.period // SECOND, "Stat": query.stat}
            metrics.append({"Id": query.id, "MetricStat": stat, "ReturnData": False})
        metrics.append({"Id": RESULT, "Expression": self.expression, "Label": self.name, "ReturnData": True})
        return {"Metrics": metrics}


def substituted(text: str) -> Any:  # noqa: ANN401 - a text, or CloudFormation's function
    """The text, within ``Fn::Sub`` if there is something to be filled in."""
    return {"Fn::Sub": text} if "${" in text else text


def _dimensions(dimensions: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"Name": name, "Value": substituted(value)} for name, value in dimensions]
