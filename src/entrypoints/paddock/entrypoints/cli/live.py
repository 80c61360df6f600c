"""The fleet in a terminal: a table of jobs moving through their states, and the summary at the end."""

from collections import Counter
from collections.abc import Callable, Sequence

import attrs
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.figures import Figures, by_queueing, figures, queued_at
from paddock.adapters.report.tones import SYMBOLS, Tone, tone_of
from paddock.core import catalogue
from paddock.core.costs.ledger import CostLedger
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import RunnerState
from paddock.core.units import Moment, money_text, span_text
from paddock.entrypoints.cli.styles import STYLES, UNWRAPPED, state_text, told

_LONG = 20  # characters: no id of EC2's is longer, those of machines that are processes are
NOTHING = "–"  # noqa: RUF001 - a dash stands for: nothing measured


@attrs.frozen
class _Column:
    """A column: what it shows of a job, and from which width of the terminal on there is room for it.

    ``whole``: it is copied from there, so it is never cut; from ``long`` on there is room for one that is long.
    """

    title: str
    cell: Callable[[Job, Moment], Text]
    ratio: int = 0
    since: int = 0
    right: bool = False
    whole: bool = False
    long: int = 0


@attrs.frozen
class _FleetTable:
    """Chooses its columns when it is drawn, because only then is the terminal's width known."""

    jobs: Sequence[Job]
    runners: Sequence[Runner]
    now: Moment
    rows: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # In a pipe there is no edge to fill the table up to.
        table = Table(box=box.SIMPLE_HEAD, expand=options.max_width < UNWRAPPED, pad_edge=False, header_style="dim")
        shown = _most_telling(self.jobs, self.rows)
        cells = {column.title: [column.cell(job, self.now) for job in shown] for column in _COLUMNS}
        columns = []
        for column in _COLUMNS:
            longest = max((cell.cell_len for cell in cells[column.title]), default=0)
            if options.max_width < (column.long if column.long and longest > _LONG else column.since):
                continue
            columns.append(column)
            table.add_column(
                column.title,
                ratio=column.ratio or None,
                min_width=min(longest, options.max_width) if column.whole else None,
                justify="right" if column.right else "left",
                no_wrap=not column.whole,
                overflow="fold" if column.whole else "ellipsis",
            )
        for number in range(len(shown)):
            table.add_row(*(cells[column.title][number] for column in columns))
        yield table
        if len(shown) < len(self.jobs):
            yield Text(f"… and {len(self.jobs) - len(shown)} more jobs that are not shown", style="dim")
        yield _machines_line(self.runners)
        yield _totals_line(self.jobs)


def fleet_table(jobs: Sequence[Job], runners: Sequence[Runner], now: Moment, *, rows: int = 40) -> RenderableType:
    """The fleet as it stands `now`: jobs in the order of queueing, then the machines and the totals.

    At most `rows` jobs are shown; ended ones make room first, the longest ended before the others. A narrow terminal
    gets fewer columns: the job's id, name and state are always there, and from 60 columns on its wait and reason. Ids
    are whole, as they are copied from there.
    """
    return _FleetTable(jobs, runners, now, rows)


def summary(
    jobs: Sequence[Job], runners: Sequence[Runner], ledger: CostLedger, *, page: str | None = None
) -> RenderableType:
    """What came of it all, for the end. ``page`` is the path of the timeline page, if one was written."""
    numbers = figures(jobs, runners, ledger)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("jobs", _totals_line(jobs))
    grid.add_row("wait", _pair("median", numbers.wait_median, "95 of 100 within", numbers.wait_p95))
    grid.add_row(
        "run",
        Text("nothing measured" if numbers.duration_median is None else f"median {span_text(numbers.duration_median)}"),
    )
    grid.add_row("machines", _kinds(runners))
    grid.add_row("cost", _cost(numbers))
    if page is not None:
        grid.add_row("page", told(page, "bold"))
    return Padding(grid, (1, 0))


def _most_telling(jobs: Sequence[Job], rows: int) -> list[Job]:
    ordered = by_queueing(jobs)
    if len(ordered) <= rows:
        return ordered
    live = [job for job in ordered if job.live][:rows]
    ended = sorted((job for job in ordered if not job.live), key=lambda job: job.finished_at or queued_at(job))
    kept = {job.id for job in (*live, *ended[len(ended) - (rows - len(live)) :])}
    return [job for job in ordered if job.id in kept]


def _waited(job: Job, now: Moment) -> Text:
    if job.wait is not None:
        return Text(span_text(job.wait))
    return Text(span_text(max(0, now - queued_at(job))) if job.live else NOTHING, style="dim")


def _ran(job: Job, now: Moment) -> Text:
    if job.duration is not None:
        return Text(span_text(job.duration))
    running = job.live and job.started_at is not None
    return Text(span_text(max(0, now - (job.started_at or now))) if running else NOTHING, style="dim")


_COLUMNS: Sequence[_Column] = (
    _Column("Job", lambda job, _: told(job.key, "dim"), whole=True),
    _Column("Name", lambda job, _: told(job.facts.name or "unnamed", "bold"), ratio=4),
    _Column("Repository", lambda job, _: told(job.facts.repository, "dim"), ratio=3, since=120),
    _Column("Labels", lambda job, _: told(", ".join(job.facts.labels), "dim"), ratio=4, since=140),
    _Column("State", lambda job, _: state_text(job)),
    _Column("Waited", _waited, since=60, right=True),
    _Column("Ran", _ran, right=True, since=90),
    _Column("Machine", lambda job, _: told(job.machine or "", "dim"), since=112, long=150, whole=True),
    _Column("Why", lambda job, _: told(job.reason), ratio=5, since=60),
)


def _machines_line(runners: Sequence[Runner]) -> Text:
    counts = Counter(runner.state for runner in runners)
    parts = [f"{counts[state]} {state.value}" for state in RunnerState if counts[state]]
    return Text.assemble(("machines  ", "dim"), ", ".join(parts) or "none")


def _totals_line(jobs: Sequence[Job]) -> Text:
    counts = Counter(map(tone_of, jobs))
    line = Text(f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}")
    for tone in Tone:
        if counts[tone]:
            line.append("  ")
            line.append(f"{SYMBOLS[tone]} {counts[tone]} {tone.value}", style=STYLES[tone])
    return line


def _pair(first: str, one: int | None, second: str, two: int | None) -> Text:
    if one is None or two is None:
        return Text("nothing measured")
    return Text(f"{first} {span_text(one)}, {second} {span_text(two)}")


def _kinds(runners: Sequence[Runner]) -> Text:
    kinds = Counter(f"{runner.instance_type or 'unknown type'} {runner.market.value}" for runner in runners)
    text = told(", ".join(f"{count} × {kind}" for kind, count in kinds.most_common()) or "none")  # noqa: RUF001 - times
    alive = sum(runner.live for runner in runners)
    return text.append(f"; {alive} still alive", style="yellow") if alive else text


def _cost(numbers: Figures) -> Text:
    if numbers.total is None:
        return Text(f"unknown: none of the {numbers.machines} machines has a price", style="yellow")
    text = Text.assemble(("at least " if numbers.unpriced else ""), (money_text(numbers.total), "bold"))
    text.append(
        f" at EC2 list prices of {catalogue.DATED}: compute {money_text(numbers.compute)}, disk "
        f"{money_text(numbers.storage)}, public IPv4 {money_text(numbers.network)}"
    )
    if numbers.known:
        text.append(f"; {numbers.estimated_per_cent} % of it is estimated (spot)")
    if numbers.unpriced:
        text.append(f"; {numbers.unpriced} of {numbers.machines} machines are unpriced and not in it", style="yellow")
    return text
