"""Prices without asking AWS: those of the catalogue that comes with the program, and those the fleet wrote down."""

import logging
from threading import Lock
from typing import Final

from paddock.core.catalogue import TYPES
from paddock.core.costs.price import PriceSource, Quote
from paddock.core.costs.price_list import PriceList
from paddock.core.errors import NotFound, PaddockError
from paddock.core.ports.objects import Objects
from paddock.core.ports.system import Clock
from paddock.core.spec import Market, Offer
from paddock.core.units import HOUR, MINUTE, Moment, Span
from paddock.core.usecases.costs.keep_prices import kept_prices

_LOG = logging.getLogger(__name__)

READ_AGAIN: Final[Span] = HOUR  # it is written as often
TRIED_AGAIN: Final[Span] = 10 * MINUTE


def listed_in_catalogue(offer: Offer, market: Market) -> Quote | None:
    """What the bundled list says: prices of us-east-1 at its date; spot is an estimate."""
    kind = TYPES.get(offer.instance_type)
    return None if kind is None else Quote(kind.price(market), PriceSource.CATALOGUE)


class CataloguePrices:
    """`Prices` by the bundled list, whatever is asked for."""

    def quote(self, offer: Offer, market: Market, since: Moment, until: Moment) -> Quote | None:  # noqa: ARG002 - the list has one date
        """See `Prices`."""
        return listed_in_catalogue(offer, market)


class KeptPrices:
    """What a machine costs as it is launched: by the list that the task ``cost_report`` keeps, else by the catalogue.

    It is called as `paddock.core.costs.price.Quoting` is, and never raises a fault of AWS's: no launch fails for want
    of a price. Safe for threads. Requests: one for the object, once an hour, and no more often than every ten minutes
    where it is not to be had.
    """

    def __init__(self, objects: Objects, clock: Clock) -> None:
        """Args: where the list is kept."""
        self._objects = objects
        self._clock = clock
        self._lock = Lock()
        self._known: PriceList | None = None
        self._due: Moment = 0

    def __call__(self, offer: Offer, market: Market) -> Quote | None:
        """What an hour of the type in the zone costs in the market; None if nobody knows."""
        now = self._clock.now()
        known = self._current(now)
        found = None if known is None else known.quote(offer, market, now)
        return found or listed_in_catalogue(offer, market)

    def _current(self, now: Moment) -> PriceList | None:
        with self._lock:
            if now >= self._due:
                try:
                    self._known, self._due = kept_prices(self._objects), now + READ_AGAIN
                except NotFound:  # a fleet that is younger than an hour
                    self._due = now + TRIED_AGAIN
                except PaddockError as error:
                    self._due = now + TRIED_AGAIN
                    _LOG.warning("prices are the catalogue's, or those that were read before: %s", error)
            return self._known
