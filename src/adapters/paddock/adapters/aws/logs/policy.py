"""What a role needs on the log groups, as statements of IAM. ``{log_group_arn}`` is to be filled in, once for each.

It ends with the group's name, without the ``:*`` that the console puts behind it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from paddock.adapters.aws.logs.decisions import STREAM

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

READER: Final[Sequence[Statement]] = (
    {"Effect": "Allow", "Action": ["logs:FilterLogEvents"], "Resource": ["{log_group_arn}:*"]},
)
"""Who looks decisions up."""

WRITER: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        # Streams of operators alone: nobody speaks in a function's name.
        "Resource": [f"{{log_group_arn}}:log-stream:{STREAM}*"],
    },
)
"""Who decides by hand, besides: in the first of the log groups."""
