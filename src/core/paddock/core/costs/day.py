"""A day's bills, gone through once: sums, and what advice is made of. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from paddock.core.catalogue import TYPES, InstanceType
from paddock.core.costs.hosted import hosted_cost
from paddock.core.costs.ledger import Bill, LedgerEntry, Phase
from paddock.core.costs.report import CostLine, DiskUse, Forced, HostedCost, PoolCost, SpotSaving
from paddock.core.costs.shares import shared_lines
from paddock.core.costs.sums import By, Costs, costs, cut, together
from paddock.core.pools.account import PoolAccount, counted
from paddock.core.pools.pool import Stock
from paddock.core.spec import Market
from paddock.core.units import HOUR, MicroDollars, Moment

ASKED: Final = (By.MARKET, By.TYPE, By.PHASE, By.REPO, By.WORKFLOW, By.POOL)
MOST_LINES: Final = 50  # names of a kind that a report has; the others are put together


@attrs.frozen
class Day:
    """What a day's bills say."""

    costs: Costs
    pools: tuple[PoolCost, ...]
    spot: SpotSaving
    forced: Forced
    hosted: HostedCost
    disks: tuple[DiskUse, ...]

    def lines(self, by: By, services: MicroDollars | None = None) -> tuple[CostLine, ...]:
        """The dearest names of a kind, and the others in one line; with shares of `services` if that is known."""
        found = shared_lines(self.costs.groups[by], services, by)
        rest = found[MOST_LINES:]
        if not rest:
            return found
        share = None if services is None else sum(one.services or 0 for one in rest)
        return (*found[:MOST_LINES], CostLine("", together(one.cost for one in rest), len(rest), share))

    def pools_with(self, services: MicroDollars | None) -> tuple[PoolCost, ...]:
        """The pools with their shares of `services`; what they do not bear is of jobs that asked for no pool."""
        found = {line.name: line.services for line in shared_lines(self.costs.groups[By.POOL], services, By.POOL)}
        return tuple(attrs.evolve(pool, services=found.get(pool.pool)) for pool in self.pools)


def day_of_bills(bills: Iterable[Bill], since: Moment, until: Moment) -> Day:
    """The day from `since` to `until`, by the bills of all machines that lived in it. They are gone through once."""
    seen = _Seen(since, until)
    found = costs(seen.through(bills), since, until, ASKED)
    return Day(
        costs=found,
        pools=seen.pool_costs(),
        spot=seen.spot,
        forced=seen.forced,
        hosted=seen.hosted,
        disks=tuple(disk for _, disk in sorted(seen.disks.items())),
    )


@attrs.define
class _Seen:
    """What is noted on the way."""

    since: Moment
    until: Moment
    spot: SpotSaving = attrs.field(factory=SpotSaving)
    forced: Forced = attrs.field(factory=Forced)
    hosted: HostedCost = attrs.field(factory=HostedCost)
    pools: dict[str, PoolAccount] = attrs.field(factory=dict)
    idle: dict[str, MicroDollars] = attrs.field(factory=dict)
    disks: dict[tuple[str, int], DiskUse] = attrs.field(factory=dict)

    def through(self, bills: Iterable[Bill]) -> Iterator[Bill]:
        for bill in bills:
            parts = [part for entry in bill.entries if (part := cut(entry, self.since, self.until)) is not None]
            if parts:
                self._note(bill, parts)
            yield bill

    def _note(self, bill: Bill, parts: list[LedgerEntry]) -> None:
        kind = TYPES.get(bill.instance_type)
        self._market(bill, parts, kind)
        self._hosted(bill, kind)
        if bill.pool is not None:
            known = self.pools.get(bill.pool) or PoolAccount(bill.pool, self.since, self.until)
            self.pools[bill.pool] = counted(known, bill)
            if bill.stock is Stock.HOT:
                idle = sum((part.compute or 0) + part.network for part in parts if part.phase is Phase.IDLE)
                self.idle[bill.pool] = self.idle.get(bill.pool, 0) + idle
        if bill.disk is not None and bill.disk_used is not None and bill.repository:
            at = bill.repository, bill.disk
            disk = self.disks.get(at) or DiskUse(*at, 0, 0, 0)
            self.disks[at] = attrs.evolve(
                disk,
                machines=disk.machines + 1,
                used=max(disk.used, bill.disk_used),
                cost=disk.cost + sum(part.storage for part in parts),
            )

    def _market(self, bill: Bill, parts: list[LedgerEntry], kind: InstanceType | None) -> None:
        paid = sum(part.compute or 0 for part in parts)
        ran = sum(part.end - part.start for part in parts if part.phase is not Phase.SLEEP)
        known = kind is not None and all(part.compute is not None for part in parts)
        if bill.market is Market.SPOT:
            if kind is None or not known:
                self.spot = attrs.evolve(self.spot, unknown=self.spot.unknown + ran)
                return
            listed = kind.on_demand * ran // HOUR
            self.spot = attrs.evolve(self.spot, paid=self.spot.paid + paid, on_demand=self.spot.on_demand + listed)
        elif bill.forced:
            spot = paid if kind is None or not known else kind.price(Market.SPOT) * ran // HOUR
            self.forced = Forced(
                self.forced.machines + 1, self.forced.paid + paid, self.forced.extra + max(0, paid - spot)
            )

    def _hosted(self, bill: Bill, kind: InstanceType | None) -> None:
        """Each job once, whole, on the day on which it ended."""
        for entry in bill.entries:
            if entry.phase is not Phase.JOB or not self.since <= entry.end < self.until:
                continue
            cost = None if kind is None else hosted_cost(kind.arch, kind.vcpu, entry.end - entry.start)
            if cost is None:
                self.hosted = attrs.evolve(self.hosted, unknown=self.hosted.unknown + 1)
            else:
                self.hosted = attrs.evolve(self.hosted, jobs=self.hosted.jobs + 1, cost=self.hosted.cost + cost)

    def pool_costs(self) -> tuple[PoolCost, ...]:
        return tuple(
            PoolCost(
                pool=one.pool,
                jobs=one.jobs,
                overflow=one.overflow,
                cost=one.cost,
                idle_cost=one.idle_cost,
                idle=self.idle.get(one.pool, 0),
                utilisation=one.utilisation,
            )
            for _, one in sorted(self.pools.items())
        )
