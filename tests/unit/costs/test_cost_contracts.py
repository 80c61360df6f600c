"""What scripts and later days read of costs keeps to its published schemas, and these to the values behind it."""

import json
from datetime import date
from typing import Any

import attrs
import pytest

from paddock.core.costs import report
from paddock.core.costs.policy import CostPolicy
from paddock.core.costs.report import CostReport, RealBill, ServiceCost
from paddock.core.costs.sums import Cost
from paddock.core.spec import Market
from paddock.core.units import DAY, HOUR
from paddock.core.usecases.costs.reports import report_key
from tests.contracts import breaches, schema
from tests.strategies import NOON
from tests.world.days import House, served, spare

MIDNIGHT = NOON // DAY * DAY  # 2026-11-22
PARTS = {
    "cost": Cost,
    "line": report.CostLine,
    "pool": report.PoolCost,
    "service": ServiceCost,
    "spot": report.SpotSaving,
    "forced": report.Forced,
    "hosted": report.HostedCost,
    "disk": report.DiskUse,
    "spent": report.DaySpent,
    "trend": report.Trend,
    "month": report.MonthSoFar,
    "anomaly": report.Anomaly,
    "advice": report.Advice,
    "bill": RealBill,
}


def stored(house: House, day: str) -> Any:  # noqa: ANN401 - data of any shape
    """The report of a day, as it lies in the archive."""
    return json.loads(house.text(report_key(date.fromisoformat(day), "json")))


def full() -> House:
    """Five days, the last of which has something of everything that a report can have."""
    house = House(MIDNIGHT + 5 * DAY + 10 * HOUR, CostPolicy(zone="Europe/Berlin"))
    for day in range(5):
        at = MIDNIGHT + day * DAY
        house.book(served(10 * day, at + HOUR, disk_used=9), spare(10 * day + 1, at + HOUR, 9, market=Market.ON_DEMAND))
    at = MIDNIGHT + 4 * DAY
    house.book(*(served(100 + number, at + 2 * HOUR, 60, disk_used=9) for number in range(40)))
    house.book(served(200, at + 3 * HOUR, price=None), served(201, at + 3 * HOUR, forced=True, market=Market.ON_DEMAND))
    counted = [ServiceCost("SQS", "requests", 7, "requests", 3), ServiceCost("S3", "requests", None, "requests", None)]
    compared = RealBill("2026-11-24", 3, 100, 99, within=True, text="1.0 % more, within 5 %")
    task = house.task(count=lambda _since, _until: counted, check=lambda _day, _before: compared)
    cursor = "2026-11-21"
    for _ in range(2):
        cursor = task(cursor=cursor).cursor
    assert cursor == "2026-11-26"
    return house


def test_a_report_fits_its_schema_whatever_it_has() -> None:
    """One with all of it, a quiet one, and one whose services were not counted; each says whose environment's it is."""
    house = full()
    data = stored(house, "2026-11-26")
    assert breaches("cost_report", data) == []
    empty = [key for key, value in data.items() if value in (None, [], {})]
    assert empty == [], "this test shows nothing of these"
    assert data["environment"] == "prod"
    assert "Environment: prod." in house.text("cost/2026/11/26.md")
    assert "Environment: prod." in house.text("cost/2026/11/26.html")
    quiet = House(MIDNIGHT + DAY + 10 * HOUR)
    quiet.task()()
    assert breaches("cost_report", stored(quiet, "2026-11-22")) == []
    assert stored(quiet, "2026-11-22")["services"] is None


def test_the_schema_refuses_what_no_report_is() -> None:
    """A sum that is a fraction, an unknown phase, a service without its price, another version."""
    data = stored(full(), "2026-11-26")
    (service, *_) = data["services"]
    wrong: list[dict[str, Any]] = [
        {**data, "version": 2},
        {**data, "total": {**data["total"], "compute": 1.5}},
        {**data, "total": {**data["total"], "time": {"lunch": 1}}},
        {**data, "services": [{key: value for key, value in service.items() if key != "amount"}]},
        {key: value for key, value in data.items() if key != "total"},
    ]
    assert all(breaches("cost_report", one) for one in wrong)


@pytest.mark.parametrize("part", ["", *PARTS])
def test_schema_and_values_have_the_same_fields(part: str) -> None:
    """What a report gets is described; nothing is described that no report has."""
    node = schema("cost_report")["$defs"][part] if part else schema("cost_report")
    assert list(node["properties"]) == list(attrs.fields_dict(PARTS[part] if part else CostReport))


def test_a_run_begins_no_other_day_once_it_has_read_enough() -> None:
    """The day that is begun is reported whole; what is left is the next run's, and none is skipped."""
    house = House(MIDNIGHT + 3 * DAY + 10 * HOUR)
    house.book(*(served(number, MIDNIGHT + number // 4 * DAY + HOUR) for number in range(12)))
    task = house.task(most_bills=5)
    first = task(cursor="2026-11-21")
    assert (first.cursor, first.left) == ("2026-11-22", 2)
    second = task(cursor=first.cursor)
    assert (second.cursor, second.left) == ("2026-11-23", 1)
    assert stored(house, "2026-11-22")["total"]["machines"] == 4
    assert task(cursor=second.cursor).cursor == "2026-11-24"
