"""Where a package's bytes may be had: the fleet's mirror, then GitHub. Whoever serves them, the digest decides."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from paddock.agent.assignment import Package
from paddock.agent.ports import PackageMirror
from paddock.agent.reasons import AgentFailure, Reason

_PLATFORMS = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}


@dataclass(frozen=True, slots=True)
class Place:
    """An address, and the headers that this host alone is asked with. Both may hold secrets."""

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class HttpMirror:
    """A mirror that is a plain web server: ``{base}/runners/{version}/{platform}/{filename}``."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        """Args: the address below which the copies lie, and headers to ask with (kept from other hosts).

        Raises:
            ValueError: the address is not http or https.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = f"{parts.scheme[:20]}://{parts.hostname or ''}"  # not more: it may hold credentials
            raise ValueError(f"mirror: found {shown!r}, wanted http://, https:// or an absolute path")
        self._base = base_url.rstrip("/")
        self._headers = dict(headers or {})

    def request(self, version: str, platform: str, filename: str) -> tuple[str, Mapping[str, str]] | None:
        """See `PackageMirror.request`."""
        return f"{self._base}/runners/{version}/{platform}/{filename}", self._headers


class DirectoryMirror:
    """A mirror that is a directory of this machine: ``{root}/runners/{version}/{platform}/{filename}``."""

    def __init__(self, root: Path) -> None:
        """Args: the directory below which the copies lie."""
        self._root = root.absolute()

    def request(self, version: str, platform: str, filename: str) -> tuple[str, Mapping[str, str]] | None:
        """See `PackageMirror.request`. The address is a ``file:`` one; there is none for what is not there yet."""
        path = self._root / "runners" / version / platform / filename
        return (path.as_uri(), {}) if path.is_file() else None


def mirror_at(place: str) -> PackageMirror:
    """The mirror at an http or https address, or in a directory of this machine.

    Raises:
        ValueError: it is neither.
    """
    return DirectoryMirror(Path(place)) if Path(place).is_absolute() else HttpMirror(place)


def this_platform() -> str:
    """``linux-x64`` or ``linux-arm64``.

    Raises:
        AgentFailure: there is no runner for this processor.
    """
    machine = os.uname().machine
    if machine not in _PLATFORMS:
        raise AgentFailure(Reason.BAD_PACKAGE, f"there is no runner for {machine}: only for {', '.join(_PLATFORMS)}")
    return _PLATFORMS[machine]


def places(package: Package, mirror: PackageMirror | None = None) -> list[Place]:
    """Where to ask for the package, in order."""
    found = [] if mirror is None else [mirror.request(package.version, this_platform(), package.filename)]
    mirrored = [Place("mirror", url, headers) for url, headers in filter(None, found)]
    return [*mirrored, Place("github", package.url)]
