"""A job's life as a readable story, for ``paddock explain JOB``."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.chapters import Chapter, chapters, next_step, offset_text
from paddock.adapters.report.figures import queued_at
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.units import Moment, rfc3339, span_text
from paddock.entrypoints.cli.styles import state_text, told


def story(job: Job, decisions: Sequence[Decision], runner: Runner | None, now: Moment) -> RenderableType:
    """The job's story: what it is, what happened and what was decided with the reasons, and what comes next.

    `decisions` are those about the job, oldest first; `runner` is the machine on its record, if there is one. Times
    count from the moment GitHub queued the job.
    """
    parts: list[RenderableType] = [_heading(job), _facts(job, now), Padding(_chapters(job, decisions, runner), (1, 0))]
    step = next_step(job, decisions, now)
    if step:
        parts.append(Text.assemble(("Next: ", "bold"), told(step)))
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
        lost = f", {job.displaced} of them for a machine that served another job" if job.displaced else ""
        grid.add_row("launches", Text(f"{job.launch}{lost}"))
    if job.reason:
        grid.add_row("reason", told(job.reason))
    return grid


def _chapters(job: Job, decisions: Sequence[Decision], runner: Runner | None) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for chapter in chapters(job, decisions, runner):
        mark = Text("◆", style="green") if chapter.decided else Text("●", style="dim")
        grid.add_row(offset_text(chapter.at, queued_at(job)), mark, _told(chapter))
    return grid


def _told(chapter: Chapter) -> Text:
    text = Text.assemble(told(chapter.headline, "bold"), "  ", told(chapter.actor, "dim"))
    if chapter.detail:
        text.append("\n").append_text(told(chapter.detail))
    if chapter.facts:
        text.append("\n").append_text(told("; ".join(chapter.facts), "dim"))
    return text
