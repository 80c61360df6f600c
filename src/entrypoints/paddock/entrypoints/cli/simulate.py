"""``paddock simulate``: policies tried on a workload in virtual time, before they cost anything."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from paddock.adapters.config.amounts import span
from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.data import outcomes_to_json
from paddock.adapters.simulation.render.headline import alarm
from paddock.adapters.simulation.render.page import render
from paddock.adapters.simulation.render.terminal import report
from paddock.adapters.simulation.render.waits import waits_to_json
from paddock.adapters.simulation.render.waits_terminal import waits_report
from paddock.adapters.simulation.render.words import count_text, length_text
from paddock.core.errors import InvalidInput
from paddock.core.units import Moment
from paddock.entrypoints.cli.config import checked_path
from paddock.entrypoints.cli.outputs import writable, write
from paddock.entrypoints.cli.styles import console, show, told
from paddock.entrypoints.simulation.comparison import Order, Size, Watch, compare
from paddock.entrypoints.simulation.engine import Engine, engine
from paddock.entrypoints.simulation.starts import try_starts

_WIDE, _NARROW = 110, 66  # columns of a terminal
_USAGE = "paddock simulate --config PATH"


def simulate(
    workload: Path | None = None,
    /,
    *,
    config: Annotated[tuple[Path, ...], Parameter(name=["--config", "-c"], negative="", show_default=False)] = (),
    seed: int = 1,
    faults: str | None = None,
    until: str | None = None,
    waits: Annotated[bool, Parameter(name="--waits", negative="")] = False,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Try a configuration on a day's load, or on last month's, in virtual time.

    The fleet's own code decides; EC2, GitHub and the clock are simulated. Several configurations are run on the same
    workload with the same chance and compared side by side: waits, interruptions, cost, API calls against their
    limits. The same call gives the same figures every time, on every machine.

    The exit code is 1 if a rule was broken that must never be, such as a lost job; the report then tells how.

    Parameters
    ----------
    workload
        A trace to replay, CSV or JSON lines; docs/simulating.md describes it. Without it: a built-in day.
    config
        A configuration to try; give several to compare them with the first. Without it: the defaults.
    seed
        Where chance begins. Another seed is another day of the same kind.
    faults
        What is to go wrong, such as stormy; a wrong name lists all. Without it: only what always does.
    until
        Leave out what starts this long after the first run or later, such as 6h.
    waits
        Tell instead how long jobs wait with cold, stopped and hot machines, part by part, next to what others publish.
    out
        Also write a page to show around: one HTML file that loads nothing.
    json_
        Print the outcomes as JSON instead, for scripts.
    """
    order = Order(workload, config, seed, faults or "", _until(until), until or "", waits)
    return simulated(order, engine, out=out, as_json=json_)


def simulated(order: Order, engine: Callable[[], Engine], *, out: Path | None = None, as_json: bool = False) -> int:
    """Do what was ordered, and print and write what came of it; the exit code."""
    for path in order.configs:
        checked_path("--config", path, _USAGE)
    if order.workload is not None and not order.workload.is_file():
        wrong = "is a folder" if order.workload.is_dir() else "there is no such file"
        remedy = f"{wrong}: name a trace (docs/simulating.md), or none for the built-in day"
        raise InvalidInput("WORKLOAD", str(order.workload), remedy)
    if order.seed < 0:
        raise InvalidInput("--seed", order.seed, "must be 0 or more")
    if out is not None and order.waits:
        raise InvalidInput("--out", str(out), "--waits has no page: leave one of the two out")
    if out is not None:
        writable("--out", out)
    if order.waits:
        return _waits(order, engine, as_json=as_json)
    with watched(Console(stderr=True)) as watch:
        found = compare(order, engine(), watch)
    terminal = console()
    if as_json:
        print(outcomes_to_json(found.outcomes), end="")
    else:
        show(terminal, report(found.outcomes, found.background))
    if out is not None:  # now that the outcome is told, whatever becomes of the page
        write("--out", out, render(found.outcomes, found.background))
    if not as_json:
        told_where = f"the page: {out}" if out is not None else "`--out report.html` makes a page of it to show around"
        terminal.print(told(told_where), soft_wrap=True)
    return _judged(found.outcomes)


def _waits(order: Order, engine: Callable[[], Engine], *, as_json: bool) -> int:
    """The same workload with each start."""
    with watched(Console(stderr=True)) as watch:
        found = try_starts(order, engine(), watch)
    if as_json:
        print(waits_to_json(found), end="")
    else:
        show(console(), waits_report(found))
    return _judged(list(found.outcomes.values()))


def _judged(outcomes: Sequence[Outcome]) -> int:
    """The exit code: 1, and a line on stderr, if something happened that must never be."""
    if wrong := alarm(outcomes):
        print(f"paddock: {wrong}", file=sys.stderr)
        return 1
    return 0


def _until(text: str | None) -> int | None:
    found = None if text is None else span(text)
    if text is not None and not found:
        raise InvalidInput("--until", text, "must be a span above nothing, such as 90s, 30m, 6h or 1d12h")
    return found


class _Virtual(ProgressColumn):
    """How much virtual time has passed, and how many jobs a second end."""

    def render(self, task: Task) -> Text:
        speed = "" if task.speed is None else f", {count_text(int(task.speed))} jobs/s"
        return Text(f"{length_text(task.fields['virtual'])} simulated{speed}")


def _fitting(width: int) -> tuple[Sequence[ProgressColumn], int]:
    """The columns that a terminal of this width has room for, and the characters that are left for a policy's name.

    Beside the bar a million jobs take 21 columns with their gap, virtual time and speed 37, the time that passed 8.
    """
    jobs = TextColumn("{task.completed}/{task.total} jobs", markup=False)
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
    if width >= _WIDE:
        return [*columns, BarColumn(bar_width=24), jobs, _Virtual(), TimeElapsedColumn()], min(40, width - 91)
    if width >= _NARROW:
        return [*columns, BarColumn(bar_width=24), jobs, TimeElapsedColumn()], min(40, width - 54)
    return [*columns, jobs], max(4, width - 21)


@contextmanager
def watched(terminal: Console) -> Iterator[Watch]:
    """A bar for each policy on a terminal, in one line whatever its width; nothing elsewhere."""
    columns, room = _fitting(terminal.width)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bars:

        def watch(policy: str, size: Size) -> Callable[[Moment, int], None]:
            task = bars.add_task(told(policy, most=room).plain, total=size.jobs, virtual=0)

            def progress(now: Moment, ended: int) -> None:
                bars.update(task, completed=min(ended, size.jobs), virtual=max(0, now - size.first))

            return progress

        yield watch
