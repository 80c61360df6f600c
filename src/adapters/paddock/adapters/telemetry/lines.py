"""A decision as one line of JSON for a structured log, and as CloudWatch's metrics at once.

In a log group, a line in CloudWatch's Embedded Metric Format becomes metric values with no further call (AWS, "Embedded
metric format specification"). Its one dimension is the stack: few and fixed, never a machine or a job.
"""

import json
from typing import Any, Final

from paddock.adapters.telemetry.catalogue import Catalogue
from paddock.core.decision import Decision
from paddock.core.units import MILLISECOND

DIMENSION = "Stack"

SUBJECT: Final = "subject"
_TEXTS: Final = (SUBJECT, "actor", "verdict", "reason")


def decision_line(decision: Decision, metrics: Catalogue, stack: str) -> str:
    """The line, without its end.

    Facts are in a field of their own, so that none can pass for something else.
    """
    counted = metrics.counted_by(decision)
    fields: dict[str, Any] = {
        SUBJECT: decision.subject,
        "at": decision.at,
        "actor": decision.actor,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "facts": dict(decision.facts),
        DIMENSION: stack,
    }
    if counted:
        published = [{"Name": metric.name, "Unit": metric.unit} for metric in counted]
        directive = {"Namespace": metrics.namespace, "Dimensions": [[DIMENSION]], "Metrics": published}
        fields |= {metric.name: 1 for metric in counted}
        fields["_aws"] = {"Timestamp": decision.at // MILLISECOND, "CloudWatchMetrics": [directive]}
    return json.dumps(fields, separators=(",", ":"))


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
