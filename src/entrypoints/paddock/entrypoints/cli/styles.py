"""How tones look in a terminal, and text from strangers made safe for one."""

from collections.abc import Mapping

from rich.text import Text

from paddock.adapters.report.text import clean, shortened
from paddock.adapters.report.tones import SYMBOLS, Tone, tone_of, word_of
from paddock.core.job import Job

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
