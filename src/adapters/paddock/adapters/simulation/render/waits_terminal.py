"""Waits of cold, stopped and hot starts for a terminal, or for a pipe."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding

from paddock.adapters.simulation.render.blocks import WIDEST, alarm_panel, assumptions, repetition, rivals, table, told
from paddock.adapters.simulation.render.headline import alarm
from paddock.adapters.simulation.render.rivals import beside
from paddock.adapters.simulation.render.waits import AT_HAND, COLUMNS, ORIGIN, Starts, headline, jobs, rows


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
    yield Padding(told(headline(starts), "bold"), (1, 0))
    yield _split(starts)
    yield told(f"{jobs(starts)} {ORIGIN}", "dim")
    yield Padding(told(AT_HAND), (1, 0, 0, 0))
    yield from rivals(beside(outcomes, background))
    if background.assumptions:
        yield assumptions("What is put in", background.assumptions)
    yield from repetition(background.command, width)


def _split(starts: Starts) -> RenderableType:
    """A line for each figure of each start, a column for each part: with words of two lines 80 columns hold it."""
    made = table("start")
    made.add_column("")
    for _, name, _ in COLUMNS:
        made.add_column(name.replace(" ", "\n"), justify="right", overflow="fold")
    made.add_row("", "", *(told(origin, "dim italic") for _, _, origin in COLUMNS))
    for row in rows(starts):
        main = row.figure == "p50"
        style = "" if main else "dim"
        made.add_row(
            told(row.start.value if main else "", "bold"),
            told(row.figure, style),
            *(told(cell, style) for cell in row.cells[:-1]),
            told(row.cells[-1], "bold" if main else style),
        )
    return made
