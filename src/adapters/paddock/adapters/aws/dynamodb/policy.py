"""What a role needs on the table, as statements of IAM. To be filled in: ``{table_arn}``, ``{machine_role_id}``.

The machines' own rights are the agent's affair and not here: docs/agent.md.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from paddock.core.records import KINDS

Statement: TypeAlias = Mapping[str, str | Sequence[str] | Mapping[str, Mapping[str, str | Sequence[str]]]]

_LEADING: Final = "dynamodb:LeadingKeys"
_RECORDS: Final = [f"{kind.prefix}#*" for kind in KINDS]
_MACHINES: Final = ["{machine_role_id}:*"]

RECORDS: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": [
            f"dynamodb:{action}" for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem")
        ],
        "Resource": ["{table_arn}"],
        # Records alone: not the items in which machines find secrets.
        "Condition": {"ForAllValues:StringLike": {_LEADING: _RECORDS}},
    },
    # An index holds keys and nothing else.
    {"Effect": "Allow", "Action": ["dynamodb:Query"], "Resource": ["{table_arn}/index/*"]},
)
"""All that `DynamoRecords` needs."""

ASSIGNMENTS: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"],
        "Resource": ["{table_arn}"],
        "Condition": {"ForAllValues:StringLike": {_LEADING: _MACHINES}},
    },
)
"""All that `DynamoAssignments` needs."""

HANDOVER: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": ["dynamodb:PutItem"],
        "Resource": ["{table_arn}"],
        # One transaction puts records and orders: should all of its keys be looked at together, one statement has both.
        "Condition": {"ForAllValues:StringLike": {_LEADING: [*_RECORDS, *_MACHINES]}},
    },
)
"""What `DynamoHandover.give` needs besides both: it stands for the puts of either. A step needs no right of its own."""
