"""What a role needs in order to launch, see and end a fleet's machines, as statements of IAM.

To be filled in: ``{partition}``, ``{region}``, ``{account}``, ``{fleet}`` (the fleet's name), ``{machine_role_arn}``,
and, each with as many as there are, ``{launch_template_arn}``, ``{subnet_arn}``, ``{security_group_arn}``,
``{image_arn}``.

An account that never had a spot machine needs the service-linked role ``AWSServiceRoleForEC2Spot`` besides; whoever
sets the fleet up makes it once. Encryption by a key of the user's own needs grants on that key.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from paddock.adapters.aws.ec2.request import FLEET

Statement: TypeAlias = Mapping[str, str | Sequence[str] | Mapping[str, Mapping[str, str | Sequence[str]]]]

_OURS: Final = "arn:{partition}:ec2:{region}:{account}:"

LAUNCHER: Final[Sequence[Statement]] = (
    # An instant fleet runs its instances in the caller's name: both actions are checked against what it uses ...
    {
        "Effect": "Allow",
        "Action": ["ec2:CreateFleet", "ec2:RunInstances"],
        "Resource": [
            "{launch_template_arn}",
            "{subnet_arn}",
            "{security_group_arn}",
            "{image_arn}",
            "arn:{partition}:ec2:{region}::snapshot/*",
            f"{_OURS}fleet/*",
            f"{_OURS}network-interface/*",
        ],
    },
    # ... and what it makes bears the fleet's name from its first moment, or is not made.
    {
        "Effect": "Allow",
        "Action": ["ec2:CreateFleet", "ec2:RunInstances"],
        "Resource": [f"{_OURS}instance/*", f"{_OURS}volume/*"],
        "Condition": {"StringEquals": {f"aws:RequestTag/{FLEET}": "{fleet}"}},
    },
    {
        "Effect": "Allow",
        "Action": ["ec2:CreateTags"],
        "Resource": [f"{_OURS}instance/*", f"{_OURS}volume/*"],
        "Condition": {"StringEquals": {"ec2:CreateAction": ["CreateFleet", "RunInstances"]}},
    },
    {
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": ["{machine_role_arn}"],
        "Condition": {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
    },
    # It is looked up here what the fleet may be made of.
    {"Effect": "Allow", "Action": ["ec2:DescribeInstanceTypeOfferings"], "Resource": ["*"]},
)
"""Who launches on demand."""

SPOT: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": ["ec2:CreateFleet", "ec2:RunInstances"],
        "Resource": [f"{_OURS}spot-instances-request/*"],
    },
)
"""Who launches spot machines needs this besides."""

OBSERVER: Final[Sequence[Statement]] = (
    # EC2 restricts no description to what is described.
    {"Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": ["*"]},
)

TERMINATOR: Final[Sequence[Statement]] = (
    {
        "Effect": "Allow",
        "Action": ["ec2:TerminateInstances"],
        "Resource": [f"{_OURS}instance/*"],
        "Condition": {"StringEquals": {f"aws:ResourceTag/{FLEET}": "{fleet}"}},
    },
)

WAKER: Final[Sequence[Statement]] = (
    # A disk under a key of the user's own needs a grant at every start, as it does at the launch.
    {
        "Effect": "Allow",
        "Action": ["ec2:StartInstances"],
        "Resource": [f"{_OURS}instance/*"],
        "Condition": {"StringEquals": {f"aws:ResourceTag/{FLEET}": "{fleet}"}},
    },
)
"""Who gives a sleeping machine of a pool to a job."""

POOLER: Final[Sequence[Statement]] = (
    *WAKER,
    {
        "Effect": "Allow",
        "Action": ["ec2:StopInstances"],
        "Resource": [f"{_OURS}instance/*"],
        "Condition": {"StringEquals": {f"aws:ResourceTag/{FLEET}": "{fleet}"}},
    },
)
"""Who keeps pools, whose machines sleep."""

MACHINES: Final[Sequence[Statement]] = (*LAUNCHER, *SPOT, *OBSERVER, *TERMINATOR)
"""All that `Ec2Machines` needs where no machine sleeps."""
