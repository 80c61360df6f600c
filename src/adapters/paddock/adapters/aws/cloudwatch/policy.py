"""What a role needs in order to count what a stack used and has, as statements of IAM. AWS restricts it to nothing."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

METRICS: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": [
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
            "cloudwatch:ListDashboards",
            "cloudwatch:ListMetrics",
        ],
        "Resource": ["*"],
    },
)
