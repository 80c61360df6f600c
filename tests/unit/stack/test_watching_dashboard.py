"""The dashboard: in CloudWatch's structure, of metrics that there are, and with data once a fleet has run."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from paddock.adapters.aws.watching.dashboard import COLUMNS, dashboard_body
from paddock.adapters.aws.watching.drawn import drawn
from paddock.adapters.aws.watching.evaluation import State
from paddock.adapters.aws.watching.maths import evaluate
from paddock.adapters.aws.watching.names import Names
from paddock.adapters.aws.watching.picture import picture
from paddock.adapters.aws.watching.samples import Samples
from paddock.adapters.aws.watching.widgets import MORE, PLANNED, View, Widget
from paddock.adapters.memory.machines import Shortage
from paddock.adapters.telemetry.catalogue import Emitter, catalogue
from paddock.core.costs.ledger import day_of
from paddock.core.settings import FleetSettings, Limits
from paddock.core.units import DAY, HOUR, MINUTE
from tests.strategies import NOON
from tests.world.watched import NAMES, Watched
from tests.world.world import REPOSITORY

SCHEMA = json.loads((Path(__file__).parents[2] / "dashboard_body.schema.json").read_text(encoding="utf-8"))
ALARM = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:paddock-ci-queue-age"
BODY = dashboard_body(NAMES, "eu-west-1", [ALARM])
WIDGETS = (*PLANNED, *MORE)


def wrong(body: object) -> list[str]:
    """Why the body is none of CloudWatch's."""
    Draft202012Validator.check_schema(SCHEMA)
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(body)]


@pytest.mark.parametrize("alarms", [[], [ALARM]], ids=["without alarms", "with alarms"])
def test_the_body_is_what_cloudwatch_documents(alarms: list[str]) -> None:
    """Structure, limits, and no widget on another."""
    body = dashboard_body(NAMES, "eu-west-1", alarms)
    assert wrong(body) == []
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        assert widget["x"] + widget["width"] <= COLUMNS
        cells = {(widget["x"] + x, widget["y"] + y) for x in range(widget["width"]) for y in range(widget["height"])}
        assert not cells & taken
        taken |= cells
    assert len(json.dumps(body)) < 51_200  # what a CloudFormation template may have in all


@pytest.mark.parametrize(
    "spoil",
    [
        lambda properties: properties.pop("region"),
        lambda properties: properties.update(period=30),
        lambda properties: properties.update(view="line"),
        lambda properties: properties["metrics"].append(["AWS/SQS"]),
        lambda properties: properties["metrics"].append([{"label": "no expression"}]),
    ],
    ids=["no region", "half a minute", "no such view", "no name", "no expression"],
)
def test_the_schema_refuses_what_cloudwatch_would(spoil: Any) -> None:  # noqa: ANN401 - it changes data in place
    """Else it would say nothing about ours."""
    body = json.loads(json.dumps(BODY))
    spoil(body["widgets"][0]["properties"])
    assert wrong(body) != []


def test_the_twelve_of_the_plan_are_three_rows_of_four() -> None:
    """At the top, in this order."""
    first = BODY["widgets"][:12]
    assert [widget["properties"]["title"] for widget in first] == [widget.title for widget in PLANNED]
    assert [(widget["x"], widget["y"]) for widget in first] == [(x, y) for y in (0, 6, 12) for x in (0, 6, 12, 18)]
    assert [widget["properties"]["period"] for widget in first] == [*[300] * 4, 60, 3600, *[300] * 3, 3600, 300, 300]


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.title)
def test_a_widget_refers_to_what_there_is(widget: Widget) -> None:
    """To metrics of the catalogue, with the values of dimensions that are emitted; in maths that is known."""
    assert widget.answers.endswith((".", "?"))
    ids = [query.id for query in widget.queries]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]\w*", one) for one in ids)
    assert all(query.key(NAMES) for query in widget.queries)
    series = dict.fromkeys(ids, (1.0, None))
    assert all(len(evaluate(line.expression, series)) == 2 for line in widget.lines)


def test_every_series_of_a_name_is_shown_where_one_is() -> None:
    """A reason, a service or a function that is left out of its widget would never be seen."""
    shown = {query.metric().series for widget in WIDGETS for query in widget.queries}
    names = {series.partition("{")[0] for series in shown}
    own = [metric for metric in catalogue().metrics if metric.emitted is not Emitter.AWS]
    assert {metric.series for metric in own if metric.name in names} - shown == set()


@pytest.fixture(scope="module")
def day() -> Watched:
    """A day in which much happens: limits, shortages, interruptions, a dead machine, a red job."""
    settings = FleetSettings(repositories=(REPOSITORY,), limits=Limits(machines=6))
    world = Watched(settings)
    world.run(10 * MINUTE)
    world.push_jobs(9)  # more than there may be
    world.run(HOUR)
    world.region.shortages.append(Shortage())
    world.push_job()
    world.run(10 * MINUTE)
    world.region.shortages.clear()
    jobs = [world.push_job(lasts=3 * HOUR) for _ in range(4)]
    world.run(10 * MINUTE)
    for job in jobs:
        world.reclaim(world.record(job).machine or "")
    world.run(HOUR)
    world.push_job(ends="failure")
    dead = world.push_job()
    world.run(0)
    world.silence(world.record(dead).machine or "")
    world.run(NOON + DAY - world.clock.now())
    world.changes()
    return world


# What no simulated fleet has: pools, requests to AWS and GitHub, and the functions of Lambda.
ELSEWHERE = {
    *("Pools", "Requests that failed", "GitHub's budget"),
    *("Functions: errors and throttles", "Functions: p95 of a call, ms"),
}


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget.title)
def test_every_widget_has_data_once_a_fleet_has_run(day: Watched, widget: Widget) -> None:
    """Out of its own log lines."""
    lines = drawn(widget, NAMES, day.metrics.samples, NOON, NOON + DAY)
    assert any(line.last is not None for line in lines) is (widget.title not in ELSEWHERE)


def test_what_the_widgets_say_of_the_day_is_what_happened(day: Watched) -> None:
    """Shares within bounds, and the day's cost to the micro-dollar."""
    by_title = {widget.title: drawn(widget, NAMES, day.metrics.samples, NOON, NOON + DAY) for widget in WIDGETS}
    shares = [point for point in by_title["Jobs served, %"][0].points if point is not None]
    assert min(shares) < 100
    assert max(shares) == 100
    assert all(0 <= share <= 100 for share in shares)
    days = sorted({day_of(NOON), day_of(NOON + DAY)})
    bills = [bill for name in days for bill in day.table.ledger.page("day", name, limit=1000).items]
    spent = sum(bill.total or 0 for bill in bills)
    assert by_title["Cost today, $"][0].last == spent / 1_000_000
    reasons = {line.label for line in by_title["Launches that failed"] if line.last is not None}
    assert reasons >= {"capacity", "machine"}
    assert {line.label for line in by_title["Jobs held back"] if line.last is not None} == {"machine limit"}
    assert max(point or 0 for point in by_title["Circuits"][0].points) > 0
    columns = zip(*(line.points for line in by_title["Machines"]), strict=True)
    sizes = [sum(point or 0 for point in column) for column in columns]
    assert 0 < max(sizes) <= 6


def test_a_red_test_was_served() -> None:
    """It is no failure of ours: in the share of jobs served, and in no alarm."""
    world = Watched()
    world.push_job(ends="failure")
    world.run(HOUR)
    changes = world.changes()
    (widget,) = (one for one in PLANNED if one.title == "Jobs served, %")
    (line,) = drawn(widget, NAMES, world.metrics.samples, NOON, NOON + HOUR)
    assert line.last == 100
    assert all(change.state is State.OK for change in changes)


def test_the_picture_is_drawn_of_it(day: Watched) -> None:
    """An SVG with a card for each widget, which says so where there is no data, and loads nothing."""
    root = ET.fromstring(picture(NAMES, day.metrics.samples, NOON, NOON + DAY))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {widget.title for widget in WIDGETS} <= set(texts)
    assert texts.count("no data") == len(ELSEWHERE)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "rect", "text", "path"}


def test_an_empty_picture_is_one() -> None:
    """Before anything was published."""
    root = ET.fromstring(picture(NAMES, Samples(), NOON, NOON + HOUR))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("no data") == len(WIDGETS)


def test_names_that_cloudformation_fills_in_stay_in_the_body() -> None:
    """For the template to put ``Fn::Sub`` around its JSON; and nothing else in it looks like one."""
    names = Names(
        stack="${AWS::StackName}",
        queues={name: f"${{{name}.QueueName}}" for name in NAMES.queues},
        dead={name: f"${{{name}Dead.QueueName}}" for name in NAMES.dead},
        functions={name: f"${{{name}Function}}" for name in NAMES.functions},
        table="${Table}",
    )
    text = json.dumps(dashboard_body(names, "${AWS::Region}"))
    assert wrong(json.loads(text)) == []
    found = set(re.findall(r"\$\{([A-Za-z:.]+)\}", text))
    assert found >= {"AWS::StackName", "AWS::Region", "jobs.QueueName", "Table", "dispatchFunction"}
    assert text.count("${") == sum(text.count(f"${{{name}}}") for name in found)


def test_a_number_is_a_number() -> None:
    """The one widget that shows one has one line."""
    numbers = [widget for widget in WIDGETS if widget.view is View.NUMBER]
    assert [len(widget.lines) for widget in numbers] == [1]
