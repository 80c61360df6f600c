"""AWS's own bill is asked for once a report, for days that it must have settled by then."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import attrs

from paddock.core.costs.reconcile import reconciled
from paddock.core.costs.report import CostReport, RealBill
from paddock.core.ports.real_costs import RealCosts
from paddock.core.ports.system import Clock
from paddock.core.units import DAY, Span, datetime_of

SETTLED: Final[Span] = 2 * DAY  # Cost Explorer is up to two days behind
MOST_DAYS: Final = 7


@attrs.frozen
class Reconciling:
    """Compares the last settled days that are reported. One question, which costs a cent."""

    costs: RealCosts
    clock: Clock

    def __call__(self, day: date, before: Sequence[CostReport]) -> RealBill | None:
        """The comparison as of the report of `day`; None if no day before it is settled and reported.

        Raises:
            PaddockError: AWS did not say.
        """
        # A day is over at the midnight after it, by UTC.
        last = min(datetime_of(self.clock.now() - SETTLED).date() - timedelta(days=1), day)
        first = last - timedelta(days=MOST_DAYS - 1)
        known = [one for one in before if first <= date.fromisoformat(one.day) <= last]
        return reconciled(known, self.costs.of_days(first, last)) if known else None
