"""What the control plane itself costs: what it used of AWS's services on a day, at list prices. Pure.

Source of the prices: AWS's price pages for us-east-1, without free tier, as the stack's own list has them
(``adapters/aws/stack/prices.json``, to which a test holds these). What AWS does not count for us stays unknown.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from paddock.core.costs.report import ServiceCost
from paddock.core.units import DAY, HOUR, MicroDollars, Span

_MONTH: Final[Span] = 730 * HOUR


class Meter(StrEnum):
    """What is counted. The words are those of the stack's list of prices, where that has one."""

    INVOCATIONS = "invocation"
    LAMBDA = "lambda_mib_ms"
    SQS = "sqs_request"
    READS = "dynamodb_read"
    WRITES = "dynamodb_write"
    LOGS = "log_byte"
    STORED = "s3_mib"
    S3_REQUESTS = "s3_request"
    ALARMS = "alarm_metric"
    FAST_ALARMS = "fast_alarm_metric"
    DASHBOARDS = "dashboard"
    METRICS = "custom_metric"
    SECRETS = "secrets"


@attrs.frozen
class Rate:
    """How a meter is shown and priced: ``micro_usd`` for ``per`` of it, or, if ``monthly``, for having that a month."""

    service: str
    what: str
    unit: str
    micro_usd: MicroDollars | None
    per: int = 1
    monthly: bool = False

    def amount(self, quantity: int | None, span: Span) -> MicroDollars | None:
        """What so much of it costs in that time; None if that is not known."""
        if quantity is None or self.micro_usd is None:
            return None
        if self.monthly:
            return self.micro_usd * quantity * span // (self.per * _MONTH)
        return self.micro_usd * quantity // self.per


RATES: Final[Mapping[Meter, Rate]] = {
    Meter.INVOCATIONS: Rate("Lambda", "invocations", "invocations", 200_000, 1_000_000),
    Meter.LAMBDA: Rate("Lambda", "time, at the template's memory", "MiB-milliseconds", 13_333_300, 1_024_000_000_000),
    Meter.SQS: Rate("SQS", "messages and empty polls: no more requests than these", "requests", 400_000, 1_000_000),
    Meter.READS: Rate("DynamoDB", "reads", "read units", 125_000, 1_000_000),
    Meter.WRITES: Rate("DynamoDB", "writes", "write units", 625_000, 1_000_000),
    Meter.LOGS: Rate("CloudWatch", "logs", "bytes taken in", 500_000, 1 << 30),
    Meter.ALARMS: Rate("CloudWatch", "alarms", "metrics in them", 100_000, monthly=True),
    Meter.FAST_ALARMS: Rate("CloudWatch", "alarms by less than a minute", "metrics in them", 300_000, monthly=True),
    Meter.DASHBOARDS: Rate("CloudWatch", "dashboard", "dashboards", 3_000_000, monthly=True),
    Meter.METRICS: Rate("CloudWatch", "the fleet's metrics: no more than these", "metrics", 300_000, monthly=True),
    Meter.STORED: Rate("S3", "storage", "MiB", 23_000, 1_024, monthly=True),
    Meter.S3_REQUESTS: Rate("S3", "requests: not counted", "requests", None),
    Meter.SECRETS: Rate("Secrets Manager", "secrets: not counted", "secrets", None),
}

STANDING: Final = frozenset({Meter.ALARMS, Meter.FAST_ALARMS, Meter.DASHBOARDS, Meter.METRICS})
"""What is paid for being there, and is counted as it stands when somebody asks; everything else, as it was used."""

MEMORY: Final[Mapping[str, int]] = {"webhook": 256, "dispatch": 256, "events": 256, "reports": 256, "schedules": 448}
"""MiB of each function, as the stack's template has it; a test holds them to it.

Not of the one that tells a channel of Slack: it has some messages a day, and most stacks do not have it."""


def service_costs(
    counts: Mapping[Meter, int], span: Span = DAY, why: Mapping[Meter, str] | None = None
) -> Sequence[ServiceCost]:
    """A line for each meter. What is not among the counts is not known, and neither is what it cost.

    Args:
        counts: by meter, as far as they are known.
        span: the time that they are of.
        why: what kept a meter from being counted, where something failed.
    """
    told = why or {}
    return [
        ServiceCost(
            service=rate.service,
            what=rate.what,
            quantity=counts.get(meter),
            unit=rate.unit,
            amount=rate.amount(counts.get(meter), span),
            why=told.get(meter, ""),
        )
        for meter, rate in RATES.items()
    ]
