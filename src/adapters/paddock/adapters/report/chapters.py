"""A job's life as a story: what happened to it and what was decided about it, in the order of time."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import attrs

from paddock.adapters.report.figures import queued_at
from paddock.adapters.report.tones import Tone, tone_of, word_of
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import MicroDollars, Moment, money_text, span_text


@attrs.frozen
class Chapter:
    """One thing that happened (``actor`` is GitHub or the machine) or was decided (``decided``, by a use-case)."""

    at: Moment
    actor: str
    headline: str
    detail: str = ""
    facts: tuple[str, ...] = ()
    decided: bool = False


def chapters(job: Job, decisions: Iterable[Decision], runner: Runner | None = None) -> tuple[Chapter, ...]:
    """The job's story. At the same moment, what happened comes before what was decided because of it."""
    decisions = list(decisions)
    known = {decision.reason for decision in decisions}
    verdicts = {decision.verdict for decision in decisions}
    machine = () if runner is None else _machine(runner)
    # Where a decision tells of the machine's launch or end, with more to say, the bare fact would only repeat it.
    told = [*_happened(job, known), *(chapter for chapter in machine if chapter.headline not in verdicts)]
    told.extend(
        Chapter(
            at=decision.at,
            actor=decision.actor,
            headline=decision.verdict,
            detail=decision.reason,
            facts=tuple(f"{name} = {_fact(value)}" for name, value in decision.facts.items()),
            decided=True,
        )
        for decision in decisions
    )
    return tuple(sorted(told, key=lambda chapter: (chapter.at, chapter.decided)))


def offset_text(moment: Moment, origin: Moment) -> str:
    """A moment relative to the job's queueing: ``+4.2 s``; with a minus if clocks disagree."""
    return span_text(moment - origin) if moment < origin else "+" + span_text(moment - origin)


def price_text(price: MicroDollars | None) -> str:
    """A price per hour, or that nobody knows it."""
    return "price unknown" if price is None else f"{money_text(price)} an hour"


def next_step(job: Job, decisions: Sequence[Decision], now: Moment) -> str:
    """What happens next, or what the reader can do about it. Empty if there is nothing left to do."""
    if job.state is JobState.QUEUED:
        return _why_it_waits(job, decisions, now)
    if tone_of(job) is Tone.LAUNCHING:
        what = f"machine {job.machine}" if job.machine else "its machine"
        return f"Waiting for {what} to come up and for GitHub to give it the job."
    if job.result is None or job.result is OperationalResult.SERVED or job.state in _AFTER_STATE:
        if tone_of(job) is Tone.FAILURE:
            log = f"gh run view --repo {job.facts.repository} --job {job.id} --log-failed"
            return f"One of its own steps failed, not its machine. The log: `{log}`"
        return _AFTER_STATE.get(job.state, "")
    return _AFTER_RESULT[job.result]


_AGAIN = "re-run it at GitHub; the re-run comes as a new job with launches of its own."
_AFTER_STATE: Mapping[JobState, str] = {
    JobState.RUNNING: "It runs. Its end is recorded as soon as its machine or GitHub reports it.",
    JobState.REJECTED: "This fleet will not take it up again: put right what the reason names, then push or re-run.",
    JobState.ABANDONED: f"No further launch is made for it: see to the reason, then {_AGAIN}",
}
_AFTER_RESULT: Mapping[OperationalResult, str] = {
    OperationalResult.INTERRUPTED: f"It lost its machine; no step of its own failed. To have it done, {_AGAIN}",
    OperationalResult.FAILED_TO_START: f"Its machine failed it; no step of its own failed. To have it done, {_AGAIN}",
    OperationalResult.TIMED_OUT: f"It was ended at its time limit: make it shorter or raise the limit, then {_AGAIN}",
}


def _why_it_waits(job: Job, decisions: Sequence[Decision], now: Moment) -> str:
    last = decisions[-1] if decisions else None
    why = job.reason or (last.reason if last else "") or "a dispatcher"
    parts = [f"Waiting for: {why}."]
    if last is not None and "pause" in f"{last.verdict} {last.reason} {job.reason}".casefold():
        parts.append("`paddock resume` lets it go on.")
    elif job.not_before > now:
        parts.append(f"It is looked at again in {span_text(job.not_before - now)}.")
    else:
        parts.append("It is taken up as soon as a dispatcher is free.")
    return " ".join(parts).replace("..", ".")


def _happened(job: Job, known: AbstractSet[str]) -> Iterable[Chapter]:
    labels = ", ".join(job.facts.labels) or "no label"
    yield Chapter(queued_at(job), "GitHub", "queued the job", f"runs-on: {labels}")
    if job.started_at is not None:
        detail = f"on {job.runner_name or job.machine}" if job.runner_name or job.machine else ""
        yield Chapter(job.started_at, "GitHub", "started the job", detail)
    if job.finished_at is not None:
        ours = job.state in {JobState.REJECTED, JobState.ABANDONED}
        detail = "" if job.reason in known else job.reason  # a decision tells it already
        yield Chapter(job.finished_at, "Paddock" if ours else "GitHub", f"the job ended: {word_of(job)}", detail)


def _machine(runner: Runner) -> Iterable[Chapter]:
    kind = runner.instance_type or "a machine"
    place = f" in {runner.zone}" if runner.zone else ""
    yield Chapter(
        runner.launched_at,
        runner.machine,
        "launched",
        f"{kind}, {runner.arch.value}, {runner.market.value}{place}, {price_text(runner.price)}",
    )
    if runner.ready_at is not None:
        yield Chapter(runner.ready_at, runner.machine, "ready", "its runner listens for a job")
    if runner.gone_at is not None:
        result = "" if runner.result is None else runner.result.value.replace("_", " ")
        yield Chapter(runner.gone_at, runner.machine, "gone", ": ".join(filter(None, (result, runner.reason))))


def _fact(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
