"""The machine's own settings: one JSON file, written by its user data before the agent starts.

::

    {"version": 1, "table": "paddock", "reports_queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/reports"}

is enough; every other field has a default. Spans are microseconds, room is bytes, both whole numbers. A field that is
not known was written by a stack of another version: it is named in `Config.unknown`, for the log, and else ignored.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paddock.agent.job.environment import PROXIES
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.settings import Settings

VERSION = 1
MAX_BYTES = 65_536
DIRECTORY = Path("/var/lib/paddock/machine")
CACHE = Path("/var/lib/paddock/cache")
SERVICES = ("dynamodb", "imds", "logs", "s3", "sqs", "sts")
SPANS = (
    "assignment_deadline",
    "download_deadline",
    "download_window",
    "stop_grace",
    "heartbeat",
    "retry_delay",
    "spot_wait",
    "report_patience",
)
TELLING = ("version", "table", "reports_queue_url", "region", "role_id", "endpoints", "directory", "power_command")
ROOMS = ("min_free", "low_disk", "low_memory")
PLACES = ("directory", "cache", "baked", "tool_cache", "hooks_started", "hooks_completed")

_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_GROUP = re.compile(r"[A-Za-z0-9._/#-]{1,512}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ROLE = re.compile(r"A[A-Z0-9]{15,127}")
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII)
_IMAGE_OS = re.compile(r"[A-Za-z0-9._-]{1,64}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Where the machine's table, queue, log group and buckets are, and how its agent is set up.

    Empty texts: ``region`` asks the machine, ``role_id`` asks STS, ``log_group`` ships no log, ``log_role`` ships it by
    the machine's own role, ``cache_bucket`` is no mirror, ``archive_bucket`` keeps nothing. ``endpoints`` replaces
    addresses by service, for VPC endpoints and tests. ``power_command`` replaces the command that switches the machine
    off. ``standby`` None asks the machine's tag.
    """

    table: str
    reports_queue_url: str
    settings: Settings
    region: str = ""
    role_id: str = ""
    log_group: str = ""
    log_role: str = ""
    cache_bucket: str = ""
    archive_bucket: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    power_command: tuple[str, ...] = ()
    standby: bool | None = None
    unknown: tuple[str, ...] = ()


KNOWN = frozenset(Config.__dataclass_fields__) - {"settings", "unknown"} | frozenset(
    {"version", "user", "image_os", "proxies", *SPANS, *ROOMS, *PLACES}
)


def load_config(path: Path) -> Config:
    """The settings in a file.

    Raises:
        AgentFailure: `bad_settings`, naming the file or the field, what stands there, and what would be right.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(str(path), os.strerror(error.errno or 0), "a file that can be read") from None
    try:
        data = json.loads(content) if len(content) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        data = None
    if data is None:
        raise _wrong(str(path), f"{len(content)} bytes that are no JSON", f"JSON of at most {MAX_BYTES} bytes")
    return parse_config(data)


def whom_to_tell(path: Path) -> Config | None:
    """Of settings that are wrong somewhere, what says where orders and reports go; None if even that is wrong."""
    try:
        data = json.loads(path.read_bytes()[:MAX_BYTES])
        return parse_config({name: data[name] for name in TELLING if name in data})
    except (OSError, ValueError, RecursionError, TypeError, AgentFailure):
        return None


def parse_config(data: object) -> Config:
    """The settings in plain data.

    Raises:
        AgentFailure: `bad_settings`, naming the field, what stands there, and what would be right.
    """
    if not isinstance(data, Mapping):
        raise _wrong("settings", data, "an object with version, table and reports_queue_url")
    if type(data.get("version")) is not int or data["version"] != VERSION:
        raise _wrong("version", data.get("version"), f"{VERSION}: this agent is older or newer than its stack")
    given: dict[str, Any] = {name: _place(data[name], name) for name in PLACES if data.get(name) is not None}
    given |= {name: _number(data[name], name, least=1) for name in SPANS if name in data}
    given |= {name: _number(data[name], name, least=0) for name in ROOMS if name in data}
    standby = data.get("standby")
    if standby is not None and type(standby) is not bool:
        raise _wrong("standby", standby, "true or false")
    user = _text(data, "user", _USER, "the name of a user of this machine", or_none=True)
    settings = Settings(
        directory=DIRECTORY,
        cache=CACHE,
        user=user,
        alone=True,
        standby=standby is True,
        image_os=_text(data, "image_os", _IMAGE_OS, "an image's name such as ubuntu24", or_none=True),
        proxies=_proxies(data.get("proxies", {})),
    )
    settings = replace(settings, **given)
    return Config(
        table=_text(data, "table", _TABLE, "a table's name"),
        reports_queue_url=_queue(data.get("reports_queue_url")),
        settings=settings,
        region=_text(data, "region", _REGION, "a region such as eu-west-1", or_none=True),
        role_id=_text(data, "role_id", _ROLE, "a role's id such as AROAEXAMPLEEXAMPLE123", or_none=True),
        log_group=_text(data, "log_group", _GROUP, "a log group's name", or_none=True),
        log_role=_text(data, "log_role", _ROLE_ARN, "a role's ARN such as arn:aws:iam::…:role/…", or_none=True),
        cache_bucket=_text(data, "cache_bucket", _BUCKET, "a bucket's name", or_none=True),
        archive_bucket=_text(data, "archive_bucket", _BUCKET, "a bucket's name", or_none=True),
        endpoints=_endpoints(data.get("endpoints", {})),
        power_command=_command(data.get("power_command", ())),
        standby=standby,
        unknown=tuple(sorted(str(name) for name in data if name not in KNOWN)),
    )


def _wrong(name: str, value: object, right: str) -> AgentFailure:
    shown = "nothing" if value is None else repr(value)[:120]
    return AgentFailure(Reason.BAD_SETTINGS, f"{name}: found {shown}, wanted {right}")


def _text(data: Mapping[str, object], name: str, pattern: re.Pattern[str], right: str, *, or_none: bool = False) -> str:
    value = data.get(name)
    if or_none and (value is None or value == ""):
        return ""
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _wrong(name, value, right)
    return value


def _number(value: object, name: str, *, least: int) -> int:
    if type(value) is not int or value < least:  # a bool is an int to isinstance, but not in a file
        raise _wrong(name, value, f"a whole number, at least {least}")
    return value


def _place(value: object, name: str) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise _wrong(name, value, "an absolute path")
    return Path(value)


def _address(value: object) -> bool:
    """True for an http or https address without credentials."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and parts.username is None
            and not parts.query
            and not parts.fragment
        )
    except ValueError:
        return False


def _queue(value: object) -> str:
    if not isinstance(value, str) or not _address(value) or urlsplit(value).path in ("", "/"):
        raise _wrong("reports_queue_url", value, "a queue's URL")
    return value


def _endpoints(value: object) -> dict[str, str]:
    right = f"an object of service ({', '.join(SERVICES)}) to scheme://host[:port]"
    if not isinstance(value, Mapping):
        raise _wrong("endpoints", value, right)
    found = {}
    for name, address in value.items():
        if name not in SERVICES:
            raise _wrong("endpoints", name, right)
        if not _address(address) or urlsplit(address).path not in ("", "/"):
            raise _wrong(f"endpoints.{name}", address, "scheme://host[:port]")
        found[name] = address.removesuffix("/")
    return found


def _proxies(value: object) -> dict[str, str]:
    right = f"an object of name ({', '.join(PROXIES)}) to text"
    if not isinstance(value, Mapping):
        raise _wrong("proxies", type(value).__name__, right)
    for name, text in value.items():
        if name not in PROXIES:
            raise _wrong("proxies", name, right)
        if not isinstance(text, str) or not text.isprintable():  # it may hold credentials, so it is not shown
            raise AgentFailure(Reason.BAD_SETTINGS, f"proxies.{name}: wanted an address or a list of hosts, as a text")
    return dict(value)


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) and word for word in value):
        raise _wrong("power_command", value, "a list of texts")
    return tuple(value)
