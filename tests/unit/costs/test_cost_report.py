"""The daily cost report: each day once, whole, at its hour; and what is said of it is worked out, not canned."""

import json
from datetime import date

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.objects import MemoryObjects
from paddock.core.codec import from_data, to_data
from paddock.core.costs.advice import advice_on
from paddock.core.costs.day import MOST_LINES, day_of_bills
from paddock.core.costs.hosted import hosted_cost
from paddock.core.costs.ledger import Bill
from paddock.core.costs.policy import CostPolicy
from paddock.core.costs.report import CostReport, ServiceCost
from paddock.core.costs.sums import By
from paddock.core.costs.trends import anomalies, month_so_far, trends
from paddock.core.errors import InvalidInput, Unavailable
from paddock.core.spec import Arch, Market
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from paddock.core.usecases.costs.reports import MOST_DAYS, report_key
from tests.strategies import NOON
from tests.world.days import House, served, spare

MIDNIGHT = NOON // DAY * DAY  # 2026-11-22
TEN = MIDNIGHT + DAY + 10 * HOUR
FILES = {f"cost/2026/11/22.{suffix}" for suffix in ("md", "html", "json")}


def reported(house: House, day: str) -> CostReport:
    """The report as it is stored."""
    return from_data(json.loads(house.text(report_key(date.fromisoformat(day), "json"))), CostReport)


def test_a_day_is_reported_once_and_costs_what_its_bills_say() -> None:
    """After its hour, with every file; the next runs ask nothing."""
    house = House(TEN)
    bills = [served(1, MIDNIGHT + HOUR), served(2, MIDNIGHT + 2 * HOUR, repository="acme/web"), spare(3, MIDNIGHT, 8)]
    house.book(*bills)
    first = house.task()()
    assert (first.succeeded, first.failed, first.left, first.cursor) == (1, 0, 0, "2026-11-22")
    assert set(house.keys()) >= FILES
    report = reported(house, "2026-11-22")
    assert report.total.total == sum(entry.amount or 0 for bill in bills for entry in bill.entries)
    assert (report.total.machines, report.total.jobs, report.hosted.jobs) == (3, 2, 2)
    again = house.task()(cursor=first.cursor)
    assert (again.attempted, again.cursor) == (0, "2026-11-22")


def test_before_its_hour_a_day_is_not_reported() -> None:
    """Then the day before it is."""
    house = House(MIDNIGHT + DAY + 9 * HOUR - 1)
    assert house.task()().cursor == "2026-11-21"
    house.clock.advance(1)
    assert house.task()(cursor="2026-11-21").cursor == "2026-11-22"


def test_a_quiet_day_is_reported_too() -> None:
    """Nothing was there, and that is what it says; nothing is divided by it."""
    house = House(TEN)
    assert house.task()().succeeded == 1
    assert "A quiet day" in house.text("cost/2026/11/22.md")
    assert reported(house, "2026-11-22").quiet


def test_days_are_those_of_the_zone() -> None:
    """In Auckland the 22nd is over eleven hours before London's midnight, and has its own machines."""
    house = House(MIDNIGHT + 22 * HOUR, CostPolicy(9 * 60, "Pacific/Auckland"))
    house.book(served(1, MIDNIGHT - 12 * HOUR), served(2, MIDNIGHT + 12 * HOUR))
    assert house.task()().cursor == "2026-11-22"
    report = reported(house, "2026-11-22")
    assert (report.since, report.until) == (MIDNIGHT - 13 * HOUR, MIDNIGHT + 11 * HOUR)
    assert report.total.machines == 1


def test_missed_days_are_made_up_for_some_at_a_time() -> None:
    """A fleet whose housekeeping stood still for five days reports all five, oldest first."""
    house = House(TEN + 4 * DAY)
    house.book(*(served(number, MIDNIGHT + number * DAY + HOUR) for number in range(5)))
    first = house.task()(cursor="2026-11-21")
    assert (first.succeeded, first.left) == (MOST_DAYS, 5 - MOST_DAYS)
    second = house.task()(cursor=first.cursor)
    assert (second.succeeded, second.left, second.cursor) == (5 - MOST_DAYS, 0, "2026-11-26")
    assert {reported(house, f"2026-11-2{day}").total.machines for day in range(2, 7)} == {1}


def test_a_dry_run_stores_nothing() -> None:
    """It says which days it would report."""
    house = House(TEN)
    told = house.task()(dry_run=True)
    assert told.acts == ("report 2026-11-22",)
    assert (house.keys(), told.cursor) == ([], "")


def test_what_cannot_be_stored_is_tried_again() -> None:
    """The cursor stays, the failure is told, and something is left for the next run, which is soon."""

    class Away(MemoryObjects):
        def put(self, *_args: object) -> None:  # type: ignore[override]
            raise Unavailable("the disk is full")

    house = House(TEN)
    house.objects = Away(house.clock)
    told = house.task()()
    assert (told.failed, told.left, told.cursor) == (1, 1, "")
    assert "the disk is full" in told.errors[0]


def test_what_cannot_be_counted_or_told_keeps_no_day_from_its_report() -> None:
    """Services are unknown then, which the report says; both are failures of the run."""

    class Deaf:
        def tell(self, subject: str, text: str) -> None:
            raise Unavailable(f"nobody hears {subject}, {len(text)}")

    def count(_since: Moment, _until: Moment) -> list[ServiceCost]:
        raise Unavailable("CloudWatch does not answer")

    house = House(TEN)
    told = house.task(count=count, notifier=Deaf())()
    assert (told.failed, told.cursor) == (2, "2026-11-22")
    assert "was not counted" in house.text("cost/2026/11/22.md")
    assert reported(house, "2026-11-22").services is None


def test_services_are_in_the_sum_and_what_is_unknown_is_said() -> None:
    """An amount that is not known is none, and not nothing."""
    counted = [
        ServiceCost("Lambda", "requests", 1_000_000, "requests", 200_000),
        ServiceCost("S3", "storage", None, "GB", None),
    ]
    house = House(TEN)
    house.task(count=lambda _since, _until: counted)()
    report = reported(house, "2026-11-22")
    assert report.spent == report.of_services == 200_000
    assert "unknown" in house.text("cost/2026/11/22.md")


def test_a_part_that_could_not_be_counted_is_told_once_and_keeps_no_other_out() -> None:
    """It is a failure of the run, and the report says why it is unknown."""
    refused = [ServiceCost("CloudWatch", what, None, "metrics", None, "ListMetrics: AccessDenied") for what in "ab"]
    house = House(TEN)
    told = house.task(count=lambda _since, _until: [ServiceCost("SQS", "requests", 1, "requests", 9), *refused])()
    assert (told.failed, told.cursor) == (1, "2026-11-22")
    assert told.errors == ("counting services: ListMetrics: AccessDenied",)
    assert reported(house, "2026-11-22").of_services == 9
    assert house.text("cost/2026/11/22.md").count("ListMetrics: AccessDenied") == 1


def test_a_cursor_of_another_task_is_refused() -> None:
    """The error names the cursor."""
    with pytest.raises(InvalidInput, match="cursor"):
        House(TEN).task()(cursor="page 7")


def test_a_report_is_read_back_as_it_was_written() -> None:
    """Trends depend on it."""
    house = House(TEN)
    house.book(served(1, MIDNIGHT + HOUR), spare(2, MIDNIGHT, 8))
    report = house.task().report(date(2026, 11, 22))
    assert from_data(json.loads(json.dumps(to_data(report))), CostReport) == report


def test_a_damaged_report_of_an_earlier_day_is_told_and_left_out() -> None:
    """The day is reported all the same."""
    house = House(TEN + DAY)
    house.task()(cursor="2026-11-21")
    house.task()._put("cost/2026/11/22.json", "{")
    told = house.task()(cursor="2026-11-22")
    assert (told.failed, told.cursor) == (1, "2026-11-23")
    assert reported(house, "2026-11-23").trends[0].mean is None


def test_hostile_names_are_text() -> None:
    """No markup, no link, no terminal escape, no second line."""
    house = House(TEN)
    house.book(served(1, MIDNIGHT + HOUR, workflow="[x](https://a)|<b>\x1b[1m\n# all"))
    house.task()()
    text = house.text("cost/2026/11/22.md")
    (line,) = [line for line in text.splitlines() if "https://a" in line]
    assert r"\[x\]\(https://a\)\|\<b\>" in line
    assert "\x1b" not in text


def test_more_names_than_a_report_has_lines_are_put_together() -> None:
    """And no money is lost by that."""
    bills = [served(number, MIDNIGHT + HOUR, repository=f"acme/{number}") for number in range(MOST_LINES + 7)]
    found = day_of_bills(bills, MIDNIGHT, MIDNIGHT + DAY)
    lines = found.lines(By.REPO)
    assert (len(lines), lines[-1].others) == (MOST_LINES + 1, 7)
    assert sum(line.cost.total for line in lines) == found.costs.total.total


# Hosted runners


@given(st.sampled_from(Arch), st.integers(1, 64), st.integers(0, 6 * HOUR), st.integers(0, 6 * HOUR))
def test_a_longer_job_or_a_larger_machine_costs_no_less_there(arch: Arch, vcpu: int, one: int, two: int) -> None:
    """And a minute begun is a minute billed."""
    short, long = (hosted_cost(arch, vcpu, ran) for ran in sorted((one, two)))
    assert short is not None
    assert long is not None
    assert short <= long
    assert long <= (hosted_cost(arch, min(64, 2 * vcpu), max(one, two)) or 0)
    assert hosted_cost(arch, vcpu, MINUTE + SECOND) == hosted_cost(arch, vcpu, 2 * MINUTE)


def test_a_machine_larger_than_any_of_theirs_has_no_price_there() -> None:
    """It is counted as unknown, and in no sum; so is a type that the catalogue lacks."""
    assert hosted_cost(Arch.ARM64, 96, HOUR) is None
    found = day_of_bills([served(1, NOON, instance_type="z9.huge")], MIDNIGHT, MIDNIGHT + DAY)
    assert (found.hosted.jobs, found.hosted.unknown, found.hosted.cost) == (0, 1, 0)
    assert found.spot.unknown > 0


def test_a_job_is_compared_once_on_the_day_on_which_it_ended() -> None:
    """Whole, although half of it was the day before."""
    bill = served(1, MIDNIGHT - 6 * MINUTE, minutes=10)
    days = [day_of_bills([bill], start, start + DAY).hosted for start in (MIDNIGHT - DAY, MIDNIGHT)]
    assert [day.jobs for day in days] == [0, 1]
    assert days[1].cost == hosted_cost(Arch.X64, 4, 10 * MINUTE)


# Advice


def advice(*bills: Bill) -> dict[str, int]:
    """What is advised on the day of these bills, with what it saves."""
    return {one.about: one.saves for one in advice_on(day_of_bills(bills, MIDNIGHT, MIDNIGHT + DAY))}


def test_a_pool_that_waits_is_to_be_smaller_and_one_that_nobody_asks_for_is_to_go() -> None:
    """The one saves what it idled for, disks apart; the other all that it cost."""
    idle = spare(1, MIDNIGHT, 10)
    assert advice(idle) == {"pool web": sum(entry.amount or 0 for entry in idle.entries)}
    taken = served(2, MIDNIGHT, 60, pool="web", stock=idle.stock, market=Market.ON_DEMAND, price=201_600)
    saved = advice(idle, taken)["pool web"]
    waiting = [entry for entry in idle.entries if entry.phase == "idle"]
    assert saved == sum((entry.compute or 0) + entry.network for entry in waiting)
    busy = served(3, MIDNIGHT, 20 * 60, pool="web", stock=idle.stock, market=Market.ON_DEMAND, price=201_600)
    assert "pool web" not in advice(idle, busy)


def test_disks_that_nobody_fills_are_to_be_smaller() -> None:
    """A quarter more than the most that was used; not by the word of a few machines, nor where it is used."""
    many = [served(number, MIDNIGHT, 60, disk=200, disk_used=30) for number in range(30)]
    disks = sum(entry.storage for bill in many for entry in bill.entries)
    assert advice(*many)["disks of acme/api"] == disks * 160 // 200
    assert "disks of acme/api" not in advice(*many[:10])
    assert "disks of acme/api" not in advice(*many, attrs.evolve(many[0], machine="i-full", disk_used=190))


def test_on_demand_in_place_of_spot_is_told_with_what_spot_would_have_saved() -> None:
    """At the catalogue's estimate of spot."""
    dear = served(1, MIDNIGHT, 119, market=Market.ON_DEMAND, price=201_600, forced=True)
    assert advice(dear) == {"spot": 2 * 201_600 - 2 * 110_880}
    assert advice(attrs.evolve(dear, forced=None)) == {}


def test_a_rare_type_that_is_dearer_than_the_others_is_to_be_left_out() -> None:
    """It saves what the others cost less; one that is cheaper stays."""
    usual = [served(number, MIDNIGHT, 600) for number in range(20)]
    dear = served(99, MIDNIGHT, 120, instance_type="m8a.xlarge", market=Market.ON_DEMAND, price=243_400)
    saved = advice(*usual, dear)
    assert list(saved) == ["type m8a.xlarge"]
    assert 0.9 * (243_400 - 110_880) * 2 < saved["type m8a.xlarge"] < 1.1 * (243_400 - 110_880) * 2
    assert advice(*usual, attrs.evolve(served(99, MIDNIGHT, 120, instance_type="m8a.xlarge", price=90_000))) == {}


# Trends and what is not as usual


def week(*jobs: int) -> list[CostReport]:
    """Reports of the days up to and with the 22nd, with so many jobs of an hour on each."""
    found = []
    for back, count in zip(range(len(jobs) - 1, -1, -1), jobs, strict=True):
        house = House(TEN)
        start = MIDNIGHT - back * DAY
        house.book(*(served(number, start + HOUR, 600) for number in range(count)))
        found.append(house.task().report(date.fromordinal(date(2026, 11, 22).toordinal() - back)))
    return found


def test_means_are_of_the_days_that_are_known() -> None:
    """And it is said how many those are."""
    *before, _ = week(1, 2, 3, 9)
    seven, thirty = trends(date(2026, 11, 22), before)
    assert (seven.days, thirty.days) == (3, 3)
    assert seven.mean == sum(one.spent for one in before) // 3
    assert trends(date(2026, 11, 22), [])[0].mean is None


def test_the_month_is_what_is_reported_of_it_and_forecast_from_that() -> None:
    """Days without a report are counted as missing, never as free."""
    *before, last = week(2, 2, 2)
    month = month_so_far(date(2026, 11, 22), last.spent, before)
    assert (month.days, month.missing) == (3, 19)
    assert month.spent == 3 * last.spent
    assert month.forecast == 30 * last.spent


def test_a_dear_day_is_told_with_its_cause() -> None:
    """Whose it is, and that it is more jobs; a usual day is not told of."""
    *before, last = week(2, 2, 2, 2, 12)
    (told,) = anomalies(last, before)
    assert told.what == "more was spent than usual"
    assert (told.amount, told.usual) == (last.spent, before[0].spent)
    assert "acme/api" in told.cause
    assert "12 jobs instead of 2" in told.cause
    assert anomalies(before[-1], before[:-1]) == ()
    assert anomalies(last, before[:2]) == ()


def test_a_day_that_is_far_too_cheap_is_told_too() -> None:
    """It may be that nothing works any more."""
    *before, last = week(5, 5, 5, 5, 0)
    (told,) = anomalies(last, before)
    assert told.what == "less was spent than usual"
    assert "0 jobs instead of 5" in told.cause
