"""Waits of cold, stopped and hot starts for a terminal, or for a pipe."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table

from paddock.adapters.simulation.render.blocks import (
    WIDEST,
    alarm_panel,
    assumptions,
    repetition,
    rivals,
    sentence,
    table,
    told,
)
from paddock.adapters.simulation.render.headline import alarm
from paddock.adapters.simulation.render.rivals import beside
from paddock.adapters.simulation.render.waits import (
    AT_HAND,
    COLUMNS,
    FIGURES,
    MAIN,
    ORIGIN,
    Starts,
    headline,
    jobs,
    rows,
)

_UNBOUND = 10_000
"""Columns that no table needs: what it would take if it could."""


class _Report:
    """Breaks the command line where the screen ends, whose width is known when it is drawn."""

    def __init__(self, starts: Starts) -> None:
        self._starts = starts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _parts(self._starts, min(options.max_width, WIDEST))


def waits_report(starts: Starts) -> RenderableType:
    """The report of one policy with each start. There must be one start at least."""
    return _Report(starts)


def _parts(starts: Starts, width: int) -> Iterator[RenderableType]:
    outcomes, background = list(starts.outcomes.values()), starts.background
    first = starts.first
    faults = f", with faults: {background.faults}" if background.faults else ""
    yield told(f"{first.workload}, seed {first.seed}, with {starts.policy}{faults}", "dim")
    if alarm(outcomes):
        yield alarm_panel(outcomes)
    yield Padding(sentence(headline(starts), width, "bold"), (1, 0))
    yield _Split(starts)
    yield told(f"{jobs(starts)} {ORIGIN}", "dim")
    yield Padding(told(AT_HAND), (1, 0, 0, 0))
    yield from rivals(beside(outcomes, background))
    if background.assumptions:
        yield assumptions("What is put in", background.assumptions)
    yield from repetition(background.command, width)


class _Split:
    """Figures of each start and part. A span never breaks, unless the screen is narrower than any form of the table."""

    def __init__(self, starts: Starts) -> None:
        self._starts = starts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbound = options.update(max_width=_UNBOUND)
        for made in (_across(self._starts), _down(self._starts)):
            if Measurement.get(console, unbound, made).maximum <= options.max_width:
                yield made
                return
        yield _down(self._starts, no_wrap=False)


def _across(starts: Starts) -> Table:
    """A line for each figure of each start, a column for each part: words of two lines save room."""
    made = table("start")
    made.add_column("")
    for _, name, _ in COLUMNS:
        made.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    made.add_row("", "", *(told(origin, "dim italic") for _, _, origin in COLUMNS))
    for row in rows(starts):
        main = row.figure == MAIN
        style = "" if main else "dim"
        made.add_row(
            told(row.start.value if main else "", "bold"),
            told(row.figure, style),
            *(told(cell, style) for cell in row.cells[:-1]),
            told(row.cells[-1], "bold" if main else style),
        )
    return made


def _down(starts: Starts, *, no_wrap: bool = True) -> Table:
    """A line for each part of each start, a column for each figure."""
    made = table("start", "", "")
    for figure in FIGURES:
        made.add_column(figure, justify="right", no_wrap=no_wrap, overflow="fold")
    each = list(rows(starts))
    for first in range(0, len(each), len(FIGURES)):
        several = each[first : first + len(FIGURES)]
        for number, (field, name, origin) in enumerate(COLUMNS):
            start = "" if number else several[0].start.value
            style = "bold" if field == "total" else ""
            cells = (told(row.cells[number], style if row.figure == MAIN else "dim") for row in several)
            made.add_row(told(start, "bold"), told(name, style), told(origin, "dim italic"), *cells)
    return made
