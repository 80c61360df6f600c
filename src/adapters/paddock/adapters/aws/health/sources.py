"""What machines are made of: images, and instance types that are offered where the fleet stands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.ec2.settings import Template
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws_codes import Codes
from paddock.core.catalogue import fitting
from paddock.core.errors import NotFound
from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.spec import Arch, Offer, RunnerSpec
from paddock.core.units import Moment, moment_of

IMAGES: Final = "images"
OFFERINGS: Final = "instance types"
_ARCHES: Final[Mapping[str, Arch]] = {"x86_64": Arch.X64, "arm64": Arch.ARM64}
_GONE: Final[Codes] = {
    **EC2,
    "InvalidAMIID.NotFound": NotFound,
    "InvalidAMIID.Unavailable": NotFound,
    "InvalidLaunchTemplateId.NotFound": NotFound,
    "InvalidLaunchTemplateId.VersionNotFound": NotFound,
}
_ask: Final = Asking(_GONE)


@attrs.frozen(kw_only=True)
class Image:
    """The image of a launch template. ``state`` is EC2's word; empty: the image, or the template, is not there."""

    template: Template
    id: str = ""
    state: str = ""
    arch: str = ""
    deprecated: Moment | None = None


def image(ec2: Any, template: Template) -> Image:  # noqa: ANN401 - botocore makes the classes of clients as it runs
    """What machines of this template are started from."""
    try:
        versions = _ask(
            ec2.describe_launch_template_versions, LaunchTemplateId=template.id, Versions=[template.version]
        )["LaunchTemplateVersions"]
    except NotFound:
        return Image(template=template)
    name = versions[0]["LaunchTemplateData"].get("ImageId", "") if versions else ""
    try:
        found = _ask(ec2.describe_images, ImageIds=[name])["Images"] if name else []
    except NotFound:
        found = []
    if not found:
        return Image(template=template, id=name)
    stamp = found[0].get("DeprecationTime")
    return Image(
        template=template,
        id=name,
        state=found[0].get("State", "available"),
        arch=found[0].get("Architecture", "a processor that EC2 does not tell"),
        deprecated=moment_of(datetime.fromisoformat(stamp)) if stamp else None,
    )


def judge_images(found: Iterable[Image], now: Moment, deploy: str) -> Iterator[Finding]:
    """Whether machines can be started from each, and are of the processor that jobs are promised.

    Args:
        found: those of the launch templates.
        now: the time.
        deploy: the command that deploys the stack.
    """
    good: list[str] = []
    again = f"name another one in stack.yml (images), or leave it out for Ubuntu 24.04; then {deploy}"
    for one in found:
        template = one.template
        name = f"{template.arch}{f' {template.image}' if template.image else ''}: {one.id or template.name}"
        if not one.state:
            yield failure(IMAGES, f"{name} is not there, or this account may not use it", again)
        elif one.state != "available":
            yield failure(IMAGES, f"{name} is {one.state}", again)
        elif _ARCHES.get(one.arch) is not template.arch:
            yield failure(IMAGES, f"{name} is for {one.arch}", again)
        elif one.deprecated is not None and one.deprecated <= now:
            fix = f"its maker has given it up, and will remove it: {again}"
            yield warning(IMAGES, f"{name} is deprecated", fix)
        else:
            good.append(name)
    if good:
        yield fine(IMAGES, ", ".join(good))


def judge_offers(
    specs: Mapping[str, RunnerSpec], offers: Iterable[Offer], zones: Sequence[str], arches: Iterable[Arch]
) -> Iterator[Finding]:
    """Whether some type that serves each spec is offered, and in which of the fleet's zones.

    Args:
        specs: by what people call them.
        offers: what EC2 offers in these zones.
        zones: where the fleet stands.
        arches: those that the fleet has images of.
    """
    there: dict[str, set[str]] = {}
    for offer in offers:
        there.setdefault(offer.instance_type, set()).add(offer.zone)
    good: list[str] = []
    have = set(arches)
    for name, spec in specs.items():
        types = [kind.name for kind in fitting(spec)]
        where = set[str]().union(*(there.get(kind, ()) for kind in types))
        missing = [zone for zone in zones if zone not in where]
        if not types:
            fix = f"ask for less in paddock.yml: no type of the catalogue has {spec}"
            yield failure(OFFERINGS, f"{name}: no instance type serves it", fix)
        elif spec.arch not in have:
            fix = "add an image of that processor to stack.yml (images), or change the spec in paddock.yml"
            yield failure(OFFERINGS, f"{name}: the fleet has no image for {spec.arch}", fix)
        elif not where:
            fix = "allow more families in paddock.yml, or have the fleet stand in other zones (stack.yml)"
            yield failure(OFFERINGS, f"{name}: none of {', '.join(types[:3])} … is offered in any zone", fix)
        elif missing:
            fix = (
                "allow more families in paddock.yml, or leave the zone out (stack.yml): fewer zones, less spot capacity"
            )
            yield warning(OFFERINGS, f"{name}: nothing that serves it is offered in {', '.join(missing)}", fix)
        else:
            good.append(name)
    if good:
        yield fine(OFFERINGS, f"offered in {', '.join(zones)}: what {', '.join(good)} asks for")
