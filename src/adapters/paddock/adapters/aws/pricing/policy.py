"""What a role needs in order to learn prices, as statements of IAM. AWS restricts neither to anything."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

PRICES: Final[Sequence[Statement]] = (
    {"Effect": "Allow", "Action": ["pricing:GetProducts", "ec2:DescribeSpotPriceHistory"], "Resource": ["*"]},
)
