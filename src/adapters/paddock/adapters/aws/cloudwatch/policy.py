"""What a role needs in order to read metrics, as statements of IAM. AWS restricts it to nothing."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

METRICS: Final[Sequence[Statement]] = ({"Effect": "Allow", "Action": ["cloudwatch:GetMetricData"], "Resource": ["*"]},)
