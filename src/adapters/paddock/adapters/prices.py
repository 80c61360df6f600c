"""Prices of the catalogue that comes with the program."""

from paddock.core.cost_day import TYPES
from paddock.core.price import PriceSource, Quote
from paddock.core.spec import Market, Offer
from paddock.core.units import Moment


class CataloguePrices:
    """`Prices` by the bundled list: those of us-east-1 at its date, whatever is asked for; spot is an estimate."""

    def quote(self, offer: Offer, market: Market, since: Moment, until: Moment) -> Quote | None:  # noqa: ARG002 - the list has one date
        """See `Prices`."""
        kind = TYPES.get(offer.instance_type)
        return None if kind is None else Quote(kind.price(market), PriceSource.CATALOGUE)
