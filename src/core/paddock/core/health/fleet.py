"""Judgements of a fleet's own records: its tasks, and whether it is paused."""

from collections.abc import Iterable, Iterator
from typing import Final

from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.switch import Switch
from paddock.core.task import Task
from paddock.core.units import Moment, span_text

TASKS: Final = "housekeeping"
PAUSE: Final = "pause"
OF_POOLS: Final = frozenset({"pools", "pool_audit", "pool_sizing"})


def judge_tasks(tasks: Iterable[Task], now: Moment, *, pools: bool, starts: str, status: str) -> Iterator[Finding]:
    """How housekeeping goes: what never ran, achieves nothing, or failed in something.

    Args:
        tasks: all that there are.
        now: the time.
        pools: whether the fleet has pools; without, their tasks are nobody's.
        starts: what to look at if nothing starts them.
        status: the command that tells more.
    """
    ours = [task for task in tasks if pools or task.name not in OF_POOLS]
    never = [task.name for task in ours if task.began_at is None]
    idle = [task for task in ours if task.began_at is not None and task.achieves_nothing(now)]
    failed = [task for task in ours if task not in idle and task.report is not None and task.report.failed]
    if never:
        yield failure(TASKS, f"never ran: {', '.join(never)}", starts)
    for task in idle:
        since = "ever" if task.achieved_at is None else f"for {span_text(now - task.achieved_at)}"
        yield failure(TASKS, f"{task.name} achieved nothing {since}{_said(task)}", f"{status} tells more; {starts}")
    for task in failed:
        assert task.report is not None
        count = task.report.failed
        what = f"{task.name} failed in {count} {'thing' if count == 1 else 'things'}{_said(task)}"
        yield warning(TASKS, what, f"{status} tells more")
    if not (never or idle or failed):
        yield fine(TASKS, f"{len(ours)} tasks run and do what they are for")


def _said(task: Task) -> str:
    errors = [task.error] if task.error else [*(task.report.errors if task.report is not None else ())]
    return f": {errors[0]}" if errors else ""


def judge_pause(switch: Switch | None, resume: str) -> Finding:
    """Whether somebody has paused the fleet. `resume` is the command that lets it go on."""
    if switch is None or not switch.on:
        return fine(PAUSE, "the fleet is not paused")
    why = f" ({switch.reason})" if switch.reason else ""
    return warning(PAUSE, f"the fleet is paused{why}: nothing is launched", f"{resume} lets queued jobs go")
