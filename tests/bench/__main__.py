"""Measure, print a table, write ``build/bench.json``: a flat object of name to value, unit and what it is."""

import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.groups import (
    agent,
    agent_log,
    bundle,
    churn,
    demo,
    housekeeping,
    imports,
    memory_path,
    pools,
    records,
    reports,
    sim,
    table,
    webhook,
)
from tests.bench.harness import Figure, Group, yardstick

GROUPS: Mapping[str, Group] = {
    "imports": imports.figures,
    "bundle": bundle.figures,
    "records": records.figures,
    "table": table.figures,
    "webhook": webhook.figures,
    "reports": reports.figures,
    "memory_path": memory_path.figures,
    "agent": agent.figures,
    "agent_log": agent_log.figures,
    "demo": demo.figures,
    "sim": sim.figures,
    "churn": churn.figures,
    "housekeeping": housekeeping.figures,
    "pools": pools.figures,
}
OUTPUT = Path("build") / "bench.json"


def main(names: list[str]) -> int:
    """Measure the named groups, or all of them."""
    console = Console()
    unknown = sorted(set(names) - set(GROUPS))
    if unknown:
        console.print(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
        return 2
    unit = yardstick()
    figures = [Figure("yardstick", round(unit / 1e6, 3), "ms", "a fixed loop of pure Python", unit)]
    for name in names or GROUPS:
        console.print(f"measuring {name} …", style="dim")
        figures.extend(GROUPS[name]())
    console.print(shown(figures, unit))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(report(figures), indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {OUTPUT}")
    return 0


def shown(figures: list[Figure], unit: float) -> Table:
    """The figures for people, each with its ratio to the yardstick."""
    found = Table(title=f"Python {platform.python_version()}, {platform.machine()}")
    found.add_column("figure", no_wrap=True)
    for title, side in (("value", "right"), ("unit", "left"), ("x yardstick", "right")):
        found.add_column(title, justify=side)  # type: ignore[arg-type]
    found.add_column("what it is")
    for figure in figures:
        ratio = "" if figure.nanoseconds is None else f"{figure.nanoseconds / unit:.4g}"
        found.add_row(figure.name, f"{figure.value:g}", figure.unit, ratio, figure.what)
    return found


def report(figures: list[Figure]) -> dict[str, dict[str, object]]:
    """The figures for programs."""
    return {figure.name: {"value": figure.value, "unit": figure.unit, "what": figure.what} for figure in figures}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
