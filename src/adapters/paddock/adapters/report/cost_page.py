"""The daily cost report as a page: one self-contained HTML file. Equal reports give equal pages."""

from collections.abc import Iterator
from functools import cache

import attrs
from jinja2 import Template

from paddock.adapters.report import cost_words as words
from paddock.adapters.report.cost_tables import Row, Sheet, tables
from paddock.adapters.report.cost_text import cents_text
from paddock.adapters.report.page import Share, Style, shares, style, template
from paddock.core.costs.report import CostReport, DaySpent
from paddock.core.units import MicroDollars

_PACKAGE = "paddock.adapters.report"
_HEIGHT = 118  # of the drawing of days, less its ground
_WIDEST = 12  # per cent, of a column
_SHOWN = 100  # rows of a table
_DRAWN = frozenset({"boot", "idle", "sleep", "job", "drain", "minimum"})


@attrs.frozen
class Bar:
    """A day's column: per cent from the left, pixels from above."""

    day: str
    x: float
    width: float
    y: int
    height: int
    text: str


@attrs.frozen
class Line:
    """A row with its bar, in per cent of all rows."""

    name: str
    cells: tuple[str, ...]
    width: float


@attrs.frozen
class Drawn:
    """A table whose rows have bars."""

    id: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[Line, ...]
    bars: bool


def page(report: CostReport) -> str:
    """The page as HTML text."""
    sheets = tuple(_drawn(sheet) for sheet in tables(report, _SHOWN))
    days = list(bars((*report.history, DaySpent(report.day, report.spent))))
    return _template().render(
        style=_style(),
        stack=report.stack,
        day=report.day,
        scope=words.scope(report),
        lede=" ".join(
            filter(None, (words.lede(report), words.spot(report), words.services(report), words.hosted(report)))
        ),
        cards=list(_cards(report)),
        parts=[] if report.quiet and not report.of_services else _parts(report),
        phases=_phases(report),
        days=days,
        dearest=max(days, key=lambda one: one.height),
        anomalies=list(words.anomalies(report)),
        advice=list(words.advice(report)),
        trends=list(words.trends(report)),
        sheets=sheets,
        prices=[*words.sources(report), *_uncounted(report)],
    )


def bars(days: tuple[DaySpent, ...]) -> Iterator[Bar]:
    """A column for each day, the dearest as high as the drawing; what cost little is not drawn as nothing."""
    most, width = max(day.spent for day in days), 100 / len(days)
    column = min(width * 0.8, _WIDEST)
    for index, day in enumerate(days):
        height = max(day.spent * _HEIGHT // most, 1) if day.spent else 0
        yield Bar(
            day=day.day,
            x=round((index + 0.5) * width - column / 2, 2),
            width=round(column, 2),
            y=_HEIGHT - height,
            height=height,
            text=cents_text(day.spent),
        )


def _cards(report: CostReport) -> Iterator[words.Said]:
    yield words.Said("That day", cents_text(report.spent))
    seven = next((one.mean for one in report.trends if one.mean is not None), None)
    yield words.Said("Mean of the days before", "no reports" if seven is None else cents_text(seven))
    yield words.Said("Month at this rate", "unknown" if report.month is None else cents_text(report.month.forecast))
    yield words.Said("Machines without a job", cents_text(report.total.unused))


def _parts(report: CostReport) -> list[Share]:
    total = report.total
    amounts: tuple[tuple[str, str, MicroDollars], ...] = (
        ("compute", "compute", total.compute),
        ("disks", "disk", total.storage),
        ("addresses", "ipv4", total.network),
        ("services", "minimum", report.of_services),
    )
    return list(shares([(name, drawing, amount, cents_text(amount)) for name, drawing, amount in amounts]))


def _phases(report: CostReport) -> list[Share]:
    found = [(line.name, line.cost.total) for line in report.phases if line.name in _DRAWN]
    return list(shares([(name, name, amount, cents_text(amount)) for name, amount in found]))


def _drawn(sheet: Sheet) -> Drawn:
    whole = sum(row.amount for row in sheet.rows)
    return Drawn(
        id=f"table-{sheet.id}",
        title=sheet.title,
        heads=sheet.heads,
        rows=tuple(Line(row.name, row.cells, _width(row, whole)) for row in sheet.rows),
        bars=bool(whole),
    )


def _width(row: Row, whole: MicroDollars) -> float:
    return round(row.amount * 100 / whole, 2) if whole else 0.0


def _uncounted(report: CostReport) -> Iterator[words.Said]:
    if report.services is None:
        yield words.Said("AWS's services", "what the fleet used of them was not counted, so it is in no sum")


@cache
def _template() -> Template:
    return template(_PACKAGE, "cost.html.j2")


@cache
def _style() -> Style:
    return style((_PACKAGE, "cost.css"))
