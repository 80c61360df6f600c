"""What the fleet costs, by repository, workflow, pool, type, market, phase or day."""

import csv
import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from paddock.adapters.config.amounts import span
from paddock.adapters.report.cost_text import cell, hours_text, no_name
from paddock.adapters.system import SystemClock
from paddock.core.costs import By, Cost, Costs
from paddock.core.errors import InvalidInput
from paddock.core.units import SECOND, money_text, rfc3339
from paddock.core.usecases.cost_look import CostLook
from paddock.entrypoints.cli.styles import console, told
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened

VERSION = 1  # of what scripts get

_COLUMNS = ("MACHINES", "JOBS", "HOURS", "UNUSED", "COMPUTE", "DISK", "ADDRESS", "TOTAL")


def cost(
    *,
    since: Annotated[str, Parameter(name="--since")] = "7d",
    by: Annotated[By, Parameter(name="--by")] = By.REPO,
    state: StateDir = None,
    profile: ProfileName = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    csv_: Annotated[bool, Parameter(name="--csv", negative="")] = False,
) -> int:
    """Say what the fleet's machines cost, and for whom: boot, idle time and sleep included.

    Parameters
    ----------
    since
        Over how long, up to now, such as 24h or 7d.
    by
        By what: repo, workflow, pool, type, day (of UTC), market or phase.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    json_
        Print it as JSON instead, for scripts; docs/operating.md describes the keys.
    csv_
        Print it as CSV instead, for spreadsheets, with the same keys as columns.
    """
    length = span(since)
    if not length:
        raise InvalidInput("--since", since, "must be a duration with its unit, such as 24h or 7d")
    if json_ and csv_:
        raise InvalidInput("--csv", "beside --json", "choose one of them")
    clock = SystemClock()
    now = clock.now()
    with opened(Where.chosen(state, profile)) as here:
        found = CostLook(here.table, clock).costs(now - length, now, [by])
    if json_:
        print(json.dumps(_data(found, by), indent=2))
    elif csv_:
        _csv(found, by)
    else:
        _show(found, by)
    return 0


def _show(found: Costs, by: By) -> None:
    if not found.total.machines:
        print("no machine was there in that time")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_footer=True)
    for title, total in zip((by.upper(), *_COLUMNS), ["all", *_row(found.total)], strict=True):
        table.add_column(title, footer=total, justify="left" if title == by.upper() else "right")
    for name, one in found.groups[by].items():
        table.add_row(told(name) if name else Text(no_name(by), style="dim"), *_row(one))
    console().print(table)
    for line in _notes(found.total):
        print(line)


def _row(one: Cost) -> list[str]:
    unknown = "?" if one.unpriced else ""
    amounts = (one.compute, one.storage, one.network, one.total)
    shown = [money_text(amount) for amount in amounts]
    shown[0], shown[3] = shown[0] + unknown, shown[3] + unknown
    return [str(one.machines), str(one.jobs), hours_text(one.awake), money_text(one.unused), *shown]


def _notes(total: Cost) -> Iterator[str]:
    yield "UNUSED is what was paid for machines without a job: boot, idle time, sleep, drain, EC2's minimum."
    if total.unpriced:
        yield f"?: {hours_text(total.unpriced)} hours have no known price; what their compute cost is in no sum."
    if total.total > total.live:
        yield f"{money_text(total.catalogue)} of it is by list prices, not by AWS's word; spot is an estimate there."


def _data(found: Costs, by: By) -> dict[str, Any]:
    return {
        "version": VERSION,
        "since": rfc3339(found.since),
        "until": rfc3339(found.until),
        "by": by.value,
        "total": _keys(found.total),
        "costs": [{"name": name or None, **_keys(one)} for name, one in found.groups[by].items()],
    }


def _csv(found: Costs, by: By) -> None:
    rows = [{"name": cell(name), **_keys(one)} for name, one in found.groups[by].items()]
    writer = csv.DictWriter(sys.stdout, ["name", *_keys(found.total)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _keys(one: Cost) -> dict[str, Any]:
    """One line for scripts."""
    return {
        "machines": one.machines,
        "jobs": one.jobs,
        "awake_s": one.awake / SECOND,
        "busy_s": one.busy / SECOND,
        "compute_micro_usd": one.compute,
        "storage_micro_usd": one.storage,
        "network_micro_usd": one.network,
        "total_micro_usd": one.total,
        "unused_micro_usd": one.unused,
        "live_micro_usd": one.live,
        "unpriced_s": one.unpriced / SECOND,
    }
