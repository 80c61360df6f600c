"""A machine's user data: a cloud-init document with the files of `machine` and the machine's own settings.

The document is JSON, which is YAML. No value ever becomes part of a program's text: the settings travel as files of
JSON, which the programs read and check, so there is nothing to quote. What is the same on every machine travels packed;
the settings stay readable, for people and for a template engine that fills in its own names.
"""

import base64
import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import attrs

from paddock.core.errors import InvalidInput
from paddock.core.units import HOUR, MINUTE, SECOND, Span

LARGEST: Final = 16 * 1024
"""Bytes of user data that EC2 takes, before it is encoded in base64."""

MODES: Final = {
    "paddock-agent.service": 0o644,
    "paddock-bootstrap.path": 0o644,
    "paddock-bootstrap.service": 0o644,
    "paddock-deadline.timer": 0o644,
    "paddock-off.service": 0o644,
    "paddock-unclaimed.service": 0o644,
    "paddock-unclaimed.timer": 0o644,
    "bootstrap.py": 0o755,
    "guard-metadata": 0o755,
    "install.sh": 0o755,
    "power-off": 0o755,
}
"""The files of `machine` that are put on a machine, and their modes."""

FOLDER: Final = "/opt/paddock/machine"
BAKED: Final = "/opt/paddock/baked"  # there in images that were made for this

MARGIN: Final[Span] = 60 * MINUTE
"""How much longer than its longest job a machine may live: boot, waiting, the job's end."""

_SHAPES = {
    "region": (r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}", "a region of AWS such as eu-central-1"),
    "bucket": (r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of an S3 bucket"),
    "key": (r"[A-Za-z0-9][A-Za-z0-9._/=+-]{0,511}", "an object's key such as agent/1.0.0/paddock-agent.pyz"),
    "sha256": (r"[0-9a-f]{64}", "64 hexadecimal digits in lower case"),
    "endpoint": (
        r"(https://[a-z0-9][a-z0-9.-]*(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)?",
        "https:// and a host, or nothing",
    ),
}
_SECRETIVE = re.compile(r"secret|token|password|private_?key|credential|jit_?config", re.IGNORECASE)


def _shaped(_boot: "Boot", attribute: "attrs.Attribute[str]", value: object) -> None:
    pattern, wanted = _SHAPES[attribute.name]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise InvalidInput(attribute.name, value, wanted)


def _no_secrets(_boot: "Boot", attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    for place in _names(value, attribute.name):
        if _SECRETIVE.search(place.rpartition(".")[2]):
            raise InvalidInput(place, "<not shown>", "no secrets: every process on the machine can read its user data")


def _lasting(_boot: "Boot", attribute: "attrs.Attribute[Span]", value: Span) -> None:
    if type(value) is not int or not MINUTE <= value <= 120 * HOUR:
        raise InvalidInput(attribute.name, value, "a span between a minute and 120 hours, in microseconds")


@attrs.frozen(kw_only=True)
class Boot:
    """What one fleet's machines are told at boot; the same for all machines of a launch template.

    ``key`` and ``sha256`` name the agent's file in ``bucket``; ``settings`` is the agent's own configuration
    (``agent.json``), which it checks itself; ``max_runtime`` is the longest that a machine may serve (if it waits in a
    pool: with that wait); ``sudo``: whether jobs may use it; ``endpoint``: an S3 that is not at AWS's usual place.

    Raises:
        InvalidInput: a value has the wrong shape, or the settings hold what looks like a secret.
    """

    region: str = attrs.field(validator=_shaped)
    bucket: str = attrs.field(validator=_shaped)
    key: str = attrs.field(validator=_shaped)
    sha256: str = attrs.field(validator=_shaped)
    settings: Mapping[str, Any] = attrs.field(validator=_no_secrets)
    max_runtime: Span = attrs.field(default=6 * HOUR, validator=_lasting)
    sudo: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))
    endpoint: str = attrs.field(default="", validator=_shaped)


def render_user_data(boot: Boot) -> str:
    """The whole document, plain ASCII; the same for the same values.

    Raises:
        InvalidInput: it is larger than EC2 takes.
    """
    told = {name: getattr(boot, name) for name in _SHAPES}
    seconds = -(-(boot.max_runtime + MARGIN) // SECOND)
    deadline = f"[Timer]\nOnActiveSec=\nOnActiveSec={seconds}s\n"
    install = f"{FOLDER}/install.sh --sudo {'yes' if boot.sudo else 'no'} --start"
    # An image that was made for this has everything but the settings. If not even this can be run, nothing else would
    # switch the machine off.
    command = f"[ -e {BAKED} ] || (tar -C {FOLDER} -xf {FOLDER}.tar && {install}) || systemctl poweroff || poweroff -f"
    document = {
        "write_files": [
            {**_plain(f"{FOLDER}.tar", "0600", _packed()), "encoding": "gz+b64"},
            _plain(f"{FOLDER}/README", "0644", "Put here by the machine's user data.\n"),  # makes the folder
            _plain("/etc/systemd/system/paddock-deadline.timer.d/lifetime.conf", "0644", deadline),
            _plain("/etc/paddock/agent.json", "0600", _json(dict(boot.settings))),
            _plain("/etc/paddock/boot.json", "0600", _json(told)),
            # The last: an image's own units wait for it.
            _plain("/etc/paddock/ready", "0600", "yes\n"),
        ],
        "runcmd": [command],
    }
    text = "#cloud-config\n" + json.dumps(document, indent=1) + "\n"
    if len(text) > LARGEST:
        raise InvalidInput("settings", f"user data of {len(text)} bytes", f"at most {LARGEST}: shorten the settings")
    return text


def machine_file(name: str) -> bytes:
    """One file of `machine`.

    Raises:
        InvalidInput: there is none of that name.
    """
    if name not in MODES:
        raise InvalidInput("name", name, f"one of {', '.join(MODES)}")
    return files("paddock.adapters.bootstrap.machine").joinpath(name).read_bytes()


def machine_archive() -> bytes:
    """All files of `machine` as a tar archive; the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, mode in sorted(MODES.items()):
            data = machine_file(name)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uname, entry.gname = len(data), mode, "root", "root"
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _packed() -> str:
    return base64.b64encode(gzip.compress(machine_archive(), 9, mtime=0)).decode()


def _plain(path: str, mode: str, content: str) -> dict[str, str]:
    return {"path": path, "permissions": mode, "content": content}


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=1) + "\n"


def _names(value: object, place: str) -> list[str]:
    """The dotted names of everything in the settings."""
    if isinstance(value, Mapping):
        inner = [(f"{place}.{name}", item) for name, item in value.items()]
    elif isinstance(value, list | tuple):
        inner = [(f"{place}[{number}]", item) for number, item in enumerate(value)]
    else:
        return []
    return [name for name, item in inner for name in (name, *_names(item, name))]
