"""What a template is rendered for: where machines may stand, and what they are started from.

All else that tells environments apart are parameters of the template.
"""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from paddock.adapters.aws.watching.definition import RUNBOOK
from paddock.adapters.aws.watching.targets import USUAL, Targets
from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch

UBUNTU: Final[Mapping[Arch, str]] = {
    Arch.X64: "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    Arch.ARM64: "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
}
"""Canonical's public parameters: the newest image of Ubuntu 24.04. They are resolved as the stack is deployed."""


@attrs.frozen
class Form:
    """What a text must look like, and that in words."""

    pattern: re.Pattern[str]
    right: str


MOST_ZONES: Final = 6
LAST_PORT: Final = 65_535
ZONE: Final = Form(
    re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-\d{1,2}[a-z]|[a-z0-9-]+-\d[a-z]"), "must be a zone's name such as eu-west-1a"
)
SUBNET: Final = Form(re.compile(r"subnet-[0-9a-f]{8,17}"), "must be a subnet's id such as subnet-0123456789abcdef0")
VPC: Final = Form(re.compile(r"vpc-[0-9a-f]{8,17}"), "must be a network's id such as vpc-0123456789abcdef0")
POLICY: Final = Form(
    re.compile(r"arn:[a-z-]+:iam::(\d{12}|aws):policy/[\w+=,.@/-]+"),
    "must be the ARN of a managed policy: arn:aws:iam::…:policy/…",
)
TAG_RIGHT: Final = "must be letters, digits and + - = . , _ : @, not begin with aws: or paddock:, and have a text"
_IMAGE: Final = re.compile(r"ami-[0-9a-f]{8,17}")
_PARAMETER: Final = re.compile(r"/[A-Za-z0-9_./-]{1,1010}")
_NAME: Final = re.compile(r"[a-z0-9]{0,20}")
_DEVICE: Final = re.compile(r"/dev/[a-z0-9/]+")
# Instance metadata shows tags, and takes no others ("Amazon EC2 User Guide": tags in instance metadata).
_TAG: Final = re.compile(r"(?!aws:|paddock:)[A-Za-z0-9+=.,_:@-]{1,128}")
_VALUE: Final = re.compile(r"[\w\s.:/=+@-]{0,256}")
_PORTS: Final = range(1, LAST_PORT + 1)


def is_tag(key: str, value: str) -> bool:
    """True if machines can bear the tag besides ours."""
    return _TAG.fullmatch(key) is not None and _VALUE.fullmatch(value) is not None


@attrs.frozen(kw_only=True)
class Zone:
    """A zone by its name. ``subnet`` is one that there is, with its ``arn``; empty: one is made.

    Raises:
        InvalidInput: a value has the wrong shape.
    """

    name: str
    subnet: str = ""
    arn: str = ""

    def __attrs_post_init__(self) -> None:
        if not ZONE.pattern.fullmatch(self.name):
            raise InvalidInput("zone", self.name, ZONE.right)
        if self.subnet and not (SUBNET.pattern.fullmatch(self.subnet) and self.arn.endswith(self.subnet)):
            raise InvalidInput("subnet", self.subnet, f"{SUBNET.right}, with its ARN")


@attrs.frozen(kw_only=True)
class Image:
    """What machines of an architecture are started from.

    ``name`` is how jobs ask for it (``image=``); empty: what they get that ask for none. ``source`` is an AMI's id or a
    public parameter of Systems Manager; empty: Ubuntu 24.04. ``baked`` says that the recipe in agent/image made it, so
    it holds the runner.

    Raises:
        InvalidInput: a value has the wrong shape.
    """

    arch: Arch
    name: str = ""
    source: str = ""
    root_device: str = "/dev/sda1"
    baked: bool = False

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput("image.name", self.name, "must be up to 20 small letters and digits")
        if self.source and not (_IMAGE.fullmatch(self.source) or _PARAMETER.fullmatch(self.source)):
            raise InvalidInput("image.source", self.source, "must be ami-… or the name of a parameter: /aws/service/…")
        if not _DEVICE.fullmatch(self.root_device):
            raise InvalidInput(
                "image.root_device", self.root_device, "must be the image's root device such as /dev/sda1"
            )

    @property
    def id(self) -> str:
        """Its part of names: x64, or x64-gpu."""
        return f"{self.arch}-{self.name}" if self.name else str(self.arch)

    @property
    def logical(self) -> str:
        """Its part of logical ids: X64, or X64Gpu."""
        return f"{self.arch.title()}{self.name.capitalize()}"

    @property
    def parameter(self) -> str:
        """Where the image is looked up, empty if it is named by its id."""
        source = self.source or UBUNTU[self.arch]
        return "" if _IMAGE.fullmatch(source) else source


@attrs.frozen(kw_only=True)
class Shape:
    """A template's shape.

    ``vpc`` is a network that there is, with a subnet in each of ``zones``; empty: one is made; ``private`` says then
    whether machines go without addresses of their own, by a NAT gateway that costs by the hour. ``egress`` are the TCP
    ports that machines may call; empty: anything. ``tags`` are put on machines and their disks besides ours.
    ``machine_policies`` are managed policies that the machines' role gets besides: every job has
    them then. ``slack`` says whether a channel of Slack is told; ``runbook`` is where the alarms' pages can be
    read, ``targets`` are their bounds.

    Raises:
        InvalidInput: something of it is wrong, or contradicts something else.
    """

    zones: tuple[Zone, ...]
    vpc: str = ""
    private: bool = False
    images: tuple[Image, ...] = (Image(arch=Arch.X64), Image(arch=Arch.ARM64))
    egress: tuple[int, ...] = ()
    tags: Mapping[str, str] = attrs.field(factory=dict)
    machine_policies: tuple[str, ...] = ()
    slack: bool = False
    runbook: str = RUNBOOK
    targets: Targets = USUAL

    def __attrs_post_init__(self) -> None:
        self._check_network()
        ids = [image.id for image in self.images]
        if not ids or len(set(ids)) < len(ids):
            raise InvalidInput("images", ids, "must be at least one, and one per architecture and name")
        wrong = [port for port in self.egress if type(port) is not int or port not in _PORTS]
        if wrong:
            raise InvalidInput("egress", wrong, "must be TCP ports, from 1 to 65535")
        for key, value in self.tags.items():
            if not is_tag(key, value):
                raise InvalidInput(f"tags.{key}", value, TAG_RIGHT)
        for arn in self.machine_policies:
            if not POLICY.pattern.fullmatch(arn):
                raise InvalidInput("machine_policies", arn, POLICY.right)

    def _check_network(self) -> None:
        names = [zone.name for zone in self.zones]
        if not 1 <= len(names) <= MOST_ZONES or len(set(names)) < len(names):
            raise InvalidInput("zones", names, f"must be 1 to {MOST_ZONES} zones, each once")
        if self.vpc and not VPC.pattern.fullmatch(self.vpc):
            raise InvalidInput("vpc", self.vpc, VPC.right)
        if len({bool(zone.subnet) for zone in self.zones} | {bool(self.vpc)}) > 1:
            raise InvalidInput("vpc", self.vpc, "and a subnet in every zone must be named together, or neither")
        if self.vpc and self.private:
            raise InvalidInput("private", "true", "is for a network that is made: the subnets of yours are as they are")
