"""The tables of the daily cost report, which its Markdown and its page share: plain text in rows."""

from collections.abc import Iterator, Sequence

import attrs

from paddock.adapters.report.cost_text import cents_text, hours_text, no_name
from paddock.core.costs.report import CostLine, CostReport, ServiceCost
from paddock.core.costs.sums import By
from paddock.core.units import MicroDollars, money_text

_NONE = "–"  # noqa: RUF001 - a dash stands for: there is none

SERVICES = "Services of AWS"
SERVICE_HEADS = ("service", "used", "cost")
_SHARE_HEADS = ("services", "total")
_POOL_HEADS = ("pool", "jobs", "overflow", "idle", "idle cost", "cost")


@attrs.frozen
class Row:
    """A row: its name, which a stranger may have chosen, its cells, and what it came to."""

    name: str
    cells: tuple[str, ...]
    amount: MicroDollars = 0


@attrs.frozen
class Sheet:
    """A table. ``heads`` are those of the names and of the cells."""

    id: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]


def tables(report: CostReport, most: int) -> Iterator[Sheet]:
    """Every table that has a row, with at most so many names in each, and the others in one row."""
    kinds = (
        (By.MARKET, "Markets", report.markets),
        (By.TYPE, "Types", report.types),
        (By.PHASE, "Phases", report.phases),
        (By.REPO, "Repositories", report.repositories),
        (By.WORKFLOW, "Workflows", report.workflows),
    )
    for by, title, lines in kinds:
        if lines:
            shared = any(line.services is not None for line in lines)
            heads = (by.value, "machines", "jobs", "hours", "cost", *(_SHARE_HEADS if shared else ()))
            yield Sheet(by.value, title, heads, tuple(_rows(by, lines, most, shared=shared)))
    if report.pools:
        shared = any(pool.services is not None for pool in report.pools)
        heads = (*_POOL_HEADS, *(_SHARE_HEADS if shared else ()))
        yield Sheet("pools", "Pools", heads, tuple(_pools(report, shared=shared)))
    if report.services:
        yield Sheet("services", SERVICES, SERVICE_HEADS, tuple(service_rows(report.services)))


def _rows(by: By, lines: Sequence[CostLine], most: int, *, shared: bool) -> Iterator[Row]:
    for line in lines[:most]:
        cost = line.cost
        counts = str(cost.machines), str(cost.jobs), hours_text(cost.awake)
        unknown = "?" if cost.unpriced else ""
        name = f"({line.others} others)" if line.others else line.name or no_name(by, line)
        money = cents_text(cost.total) + unknown, *_shares(line.services, cost.total, unknown, shared=shared)
        yield Row(name, (*counts, *money), line.spent)
    left = lines[most:]
    if left:
        count, amount = sum(line.others or 1 for line in left), sum(line.cost.total for line in left)
        share = sum(line.services or 0 for line in left)
        money = cents_text(amount), *_shares(share, amount, shared=shared)
        yield Row(f"({count} others)", ("", "", "", *money), amount + share)


def _shares(services: MicroDollars | None, cost: MicroDollars, unknown: str = "", *, shared: bool) -> tuple[str, ...]:
    """A share of the services, and what it comes to with its machines; no cell where nobody's share is known."""
    if not shared:
        return ()
    return _NONE if services is None else cents_text(services), cents_text(cost + (services or 0)) + unknown


def _pools(report: CostReport, *, shared: bool) -> Iterator[Row]:
    for one in report.pools:
        idle = _NONE if one.utilisation is None else f"{100 - one.utilisation} %"
        money = cents_text(one.idle_cost), cents_text(one.cost), *_shares(one.services, one.cost, shared=shared)
        yield Row(one.pool, (str(one.jobs), str(one.overflow), idle, *money), one.cost + (one.services or 0))


def service_rows(services: Sequence[ServiceCost]) -> Iterator[Row]:
    """A row for each meter: what was used of it, and what that cost."""
    for one in services:
        used = "unknown" if one.quantity is None else f"{one.quantity:,} {one.unit}"
        amount = "unknown" if one.amount is None else money_text(one.amount)
        yield Row(f"{one.service}: {one.what}", (used, amount), one.amount or 0)
