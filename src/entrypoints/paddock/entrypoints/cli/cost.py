"""What the fleet costs: its machines, by whatever is asked, and AWS's services beside them."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import attrs
from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from paddock.adapters.config.amounts import span
from paddock.adapters.report.cost_tables import SERVICE_HEADS, SERVICES, service_rows
from paddock.adapters.report.cost_text import cell, hours_text, no_name
from paddock.adapters.system import SystemClock
from paddock.core.costs.report import ServiceCost, spent_on
from paddock.core.costs.sums import By, Cost, Costs
from paddock.core.errors import InvalidInput, PaddockError
from paddock.core.units import SECOND, MicroDollars, Moment, money_text, rfc3339
from paddock.core.usecases.costs.look import CostLook
from paddock.entrypoints.cli.styles import console, told
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened
from paddock.entrypoints.containers import State

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
    """Say what the fleet costs, and for whom: boot, idle time and sleep of machines, and AWS's services.

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
        Print it as CSV instead, for spreadsheets, with the same keys as columns, and a row for each service.
    """
    length = span(since)
    if not length:
        raise InvalidInput("--since", since, "must be a duration with its unit, such as 24h or 7d")
    if json_ and csv_:
        raise InvalidInput("--csv", "beside --json", "choose one of them")
    clock = SystemClock()
    now = clock.now()
    with opened(Where.chosen(state, profile)) as here:
        look = CostLook(here.table, clock, environment=here.environment)
        asked = _Asked(here.environment, by, look.costs(now - length, now, [by]), _services(here, now - length, now))
    if json_:
        print(json.dumps(_data(asked), indent=2))
    elif csv_:
        _csv(asked)
    else:
        _show(asked.costs, by)
        _show_services(asked)
    return 0


@attrs.frozen
class _Asked:
    """What was asked for, and of whom. ``services`` are None if they were not counted."""

    environment: str
    by: By
    costs: Costs
    services: Sequence[ServiceCost] | None

    @property
    def of_services(self) -> MicroDollars | None:
        return None if self.services is None else spent_on(self.services)


def _services(here: State, since: Moment, until: Moment) -> Sequence[ServiceCost] | None:
    """What the fleet used of AWS's services. That it cannot be counted is told, and keeps nobody from the rest."""
    if here.services is None:
        return ()
    try:
        return here.services(since, until)
    except PaddockError as error:
        print(f"AWS's services were not counted, and are in no sum: {error}", file=sys.stderr)
        return None


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


def _show_services(asked: _Asked) -> None:
    if not asked.services or asked.of_services is None:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", title=SERVICES, title_justify="left")
    for title in SERVICE_HEADS:
        table.add_column(title.upper(), justify="left" if title == SERVICE_HEADS[0] else "right")
    for row in service_rows(asked.services):
        table.add_row(row.name, *row.cells)
    console().print(table)
    machines, services = asked.costs.total.total, asked.of_services
    print(
        f"{money_text(machines)} for machines and {money_text(services)} for services, as far as they are known: "
        f"{money_text(machines + services)}."
    )


def _data(asked: _Asked) -> dict[str, Any]:
    found, services = asked.costs, asked.services
    return {
        "version": VERSION,
        "environment": asked.environment,
        "since": rfc3339(found.since),
        "until": rfc3339(found.until),
        "by": asked.by.value,
        "total": _keys(found.total),
        "costs": [
            {"name": name or None, "environment": asked.environment, **_keys(one)}
            for name, one in found.groups[asked.by].items()
        ],
        "services": None if services is None else [_service_keys(one) for one in services],
        "services_micro_usd": asked.of_services,
        "spent_micro_usd": found.total.total + (asked.of_services or 0),
    }


def _csv(asked: _Asked) -> None:
    keys = _keys(asked.costs.total)
    writer = csv.DictWriter(sys.stdout, ["name", "environment", "kind", *keys], lineterminator="\n", restval="")
    writer.writeheader()
    for name, one in asked.costs.groups[asked.by].items():
        writer.writerow({"name": cell(name), "environment": asked.environment, "kind": "machines", **_keys(one)})
    for service in asked.services or ():
        row = {"name": f"{service.service}: {service.what}", "environment": asked.environment, "kind": "service"}
        writer.writerow({**row, "total_micro_usd": "" if service.amount is None else service.amount})


def _service_keys(one: ServiceCost) -> dict[str, Any]:
    return {
        "service": one.service,
        "what": one.what,
        "quantity": one.quantity,
        "unit": one.unit,
        "amount_micro_usd": one.amount,
    }


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
