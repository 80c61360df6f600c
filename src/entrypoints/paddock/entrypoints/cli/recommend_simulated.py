"""The simulator's word on a recommendation: what jobs wait and all costs, with the pools now and as recommended."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from rich import box
from rich.console import Console
from rich.table import Table

from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.headline import alarm
from paddock.core.errors import InvalidInput
from paddock.core.units import SECOND, money_text, span_text
from paddock.core.usecases.pools.advice import PoolAdvice
from paddock.entrypoints.cli.simulate import watched
from paddock.entrypoints.simulation.engine import Engine, engine
from paddock.entrypoints.simulation.pools import RecordedDemand, try_pools


@attrs.frozen
class Tried:
    """What came of the pools ``now`` and as ``recommended`` on the workload of this name."""

    workload: str
    now: Outcome
    recommended: Outcome

    @property
    def wrong(self) -> str:
        """What happened that must never be; empty if nothing did."""
        return alarm([self.now, self.recommended])


def tried(
    advice: Sequence[PoolAdvice], workload: Path | None, seed: int, engine: Callable[[], Engine] = engine
) -> Tried | None:
    """Run both; None if there is nothing to run: no pool was looked at, or none had a job.

    Args:
        advice: the pools, and what is recommended for them.
        workload: a trace, as `paddock simulate` takes; None: the jobs that the advice is from.
        seed: where chance begins.
        engine: the simulator.

    Raises:
        InvalidInput: there is no such trace, or it makes no sense.
    """
    if workload is not None and not workload.is_file():
        remedy = "there is no such file: name a trace (docs/simulating.md), or leave it out for the fleet's own jobs"
        raise InvalidInput("--workload", str(workload), remedy)
    if seed < 0:
        raise InvalidInput("--seed", seed, "must be 0 or more")
    pools = [one.pool for one in advice if one.pool is not None]
    demands = {one.standing.name: one.looked.demand for one in advice if one.looked.demand is not None}
    if not pools or (workload is None and not any(demand.jobs for demand in demands.values())):
        return None
    simulator = engine()
    load = RecordedDemand(demands) if workload is None else simulator.opened(workload)
    found = {one.standing.name: one.sizing.proposed for one in advice if one.sizing is not None}
    with watched(Console(stderr=True)) as watch:
        return Tried(load.name, *try_pools(pools, found, load, simulator, seed, watch))


def simulated_table(found: Tried) -> Table:
    """Both beside each other."""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="dim",
        title=f"Simulated: {found.workload}",
        title_justify="left",
    )
    for title in ("", "JOBS", "SERVED", "WAIT P50", "WAIT P95", "COST"):
        table.add_column(title, justify="right" if title else "left")
    for name, one in (("now", found.now), ("recommended", found.recommended)):
        wait = one.wait.total
        counts = (str(one.jobs.queued), str(one.jobs.served))
        table.add_row(name, *counts, span_text(wait.p50), span_text(wait.p95), money_text(one.cost.total))
    return table


def simulated_data(found: Tried | None) -> dict[str, Any] | None:
    """The same for scripts; None if nothing was run."""
    if found is None:
        return None
    outcomes = {"now": found.now, "recommended": found.recommended}
    return {"workload": found.workload, **{name: _data(one) for name, one in outcomes.items()}}


def judged(found: Tried | None) -> int:
    """The exit code: 1, and a line on stderr, if something happened that must never be."""
    if found is not None and found.wrong:
        print(f"paddock: {found.wrong}", file=sys.stderr)
        return 1
    return 0


def _data(one: Outcome) -> dict[str, Any]:
    wait = one.wait.total
    return {
        "jobs": one.jobs.queued,
        "served": one.jobs.served,
        "wait_p50_s": wait.p50 / SECOND,
        "wait_p95_s": wait.p95 / SECOND,
        "cost_micro_usd": one.cost.total,
    }
