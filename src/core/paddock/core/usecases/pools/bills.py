"""The bills that tell of pools: of machines that are gone, newest days first and so many at most; and who still lives.

A bill is listed under the day on which its machine ended, among those of all machines. So whoever asks for what was
there since a moment reads the days from then up to the present one. A day of which not all was read tells nothing.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from paddock.core.costs.bill import bill_so_far
from paddock.core.costs.ledger import Bill, Rates, day_of
from paddock.core.ports.stores import LedgerStore, Table
from paddock.core.runner import Runner
from paddock.core.units import DAY, Moment
from paddock.core.usecases.listing import live_runners

MOST_BILLS: Final = 300_000
"""So many are read at most, those of machines that are no pool's included: about a minute of DynamoDB."""

_PAGE: Final = 1_000


@attrs.frozen
class PoolBills:
    """``closed`` are the bills of machines of pools, or of their overflow, that are gone; ``live`` are those that live.

    All that were there at ``since`` or later are among them. That is later than what was asked for where there were
    more bills than `MOST_BILLS`: then it is a midnight.
    """

    closed: tuple[Bill, ...]
    live: tuple[Runner, ...]
    since: Moment

    def all(self, now: Moment, rates: Rates) -> list[Bill]:
        """With what those that live have come to by now."""
        return [*self.closed, *(bill_so_far(runner, now, rates) for runner in self.live)]


def pool_bills(table: Table, since: Moment, now: Moment, most: int = MOST_BILLS) -> PoolBills:
    """What is known of the machines that were there from `since` to `now`.

    Raises:
        PaddockError: the table did not answer.
    """
    live = [runner for runner in live_runners(table) if runner.pool is not None]
    closed: list[Bill] = []
    complete, left = (now // DAY + 1) * DAY, most
    while complete > since:
        here, read = _of_day(table.ledger, day_of(complete - DAY), left)
        if read > left:
            break
        closed += here
        complete, left = complete - DAY, left - read
    known = {bill.machine for bill in closed}
    return PoolBills(tuple(closed), tuple(one for one in live if one.machine not in known), max(since, complete))


def _of_day(ledger: LedgerStore, day: str, most: int) -> tuple[Sequence[Bill], int]:
    """The bills of pools among those of the day, and how many were read; more than `most`, if there are more."""
    found: list[Bill] = []
    read, cursor = 0, None
    while True:
        page = ledger.page("day", day, limit=_PAGE, cursor=cursor)
        read += len(page.items)
        found += [bill for bill in page.items if bill.pool is not None]
        cursor = page.cursor
        if cursor is None or read > most:
            return found, read
