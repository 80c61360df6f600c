"""``stack.yml``: what one environment sets otherwise than another. Without the file everything has its default.

::

    version: 1
    defaults: {region: eu-west-1, tags: {team: ci}}
    environments:
      dev: {}
      prod: {vpc: vpc-0123456789abcdef0, subnets: [subnet-0123456789abcdef0], email: ci@example.com, budget_usd: 200}
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import attrs

from paddock.adapters.aws.stack import Image, Shape, Watched, Zone
from paddock.adapters.aws.stack.watch import WATCHED
from paddock.adapters.aws.watching.definition import RUNBOOK
from paddock.adapters.aws.watching.targets import USUAL, Targets
from paddock.adapters.config.problems import InvalidConfig
from paddock.adapters.config.tree import Unreadable, parse
from paddock.core.environment import PREFIX
from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch
from paddock.core.units import DAY, DOLLAR, MINUTE

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
        InvalidInput: the name cannot be one, or the file has something that cannot be used, or lacks the environment.
    """
    if not ENVIRONMENT.fullmatch(environment):
        raise InvalidInput(
            "--env", environment, "must be 1 to 16 small letters, digits and single dashes, a letter first"
        )
    given = {"protect": environment == "prod"} if file is None else _given(environment, file)
    return StackSettings(environment=environment, **given)


def _given(environment: str, file: Path) -> dict[str, Any]:
    whole = _mapping(file.name, _read(file), {"version", "defaults", "environments"})
    if whole.get("version") != 1:
        raise InvalidInput(f"{file}: version", whole.get("version"), "must be 1")
    known = {each.name for each in attrs.fields(StackSettings)} - {"environment"}
    environments = _mapping(f"{file}: environments", _or_empty(whole.get("environments")), None)
    if environment not in environments:
        named = ", ".join(environments) or "none"
        raise InvalidInput("--env", environment, f"must be one of the environments of {file}, which has {named}")
    parts = {
        f"{file}: defaults": _or_empty(whole.get("defaults")),
        f"{file}: environments.{environment}": _or_empty(environments[environment]),
    }
    found: dict[str, Any] = {"protect": environment == "prod"}
    for place, part in parts.items():
        for name, value in _mapping(place, part, known).items():
            found[name] = _READERS[name](f"{place}.{name}", value)
    return found


def _or_empty(value: object) -> object:
    """Nothing at all is as good as nothing in it."""
    return {} if value is None else value


def _read(file: Path) -> Any:  # noqa: ANN401 - YAML
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInput("--settings", str(file), "there is no such file; docs/deploying.md shows one") from None
    except (OSError, ValueError) as error:
        raise InvalidInput("--settings", str(file), f"cannot be read: {' '.join(str(error).split())}") from None
    try:
        return _plain(parse(text, str(file), "version: 1 and environments:").data)
    except Unreadable as error:
        raise InvalidConfig([error.problem]) from None


def _plain(value: Any) -> Any:  # noqa: ANN401 - YAML
    """The same with fractions as errors are to show them; no setting takes one."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


def _mapping(place: str, value: object, known: set[str] | None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidInput(place, value, "must be names with values")
    unknown = sorted(set(value) - known) if known is not None else []
    if unknown:
        assert known is not None
        near = get_close_matches(unknown[0], sorted(known), 1)
        known_are = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        raise InvalidInput(f"{place}.{unknown[0]}", value[unknown[0]], f"is unknown; {known_are}")
    return value


def _text(pattern: re.Pattern[str] | None, right: str) -> Callable[[str, object], str]:
    def read(place: str, value: object) -> str:
        if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
            raise InvalidInput(place, value, right)
        return value

    return read


def _truth(place: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(place, value, "must be true or false")
    return value


def _number(least: int, among: tuple[int, ...] = ()) -> Callable[[str, object], int]:
    right = f"must be one of {', '.join(map(str, among))}" if among else f"must be a whole number, at least {least}"

    def read(place: str, value: object) -> int:
        if type(value) is not int or value < least or (among and value not in among):
            raise InvalidInput(place, value, right)
        return value

    return read


def _list(one: Callable[[str, object], Any]) -> Callable[[str, object], tuple[Any, ...]]:
    def read(place: str, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise InvalidInput(place, value, "must be a list")
        return tuple(one(f"{place}[{number}]", each) for number, each in enumerate(value))

    return read


def _tags(place: str, value: object) -> Mapping[str, str]:
    return {key: _ANY(f"{place}.{key}", one) for key, one in _mapping(place, value, None).items()}


def _image(place: str, value: object) -> Image:
    given = dict(_mapping(place, value, {"arch", "name", "source", "root_device", "baked"}))
    arch = given.pop("arch", None)
    if arch not in tuple(Arch):
        raise InvalidInput(f"{place}.arch", arch, f"must be {' or '.join(Arch)}")
    read: dict[str, Any] = {
        name: (_truth if name == "baked" else _ANY)(f"{place}.{name}", one) for name, one in given.items()
    }
    return Image(arch=Arch(arch), **read)


_BOUNDS: Final[Mapping[str, tuple[str, int]]] = {
    "wait_minutes": ("wait", MINUTE),
    "runner_days": ("behind", DAY),
    "github_calls": ("calls", 1),
    "dead_boots": ("dead", 1),
    "dead_letters": ("letters", 1),
    "usd_per_hour": ("cost_per_hour", DOLLAR),
}
"""The bounds of alarms as the file has them: the field of `Targets`, and in what it is counted there."""


def _targets(place: str, value: object) -> Targets:
    given = _mapping(place, value, set(_BOUNDS))
    whole = {name: _number(1)(f"{place}.{name}", one) for name, one in given.items()}
    fields: dict[str, Any] = {_BOUNDS[name][0]: one * _BOUNDS[name][1] for name, one in whole.items()}
    return Targets(**fields)


_ANY: Final = _text(None, "must be a text")
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "region": _text(REGION, "must be a region such as eu-west-1"),
    "zones": _list(_ANY),
    "vpc": _ANY,
    "subnets": _list(_ANY),
    "private": _truth,
    "images": _list(_image),
    "egress": _list(_number(1)),
    "tags": _tags,
    "machine_policies": _list(_ANY),
    "permissions_boundary": _text(re.compile(r"arn:[a-z-]+:iam::(\d{12}|aws):policy/.+"), "must be a policy's ARN"),
    "protect": _truth,
    "watch": _truth,
    "sudo": _truth,
    "email": _text(_EMAIL, "must be an address such as ci@example.com"),
    "report_email": _text(re.compile(rf"{NOBODY}|{_EMAIL.pattern}"), f"must be an address, or {NOBODY}"),
    "budget_usd": _number(0),
    "runbook": _text(_ADDRESS, "must be the address of a copy of docs/runbook, without a slash in the end"),
    "alarms": _targets,
    "log_days": _number(1, _DAYS),
    "diagnosis_days": _number(1),
    "archive_days": _number(1),
}
