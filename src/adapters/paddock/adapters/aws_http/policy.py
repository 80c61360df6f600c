"""What a role needs on a secret, as statements of IAM. ``{secret_arn}`` is to be filled in.

A secret that is encrypted with a key of the user's own needs ``kms:Decrypt`` on that key besides. Sending to a queue
needs what `paddock.adapters.aws.sqs` calls a producer's rights.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

SECRET_READER: Final[Sequence[Statement]] = (
    # All versions, for the one before the current one is read, too.
    {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": ["{secret_arn}"]},
)
"""All that `Secrets` needs."""
