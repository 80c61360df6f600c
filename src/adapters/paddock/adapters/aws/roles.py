"""What each function's role may do, and the machines' two: statements of the adapters' policies, and nothing else.

To be filled in, besides what `ec2.policy` names: ``{table_arn}``, ``{machine_role_id}``; ``{jobs_arn}``,
``{events_arn}``, ``{reports_arn}`` and their dead-letter queues ``{jobs_dead_arn}``, ``{events_dead_arn}``,
``{reports_dead_arn}``; ``{config_bucket_arn}``, ``{cache_bucket_arn}``, ``{archive_bucket_arn}``;
``{reports_topic_arn}``; ``{github_secret_arn}``, ``{webhook_secret_arn}`` and ``{slack_secret_arn}``;
``{function_log_group_arn}`` (the function's own) and ``{machine_log_group_arn}``.

A function's queue is polled by Lambda in the function's name ("AWS Lambda Developer Guide", the execution role of an
event source mapping), and its log is written in its name.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from paddock.adapters.aws.ce.policy import COSTS as COSTS_READER
from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.aws.dynamodb.policy import ASSIGNMENTS, HANDOVER, RECORDS
from paddock.adapters.aws.ec2.policy import LAUNCHER, MACHINES, OBSERVER, POOLER, TERMINATOR, WAKER
from paddock.adapters.aws.pricing.policy import PRICES
from paddock.adapters.aws.s3.policy import IN_FOLDER, KEEPER, LISTER, MIRROR
from paddock.adapters.aws.sns.policy import PUBLISHER
from paddock.adapters.aws.sqs.policy import CONSUMER, OPERATOR, PRODUCER
from paddock.adapters.aws_http.policy import SECRET_READER
from paddock.core.archive import FOLDER as OLD_JOBS
from paddock.core.pools.audit import FOLDER as POOL_AUDITS
from paddock.core.records import SHORTAGES, Kind
from paddock.core.usecases.costs.keep_prices import FOLDER as PRICE_LIST
from paddock.core.usecases.costs.reports import FOLDER as COSTS
from paddock.core.usecases.house.mirror import FOLDER

Statement: TypeAlias = Mapping[str, Any]

_REMOVE: Final = "dynamodb:DeleteItem"
_PUT: Final = "dynamodb:PutItem"

SLACK: Final = "slack"
"""The function that only a stack with a channel of Slack has."""

MACHINE: Final = "machine"
"""The key under which the machines' role stands in `ROLES`."""

SHIPPER: Final = "shipper"
"""The key of the role that a machine takes on to ship its log: its session is one machine's, by the tag `machine`."""

_SHIPPER_ARN: Final = "arn:{partition}:iam::{account}:role/{fleet}-{region}-shipper"
"""By its name: it trusts the machines' role, so that one cannot be made of the other's ARN."""


def filled(statements: Sequence[Statement], names: Mapping[str, str]) -> tuple[Statement, ...]:
    """The statements with these placeholders replaced; all others stay.

    Args:
        statements: of IAM.
        names: by placeholder, without its braces.
    """
    return tuple({key: _filled(value, names) for key, value in statement.items()} for statement in statements)


def _filled(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - plain data of any shape
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(inner, names) for key, inner in value.items()}
    return [_filled(inner, names) for inner in value]


def _but(statements: Sequence[Statement], *actions: str) -> tuple[Statement, ...]:
    """The statements without these actions."""
    left = [{**one, "Action": [each for each in one["Action"] if each not in actions]} for one in statements]
    return tuple(one for one in left if one["Action"])


def _log() -> tuple[Statement, ...]:
    return (
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": ["{function_log_group_arn}:*"],
        },
    )


def _sends_to(queue: str) -> tuple[Statement, ...]:
    return filled(PRODUCER, {"queue_arn": f"{{{queue}_arn}}"})


def _behind(queue: str) -> tuple[Statement, ...]:
    """What the function behind a queue needs for it, and what Lambda needs to poll it."""
    polled: Statement = {"Effect": "Allow", "Action": ["sqs:GetQueueAttributes"], "Resource": ["{queue_arn}"]}
    names = {"queue_arn": f"{{{queue}_arn}}", "dead_letter_arn": f"{{{queue}_dead_arn}}"}
    return filled((*CONSUMER, polled), names)


def _redrives(queue: str) -> tuple[Statement, ...]:
    return filled(OPERATOR, {"queue_arn": f"{{{queue}_arn}}", "dead_letter_arn": f"{{{queue}_dead_arn}}"})


def _archives(folder: str) -> tuple[Statement, ...]:
    return filled(KEEPER, {"bucket_arn": "{archive_bucket_arn}", "folder": folder})


def _forgets(kind: Kind[Any]) -> tuple[Statement, ...]:
    """Records of this kind may be removed."""
    (items, _) = RECORDS
    keys = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{kind.prefix}#*"]}}
    return ({**items, "Action": [_REMOVE], "Condition": keys},)


_START: Final = (
    *_log(),
    *filled(IN_FOLDER, {"bucket_arn": "{config_bucket_arn}", "folder": "config/"}),  # of the deployment's bucket
    *filled(SECRET_READER, {"secret_arn": "{github_secret_arn}"}),
)
"""What every function but the webhook needs in order to start."""

_PRICES: Final = filled(IN_FOLDER, {"bucket_arn": "{archive_bucket_arn}", "folder": PRICE_LIST})
"""Whoever sees machines looks up what they cost."""

ROLES: Final[Mapping[str, Sequence[Statement]]] = {
    "webhook": (
        *_log(),
        *filled(SECRET_READER, {"secret_arn": "{webhook_secret_arn}"}),
        *_sends_to("jobs"),
        *_sends_to("events"),
    ),
    # It launches, assigns and forgets shortages. From a machine that is gone it takes its orders back, and one
    # whose job has moved on meanwhile it ends at once.
    "dispatch": (
        *_START,
        *_behind("jobs"),
        *_sends_to("jobs"),
        *_but(RECORDS, _PUT, _REMOVE),
        *_forgets(SHORTAGES),
        *_but(ASSIGNMENTS, _PUT),
        *HANDOVER,
        *MACHINES,
        *WAKER,
        *_PRICES,
    ),
    # A machine that is gone is looked at once more, and its assignment forgotten.
    "events": (
        *_START,
        *_behind("events"),
        *_sends_to("jobs"),
        *_but(RECORDS, _REMOVE),
        *_but(ASSIGNMENTS, _PUT),
        *OBSERVER,
        *_PRICES,
    ),
    # A machine that speaks and has no record is looked at.
    "reports": (
        *_START,
        *_behind("reports"),
        *_sends_to("jobs"),
        *_but(RECORDS, _REMOVE),
        *_but(ASSIGNMENTS, _PUT, _REMOVE),
        *OBSERVER,
        *_PRICES,
    ),
    "schedules": (
        *_START,
        *_but(RECORDS, _REMOVE),
        *_forgets(SHORTAGES),
        *_but(ASSIGNMENTS, _PUT),
        # Pools are kept here: their machines are launched on demand, put to sleep and woken.
        *LAUNCHER,
        *OBSERVER,
        *TERMINATOR,
        *POOLER,
        # The agent's own file lies in the same bucket: that is not the mirror's.
        *filled(MIRROR, {"bucket_arn": "{cache_bucket_arn}", "folder": FOLDER}),
        *filled(LISTER, {"bucket_arn": "{archive_bucket_arn}"}),
        *_archives(OLD_JOBS),
        *_archives(POOL_AUDITS),
        *_archives(COSTS),
        *_archives(PRICE_LIST),
        *_redrives("jobs"),
        *_redrives("events"),
        *PRICES,
        *METRICS,
        *filled(PUBLISHER, {"topic_arn": "{reports_topic_arn}"}),
    ),
    # Where there is a channel of Slack. It hears the topics by SNS, which calls it.
    SLACK: (*_log(), *filled(SECRET_READER, {"secret_arn": "{slack_secret_arn}"})),
    # Whoever is root on a machine has these: docs/agent.md says why they are no more.
    MACHINE: (
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            "Resource": ["{table_arn}"],
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:userid}"]}},
        },
        *_sends_to("reports"),
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": [_SHIPPER_ARN]},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": ["{cache_bucket_arn}/runners/*", "{cache_bucket_arn}/agent/*"],
        },
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["{archive_bucket_arn}/diag/${aws:userid}/*"]},
    ),
    # `aws:userid` cannot name a stream, for it has a colon. The session's tag can, and TRUST says what it may be.
    SHIPPER: (
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": ["{machine_log_group_arn}:log-stream:${aws:PrincipalTag/machine}/*"],
        },
    ),
}
"""The statements by function, and the machines' two, of a stack that asks for nothing that costs."""

TRUST: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Principal": {"AWS": ["{machine_role_arn}"]},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {"aws:userid": "{machine_role_id}:${aws:RequestTag/machine}"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["machine"]},
        },
    },
)
"""Who may take on the role `SHIPPER`: a machine, with its own id as the one tag. Without a tag the variable has no
value, and what has none equals nothing. See docs/decisions/0039."""

BILL: Final[Mapping[str, Sequence[Statement]]] = {"schedules": COSTS_READER}
"""What a function may do besides where paddock.yml has AWS's own bill asked for (`costs.bill`)."""
