"""What a stretch of time cost, and for whom: sums of the ledger's entries, cut to that stretch. Pure.

An interval that an edge of the stretch cuts is counted by its share. Shares are differences of a running total: those
of neighbouring stretches add up to the interval, to the micro-dollar, so a week costs what its days cost.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from paddock.core.costs.ledger import Bill, LedgerEntry, Phase, day_of
from paddock.core.costs.price import PriceSource
from paddock.core.units import DAY, MicroDollars, Moment, Span

AWAKE: Final = (Phase.BOOT, Phase.IDLE, Phase.JOB, Phase.DRAIN)


class By(StrEnum):
    """What costs are asked by. Days are those of UTC."""

    REPO = "repo"
    WORKFLOW = "workflow"
    POOL = "pool"
    TYPE = "type"
    DAY = "day"
    MARKET = "market"
    PHASE = "phase"


@attrs.frozen
class Cost:
    """What some machines cost in a stretch of time.

    ``machines`` counts those that were there, so one that was there on two days counts on both; ``jobs`` those jobs
    that began in it, each once. ``time`` is the machines' time by phase, whole. ``compute`` is of known prices alone,
    ``live`` what of it was priced by AWS's own word of that time, ``unpriced`` the time whose compute has no known
    price: what that cost is unknown, and in no sum. ``unused`` is the money for
    time in which no job ran: boot, idle time, sleep, drain, EC2's minimum.
    """

    machines: int = 0
    jobs: int = 0
    time: Mapping[Phase, Span] = attrs.field(factory=dict)
    compute: MicroDollars = 0
    storage: MicroDollars = 0
    network: MicroDollars = 0
    live: MicroDollars = 0
    unused: MicroDollars = 0
    unpriced: Span = 0

    @property
    def total(self) -> MicroDollars:
        """Compute, disks and addresses together, as far as prices are known."""
        return self.compute + self.storage + self.network

    @property
    def catalogue(self) -> MicroDollars:
        """What was priced by lists that come with the program: other compute, and all disks and addresses."""
        return self.total - self.live

    @property
    def awake(self) -> Span:
        """The time in which machines ran."""
        return sum(self.time.get(phase, 0) for phase in AWAKE)

    @property
    def busy(self) -> Span:
        """The time in which they had jobs."""
        return self.time.get(Phase.JOB, 0)

    @property
    def idle_share(self) -> int | None:
        """Of a hundred hours in which they ran so many were no job's; None if they did not run."""
        return (self.awake - self.busy) * 100 // self.awake if self.awake else None


@attrs.frozen
class Costs:
    """The costs from ``since`` to ``until``: all, and by what was asked, the dearest first (days in their order).

    The name of what belongs to none of a kind is empty: time in which no job ran has no workflow, a machine that was
    started for a job no pool.
    """

    since: Moment
    until: Moment
    total: Cost
    groups: Mapping[By, Mapping[str, Cost]]


def cut(entry: LedgerEntry, since: Moment, until: Moment) -> LedgerEntry | None:
    """The part of the entry that lies from `since` to `until`; None if there is none."""
    start, end = max(entry.start, since), min(entry.end, until)
    if start >= end:
        return None
    if (start, end) == (entry.start, entry.end):
        return entry
    length = entry.end - entry.start

    def share(amount: MicroDollars) -> MicroDollars:
        return amount * (end - entry.start) // length - amount * (start - entry.start) // length

    return attrs.evolve(
        entry,
        start=start,
        end=end,
        compute=None if entry.compute is None else share(entry.compute),
        storage=share(entry.storage),
        network=share(entry.network),
    )


def costs(bills: Iterable[Bill], since: Moment, until: Moment, by: Sequence[By] = ()) -> Costs:
    """The costs of these machines in that stretch of time. A machine's bill may be given once.

    Args:
        bills: of machines that lived in that time; others do no harm.
        since: the beginning of the stretch.
        until: its end, excluded.
        by: in which ways they are to be grouped.
    """
    total = _Sum()
    groups: dict[By, dict[str, _Sum]] = {each: {} for each in by}
    for bill in bills:
        for entry in bill.entries:
            began = entry.phase is Phase.JOB and since <= entry.start < until
            for part in _days(entry, since, until) if By.DAY in groups else _once(entry, since, until):
                total.add(part, began=began)
                for each, sums in groups.items():
                    sums.setdefault(_NAMES[each](part), _Sum()).add(part, began=began)
                began = False
    return Costs(
        since,
        until,
        total.cost,
        {each: _ordered(each, {name: one.cost for name, one in sums.items()}) for each, sums in groups.items()},
    )


def together(found: Iterable[Cost]) -> Cost:
    """Costs of machines of which none is in two of them, in one."""
    total = Cost()
    for one in found:
        total = Cost(
            machines=total.machines + one.machines,
            jobs=total.jobs + one.jobs,
            time={p: total.time.get(p, 0) + one.time.get(p, 0) for p in Phase if p in total.time or p in one.time},
            compute=total.compute + one.compute,
            storage=total.storage + one.storage,
            network=total.network + one.network,
            live=total.live + one.live,
            unused=total.unused + one.unused,
            unpriced=total.unpriced + one.unpriced,
        )
    return total


def _once(entry: LedgerEntry, since: Moment, until: Moment) -> Iterator[LedgerEntry]:
    part = cut(entry, since, until)
    if part is not None:
        yield part


def _days(entry: LedgerEntry, since: Moment, until: Moment) -> Iterator[LedgerEntry]:
    """The same, in pieces that lie within a UTC day each."""
    start, end = max(entry.start, since), min(entry.end, until)
    while start < end:
        upto = min(end, (start // DAY + 1) * DAY)
        yield from _once(entry, start, upto)
        start = upto


_NAMES: Mapping[By, Callable[[LedgerEntry], str]] = {
    By.REPO: lambda entry: entry.repository,
    By.WORKFLOW: lambda entry: f"{entry.repository}: {entry.workflow}" if entry.workflow else "",
    By.POOL: lambda entry: entry.pool or "",
    By.TYPE: lambda entry: entry.instance_type,
    By.DAY: lambda entry: day_of(entry.start),
    By.MARKET: lambda entry: entry.market,
    By.PHASE: lambda entry: entry.phase.value,
}


def _ordered(by: By, found: Mapping[str, Cost]) -> dict[str, Cost]:
    if by is By.DAY:
        return dict(sorted(found.items()))
    return dict(sorted(found.items(), key=lambda one: (-one[1].total, one[0])))


@attrs.define
class _Sum:
    """A cost that grows. The entries of a machine must come one after the other."""

    machines: int = 0
    jobs: int = 0
    last: str | None = None
    time: dict[Phase, Span] = attrs.field(factory=dict)
    compute: MicroDollars = 0
    storage: MicroDollars = 0
    network: MicroDollars = 0
    live: MicroDollars = 0
    unused: MicroDollars = 0
    unpriced: Span = 0

    def add(self, entry: LedgerEntry, *, began: bool) -> None:
        if entry.machine != self.last:
            self.machines += 1
            self.last = entry.machine
        self.jobs += began
        length = entry.end - entry.start
        self.time[entry.phase] = self.time.get(entry.phase, 0) + length
        self.storage += entry.storage
        self.network += entry.network
        if entry.compute is None:
            self.unpriced += length
        else:
            self.compute += entry.compute
            if entry.priced is PriceSource.LIVE:
                self.live += entry.compute
        if entry.phase is not Phase.JOB:
            self.unused += (entry.compute or 0) + entry.storage + entry.network

    @property
    def cost(self) -> Cost:
        return Cost(
            machines=self.machines,
            jobs=self.jobs,
            time={phase: self.time[phase] for phase in Phase if phase in self.time},
            compute=self.compute,
            storage=self.storage,
            network=self.network,
            live=self.live,
            unused=self.unused,
            unpriced=self.unpriced,
        )
