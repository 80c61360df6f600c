"""What a stack used, against answers as CloudWatch gives them; and what that cost at list prices."""

import json
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.stub import Stubber

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudwatch import StackUsage
from paddock.adapters.aws.cloudwatch.codes import CODES
from paddock.adapters.aws.cloudwatch.usage import used_by
from paddock.adapters.aws_codes import COMMON
from paddock.core.costs.services import MEMORY, RATES, Meter, service_costs
from paddock.core.errors import AccessDenied
from paddock.core.units import DAY, datetime_of
from tests.strategies import NOON

MIDNIGHT = NOON // DAY * DAY
USED = used_by(
    stack="prod",
    table="prod-table",
    indexes=["first"],
    queues=["https://sqs.eu-west-1.amazonaws.com/1/prod-jobs", "https://sqs.eu-west-1.amazonaws.com/1/prod-jobs-dead"],
    buckets=["prod-cache", ""],
    machines="/paddock/prod/machines",
)


class Watch:
    """CloudWatch with answers that are given before; it notes what it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        self.clients = Clients("eu-west-1")
        self.stub = Stubber(self.clients.cloudwatch)
        self.stub.activate()
        self.usage = StackUsage(self.clients, USED)
        self.asked: list[dict[str, Any]] = []
        self.clients.cloudwatch.meta.events.register("before-parameter-build.*.GetMetricData", self._note)

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self.asked.append(params)

    def answers(self, values: dict[str, list[tuple[int, float]]], more: str = "") -> None:
        """So many hours after midnight each of these was seen, by the query's id."""
        at = datetime_of(MIDNIGHT)
        results = [
            {
                "Id": name,
                "Label": name,
                "Timestamps": [at + timedelta(hours=hour) for hour, _ in seen],
                "Values": [value for _, value in seen],
                "StatusCode": "Complete",
            }
            for name, seen in values.items()
        ]
        self.stub.add_response(
            "get_metric_data", {"MetricDataResults": results, **({"NextToken": more} if more else {})}
        )

    def id_of(self, name: str, dimension: str) -> str:
        """The id under which the metric of this resource is asked for."""
        for number, query in enumerate(self.usage._queries):
            if query.name == name and dimension in query.dimensions.values():
                return f"m{number}"
        raise AssertionError(f"{name} of {dimension} is not asked for")


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    made = Watch(monkeypatch)
    yield made
    made.clients.close()


def test_every_part_is_asked_about_in_one_request(watch: Watch) -> None:
    """Functions, queues and dead letters, the table and its indexes, logs, buckets that there are."""
    watch.answers({})
    assert watch.usage.counts(MIDNIGHT, MIDNIGHT + DAY) == {}
    (asked,) = watch.asked
    named = {
        value["Value"] for query in asked["MetricDataQueries"] for value in query["MetricStat"]["Metric"]["Dimensions"]
    }
    assert named >= {"prod-dispatch", "prod-jobs", "prod-jobs-dead", "prod-table", "first", "prod-cache"}
    assert named >= {"/aws/lambda/prod-webhook", "/paddock/prod/machines"}
    assert "" not in named
    assert len({query["Id"] for query in asked["MetricDataQueries"]}) == len(asked["MetricDataQueries"])


def test_what_was_counted_on_that_day_is_added_up_over_pages_and_parts(watch: Watch) -> None:
    """What is of the day before or after does not count; a function's time counts by its memory."""
    runs, also = (watch.id_of("Invocations", f"prod-{name}") for name in ("dispatch", "schedules"))
    time = watch.id_of("Duration", "prod-schedules")
    watch.answers({runs: [(-1, 900.0), (0, 5.0), (23, 7.0)], time: [(3, 1000.0)]}, more="2")
    watch.answers({runs: [(12, 1.0), (24, 800.0)], also: [(1, 2.0)]})
    counts = watch.usage.counts(MIDNIGHT, MIDNIGHT + DAY)
    assert counts == {Meter.INVOCATIONS: 15, Meter.LAMBDA: 1_000 * MEMORY["schedules"]}


def test_what_is_stored_is_the_last_level_that_was_told(watch: Watch) -> None:
    """It is told at midnight, and may be of the day before."""
    watch.answers({watch.id_of("BucketSizeBytes", "prod-cache"): [(-24, 3.5 * 2**20), (-23, 9.0 * 2**20)]})
    assert watch.usage.counts(MIDNIGHT, MIDNIGHT + DAY) == {Meter.STORED: 4}


def test_what_was_not_found_is_unknown_and_not_nothing(watch: Watch) -> None:
    """A wrong name looks like silence: neither is a zero."""
    watch.answers({watch.id_of("Invocations", "prod-dispatch"): [(1, 1_000_000.0)]})
    found = {(one.service, one.what): one for one in watch.usage(MIDNIGHT, MIDNIGHT + DAY)}
    assert found["Lambda", "invocations"].amount == 200_000
    assert {one.amount for (_, what), one in found.items() if what != "invocations"} == {None}
    assert len(found) == len(Meter)


def test_a_refusal_is_one_of_our_errors(watch: Watch) -> None:
    """Which the report tells of, as of whatever could not be counted."""
    watch.stub.add_client_error("get_metric_data", "AccessDenied", http_status_code=403)
    with pytest.raises(AccessDenied):
        watch.usage(MIDNIGHT, MIDNIGHT + DAY)


def test_every_code_that_cloudwatch_documents_is_named() -> None:
    """None falls to its HTTP status."""
    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model("GetMetricData")
    codes = {str(shape.metadata.get("error", {}).get("code", shape.name)) for shape in model.error_shapes}
    assert codes
    assert codes <= CODES.keys() | COMMON.keys()


def test_prices_and_memory_are_those_of_the_stack() -> None:
    """Its own list of prices, and its template: they are written down twice, so that no function carries both."""
    stack = files("paddock.adapters.aws.stack")
    listed = json.loads(stack.joinpath("prices.json").read_text(encoding="utf-8"))["prices"]
    for meter, rate in RATES.items():
        if rate.micro_usd is not None:
            assert (rate.micro_usd, rate.per) == (listed[meter]["micro_usd"], listed[meter]["per"]), meter
    functions = yaml.safe_load(stack.joinpath("template", "functions.yml").read_text(encoding="utf-8"))
    assert {name: function["memory"] for name, function in functions.items() if name != "slack"} == MEMORY


def test_what_is_kept_is_paid_by_the_month() -> None:
    """A day of a GiB is a thirtieth of it, or so; unknown stays unknown."""
    (line,) = [one for one in service_costs({Meter.STORED: 1_024}) if one.service == "S3" and one.quantity]
    assert line.amount == 23_000 * 24 // 730
    assert {one.amount for one in service_costs({})} == {None}
