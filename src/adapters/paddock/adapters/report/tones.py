"""How a job's standing is shown: one tone, symbol and word for every combination of state and conclusion.

Colour is never the only sign: each tone has a symbol of its own, and the word stands beside it.
"""

from collections.abc import Mapping
from enum import StrEnum

from paddock.core.job import Job
from paddock.core.states import JobState, OperationalResult


class Tone(StrEnum):
    """What a reader wants to know first."""

    WAITING = "waiting"
    LAUNCHING = "launching"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NEUTRAL = "neutral"


SYMBOLS: Mapping[Tone, str] = {
    Tone.WAITING: "◌",
    Tone.LAUNCHING: "◔",
    Tone.RUNNING: "▸",
    Tone.SUCCESS: "✓",
    Tone.FAILURE: "✗",
    Tone.CANCELLED: "⊘",
    Tone.REFUSED: "!",
    Tone.NEUTRAL: "•",
}

_OF_STATE: Mapping[JobState, Tone] = {
    JobState.QUEUED: Tone.WAITING,
    JobState.DISPATCHING: Tone.LAUNCHING,
    JobState.LAUNCHED: Tone.LAUNCHING,
    JobState.RUNNING: Tone.RUNNING,
    JobState.CANCELLED: Tone.CANCELLED,
    JobState.REJECTED: Tone.REFUSED,
    JobState.ABANDONED: Tone.REFUSED,
}
_OF_CONCLUSION: Mapping[str | None, Tone] = {
    "success": Tone.SUCCESS,
    "failure": Tone.FAILURE,
    "timed_out": Tone.FAILURE,
    "startup_failure": Tone.FAILURE,
    "cancelled": Tone.CANCELLED,
}


def tone_of(job: Job) -> Tone:
    """The job's tone. A conclusion that GitHub invents tomorrow is neutral, not an error."""
    if job.state is JobState.FINISHED:
        return _OF_CONCLUSION.get(job.conclusion, Tone.NEUTRAL)
    return _OF_STATE[job.state]


def word_of(job: Job) -> str:
    """The job's standing in a word or two: the conclusion once finished, else the state."""
    word = (job.conclusion or "finished") if job.state is JobState.FINISHED else job.state.value
    word = word.replace("_", " ")
    return f"{word}, interrupted" if job.result is OperationalResult.INTERRUPTED else word
