"""What the fleet costs: its machines, by whatever is asked, and AWS's services beside them."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import attrs
from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.cost_tables import SERVICE_HEADS, SERVICES, service_rows
from paddock.adapters.report.cost_text import cell, hours_text, no_name
from paddock.adapters.system import SystemClock
from paddock.core.costs.report import CostLine, ServiceCost, failures_of, known_of
from paddock.core.costs.shares import shared_lines
from paddock.core.costs.sums import By, Cost, Costs
from paddock.core.errors import InvalidInput, PaddockError
from paddock.core.units import SECOND, MicroDollars, Moment, money_text, rfc3339
from paddock.core.usecases.costs.look import CostLook
from paddock.entrypoints.cli.durations import lasting
from paddock.entrypoints.cli.styles import WIDE, console, show, told
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened
from paddock.entrypoints.containers import State

VERSION = 1  # of what scripts get

_COUNTS = ("MACHINES", "JOBS", "HOURS", "UNUSED")
_PARTS = ("COMPUTE", "DISK", "ADDRESS")
_SHARE = "SERVICES"
_TOTAL = "TOTAL"


def cost(
    *,
    since: Annotated[str, Parameter(name="--since")] = "7d",
    by: Annotated[By, Parameter(name="--by")] = By.REPO,
    state: StateDir = None,
    profile: ProfileName = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    csv_: Annotated[bool, Parameter(name="--csv", negative="")] = False,
) -> int:
    """Say what the fleet costs, and for whom: machines, their idle time too, and AWS's services, shared by jobs.

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
    length = lasting("--since", since, "24h or 7d")
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
        _show(asked)
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
        return known_of(self.services)

    @property
    def lines(self) -> Sequence[CostLine]:
        return shared_lines(self.costs.groups[self.by], self.of_services, self.by)

    @property
    def whole(self) -> CostLine:
        return CostLine("", self.costs.total, services=self.of_services)


def _services(here: State, since: Moment, until: Moment) -> Sequence[ServiceCost] | None:
    """What the fleet used of AWS's services. That it cannot be counted is told, and keeps nobody from the rest."""
    if here.services is None:
        return ()
    try:
        found = here.services(since, until)
    except PaddockError as error:
        print(f"AWS's services were not counted, and are in no sum: {error}", file=sys.stderr)
        return None
    for why in failures_of(found):
        print(f"some of AWS's services were not counted, and are in no sum: {why}", file=sys.stderr)
    return found


def _show(asked: _Asked) -> None:
    total = asked.costs.total
    if not total.machines:
        print("no machine was there in that time")
        return
    # A fleet without services of AWS has no share of them; and what is not known is no column.
    shared = bool(asked.services) and asked.of_services is not None
    out = console()
    parts = (*_PARTS, *((_SHARE,) if shared else ()), _TOTAL)
    for columns in ((*_COUNTS, *parts),) if out.width >= WIDE else ((*_COUNTS, _TOTAL), parts):
        show(out, _table(asked, columns))
    for sentence in _notes(total, shared=shared):
        out.print(told(sentence))


def _table(asked: _Asked, columns: Sequence[str]) -> Table:
    """A line for each name with these figures, and all of them below. Names may wrap, figures never do."""
    by, whole = asked.by, _figures(asked.whole)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_footer=True)
    table.add_column(by.upper(), footer="all", overflow="fold")
    for title in columns:
        table.add_column(title, footer=whole[title], justify="right", no_wrap=True)
    for line in asked.lines:
        name = told(line.name) if line.name else Text(no_name(by, line), style="dim")
        figures = _figures(line)
        table.add_row(name, *(figures[title] for title in columns))
    return table


def _figures(line: CostLine) -> Mapping[str, str]:
    """What each column has of it."""
    one = line.cost
    unknown = "?" if one.unpriced else ""
    counts = [str(one.machines), str(one.jobs), hours_text(one.awake), money_text(one.unused)]
    amounts = [money_text(one.compute) + unknown, money_text(one.storage), money_text(one.network)]
    return {
        **dict(zip(_COUNTS, counts, strict=True)),
        **dict(zip(_PARTS, amounts, strict=True)),
        _SHARE: money_text(line.services or 0),
        _TOTAL: money_text(line.spent) + unknown,
    }


def _notes(total: Cost, *, shared: bool) -> Iterator[str]:
    yield "UNUSED is what was paid for machines without a job: boot, idle time, sleep, drain, EC2's minimum."
    if shared:
        yield "SERVICES is what AWS's services cost, as far as it is known, by the jobs that began: each job the same."
    if total.unpriced:
        yield f"?: {hours_text(total.unpriced)} hours have no known price; what their compute cost is in no sum."
    if total.total > total.live:
        yield f"{money_text(total.catalogue)} of it is by list prices, not by AWS's word; spot is an estimate there."


def _show_services(asked: _Asked) -> None:
    if not asked.services:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", title=SERVICES, title_justify="left")
    name, *figures = SERVICE_HEADS
    table.add_column(name.upper(), overflow="fold")
    for title in figures:
        table.add_column(title.upper(), justify="right", no_wrap=True)
    for row in service_rows(asked.services):
        table.add_row(row.name, *row.cells)
    out = console()
    show(out, table)
    machines, services = asked.costs.total.total, asked.of_services
    if services is None:
        out.print(told(f"{money_text(machines)} for machines; what services cost is not known."))
        return
    said = f"{money_text(machines)} for machines and {money_text(services)} for services, as far as they are known: "
    out.print(told(f"{said}{money_text(machines + services)}."))


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
            {"name": line.name or None, "environment": asked.environment, **_line_keys(line)} for line in asked.lines
        ],
        "services": None if services is None else [_service_keys(one) for one in services],
        "services_micro_usd": asked.of_services,
        "spent_micro_usd": found.total.total + (asked.of_services or 0),
    }


def _csv(asked: _Asked) -> None:
    keys = _line_keys(asked.whole)
    writer = csv.DictWriter(sys.stdout, ["name", "environment", "kind", *keys], lineterminator="\n", restval="")
    writer.writeheader()
    for line in asked.lines:
        named = {"name": cell(line.name), "environment": asked.environment, "kind": "machines"}
        writer.writerow({**named, **_line_keys(line)})
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
        "why": one.why or None,
    }


def _line_keys(line: CostLine) -> dict[str, Any]:
    """The same with its share of the services; null where that is not known."""
    return {**_keys(line.cost), "services_micro_usd": line.services, "spent_micro_usd": line.spent}


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
