"""The port `Prices`: on demand by the Pricing API's list, spot by EC2's history of prices.

Both speak of Linux without anything installed, and of shared hardware: what the fleet's machines are.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise
from threading import Lock
from typing import Any, Final

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.errors import CODES as EC2_CODES
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.pricing.codes import CODES
from paddock.core.costs.price import PriceSource, Quote
from paddock.core.ports.system import Clock
from paddock.core.spec import Market, Offer
from paddock.core.units import DAY, DOLLAR, MicroDollars, Moment, Span, datetime_of, moment_of

KEPT: Final[Span] = DAY  # list prices change a few times a year
_LINUX: Final = "Linux/UNIX"
_WANTED: Final[Mapping[str, str]] = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


class AwsPrices:
    """Prices of one region. Safe for threads: one asks, the others wait for it.

    Requests: GetProducts once a day for each type that is asked about, though AWS answers that there is no such price;
    DescribeSpotPriceHistory, all pages for all types, once for each stretch of time that differs from the last one.
    """

    def __init__(self, clients: Clients, clock: Clock, *, types: Sequence[str]) -> None:
        """Args: `types` are the only ones whose spot prices are asked for."""
        self._clients = clients
        self._clock = clock
        self._types = list(types)
        self._ask = Asking(CODES)
        self._ask_ec2 = Asking(EC2_CODES)
        self._listed: dict[str, tuple[MicroDollars | None, Moment]] = {}
        self._stretch: tuple[Moment, Moment] | None = None
        self._spot: dict[Offer, MicroDollars] = {}
        self._lock = Lock()

    def quote(self, offer: Offer, market: Market, since: Moment, until: Moment) -> Quote | None:
        """See `Prices`."""
        with self._lock:
            if market is Market.ON_DEMAND:
                price = self._on_demand(offer.instance_type)
            else:
                if self._stretch != (since, until):
                    self._spot, self._stretch = self._history(since, until), (since, until)
                price = self._spot.get(offer)
        return None if price is None else Quote(price, PriceSource.LIVE)

    def _on_demand(self, name: str) -> MicroDollars | None:
        now = self._clock.now()
        known = self._listed.get(name)
        if known is None or now >= known[1] + KEPT:
            known = listed_price(self._products(name)), now
            self._listed[name] = known
        return known[0]

    def _products(self, name: str) -> Iterator[str]:
        wanted = {"instanceType": name, "regionCode": self._clients.region, **_WANTED}
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
        products = self._clients.pricing.get_products
        for page in self._ask.pages(products, ServiceCode="AmazonEC2", Filters=filters, MaxResults=100):
            yield from page["PriceList"]

    def _history(self, since: Moment, until: Moment) -> dict[Offer, MicroDollars]:
        found: dict[Offer, list[tuple[Moment, MicroDollars]]] = {}
        for one in self._changes(datetime_of(since), datetime_of(until)):
            price = micro(one.get("SpotPrice", ""))
            if price is not None:
                offer = Offer(one.get("AvailabilityZone", ""), one.get("InstanceType", ""))
                found.setdefault(offer, []).append((moment_of(one["Timestamp"]), price))
        means = {offer: mean(changes, since, until) for offer, changes in found.items()}
        return {offer: price for offer, price in means.items() if price is not None}

    def _changes(self, since: datetime, until: datetime) -> Iterator[Any]:
        describe = self._clients.ec2.describe_spot_price_history
        asked: Any = {"InstanceTypes": self._types, "ProductDescriptions": [_LINUX]}
        for page in self._ask_ec2.pages(describe, StartTime=since, EndTime=until, **asked):
            yield from page["SpotPriceHistory"]


def listed_price(products: Iterable[str]) -> MicroDollars | None:
    """What an hour costs by these products of the list, each a text in JSON; None if they do not agree on one price.

    Prices of nothing are of capacity that was paid for in another way.
    """
    found = {price for product in products for price in _prices(product)}
    return next(iter(found)) if len(found) == 1 else None


def _prices(product: str) -> Iterator[MicroDollars]:
    try:
        terms = json.loads(product)["terms"]["OnDemand"]
        dimensions = [each for term in terms.values() for each in term["priceDimensions"].values()]
        amounts = [each["pricePerUnit"]["USD"] for each in dimensions if each["unit"] == "Hrs"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # no price of an hour in dollars: then it is not known
    for amount in amounts:
        price = micro(amount)
        if price is not None:
            yield price


def micro(amount: object) -> MicroDollars | None:
    """Dollars as AWS writes them, in micro-dollars; None if it is no amount above nothing."""
    try:
        found = Decimal(str(amount)) * DOLLAR
        price = int(found.to_integral_value(ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return price if price > 0 else None


def mean(changes: Iterable[tuple[Moment, MicroDollars]], since: Moment, until: Moment) -> MicroDollars | None:
    """The mean price over the time from `since` to `until`, by the moments at which it changed.

    AWS names the last change before the beginning, too; without it the first price is taken to have held before.
    """
    steps = sorted((min(max(at, since), until), at, price) for at, price in changes)
    if not steps or until <= since:
        return None
    edges = [since, *(at for at, _, _ in steps[1:]), until]
    whole = sum(price * (end - start) for (_, _, price), (start, end) in zip(steps, pairwise(edges), strict=True))
    return whole // (until - since)
