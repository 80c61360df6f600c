"""What a role needs on a queue, as statements of IAM. ``{queue_arn}`` and ``{dead_letter_arn}`` are to be filled in.

An encrypted queue with a key of the user's own needs ``kms:GenerateDataKey`` and ``kms:Decrypt`` on that key besides.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

PRODUCER: Sequence[Statement] = (
    # A batch is covered by the right to its single action.
    {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["{queue_arn}"]},
)

CONSUMER: Sequence[Statement] = (
    {
        "Effect": "Allow",
        "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        "Resource": ["{queue_arn}"],
    },
    # What cannot be read is buried at once.
    {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["{dead_letter_arn}"]},
)

OPERATOR: Sequence[Statement] = (
    {"Effect": "Allow", "Action": ["sqs:GetQueueAttributes"], "Resource": ["{queue_arn}", "{dead_letter_arn}"]},
    {
        "Effect": "Allow",
        "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        "Resource": ["{dead_letter_arn}"],
    },
    {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["{queue_arn}"]},
)
