"""What the fleet costs, as an operator asks for it: the bills of a stretch of time, and their sums."""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from paddock.core.costs.bill import bill_so_far
from paddock.core.costs.ledger import Bill, Rates, day_of
from paddock.core.costs.sums import By, Costs, costs
from paddock.core.paging import pages
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.units import DAY, Moment
from paddock.core.usecases.listing import live_runners

_PAGE: Final = 1_000


@attrs.frozen
class CostLook:
    """Looks at the costs of a fleet, by its table alone. A bill is read once, and none is kept.

    ``environment`` is the fleet's: machines that live have no bill yet that says so.
    """

    table: Table
    clock: Clock
    rates: Rates = Rates()
    environment: str = ""

    def costs(self, since: Moment, until: Moment, by: Sequence[By] = ()) -> Costs:
        """What the time from `since` to `until` cost, no later than now. Machines that live count so far."""
        until = min(until, self.clock.now())
        return costs(self.bills(since), since, until, by)

    def bills(self, since: Moment) -> Iterator[Bill]:
        """The bills of machines that ended since then, and what those that live have come to so far.

        A bill is listed under the day of its end, which may be a minute ahead; so days are read up to the next one.
        """
        now = self.clock.now()
        live = live_runners(self.table)
        known: set[str] = set()
        for day in dict.fromkeys(day_of(at) for at in (*range(since, now, DAY), now, now + DAY)):
            for bill in pages(lambda cursor, day=day: self.table.ledger.page("day", day, limit=_PAGE, cursor=cursor)):  # type: ignore[misc]
                known.add(bill.machine)
                yield bill
        for one in live:
            if one.machine not in known:
                yield bill_so_far(one, now, self.rates, self.environment)
