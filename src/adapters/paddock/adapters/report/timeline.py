"""The page: one self-contained HTML file with the timeline, the figures and each job's story."""

from collections.abc import Mapping, Sequence
from functools import cache

import attrs
from jinja2 import Template

from paddock.adapters.report.axis import Axis, axis_over
from paddock.adapters.report.chapters import Chapter, chapters, offset_text
from paddock.adapters.report.figures import Figures, by_launch, by_queueing, figures, machine_costs, queued_at
from paddock.adapters.report.page import Share, Style, shares, style, template
from paddock.adapters.report.segments import Segment, job_segments, machine_segments
from paddock.adapters.report.standing import answer, next_step
from paddock.adapters.report.text import shortened
from paddock.adapters.report.tones import SYMBOLS, Tone, tone_of, word_of
from paddock.core import catalogue
from paddock.core.costs.ledger import CostLedger, Phase
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import OperationalResult
from paddock.core.units import MicroDollars, Moment, money_text, rfc3339, span_text

_LEAST_WIDTH = 0.35  # per cent: a job of a second stays visible on an axis of minutes


@attrs.frozen
class Bar:
    """A drawn segment: place and width in per cent, the class that draws it, the text shown on hover."""

    x: float
    width: float
    drawing: str
    title: str


@attrs.frozen
class Mark:
    """A moment on a row."""

    x: float
    title: str


@attrs.frozen
class JobRow:
    """A job, ready to be shown."""

    job: Job
    tone: Tone
    symbol: str
    word: str
    summary: str
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    end: Mark | None
    story: tuple[tuple[str, Chapter], ...]
    answer: str
    next_step: str
    wait: str
    duration: str


@attrs.frozen
class MachineRow:
    """A machine, ready to be shown."""

    runner: Runner
    kind: str
    summary: str
    bars: tuple[Bar, ...]
    served: str
    cost: str
    result: str


def render(
    jobs: Sequence[Job],
    runners: Sequence[Runner],
    ledger: CostLedger,
    decisions_by_job: Mapping[int, Sequence[Decision]],
    *,
    title: str,
    now: Moment,
) -> str:
    """The page as HTML text.

    Args:
        jobs: every job to show, in any order.
        runners: every machine to show, in any order.
        ledger: the bills of the machines that are gone.
        decisions_by_job: what was decided about each job, oldest first, by GitHub's id of the job.
        title: the heading.
        now: the moment at which whatever still lives is cut off.
    """
    last_words = {key: said[-1].at for key, said in decisions_by_job.items() if said}
    lives = [(job, job_segments(job, now, last_words.get(job.id))) for job in by_queueing(jobs)]
    machines = [(runner, machine_segments(runner, now)) for runner in by_launch(runners)]
    every = [segment for _, life in (*lives, *machines) for segment in life]
    axis = axis_over((moment for segment in every for moment in (segment.start, segment.end)), now)
    numbers = figures(jobs, runners, ledger)
    costs = machine_costs(runners, ledger)
    names = {job.id: job.facts.name for job in jobs}
    by_id = {runner.machine: runner for runner in runners}
    launches: dict[int, list[Runner]] = {}
    for runner, _ in machines:
        if runner.assigned_job is not None:
            launches.setdefault(runner.assigned_job, []).append(runner)
    return _template().render(
        title=title,
        style=_style(),
        axis=axis,
        began=rfc3339(axis.start),
        written=rfc3339(now),
        rows=[
            _job_row(
                job,
                life,
                axis,
                launches.get(job.id, ()),
                by_id.get(job.machine or ""),
                decisions_by_job.get(job.id, ()),
                now,
            )
            for job, life in lives
        ],
        machines=[_machine_row(runner, life, axis, names, costs[runner.machine]) for runner, life in machines],
        figures=numbers,
        sleeps=any(segment.kind == "sleep" for _, life in machines for segment in life),
        tones=_tones(jobs),
        wait_dots=_wait_dots(by_queueing(jobs)),
        longest=_span(max((job.wait for job in jobs if job.wait is not None), default=None)),
        cost=_cost_text(numbers),
        cost_shares=_cost_shares(numbers),
        time_shares=_time_shares(numbers),
        catalogue_date=catalogue.DATED,
        median=_span(numbers.wait_median),
        p95=_span(numbers.wait_p95),
        typical=_span(numbers.duration_median),
    )


def _job_row(
    job: Job,
    life: Sequence[Segment],
    axis: Axis,
    launches: Sequence[Runner],
    machine: Runner | None,
    decisions: Sequence[Decision],
    now: Moment,
) -> JobRow:
    tone, word = tone_of(job), word_of(job)
    told = f": {job.reason}" if job.reason else ""
    last = life[-1]
    bars = tuple(
        _bar(
            segment,
            axis,
            tone if segment.kind == "running" else segment.kind,
            f"{word}{told}" if segment is last else "",
        )
        for segment in life
    )
    origin = queued_at(job) or life[0].start
    his = {runner.machine: runner for runner in (*launches, machine) if runner is not None}
    story = tuple(
        (offset_text(chapter.at, origin), chapter) for chapter in chapters(job, decisions, list(his.values()))
    )
    return JobRow(
        job=job,
        tone=tone,
        symbol=SYMBOLS[tone],
        word=word,
        summary=f"{job.facts.name or job.key}: {word}{told}; "
        + ", ".join(f"{segment.kind} {span_text(segment.span)}" for segment in life),
        bars=bars,
        marks=tuple(Mark(axis.x(runner.launched_at), _launch_text(runner)) for runner in launches),
        end=None if job.live or last.kind == "running" else Mark(axis.x(last.end), f"{word}{told}"),
        story=story,
        answer=answer(job, decisions, now),
        next_step=next_step(job, decisions),
        wait=_span(job.wait),
        duration=_span(job.duration),
    )


def _machine_row(
    runner: Runner, life: Sequence[Segment], axis: Axis, names: Mapping[int, str], cost: MicroDollars | None
) -> MachineRow:
    job = runner.served_job
    served = "" if job is None else names.get(job) or str(job)
    shown = runner.result.value.replace("_", " ") if runner.result is not None else runner.state.value
    bad = runner.result not in {None, OperationalResult.SERVED}
    kind = " ".join(filter(None, (runner.instance_type, runner.market.value, runner.zone)))
    return MachineRow(
        runner=runner,
        kind=kind,
        summary=f"{runner.machine}, {kind}: {shown}; "
        + ", ".join(f"{segment.kind} {span_text(segment.span)}" for segment in life),
        bars=tuple(
            _bar(segment, axis, f"m-{segment.kind}", served if segment.kind == "job" else "") for segment in life
        ),
        served=served,
        cost="unknown" if cost is None else money_text(cost),
        result=f"{'✗ ' if bad else ''}{shown}",
    )


def _bar(segment: Segment, axis: Axis, drawing: str, told: str) -> Bar:
    left = axis.x(segment.start)
    width = max(round(axis.x(segment.end) - left, 3), _LEAST_WIDTH)
    title = f"{segment.kind} {span_text(segment.span)}"
    return Bar(min(left, 100 - width), width, drawing, shortened(f"{title}, {told}" if told else title, 400))


def _launch_text(runner: Runner) -> str:
    result = "" if runner.result is None else f", {runner.result.value.replace('_', ' ')}"
    return f"launch of {runner.machine}{result}"


def _tones(jobs: Sequence[Job]) -> list[tuple[Tone, str, int]]:
    counts = dict.fromkeys(Tone, 0)
    for job in jobs:
        counts[tone_of(job)] += 1
    return [(tone, SYMBOLS[tone], count) for tone, count in counts.items() if count]


def _cost_text(numbers: Figures) -> str:
    if numbers.total is None:
        return "unknown"
    return f"{'at least ' if numbers.unpriced else ''}{money_text(numbers.total)}"


def _cost_shares(numbers: Figures) -> list[Share]:
    parts = (
        ("compute", "compute", numbers.compute),
        ("disk", "disk", numbers.storage),
        ("public IPv4", "ipv4", numbers.network),
    )
    return list(shares([(name, drawing, amount, money_text(amount)) for name, drawing, amount in parts]))


def _time_shares(numbers: Figures) -> list[Share]:
    names = {Phase.MINIMUM: "up to EC2's 60 s", Phase.SLEEP: "asleep"}
    spans = [(phase, span) for phase, span in numbers.phases.items() if span]
    return list(shares([(names.get(phase, phase.value), phase.value, span, span_text(span)) for phase, span in spans]))


def _wait_dots(jobs: Sequence[Job]) -> list[Mark]:
    """Every wait as a dot between nothing and the longest one: the spread that a median hides."""
    waits = [(job.wait, job.facts.name) for job in jobs if job.wait is not None]
    longest = max((wait for wait, _ in waits), default=0)
    return [Mark(round(wait * 100 / (longest or 1), 3), f"{name} {span_text(wait)}") for wait, name in waits]


def _span(span: int | None) -> str:
    return "–" if span is None else span_text(span)  # noqa: RUF001 - a dash stands for: nothing measured


@cache
def _template() -> Template:
    return template("paddock.adapters.report", "timeline.html.j2")


@cache
def _style() -> Style:
    return style(("paddock.adapters.report", "timeline.css"))
