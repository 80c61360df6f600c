"""A decision as one line of JSON for a structured log, and as CloudWatch's metrics at once.

In a log group, a line in CloudWatch's Embedded Metric Format becomes metric values with no further call (AWS, "Embedded
metric format specification"). Its dimensions are the stack and what the catalogue says: few, fixed, never an id.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddock.adapters.telemetry.catalogue import Catalogue, Metric
from paddock.adapters.telemetry.logs import clean, present, without_secrets
from paddock.core.decision import Decision
from paddock.core.units import MILLISECOND, Moment

DIMENSION = "Stack"

SUBJECT: Final = "subject"
_TEXTS: Final = (SUBJECT, "actor", "verdict", "reason")


def decision_line(decision: Decision, metrics: Catalogue, stack: str) -> str:
    """The line, without its end.

    Facts are in a field of their own, so that none can pass for something else. The line also bears what it is about
    (`logs.about`), and no secret: an error that nobody foresaw may say anything.
    """
    counted = metrics.counted_by(decision)
    fields: dict[str, Any] = {
        **present(),
        SUBJECT: decision.subject,
        "at": decision.at,
        "actor": decision.actor,
        "verdict": decision.verdict,
        "reason": without_secrets(decision.reason),
        "facts": {name: clean(fact) for name, fact in decision.facts.items()},
        DIMENSION: stack,
    }
    if counted:
        fields |= embedded(counted, metrics.namespace, decision.at)
    return json.dumps(fields, separators=(",", ":"))


def metrics_line(
    counted: Sequence[tuple[Metric, int]], namespace: str, stack: str, at: Moment, **fields: str | int
) -> str:
    """A line, without its end, that tells nothing but these metrics, and `fields` for people."""
    line = {**fields, "at": at, DIMENSION: stack, **embedded(counted, namespace, at)}
    return json.dumps(line, separators=(",", ":"))


def embedded(counted: Sequence[tuple[Metric, int]], namespace: str, at: Moment) -> Mapping[str, Any]:
    """What a line that bears the stack needs besides, so that CloudWatch finds these metrics in it.

    No two of them may give one dimension different values: the line has room for one.
    """
    alike: dict[tuple[str, ...], list[Metric]] = {}
    fields: dict[str, Any] = {}
    for metric, amount in counted:
        alike.setdefault(tuple(metric.dimensions), []).append(metric)
        fields |= {**metric.dimensions, metric.name: amount}
    directives = [
        {
            "Namespace": namespace,
            "Dimensions": [[DIMENSION, *dimensions]],
            "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in metrics],
        }
        for dimensions, metrics in alike.items()
    ]
    return {**fields, "_aws": {"Timestamp": at // MILLISECOND, "CloudWatchMetrics": directives}}


def decision_in(line: str) -> Decision | None:
    """The decision that a line tells, as it was written down; None for every other line of a log.

    Such are Lambda's own, those of `logs.JsonLines`, and what was cut off.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in _TEXTS):
        return None
    at, facts = fields.get("at"), fields.get("facts")
    if type(at) is not int or not isinstance(facts, dict):
        return None
    if not all(fact is None or isinstance(fact, str | int) for fact in facts.values()):
        return None
    return Decision(at=at, facts=facts, **{name: fields[name] for name in _TEXTS})
