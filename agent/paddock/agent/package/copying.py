"""A tree of files copied as fast as the disk allows; each machine gets bytes of its own.

A hard link would be a job's way to write into the original. `copy_file_range` shares blocks where the file system can
(XFS, Btrfs) and copies inside the kernel where it cannot. What it costs stands in `prepare`.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_THREADS = min(4, os.cpu_count() or 1)
_BATCH = 64
_NOT_SO = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF})


class Unsound(Exception):  # noqa: N818 - named for what the tree is
    """Something in the tree may have been changed, or has no place in one."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much a tree holds: files, links and directories, and the files' bytes."""

    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _File:
    source: str
    target: str
    mode: int


def copy_tree(source: Path, target: Path, sound: Callable[[os.stat_result], bool]) -> Size:
    """Copy what lies in `source` into `target`, an existing empty directory; how much it was.

    Args:
        source: directories, files and links; links are copied as they are. Nobody changes it meanwhile.
        target: filled; after an error it holds a part.
        sound: asked about everything in the tree before it is copied.

    Raises:
        Unsound: `sound` said no, or there is something else in the tree; the text names it.
        OSError: reading or writing failed.
    """
    files: list[_File] = []
    entries = 0
    for entry, status, at in _walk(str(source), str(target)):
        entries += 1
        if not sound(status):
            raise Unsound(f"{os.path.relpath(entry, source)[:200]!r} may have been changed by others")
        if stat.S_ISDIR(status.st_mode):
            Path(at).mkdir(mode=0o755)
        elif stat.S_ISLNK(status.st_mode):
            Path(at).symlink_to(Path(entry).readlink())
        elif stat.S_ISREG(status.st_mode):
            files.append(_File(entry, at, 0o755 if status.st_mode & 0o111 else 0o644))
        else:
            raise Unsound(f"{os.path.relpath(entry, source)[:200]!r} is no file, directory or link")
    rest = iter(files)
    batches = iter(lambda: list(islice(rest, _BATCH)), [])
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="copy") as pool:
        tasks = [pool.submit(_copy_all, batch) for batch in batches]
        try:
            total = sum(task.result() for task in tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Size(entries, total)


def _walk(source: str, target: str) -> Iterator[tuple[str, os.stat_result, str]]:
    """Everything below `source`, a directory before what is in it, and where it goes."""
    with os.scandir(source) as found:
        for entry in found:
            status = entry.stat(follow_symlinks=False)
            at = f"{target}/{entry.name}"
            yield entry.path, status, at
            if stat.S_ISDIR(status.st_mode):
                yield from _walk(entry.path, at)


def _copy_all(files: list[_File]) -> int:
    return sum(_copy(file) for file in files)


def _copy(file: _File) -> int:
    source = os.open(file.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(file.target, flags, file.mode)
        try:
            return _pour(source, target, os.fstat(source).st_size)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _pour(source: int, target: int, size: int) -> int:
    done = 0
    within = True  # the kernel copies from file to file, until it says that here it cannot
    while done < size:
        try:
            moved = (
                os.copy_file_range(source, target, size - done, done, done)
                if within
                else os.sendfile(target, source, done, size - done)
            )
        except OSError as error:
            if not within or done or error.errno not in _NOT_SO:
                raise
            within = False
            continue
        if not moved:
            break
        done += moved
    return done
