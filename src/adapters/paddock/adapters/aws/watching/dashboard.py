"""The dashboard's body, in the structure that CloudWatch documents ("Dashboard body structure and syntax")."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from paddock.adapters.aws.watching.names import FUNCTIONS, Names, Query
from paddock.adapters.aws.watching.widgets import BREAKER, BREAKER_QUERY, MORE, PLANNED, Widget
from paddock.core.units import SECOND

COLUMNS: Final = 24
HEIGHT: Final = 6
_DECIDING: Final = tuple(name for name in FUNCTIONS if name != "webhook")  # those that a circuit's decision may be of


def dashboard_body(names: Names, region: str, alarms: Sequence[str] = ()) -> dict[str, Any]:
    """The body, as data. What CloudFormation's ``DashboardBody`` wants is its JSON, in ``Fn::Sub`` if names need it.

    Args:
        names: how the stack's parts are called.
        region: where they are.
        alarms: ARNs of its alarms, for a widget that shows their states; without any there is no such widget.
    """
    widgets: list[dict[str, Any]] = []
    x = y = 0
    if alarms:
        widgets.append(_placed(0, 0, COLUMNS, 3, "alarm", {"title": "Alarms", "alarms": list(alarms)}))
        y = 3
    sized = [(widget.width, "metric", _metrics(widget, names, region)) for widget in (*PLANNED, *MORE)]
    sized.append((2 * HEIGHT, "log", _circuits(names, region)))
    for width, kind, properties in sized:
        if x + width > COLUMNS:
            x, y = 0, y + HEIGHT
        widgets.append(_placed(x, y, width, HEIGHT, kind, properties))
        x += width
    return {"start": "-P1D", "periodOverride": "inherit", "widgets": widgets}


def _placed(x: int, y: int, width: int, height: int, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _metrics(widget: Widget, names: Names, region: str) -> dict[str, Any]:
    shown = not widget.lines
    lines = [
        [{"id": f"line{number}", "expression": line.expression, "label": line.label, "region": region}]
        for number, line in enumerate(widget.lines, 1)
    ]
    left = {name: bound for name, bound in (("min", widget.least), ("max", widget.most)) if bound is not None}
    properties: dict[str, Any] = {
        "title": widget.title,
        "region": region,
        "view": widget.view.value,
        "stacked": widget.stacked,
        "period": widget.period // SECOND,
        "metrics": [*(_metric(query, names, shown=shown) for query in widget.queries), *lines],
    }
    if left:
        properties["yAxis"] = {"left": {**left, "showUnits": False}}
    if widget.mark is not None:
        value, label = widget.mark
        properties["annotations"] = {"horizontal": [{"value": value, "label": label}]}
    return properties


def _metric(query: Query, names: Names, *, shown: bool) -> list[Any]:
    namespace, name, dimensions = query.key(names)
    options: dict[str, Any] = {"id": query.id, "stat": query.stat}
    if query.label:
        options["label"] = query.label
    if not shown:
        options["visible"] = False
    return [namespace, name, *_flat(dimensions), options]


def _flat(dimensions: Iterable[tuple[str, str]]) -> list[str]:
    return [part for dimension in dimensions for part in dimension]


def _circuits(names: Names, region: str) -> dict[str, Any]:
    """The newest word on each circuit, out of the decisions in the functions' logs."""
    sources = " | ".join(f"SOURCE '/aws/lambda/{names.functions[name]}'" for name in _DECIDING)
    return {"title": BREAKER, "region": region, "view": "table", "query": f"{sources} | {BREAKER_QUERY}"}
