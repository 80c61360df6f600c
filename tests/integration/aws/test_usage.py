"""What a stack used, against answers as CloudWatch gives them; and what that cost at list prices."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.stub import Stubber

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudwatch.codes import CODES
from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.aws.cloudwatch.usage import LISTED, StackUsage, Used, used_by
from paddock.adapters.aws.stack.idle import idle_bill
from paddock.adapters.aws_codes import COMMON
from paddock.core.costs.report import failures_of, spent_on
from paddock.core.costs.services import MEMORY, RATES, STANDING, Meter, service_costs
from paddock.core.errors import AccessDenied
from paddock.core.units import DAY, HOUR, datetime_of
from tests.aws.shapes import made, template
from tests.strategies import NOON

MIDNIGHT = NOON // DAY * DAY


def used(stack: str) -> Used:
    """A stack of this name."""
    address = f"https://sqs.eu-west-1.amazonaws.com/1/{stack}"
    return used_by(
        stack=stack,
        table=stack,
        indexes=["first"],
        queues=[f"{address}-{word}{dead}" for word in ("jobs", "events", "reports") for dead in ("", "-dead")],
        buckets=[f"{stack}-cache", ""],
        machines=f"/paddock/{stack}/machines",
    )


class Watch:
    """CloudWatch with answers that are given before; it notes what it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stack: str = "prod") -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        self.clients = Clients("eu-west-1")
        self.stub = Stubber(self.clients.cloudwatch)
        self.stub.activate()
        self.usage = StackUsage(self.clients, used(stack))
        self.asked: list[dict[str, Any]] = []
        self.clients.cloudwatch.meta.events.register("before-parameter-build.*.GetMetricData", self._note)

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self.asked.append(params)

    def stands(
        self,
        alarms: Sequence[dict[str, Any]] = (),
        dashboards: Sequence[str] = (),
        metrics: int = 0,
        *,
        listed: bool = True,
    ) -> None:
        """What stands, each list in two pages; of a long time metrics are not `listed`."""
        for first, part in ((True, alarms[:1]), (False, alarms[1:])):
            self._page("describe_alarms", "MetricAlarms", list(part), more=first)
        for first, part_ in ((True, dashboards[:1]), (False, dashboards[1:])):
            self._page("list_dashboards", "DashboardEntries", [{"DashboardName": name} for name in part_], more=first)
        if listed:
            self._page("list_metrics", "Metrics", [{"MetricName": "JobsQueued"}] * metrics, more=True)
            self._page("list_metrics", "Metrics", [], more=False)

    def _page(self, operation: str, key: str, items: list[Any], *, more: bool) -> None:
        self.stub.add_response(operation, {key: items, **({"NextToken": "2"} if more else {})})

    def refuses(self, *operations: str) -> None:
        """The next call is one of these and is not allowed, and so are the others."""
        for operation in operations:
            self.stub.add_client_error(operation, "AccessDenied", operation, http_status_code=403)

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
    assert named >= {"prod-dispatch", "prod-jobs", "prod-jobs-dead", "prod", "first", "prod-cache"}
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
    """A wrong name looks like silence: neither is a zero. A list in which nothing is, is one."""
    watch.answers({watch.id_of("Invocations", "prod-dispatch"): [(1, 1_000_000.0)]})
    watch.stands()
    found = dict(zip(RATES, watch.usage(MIDNIGHT, MIDNIGHT + DAY), strict=True))
    assert found[Meter.INVOCATIONS].amount == 200_000
    assert {found[meter].amount for meter in STANDING} == {0}
    assert {one.amount for meter, one in found.items() if meter not in {Meter.INVOCATIONS, *STANDING}} == {None}
    assert failures_of(list(found.values())) == []


@pytest.mark.parametrize("environment", ["dev", "dev-jobs"])
def test_what_stands_is_what_the_template_makes(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every alarm of the stack and its dashboard, at the idle bill's prices, and nothing of a stack called alike."""
    stack = f"paddock-{environment}"
    watch = Watch(monkeypatch, stack=stack)
    both = [made(environment=each) for each in ("dev", "dev-jobs")]
    alarms = [alarm for one in both for alarm in one.of("AWS::CloudWatch::Alarm").values()]
    named = template("new")["Resources"]["Dashboard"]["Properties"]["DashboardName"]
    boards = [str(one.worked_out(named)) for one in both]
    watch.answers({})
    watch.stands([alarm for alarm in alarms if alarm["AlarmName"].startswith(stack)], boards, metrics=3)
    found = dict(zip(RATES, watch.usage(MIDNIGHT, MIDNIGHT + DAY), strict=True))
    watch.clients.close()
    bill = {line.name: line for line in idle_bill(template("new")).lines}
    for meter in (Meter.ALARMS, Meter.DASHBOARDS, Meter.METRICS):
        assert found[meter].quantity == bill[meter].quantity
        assert found[meter].amount == bill[meter].amount * 24 // 730
    assert (found[Meter.FAST_ALARMS].quantity, Meter.FAST_ALARMS in bill) == (0, False)


def test_an_alarm_that_looks_more_often_is_dearer(watch: Watch) -> None:
    """Its metrics are counted apart; one on what is not the stack's is not counted."""
    ours, others = ([{"Name": "QueueName", "Value": name}] for name in ("prod-jobs", "prod-else"))
    metric = {"MetricName": "NumberOfMessagesSent", "Namespace": "AWS/SQS", "Period": 10}
    watch.answers({})
    watch.stands([{**metric, "Dimensions": ours}, {**metric, "Dimensions": others}, {**metric, "Dimensions": ours}])
    found = dict(zip(RATES, watch.usage(MIDNIGHT, MIDNIGHT + 730 * HOUR // 100), strict=True))
    assert (found[Meter.ALARMS].quantity, found[Meter.FAST_ALARMS].quantity) == (0, 2)
    assert found[Meter.FAST_ALARMS].amount == 6_000


def test_of_a_longer_time_than_they_are_listed_metrics_are_unknown(watch: Watch) -> None:
    """The list is no bound then, and is not asked for."""
    watch.answers({})
    watch.stands(listed=False)
    found = dict(zip(RATES, watch.usage(MIDNIGHT, MIDNIGHT + LISTED + 1), strict=True))
    assert (found[Meter.METRICS].quantity, found[Meter.DASHBOARDS].quantity) == (None, 0)
    watch.stub.assert_no_pending_responses()


def test_what_one_call_did_not_say_is_unknown_and_the_rest_is_told(watch: Watch) -> None:
    """Each line says what failed, and no other line does."""
    watch.refuses("get_metric_data", "describe_alarms")
    watch._page("list_dashboards", "DashboardEntries", [{"DashboardName": "prod-eu-west-1"}], more=False)
    watch._page("list_metrics", "Metrics", [], more=False)
    found = dict(zip(RATES, watch.usage(MIDNIGHT, MIDNIGHT + DAY), strict=True))
    assert spent_on(found.values()) == found[Meter.DASHBOARDS].amount == 3_000_000 * 24 // 730
    assert {found[meter].quantity for meter in (Meter.ALARMS, Meter.FAST_ALARMS, Meter.SQS)} == {None}
    assert "describe_alarms" in found[Meter.ALARMS].why
    assert "get_metric_data" in found[Meter.SQS].why
    assert len(failures_of(list(found.values()))) == 2
    assert {found[meter].why for meter in (Meter.DASHBOARDS, Meter.METRICS, Meter.S3_REQUESTS, Meter.SECRETS)} == {""}


def test_a_refusal_of_everything_is_one_of_our_errors(watch: Watch) -> None:
    """Which the report tells of, as of whatever could not be counted."""
    watch.refuses("get_metric_data", "describe_alarms", "list_dashboards", "list_metrics")
    with pytest.raises(AccessDenied, match="get_metric_data"):
        watch.usage(MIDNIGHT, MIDNIGHT + DAY)


@pytest.mark.parametrize("operation", [action.partition(":")[2] for one in METRICS for action in one["Action"]])
def test_every_code_that_cloudwatch_documents_is_named(operation: str) -> None:
    """None falls to its HTTP status, of whatever the policy allows to be called."""
    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model(operation)
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
