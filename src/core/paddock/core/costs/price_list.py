"""What an hour of a machine costs by AWS's own word, written down for those who launch. Pure."""

from collections.abc import Mapping
from typing import Final

import attrs

from paddock.core.costs.price import PriceSource, Quote
from paddock.core.spec import Market, Offer
from paddock.core.units import DAY, HOUR, MicroDollars, Moment, Span

VERSION: Final = 1  # of what is kept as JSON
LISTED_FOR: Final[Span] = 7 * DAY  # list prices change a few times a year
SPOT_FOR: Final[Span] = 7 * HOUR  # spot prices drift by the hour


@attrs.frozen
class Listed:
    """What AWS's price list said of a type at that moment; None: it has no such price, or none that can be told."""

    price: MicroDollars | None
    asked_at: Moment


@attrs.frozen
class PriceList:
    """Prices of a fleet's region: ``on_demand`` by type, ``spot`` by type and zone as they were at ``spot_at``."""

    on_demand: Mapping[str, Listed] = attrs.field(factory=dict)
    spot: Mapping[str, Mapping[str, MicroDollars]] = attrs.field(factory=dict)
    spot_at: Moment = 0
    version: int = VERSION

    def quote(self, offer: Offer, market: Market, now: Moment) -> Quote | None:
        """What an hour of it costs; None if the list does not say, or said so too long ago."""
        price = None
        if market is Market.SPOT:
            if now - self.spot_at <= SPOT_FOR:
                price = self.spot.get(offer.instance_type, {}).get(offer.zone)
        else:
            listed = self.on_demand.get(offer.instance_type)
            if listed is not None and now - listed.asked_at <= LISTED_FOR:
                price = listed.price
        return None if price is None else Quote(price, PriceSource.LIVE)
