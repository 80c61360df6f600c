"""What a pool did for its money in a span of time: whom it served, how long it idled, what that cost. Pure."""

from collections.abc import Iterable

import attrs

from paddock.core.costs.ledger import Bill, LedgerEntry, Phase
from paddock.core.units import MicroDollars, Moment, Span

_UNUSED = frozenset({Phase.BOOT, Phase.IDLE, Phase.MINIMUM})


@attrs.frozen
class PoolAccount:
    """One pool from ``since`` to ``until``.

    ``hot`` and ``stopped`` are the jobs that found a machine up, or asleep; ``overflow`` those that started cold.
    Spans are of the pool's own machines: ``busy`` with a job, ``idle`` awake without one (booting too), ``asleep``.
    ``idle_cost`` is what was paid for the latter two, ``cost`` for all, ``compute`` is what of that was for compute; of
    ``unpriced`` intervals the price is unknown, and nothing is counted for their compute. Overflow costs what any job
    costs, and is not in here.
    """

    pool: str
    since: Moment
    until: Moment
    hot: int = 0
    stopped: int = 0
    overflow: int = 0
    busy: Span = 0
    idle: Span = 0
    asleep: Span = 0
    idle_cost: MicroDollars = 0
    cost: MicroDollars = 0
    compute: MicroDollars = 0
    unpriced: int = 0

    @property
    def jobs(self) -> int:
        """All jobs that asked for the pool and began in that time."""
        return self.hot + self.stopped + self.overflow

    @property
    def hits(self) -> int | None:
        """Of a hundred jobs so many found a machine of the pool; None if there were none."""
        return (self.hot + self.stopped) * 100 // self.jobs if self.jobs else None

    @property
    def utilisation(self) -> int | None:
        """Of a hundred hours in which its machines were awake so many were a job's; None if there were none."""
        awake = self.busy + self.idle
        return self.busy * 100 // awake if awake else None


def account_of(pool: str, bills: Iterable[Bill], since: Moment, until: Moment) -> PoolAccount:
    """The account of the pool. `bills` are those of any machines that lived in that time, those that still live too."""
    found = PoolAccount(pool, since, until)
    for bill in bills:
        if bill.pool == pool:
            found = counted(found, bill)
    return found


def counted(account: PoolAccount, bill: Bill) -> PoolAccount:
    """The account with one more bill, which must be of a machine of its pool."""
    entries = bill.entries
    began = next((number for number, entry in enumerate(entries) if entry.phase is Phase.JOB), None)
    if began is not None and account.since <= entries[began].start < account.until:
        kind = _served_from(bill, entries[:began])
        account = attrs.evolve(account, **{kind: getattr(account, kind) + 1})
    if bill.stock is None:
        return account
    for entry in entries:
        length = min(entry.end, account.until) - max(entry.start, account.since)
        if length > 0:
            account = _spent(account, entry, length)
    return account


def _served_from(bill: Bill, before: tuple[LedgerEntry, ...]) -> str:
    """Where the job found its machine: what the machine did last before it says that."""
    if bill.stock is None:
        return "overflow"
    return (
        "stopped" if len(before) > 1 and before[-2].phase is Phase.SLEEP and before[-1].phase is Phase.BOOT else "hot"
    )


def _spent(account: PoolAccount, entry: LedgerEntry, length: Span) -> PoolAccount:
    """The account with so much of the entry's time."""
    compute, whole = entry.compute or 0, entry.end - entry.start
    share = (compute + entry.storage + entry.network) * length // whole
    account = attrs.evolve(
        account,
        cost=account.cost + share,
        compute=account.compute + compute * length // whole,
        unpriced=account.unpriced + (entry.compute is None),
    )
    if entry.phase is Phase.SLEEP:
        return attrs.evolve(account, asleep=account.asleep + length, idle_cost=account.idle_cost + share)
    if entry.phase in _UNUSED:
        return attrs.evolve(account, idle=account.idle + length, idle_cost=account.idle_cost + share)
    return attrs.evolve(account, busy=account.busy + length)
