"""A job explained, for ``paddock explain JOB``: first the answer, then how it came to it, by machine."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.chapters import Chapter, chapters, offset_text, sections
from paddock.adapters.report.figures import queued_at
from paddock.adapters.report.standing import answer, next_step
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.units import Moment, rfc3339, span_text
from paddock.entrypoints.cli.styles import state_text, told


def story(job: Job, decisions: Sequence[Decision], runners: Sequence[Runner], now: Moment) -> RenderableType:
    """The job's story: the answer, what the job is, and what happened and was decided, a line for each.

    `decisions` are those about the job and its machines, oldest first; `runners` are its machines' records. Times
    count from the moment GitHub queued the job.
    """
    parts: list[RenderableType] = [told(answer(job, decisions, now), "bold")]
    step = next_step(job, decisions)
    if step:
        parts.append(told(step))
    parts += [Text(), _heading(job), _facts(job, now)]
    for section in sections(job, chapters(job, decisions, runners), runners):
        parts.append(Text())
        if section.title:
            parts.append(told(section.title, "bold"))
        parts.append(_lines(job, section.chapters))
    return Group(*parts)


def _heading(job: Job) -> Text:
    attempt = f", attempt {job.facts.run_attempt}" if job.facts.run_attempt > 1 else ""
    workflow = f" · {job.facts.workflow}" if job.facts.workflow else ""
    return Text.assemble(
        told(job.facts.name or "unnamed", "bold"),
        "  ",
        state_text(job),
        "\n",
        told(f"{job.facts.repository}{workflow} · job {job.id} of run {job.facts.run_id}{attempt}", "dim"),
    )


def _facts(job: Job, now: Moment) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    if job.spec is not None:
        grid.add_row("asked for", told(str(job.spec)))
    grid.add_row("queued", Text(rfc3339(queued_at(job))))
    if job.wait is not None:
        grid.add_row("waited", Text(span_text(job.wait)))
    elif job.live:
        grid.add_row("waits", Text(f"{span_text(max(0, now - queued_at(job)))} so far"))
    if job.duration is not None:
        grid.add_row("ran", Text(span_text(job.duration)))
    if job.launch:
        lost = f", {job.displaced} of them not held against it" if job.displaced else ""
        grid.add_row("launches", Text(f"{job.launch}{lost}"))
    return grid


def _lines(job: Job, chapters_: Sequence[Chapter]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", style="dim", no_wrap=True, min_width=11)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for chapter in chapters_:
        mark = Text("◆", style="green") if chapter.decided else Text("●", style="dim")
        line = Text.assemble(told(f"{chapter.actor}: ", "dim"), told(chapter.headline, "bold"))
        for text in _more(chapter, queued_at(job)):
            line.append_text(told(text))
        grid.add_row(offset_text(chapter.at, queued_at(job)), mark, line)
    return grid


def _more(chapter: Chapter, origin: Moment) -> Iterator[str]:
    if chapter.detail:
        yield f": {chapter.detail}"
    if chapter.facts:
        yield f" ({', '.join(chapter.facts)})"
    if chapter.times > 1:
        yield f", {chapter.times} times until {offset_text(chapter.until, origin)}"
