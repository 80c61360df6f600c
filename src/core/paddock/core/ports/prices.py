"""The port to prices of machines."""

from typing import Protocol

from paddock.core.costs.price import Quote
from paddock.core.spec import Market, Offer
from paddock.core.units import Moment


class Prices(Protocol):
    """What machines with Linux cost in one region."""

    def quote(self, offer: Offer, market: Market, since: Moment, until: Moment) -> Quote | None:
        """What an hour of the type in the zone cost in that time, as a mean where it changed; micro-dollars.

        None: there is no such price, or none that can be told from others. It is never zero, and never that of another
        type, zone, region or market. Whoever asks for many of one stretch of time asks no more than for one.

        Raises:
            Unavailable, Throttled, AccessDenied, Rejected: nobody said. That is not remembered.
        """
