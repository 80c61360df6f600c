"""The calls of jobs as tables, ours beside others', and what they cost; and the figures that are written down."""

from collections.abc import Iterator, Mapping
from typing import Literal

from rich.table import Table

from tests.bench.harness import Figure
from tests.bench.job_calls import APART, COLD, PHASES, POLLS, Counted
from tests.bench.rivals import RIVALS

_Side = Literal["left", "right"]


def figures(single: Counted, batch: Counted, alone: float, each: float) -> Iterator[Figure]:
    """What is written down; `alone` and `each` are dollars for a million jobs."""
    how, where = f"{batch.jobs} equal jobs of one push", "in a warm fleet"
    yield Figure("calls.aws.single", single.aws, "1", f"AWS calls of one job alone {where}; aim 12")
    yield Figure("calls.aws.batch10", batch.aws, "1", f"AWS calls per job of {how} {where}; aim 10")
    yield Figure("calls.github.single", single.asked_github, "1", f"calls of GitHub's API of one job alone {where}")
    yield Figure("calls.github.batch10", batch.asked_github, "1", f"calls of GitHub's API per job of {how} {where}")
    what = "a million jobs at list price, control plane; aim 12"
    yield Figure("cost.usd_per_million_jobs", round(alone, 2), "USD", f"{what}; each alone")
    yield Figure("cost.usd_per_million_jobs.batch10", round(each, 2), "USD", f"{what}; in pushes of {batch.jobs}")


def pool_figures(hot: Counted, stopped: Counted) -> Iterator[Figure]:
    """What is written down of jobs that took machines of a pool."""
    where = "in a warm fleet"
    yield Figure("calls.aws.pool_hot", hot.aws, "1", f"AWS calls of a job that takes a hot machine {where}")
    yield Figure("calls.github.pool_hot", hot.asked_github, "1", f"calls of GitHub's API of such a job {where}")
    what = f"AWS calls of a job that wakes a stopped machine {where}"
    yield Figure("calls.aws.pool_stopped", stopped.aws, "1", what)


def per_job(single: Counted, batch: Counted, title: str = "calls per job in a warm fleet", *heads: str) -> Table:
    """The calls by phase, each phase's sum, and all of them. `heads` are the columns', if they are not the usual."""
    table = _table(title, "phase", "call", *(heads or ("alone", f"one of {batch.jobs}")))
    for phase in PHASES:
        actions = _actions(single, batch, phase)
        for action in actions:
            table.add_row(phase, action, *_each(single, batch, phase, action))
        if len(actions) != 1:
            table.add_row(phase, "all", _shown(single.of(phase)), _shown(batch.of(phase) / batch.jobs), style="bold")
    table.add_row("AWS", "all", _shown(single.aws), _shown(batch.aws), style="bold", end_section=True)
    for name in sorted({*single.github, *batch.github}):
        table.add_row("GitHub", name, *(_shown(each.github.get(name, 0) / each.jobs) for each in (single, batch)))
    table.add_row("GitHub", "all", _shown(single.asked_github), _shown(batch.asked_github), style="bold")
    return table


def apart(single: Counted, batch: Counted) -> Table:
    """What is in no sum."""
    table = _table("apart, in no sum", "what", "call", "alone", f"one of {batch.jobs}")
    for kind in APART:
        for action in _actions(single, batch, kind):
            table.add_row(kind, action, *_each(single, batch, kind, action))
    table.add_row(POLLS, "receives that brought nothing", _shown(single.idle), _shown(batch.idle / batch.jobs))
    return table


def cold_starts(single: Counted, batch: Counted) -> Table:
    """Environments that were started, and what only a start asks for; not by the job."""
    table = Table(title="cold starts, not by the job and in no sum")
    _columns(table, ("what", "left"), ("alone", "right"), (f"{batch.jobs} together", "right"))
    for name in sorted({*single.starts, *batch.starts}):
        table.add_row(f"environments of {name}", *(str(each.starts.get(name, 0)) for each in (single, batch)))
    for action in _actions(single, batch, COLD):
        table.add_row(action, *(str(each.calls[COLD, action]) for each in (single, batch)))
    for name in sorted({*single.github_cold, *batch.github_cold}):
        table.add_row(f"github:{name}", *(str(each.github_cold.get(name, 0)) for each in (single, batch)))
    return table


def others(single: Counted, batch: Counted) -> Table:
    """Ours beside theirs."""
    table = Table(title="beside others")
    table.add_column("who")
    ten = f"of {batch.jobs}"
    _columns(table, ("AWS alone", "right"), (ten, "right"), ("GitHub alone", "right"), (ten, "right"))
    table.add_row("Paddock", *map(_shown, (single.aws, batch.aws, single.asked_github, batch.asked_github)))
    for one in RIVALS:
        counts = (one.aws, one.aws_of_ten, one.github, one.github_of_ten)
        table.add_row(one.name, *("" if count is None else _shown(count) for count in counts))
    return table


def price(single: Mapping[str, float], batch: Mapping[str, float], jobs: int) -> Table:
    """What a million jobs cost, in dollars."""
    table = Table(title="dollars for a million jobs")
    _columns(table, ("what", "left"), ("each alone", "right"), (f"in pushes of {jobs}", "right"))
    for name in single:
        table.add_row(name, f"{single[name]:.2f}", f"{batch[name]:.2f}")
    table.add_row("all", f"{sum(single.values()):.2f}", f"{sum(batch.values()):.2f}", style="bold")
    return table


def _table(title: str, first: str, second: str, *counts: str) -> Table:
    table = Table(title=title)
    _columns(table, (first, "left"), (second, "left"), *((count, "right") for count in counts))
    return table


def _columns(table: Table, *columns: tuple[str, _Side]) -> None:
    for title, side in columns:
        table.add_column(title, justify=side, no_wrap=True)


def _actions(single: Counted, batch: Counted, kind: str) -> list[str]:
    return sorted({action for each in (single, batch) for found, action in each.calls if found == kind})


def _each(single: Counted, batch: Counted, kind: str, action: str) -> tuple[str, str]:
    return _shown(single.calls[kind, action] / single.jobs), _shown(batch.calls[kind, action] / batch.jobs)


def _shown(count: float) -> str:
    return f"{count:.4g}"
