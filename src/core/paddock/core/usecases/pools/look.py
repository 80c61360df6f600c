"""Pools, as an operator sees them: what each is to be, what is there, and what it did for its money."""

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from paddock.core.costs.ledger import Rates
from paddock.core.errors import NotFound
from paddock.core.paging import pages
from paddock.core.pools.account import PoolAccount, account_of
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.states import RunnerState
from paddock.core.units import DAY, Span
from paddock.core.usecases.claims import spares_of
from paddock.core.usecases.pools.bills import pool_bills


@attrs.frozen
class PoolView:
    """One pool. ``spares`` counts its machines without a job by their states, ``taken`` those that have one."""

    standing: PoolStanding
    spares: Mapping[RunnerState, int]
    taken: int
    account: PoolAccount


class PoolLook:
    """Looks at the pools of a fleet, by its table alone."""

    def __init__(self, *, table: Table, clock: Clock, rates: Rates = Rates()) -> None:
        self._table = table
        self._clock = clock
        self._rates = rates

    def all(self, span: Span = DAY) -> Sequence[PoolView]:
        """Every pool that was ever looked at by the fleet, by name.

        Accounts are of the last `span`, or of so many of its days as `pool_bills` reads.
        """
        found = pages(lambda cursor: self._table.pools.page("all", "all", cursor=cursor))
        standings = sorted(found, key=lambda one: one.name)
        if not standings:
            return ()
        now = self._clock.now()
        read = pool_bills(self._table, now - span, now)
        bills = read.all(now, self._rates)
        return [
            PoolView(one, *counted(self._table, one.name, read.live), account_of(one.name, bills, read.since, now))
            for one in standings
        ]

    def standing(self, pool: str) -> PoolStanding:
        """The pool's record.

        Raises:
            NotFound: no fleet has looked at such a pool.
        """
        found = self._table.pools.get(pool)
        if found is None:
            raise NotFound(f"there is no pool {pool!r}, or no fleet has looked at it yet")
        return found


def counted(table: Table, pool: str, live: Sequence[Runner]) -> tuple[Mapping[RunnerState, int], int]:
    """The pool's machines without a job by their states, and how many of those that live have one.

    Raises:
        PaddockError: the table did not answer.
    """
    spares = spares_of(table.runners, pool)
    names = {one.machine for one in spares}
    taken = sum(one.pool == pool and one.stock is not None and one.machine not in names for one in live)
    return Counter(one.state for one in spares), taken
