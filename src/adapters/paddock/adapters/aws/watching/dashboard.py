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
    cells = placed([*PLANNED, *MORE])
    below = max(y for _, y, _ in cells) + HEIGHT
    widgets = [
        _widget("metric", (x, y, widget.width, HEIGHT), _metrics(widget, names, region)) for x, y, widget in cells
    ]
    widgets.append(_widget("log", (0, below, COLUMNS, HEIGHT), _circuits(names, region)))
    if alarms:
        states = {"title": "Alarms", "alarms": list(alarms)}
        widgets.append(_widget("alarm", (0, below + HEIGHT, COLUMNS, HEIGHT // 2), states))
    return {"start": "-P1D", "periodOverride": "inherit", "widgets": widgets}


def placed(widgets: Sequence[Widget]) -> list[tuple[int, int, Widget]]:
    """Where each widget's upper left corner is, in columns and rows: side by side as far as there is room."""
    found: list[tuple[int, int, Widget]] = []
    x = y = 0
    for widget in widgets:
        if x + widget.width > COLUMNS:
            x, y = 0, y + HEIGHT
        found.append((x, y, widget))
        x += widget.width
    return found


def _widget(kind: str, place: tuple[int, int, int, int], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, **dict(zip(("x", "y", "width", "height"), place, strict=True)), "properties": properties}


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
