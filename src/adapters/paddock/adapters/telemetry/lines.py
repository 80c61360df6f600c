"""A decision as one line of JSON for a structured log, and as CloudWatch's metrics at once.

In a log group, a line in CloudWatch's Embedded Metric Format becomes metric values with no further call (AWS, "Embedded
metric format specification"). Its dimensions are the stack and what the catalogue says: few, fixed, never an id.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddock.adapters.telemetry.catalogue import Catalogue, Metric
from paddock.adapters.telemetry.logs import ATTEMPT, DELIVERY, FACTS, JOB, MACHINE, present, written
from paddock.core.decision import Decision, Fact
from paddock.core.units import MILLISECOND, Moment

DIMENSION = "Stack"

SUBJECT: Final = "subject"
LIFTED: Final = "lifted"
"""The field of a line that names those facts of its decision that stand beside ``facts`` and not in it."""

_TEXTS: Final = (SUBJECT, "actor", "verdict", "reason")
_IDS: Final = (JOB, ATTEMPT, MACHINE, DELIVERY)
_LONGEST: Final = 19  # digits of a number of GitHub's


def decision_line(decision: Decision, metrics: Catalogue, stack: str) -> str:
    """The line, without its end.

    Facts are in a field of their own, so that none can pass for something else; but job, attempt, machine and delivery
    stand in every line where they are known, once and under these names: those that are facts are `LIFTED`. Who is
    decided about comes before what is handled meanwhile (`logs.about`).
    """
    told = _told_by(decision.subject)
    lifted = {
        name: fact
        for name, fact in decision.facts.items()
        if name in _IDS and type(fact) in {str, int} and told.get(name, fact) == fact
    }
    told |= lifted
    fields: dict[str, Any] = {
        **present(told.get(JOB)),
        **told,
        SUBJECT: decision.subject,
        "at": decision.at,
        "actor": decision.actor,
        "verdict": decision.verdict,
        "reason": decision.reason,
        FACTS: {name: fact for name, fact in decision.facts.items() if name not in lifted},
        **({LIFTED: list(lifted)} if lifted else {}),
        DIMENSION: stack,
    }
    counted = metrics.counted_by(decision)
    if counted:
        fields |= embedded(counted, metrics.namespace, decision.at)
    return written(fields)


def _told_by(subject: str) -> dict[str, Fact]:
    """What a decision's subject says of whom it is about."""
    kind, _, name = subject.partition(":")
    if kind == JOB and name.isascii() and name.isdecimal() and len(name) <= _LONGEST:
        return {JOB: int(name)}
    return {kind: name} if kind in {MACHINE, DELIVERY} and name else {}


def metrics_line(
    counted: Sequence[tuple[Metric, int]], namespace: str, stack: str, at: Moment, **fields: str | int
) -> str:
    """A line, without its end, that tells nothing but these metrics, what is handled meanwhile, and `fields`."""
    return written({**present(), **fields, "at": at, DIMENSION: stack, **embedded(counted, namespace, at)})


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
    at, facts, lifted = fields.get("at"), fields.get(FACTS), fields.get(LIFTED, [])
    if type(at) is not int or not isinstance(facts, dict) or not isinstance(lifted, list):
        return None
    if not all(name in _IDS and name in fields for name in lifted):
        return None
    facts |= {name: fields[name] for name in lifted}
    if not all(fact is None or isinstance(fact, str | int) for fact in facts.values()):
        return None
    return Decision(at=at, facts=facts, **{name: fields[name] for name in _TEXTS})
