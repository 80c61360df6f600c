"""What a role needs in order to publish, as statements of IAM. ``{topic_arn}`` is to be filled in."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

PUBLISHER: Final[Sequence[Statement]] = ({"Effect": "Allow", "Action": ["sns:Publish"], "Resource": ["{topic_arn}"]},)
