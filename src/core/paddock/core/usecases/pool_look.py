"""Pools, as an operator sees them: what each is to be, what is there, and what it did for its money."""

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from paddock.core.bill import bill_of
from paddock.core.errors import NotFound
from paddock.core.ledger import Bill, Rates, day_of
from paddock.core.paging import pages
from paddock.core.pool_account import PoolAccount, account_of
from paddock.core.pool_standing import PoolStanding
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.states import RunnerState
from paddock.core.units import DAY, Moment, Span
from paddock.core.usecases.claims import spares_of
from paddock.core.usecases.listing import live_runners


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
        """Every pool that was ever looked at by the fleet, by name; accounts are of the last `span`."""
        found = pages(lambda cursor: self._table.pools.page("all", "all", cursor=cursor))
        standings = sorted(found, key=lambda one: one.name)
        if not standings:
            return ()
        now = self._clock.now()
        live = live_runners(self._table)
        bills = self.bills(now - span, now, live)
        return [self._view(one, live, account_of(one.name, bills, now - span, now)) for one in standings]

    def standing(self, pool: str) -> PoolStanding:
        """The pool's record.

        Raises:
            NotFound: no fleet has looked at such a pool.
        """
        found = self._table.pools.get(pool)
        if found is None:
            raise NotFound(f"there is no pool {pool!r}, or no fleet has looked at it yet")
        return found

    def bills(self, since: Moment, until: Moment, live: Sequence[Runner] = ()) -> list[Bill]:
        """The bills of machines that ended since then, and what those that live have come to so far.

        One that ends a day is listed under that; so days are read up to the present one.
        """
        now = self._clock.now()
        days = dict.fromkeys(day_of(at) for at in (*range(since, now, DAY), until, now))
        closed = [
            bill
            for day in days
            for bill in pages(lambda cursor, day=day: self._table.ledger.page("day", day, cursor=cursor))  # type: ignore[misc]
        ]
        known = {bill.machine for bill in closed}
        open_ones = [one for one in live if one.pool is not None and one.machine not in known]
        return closed + [
            bill_of(attrs.evolve(one, gone_at=max(now, one.launched_at)), None, self._rates) for one in open_ones
        ]

    def _view(self, standing: PoolStanding, live: Sequence[Runner], account: PoolAccount) -> PoolView:
        spares = spares_of(self._table.runners, standing.name)
        names = {one.machine for one in spares}
        taken = sum(one.pool == standing.name and one.stock is not None and one.machine not in names for one in live)
        return PoolView(standing, Counter(one.state for one in spares), taken, account)
