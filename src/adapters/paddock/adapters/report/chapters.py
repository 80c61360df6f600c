"""A job's life as a story: what happened to it and what was decided about it, in the order of time, told once.

A decision often tells again what the records know already, or what another decision said a moment before. Here each
thing is one chapter: `outcome.explanation` is the place where nothing is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import attrs

from paddock.adapters.report.figures import by_launch, queued_at
from paddock.adapters.report.tones import word_of
from paddock.adapters.report.words import PADDOCK, actor_text, fact_text, reason_text, verdict_text
from paddock.core.decision import Decision, Fact
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import MicroDollars, Moment, money_text, span_text

_MACHINE = "machine:"
_BACK = frozenset({"relaunch", "no_capacity", "put_off", "denied", "displaced"})
_RESULTS = frozenset(result.value for result in OperationalResult)
# A machine's own decision that says what a decision about the job says as well.
_SAID_OF_THE_JOB: Mapping[str, AbstractSet[str]] = {"finished": _RESULTS | {"finished"}, "busy": frozenset({"running"})}
# Facts that most reasons spell out.
_IN_REASONS = frozenset({"market", "conclusion"})
# Reasons that say no more than their verdict.
_EMPTY = frozenset({"the machine is gone"})


@attrs.frozen
class Chapter:
    """One thing that happened or was decided (``decided``), by whom (``actor``), in people's words.

    ``machine`` is the machine it is about, if it is about one. The same thing said ``times`` times in a row is one
    chapter, from ``at`` to ``until``.
    """

    at: Moment
    actor: str
    headline: str
    detail: str = ""
    facts: tuple[str, ...] = ()
    decided: bool = False
    machine: str | None = None
    launch: int | None = None
    back: bool = False
    times: int = 1
    until: Moment = attrs.field(default=attrs.Factory(lambda self: self.at, takes_self=True))


@attrs.define
class Section:
    """Chapters that belong together: those of one machine (``title`` names it), or those before and between."""

    title: str = ""
    chapters: list[Chapter] = attrs.field(factory=list)


def chapters(job: Job, decisions: Iterable[Decision], runners: Sequence[Runner] = ()) -> tuple[Chapter, ...]:
    """The job's story. At the same moment, what happened comes before what was decided because of it.

    `decisions` are those about the job and its machines, oldest first; `runners` are its machines' records.
    """
    decisions = list(decisions)
    about_job = [decision for decision in decisions if decision.subject == job.subject]
    told = [*_happened(job, about_job)]
    known = {(_machine_of(decision), decision.verdict) for decision in decisions}
    for runner in by_launch(runners):
        # Where a decision tells of the machine's launch or end, with more to say, the bare fact would only repeat it.
        told += [chapter for kind, chapter in _machine(runner) if (runner.machine, kind) not in known]
    told += _decided(decisions, {decision.verdict for decision in about_job})
    return _once(sorted(told, key=lambda chapter: (chapter.at, chapter.decided)))


def sections(job: Job, story: Iterable[Chapter], runners: Sequence[Runner] = ()) -> tuple[Section, ...]:
    """The story by machine, in the order in which the job got them. Within each, the order of time."""
    by_id = {runner.machine: runner for runner in runners}
    first = Section()
    current: Section | None = first
    found = [first]
    of_machine: dict[str, Section] = {}
    for chapter in story:
        if chapter.machine is None:
            if current is None:
                current = Section("Back in the queue")
                found.append(current)
            current.chapters.append(chapter)
        else:
            section = of_machine.get(chapter.machine)
            if section is None:
                section = of_machine[chapter.machine] = Section()
                found.append(section)
                current = section
            section.chapters.append(chapter)
            section.title = section.title or _title(job, chapter.machine, None, by_id)
            if chapter.launch is not None:
                section.title = _title(job, chapter.machine, chapter.launch, by_id)
        if chapter.back:
            current = None
    return tuple(section for section in found if section.chapters)


def offset_text(moment: Moment, origin: Moment) -> str:
    """A moment relative to the job's queueing: ``+4.2 s``; with a minus if clocks disagree."""
    return span_text(moment - origin) if moment < origin else "+" + span_text(moment - origin)


def price_text(price: MicroDollars | None) -> str:
    """A price per hour, or that nobody knows it."""
    return "price unknown" if price is None else f"{money_text(price)} an hour"


def _title(job: Job, machine: str, launch: int | None, runners: Mapping[str, Runner]) -> str:
    runner = runners.get(machine)
    served = None if runner is None else runner.served_job
    other = "" if served is None or served == job.id else f", which served job {served}"
    return f"{'Machine' if launch is None else f'Launch {launch}: machine'} {machine}{other}"


def _machine_of(decision: Decision) -> str | None:
    """The machine that the decision is about, or that it gave to the job."""
    if decision.subject.startswith(_MACHINE):
        return decision.subject.removeprefix(_MACHINE)
    given = decision.facts.get("machine")
    return str(given) if given else None


def _decided(decisions: Sequence[Decision], about_job: AbstractSet[str]) -> Iterator[Chapter]:
    for decision in decisions:
        of_machine = decision.subject.startswith(_MACHINE)
        if of_machine and about_job & _SAID_OF_THE_JOB.get(decision.verdict, frozenset()):
            continue
        machine, launch = _machine_of(decision), decision.facts.get("launch")
        repeats = decision.verdict == "queued" or decision.reason in _EMPTY
        yield Chapter(
            at=decision.at,
            actor=actor_text(decision.actor, decision.verdict),
            headline=verdict_text(decision.verdict),
            detail="" if repeats else reason_text(decision.reason).removeprefix("it waits: "),
            facts=tuple(_facts(decision.facts, decision.reason)),
            decided=True,
            machine=machine,
            launch=launch if isinstance(launch, int) and decision.verdict == "launched" else None,
            back=decision.verdict in _BACK,
        )


def _facts(facts: Mapping[str, Fact], reason: str) -> Iterator[str]:
    """The facts that a reader has not been told by the section they stand in, nor by the reason."""
    for name, value in facts.items():
        told = name in {"machine", "launch", "runner"} or (name in _IN_REASONS and str(value) in reason)
        text = "" if told or value is None else fact_text(name, value)
        if text:
            yield text


def _happened(job: Job, decisions: Sequence[Decision]) -> Iterator[Chapter]:
    """What the record says, as far as no decision says it."""
    verdicts = {decision.verdict for decision in decisions}
    reasons = {decision.reason for decision in decisions}
    labels = ", ".join(job.facts.labels) or "no label"
    yield Chapter(queued_at(job), "GitHub", "queued the job", f"runs-on: {labels}")
    if job.started_at is not None and "running" not in verdicts:
        detail = f"on {job.runner_name or job.machine}" if job.runner_name or job.machine else ""
        yield Chapter(job.started_at, "GitHub", "started the job", detail, machine=job.machine)
    if job.finished_at is not None:
        ours = job.state in {JobState.REJECTED, JobState.ABANDONED}
        said = job.reason in reasons if ours else verdicts & (_RESULTS | {"finished", "cancelled"})
        if not said:
            ended = f"the job ended: {word_of(job)}"
            machine = None if ours else job.machine
            yield Chapter(
                job.finished_at, PADDOCK if ours else "GitHub", ended, reason_text(job.reason), machine=machine
            )


def _machine(runner: Runner) -> Iterator[tuple[str, Chapter]]:
    kind = runner.instance_type or "a machine"
    place = f" in {runner.zone}" if runner.zone else ""
    story = f"{kind}, {runner.arch.value}, {runner.market.value}{place}, {price_text(runner.price)}"
    who = "the machine"
    yield "launched", Chapter(runner.launched_at, who, "launched", story, machine=runner.machine)
    if runner.ready_at is not None:
        yield (
            "ready",
            Chapter(runner.ready_at, who, "ready", "its runner listens for a job", machine=runner.machine),
        )
    if runner.gone_at is not None:
        result = "" if runner.result is None else runner.result.value.replace("_", " ")
        why = ": ".join(filter(None, (result, runner.reason)))
        yield "gone", Chapter(runner.gone_at, who, "gone", why, machine=runner.machine)


def _once(story: Sequence[Chapter]) -> tuple[Chapter, ...]:
    """What was said again and again without anything in between is told once, with how often."""
    told: list[Chapter] = []
    for chapter in story:
        last = told[-1] if told else None
        again = None if last is None else attrs.evolve(chapter, at=last.at, times=last.times, until=last.until)
        if last is not None and last.decided and again == last:
            told[-1] = attrs.evolve(last, times=last.times + 1, until=chapter.at)
        else:
            told.append(chapter)
    return tuple(told)
