"""Getting the runner package: from the cache if its bytes are right, else by HTTP; never unverified.

The cache holds one file per digest. A lock per digest makes concurrent agents download once and share; a file is put in
place only when its digest has been checked, and it is checked again each time it is used. A download that an agent did
not finish is continued by the next one: what counts is the digest of the whole.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from paddock.agent.assignment import Package
from paddock.agent.package.bounds import Bounds
from paddock.agent.package.places import Place
from paddock.agent.package.room import check_room, is_full, no_room, write_all
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.log import Log

_CHUNK = 1 << 20


@contextmanager
def open_archive(
    package: Package,
    cache: Path,
    among: Sequence[Place],
    *,
    bounds: Bounds,
    log: Log,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[BinaryIO]:
    """The package, open for reading, its digest checked on these very bytes.

    Args:
        package: what is wanted.
        cache: the directory shared by all agents of this machine, made if it is not there.
        among: where it may be had, in order: one that fails is followed by the next.
        bounds: the download's patience, time and room.
        log: told where the bytes came from.
        sleep: waits that many seconds.

    Raises:
        AgentFailure: `low_disk`, `download_failed` or `digest_mismatch`.
    """
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = cache / f"{package.sha256}.tar.gz"
    # Without the lock first: hashing takes time, and all agents may do it at once.
    file = _verified(path, package.sha256)
    if file is None:
        with exclusive(cache, package.sha256):
            file = _verified(path, package.sha256)
            if file is None:
                if path.exists() or path.is_symlink():
                    log.write("package_cache_bad", sha256=package.sha256)
                    path.unlink()
                check_room(cache, bounds.min_free, "the package cache")
                file = _Download(package, path, bounds, log, sleep).run(among)
            else:
                log.write("package_cached", sha256=package.sha256)
    else:
        log.write("package_cached", sha256=package.sha256)
    with file:
        yield file


@contextmanager
def exclusive(cache: Path, sha256: str) -> Iterator[None]:
    """The lock of one package in this cache."""
    descriptor = os.open(
        cache / f"{sha256}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o644
    )
    with os.fdopen(descriptor, "rb"):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _verified(path: Path, sha256: str) -> BinaryIO | None:
    """The cached file, open at its beginning, if it is there and what it should be."""
    try:
        # Not blocking: a pipe of that name must not hold the machine up.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if _digest(file) == sha256:
            return file
    file.close()
    return None


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
    file.seek(0)
    return digest


@dataclass(slots=True)
class _Download:
    """One download into the cache, over all places and tries, under the package's lock.

    The part and a note of the answer it belongs to lie beside the final path, both named for the digest.
    """

    package: Package
    path: Path
    bounds: Bounds
    log: Log
    sleep: Callable[[float], None]
    give_up: float = field(init=False)
    keep: bool = field(init=False, default=False)  # the part may be continued by whoever comes next

    def __post_init__(self) -> None:
        self.give_up = time.monotonic() + self.bounds.deadline

    @property
    def part(self) -> Path:
        """What has come so far."""
        return self.path.with_suffix(".part")

    @property
    def note(self) -> Path:
        """Which answer the part belongs to: the place's name and the ETag."""
        return self.path.with_suffix(".etag")

    def run(self, among: Sequence[Place]) -> BinaryIO:
        """The verified file, put in its place and open at its beginning."""
        file = self._open_part()
        try:
            self._fill(file, among)
            self.part.replace(self.path)
            self.note.unlink(missing_ok=True)
        except BaseException as error:
            file.close()
            full = isinstance(error, OSError) and is_full(error)
            if full or not self.keep:  # what filled the disk would be in the way of the report
                self._drop()
            if isinstance(error, OSError) and full:
                raise no_room("the package was downloaded", error) from error
            raise
        return file

    def _drop(self) -> None:
        for path in (self.part, self.note):
            path.unlink(missing_ok=True)

    def _open_part(self) -> BinaryIO:
        """The part, open for reading and writing; a new one if there is none, or something else in its place."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            file = os.fdopen(os.open(self.part, flags, 0o644), "r+b", buffering=0)
        except OSError as error:
            if is_full(error):
                raise no_room("the package was downloaded", error) from error
        else:
            status = os.fstat(file.fileno())
            # A second name would be somebody else's file.
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                return file
            file.close()
        self._drop()
        return os.fdopen(os.open(self.part, flags | os.O_EXCL, 0o644), "r+b", buffering=0)

    def _fill(self, file: BinaryIO, among: Sequence[Place]) -> None:
        """Make the part what it should be.

        Raises:
            AgentFailure: no place gave it; the last one's reason.
        """
        if file.seek(0, 2) and _digest(file) == self.package.sha256:
            return  # whoever fetched it ended before it was put in place
        failure = AgentFailure(Reason.DOWNLOAD_FAILED, f"{self.package.filename}: there is no place to get it from")
        for place in among:
            try:
                self._from(place, file)
            except AgentFailure as error:
                if error.reason is Reason.LOW_DISK:
                    raise
                self.log.write("place_failed", place=place.name, reason=error.reason.value, detail=error.detail)
                failure = error
            else:
                self.log.write("package_downloaded", sha256=self.package.sha256, place=place.name)
                return
        raise failure

    def _from(self, place: Place, file: BinaryIO) -> None:
        """Get it from one place, with patience. A wrong digest is final; a failing network gets another try."""
        if place.url.startswith("file:"):
            self._copy(place, file)
            return
        from paddock.agent.package.http import Misfit, Refused, fetch  # noqa: PLC0415 - 40 ms that a cached package saves

        for attempt in range(1, self.bounds.tries + 1):
            left = self.give_up - time.monotonic()
            etag = self._etag(place, file)
            try:
                if left <= 0:
                    raise Refused(f"gave up after {self.bounds.deadline:.0f} s")
                bounds = replace(self.bounds, deadline=left)
                fetch(place, file, etag=etag, bounds=bounds, started=lambda new, size: self._began(place, new, size))
                self.keep = False
                digest = _digest(file)
                if digest == self.package.sha256:
                    return
                self._forget(file)
                if not etag:  # else the beginning may have been at fault: it is fetched once more, as a whole
                    detail = f"{self.package.filename}: its SHA-256 is {digest}, published was {self.package.sha256}"
                    raise AgentFailure(Reason.DIGEST_MISMATCH, detail)
                said, final = "what was continued has another digest", False
            except OSError as error:
                if is_full(error):
                    raise
                if isinstance(error, Misfit | Refused):
                    self._forget(file)
                said, final = str(error), isinstance(error, Refused)
            self.log.write("download_failed", place=place.name, attempt=attempt, error=said)
            if attempt == self.bounds.tries or final:
                detail = f"{self.package.filename}: {said}, try {attempt} of {self.bounds.tries} at {place.name}"
                raise AgentFailure(Reason.DOWNLOAD_FAILED, detail)
            self.sleep(min(self.bounds.pause * 2.0 ** (attempt - 1), max(0.0, self.give_up - time.monotonic())))

    def _copy(self, place: Place, file: BinaryIO) -> None:
        self._forget(file)
        path = Path(unquote(urlsplit(place.url).path))
        try:
            source = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError as error:
            raise AgentFailure(Reason.DOWNLOAD_FAILED, f"{path}: {error.strerror}") from None
        with source:
            check_room(self.path.parent, os.fstat(source.fileno()).st_size, "the package cache")
            left = self.bounds.max_bytes
            while left > 0 and (chunk := source.read(min(left, _CHUNK))):
                left -= len(chunk)
                write_all(file, chunk)
        digest = _digest(file)
        if digest != self.package.sha256:
            self._forget(file)
            raise AgentFailure(Reason.DIGEST_MISMATCH, f"{path}: its SHA-256 is {digest}, not {self.package.sha256}")

    def _began(self, place: Place, etag: str, size: int | None) -> None:
        """An answer begins: note what it is, and see whether it will fit."""
        check_room(self.path.parent, size or 0, "the package cache")
        self.keep = bool(etag)
        self.note.unlink(missing_ok=True)
        if etag:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self.note, flags, 0o644), "w", encoding="utf-8") as file:
                json.dump({"place": place.name, "etag": etag}, file)

    def _etag(self, place: Place, file: BinaryIO) -> str:
        """The ETag of the answer that the part began with; empty if it is not this place's or there is nothing."""
        from paddock.agent.package.http import strong  # noqa: PLC0415 - as above

        try:
            with os.fdopen(os.open(self.note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as note:
                data = json.loads(note.read(4096))
        except (OSError, ValueError):
            return ""
        if file.seek(0, 2) == 0 or not isinstance(data, dict) or data.get("place") != place.name:
            return ""
        return strong(str(data.get("etag")))

    def _forget(self, file: BinaryIO) -> None:
        self.keep = False
        self.note.unlink(missing_ok=True)
        file.seek(0)
        file.truncate()
