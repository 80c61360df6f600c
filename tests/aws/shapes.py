"""Stacks for tests: the shapes that a template is rendered for, and the parameters of an environment."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from paddock.adapters.aws.stack import Image, Shape, Zone, rendered
from paddock.core.spec import Arch
from tests.aws.cloudformation import Made
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT

_THREE: Final = tuple(Zone(name=f"{REGION}{letter}") for letter in "abc")


def _there(letter: str, number: int) -> Zone:
    subnet = f"subnet-0123456789abcdef{number}"
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/{subnet}"
    return Zone(name=f"{REGION}{letter}", subnet=subnet, arn=arn)


SHAPES: Final[Mapping[str, Shape]] = {
    "new": Shape(zones=_THREE),
    "private": Shape(zones=_THREE[:2], private=True, egress=(443, 80), slack=True),
    "one-zone": Shape(zones=_THREE[:1], images=(Image(arch=Arch.ARM64),)),
    "existing": Shape(
        zones=(_there("a", 0), _there("b", 1)),
        vpc="vpc-0123456789abcdef0",
        images=(Image(arch=Arch.X64), Image(arch=Arch.ARM64, name="gpu", source="ami-0123456789abcdef0", baked=True)),
        tags={"team": "ci", "cost-center": "42"},
        machine_policies=("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",),
    ),
}
PARAMETERS: Final[Mapping[str, Any]] = {
    "DeployBucket": f"paddock-dev-deploy-{ACCOUNT}-{REGION}",
    "WebhookBundle": "bundles/1/paddock-webhook.zip",
    "FunctionsBundle": "bundles/2/paddock-functions.zip",
    "ConfigKey": "config/3/paddock.yml",
    "AgentSha256": "0123456789abcdef" * 4,
}


@cache
def template(shape: str) -> dict[str, Any]:
    """The template of a shape."""
    return rendered(SHAPES[shape])


def made(shape: str = "new", environment: str = "dev", **parameters: Any) -> Made:  # noqa: ANN401 - texts and numbers
    """A stack of a shape, for an environment."""
    own = {"DeployBucket": f"paddock-{environment}-deploy-{ACCOUNT}-{REGION}"}
    return Made(template(shape), f"paddock-{environment}", {**PARAMETERS, **own, **parameters})
