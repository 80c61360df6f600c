"""Tasks of housekeeping beside the sweeps, apart from the fleet: a process that does none does not import them."""

from collections.abc import Mapping
from typing import Any

import attrs

from paddock.core.costs.report import Counting
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub
from paddock.core.ports.notifier import Notifier
from paddock.core.ports.objects import Objects
from paddock.core.ports.prices import Prices
from paddock.core.ports.queues import Queue
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.usecases.costs.keep_prices import KeepPrices
from paddock.core.usecases.costs.reports import Checking, CostReports, Rendering
from paddock.core.usecases.house.dead_letters import DeadLetters
from paddock.core.usecases.house.housekeeping import Work
from paddock.core.usecases.house.old_jobs import OldJobs
from paddock.core.usecases.house.quarantine import Quarantine
from paddock.core.usecases.house.stale_registrations import StaleRegistrations
from paddock.core.usecases.pools.audit import AuditPools
from paddock.core.usecases.pools.sizing import SizePools


@attrs.frozen(kw_only=True)
class Reporting:
    """How costs are reported: the fleet's name, the files that are made, and what `CostReports` may ask besides."""

    stack: str
    renderings: Mapping[str, Rendering]
    prices: Prices | None = None
    notifier: Notifier | None = None
    count: Counting | None = None
    check: Checking | None = None
    keeping: KeepPrices | None = None


def chores(
    *,
    settings: FleetSettings,
    table: Table,
    github: GitHub,
    queues: Mapping[str, Queue[Any]],
    archive: Objects | None,
    decisions: Decisions,
    clock: Clock,
    several: Several = IN_TURN,
    reporting: Reporting | None = None,
) -> dict[str, Work]:
    """What each of these tasks does, in the order in which they are done.

    Args: what the operator decided, and the ports. `queues` are those whose dead letters are put back, by name; without
    an `archive` old jobs are not archived, reports on pools are kept nowhere, and costs are not reported; `several`
    reads bills and jobs. `reporting` is how costs are reported; without it they are not.
    """
    works: dict[str, Work] = {
        "dead_letters": DeadLetters(queues=queues, decisions=decisions, clock=clock),
        "stale_registrations": StaleRegistrations(
            settings=settings, table=table, github=github, decisions=decisions, clock=clock
        ),
    }
    works["quarantined"] = Quarantine(table=table, github=github, decisions=decisions, clock=clock)
    if archive is not None:
        works["old_jobs"] = OldJobs(table=table, objects=archive, clock=clock, several=several)
        if reporting is not None:
            works["cost_report"] = CostReports(
                stack=reporting.stack,
                table=table,
                objects=archive,
                clock=clock,
                renderings=reporting.renderings,
                policy=settings.costs,
                prices=reporting.prices,
                notifier=reporting.notifier,
                count=reporting.count,
                check=reporting.check,
                keeping=reporting.keeping,
            )
    if settings.pools:
        works["pool_audit"] = AuditPools(settings=settings, table=table, objects=archive, clock=clock)
        works["pool_sizing"] = SizePools(settings=settings, table=table, clock=clock, several=several)
    return works
