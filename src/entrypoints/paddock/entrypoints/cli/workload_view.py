"""A workload in a terminal: what is in it, hour by hour and label by label."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paddock.adapters.simulation.outcome import Spread
from paddock.adapters.simulation.workloads.summary import Summary, days
from paddock.core.units import datetime_of, rfc3339, span_text
from paddock.entrypoints.cli.styles import told

_BARS = " ▁▂▃▄▅▆▇█"
_MOST_DAYS = 14
_MOST_SETS = 20
_MOST_REPOSITORIES = 5
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = "0     6     12    18    "


def summary_view(summary: Summary) -> RenderableType:
    """The summary for people: what and when, the days' shape, the label sets."""
    if summary.began is None or summary.ended is None:
        return Text.assemble(told(summary.name, "bold"), ": no job at all")
    return Group(told(summary.name, "bold"), _facts(summary), Text(), _shape(summary), _labels(summary))


def spark(values: Sequence[int], most: int) -> str:
    """A bar for each value, the highest for `most`; nothing is blank, and anything at all is seen."""
    top = len(_BARS) - 1
    return "".join(_BARS[0 if not value else max(1, -(-value * top // most))] for value in values)


def _facts(summary: Summary) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    assert summary.began is not None
    assert summary.ended is not None
    first, last = rfc3339(summary.began), rfc3339(summary.ended)
    grid.add_row("jobs", f"{summary.jobs:,} in {summary.runs:,} runs, {summary.failing:,} of them failing")
    grid.add_row("runs", f"the largest has {summary.largest:,} jobs; {summary.cancelled:,} are cancelled")
    grid.add_row("time", f"{first} to {last}")
    grid.add_row("duration", _spread(summary.durations))
    shown = summary.repositories[:_MOST_REPOSITORIES]
    text = ", ".join(f"{name} {count * 100 // summary.jobs}%" for name, count in shown)
    more = len(summary.repositories) - len(shown)
    grid.add_row("repositories", told(f"{len(summary.repositories)}: {text}{f', and {more} more' if more else ''}"))
    return grid


def _spread(found: Spread) -> str:
    texts = (("mean", found.mean), ("p50", found.p50), ("p95", found.p95), ("p99", found.p99), ("longest", found.most))
    return ", ".join(f"{name} {span_text(span)}" for name, span in texts)


def _shape(summary: Summary) -> RenderableType:
    """A line for each day; of longer loads, the mean day of the week."""
    rows = [
        (f"{datetime_of(start):%Y-%m-%d} {_WEEK[datetime_of(start).weekday()]}", hours)
        for start, hours in days(summary)
    ]
    title = "jobs by hour (UTC)"
    if len(rows) > _MOST_DAYS:
        title = f"jobs by hour (UTC), mean of {len(rows)} days"
        by_day: dict[str, list[list[int]]] = {name: [] for name in _WEEK}
        for name, hours in rows:
            by_day[name[-3:]].append(hours)
        rows = [
            (name, [sum(hour) // len(found) for hour in zip(*found, strict=True)]) for name, found in by_day.items()
        ]
    most = max(1, *(max(hours) for _, hours in rows))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row(Text(title, style="dim"), Text(_HOURS, style="dim"), Text("in all", style="dim"))
    for name, hours in rows:
        table.add_row(name, Text(spark(hours, most), style="cyan"), f"{sum(hours):,}")
    table.add_row(Text(f"the highest bar is {most:,}", style="dim"))
    return table


def _labels(summary: Summary) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("label set", overflow="fold")
    for title in ("jobs", "share", "p50", "p95", "p99"):
        table.add_column(title, justify="right", no_wrap=True)
    for labels, found in summary.labels[:_MOST_SETS]:
        share = f"{found.count * 100 // summary.jobs} %"
        spans = (span_text(span) for span in (found.p50, found.p95, found.p99))
        table.add_row(told(", ".join(labels), most=120), f"{found.count:,}", share, *spans)
    more = len(summary.labels) - _MOST_SETS
    return Group(table, Text(f"… and {more} more label sets", style="dim")) if more > 0 else table
