"""The books beside AWS's own bill: equal to the simulated EC2's to the micro-dollar, close to Cost Explorer's.

Cost Explorer is modelled as AWS describes it: days are UTC's, amounts are of what was metered by then (a day grows for
up to two days), a machine is charged by whole seconds from ``running`` on, and lines are rounded.
"""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.system import ManualClock
from paddock.adapters.simulation.cloud import stormy
from paddock.adapters.simulation.protocols import Ending, Life
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Bill, Rates
from paddock.core.costs.reconcile import CLOSE, reconciled
from paddock.core.costs.report import CostReport, RealBill, ServiceCost
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, MicroDollars, Moment, datetime_of
from paddock.core.usecases.costs.reconciling import MOST_DAYS, SETTLED, Reconciling
from tests.strategies import NOON
from tests.world.cloud import Bench
from tests.world.days import House, served

MIDNIGHT = NOON // DAY * DAY
DAYS = 10


@attrs.frozen
class Season:
    """Ten simulated days of a cloud with storms, in which every machine has ended: its log, bill, and our books.

    ``never_ran`` is what the cloud did not charge of machines that failed before they ran: the fleet is not told that
    they never did, and books them.
    """

    lives: tuple[Life, ...]
    billed: MicroDollars
    never_ran: MicroDollars
    books: tuple[Bill, ...]


def booked(life: Life, number: int) -> Bill:
    """What the fleet books, if it knows the machine's times."""
    machine = life.machine
    runner = Runner(
        machine=machine.id,
        repository=f"acme/{number % 7}",
        labels=(),
        launch_id="l",
        state=RunnerState.GONE,
        instance_type=machine.instance_type,
        market=machine.market,
        zone=machine.zone,
        price=machine.price,
        disk=machine.disk,
        launched_at=machine.launched_at,
        ready_at=life.booted_at,
        gone_at=life.ended_at,
        taken=life.ended_by is Ending.SPOT,
    )
    return bill_of(runner, None, Rates())


@pytest.fixture(scope="module")
def season() -> Season:
    """Several hundred machines, of which the cloud takes some back."""
    chance = random.Random(7)
    bench = Bench(stormy(), seed=7)
    names: list[str] = []
    for _ in range(DAYS * 24):
        names += bench.launch(chance.randint(1, 3), chance.choice(list(Market)))
        minutes = chance.randint(5, 55)
        bench.after(minutes * MINUTE)
        for name in [name for name in names if bench.ended_by(name) is None and chance.random() < 0.4]:
            bench.cloud.power_off(name)
        bench.after((60 - minutes) * MINUTE)
    for name in names:
        if bench.ended_by(name) is None:
            bench.cloud.power_off(name)
    lives = tuple(bench.cloud.log[name] for name in names)
    assert {life.ended_by for life in lives} > {Ending.SPOT}
    books = tuple(booked(life, number) for number, life in enumerate(lives))
    free = sum(bench.cloud.charge(life.machine.id).free for life in lives if life.ended_by is Ending.HARDWARE)
    return Season(lives, bench.cloud.bill.total, free, books)


def reports_of(season: Season) -> tuple[House, list[CostReport]]:
    """Every day's report, as the task makes them one after the other."""
    house = House(MIDNIGHT)
    house.book(*season.books)
    found: list[CostReport] = []
    for number in range(DAYS + 2):
        house.clock.set(max(house.clock.now(), MIDNIGHT + (number + 1) * DAY + 10 * HOUR))
        day = datetime_of(MIDNIGHT + number * DAY).date()
        found.append(house.task().report(day))
    return house, found


def test_the_reports_of_all_days_are_the_clouds_own_bill(season: Season) -> None:
    """To the micro-dollar: what the simulated EC2 charged, by its own log, is what the days cost together."""
    _, found = reports_of(season)
    expected = season.billed + season.never_ran
    assert sum(one.spent for one in found) == expected
    assert sum(line.cost.total for one in found for line in one.repositories) == expected
    assert season.never_ran * 1_000 < season.billed
    assert sum(one.unpriced for one in found) == 0


@attrs.define
class Explorer:
    """Cost Explorer as of a moment."""

    season: Season
    clock: ManualClock
    asked: list[tuple[date, date]] = attrs.field(factory=list)

    def of_days(self, first: date, last: date) -> Mapping[date, MicroDollars]:
        """See `RealCosts`."""
        self.asked.append((first, last))
        found: dict[date, MicroDollars] = {}
        for ahead in range((last - first).days + 1):
            day = first + timedelta(days=ahead)
            start = MIDNIGHT + (day - datetime_of(MIDNIGHT).date()).days * DAY
            if start < self.clock.now():
                found[day] = self._shown(start)
        return found

    def _shown(self, start: Moment) -> MicroDollars:
        """What is metered of the day by now: all of it after two days, before that its first hours."""
        settled = min(Fraction(1), Fraction(self.clock.now() - start, DAY + SETTLED))
        lines = [line for life in self.season.lives for line in self._lines(life, start)]
        whole = sum((Decimal(line.numerator) / Decimal(line.denominator)).quantize(Decimal("1e-10")) for line in lines)
        return int(Fraction(whole) * 1_000_000 * settled)

    def _lines(self, life: Life, start: Moment) -> list[Fraction]:
        """In dollars: compute and address by whole seconds from ``running`` on, the disk by seconds, too."""
        machine, end = life.machine, life.ended_at
        assert end is not None
        began = machine.launched_at if life.running_at is None else life.running_at
        ran = max(-(-(end - began) // SECOND) * SECOND, MINUTE)

        def within(first: Moment, length: int) -> int:
            return max(0, min(first + length, start + DAY) - max(first, start))

        free = life.ended_by is Ending.SPOT and end - machine.launched_at < HOUR
        compute = 0 if free else (machine.price or 0)
        disk = Fraction(Rates().disk_per_gib_month * machine.disk, 730)
        hours = Fraction(within(began, ran), HOUR)
        return [each / 1_000_000 for each in (compute * hours, Rates().ipv4_per_hour * hours, disk * hours)]


def test_the_books_are_within_five_per_cent_of_cost_explorer(season: Season) -> None:
    """Every day from the fourth on, for whatever days Cost Explorer has settled; one question each."""
    _, found = reports_of(season)
    clock = ManualClock(MIDNIGHT)
    explorer = Explorer(season, clock)
    check = Reconciling(explorer, clock)
    seen: list[RealBill] = []
    for number, report in enumerate(found):
        clock.set(MIDNIGHT + (number + 1) * DAY + 10 * HOUR)
        told = check(date.fromisoformat(report.day), found[:number])
        assert (told is None) == (number < 2)
        seen += [] if told is None else [told]
    assert len(explorer.asked) == len(seen) == DAYS
    assert {one.within for one in seen} == {True}
    assert max(one.days for one in seen) == MOST_DAYS
    for one in seen:
        assert one.billed != one.booked
        assert abs(one.billed - one.booked) * 100 <= CLOSE * one.billed
        assert "within 5 %" in one.text


def test_what_is_not_settled_yet_is_never_asked_for(season: Season) -> None:
    """Half a day's bill would look like an error of the books; that is how it would look."""
    house, found = reports_of(season)
    clock = ManualClock(MIDNIGHT + DAYS * DAY + HOUR)
    explorer = Explorer(season, clock)
    Reconciling(explorer, clock)(date.fromisoformat(found[DAYS - 1].day), found[: DAYS - 1])
    ((_, last),) = explorer.asked
    assert (datetime_of(clock.now()).date() - last).days == 3
    young = found[DAYS - 1]
    told = reconciled([young], explorer.of_days(*[date.fromisoformat(young.day)] * 2))
    assert told is not None
    assert not told.within
    assert house.keys() == []


def a_report(**fields: object) -> CostReport:
    """Of the 22nd, with one machine."""
    house = House(MIDNIGHT + DAY + 10 * HOUR)
    house.book(served(1, MIDNIGHT + HOUR))
    plain = house.task().report(date(2026, 11, 22))
    return attrs.evolve(plain, services=(), **fields)  # type: ignore[arg-type]


@given(st.integers(-5_000, 5_000))
def test_within_is_within(off: int) -> None:
    """Five of a hundred, and no more; equal is told as equal."""
    report = a_report()
    told = reconciled([report], {date(2026, 11, 22): report.spent + off})
    assert told is not None
    larger = max(report.spent, report.spent + off)
    assert told.within == (abs(off) * 100 <= 5 * larger)
    assert ("equal" in told.text) == (off == 0)


def test_a_tag_that_is_not_activated_is_told_with_what_to_do() -> None:
    """Nothing at all under the tag is no proof that nothing was charged."""
    told = reconciled([a_report()], {date(2026, 11, 22): 0})
    assert told is not None
    assert not told.within
    assert "activate paddock:fleet" in told.text


def test_what_makes_the_two_differ_is_said() -> None:
    """Services that were not counted, prices that are unknown, days of another zone."""
    report = attrs.evolve(a_report(), services=None, zone="Asia/Tokyo")
    report = attrs.evolve(report, total=attrs.evolve(report.total, unpriced=3 * HOUR))
    told = reconciled([report], {date(2026, 11, 22): report.spent})
    assert told is not None
    for words in ("services are not in the books", "3 machine hours", "the bill's days are UTC's"):
        assert words in told.text
    counted = attrs.evolve(a_report(), services=(ServiceCost("SQS", "requests", 1, "requests", 7),))
    with_services = reconciled([counted], {date(2026, 11, 22): counted.spent})
    assert with_services is not None
    assert with_services.booked == counted.total.total + 7


def test_nothing_is_compared_where_nothing_is_known() -> None:
    """And nothing is asked then: a question costs a cent."""
    assert reconciled([], {date(2026, 11, 22): 5}) is None
    assert reconciled([a_report()], {date(2026, 11, 23): 5}) is None
