"""The report for a terminal, or for a pipe: tables of rich that a screen of 80 columns holds."""

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding

from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.background import Background
from paddock.adapters.simulation.render.blocks import (
    WIDEST,
    alarm_panel,
    assumptions,
    command_text,
    repetition,
    rivals,
    table,
    told,
)
from paddock.adapters.simulation.render.headline import alarm, headline, more
from paddock.adapters.simulation.render.rivals import beside
from paddock.adapters.simulation.render.tables import Row, Section, policies, sections
from paddock.adapters.simulation.render.words import SAME, length_text
from paddock.core.units import rfc3339

_WIDEST_NAME = 28
_WIDEST_WORDS = 31
_LEAST_CELL = 10
_GAP = 2


class _Report:
    """Chooses how many policies stand side by side when it is drawn, because only then is the width known."""

    def __init__(self, outcomes: Sequence[Outcome], background: Background) -> None:
        self._outcomes = outcomes
        self._background = background

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, WIDEST)
        yield from _parts(self._outcomes, self._background, width)


def report(outcomes: Sequence[Outcome], background: Background | None = None) -> RenderableType:
    """The report of these policies, which had the same workload and seed. There must be at least one."""
    return _Report(outcomes, background or Background())


def _parts(outcomes: Sequence[Outcome], background: Background, width: int) -> Iterator[RenderableType]:
    first = outcomes[0]
    faults = f", with faults: {background.faults}" if background.faults else ""
    yield told(
        f"{first.workload}, seed {first.seed}: {length_text(first.ended - first.began)} from "
        f"{rfc3339(first.began).replace('T', ' ').replace('Z', ' UTC')}{faults}",
        "dim",
    )
    if alarm(outcomes):
        yield alarm_panel(outcomes)
        yield from _replays(outcomes, background, width)
    yield Padding(told(headline(outcomes), "bold"), (1, 0))
    for sentence in more(outcomes):
        yield told(sentence)
    names = policies(outcomes)
    for section in sections(outcomes):
        yield from _tables(section, names, width)
    yield from rivals(beside(outcomes, background))
    if background.assumptions:
        yield assumptions("What is assumed", background.assumptions)
    yield from repetition(background.command, width)


def _tables(section: Section, names: Sequence[str], width: int) -> Iterator[RenderableType]:
    """One table, or several if there are more policies than fit side by side."""
    if not section.rows:
        return
    words = [row.difference(names) for row in section.rows]
    cells = max(_LEAST_CELL, *(len(cell) for row in section.rows for cell in row.cells))
    taken = min(_WIDEST_NAME, max(len(one) for one in (section.title, *(row.name for row in section.rows))))
    taken += min(_WIDEST_WORDS, max(map(len, words)) + _GAP)
    at_once = max(1, (width - taken) // (cells + _GAP))
    for start in range(0, len(names), at_once):
        shown = slice(start, start + at_once)
        made = table(section.title)
        made.columns[0].max_width = _WIDEST_NAME
        for name in names[shown]:
            made.add_column(told(name, "dim"), justify="right", min_width=_LEAST_CELL, max_width=cells, overflow="fold")
        if len(names) > 1:
            against = f"against {names[0]}" if len(names) == 2 else ""  # noqa: PLR2004 - a comparison
            made.add_column(told(against, "dim"), max_width=_WIDEST_WORDS, overflow="fold")
        for row, said in zip(section.rows, words, strict=True):
            style = "bold" if row.main else ""
            cells_told = [told(row.name, style), *(told(cell, style) for cell in row.cells[shown])]
            made.add_row(*cells_told, *([told(said, _style(row, said))] if len(names) > 1 else []))
        yield Padding(made, (1, 0, 0, 0))
    if section.note:
        yield told(section.note, "dim")


def _style(row: Row, said: str) -> str:
    return "dim" if said == SAME else {1: "green", -1: "red", 0: ""}[row.judged]


def _replays(outcomes: Sequence[Outcome], background: Background, width: int) -> Iterator[RenderableType]:
    """How to see it again, outside the frame, so that it can be copied."""
    for name, outcome in zip(policies(outcomes), outcomes, strict=True):
        if outcome.violations and (command := background.replays.get(outcome.policy)):
            yield told(f"Replay {name}:", "bold")
            yield from command_text(command, width)
