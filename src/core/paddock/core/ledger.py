"""The ledger: every second of every machine, priced once and attributed.

::

    launched        ready          busy            idle           gone
       │── boot ──────│── idle ──────│── job ────────│── drain ─────│── minimum (up to EC2's 60 s)

A machine's bill is one record, written once, when it is gone. Its entries are made of it for whoever sums them up.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache
from typing import TypedDict

import attrs

from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.units import DAY, HOUR, MINUTE, MicroDollars, Moment, Span, datetime_of

EC2_MINIMUM: Span = MINUTE  # Linux is billed by the second, at least sixty of them
FREE_IF_TAKEN: Span = HOUR  # a spot machine that EC2 itself takes back within its first hour costs nothing but its disk
_MONTH: Span = 730 * HOUR  # AWS's month


class Phase(StrEnum):
    """What a machine was doing, so that boot and idle time are never invisible."""

    BOOT = "boot"
    IDLE = "idle"
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

    ``amount`` is None where the price is unknown: unknown is never zero.
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

    @property
    def key(self) -> str:
        """What tells it from all others: a machine is in each phase at most once."""
        return f"{self.machine}/{self.phase}"

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
    """What a machine cost, from its launch at ``start`` through at least one interval to its end, and for whom."""

    machine: str
    start: Moment
    intervals: tuple[Interval, ...]
    instance_type: str
    market: Market
    repository: str
    workflow: str = ""
    job_id: int | None = None
    pool: str | None = None

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
            )
            for start, interval in zip(starts, self.intervals, strict=False)
        )

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


def bill_of(runner: Runner, job: Job | None, rates: Rates) -> Bill:
    """The bill of a machine that is gone: its seconds cut into phases, each counted once.

    `job` is the job it served, if any: its repository and workflow carry the cost. It need not be given if it is the
    one that the machine was launched for: the machine's own record knows as much of it.

    Raises:
        ValueError: the machine is not gone yet.
    """
    if runner.gone_at is None:
        raise ValueError(f"machine {runner.machine} is still {runner.state}: its bill is not complete")
    served = runner.served_job if runner.served_job == runner.assigned_job else None
    own = runner.workflow if served is not None else ""
    end = max(runner.gone_at, runner.launched_at)
    busy = _within(runner.busy_at, runner.launched_at, end)
    ready = _within(runner.ready_at, runner.launched_at, end if busy is None else busy)
    idle = _within(runner.idle_at, end if busy is None else busy, end)
    cuts: list[tuple[Phase, Moment, Moment]] = []
    boot_end = ready if ready is not None else busy if busy is not None else end
    cuts.append((Phase.BOOT, runner.launched_at, boot_end))
    cuts.append((Phase.IDLE, boot_end, end if busy is None else busy))
    if busy is not None:
        job_end = end if idle is None else idle
        cuts.append((Phase.JOB, busy, job_end))
        cuts.append((Phase.DRAIN, job_end, end))
    cuts.append((Phase.MINIMUM, end, max(end, runner.launched_at + EC2_MINIMUM)))

    # EC2's own deed, by its own word: one that we, or the machine, switched off is billed.
    free = runner.taken and runner.market is Market.SPOT and end - runner.launched_at < FREE_IF_TAKEN
    price = 0 if free else runner.price

    def share(rate: MicroDollars, per: Span, start: Moment, stop: Moment) -> MicroDollars:
        # Differences of a running total: the parts add up to the whole, whatever the rounding.
        return rate * (stop - runner.launched_at) // per - rate * (start - runner.launched_at) // per

    return Bill(
        machine=runner.machine,
        start=runner.launched_at,
        intervals=tuple(
            Interval(
                phase=phase,
                end=stop,
                compute=None if price is None else share(price, HOUR, start, stop),
                storage=share(rates.disk_per_gib_month * runner.disk, _MONTH, start, stop),
                network=share(rates.ipv4_per_hour, HOUR, start, stop),
            )
            for phase, start, stop in cuts
            if stop > start
        ),
        instance_type=runner.instance_type,
        market=runner.market,
        repository=runner.repository if job is None else job.facts.repository,
        workflow=own if job is None else job.facts.workflow,
        job_id=served if job is None else job.id,
        pool=runner.pool,
    )


def ledger(entries: Iterable[LedgerEntry]) -> CostLedger:
    """A ledger of the entries of any bills, in the order of time."""
    return CostLedger(tuple(sorted(entries, key=lambda entry: (entry.start, entry.key))))


def _within(moment: Moment | None, least: Moment, most: Moment) -> Moment | None:
    """The moment, pulled into the interval: reports carry the machine's clock, which may be off."""
    return None if moment is None else min(max(moment, least), most)
