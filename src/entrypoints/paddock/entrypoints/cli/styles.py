"""How tones look in a terminal, and text from strangers made safe for one."""

import os
from collections.abc import Mapping

from rich.console import Console, RenderableType
from rich.text import Text

from paddock.adapters.report.text import clean, shortened
from paddock.adapters.report.tones import SYMBOLS, Tone, tone_of, word_of
from paddock.core.job import Job

UNWRAPPED = 4_000
"""The width of a pipe in characters: more than any line has, because longer texts are shortened."""

WIDE = 140
"""Columns from which on a table has all that there is to say of a thing in one line; below, it is told in two parts."""

STYLES: Mapping[Tone, str] = {
    Tone.WAITING: "cyan",
    Tone.LAUNCHING: "yellow",
    Tone.RUNNING: "bold blue",
    Tone.SUCCESS: "green",
    Tone.FAILURE: "bold red",
    Tone.CANCELLED: "dim",
    Tone.REFUSED: "magenta",
    Tone.NEUTRAL: "",
}


def told(text: str, style: str = "", most: int = 500) -> Text:
    """Text that a workflow wrote: no markup is read in it, no control character reaches the terminal."""
    return Text(shortened(clean(text), most), style=style)


def state_text(job: Job) -> Text:
    """A job's standing with its symbol and colour."""
    tone = tone_of(job)
    return told(f"{SYMBOLS[tone]} {word_of(job)}", STYLES[tone])


def console() -> Console:
    """Standard output. A pipe has no width: lines stay whole there, unless COLUMNS says how wide it is."""
    found = Console()
    if found.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return found
    return Console(width=UNWRAPPED)


def show(terminal: Console, what: RenderableType) -> None:
    """Print it; into a pipe without the blanks that fill a terminal's lines."""
    if terminal.is_terminal:
        terminal.print(what)
        return
    with terminal.capture() as caught:
        terminal.print(what)
    print("\n".join(line.rstrip() for line in caught.get().splitlines()))
