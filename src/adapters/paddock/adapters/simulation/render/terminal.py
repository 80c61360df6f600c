"""The report for a terminal, or for a pipe: tables of rich that a screen of 80 columns holds."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.text import clean, shortened
from paddock.adapters.simulation.outcome import Outcome, Start, Violation
from paddock.adapters.simulation.render.background import Background
from paddock.adapters.simulation.render.command import command_lines
from paddock.adapters.simulation.render.headline import alarm, headline, more
from paddock.adapters.simulation.render.rivals import NOTE, beside
from paddock.adapters.simulation.render.tables import Row, Section, policies, sections
from paddock.adapters.simulation.render.words import SAME, about, length_text
from paddock.core.units import rfc3339

_WIDEST = 118  # a table wider than that is hard to read along
_MOST_LINES = 40  # of a violation's story; the page has all
_LONGEST_TITLE = 100
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
        width = min(options.max_width, _WIDEST)
        yield from _parts(self._outcomes, self._background, width)


def report(outcomes: Sequence[Outcome], background: Background | None = None) -> RenderableType:
    """The report of these policies, which had the same workload and seed. There must be at least one."""
    return _Report(outcomes, background or Background())


def _parts(outcomes: Sequence[Outcome], background: Background, width: int) -> Iterator[RenderableType]:
    first = outcomes[0]
    faults = f", with faults: {background.faults}" if background.faults else ""
    yield _told(
        f"{first.workload}, seed {first.seed}: {length_text(first.ended - first.began)} from "
        f"{rfc3339(first.began).replace('T', ' ').replace('Z', ' UTC')}{faults}",
        "dim",
    )
    if alarm(outcomes):
        yield _alarm(outcomes)
        yield from _replays(outcomes, background, width)
    yield Padding(_told(headline(outcomes), "bold"), (1, 0))
    for sentence in more(outcomes):
        yield _told(sentence)
    names = policies(outcomes)
    for section in sections(outcomes):
        yield from _tables(section, names, width)
    yield from _rivals(outcomes, background)
    if background.assumptions:
        yield from _assumptions(background)
    if background.command:
        yield Padding(Text("To repeat it", "bold"), (1, 0, 0, 0))
        yield from _command(background.command, width)


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
        table = _table(section.title)
        table.columns[0].max_width = _WIDEST_NAME
        for name in names[shown]:
            table.add_column(
                _told(name, "dim"), justify="right", min_width=_LEAST_CELL, max_width=cells, overflow="fold"
            )
        if len(names) > 1:
            against = f"against {names[0]}" if len(names) == 2 else ""  # noqa: PLR2004 - a comparison
            table.add_column(_told(against, "dim"), max_width=_WIDEST_WORDS, overflow="fold")
        for row, said in zip(section.rows, words, strict=True):
            style = "bold" if row.main else ""
            told = [_told(row.name, style), *(_told(cell, style) for cell in row.cells[shown])]
            table.add_row(*told, *([_told(said, _style(row, said))] if len(names) > 1 else []))
        yield Padding(table, (1, 0, 0, 0))
    if section.note:
        yield _told(section.note, "dim")


def _style(row: Row, said: str) -> str:
    return "dim" if said == SAME else {1: "green", -1: "red", 0: ""}[row.judged]


def _table(title: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column(Text(shortened(clean(title), _LONGEST_TITLE), "bold"), overflow="fold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _alarm(outcomes: Sequence[Outcome]) -> RenderableType:
    lines: list[RenderableType] = [_told(alarm(outcomes), "bold red")]
    for name, outcome in zip(policies(outcomes), outcomes, strict=True):
        for violation in outcome.violations:
            lines.extend(_violation(name, violation, outcome))
    return Panel(Group(*lines), title="VIOLATION", border_style="red", box=box.HEAVY)


def _replays(outcomes: Sequence[Outcome], background: Background, width: int) -> Iterator[RenderableType]:
    """How to see it again, outside the frame, so that it can be copied."""
    for name, outcome in zip(policies(outcomes), outcomes, strict=True):
        if outcome.violations and (command := background.replays.get(outcome.policy)):
            yield _told(f"Replay {name}:", "bold")
            yield from _command(command, width)


def _command(command: str, width: int) -> Iterator[Text]:
    for line in command_lines(clean(command), width - 2):
        yield _told(f"  {line}")


def _violation(name: str, violation: Violation, outcome: Outcome) -> Iterator[RenderableType]:
    yield Text("")
    yield _told(f"✗ {name}, {about(violation.at - outcome.began)} after the start: {violation.rule}", "bold red")
    yield _told(f"  {violation.what}")
    for line in violation.story[:_MOST_LINES]:
        yield _told(f"    {line}", "dim")
    if len(violation.story) > _MOST_LINES:
        yield _told(f"    … and {len(violation.story) - _MOST_LINES} more lines, which are in the JSON", "dim")


def _rivals(outcomes: Sequence[Outcome], background: Background) -> Iterator[RenderableType]:
    table = _table("start", "who", "wait", "source")
    table.columns[0].min_width = len(Start.STOPPED)
    last = ""
    lines = beside(outcomes, background)
    for line in lines:
        style = "bold" if line.ours else ""
        start = "" if line.start == last else line.start.value
        table.add_row(start, _told(line.who, style), _told(line.figure, style), _told(line.source, "dim"))
        last = line.start
    yield Padding(Text("Waits next to what others publish", "bold"), (1, 0))
    yield table
    yield _told(NOTE, "dim")
    ours = [line for line in lines if line.parts] if background.starts else []
    if ours:
        split = _table("what ours are made of", *(line.start.value for line in ours))
        for row in zip(*(line.parts for line in ours), strict=True):
            split.add_row(row[0][0], *(figure for _, figure in row))
        yield Padding(split, (1, 0, 0, 0))


def _assumptions(background: Background) -> Iterator[RenderableType]:
    table = _table("What is assumed", "value", "source")
    for one in background.assumptions:
        table.add_row(_told(one.name), _told(one.value), _told(one.source, "dim"))
    yield Padding(table, (1, 0, 0, 0))


def _told(text: str, style: str = "") -> Text:
    """Text that a workflow or a file may have brought: no markup is read in it, nothing in it moves the terminal."""
    return Text(shortened(clean(text), 2_000), style=style)
