"""Prices by AWS's word: read exactly, never zero, never another's; bills at them add up as they did."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.pricing.prices import listed_price, mean, micro
from paddock.adapters.prices import CataloguePrices
from paddock.core.catalogue import CATALOGUE
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Phase, Rates
from paddock.core.costs.price import PriceSource, Quote
from paddock.core.costs.reprice import repriced
from paddock.core.errors import Unavailable
from paddock.core.runner import Nap, Runner
from paddock.core.spec import Market, Offer
from paddock.core.units import DAY, HOUR, SECOND, Moment
from tests.strategies import NOON, prices
from tests.unit.costs.test_ledger import gone_runners
from tests.world.days import House, served, spare

MIDNIGHT = NOON // DAY * DAY
LIVE = Quote(150_000, PriceSource.LIVE)


def product(amount: str, **more: Any) -> str:  # noqa: ANN401 - plain data
    """An entry of the list, as the Pricing API gives it: a text in JSON."""
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": amount}, **more}
    return json.dumps({"terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}})


@pytest.mark.parametrize(
    ("products", "price"),
    [
        ([product("0.1008000000")], 100_800),
        ([product("0.0892500001")], 89_250),
        ([product("0.1008"), product("0.0000000000")], 100_800),  # capacity that was reserved costs nothing here
        ([product("0.1008"), product("0.1008")], 100_800),
        ([product("0.1008"), product("0.2016")], None),  # which of them is ours, nobody says
        ([product("0.0")], None),
        ([], None),
        ([product("0.7", unit="Quantity")], None),
        ([product("1", pricePerUnit={"CNY": "1"})], None),
        (["{}", "[]", "null", "{", '{"terms": {"OnDemand": []}}'], None),
        ([product("NaN"), product("Infinity"), product("-1"), product("")], None),
    ],
)
def test_a_price_of_the_list_is_read_exactly_or_is_unknown(products: list[str], price: int | None) -> None:
    """To the micro-dollar; whatever is not one price of an hour in dollars is none, and never nothing."""
    assert listed_price(products) == price


@given(st.text())
def test_no_text_breaks_the_reading_of_amounts(text: str) -> None:
    """It is an amount above nothing, or none."""
    found = micro(text)
    assert found is None or found > 0
    assert listed_price([text]) is None


changes = st.lists(st.tuples(st.integers(NOON - HOUR, NOON + 2 * HOUR), prices.filter(bool)), max_size=5)


@given(changes)
def test_a_mean_lies_among_the_prices(found: list[tuple[Moment, int]]) -> None:
    """Whenever they changed, and in whatever order they came."""
    price = mean(found, NOON, NOON + HOUR)
    if not found:
        assert price is None
    else:
        assert price is not None
        assert min(each for _, each in found) <= price <= max(each for _, each in found)
        assert mean(reversed(found), NOON, NOON + HOUR) == price or len({at for at, _ in found}) < len(found)


def test_a_price_that_rose_after_half_of_the_time_counts_by_halves() -> None:
    """What it was before the beginning holds until it changes; what comes later than the end does not count."""
    found = [(NOON - DAY, 40_000), (NOON + HOUR // 2, 60_000), (NOON + 9 * HOUR, 900_000)]
    assert mean(found, NOON, NOON + HOUR) == 50_000


@given(gone_runners(), prices.filter(bool))
def test_a_bill_at_another_price_is_the_bill_that_would_have_been_written(runner: Runner, price: int) -> None:
    """To the micro-dollar, interval by interval; disks and addresses stay."""
    known = attrs.evolve(runner, price=runner.price or 7)
    quote = Quote(price, PriceSource.LIVE)
    there = repriced(bill_of(known, None, Rates()), lambda _offer, _market: quote)
    written = bill_of(attrs.evolve(known, price=price), None, Rates())
    if not sum(one.compute or 0 for one in bill_of(known, None, Rates()).intervals):
        return  # so little that it cost nothing: it may have been free
    assert there.intervals == written.intervals
    assert there.priced is PriceSource.LIVE


def test_naps_are_repriced_as_they_were_billed() -> None:
    """A start that lasted for seconds is a minute, though the machine was woken within it; sleep is free."""
    runner = Runner(
        machine="i-1",
        repository="",
        labels=(),
        launch_id="l",
        price=100_000,
        instance_type="m7i.large",
        launched_at=NOON,
        ready_at=NOON + 10 * SECOND,
        gone_at=NOON + HOUR,
        naps=(Nap(NOON + 20 * SECOND, NOON + 40 * SECOND, NOON + 50 * SECOND), Nap(NOON + 70 * SECOND)),
    )
    found = repriced(bill_of(runner, None, Rates()), lambda _offer, _market: LIVE)
    assert found.intervals == bill_of(attrs.evolve(runner, price=LIVE.price), None, Rates()).intervals
    assert Phase.SLEEP in {one.phase for one in found.intervals}


def test_what_is_free_stays_free_and_what_is_unknown_is_known_only_where_it_is_sure() -> None:
    """A spot machine that EC2 took back is not charged; an unknown on-demand machine is, by AWS's list."""
    free = served(1, NOON, taken=True)
    assert repriced(free, lambda _offer, _market: LIVE) == free
    blind = served(2, NOON, price=None)
    assert repriced(blind, lambda _offer, _market: LIVE) == blind
    dear = served(3, NOON, price=None, market=Market.ON_DEMAND)
    assert sum(one.compute or 0 for one in repriced(dear, lambda _offer, _market: LIVE).intervals) == 150_000 * 11 // 60
    assert repriced(dear, lambda _offer, _market: None) == dear


def test_the_catalogue_knows_its_types_and_no_others() -> None:
    """And says that it is the catalogue."""
    known = CataloguePrices()
    for kind in CATALOGUE:
        for market in Market:
            quote = known.quote(Offer("us-east-1a", kind.name), market, NOON, NOON + DAY)
            assert quote == Quote(kind.price(market), PriceSource.CATALOGUE)
    assert known.quote(Offer("us-east-1a", "z9.huge"), Market.SPOT, NOON, NOON + DAY) is None


@attrs.define
class Asked:
    """Prices that are told how often they are asked, and may be away."""

    away: bool = False
    asked: list[tuple[Offer, Market, Moment, Moment]] = attrs.field(factory=list)

    def quote(self, offer: Offer, market: Market, since: Moment, until: Moment) -> Quote | None:
        """See `Prices`."""
        self.asked.append((offer, market, since, until))
        if self.away:
            raise Unavailable("the Pricing API does not answer")
        return LIVE if market is Market.SPOT else None


def test_a_report_says_how_much_was_priced_by_whom() -> None:
    """Spot by AWS's word for that zone and day, on demand by the list, disks and addresses always by the list."""
    house = House(MIDNIGHT + DAY + 10 * HOUR)
    house.book(served(1, MIDNIGHT + HOUR, zone="eu-west-1a"), spare(2, MIDNIGHT, 2))
    known = Asked()
    house.task(prices=known)()
    assert known.asked[0] == (Offer("eu-west-1a", "m7i.xlarge"), Market.SPOT, MIDNIGHT, MIDNIGHT + DAY)
    text = house.text("cost/2026/11/22.md")
    live = 150_000 * 11 // 60
    assert f"own word**: ${live / 1_000_000:.2f}" in text.replace("\\", "")


def test_prices_that_are_away_are_asked_once_and_cost_no_report() -> None:
    """Everything is as the bills say then, the run tells of it, and the next day is asked anew."""
    house = House(MIDNIGHT + DAY + 10 * HOUR)
    house.book(*(served(number, MIDNIGHT + HOUR) for number in range(9)))
    known = Asked(away=True)
    told = house.task(prices=known)()
    assert (told.failed, told.cursor, len(known.asked)) == (1, "2026-11-22", 1)
    plain = House(MIDNIGHT + DAY + 10 * HOUR)
    plain.book(*(served(number, MIDNIGHT + HOUR) for number in range(9)))
    plain.task()()
    assert plain.text("cost/2026/11/22.md") == house.text("cost/2026/11/22.md")
