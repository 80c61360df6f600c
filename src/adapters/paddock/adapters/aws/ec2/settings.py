"""What the adapter must know of its stack: where machines may stand, and what they are started from."""

import re
from collections.abc import Mapping

import attrs

from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch, RunnerSpec

_SHAPES = {
    "fleet": (r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, dots, dashes or underscores"),
    "id": (r"lt-[0-9a-f]{8,17}", "a launch template's id such as lt-0123456789abcdef0"),
    # $Latest would undo a rollback, and one token would stand for two requests.
    "version": (r"[1-9]\d*", "the number of a launch template's version, not $Latest"),
    "root_device": (r"/dev/[a-z0-9/]+", "the image's root device such as /dev/sda1"),
}


def _shaped(_owner: object, attribute: "attrs.Attribute[str]", value: object) -> None:
    pattern, wanted = _SHAPES[attribute.name]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise InvalidInput(attribute.name, value, wanted)


@attrs.frozen(kw_only=True)
class Template:
    """A launch template: image, user data, role and security groups of machines of one architecture.

    ``image`` is the name by which a job asks for it (``image=``); empty: what a job gets that asks for none.
    ``root_device`` is the image's, for the size of the disk is set per launch.

    For pools the template's metadata options must have ``InstanceMetadataTags`` enabled: a machine learns from its tag
    ``paddock:stock`` that it is to wait for orders. Without it, it ends when none came within the agent's deadline.

    Raises:
        InvalidInput: a value has the wrong shape.
    """

    arch: Arch
    id: str = attrs.field(validator=_shaped)
    version: str = attrs.field(validator=_shaped)
    image: str = ""
    root_device: str = attrs.field(default="/dev/sda1", validator=_shaped)

    @property
    def name(self) -> str:
        """Which version of which template it is. What EC2 has under it never changes."""
        return f"{self.id}:{self.version}"


@attrs.frozen(kw_only=True)
class Ec2Settings:
    """One fleet's share of a region.

    ``fleet`` is the value of the tag by which its machines are known. ``subnets`` are subnet ids by zone name
    (``eu-west-1a``), one per zone: EC2 refuses a fleet that names one pool twice. ``encrypted`` is whether root volumes
    are encrypted, by the account's default key.

    Raises:
        InvalidInput: a value has the wrong shape, or there is nothing to start machines from or no place for them.
    """

    fleet: str = attrs.field(validator=_shaped)
    subnets: Mapping[str, str]
    templates: tuple[Template, ...]
    encrypted: bool = True

    def __attrs_post_init__(self) -> None:
        if not self.subnets:
            raise InvalidInput("subnets", dict(self.subnets), "at least one subnet, by its zone's name")
        if len(set(self.subnets.values())) < len(self.subnets):
            raise InvalidInput("subnets", dict(self.subnets), "another subnet in each zone")
        names = [(template.arch, template.image) for template in self.templates]
        if not names or len(set(names)) < len(names):
            raise InvalidInput("templates", names, "at least one template, and one per architecture and image")

    def template(self, spec: RunnerSpec) -> Template | None:
        """What a machine of this spec is started from; None if this fleet has no such image."""
        wanted = (spec.arch, spec.image or "")
        return next((one for one in self.templates if (one.arch, one.image) == wanted), None)

    def zone(self, subnet: str) -> str:
        """The zone of one of our subnets; empty if it is none of ours."""
        return next((zone for zone, ours in self.subnets.items() if ours == subnet), "")
