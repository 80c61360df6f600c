"""Where a price is from: a figure whose source is not told is no figure."""

from enum import StrEnum


class PriceSource(StrEnum):
    """Where the price of a machine's compute is from.

    ``live``: AWS named it about when the machine was launched. ``catalogue``: the dated list that comes with the
    program, whose spot prices are estimates.
    """

    LIVE = "live"
    CATALOGUE = "catalogue"
