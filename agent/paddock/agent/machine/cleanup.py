"""Leaving nothing of the job on the disk but its diagnosis. To be called when no process of the job is left."""

import contextlib
import ctypes
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from paddock.agent.machine.cgroup import unescaped
from paddock.agent.machine.place import claim_of, is_claimed
from paddock.agent.machine.removal import Leftovers, remove
from paddock.agent.machine.users import User

PATIENCE = 120.0  # seconds; a tree of a million files takes a quarter of it
PLACES = tuple(
    Path(place)
    for place in (
        "/tmp",  # noqa: S108 - it is looked through, not written to
        "/var/tmp",  # noqa: S108 - as above
        "/dev/shm",  # noqa: S108 - as above
        "/dev/mqueue",
        "/run/lock",
        "/var/mail",
        "/var/spool/cron",
        "/var/spool/cron/crontabs",
        "/var/spool/cron/atjobs",
        "/var/spool/at",
    )
)
"""Where a user may leave things outside its home, and have them run or read later."""

_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_MAX_MOUNTS = 10_000
_DIAG_DEPTH = 3  # directories below it; the runner makes one (pages)


def clean(
    work: Path,
    diag: Path,
    *,
    user: User | None = None,
    alone: bool = False,
    places: Sequence[Path] = PLACES,
    patience: float = PATIENCE,
) -> list[str]:
    """Remove `work` with everything in it; first the runner's own ``_diag`` is moved to `diag`.

    Args:
        work: everything that the job was given to write to. Its parent directory is the agent's. Nothing happens unless
            it is claimed, see `place`, or empty.
        diag: where the diagnosis goes, afterwards the agent's alone.
        user: the job's dedicated user, if it had one.
        alone: the user serves this machine and nothing else, so that whatever is the user's goes as well.
        places: where to look for that: directories, of which only direct entries are looked at.
        patience: seconds after which it stops, whatever is left.

    Returns:
        What could not be removed, in words for the log (with names that the job chose, as ASCII); empty is the rule.
    """
    if not is_claimed(work):  # never made, or not by us; or its maker was killed that very moment, and it is empty
        with contextlib.suppress(OSError):
            work.rmdir()
        return []
    left = Leftovers(time.monotonic() + patience)
    unmount_below(work, left)
    _keep_diagnosis(work, diag, left)
    remove(work, left)
    if user is not None and alone and user.uid not in (0, os.getuid()):
        for place in places:
            _remove_owned(place, user, left)
    if not os.path.lexists(work):
        claim_of(work).unlink(missing_ok=True)
    return left.words


def unmount_below(work: Path, left: Leftovers) -> None:
    """Detach whatever the job mounted in its directory, or on it. Nothing that is mounted is looked into."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
    refused: set[str] = set()
    for _ in range(_MAX_MOUNTS):  # one by one: what was below another one shows only when that is gone
        found = [mount for mount in _mounts_below(work) if mount not in refused]
        if not found or left.late:
            return
        if libc.umount2(os.fsencode(found[-1]), _MNT_DETACH | _UMOUNT_NOFOLLOW) != 0:
            refused.add(found[-1])
            left.note(found[-1], f"mounted, and {os.strerror(ctypes.get_errno())}")


def _mounts_below(work: Path) -> list[str]:
    """The mount points at or below `work`, in the order in which they were mounted."""
    top = os.path.join(os.path.realpath(work.parent), work.name)  # noqa: PTH118 - compared with the kernel's text
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
        points = [unescaped(os.fsdecode(line.split(b" ")[4])) for line in lines]
        return [point for point in points if point == top or point.startswith(f"{top}/")]
    return []


def _keep_diagnosis(work: Path, diag: Path, left: Leftovers) -> None:
    """Move the runner's diagnosis out, if it is what it should be, and keep only plain files and directories of it."""
    written = work / "runner" / "_diag"
    try:
        if not all(stat.S_ISDIR(path.lstat().st_mode) for path in (work, work / "runner", written)):
            return
        written.rename(diag)
        os.chown(diag, os.getuid(), os.getgid(), follow_symlinks=False)
        diag.chmod(0o700)
    except OSError:  # it was never written, or is locked: then it is not worth a fight
        return
    _keep_plain(diag, _DIAG_DEPTH, left)


def _keep_plain(directory: Path, depth: int, left: Leftovers) -> None:
    """Remove from a directory of ours what is neither a file of its own nor a directory, and what is too deep."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) and depth > 0:
                _keep_plain(Path(entry.path), depth - 1, left)
            elif not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                remove(Path(entry.path), left)


def _remove_owned(place: Path, user: User, left: Leftovers) -> None:
    """Remove the entries of a shared directory that are the user's, or that are named for it (a crontab)."""
    named = "cron" in place.parts
    try:
        with os.scandir(place) as entries:
            owned = [
                entry.name
                for entry in entries
                if entry.stat(follow_symlinks=False).st_uid == user.uid or (named and entry.name == user.name)
            ]
    except OSError:  # this machine has no such place
        return
    for name in owned:
        remove(place / name, left)
