"""The ledger: every second of every machine, priced once and attributed.

A machine's bill is one record, written once, when it is gone; how it is made, `paddock.core.costs.bill` says. Its
entries are made of it for whoever sums them up.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache
from typing import TypedDict

import attrs

from paddock.core.costs.price import PriceSource
from paddock.core.pools.pool import Stock
from paddock.core.spec import Market
from paddock.core.units import DAY, MicroDollars, Moment, datetime_of


class Phase(StrEnum):
    """What a machine was doing, so that boot and idle time are never invisible.

    ``minimum`` is what EC2 bills beyond a stop, or the end, that came within a minute of the start.
    """

    BOOT = "boot"
    IDLE = "idle"
    SLEEP = "sleep"
    JOB = "job"
    DRAIN = "drain"
    MINIMUM = "minimum"


@attrs.frozen
class Rates:
    """List prices that go with every machine, in micro-dollars: gp3 per GiB-month, public IPv4 per hour.

    Source: AWS list prices for us-east-1, 2026-07 (EBS gp3 $0.08, public IPv4 $0.005).
    """

    disk_per_gib_month: MicroDollars = 80_000
    ipv4_per_hour: MicroDollars = 5_000


@attrs.frozen
class LedgerEntry:
    """One interval of one machine's bill, with whatever sums are asked by.

    ``amount`` is None where the price is unknown: unknown is never zero. The compute of sleep is zero, and known to be.
    """

    machine: str
    phase: Phase
    start: Moment
    end: Moment
    compute: MicroDollars | None
    storage: MicroDollars
    network: MicroDollars
    instance_type: str
    market: str
    repository: str
    workflow: str = ""
    job_id: int | None = None
    pool: str | None = None
    stock: Stock | None = None
    priced: PriceSource = PriceSource.CATALOGUE
    environment: str = ""

    @property
    def key(self) -> str:
        """What tells it from all others: no two intervals of a machine begin at once."""
        return f"{self.machine}/{self.phase}/{self.start}"

    @property
    def day(self) -> str:
        """The UTC day on which the interval began."""
        return day_of(self.start)

    @property
    def amount(self) -> MicroDollars | None:
        """Compute, disk and address together; None if the compute price is unknown."""
        return None if self.compute is None else self.compute + self.storage + self.network


@attrs.frozen
class Interval:
    """One phase of a machine's life, from where the one before it ended to ``end``; money as in `LedgerEntry`."""

    phase: Phase
    end: Moment
    compute: MicroDollars | None
    storage: MicroDollars
    network: MicroDollars


@attrs.frozen
class Bill:
    """What a machine cost, from its launch at ``start`` through at least one interval to its end, and for whom.

    ``pool`` and ``stock`` are the machine's own: which pool it belonged to, and what that kept it as. ``zone`` is a
    spot machine's; on demand every zone costs the same. ``priced`` says where the price of its compute is from (None:
    the catalogue). ``forced``: it was bought on demand although spot would have done (None: no). ``disk`` is what it
    had, ``disk_used`` the most of it that its job used; both GiB. What is unknown is None. ``environment`` is that of
    the fleet, which has a ledger of its own; empty in bills of before it was written down.
    """

    machine: str
    start: Moment
    intervals: tuple[Interval, ...]
    instance_type: str
    market: Market
    repository: str
    workflow: str = ""
    job_id: int | None = None
    pool: str | None = None
    stock: Stock | None = None
    priced: PriceSource | None = None
    zone: str | None = None
    forced: bool | None = None
    disk: int | None = None
    disk_used: int | None = None
    environment: str = ""

    @property
    def key(self) -> str:
        """The record's key: a machine is billed once."""
        return self.machine

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """The bill's entries, in the order of time."""
        starts = (self.start, *(interval.end for interval in self.intervals))
        return tuple(
            LedgerEntry(
                machine=self.machine,
                phase=interval.phase,
                start=start,
                end=interval.end,
                compute=interval.compute,
                storage=interval.storage,
                network=interval.network,
                instance_type=self.instance_type,
                market=self.market,
                repository=self.repository,
                workflow=self.workflow,
                job_id=self.job_id,
                pool=self.pool,
                stock=self.stock,
                priced=self.priced or PriceSource.CATALOGUE,
                environment=self.environment,
            )
            for start, interval in zip(starts, self.intervals, strict=False)
        )

    @property
    def total(self) -> MicroDollars | None:
        """All of it; None if the price of some of it is unknown."""
        amounts = [entry.amount for entry in self.entries]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if len(known) == len(amounts) else None

    def since(self, moment: Moment) -> MicroDollars:
        """How much of the known amounts is of the time from this moment on; an interval that it cuts, by its share."""
        return sum(
            (entry.amount or 0) * (entry.end - max(entry.start, moment)) // (entry.end - entry.start)
            for entry in self.entries
            if entry.end > max(entry.start, moment)
        )


def ended(intervals: tuple[Interval, ...]) -> Moment:
    """When the last of a bill's intervals ends: it is listed under that day."""
    return intervals[-1].end


def day_of(moment: Moment) -> str:
    """The UTC day: the value in the index ``day``."""
    return _day(moment // DAY)


@lru_cache(maxsize=128)
def _day(days: int) -> str:
    return datetime_of(days * DAY).strftime("%Y-%m-%d")


class BillIs(TypedDict, total=False):
    """A condition on the record."""

    machine: str


class BillChange(TypedDict, total=False):
    """Bills are never changed."""


@attrs.frozen
class CostLedger:
    """A set of entries and the sums that people ask of it."""

    entries: tuple[LedgerEntry, ...]

    @property
    def total(self) -> MicroDollars:
        """The sum of all entries whose price is known."""
        return sum(entry.amount or 0 for entry in self.entries)

    @property
    def unpriced(self) -> int:
        """How many entries have no known price; a report that hides this lies."""
        return sum(entry.amount is None for entry in self.entries)

    def by(self, key: Callable[[LedgerEntry], str]) -> dict[str, MicroDollars]:
        """Known amounts summed by `key`, in the order of the keys."""
        sums: dict[str, MicroDollars] = {}
        for entry in self.entries:
            sums[key(entry)] = sums.get(key(entry), 0) + (entry.amount or 0)
        return dict(sorted(sums.items()))


def ledger(entries: Iterable[LedgerEntry]) -> CostLedger:
    """A ledger of the entries of any bills, in the order of time."""
    return CostLedger(tuple(sorted(entries, key=lambda entry: (entry.start, entry.key))))
