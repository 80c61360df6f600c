"""Bills at other prices than those by which they were written: AWS's own, which are known the day after. Pure."""

from collections.abc import Iterator

import attrs

from paddock.core.costs.bill import EC2_MINIMUM
from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.costs.price import PriceSource, Quoting
from paddock.core.spec import Market, Offer
from paddock.core.units import HOUR, MicroDollars, Span


def repriced(bill: Bill, quoting: Quoting) -> Bill:
    """The bill at the price that is quoted for its machine; as it is, if none is, or if it is from the catalogue too.

    What EC2 gave for free stays free. A spot machine whose price was unknown stays unknown: it may have been free.
    """
    amounts = [interval.compute for interval in bill.intervals if interval.phase is not Phase.SLEEP]
    if not any(amount is None for amount in amounts) and not any(amounts):
        return bill
    if None in amounts and bill.market is Market.SPOT:
        return bill
    quote = quoting(Offer(bill.zone or "", bill.instance_type), bill.market)
    if quote is None or quote.source is not PriceSource.LIVE:
        return bill
    return attrs.evolve(bill, intervals=tuple(_intervals(bill, quote.price)), priced=PriceSource.LIVE)


def _intervals(bill: Bill, price: MicroDollars) -> Iterator[Interval]:
    """Differences of a running total, as in the bill itself: the parts add up to the whole, whatever the rounding."""
    start, billed, run = bill.start, 0, 0
    for interval in bill.intervals:
        before = billed
        length = interval.end - start
        start = interval.end
        if interval.phase is Phase.SLEEP:
            run = 0
        elif interval.phase is Phase.MINIMUM:
            billed, run = billed + max(length, EC2_MINIMUM - run), 0
        else:
            billed, run = billed + length, run + length
        yield attrs.evolve(interval, compute=_of(price, billed) - _of(price, before))


def _of(price: MicroDollars, ran: Span) -> MicroDollars:
    return price * ran // HOUR
