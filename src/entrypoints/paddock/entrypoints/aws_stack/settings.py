"""``stack.yml``: what one environment sets otherwise than another. Without the file everything has its default.

::

    version: 1
    defaults: {region: eu-west-1, tags: {team: ci}}
    environments:
      dev: {}
      prod: {vpc: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], email: ci@example.com, budget_usd: 200}
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from paddock.adapters.aws.stack import Image, Shape, Watched, Zone
from paddock.adapters.aws.stack.shape import LAST_PORT, MOST_ZONES, POLICY, SUBNET, TAG_RIGHT, VPC, ZONE, is_tag
from paddock.adapters.aws.stack.watch import WATCHED
from paddock.adapters.aws.watching.definition import RUNBOOK
from paddock.adapters.aws.watching.targets import USUAL, Targets
from paddock.adapters.config.problems import InvalidConfig
from paddock.adapters.config.problems import Path as Place
from paddock.adapters.config.tree import Tree, Unreadable, parse
from paddock.core.environment import PREFIX
from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch
from paddock.core.units import DAY, DOLLAR, MINUTE
from paddock.entrypoints.aws_stack.readers import Reader, Reading, listed, number, text, truth

ENVIRONMENT: Final = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,15}")
"""Short, because the names of buckets are made of it, the account and the region, in 63 characters."""

REGION: Final = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-\d{1,2}")
NOBODY: Final = "nobody"
_ADDRESS: Final = re.compile(r"https?://[!-~]*[!-.0-~]")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827)  # CloudWatch Logs takes no others


@attrs.frozen(kw_only=True)
class StackSettings:
    """One environment. ``region`` empty: AWS's own configuration says; ``zones`` empty: three of the region's."""

    environment: str
    region: str = ""
    zones: tuple[str, ...] = ()
    vpc: str = ""
    subnets: tuple[str, ...] = ()
    private: bool = False
    images: tuple[Image, ...] = (Image(arch=Arch.X64), Image(arch=Arch.ARM64))
    egress: tuple[int, ...] = ()
    tags: Mapping[str, str] = attrs.field(factory=dict)
    machine_policies: tuple[str, ...] = ()
    permissions_boundary: str = ""
    protect: bool = False
    watch: bool = True
    sudo: bool = True
    email: str = ""
    report_email: str = ""
    budget_usd: int = 0
    runbook: str = RUNBOOK
    alarms: Targets = USUAL
    log_days: int = 30
    diagnosis_days: int = 14
    archive_days: int = 400

    @property
    def stack(self) -> str:
        """The stack's name, which is the fleet's: what everything of this environment is named by."""
        return f"{PREFIX}{self.environment}"

    def shape(self, zones: tuple[Zone, ...]) -> Shape:
        """The template's shape in these zones."""
        return Shape(
            zones=zones,
            vpc=self.vpc,
            private=self.private,
            images=self.images,
            egress=self.egress,
            tags=self.tags,
            machine_policies=self.machine_policies,
            runbook=self.runbook,
            targets=self.alarms,
        )

    @property
    def watched(self) -> Sequence[Watched]:
        """Whoever watches such a stack."""
        return WATCHED if self.watch else ()

    @property
    def reported_to(self) -> str:
        """Who gets the daily report: whoever is told of alarms, if nobody else is named."""
        return "" if self.report_email == NOBODY else self.report_email or self.email


def stack_settings(environment: str, file: Path | None) -> StackSettings:
    """The settings of an environment.

    Args:
        environment: its name.
        file: a ``stack.yml``; without one there are only defaults.

    Raises:
        InvalidInput: the name cannot be one, or the file cannot be read, or lacks the environment.
        InvalidConfig: the file says something of this environment that cannot be used; with all of it.
    """
    if not ENVIRONMENT.fullmatch(environment):
        raise InvalidInput(
            "--env", environment, "must be 1 to 16 small letters, digits and single dashes, a letter first"
        )
    given = {} if file is None else _given(environment, file)
    return StackSettings(environment=environment, **{"protect": environment == "prod", **given})


def _given(environment: str, file: Path) -> dict[str, Any]:
    tree = _tree(file)
    reading = Reading(tree)
    whole = reading.mapping((), tree.data, ("version", "defaults", "environments"))
    if "version" not in whole:
        reading.miss(("version",), "is missing: it must be 1")
    elif whole["version"] != 1:
        reading.refuse(("version",), whole["version"], "must be 1")
    environments = reading.mapping(("environments",), whole.get("environments"))
    found: dict[str, Any] = {}
    places: dict[str, Place] = {}
    parts = {("defaults",): whole.get("defaults"), ("environments", environment): environments.get(environment)}
    for part, values in parts.items():
        for name, value in reading.mapping(part, values, _READERS).items():
            places[name] = (*part, name)
            found[name] = _READERS[name](reading, places[name], value)
    _check_together(reading, found, places)
    reading.check()
    if environment not in environments:
        named = ", ".join(environments) or "none"
        raise InvalidInput("--env", environment, f"must be one of the environments of {file}, which has {named}")
    return found


def _tree(file: Path) -> Tree:
    try:
        content = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInput("--settings", str(file), "there is no such file; docs/deploying.md shows one") from None
    except (OSError, ValueError) as error:
        raise InvalidInput("--settings", str(file), f"cannot be read: {' '.join(str(error).split())}") from None
    try:
        return parse(content, str(file), "version: 1 and environments:")
    except Unreadable as error:
        raise InvalidConfig([error.problem]) from None


def _check_together(reading: Reading, found: Mapping[str, Any], places: Mapping[str, Place]) -> None:
    """What no value says by itself. A part of a pair that is missing is missed where the other one stands.

    What was refused is neither missing nor there.
    """
    vpc, subnets, images = found.get("vpc", ""), found.get("subnets", ()), found.get("images", (None,))
    if vpc and subnets == ():
        right = f"is missing: name the subnets of {vpc} that machines may stand in, one of each zone"
        reading.miss((*places["vpc"][:-1], "subnets"), right)
    if subnets and vpc == "":
        right = "is missing: name the network that the subnets are of; without both, one is made"
        reading.miss((*places["subnets"][:-1], "vpc"), right)
    if vpc and found.get("private"):
        right = "is for a network that is made: the subnets of yours are as they are; leave it out, or vpc and subnets"
        reading.refuse(places["private"], True, right)  # noqa: FBT003 - the file's own value
    if images is not None and None not in images and len({image.id for image in images}) != (len(images) or 1):
        reading.miss(places["images"], "must be at least one, and one per architecture and name")


def _tags(reading: Reading, path: Place, value: object) -> Mapping[str, str]:
    given = reading.mapping(path, value)
    for key, one in given.items():
        if not isinstance(one, str) or not is_tag(key, one):
            reading.refuse((*path, key), one, TAG_RIGHT)
    return given


def _image(reading: Reading, path: Place, value: object) -> Image | None:
    given = reading.mapping(path, value, _IMAGE)
    known = len(reading.problems)
    read: dict[str, Any] = {name: _IMAGE[name](reading, (*path, name), one) for name, one in given.items()}
    if "arch" not in given:
        reading.miss((*path, "arch"), f"is missing: it must be {' or '.join(Arch)}")
    if len(reading.problems) > known:
        return None
    try:
        return Image(**{**read, "arch": Arch(read["arch"])})
    except InvalidInput as error:
        reading.refuse((*path, error.field.removeprefix("image.")), error.value, error.remedy)
        return None


_IMAGE: Final[Mapping[str, Reader]] = {
    "arch": text(re.compile("|".join(Arch)), f"must be {' or '.join(Arch)}"),
    "name": text(),
    "source": text(),
    "root_device": text(),
    "baked": truth,
}
_BOUNDS: Final[Mapping[str, tuple[str, int]]] = {
    "wait_minutes": ("wait", MINUTE),
    "runner_days": ("behind", DAY),
    "github_calls": ("calls", 1),
    "dead_boots": ("dead", 1),
    "dead_letters": ("letters", 1),
    "usd_per_hour": ("cost_per_hour", DOLLAR),
}
"""The bounds of alarms as the file has them: the field of `Targets`, and in what it is counted there."""


def _targets(reading: Reading, path: Place, value: object) -> Targets:
    given = reading.mapping(path, value, _BOUNDS)
    whole = {name: number(1)(reading, (*path, name), one) for name, one in given.items()}
    fields: dict[str, Any] = {
        _BOUNDS[name][0]: one * _BOUNDS[name][1] for name, one in whole.items() if one is not None
    }
    return Targets(**fields)


_READERS: Final[Mapping[str, Reader]] = {
    "region": text(REGION, "must be a region such as eu-west-1"),
    "zones": listed(text(ZONE.pattern, ZONE.right), MOST_ZONES),
    "vpc": text(re.compile(f"|{VPC.pattern.pattern}"), VPC.right),
    "subnets": listed(text(SUBNET.pattern, SUBNET.right), MOST_ZONES),
    "private": truth,
    "images": listed(_image, once=False),
    "egress": listed(number(1, LAST_PORT)),
    "tags": _tags,
    "machine_policies": listed(text(POLICY.pattern, POLICY.right)),
    "permissions_boundary": text(POLICY.pattern, "must be a policy's ARN"),
    "protect": truth,
    "watch": truth,
    "sudo": truth,
    "email": text(_EMAIL, "must be an address such as ci@example.com"),
    "report_email": text(re.compile(rf"{NOBODY}|{_EMAIL.pattern}"), f"must be an address, or {NOBODY}"),
    "budget_usd": number(0),
    "runbook": text(_ADDRESS, "must be the address of a copy of docs/runbook, without a slash in the end"),
    "alarms": _targets,
    "log_days": number(1, among=_DAYS),
    "diagnosis_days": number(1),
    "archive_days": number(1),
}
