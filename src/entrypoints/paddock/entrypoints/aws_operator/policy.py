"""What an operator needs on a stack, as statements of IAM.

To be filled in: ``{table_arn}``, ``{queue_arn}`` (the jobs queue) and ``{log_group_arn}``: of all functions' log groups
where events are filtered, of the first one that ``PADDOCK_LOG_GROUPS`` names where they are put; for the doctor what
`aws.health.policy` names.
"""

from collections.abc import Sequence
from typing import Any, Final

from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.aws.dynamodb.policy import RECORDS, Statement
from paddock.adapters.aws.health.policy import DESCRIPTIONS, GITHUB_KEY, PARTS
from paddock.adapters.aws.logs import READER, WRITER
from paddock.adapters.aws.sqs.policy import PRODUCER
from paddock.core.records import CIRCUITS, JOBS, SWITCHES, TASKS, Kind

_ITEMS, _INDEXES = RECORDS


def _may(action: str, *kinds: Kind[Any]) -> Statement:
    """The right to do this with items of these kinds."""
    keys = [f"{kind.prefix}#*" for kind in kinds]
    return {**_ITEMS, "Action": [action], "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}}


LOOKER: Final[Sequence[Statement]] = (
    {**_ITEMS, "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem"]},
    _INDEXES,
    *READER,
    *METRICS,
)
"""Who lists and explains, and changes nothing."""

OPERATOR: Final[Sequence[Statement]] = (
    *LOOKER,
    _may("dynamodb:PutItem", CIRCUITS, SWITCHES, TASKS),
    _may("dynamodb:UpdateItem", CIRCUITS, SWITCHES, TASKS, JOBS),  # a job that is woken bears a mark
    *WRITER,
    *PRODUCER,
)
"""Who pauses, resumes, switches the circuit breaker and asks for housekeeping besides."""

DOCTOR: Final[Sequence[Statement]] = (
    {**_ITEMS, "Action": ["dynamodb:GetItem"]},
    *DESCRIPTIONS,
    *PARTS,
    *GITHUB_KEY,
)
"""Who looks at everything and changes nothing."""
