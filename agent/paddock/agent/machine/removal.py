"""Removing a directory that a hostile job filled: nothing in it leads outside, stops us, or makes us run out.

Links are removed, never followed; what is mounted is never entered; a tree may be deeper than any path is long, so the
walk holds one open directory at a time and goes up by ``..``. What locks things (modes, immutable flags) is taken off.
"""

import contextlib
import errno
import fcntl
import os
import stat
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602  # as on x86-64 and arm64
_LOCKED = 0x10 | 0x20  # FS_IMMUTABLE_FL, FS_APPEND_FL
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
MAX_LEFT = 20


@dataclass(slots=True)
class Leftovers:
    """What could not be removed: up to `MAX_LEFT` of them, in words that a job may have chosen; and when to give up."""

    deadline: float
    words: list[str] = field(default_factory=list)

    @property
    def late(self) -> bool:
        """True once the time is up."""
        return time.monotonic() >= self.deadline

    def note(self, name: str, error: OSError | str) -> None:
        """Something stays."""
        if len(self.words) < MAX_LEFT:
            why = error if isinstance(error, str) else error.strerror
            self.words.append(f"{ascii(name)[:80]}: {why}")


@dataclass(slots=True)
class _Level:
    """A directory on the way down: its name in the one above, which one it is, what is still below it."""

    name: str
    identity: tuple[int, int]
    below: list[str]


def remove(path: Path, left: Leftovers) -> None:
    """Remove what is at `path`, whatever it is, with everything in it. Its parent must be nobody's but ours."""
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        left.note(str(path), error)
        return
    try:
        if not _unlink(path.name, parent, left):
            _remove_tree(path.name, parent, left)
    finally:
        os.close(parent)


def _remove_tree(name: str, parent: int, left: Leftovers) -> None:
    above = os.fstat(parent)
    levels: list[_Level] = []
    here = os.dup(parent)
    try:
        going: str | None = name
        while going is not None:
            entered = _enter(going, here, above.st_dev, left)
            if entered is not None:
                os.close(here)
                here = entered
                found = os.fstat(here)
                levels.append(_Level(going, (found.st_dev, found.st_ino), _empty(here, left)))
            while levels and not levels[-1].below:
                done = levels.pop()
                expected = levels[-1].identity if levels else (above.st_dev, above.st_ino)
                higher = _up(here, expected)
                os.close(here)
                here = higher
                _rmdir(done.name, here, left)
            going = levels[-1].below.pop() if levels else None
            if left.late and going is not None:
                left.note(going, "the time was up")
                going = None
    except OSError as error:
        left.note(name, error)
    finally:
        os.close(here)


def _enter(name: str, parent: int, device: int, left: Leftovers) -> int | None:
    """Open a directory, unlocking it first; None, with a note, if it cannot be or should not be."""
    try:
        _open_mode(name, parent)
        descriptor = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=parent)
    except OSError as error:
        left.note(name, error)
        return None
    if os.fstat(descriptor).st_dev != device:
        left.note(name, "something is mounted there")
        os.close(descriptor)
        return None
    _unlock(descriptor)
    return descriptor


def _empty(directory: int, left: Leftovers) -> list[str]:
    """Remove what is no directory; the names of those that are."""
    below = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if left.late:
                left.note(entry.name, "the time was up")
                return []
            if not _unlink(entry.name, directory, left):
                below.append(entry.name)
    return below


def _unlink(name: str, parent: int, left: Leftovers) -> bool:
    """Remove one entry; False if it is a directory, which stays."""
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            return False
        try:
            os.unlink(name, dir_fd=parent)
        except PermissionError:
            _unlock(parent)
            if stat.S_ISREG(mode):
                _unlock_file(name, parent)
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError as error:
        left.note(name, error)
    return True


def _rmdir(name: str, parent: int, left: Leftovers) -> None:
    try:
        try:
            os.rmdir(name, dir_fd=parent)
        except PermissionError:
            _unlock(parent)
            os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENOTEMPTY or not left.words:  # what is in it has been noted
            left.note(name, error)


def _up(here: int, expected: tuple[int, int]) -> int:
    """The directory above, which must be the one we came from."""
    above = os.open("..", _OPEN | os.O_DIRECTORY, dir_fd=here)
    found = os.fstat(above)
    if (found.st_dev, found.st_ino) != expected:
        os.close(above)
        raise OSError(errno.EXDEV, "the tree was moved while it was removed")
    return above


def _open_mode(name: str, parent: int) -> None:
    """Give a directory back the mode that lets its owner in; one that is not locked is left as it is."""
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & stat.S_IRWXU == stat.S_IRWXU:
        return
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_ISDIR(os.fstat(held).st_mode):
            with contextlib.suppress(PermissionError):  # immutable: root gets in all the same, and takes the flag off
                Path(f"/proc/self/fd/{held}").chmod(0o700)
    finally:
        os.close(held)


def _unlock_file(name: str, parent: int) -> None:
    try:
        descriptor = os.open(name, _OPEN | os.O_NONBLOCK, dir_fd=parent)
    except OSError:
        return
    try:
        _unlock(descriptor)
    finally:
        os.close(descriptor)


def _unlock(descriptor: int) -> None:
    """Take off the flags that let nobody change it; only root may, and not every file system has them."""
    with contextlib.suppress(OSError):
        (flags,) = struct.unpack("I4x", fcntl.ioctl(descriptor, _FS_IOC_GETFLAGS, bytes(8)))
        if flags & _LOCKED:
            fcntl.ioctl(descriptor, _FS_IOC_SETFLAGS, struct.pack("I4x", flags & ~_LOCKED))
