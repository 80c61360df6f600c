"""Where a job stands, as the answer to "why?", and what comes next."""

from collections.abc import Mapping, Sequence

from paddock.adapters.report.figures import queued_at
from paddock.adapters.report.tones import Tone, tone_of, word_of
from paddock.adapters.report.words import reason_text
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import Moment, span_text
from paddock.core.usecases.house.quarantine import waits_at_github

_AGAIN = "re-run it at GitHub; the re-run comes as a new job with launches of its own."
_AFTER_STATE: Mapping[JobState, str] = {
    JobState.RUNNING: "Its end is recorded as soon as its machine or GitHub reports it.",
    JobState.REJECTED: "This fleet will not take it up again: put right what the reason names, then push or re-run.",
    JobState.ABANDONED: f"No further launch is made for it: see to the reason, then {_AGAIN}",
}
_AFTER_RESULT: Mapping[OperationalResult, str] = {
    OperationalResult.INTERRUPTED: f"It lost its machine; no step of its own failed. To have it done, {_AGAIN}",
    OperationalResult.FAILED_TO_START: f"Its machine failed it; no step of its own failed. To have it done, {_AGAIN}",
    OperationalResult.TIMED_OUT: f"It was ended at its time limit: make it shorter or raise the limit, then {_AGAIN}",
}


def answer(job: Job, decisions: Sequence[Decision], now: Moment) -> str:
    """One sentence: where the job stands, why, and when it is looked at again if it waits."""
    said = f"Job {job.id} {_stands(job, decisions, now)}"
    return said if said.endswith("?") else f"{said}."  # a reason may end with a question: did you mean cpu=4?


def next_step(job: Job, decisions: Sequence[Decision]) -> str:
    """What happens after the `answer`, or what the reader can do about it. Empty if there is nothing to add."""
    if job.state is JobState.QUEUED:
        return "`paddock resume` lets it go on." if _is_paused(job, decisions) else ""
    if job.state is JobState.ABANDONED and waits_at_github(job):
        release = f"see to the reason, then `paddock release {job.id}` has it tried again"
        return f"No further launch is made for it by itself: {release}, for as long as GitHub lets it wait (a day)."
    if tone_of(job) is Tone.LAUNCHING:
        return "It starts as soon as its machine is up and GitHub gives it the job."
    if job.result is None or job.result is OperationalResult.SERVED or job.state in _AFTER_STATE:
        if tone_of(job) is Tone.FAILURE:
            log = f"gh run view --repo {job.facts.repository} --job {job.id} --log-failed"
            return f"One of its own steps failed, not its machine. The log: `{log}`"
        return _AFTER_STATE.get(job.state, "")
    return _AFTER_RESULT[job.result]


def _stands(job: Job, decisions: Sequence[Decision], now: Moment) -> str:
    on = f" on machine {job.machine}" if job.machine else ""
    if job.state is JobState.QUEUED:
        return f"is waiting because {_why(job, decisions)}; {_next_try(job, now)}"
    if job.state is JobState.RUNNING:
        began = queued_at(job) if job.started_at is None else job.started_at
        return f"is running{on}, for {span_text(max(0, now - began))} so far"
    if job.state is JobState.FINISHED:
        ran = "" if job.duration is None else f" after {span_text(job.duration)}{on}"
        return f"ended with {word_of(job)}{ran}{f': {_reason(job)}' if job.reason else ''}"
    of_state = {
        JobState.DISPATCHING: f"is being given a machine (launch {job.launch})",
        JobState.LAUNCHED: f"waits for {f'machine {job.machine}' if job.machine else 'its machine'} to come up "
        "and for GitHub to give it the job",
        JobState.REJECTED: f"was refused because {_reason(job) or 'of a reason that was not kept'}",
        JobState.ABANDONED: f"was given up because {_reason(job) or 'of a reason that was not kept'}",
        JobState.CANCELLED: f"was cancelled: {_reason(job) or 'GitHub gave no reason'}",
    }
    return of_state[job.state]


def _why(job: Job, decisions: Sequence[Decision]) -> str:
    mine = [decision for decision in decisions if decision.subject == job.subject]
    last = mine[-1].reason if mine and mine[-1].verdict not in {"queued", "woken", "duplicate"} else ""
    return (
        _reason(job) or reason_text(last).removeprefix("it waits: ").rstrip(".") or "no dispatcher has taken it up yet"
    )


def _reason(job: Job) -> str:
    return reason_text(job.reason).rstrip(".")


def _is_paused(job: Job, decisions: Sequence[Decision]) -> bool:
    last = decisions[-1] if decisions else None
    said = job.reason if last is None else f"{last.verdict} {job.reason or last.reason}"
    return "pause" in said.casefold()


def _next_try(job: Job, now: Moment) -> str:
    if job.not_before > now:
        return f"next try in {span_text(job.not_before - now)}"
    return "next try as soon as a dispatcher is free"
