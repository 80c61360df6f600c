"""Prices are written down by housekeeping and taken by launches: AWS's word while it is fresh, else the catalogue's."""

import hashlib
import io
import json
import logging
from collections import Counter

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.objects import MemoryObjects
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.prices import READ_AGAIN, TRIED_AGAIN, KeptPrices, listed_in_catalogue
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Rates
from paddock.core.costs.price import PriceSource, Quote
from paddock.core.costs.price_list import LISTED_FOR, SPOT_FOR
from paddock.core.errors import Throttled, Unavailable
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, Offer
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, Moment
from paddock.core.usecases.adopt import record_of
from paddock.core.usecases.costs.keep_prices import KEY, MOST_ASKED, KeepPrices
from paddock.core.usecases.house.round import Round
from tests.strategies import NOON

LARGE, HERE, THERE = "m7i.large", "eu-west-1a", "eu-west-1b"
LIVE = PriceSource.LIVE


@attrs.define
class Said:
    """What AWS says of prices: on demand by type, spot by offer. It counts what it is asked for."""

    listed: dict[str, int] = attrs.field(factory=dict)
    spot: dict[Offer, int] = attrs.field(factory=dict)
    refused: frozenset[Market] = frozenset()
    asked: Counter[Market] = attrs.field(factory=Counter[Market])

    def quote(self, offer: Offer, market: Market, since: Moment, until: Moment) -> Quote | None:
        """See `Prices`."""
        assert since < until
        self.asked[market] += 1
        if market in self.refused:
            raise Throttled("too fast")
        price = self.spot.get(offer) if market is Market.SPOT else self.listed.get(offer.instance_type)
        return None if price is None else Quote(price, LIVE)


@attrs.define
class Kept:
    """A fleet's list of prices, the task that keeps it, and a process that launches by it."""

    said: Said
    types: tuple[str, ...] = (LARGE,)
    clock: ManualClock = attrs.field(factory=lambda: ManualClock(NOON))
    table: Table = attrs.field(factory=memory_table)
    objects: MemoryObjects = attrs.field(init=False)
    quoting: KeptPrices = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.objects = MemoryObjects(self.clock)
        self.quoting = KeptPrices(self.objects, self.clock)

    def task(self, *, dry_run: bool = False) -> TaskReport:
        """What a run in a process of its own says."""
        return self.look(self.process(), dry_run=dry_run)

    def process(self) -> KeepPrices:
        """A process that keeps the list."""
        return KeepPrices(
            prices=self.said,
            table=self.table,
            objects=self.objects,
            clock=self.clock,
            types=self.types,
            zones=(HERE, THERE),
        )

    @staticmethod
    def look(process: KeepPrices, *, dry_run: bool = False) -> TaskReport:
        """What one look of a process says."""
        round_ = Round(dry_run)
        process.keep(round_)
        return round_.report()


def test_a_launch_takes_the_price_that_aws_named_within_the_hour() -> None:
    """Its record says by whose word, and so does its bill; where AWS said nothing it is the catalogue's."""
    kept = Kept(Said({LARGE: 111_000}, {Offer(HERE, LARGE): 44_000}))
    assert kept.task().by_kind == {"types": 1, "spot": 1, "written": 1}
    assert kept.quoting(Offer(HERE, LARGE), Market.ON_DEMAND) == Quote(111_000, LIVE)
    quote = kept.quoting(Offer(HERE, LARGE), Market.SPOT)
    assert quote == Quote(44_000, LIVE)
    elsewhere = kept.quoting(Offer(THERE, LARGE), Market.SPOT)
    assert elsewhere == listed_in_catalogue(Offer(THERE, LARGE), Market.SPOT) != quote
    assert kept.quoting(Offer(HERE, "x9z.large"), Market.SPOT) is None
    machine = Machine("i-1", MachineState.RUNNING, NOON, price=quote.price, priced=quote.source, market=Market.SPOT)
    runner = attrs.evolve(record_of(machine, None, None, None, FleetSettings()), gone_at=NOON + HOUR)
    bill = bill_of(runner, None, Rates(), "prod")
    assert {(entry.priced, entry.environment) for entry in bill.entries} == {(LIVE, "prod")}
    assert sum(entry.compute or 0 for entry in bill.entries) == 44_000


def test_a_list_that_is_too_old_is_nobodys_word() -> None:
    """Spot prices after some hours, list prices after a week: then the catalogue's hold again."""
    kept = Kept(Said({LARGE: 111_000}, {Offer(HERE, LARGE): 44_000}))
    kept.task()
    for age, market, live in (
        (SPOT_FOR, Market.SPOT, True),
        (SPOT_FOR + 1, Market.SPOT, False),
        (LISTED_FOR, Market.ON_DEMAND, True),
        (LISTED_FOR + 1, Market.ON_DEMAND, False),
    ):
        kept.clock.set(NOON + age)
        found = kept.quoting(Offer(HERE, LARGE), market)
        assert found is not None
        assert (found.source is LIVE) is live


def test_on_demand_is_asked_for_once_a_day_and_some_types_a_run() -> None:
    """Spot every time. What AWS has no price for is not asked for again and again; what is left is told."""
    types = tuple(f"t{number}.large" for number in range(MOST_ASKED + 5))
    kept = Kept(Said({types[0]: 5}), types)
    assert kept.task().by_kind["types"] == MOST_ASKED
    assert kept.task().by_kind["types"] == 5
    kept.table.runners.add(Runner("i-1", "acme/api", (), "l"))
    for _ in range(3):
        kept.clock.advance(HOUR)
        assert kept.task().by_kind == {"spot": 1, "written": 1}
        assert kept.task().attempted == 0
    assert kept.said.asked == {Market.ON_DEMAND: len(types), Market.SPOT: 5 * 2 * len(types)}
    kept.clock.advance(DAY)
    kept.task()
    assert kept.said.asked[Market.ON_DEMAND] == len(types) + MOST_ASKED


def test_an_idle_fleet_asks_for_spot_every_six_hours_and_looks_once_an_hour() -> None:
    """As soon as a machine is there it is each hour again; a process that has looked reads nothing in between."""
    kept = Kept(Said({LARGE: 111_000}, {Offer(HERE, LARGE): 44_000}))
    process = kept.process()
    asked = []
    for quarter in range(4 * 13):
        kept.clock.set(NOON + quarter * 15 * MINUTE)
        if Kept.look(process).attempted:
            asked.append(quarter // 4)
    assert asked == [0, 6, 12]
    kept.table.runners.add(Runner("i-1", "acme/api", (), "l"))
    for hour in (13, 14):
        kept.clock.set(NOON + hour * HOUR)
        assert Kept.look(process).by_kind == {"spot": 1, "written": 1}
    kept.objects.delete(KEY)
    assert Kept.look(process).attempted == 0


def test_what_aws_refuses_leaves_what_was_known() -> None:
    """Neither is forgotten because the other one, or the same, was not to be had; the run tells what failed."""
    kept = Kept(Said({LARGE: 111_000}, {Offer(HERE, LARGE): 44_000}), (LARGE, "c7i.large"))
    kept.task()
    kept.said.refused = frozenset(Market)
    kept.clock.advance(DAY - HOUR)
    report = kept.task()
    assert (report.failed, report.by_kind) == (2, {"types": 1, "spot": 1, "written": 1})
    assert kept.quoting(Offer(HERE, LARGE), Market.ON_DEMAND) == Quote(111_000, LIVE)
    with kept.objects.open(KEY) as content:
        assert json.loads(content.read())["spot_at"] == NOON


def test_a_dry_run_asks_nobody() -> None:
    """It says what it would ask for."""
    kept = Kept(Said({LARGE: 111_000}))
    assert kept.task(dry_run=True).acts == (f"ask what {LARGE} costs", "ask for spot prices", f"put {KEY}")
    assert (kept.said.asked.total(), kept.objects.head(KEY)) == (0, None)


class Failing(MemoryObjects):
    """A store that does not answer, and counts who asks."""

    opened = 0

    def open(self, key: str) -> object:  # type: ignore[override]
        """See `Objects`."""
        self.opened += 1
        raise Unavailable(f"{key}: nobody answers")


def test_no_launch_fails_for_want_of_a_price_nor_waits_for_one_again_and_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A store that does not answer is asked again after ten minutes, one that has nothing yet too; it is said once."""
    clock = ManualClock(NOON)
    for objects, warned in ((Failing(clock), 2), (MemoryObjects(clock), 0)):
        clock.set(NOON)
        caplog.clear()
        quoting = KeptPrices(objects, clock)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert quoting(Offer(HERE, LARGE), Market.SPOT) == listed_in_catalogue(Offer(HERE, LARGE), Market.SPOT)
            clock.advance(TRIED_AGAIN)
            quoting(Offer(HERE, LARGE), Market.SPOT)
        assert len(caplog.records) == warned
        assert not isinstance(objects, Failing) or objects.opened == 2


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"version": 2}', b'{"version": 1, "spot": 7}'])
def test_a_damaged_list_is_no_list(content: bytes) -> None:
    """Launches have the catalogue's prices; the next run writes a whole one, and says that it found the other."""
    kept = Kept(Said({LARGE: 111_000}))
    digest = hashlib.sha256(content).hexdigest()
    kept.objects.put(KEY, io.BytesIO(content), digest)
    assert kept.quoting(Offer(HERE, LARGE), Market.ON_DEMAND) == listed_in_catalogue(
        Offer(HERE, LARGE), Market.ON_DEMAND
    )
    assert kept.task().failed == 1
    kept.clock.advance(max(READ_AGAIN, TRIED_AGAIN) - MINUTE)
    assert kept.quoting(Offer(HERE, LARGE), Market.ON_DEMAND) == Quote(111_000, LIVE)
