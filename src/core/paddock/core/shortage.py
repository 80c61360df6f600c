"""Capacity that the cloud did not have, remembered for some minutes: asking again at once only brings the same no."""

from typing import TypedDict

import attrs

from paddock.core.spec import Market, Offer
from paddock.core.units import Moment


@attrs.frozen
class Shortage:
    """An offer that had no capacity on this market. ``code`` is EC2's; it is believed until ``until``."""

    zone: str
    instance_type: str
    market: Market
    code: str
    until: Moment

    @property
    def key(self) -> str:
        """The record's key: zone, type and market."""
        return f"{self.zone}/{self.instance_type}/{self.market}"

    @property
    def offer(self) -> Offer:
        """What there was none of."""
        return Offer(self.zone, self.instance_type)


class ShortageIs(TypedDict, total=False):
    """A condition on the record."""

    until: Moment


class ShortageChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    code: str
    until: Moment
