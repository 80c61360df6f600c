"""What a stack costs while nobody uses it: found in the template, and within what was promised."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.stack import Names, rendered
from paddock.adapters.aws.stack.idle import WATCHING, Bill, assumptions, idle_bill
from paddock.adapters.simulation.parameters import Functions
from paddock.core.costs.ledger import Rates
from paddock.core.errors import InvalidInput
from paddock.core.units import DOLLAR, money_text
from tests.aws.shapes import SHAPES, template

PRICES = Path(__file__).parents[3] / "src/adapters/paddock/adapters/aws/stack/prices.json"
INSIDE = {"VpcEndpointType": "Interface", "SubnetIds": ["subnet-1", "subnet-2"]}
BARE = 2 * DOLLAR  # what the design allows a month without dashboard and alarms ...
ALL = 8 * DOLLAR  # ... and with them


def by_unit(bill: Bill) -> dict[str, int]:
    """Micro-dollars by what is paid for."""
    found: dict[str, int] = {}
    for line in bill.lines:
        found[line.price.unit] = found.get(line.price.unit, 0) + line.amount
    return found


@pytest.mark.parametrize("shape", [name for name, shape in SHAPES.items() if not shape.private])
def test_a_stack_that_idles_costs_what_was_promised(shape: str) -> None:
    """Two dollars at most by itself, eight when it is watched. Secrets and polling are most of the two."""
    bill = idle_bill(template(shape))
    assert bill.bare <= BARE
    assert bill.total <= ALL
    found = by_unit(bill)
    assert found["secrets, a month"] == 800_000
    # Five pollers, three polls a minute, 43,800 minutes, three queues, at 40 cents a million; little besides.
    assert 788_400 <= found["requests of SQS"] <= 810_000


def test_private_machines_cost_a_gateway() -> None:
    """By the hour, and its address as well: the price of a network without addresses is seen at once."""
    found = by_unit(idle_bill(template("private")))
    assert found["hours of a NAT gateway"] == 730 * 45_000
    assert found["hours of a public address"] == 730 * 5_000


def test_addresses_are_the_cheaper_way_for_a_fleet_of_usual_size() -> None:
    """What a network without them costs more is that of so many machines' addresses around the clock: the page says it.

    Each hour of an address is on its machine's bill, so a fleet that has grown beyond that sees it.
    """
    without = attrs.evolve(SHAPES["private"], slack=False)
    more = idle_bill(rendered(without)).total - idle_bill(template("new")).total
    machines = more / (730 * Rates().ipv4_per_hour)
    assert machines >= 10
    page = " ".join((Path(__file__).parents[3] / "docs/deploying.md").read_text(encoding="utf-8").split())
    assert f"the addresses of {machines:.0f} machines that run around the clock" in page


def test_what_watches_a_stack_is_on_the_bill() -> None:
    """An alarm by its metrics, a dashboard, and what nobody would put there without being told what it costs."""

    def watch(_names: Names) -> dict[str, dict[str, Any]]:
        stat = {"MetricStat": {"Metric": {}, "Period": 60, "Stat": "Sum"}}
        fast = {"MetricStat": {"Metric": {}, "Period": 10, "Stat": "Sum"}}
        return {
            "One": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "x", "Period": 300}},
            "Two": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [stat, stat, {"Expression": "a+b"}]}},
            "Fast": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [fast]}},
            "All": {"Type": "AWS::CloudWatch::CompositeAlarm"},
            "Board": {"Type": "AWS::CloudWatch::Dashboard"},
            "Key": {"Type": "AWS::KMS::Key"},
            "Filter": {"Type": "AWS::Logs::MetricFilter"},
            "Door": {
                "Type": "AWS::EC2::VPCEndpoint",
                "Properties": INSIDE,
            },
        }

    more = idle_bill(rendered(SHAPES["new"], [watch])).total - idle_bill(rendered(SHAPES["new"], [])).total
    alarms = 3 * 100_000 + 300_000 + 500_000
    assert more == alarms + 3_000_000 + 1_000_000 + 300_000 + 2 * 730 * 10_000


def test_what_every_stack_is_watched_by_can_be_left_out() -> None:
    """Then the dashboard and the alarms cost nothing; the metrics are published all the same."""
    bill, blind = idle_bill(template("new")), idle_bill(rendered(SHAPES["new"], []))
    assert blind.bare == bill.bare
    found = by_unit(blind)
    assert blind.total - blind.bare == found["metrics that are published, a month"] == 900_000


@pytest.mark.parametrize(
    ("resource", "field"),
    [
        ({"Type": "AWS::RDS::DBInstance"}, "Resources.New.Type"),
        ({"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(5 minutes)"}}, "ScheduleExpression"),
    ],
)
def test_what_nobody_has_priced_is_refused(resource: dict[str, Any], field: str) -> None:
    """A type that is new to the bill is not taken for free."""
    with pytest.raises(InvalidInput) as refused:
        idle_bill({"Resources": {"New": resource}})
    assert refused.value.field == field


def test_a_price_says_where_and_when() -> None:
    """Each has the page where AWS tells it, all have a day; none is a fraction of a micro-dollar."""
    data = json.loads(PRICES.read_text(encoding="utf-8"))
    assert date.fromisoformat(data["seen"]) <= date(2100, 1, 1)
    for price in data["prices"].values():
        assert re.fullmatch(r"https://aws\.amazon\.com/[a-z0-9/-]+/pricing/(?:[a-z-]+/)?", price["page"])
        assert type(price["micro_usd"]) is type(price["per"]) is int
    assert all(why for _, why in assumptions().values())


def test_functions_are_as_large_as_simulations_and_benches_take_them_for() -> None:
    """What a job costs is told for functions of this memory, and these are they."""
    functions = {
        name: one["Properties"]["MemorySize"]
        for name, one in template("new")["Resources"].items()
        if one["Type"] == "AWS::Lambda::Function"
    }
    assert functions.pop("SchedulesFunction") > Functions().memory
    assert set(functions.values()) == {Functions().memory}


def test_the_page_tells_what_is_added_up() -> None:
    """docs/deploying.md, to the cent: by what it is because of, in all, and what a private network adds."""
    page = (Path(__file__).parents[3] / "docs/deploying.md").read_text(encoding="utf-8")
    section = page.split("\n## What it costs while nobody uses it\n", 1)[1].split("\n## ", 1)[0]
    told = [
        float(amount) for amount in re.findall(r"^\| .+ \| (?:\*\*)?\$([0-9.]+)(?:\*\*)? \|$", section, re.MULTILINE)
    ]
    kinds = ("AWS::SecretsManager::Secret", "AWS::Lambda::EventSourceMapping", "AWS::Events::Rule", "AWS::S3::Bucket")
    bill = idle_bill(template("new"))
    bare = [line for line in bill.lines if line.name not in WATCHING]
    amounts = [sum(line.amount for line in bare if line.kind == kind) for kind in kinds]
    watching = [
        sum(line.amount for line in bill.lines if line.name == name)
        for name in ("custom_metric", "alarm_metric", "dashboard")
    ]
    assert told == [round(amount / DOLLAR, 2) for amount in (*amounts, bill.bare, *watching, bill.total)]
    private = attrs.evolve(SHAPES["private"], slack=False)
    more = idle_bill(rendered(private)).total - bill.total
    assert f"adds ${more / DOLLAR:.2f}" in section
    channel = idle_bill(template("private")).total - bill.total - more
    assert f"A channel of Slack adds ${channel / DOLLAR:.2f}" in section


def test_the_readme_tells_the_sums() -> None:
    """To the cent, without and with dashboard and alarms."""
    bill = idle_bill(template("new"))
    page = " ".join((Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8").split())
    bare, watched = (f"${amount / DOLLAR:.2f}" for amount in (bill.bare, bill.total))
    assert f"it costs {bare} a month at list price, {watched} with its dashboard and alarms" in page


def test_sums_are_of_whole_micro_dollars() -> None:
    """A line is rounded once, and the total is the sum of what is shown."""
    bill = idle_bill(template("new"))
    assert bill.total == sum(line.amount for line in bill.lines)
    assert money_text(bill.total).startswith("$7.")
