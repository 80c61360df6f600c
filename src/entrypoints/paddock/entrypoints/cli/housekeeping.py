"""Housekeeping by hand: how every task goes, and a run of one now."""

import sys
from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from paddock.adapters.config.amounts import span
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput, PaddockError, Unavailable
from paddock.core.task import Task
from paddock.core.units import SECOND, Moment, Span, span_text
from paddock.core.usecases.house.housekeeping import MENDS
from paddock.core.usecases.house.tasks import Tasks
from paddock.entrypoints.cli.styles import WIDE, console, show, told
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened

_LOOK: Span = SECOND
_COUNTED = ("TRIED", "DONE", "FAILED", "LEFT")


def status(*, state: StateDir = None, profile: ProfileName = None) -> int:
    """Say what each task sees to, when it ran last and what came of it; one that achieves nothing is marked.

    Parameters
    ----------
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    with opened(Where.chosen(state, profile)) as here:
        tasks = here.tasks.all()
    now = SystemClock().now()
    out = console()
    beside = out.width >= WIDE
    padding = (0, 1) if beside else (0, 1, 0, 0)  # the latter is as much as 80 columns have room for
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=padding, header_style="dim")
    for title in ("TASK", "EVERY", "LAST RUN", *_COUNTED, *[""] * beside):
        table.add_column(title, justify="right" if title in _COUNTED else "left", no_wrap=bool(title))
    notes = Table.grid(padding=(0, 2))
    for task in tasks:
        report = task.report
        counts = ["–"] * len(_COUNTED)  # noqa: RUF001 - a dash stands for: there was no run
        if report is not None:
            counts = [str(n) for n in (report.attempted, report.succeeded, report.failed, report.left)]
        ago = "never" if task.began_at is None else f"{span_text(max(0, now - task.began_at))} ago"
        table.add_row(task.name, span_text(task.every), ago, *counts, *[_told_of(task, now)] * beside)
        notes.add_row(task.name, _told_of(task, now))
    show(out, table)
    if not beside:
        show(out, notes)
    return 0


def _told_of(task: Task, now: Moment) -> Text:
    """What an operator should know of it, and below that what it sees to."""
    note = _note(task, now)
    return Text.assemble(note, "\n" if note else "", (MENDS[task.name], "dim"))


def _note(task: Task, now: Moment) -> Text:
    """What an operator should know of it besides."""
    if task.began_at is not None and task.began_at > now:
        return told("ran in the future: the clock was set back since; it is due", "yellow")
    if task.under_way:
        return told("runs now" if task.leased(now) else "was cut off; it is repeated", "yellow")
    notes = ["an operator asked for a run, which no fleet has begun"] * bool(task.asked)
    if task.began_at is None:
        notes.append("never ran: nothing starts it, or this fleet has no use for it")
    elif task.achieves_nothing(now):
        since = "ever" if task.achieved_at is None else f"for {span_text(now - task.achieved_at)}"
        notes.append(f"achieved nothing {since}")
    if task.report is not None and task.report.errors:
        notes.append(task.report.errors[0])
    wrong = task.began_at is None or task.achieves_nothing(now) or bool(task.report and task.report.failed)
    return told("; ".join(notes), "red" if wrong else "")


def run(
    task: str,
    /,
    *,
    dry_run: bool = False,
    wait: Annotated[str, Parameter(name="--wait")] = "2m",
    state: StateDir = None,
    profile: ProfileName = None,
) -> int:
    """Have a task done now by the fleet itself, whether it is due or not, and say what came of it.

    Parameters
    ----------
    task
        Such as sweep; `paddock housekeeping status` lists them.
    dry_run
        Change nothing: say what would be done.
    wait
        How long to wait for it, such as 30s or 10m. The fleet does it all the same.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    patience = span(wait)
    if patience is None:
        raise InvalidInput("--wait", wait, "must be a duration with its unit, such as 30s or 10m")
    where = Where.chosen(state, profile)
    with opened(where, change=True) as here:
        here.tasks.get(task)  # that there is no such task is told before anything else
        if not here.runs():
            said = f"{task} cannot be done: no fleet runs on {where.state}"
            raise Unavailable(f"{said}; start it (`paddock local`), and ask again")
        wish = here.tasks.ask(task, dry_run=dry_run)
        done = _answer(here.tasks, task, wish, patience)
    if done is None:
        said = f"{task} was not done within {span_text(patience)}: no fleet runs, or it has no such task"
        raise Unavailable(f"{said}; `paddock housekeeping status{where.words}` tells how it goes")
    return _tell(done, dry_run=dry_run)


def _answer(tasks: Tasks, name: str, wish: str, patience: Span) -> Task | None:
    """The task's record once the wish is granted; None if that takes too long."""
    clock, sleeper = SystemClock(), SystemSleeper()
    deadline = clock.now() + patience
    out = console()
    if patience and not (out.is_interactive and sys.stderr.isatty()):  # else the spinner says it
        said = f"{name}: waiting for the fleet to do it, for {span_text(patience)} at most (--wait)"
        print(said, file=sys.stderr, flush=True)
    with out.status(f"{name} waits to be taken up by the fleet …") as shown:
        while True:
            task = tasks.get(name)
            if task.answered == wish:
                return task
            if clock.now() >= deadline:
                return None
            if task.asked != wish:
                shown.update(f"{name} runs …")
            sleeper.sleep(_LOOK)


def _tell(task: Task, *, dry_run: bool) -> int:
    report = task.answer
    if report is None:
        raise PaddockError(f"{task.name}: its record tells nothing of the run")
    out = console()
    for act in report.acts:
        out.print(told(f"  {act}"))
    if report.more:
        out.print(f"  … and {report.more} more")
    for error in report.errors:
        out.print(told(f"failed: {error}", "red"))
    if dry_run:
        acts = len(report.acts) + report.more
        out.print(f"{task.name}: a dry run; this would have been done ({acts}), and nothing was changed")
    else:
        counts = f"{report.attempted} attempted, {report.succeeded} succeeded, {report.failed} failed"
        out.print(f"{task.name}: {counts}, {report.left} left to the next run")
    return 1 if report.failed else 0
