"""The tables of docs/observing.md, made of the catalogue, the widgets and the alarms.

``python -m tests.observing_tables`` writes them into the page; a test holds the page to them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from paddock.adapters.aws.watching.alarms import definitions
from paddock.adapters.aws.watching.definition import Alarm
from paddock.adapters.aws.watching.targets import Targets
from paddock.adapters.aws.watching.widgets import BREAKER, MORE, PLANNED, Widget
from paddock.adapters.telemetry.catalogue import Emitter, Metric, catalogue
from paddock.core.units import MINUTE

PAGE = Path(__file__).parents[1] / "docs" / "observing.md"
_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _emits(metric: Metric) -> str:
    match metric.emitted:
        case Emitter.DECISION:
            of = f" of `{metric.actor}`" if metric.actor else ""
            return f"`{metric.verdict}`{of}"
        case Emitter.LEVEL:
            return "a level"
        case Emitter.FAILURE:
            return "each failure"
        case Emitter.AWS:
            return metric.namespace


def metrics() -> Iterator[str]:
    """A row for each series; one that several verdicts count for has one."""
    yield _row("metric", "unit", "what it is", "emitted by")
    yield _row("---", "---", "---", "---")
    rows: dict[str, tuple[Metric, list[str]]] = {}
    for metric in catalogue().metrics:
        rows.setdefault(metric.series, (metric, []))[1].append(_emits(metric))
    for series, (metric, emitters) in rows.items():
        yield _row(f"`{series}`", metric.unit, metric.help, ", ".join(emitters))


def widgets() -> Iterator[str]:
    """A row for each widget, in their order."""
    yield _row("widget", "what it answers", "metrics")
    yield _row("---", "---", "---")
    for widget in (*PLANNED, *MORE):
        yield _row(widget.title, widget.answers, ", ".join(f"`{name}`" for name in _names(widget)))
    yield _row(BREAKER, "What is open, since when and why?", "the decisions in the log, by a query of Logs Insights")


def _names(widget: Widget) -> list[str]:
    return list(dict.fromkeys(query.name for query in widget.queries))


def alarms() -> Iterator[str]:
    """A row for each alarm, with its usual bounds."""
    yield _row("alarm", "goes off when", "judged", "what it means, and what to do")
    yield _row("---", "---", "---", "---")
    for alarm in definitions(Targets()):
        yield _row(f"`{alarm.name}`", f"`{_when(alarm)}`", _judged(alarm), f"{alarm.means} {alarm.then}")


def _when(alarm: Alarm) -> str:
    what = alarm.expression or f"{alarm.queries[0].stat} {alarm.queries[0].name}"
    for part in re.findall(r"METRICS\(([^)]*)\)", what):
        inside = [query.id for query in alarm.queries if part.strip('"') in query.id]
        what = what.replace(f"METRICS({part})", f"[{', '.join(inside)}]")
    for query in alarm.queries if alarm.expression else ():
        what = re.sub(rf"\b{query.id}\b(?!\w)", query.metric().series.replace("{QueueName}", f"({query.of})"), what)
    return f"{what} {_SIGNS[alarm.comparison]} {alarm.threshold:g}".replace("|", "\\|")


def _judged(alarm: Alarm) -> str:
    minutes = alarm.period // MINUTE
    span = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{alarm.needed} of {alarm.of}, {span} each"


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {"Metrics": metrics, "The dashboard": widgets, "Alarms": alarms}
"""By the heading of the section that ends with it."""


def with_tables(page: str) -> str:
    """The page with its tables as they are now: in each section, the one that has rows."""
    for heading, table in TABLES.items():
        begin = page.index(f"\n## {heading}\n")
        first = page.index("\n| ", begin) + 1
        last = re.compile(r"\n(?!\|)").search(page, first)
        assert last is not None
        page = page[:first] + "\n".join(table()) + page[last.start() :]
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
