"""Keeping the runner's own diagnosis (``_diag``): compressed, and out of the machine before the job's traces go.

The job could write to that directory. So every step down to it is opened without following a link, only plain files
with one name are read (a second name could be a file of somebody else's), each up to a size, all within a time.
"""

import contextlib
import os
import re
import stat
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.ports import Archive
from paddock.agent.telling.log import Log

DIAGNOSIS = "_diag"
MOST_BYTES = 128 << 20  # of one file; of a longer one, its end is kept
MOST_FILES = 100
PATIENCE = 60.0  # seconds for all of them
LEVEL = 6
_CHUNK = 1 << 18
_OVERLAP = 1 << 14  # bytes; no secret is longer
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_GZIP = 31  # zlib's window bits for gzip's format, which needs no import of gzip


@dataclass(slots=True)
class Kept:
    """How many files were kept, were no plain files of a sane name (refused), or failed; and whether time sufficed."""

    kept: int = 0
    refused: int = 0
    failed: int = 0
    in_time: bool = False


def keep_diagnosis(
    runner: Path,
    archive: Archive,
    scratch: Path,
    log: Log,
    *,
    patience: float = PATIENCE,
    most_bytes: int = MOST_BYTES,
) -> Kept:
    """Compress the files of ``runner/_diag`` and put them into the archive, as ``{name}.gz``.

    To be called when nothing of the job runs any more, before `runner` is removed. Never raises.

    Args:
        runner: the runner's directory; its parent and everything above must be out of the job's reach.
        archive: where to; it puts the machine's own place before the names.
        scratch: a directory out of the job's reach for one compressed file at a time; made, and removed afterwards.
        log: blots out secrets, and is told how it went.
        patience: seconds that this takes at most, whatever the archive does.
        most_bytes: what is kept of one file.
    """
    result = Kept()
    keeper = _Keeper(runner, archive, scratch, log, time.monotonic() + patience, most_bytes, result)
    thread = threading.Thread(target=keeper.run, daemon=True, name="diagnosis")
    thread.start()
    thread.join(patience)
    found = Kept(result.kept, result.refused, result.failed, in_time=result.in_time)
    log.write("diagnosis", kept=found.kept, refused=found.refused, failed=found.failed, in_time=found.in_time)
    return found


class _OutOfTimeError(Exception):
    """The time for all files is over."""


class _Keeper:
    def __init__(
        self, runner: Path, archive: Archive, scratch: Path, log: Log, deadline: float, most: int, result: Kept
    ) -> None:
        self._runner = runner
        self._archive = archive
        self._scratch = scratch
        self._log = log
        self._deadline = deadline
        self._most = most
        self._result = result

    def run(self) -> None:
        try:
            with _directory(self._runner) as directory:
                names = sorted(os.listdir(directory))  # noqa: PTH208 - of a descriptor, which no link can replace
                self._result.refused = max(0, len(names) - MOST_FILES)
                self._scratch.mkdir(mode=0o700, exist_ok=True)
                # The newest tell of the end; names end in the moment they were made.
                for name in names[-MOST_FILES:]:
                    self._keep(directory, name)
        except FileNotFoundError:
            pass  # the runner was never started
        except _OutOfTimeError:
            return
        except OSError as error:
            self._result.failed += 1
            self._log.write("diagnosis_failed", error=f"{type(error).__name__}: {error.strerror}")
        finally:
            with contextlib.suppress(OSError):
                self._scratch.rmdir()
        self._result.in_time = True

    def _keep(self, directory: int, name: str) -> None:
        file = self._open(directory, name)
        if file is None:
            self._result.refused += 1
            return
        packed = self._scratch / f"{name}.gz"
        try:
            self._compress(file, packed)
            self._archive.put(packed.name, packed)
            self._result.kept += 1
        except _OutOfTimeError:
            raise
        except Exception as error:  # noqa: BLE001 - the next one may be kept; and the wipe must come
            self._result.failed += 1
            self._log.write("not_archived", file=name, error=f"{type(error).__name__}: {error}")
        finally:
            os.close(file)
            with contextlib.suppress(OSError):
                packed.unlink(missing_ok=True)

    def _open(self, directory: int, name: str) -> int | None:
        """The file, if it is a plain one with this one name."""
        if _NAME.fullmatch(name) is None:
            return None
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            return None
        about = os.fstat(file)
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
            return file
        os.close(file)
        return None

    def _compress(self, file: int, packed: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
        with os.fdopen(os.open(packed, flags, 0o600), "wb") as target:
            for lines in self._lines(file):
                target.write(packer.compress(lines))
            target.write(packer.flush())

    def _lines(self, file: int) -> Iterator[bytes]:
        """The end of the file without secrets, in portions that cut none in two: whole lines, if not too long."""
        at = max(0, os.fstat(file).st_size - self._most)
        left = self._most  # a file that still grows is not followed
        rest = b""
        while left > 0:
            if time.monotonic() > self._deadline:
                raise _OutOfTimeError
            data = os.pread(file, min(_CHUNK, left), at)
            if not data:
                break
            at, left = at + len(data), left - len(data)
            whole, end, rest = (rest + data).rpartition(b"\n")
            yield self._clean(whole + end)
            if len(rest) > _CHUNK:
                rest = self._clean(rest)
                yield rest[:-_OVERLAP]
                rest = rest[-_OVERLAP:]
        yield self._clean(rest)

    def _clean(self, raw: bytes) -> bytes:
        return self._log.clean(raw.decode(errors="surrogateescape")).encode(errors="surrogateescape")


@contextlib.contextmanager
def _directory(runner: Path) -> Iterator[int]:
    """The directory of the diagnosis, open; neither it nor the runner's may be a link.

    Raises:
        OSError: there is none.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.ExitStack() as opened:
        above = None
        for step in (runner.parent, runner.name, DIAGNOSIS):
            above = os.open(step, flags, dir_fd=above)
            opened.callback(os.close, above)
        assert above is not None
        yield above
