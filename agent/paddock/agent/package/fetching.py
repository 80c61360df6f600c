"""Getting the runner package: from the cache if its bytes are right, else by HTTP; never unverified.

The cache holds one file per digest. A lock per digest makes concurrent agents download once and share; a file is put in
place only when its digest has been checked, and it is checked again each time it is used.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from paddock.agent.assignment import Package
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.log import Log

TRIES = 3
TIMEOUT = 30.0  # seconds without a byte
MAX_SECONDS = 900.0  # for one try
MAX_BYTES = 2 << 30
_CHUNK = 1 << 20


@contextmanager
def open_package(
    package: Package,
    cache: Path,
    *,
    min_free: int,
    log: Log,
    pause: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[BinaryIO]:
    """The package, open for reading, its digest checked on these very bytes.

    Args:
        package: what is wanted.
        cache: the directory shared by all agents of this machine, made if it is not there.
        min_free: bytes that must be free before anything is downloaded.
        log: told where the bytes came from.
        pause: seconds between the first two tries; each later pause is twice as long.
        sleep: waits that long.

    Raises:
        AgentFailure: `low_disk`, `download_failed` or `digest_mismatch`.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{package.sha256}.tar.gz"
    file = _verified(
        path, package.sha256
    )  # without the lock first: hashing takes time, and all agents may do it at once
    if file is None:
        with _exclusive(cache / f"{package.sha256}.lock"):
            file = _verified(path, package.sha256)
            if file is None:
                if path.exists():
                    log.write("package_cache_bad", sha256=package.sha256)
                    path.unlink()
                _check_room(cache, min_free)
                _download(package, path, log, lambda attempt: sleep(pause * 2.0 ** (attempt - 1)))
                file = path.open("rb")
    else:
        log.write("package_cached", sha256=package.sha256)
    with file:
        yield file


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _verified(path: Path, sha256: str) -> BinaryIO | None:
    """The cached file, open at its beginning, if it is there and what it should be."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except OSError:
        return None
    if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
        file.seek(0)
        return file
    file.close()
    return None


def _check_room(cache: Path, min_free: int) -> None:
    free = shutil.disk_usage(cache).free
    if free < min_free:
        detail = f"{free >> 20} MiB are free in the package cache, {min_free >> 20} MiB are needed"
        raise AgentFailure(Reason.LOW_DISK, detail)


def _download(package: Package, path: Path, log: Log, rest: Callable[[int], None]) -> None:
    """Put the verified file in place. A wrong digest is final; a failing network gets another try."""
    part = path.with_suffix(".part")  # one name: the lock is ours, and what a dead agent left is overwritten
    try:
        digest = _fetch_patiently(package, part, log, rest)
        if digest != package.sha256:
            detail = f"{package.filename}: its SHA-256 is {digest}, published was {package.sha256}"
            raise AgentFailure(Reason.DIGEST_MISMATCH, detail)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    log.write("package_downloaded", sha256=package.sha256)


def _fetch_patiently(package: Package, part: Path, log: Log, rest: Callable[[int], None]) -> str:
    attempt = 0
    while True:
        attempt += 1
        try:
            return _fetch(package.url, part)
        except OSError as error:  # URLError, HTTPError and time-outs are all of this kind
            if error.errno == errno.ENOSPC:
                raise
            log.write("download_failed", attempt=attempt, error=_said(error))
            if attempt == TRIES or _final(error):
                detail = f"{package.filename}: {_said(error)}, try {attempt} of {TRIES}"
                raise AgentFailure(Reason.DOWNLOAD_FAILED, detail) from error
            rest(attempt)


def _fetch(url: str, part: Path) -> str:
    """Download to `part`; the digest of what was written there."""
    import http.client  # noqa: PLC0415 - 40 ms that a machine with a cached package does not pay
    import urllib.request  # noqa: PLC0415 - as above

    digest = hashlib.sha256()
    size = 0
    give_up = time.monotonic() + MAX_SECONDS
    request = urllib.request.Request(url, headers={"User-Agent": "paddock-agent"})  # noqa: S310 - http(s) only: see assignment
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, part.open("wb") as file:  # noqa: S310 - as above
            wanted = answer.headers.get("Content-Length")
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > MAX_BYTES or time.monotonic() > give_up:
                    raise TimeoutError(f"gave up after {size} bytes")
                digest.update(chunk)
                file.write(chunk)
    except http.client.HTTPException as error:
        raise ConnectionError(type(error).__name__) from error
    if wanted is not None and wanted.isdigit() and int(wanted) != size:
        raise ConnectionError(f"{size} of {wanted} bytes arrived")
    return digest.hexdigest()


def _final(error: OSError) -> bool:
    """True if the server's answer will not change by asking again."""
    code = getattr(error, "code", None)
    return isinstance(code, int) and 400 <= code < 500 and code not in (408, 429)  # noqa: PLR2004 - HTTP's own numbers


def _said(error: OSError) -> str:
    """The error in words, without the address: it may carry a signature."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return f"HTTP {code}"
    reason = getattr(error, "reason", None) or error
    return f"{type(error).__name__}: {reason}"[:200]
