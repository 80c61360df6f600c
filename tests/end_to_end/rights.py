"""What whole fleets called, held against the roles of those who called."""

from paddock.adapters.aws.roles import SLACK
from tests.aws.recorded import MACHINE, NOBODY, Call
from tests.aws.rights import denied, granted, judged, polled
from tests.aws.weather import EVERYBODY
from tests.aws.whole import HANDLERS, Whole

OF_POOLS = frozenset(
    {
        ("dispatch", "ec2:StartInstances"),
        *(("schedules", f"ec2:{word}Instances") for word in ("Run", "Start", "Stop", "Terminate")),
        *(("schedules", f"ec2:{word}") for word in ("CreateFleet", "CreateTags", "DescribeInstanceTypeOfferings")),
        ("schedules", "iam:PassRole"),
    }
)
"""What a role allows for the sake of pools, (function, action); a machine that does not end by itself is ended, too."""

RARE: dict[tuple[str, str], str] = {
    ("webhook", "logs:CreateLogStream"): "Lambda writes the log",
    ("webhook", "logs:PutLogEvents"): "Lambda writes the log",
    **{
        (function, action): why
        for function in ("dispatch", "events", "reports", "schedules")
        for action, why in {
            "logs:CreateLogStream": "Lambda writes the log",
            "logs:PutLogEvents": "Lambda writes the log",
            "sqs:GetQueueAttributes": "Lambda asks for them, and the pump has no need to",
            "s3:ListBucket": "no call asks for it: it has S3 say that the configuration is not there",
            "sqs:SendMessage": "a job that is queued again, or a text that nobody can read",
            "sqs:ChangeMessageVisibility": "a message that must come back",
            "dynamodb:BatchGetItem": "a listing of records: they may be none just then",
            "dynamodb:Query": "as before",
            "dynamodb:DeleteItem": "a shortage that is over; an assignment of a machine that is gone",
            "dynamodb:PutItem": "a record that another function wrote first",
        }.items()
    },
    ("dispatch", "ec2:DescribeInstances"): "a token that EC2 takes as reused",
    ("dispatch", "ec2:TerminateInstances"): "a machine whose job has moved on while it was started",
    ("reports", "ec2:DescribeInstances"): "a machine without a record that speaks",
    **dict.fromkeys(OF_POOLS, "these fleets have no pools: `test_pools_on_aws` needs all of it"),
    **{("schedules", f"sqs:{action}"): "no letter of theirs is dead" for action in ("ReceiveMessage", "DeleteMessage")},
    **{
        ("schedules", f"s3:{action}"): "these fleets have no mirror"
        for action in ("PutObject", "DeleteObject", "AbortMultipartUpload")
    },
    **{
        ("schedules", action): "once a day"
        for action in (
            "pricing:GetProducts",
            "ec2:DescribeSpotPriceHistory",
            *("cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"),
            *("cloudwatch:ListDashboards", "cloudwatch:ListMetrics"),
            "sns:Publish",
        )
    },
    **{
        (SLACK, action): "nobody has told these fleets of a channel: `test_slack_function` needs all of it"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue")
    },
    (MACHINE, "s3:GetObject"): "the machines of these tests have no mirror",
}
"""What a role allows and no weather is sure to need."""


def calls_of(fleet: Whole) -> list[Call]:
    """What needed somebody's right; whoever is nobody has none."""
    recorded = fleet.wire.recorded
    return [*recorded.of(*EVERYBODY, NOBODY.function), *polled(recorded.of("pump"), HANDLERS)]


def allowed(fleet: Whole) -> None:
    """No function and no machine called what its role does not allow."""
    refused = denied(calls_of(fleet), fleet.stack)
    assert not refused, "\n".join(refused)


def idle(fleet: Whole) -> set[tuple[str, str]]:
    """The actions of which no grant was needed, (function, action)."""
    used = judged(calls_of(fleet), fleet.stack).used
    return {(one.function, one.action) for one in granted()} - {(one.function, one.action) for one in used}
