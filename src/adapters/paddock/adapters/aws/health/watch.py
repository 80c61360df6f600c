"""Whether somebody would be told: alarms, and the topic that they tell."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from paddock.adapters.aws.cloudwatch.codes import CODES as CLOUDWATCH
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.sns.codes import CODES as SNS
from paddock.adapters.aws.watching.alarms import definitions
from paddock.adapters.aws.watching.targets import USUAL
from paddock.core.health.finding import Finding, failure, fine, warning

ALARMS: Final = "alarms"
TOPIC: Final = "who is told"
REPORT: Final = "the daily report"
_PENDING: Final = "PendingConfirmation"
_GONE: Final = "Deleted"
"""What stands in the place of the ARN of a subscription that was ended: SNS lists it for some days more."""
_cloudwatch: Final = Asking(CLOUDWATCH)
_sns: Final = Asking(SNS)


@attrs.frozen(kw_only=True)
class Alarm:
    """An alarm of CloudWatch. ``tells`` is whether its actions are enabled and it has any."""

    name: str
    state: str
    help: str = ""
    tells: bool = True


def alarms(cloudwatch: Any, stack: str) -> tuple[Alarm, ...]:  # noqa: ANN401 - botocore makes the classes of clients as it runs
    """The stack's alarms, each by its name: other stacks' may begin with the same."""
    names = [f"{stack}-{one.name}" for one in definitions(USUAL)]
    kinds = ["MetricAlarm", "CompositeAlarm"]
    return tuple(
        _alarm(one)
        for page in _cloudwatch.pages(cloudwatch.describe_alarms, AlarmNames=names, AlarmTypes=kinds)
        for one in (*page.get("MetricAlarms", []), *page.get("CompositeAlarms", []))
    )


def _alarm(found: Mapping[str, Any]) -> Alarm:
    return Alarm(
        name=found["AlarmName"],
        state=found.get("StateValue", ""),
        help=found.get("AlarmDescription", ""),
        tells=bool(found.get("ActionsEnabled", True) and found.get("AlarmActions")),
    )


def judge_alarms(found: Sequence[Alarm], deploy: str) -> Iterator[Finding]:
    """Whether one rings, and whether each would be heard.

    Args:
        found: all that the stack has.
        deploy: the command that deploys the stack.
    """
    if not found:
        fix = f"leave `watch: false` out of stack.yml and {deploy}, or watch the metrics by other means"
        yield warning(ALARMS, "the stack has none", fix)
        return
    wrong = [
        failure(ALARMS, f"{one.name} rings", one.help or "docs/observing.md says what it means")
        for one in found
        if one.state == "ALARM"
    ]
    for one in found:
        if not one.tells:
            fix = f"`aws cloudwatch enable-alarm-actions --alarm-names {one.name}`, or {deploy}"
            wrong.append(warning(ALARMS, f"{one.name} tells nobody: its actions are disabled, or gone", fix))
    yield from wrong or [fine(ALARMS, f"{len(found)} are there, and none rings")]


def subscriptions(sns: Any, topic: str) -> Sequence[tuple[str, bool]]:  # noqa: ANN401 - as above
    """Who listens to a topic, and whether they have confirmed it."""
    return tuple(
        (f"{one['Protocol']} {one['Endpoint']}", one["SubscriptionArn"] != _PENDING)
        for page in _sns.pages(sns.list_subscriptions_by_topic, TopicArn=topic)
        for one in page["Subscriptions"]
        if one["SubscriptionArn"] != _GONE
    )


def judge_subscriptions(
    found: Sequence[tuple[str, bool]], deploy: str, *, what: str = ALARMS, wanted: bool = True
) -> Iterator[Finding]:
    """Whether anybody hears what a topic says.

    Args:
        found: who listens to it, and whether they have confirmed that.
        deploy: the command that deploys the stack.
        what: what it says.
        wanted: whether the stack's settings name somebody who is to hear it, or it is of no use without.
    """
    for name, confirmed in found:
        if not confirmed:
            fix = "follow the link in the e-mail that AWS has sent there; deploying again sends another one"
            yield warning(TOPIC, f"{what}: {name} has not confirmed that it wants to be told", fix)
    heard = [name for name, confirmed in found if confirmed]
    if heard:
        yield fine(TOPIC, f"{what}: {', '.join(heard)}")
    elif not found and wanted:
        setting = "email" if what == ALARMS else "report_email"
        fix = f"set `{setting}` in stack.yml and {deploy}, or subscribe something else to the topic"
        yield warning(TOPIC, f"nobody listens to the stack's topic for {what}", fix)
    elif not found:
        yield fine(TOPIC, f"{what}: nobody is to be told")
