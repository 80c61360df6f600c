"""The daily cost report as a page: one self-contained HTML file. Equal reports give equal pages."""

from collections.abc import Iterator
from functools import cache

import attrs
from jinja2 import Template

from paddock.adapters.report import cost_words as words
from paddock.adapters.report.cost_tables import Row, Sheet, tables
from paddock.adapters.report.cost_text import cents_text
from paddock.adapters.report.page import Share, Style, shares, style, template
from paddock.core.cost_report import CostReport, DaySpent
from paddock.core.units import MicroDollars

_PACKAGE = "paddock.adapters.report"
_HEIGHT = 118  # of the drawing of days, less its ground
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
    """A row with its bar, in per cent of the dearest."""

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
    return _template().render(
        style=_style(),
        title=f"{report.stack}: costs of {report.day}",
        zone=report.zone,
        lede=" ".join(text for text in (words.lede(report), words.spot(report), words.hosted(report)) if text),
        cards=list(_cards(report)),
        parts=[] if report.quiet and not report.of_services else _parts(report),
        phases=_phases(report),
        days=list(bars((*report.history, DaySpent(report.day, report.spent)))),
        anomalies=list(words.anomalies(report)),
        advice=list(words.advice(report)),
        trends=list(words.trends(report)),
        sheets=sheets,
        prices=[*words.sources(report), *_uncounted(report)],
    )


def bars(days: tuple[DaySpent, ...]) -> Iterator[Bar]:
    """A column for each day, the dearest as high as the drawing."""
    most, width = max(day.spent for day in days), 100 / len(days)
    for index, day in enumerate(days):
        height = day.spent * _HEIGHT // most if most else 0
        yield Bar(
            day=day.day,
            x=round(index * width + width * 0.1, 2),
            width=round(width * 0.8, 2),
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
    most = max(row.amount for row in sheet.rows)
    return Drawn(
        id=f"table-{sheet.id}",
        title=sheet.title,
        heads=sheet.heads,
        rows=tuple(Line(row.name, row.cells, _width(row, most)) for row in sheet.rows),
        bars=bool(most),
    )


def _width(row: Row, most: MicroDollars) -> float:
    return round(row.amount * 100 / most, 2) if most else 0.0


def _uncounted(report: CostReport) -> Iterator[words.Said]:
    if report.services is None:
        yield words.Said("AWS's services", "what the fleet used of them was not counted, so it is in no sum")


@cache
def _template() -> Template:
    return template(_PACKAGE, "cost.html.j2")


@cache
def _style() -> Style:
    return style((_PACKAGE, "cost.css"))
