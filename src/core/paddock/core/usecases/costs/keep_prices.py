"""What machines cost by AWS's own word is written down, so that whoever launches need not ask.

It is one object, kept by the task ``cost_report`` before it reports. Launches read it once an hour; as long as it is
not there, or too old, a machine's price is the catalogue's.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from typing import Final

import attrs

from paddock.core.codec import from_data, to_data
from paddock.core.costs.price import PriceSource
from paddock.core.costs.price_list import VERSION, Listed, PriceList
from paddock.core.errors import InvalidInput, NotFound, PaddockError
from paddock.core.ports.objects import Objects
from paddock.core.ports.prices import Prices
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.spec import Market, Offer
from paddock.core.units import DAY, HOUR, MicroDollars, Moment, Span
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.listing import live_runners

FOLDER: Final = "prices/"
KEY: Final = f"{FOLDER}now.json"
MOST_ASKED: Final = 30  # types a run; the Pricing API is asked for each by itself
RECENT: Final[Span] = HOUR  # a spot price is the mean over so long, and is asked for as often
SELDOM: Final[Span] = 6 * HOUR  # where no machine is there
_AGAIN: Final[Span] = DAY - HOUR  # list prices are asked for anew; an hour less, so that it is once a day


def kept_prices(objects: Objects) -> PriceList:
    """The list as it is kept.

    Raises:
        NotFound: there is none yet.
        InvalidInput: it cannot be read.
        Unavailable, Throttled, AccessDenied: it was not to be had.
    """
    with objects.open(KEY) as content:
        text = content.read()
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidInput(KEY, repr(text[:40]), "must be JSON, as the task prices writes it") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise InvalidInput(KEY, repr(text[:40]), f"must be a list of prices of version {VERSION}")
    return from_data(data, PriceList)


@attrs.define(kw_only=True)
class KeepPrices:
    """Asks for the prices of these ``types`` in these ``zones``: spot each hour, on demand once a day, some a run.

    While no machine is there, spot is asked for every six hours: an idle fleet costs next to nothing.
    """

    prices: Prices
    table: Table
    objects: Objects
    clock: Clock
    types: Sequence[str]
    zones: Sequence[str]
    _due: Moment = attrs.field(default=0, init=False)  # until then a process that has looked need not look again

    def keep(self, round_: Round) -> None:
        """Ask for what is due, if anything is. It counts types, looks at spot prices, and the list that is written."""
        now = self.clock.now()
        if now < self._due:
            return
        try:
            known = self._known(round_)
        except PaddockError as error:
            round_.kinds["price lists"] += 1
            round_.failed(KEY, error)
            return
        on_demand = {name: known.on_demand[name] for name in self.types if name in known.on_demand}
        wanted = [name for name in self.types if name not in on_demand or now - on_demand[name].asked_at >= _AGAIN]
        used = self._in_use()
        if not wanted and now < known.spot_at + (RECENT if used else SELDOM):
            self._due = known.spot_at + RECENT if used else now + RECENT
            return
        asked = 0
        for name in wanted[:MOST_ASKED]:
            round_.kinds["types"] += 1
            found = round_.does(f"ask what {name} costs", lambda name=name: self._listed(name, now))  # type: ignore[misc]
            if found is None and not round_.dry_run:
                break  # whoever refuses one refuses the others
            asked += 1
            if found is not None:
                on_demand[name] = found
        round_.kinds["spot"] += 1
        spot = round_.does("ask for spot prices", lambda: self._spot(now))
        kept, at = (known.spot, known.spot_at) if spot is None else (spot, now)
        round_.kinds["written"] += 1
        put = round_.does(f"put {KEY}", lambda: self._put(PriceList(on_demand, kept, at)))
        if put is not None and spot is not None and asked == len(wanted):
            self._due = now + RECENT

    def _in_use(self) -> bool:
        """True if a machine is there. Who cannot tell takes it that one is."""
        try:
            return next(iter(live_runners(self.table)), None) is not None
        except PaddockError:
            return True

    def _known(self, round_: Round) -> PriceList:
        try:
            return kept_prices(self.objects)
        except NotFound:
            return PriceList()
        except InvalidInput as error:  # one that is damaged is as good as none, and told
            round_.kinds["damaged"] += 1
            round_.failed(KEY, error)
            return PriceList()

    def _listed(self, name: str, now: Moment) -> Listed:
        return Listed(self._price(Offer("", name), Market.ON_DEMAND, now), now)

    def _spot(self, now: Moment) -> dict[str, dict[str, MicroDollars]]:
        found: dict[str, dict[str, MicroDollars]] = {}
        for name in self.types:
            prices = {zone: self._price(Offer(zone, name), Market.SPOT, now) for zone in self.zones}
            known = {zone: price for zone, price in prices.items() if price is not None}
            if known:
                found[name] = known
        return found

    def _price(self, offer: Offer, market: Market, now: Moment) -> MicroDollars | None:
        quote = self.prices.quote(offer, market, now - RECENT, now)
        return None if quote is None or quote.source is not PriceSource.LIVE else quote.price

    def _put(self, prices: PriceList) -> PriceList:
        content = json.dumps(to_data(prices), sort_keys=True, separators=(",", ":")).encode()
        self.objects.put(KEY, io.BytesIO(content), hashlib.sha256(content).hexdigest())
        return prices
