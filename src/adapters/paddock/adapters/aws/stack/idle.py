"""What a stack costs in a month in which no job comes: added up from its template, at list prices without free tier.

Whatever costs by the hour or by the month is found in the template; what the stack does by itself (Lambda polls the
queues, the clock calls housekeeping) is counted by assumptions that are data as well, `assumed` in ``prices.json``.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import attrs

from paddock.core.errors import InvalidInput
from paddock.core.units import MicroDollars

Resource = Mapping[str, Any]
Counted = Mapping[str, int]

FREE: Final = frozenset(
    {
        "AWS::Budgets::Budget",  # without actions
        "AWS::DynamoDB::Table",  # by its requests, which are counted with who makes them
        "AWS::EC2::InternetGateway",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Function",  # by its invocations, which are counted with who causes them
        "AWS::Lambda::Permission",
        "AWS::Lambda::Url",
        "AWS::Logs::LogGroup",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    }
)
"""Types that cost nothing by being there."""


WATCHING: Final = frozenset({"alarm_metric", "fast_alarm_metric", "composite_alarm", "dashboard", "custom_metric"})
"""The prices of being watched."""

FIVE: Final = 5
"""So many runs of housekeeping are counted together: some tasks are due in one of five."""


@attrs.frozen
class Price:
    """What ``per`` of something cost."""

    micro_usd: MicroDollars
    per: int
    unit: str
    page: str


@attrs.frozen
class Line:
    """One line of the bill: so many of ``price.unit``, because of resources of one type. ``name`` is the price's."""

    kind: str
    name: str
    quantity: int
    price: Price

    @property
    def amount(self) -> MicroDollars:
        """What it comes to, rounded to the next whole micro-dollar."""
        return (self.quantity * self.price.micro_usd + self.price.per // 2) // self.price.per


@attrs.frozen
class Bill:
    """A month without a job. ``region`` and ``seen`` are those of the prices, ``how`` says where they come from."""

    lines: tuple[Line, ...]
    region: str
    seen: str
    how: str

    @property
    def total(self) -> MicroDollars:
        """All lines together."""
        return sum(line.amount for line in self.lines)

    @property
    def bare(self) -> MicroDollars:
        """What the stack costs by itself: without dashboard, alarms, and the metrics that it publishes for them."""
        return sum(line.amount for line in self.lines if line.name not in WATCHING)


@cache
def _data() -> Any:  # noqa: ANN401 - JSON
    text = files("paddock.adapters.aws.stack").joinpath("prices.json").read_text(encoding="utf-8")
    return json.loads(text)


def assumed(name: str) -> int:
    """An assumption by its name."""
    value: int = _data()["assumed"][name]["value"]
    return value


def assumptions() -> Mapping[str, tuple[int, str]]:
    """Every assumption and why, for whoever wants to doubt it."""
    return {name: (one["value"], one["why"]) for name, one in _data()["assumed"].items()}


def idle_bill(template: Mapping[str, Any]) -> Bill:
    """The bill of a stack of this template. What is made on a condition is counted as if it were made.

    Raises:
        InvalidInput: it has a type of which nobody has said what it costs.
    """
    resources: Mapping[str, Resource] = template["Resources"]
    counted: Counter[tuple[str, str]] = Counter()
    for name, resource in resources.items():
        kind = resource["Type"]
        for price, quantity in _counted(name, resource, resources).items():
            counted[kind, price] += quantity
    prices = {name: Price(**one) for name, one in _data()["prices"].items()}
    lines = [
        Line(kind, price, quantity, prices[price]) for (kind, price), quantity in sorted(counted.items()) if quantity
    ]
    return Bill(tuple(lines), _data()["region"], _data()["seen"], _data()["how"])


def _counted(name: str, resource: Resource, resources: Mapping[str, Resource]) -> Counted:
    kind = resource["Type"]
    if kind in FREE:
        return {}
    rule = _RULES.get(kind)
    if rule is None:
        raise InvalidInput(f"Resources.{name}.Type", kind, "must be in FREE or _RULES in adapters/aws/stack/idle.py")
    return rule(resource.get("Properties", {}), resources)


def _mapping(_properties: Resource, _resources: Mapping[str, Resource]) -> Counted:
    polls = assumed("hours") * 3600 // assumed("poll_seconds")
    return {"sqs_request": assumed("pollers") * polls}


def _rule(properties: Resource, resources: Mapping[str, Resource]) -> Counted:
    """A rule costs nothing: EC2's own events and the clock's are free. What the clock calls does."""
    expression = properties.get("ScheduleExpression")
    if expression is None:
        return {}
    if expression != "rate(1 minute)":
        raise InvalidInput("ScheduleExpression", expression, "must be rate(1 minute), or be counted in idle.py")
    runs = assumed("hours") * 60
    memory = 0
    for target in properties["Targets"]:
        logical, _ = target["Arn"]["Fn::GetAtt"]
        memory += resources[logical]["Properties"]["MemorySize"]
    return {
        "invocation": runs,
        "lambda_mib_ms": runs * memory * assumed("run_ms"),
        "dynamodb_read": runs * assumed("reads") // FIVE,
        "dynamodb_write": runs * assumed("writes") // FIVE,
        "sqs_request": runs * assumed("queue_requests") // FIVE,
        "log_byte": runs * assumed("log_bytes") // FIVE,
        "custom_metric": assumed("metrics"),
    }


def _bucket(properties: Resource, _resources: Mapping[str, Resource]) -> Counted:
    """What lies in the cache stands for what lies in all of them: the archive is empty where no job comes."""
    if "-cache-" in str(properties.get("BucketName")):
        return {"s3_mib": assumed("stored_mib"), "s3_request": assumed("s3_requests")}
    return {}


def _alarm(properties: Resource, _resources: Mapping[str, Resource]) -> Counted:
    metrics = [one["MetricStat"] for one in properties.get("Metrics", []) if "MetricStat" in one]
    periods = [one["Period"] for one in metrics] or [properties.get("Period", 60)]
    fast = sum(1 for period in periods if period < 60)  # noqa: PLR2004 - seconds in a minute
    return {"alarm_metric": len(periods) - fast, "fast_alarm_metric": fast}


def _endpoint(properties: Resource, _resources: Mapping[str, Resource]) -> Counted:
    if properties.get("VpcEndpointType", "Gateway") == "Gateway":
        return {}
    return {"endpoint_hour": assumed("hours") * max(1, len(properties.get("SubnetIds", [])))}


def _each(price: str) -> Callable[[Resource, Mapping[str, Resource]], Counted]:
    return lambda _properties, _resources: {price: 1}


def _hourly(price: str) -> Callable[[Resource, Mapping[str, Resource]], Counted]:
    return lambda _properties, _resources: {price: assumed("hours")}


_RULES: Final[Mapping[str, Callable[[Resource, Mapping[str, Resource]], Counted]]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _each("composite_alarm"),
    "AWS::CloudWatch::Dashboard": _each("dashboard"),
    "AWS::EC2::EIP": _hourly("address_hour"),
    "AWS::EC2::NatGateway": _hourly("nat_hour"),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::Events::Rule": _rule,
    "AWS::KMS::Key": _each("key"),
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Logs::MetricFilter": _each("custom_metric"),
    "AWS::S3::Bucket": _bucket,
    "AWS::SecretsManager::Secret": _each("secret"),
}
