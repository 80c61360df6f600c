"""What the machine is to do: the message ``assignment``, checked field by field before anything is done with it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from paddock.agent.reasons import AgentFailure, Reason

T = TypeVar("T")
VERSION = 1
HOUR = 3_600_000_000
MAX_LABELS = 100  # GitHub's limit for one runner
MAX_NAME = 64  # GitHub's limit for a runner's name
MAX_SECRET = 65_536  # characters; a real configuration has about 4,200

_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_RUNNER = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{MAX_NAME - 1}}}")
_VERSION = re.compile(r"\d{1,5}(\.\d{1,5}){1,3}([-+.][A-Za-z0-9.-]{1,40})?")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}\.tar\.gz")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Package:
    """Where the official runner comes from and what its bytes must hash to (lower-case hexadecimal SHA-256)."""

    version: str
    url: str
    sha256: str
    filename: str
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registration:
    """How the runner registers itself. ``token`` is a secret, ``group`` a runner group's name or empty."""

    url: str
    token: str = field(repr=False)
    group: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One runner registration for one job's label set. Spans are microseconds. ``jit_config`` is a secret.

    Either it is there, or ``registration`` is; with the latter ``runner_id`` is 0.
    """

    machine: str
    job_id: int
    launch: int
    repository: str
    labels: tuple[str, ...]
    runner_name: str
    runner_id: int
    package: Package
    jit_config: str = field(default="", repr=False)
    registration: Registration | None = None
    max_runtime: int = 6 * HOUR
    idle_timeout: int = HOUR // 12
    setup_info: str = ""
    created_at: int = 0


def parse_assignment(data: object) -> Assignment:
    """The assignment in plain data of this version or the one before. Fields it does not know are ignored.

    Raises:
        AgentFailure: `bad_assignment`, naming the field, what stands there, and what would be right.
    """
    if not isinstance(data, Mapping):
        raise _wrong("assignment", data, "an object with kind and version")
    if data.get("kind") != "assignment":
        raise _wrong("kind", data.get("kind"), "'assignment'")
    version = data.get("version", 0)
    if type(version) is not int or version not in (VERSION - 1, VERSION):
        raise _wrong("version", version, f"{VERSION - 1} or {VERSION}: this agent is older or newer than its fleet")
    if version == VERSION - 1:  # it called the machine by EC2's word, and had no launch number
        data = {"launch": 1, **data, "machine": data.get("instance_id")}
    package = data.get("package")
    if not isinstance(package, Mapping):
        raise _wrong("package", package, "an object with version, url, sha256 and filename")
    registration = _registration(data.get("registration"))
    jit_config = _secret(data.get("jit_config", ""), "jit_config", least=0 if registration else 1)
    return Assignment(
        machine=_text(data, "machine", _MACHINE, "an id of letters, digits, '.', '_', ':' and '-'"),
        job_id=_number(data, "job_id", least=1),
        launch=_number(data, "launch", least=0),
        repository=_text(data, "repository", _REPOSITORY, "owner/name"),
        labels=_labels(data.get("labels")),
        runner_name=_text(data, "runner_name", _RUNNER, f"a name of at most {MAX_NAME} characters"),
        runner_id=_number(data, "runner_id", least=0 if jit_config == "" else 1),
        package=Package(
            version=_text(package, "version", _VERSION, "a version such as 2.336.0", inside="package."),
            url=_url(package.get("url"), "package.url"),
            sha256=_text(package, "sha256", _SHA256, "64 hexadecimal digits", inside="package.").lower(),
            filename=_text(package, "filename", _FILENAME, "the name of a .tar.gz file", inside="package."),
            digests=_digests(package.get("digests", {})),
        ),
        jit_config=jit_config,
        registration=registration,
        max_runtime=_number(data, "max_runtime", least=1, default=6 * HOUR),
        idle_timeout=_number(data, "idle_timeout", least=1, default=HOUR // 12),
        setup_info=_string(data.get("setup_info", ""), "setup_info"),
        created_at=_number(data, "created_at", least=0, default=0),
    )


def _wrong(name: str, value: object, right: str) -> AgentFailure:
    shown = "nothing" if value is None else repr(value)[:120]
    return AgentFailure(Reason.BAD_ASSIGNMENT, f"{name}: found {shown}, wanted {right}")


def _text(data: Mapping[str, object], name: str, pattern: re.Pattern[str], right: str, *, inside: str = "") -> str:
    value = data.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _wrong(inside + name, value, right)
    return value


def _number(data: Mapping[str, object], name: str, *, least: int, default: int | None = None) -> int:
    value = data.get(name, default)
    if type(value) is not int or value < least:  # a bool is an int to isinstance, but not in a contract
        raise _wrong(name, value, f"a whole number, at least {least}")
    return value


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")
    return value


def _strings(value: object, name: str) -> tuple[str, ...]:
    return _list(value, name, lambda item: _string(item, name))


def _labels(value: object) -> tuple[str, ...]:
    labels = _strings(value, "labels")
    if not 1 <= len(labels) <= MAX_LABELS or not all(labels):
        raise _wrong("labels", value, f"1 to {MAX_LABELS} texts, none of them empty")
    return labels


def _list(value: object, name: str, each: Callable[[object], T]) -> tuple[T, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(name, value, "a list of texts")
    return tuple(each(item) for item in value)


def _url(value: object, name: str) -> str:
    right = "an http or https address without credentials"
    if not isinstance(value, str):
        raise _wrong(name, value, right)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise _wrong(name, value, right) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise _wrong(name, f"{parts.scheme}://…", right)
    return value


def _secret(value: object, name: str, *, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= MAX_SECRET:
        shown = f"a text of {len(value)} characters" if isinstance(value, str) else type(value).__name__
        raise AgentFailure(Reason.BAD_ASSIGNMENT, f"{name}: found {shown}, wanted {least} to {MAX_SECRET} characters")
    return value


def _digests(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _wrong("package.digests", value, "an object of place to digest")
    for digest in value.values():
        if not isinstance(digest, str) or _SHA256.fullmatch(digest) is None:
            raise _wrong("package.digests", digest, "64 hexadecimal digits")
    return {_string(place, "package.digests"): digest.lower() for place, digest in value.items()}


def _registration(value: object) -> Registration | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _wrong("registration", type(value).__name__, "an object with url and token, or null")
    return Registration(
        url=_url(value.get("url"), "registration.url"),
        token=_secret(value.get("token"), "registration.token"),
        group=_string(value.get("group", ""), "registration.group"),
    )
