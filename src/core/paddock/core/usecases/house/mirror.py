"""The mirror: the fleet's own copies of the runner packages that its machines are about to ask for.

A machine may read the mirror and never write to it; only what has the published digest gets in. Keys are
``runners/{version}/linux-{arch}/{filename}``.

Each run looks at what is wanted, fetches what is missing, and only then removes what is old: a run that ends anywhere
is continued by the next one.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from paddock.core.errors import PaddockError, Rejected
from paddock.core.messages import RunnerPackage
from paddock.core.paging import pages
from paddock.core.ports.gauges import UNTOLD, Gauges
from paddock.core.ports.github import Releases, Scope
from paddock.core.ports.objects import Downloads, Listed, Objects
from paddock.core.ports.system import Clock
from paddock.core.spec import Arch
from paddock.core.task import TaskReport
from paddock.core.units import DAY, Moment, Span
from paddock.core.usecases.house.round import Round

FOLDER = "runners/"
KEPT_VERSIONS = 2
KEPT_FOR: Span = 30 * DAY
LARGEST = 2 << 30  # bytes; a package has about 200 MB
MOST_DELETIONS = 20
_CHUNK = 1 << 20
_BEHIND = ("unknown", "unfetched", "missing")
_KEY = re.compile(r"runners/(?P<version>\d{1,9}(?:\.\d{1,9}){1,3})/(?P<platform>linux-[a-z0-9]+)/[^/]+")


def key_of(package: RunnerPackage, arch: Arch) -> str:
    """Where the mirror keeps the package."""
    return f"{FOLDER}{package.version}/linux-{arch.value}/{package.filename}"


def outdated(objects: Iterable[Listed], wanted: Iterable[str], now: Moment) -> list[str]:
    """The keys to delete, oldest version first.

    Of each platform the newest two versions stay, and the wanted ones, and what was stored less than 30 days ago, and
    whatever is not understood: a machine that has its assignment may still ask for the one before.
    """
    keep, platforms = set(wanted), dict[str, dict[tuple[int, ...], list[Listed]]]()
    for stored in objects:
        key = _KEY.fullmatch(stored.key)
        if key is not None:
            version = tuple(int(number) for number in key["version"].split("."))
            platforms.setdefault(key["platform"], {}).setdefault(version, []).append(stored)
    old = [
        (version, stored.key)
        for versions in platforms.values()
        for version in sorted(versions)[:-KEPT_VERSIONS]
        for stored in versions[version]
        if stored.stored_at <= now - KEPT_FOR and stored.key not in keep
    ]
    return [key for _, key in sorted(old)]


class Mirror:
    """Keeps the copies."""

    def __init__(
        self,
        *,
        releases: Releases,
        objects: Objects,
        downloads: Downloads,
        clock: Clock,
        wanted: Sequence[tuple[Scope, Arch]],
        gauges: Gauges = UNTOLD,
    ) -> None:
        """Args: the ports, and the scopes and processors that this fleet serves."""
        self._gauges = gauges
        self._releases = releases
        self._objects = objects
        self._downloads = downloads
        self._clock = clock
        self._wanted = tuple(dict.fromkeys(wanted))

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run. A failure in one thing does not stop the others. See `Work`.

        ``by_kind`` counts what was ``present``, ``fetched`` and ``deleted``; ``left`` old objects stay. The
        cursor holds since when something is wanted that is not there, "" if all is.
        """
        run = Round(dry_run)
        packages: dict[str, RunnerPackage] = {}
        refused: set[str] = set()
        for scope, arch in self._wanted:
            try:
                package = self._releases.package(scope, arch)
            except PaddockError as error:
                run.kinds["unknown"] += 1
                run.failed(f"{scope} linux-{arch.value}", error)
                continue
            key = key_of(package, arch)
            if packages.setdefault(key, package).sha256 != package.sha256:
                refused.add(key)
        for key, package in packages.items():
            try:
                if key in refused:
                    raise Rejected("two scopes are told different digests for it")
                run.kinds[self._kept(key, package, run)] += 1
            except PaddockError as error:
                run.kinds["unfetched"] += 1
                run.failed(key, error)
        # What is wanted must be known and there before anything goes: unknown means keep.
        if not run.errors:
            self._clean(packages, run)
        behind = self._since(run, cursor)
        if not dry_run:
            self._tell(run, behind)
        return run.report(cursor="" if behind is None else str(behind))

    def _since(self, run: Round, cursor: str) -> Moment | None:
        """Since when a package is wanted that is not there, or not even known; None if all are."""
        if not any(run.kinds[kind] for kind in _BEHIND):
            return None
        now = self._clock.now()
        return min(int(cursor), now) if cursor.isascii() and cursor.isdigit() else now

    def _tell(self, run: Round, behind: Moment | None) -> None:
        levels = {"runners_fetched": run.kinds["fetched"]} if run.kinds["fetched"] else {}
        if behind is not None:
            levels["runner_behind"] = self._clock.now() - behind
        self._gauges.tell(levels)

    def _kept(self, key: str, package: RunnerPackage, run: Round) -> str:
        """See to it that it is there; what that took."""
        stored = self._objects.head(key)
        if stored is not None and stored.sha256 == package.sha256:
            return "present"
        kind = "missing" if run.dry_run else self._fetch(key, package)
        run.acts.append(f"{key} is fetched from {package.url}")
        return kind

    def _fetch(self, key: str, package: RunnerPackage) -> str:
        with self._downloads.fetch(package.url, LARGEST) as content:
            digest = _digest(content)
            if digest != package.sha256:
                raise Rejected(f"its SHA-256 is {digest}, published was {package.sha256}")
            content.seek(0)
            self._objects.put(key, content, package.sha256)
        return "fetched"

    def _clean(self, wanted: Iterable[str], run: Round) -> None:
        """Delete what is old, so many of it; the others are left for the next run."""
        try:
            stored = list(pages(lambda cursor: self._objects.page(FOLDER, cursor)))
        except PaddockError as error:
            run.kinds["unlisted"] += 1
            run.failed(FOLDER, error)
            return
        old = outdated(stored, wanted, self._clock.now())
        run.left = len(old) if run.dry_run else len(old[MOST_DELETIONS:])
        for key in old[:MOST_DELETIONS]:
            try:
                if not run.dry_run:
                    self._objects.delete(key)
                    run.kinds["deleted"] += 1
                run.acts.append(f"{key} is old: it is deleted")
            except PaddockError as error:
                run.kinds["undeleted"] += 1
                run.failed(key, error)


def _digest(content: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
