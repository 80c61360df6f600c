"""Pieces of a report for a terminal or a pipe, that more than one report is made of."""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.text import clean, shortened
from paddock.adapters.simulation.outcome import Outcome, Start, Violation
from paddock.adapters.simulation.render.background import Assumption
from paddock.adapters.simulation.render.command import command_lines
from paddock.adapters.simulation.render.headline import alarm
from paddock.adapters.simulation.render.rivals import NOTE, Line
from paddock.adapters.simulation.render.tables import policies
from paddock.adapters.simulation.render.words import about

WIDEST = 118
"""A report wider than that is hard to read along."""
_MOST_LINES = 40  # of a violation's story; the page has all
_LONGEST_TITLE = 100
_LONGEST_FIGURE = 24  # above that a wait of ours has a line for each percentile
_SPAN = re.compile(r"(?:\d+ (?:h|min) \d\d (?:min|s)|[\d.]+ (?:ms|s))\b")
_NO_BREAK = "\N{NO-BREAK SPACE}"


def told(text: str, style: str = "") -> Text:
    """Text that a workflow or a file may have brought: no markup is read in it, nothing in it moves the terminal."""
    return Text(shortened(clean(text), 2_000), style=style)


def sentence(text: str, width: int, style: str = "") -> Text:
    """A text of ours that is broken where the screen ends, but never inside a span such as ``3 min 09 s``."""
    whole = _SPAN.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    return told("", style).append("\n".join(wrap(whole, width)).replace(_NO_BREAK, " "))


def table(title: str, *columns: str) -> Table:
    """An empty table; its first column is headed by the title."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    made.add_column(Text(shortened(clean(title), _LONGEST_TITLE), "bold"), overflow="fold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def alarm_panel(outcomes: Sequence[Outcome]) -> RenderableType:
    """What was broken that must never be, with what led to it; `outcomes` with a violation at least."""
    lines: list[RenderableType] = [told(alarm(outcomes), "bold red")]
    for name, outcome in zip(policies(outcomes), outcomes, strict=True):
        for violation in outcome.violations:
            lines.extend(_violation(name, violation, outcome))
    return Panel(Group(*lines), title="VIOLATION", border_style="red", box=box.HEAVY)


def _violation(name: str, violation: Violation, outcome: Outcome) -> Iterator[RenderableType]:
    yield Text("")
    yield told(f"✗ {name}, {about(violation.at - outcome.began)} after the start: {violation.rule}", "bold red")
    yield told(f"  {violation.what}")
    for line in violation.story[:_MOST_LINES]:
        yield told(f"    {line}", "dim")
    if len(violation.story) > _MOST_LINES:
        yield told(f"    … and {len(violation.story) - _MOST_LINES} more lines, which are in the JSON", "dim")


def rivals(lines: Sequence[Line]) -> Iterator[RenderableType]:
    """Our waits next to what others publish."""
    made = table("start", "who", "wait", "source")
    made.columns[2].no_wrap = True
    made.columns[0].min_width = len(Start.STOPPED)
    last = ""
    for line in lines:
        style = "bold" if line.ours else ""
        start = "" if line.start == last else line.start.value
        made.add_row(start, told(line.who, style), _wait(line, style), told(line.source, "dim"))
        last = line.start
    yield Padding(Text("Waits next to what others publish", "bold"), (1, 0))
    yield made
    yield told(NOTE, "dim")


def _wait(line: Line, style: str) -> Text:
    parts = line.figure.split(", ") if line.ours and len(line.figure) > _LONGEST_FIGURE else [line.figure]
    return Text(",\n").join(told(part, style) for part in parts)


def assumptions(title: str, several: Sequence[Assumption]) -> RenderableType:
    """Parameters with their values and sources."""
    made = table(title, "value", "source")
    for one in several:
        made.add_row(told(one.name), told(one.value), told(one.source, "dim"))
    return Padding(made, (1, 0, 0, 0))


def repetition(command: str, width: int) -> Iterator[RenderableType]:
    """The command line that does it again."""
    if command:
        yield Padding(Text("To repeat it", "bold"), (1, 0, 0, 0))
        yield from command_text(command, width)


def command_text(command: str, width: int) -> Iterator[Text]:
    """A command line that can be copied from a screen of this width."""
    for line in command_lines(clean(command), width - 2):
        yield told(f"  {line}")
