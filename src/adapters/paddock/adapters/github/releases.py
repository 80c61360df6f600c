"""The port `Releases`: which runner package, and what its bytes must hash to.

GitHub publishes the digest in three places. The last two lie beside the file itself: they catch a damaged or mixed-up
file, not a forged release; only a digest pinned in our own configuration is truly apart.

1. ``downloads``: the list of packages GitHub expects this scope's runners to run
2. ``release digest``: the asset's ``digest`` in the release of actions/runner
3. ``release notes``: ``<!-- BEGIN SHA linux-x64 -->…<!-- END SHA linux-x64 -->`` in that release's text
4. ``pinned digest``: ours
"""

import re
from collections.abc import Mapping
from threading import Lock
from urllib.parse import urlsplit

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.endpoints import is_loopback
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.core.errors import AccessDenied, InvalidInput, NotFound, PaddockError, Rejected
from paddock.core.messages import RunnerPackage
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Clock
from paddock.core.spec import Arch
from paddock.core.units import HOUR, Moment, Span

_RUNNER = Scope("actions", "runner")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ENOUGH = 2


@attrs.frozen
class _Download:
    os: str
    architecture: str
    download_url: str
    filename: str
    sha256_checksum: str | None = None


@attrs.frozen
class _Asset:
    name: str
    digest: str | None = None


@attrs.frozen
class _Release:
    assets: tuple[_Asset, ...] = ()
    body: str | None = None


@attrs.frozen
class _Kept:
    package: RunnerPackage
    fresh_until: Moment
    usable_until: Moment


class RestReleases:
    """`Releases` by REST. Answers are kept for an hour, and for a day while GitHub cannot be asked."""

    def __init__(
        self,
        api: Api,
        *,
        clock: Clock,
        public: Api | None = None,
        pins: Mapping[str, str] | None = None,
        fresh: Span = HOUR,
        usable: Span = 24 * HOUR,
    ) -> None:
        """Set up.

        Args:
            api: the calls.
            clock: the time.
            public: calls to github.com, where releases lie, if `api` leads to another GitHub.
            pins: our own digests by file name, e.g. ``actions-runner-linux-x64-2.336.0.tar.gz`` to 64 hex digits.
            fresh: how long an answer is taken without asking again.
            usable: how long it is taken when asking again fails in passing.

        Raises:
            InvalidInput: a pin is no SHA-256.
        """
        self._api = api
        self._clock = clock
        self._public = public
        self._pins = {name: _pin(name, digest) for name, digest in (pins or {}).items()}
        self._fresh = fresh
        self._usable = usable
        self._kept: dict[tuple[Scope, Arch], _Kept] = {}
        self._lock = Lock()

    def package(self, scope: Scope, arch: Arch) -> RunnerPackage:
        """See `Releases.package`."""
        now = self._clock.now()
        with self._lock:
            kept = self._kept.get((scope, arch))
        if kept is not None and now < kept.fresh_until:
            return kept.package
        try:
            package = self._ask(scope, arch)
        except PaddockError as error:
            if error.retryable and kept is not None and now < kept.usable_until:
                return kept.package
            raise
        with self._lock:
            self._kept[scope, arch] = _Kept(package, now + self._fresh, now + self._usable)
        return package

    def _ask(self, scope: Scope, arch: Arch) -> RunnerPackage:
        download = self._download(scope, arch)
        version = _version(download, arch)
        digests: dict[str, str | None] = {
            "downloads": download.sha256_checksum,
            "pinned digest": self._pins.get(download.filename),
        }
        passing: PaddockError | None = None
        try:
            digests |= _published(self._release(scope, version), download.filename, arch)
        except (NotFound, AccessDenied):
            pass  # one source less; two others may agree
        except PaddockError as error:
            passing = error
        found = {source: digest.lower() for source, digest in digests.items() if digest}
        if len(set(found.values())) <= 1 and len(found) < _ENOUGH and passing is not None:
            raise passing  # the second source may speak again soon
        return RunnerPackage(
            version=version,
            url=download.download_url,
            sha256=_agreed(download.filename, found),
            filename=download.filename,
            digests=dict(sorted(found.items())),
        )

    def _download(self, scope: Scope, arch: Arch) -> _Download:
        answer = self._api.get(f"{account_path(scope)}/actions/runners/downloads", scope)
        for download in decoded(tuple[_Download, ...], answer.request, answer.reply):
            if download.os == "linux" and download.architecture == arch.value:
                url = urlsplit(download.download_url)
                if url.scheme != "https" and not is_loopback(url.hostname or ""):
                    raise Rejected(f"{download.filename}: GitHub names {download.download_url}, which is not https")
                return download
        raise NotFound(f"GitHub offers {scope} no runner package for linux {arch.value}")

    def _release(self, scope: Scope, version: str) -> _Release:
        path = f"{account_path(_RUNNER)}/releases/tags/v{version}"
        # A public repository: our own installation's token may read it, wherever else it is valid.
        answer = self._api.get(path, scope) if self._public is None else self._public.get(path, _RUNNER)
        return decoded(_Release, answer.request, answer.reply)


def _published(release: _Release, filename: str, arch: Arch) -> dict[str, str | None]:
    digest = next((asset.digest for asset in release.assets if asset.name == filename), None)
    marks = f"linux-{arch.value}"
    noted = re.search(rf"<!-- BEGIN SHA {marks} -->\s*([0-9A-Fa-f]*)\s*<!-- END SHA {marks} -->", release.body or "")
    return {
        "release digest": digest.removeprefix("sha256:") if digest and digest.startswith("sha256:") else None,
        "release notes": noted[1] if noted else None,
    }


def _agreed(filename: str, found: Mapping[str, str]) -> str:
    named = ", ".join(f"{source} {digest}" for source, digest in sorted(found.items())) or "none"
    for source, digest in found.items():
        if not _SHA256.fullmatch(digest):
            raise Rejected(f"{filename}: the digest of {source} is no SHA-256: {digest[:80]!r}")
    if len(set(found.values())) > 1:
        raise Rejected(f"{filename}: the sources of its digest disagree, so it is not to be trusted: {named}")
    if len(found) < _ENOUGH:
        raise Rejected(f"{filename}: fewer than two sources publish its digest ({named}): pin it in the configuration")
    return next(iter(found.values()))


def _version(download: _Download, arch: Arch) -> str:
    found = re.fullmatch(rf"actions-runner-linux-{arch.value}-([0-9]+(?:\.[0-9]+)+)\.tar\.gz", download.filename)
    if found is None:
        raise Rejected(f"the runner package for linux {arch.value} has an unknown name: {download.filename[:200]!r}")
    return found[1]


def _pin(name: str, digest: str) -> str:
    bare = digest.strip().lower().removeprefix("sha256:")
    if not _SHA256.fullmatch(bare):
        raise InvalidInput(f"github.runner_digests.{name}", digest, "must be a SHA-256: 64 hexadecimal digits")
    return bare
