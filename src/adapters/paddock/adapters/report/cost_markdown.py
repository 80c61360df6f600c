"""The daily cost report as Markdown, for readers and for messages."""

import re
from collections.abc import Iterable, Iterator

from paddock.adapters.report import cost_words as words
from paddock.adapters.report.cost_tables import Sheet, tables
from paddock.adapters.report.text import clean, shortened
from paddock.core.costs.report import CostReport

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_MOST = 120  # characters of a name
_SENTENCE = 1_000
_SHOWN = 15  # rows of a table; the page and the JSON have more


def markdown(report: CostReport) -> str:
    """The report. What strangers may have written in it is text, whatever it looks like."""
    return "\n\n".join(block for block in _blocks(report) if block) + "\n"


def plain(text: str, most: int = _MOST) -> str:
    """Text of strangers as text in Markdown."""
    return _SPECIAL.sub(r"\\\1", shortened(clean(text), most))


def _blocks(report: CostReport) -> Iterator[str]:
    yield f"# {plain(report.stack)}: costs of {report.day}"
    yield plain(words.scope(report))
    yield plain(words.lede(report), _SENTENCE)
    yield plain(words.spot(report), _SENTENCE)
    yield plain(words.services(report), _SENTENCE)
    yield _list("Not as usual", words.anomalies(report))
    yield _list("What would save money", words.advice(report))
    yield _list("Trends", words.trends(report))
    for sheet in tables(report, _SHOWN):
        yield _table(sheet)
    if report.services is None:
        yield "What the fleet used of AWS's services was not counted, so it is in no sum."
    if words.hosted(report):
        yield f"## On GitHub's own runners\n\n{plain(words.hosted(report), _SENTENCE)}"
    yield _list("Where the prices are from", words.sources(report))


def _list(title: str, said: Iterable[words.Said]) -> str:
    items = [f"* **{plain(one.about)}**: {plain(one.text, _SENTENCE)}" for one in said]
    return "\n".join([f"## {title}", "", *items]) if items else ""


def _table(sheet: Sheet) -> str:
    """Names to the left, cells to the right."""
    lines = [sheet.heads, ("---", *("--:" for _ in sheet.heads[1:]))]
    lines += [(plain(row.name), *map(plain, row.cells)) for row in sheet.rows]
    return "\n".join([f"## {sheet.title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)])
