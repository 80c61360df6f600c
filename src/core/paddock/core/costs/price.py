"""What an hour of a machine costs, and where that is from: a figure whose source is not told is no figure."""

from collections.abc import Callable
from enum import StrEnum

import attrs

from paddock.core.spec import Market, Offer
from paddock.core.units import MicroDollars


class PriceSource(StrEnum):
    """Where the price of a machine's compute is from.

    ``live``: AWS named it for that time. ``catalogue``: the dated list that comes with the program, whose spot prices
    are estimates.
    """

    LIVE = "live"
    CATALOGUE = "catalogue"


@attrs.frozen
class Quote:
    """What an hour costs, and by whose word."""

    price: MicroDollars
    source: PriceSource


Quoting = Callable[[Offer, Market], Quote | None]
"""What an hour of the type in the zone costs in the market; None if nobody knows."""
