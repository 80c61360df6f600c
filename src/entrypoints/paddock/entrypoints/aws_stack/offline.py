"""A stack's shape without asking AWS: for reading, linting and pricing its template."""

from typing import Any, Final

import attrs

from paddock.adapters.aws.stack import Shape, Zone, rendered
from paddock.entrypoints.aws_stack.settings import StackSettings

REGION: Final = "us-east-1"
_LETTERS: Final = "abcdef"


def offline_shape(settings: StackSettings, *, slack: bool = False) -> Shape:
    """The shape that the settings come to if zones have the usual names, and subnets are in the first ones.

    ``slack`` says whether paddock.yml names a channel.
    """
    region = settings.region or REGION
    if settings.vpc:
        subnets = zip(_LETTERS, settings.subnets, strict=False)
        own = f"arn:aws:ec2:{region}:123456789012:subnet"
        zones = tuple(Zone(name=f"{region}{each}", subnet=subnet, arn=f"{own}/{subnet}") for each, subnet in subnets)
    else:
        zones = tuple(Zone(name=name) for name in settings.zones or [f"{region}{each}" for each in _LETTERS[:3]])
    return attrs.evolve(settings.shape(zones), slack=slack)


def offline(settings: StackSettings, *, slack: bool = False) -> dict[str, Any]:
    """The template of such a stack."""
    return rendered(offline_shape(settings, slack=slack), settings.watched)
