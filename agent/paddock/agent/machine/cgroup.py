"""A control group of the job's own, where the kernel has the second version and lets us: one write ends all of it.

It is one means among several. A job that is root can leave its group, so whoever ends a job still looks everywhere.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_OWN = Path("/proc/self/cgroup")


class ControlGroup:
    """A child of the agent's own group, there while it is needed."""

    def __init__(self, parent: Path, name: str) -> None:
        """Args: the agent's own group, and what to call the job's."""
        self._parent = parent
        self._path = parent / name

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """While inside, this process is in the group, and so is whatever it starts, from its first moment on.

        If the kernel refuses, everything goes on without the group.
        """
        with contextlib.suppress(OSError):
            self._path.mkdir(exist_ok=True)
            self._enter(self._path)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._enter(self._parent)

    def members(self) -> list[int]:
        """The processes in it; none if it is not there."""
        try:
            return [int(pid) for pid in (self._path / "cgroup.procs").read_text(encoding="utf-8").split()]
        except OSError:
            return []

    def kill(self) -> None:
        """End everything in it at one stroke, however fast it forks; the group goes too once it is empty.

        Nothing happens while this process itself is in it.
        """
        if os.getpid() in self.members():
            return
        with contextlib.suppress(OSError):
            (self._path / "cgroup.kill").write_text("1", encoding="utf-8")
        with contextlib.suppress(OSError):  # not empty yet: the next call will find it so
            self._path.rmdir()

    def _enter(self, group: Path) -> None:
        (group / "cgroup.procs").write_text("0", encoding="utf-8")


def control_group(name: str, *, mounts: Path = _MOUNTS, own: Path = _OWN) -> ControlGroup | None:
    """The job's group, to be called `name`; None where there can be none."""
    try:
        where = _hierarchy(mounts.read_text(encoding="utf-8", errors="replace"))
        path = next(line[3:] for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    if where is None:
        return None
    parent = where / path.lstrip("/")
    return ControlGroup(parent, name) if os.access(parent, os.W_OK) else None


def _hierarchy(mountinfo: str) -> Path | None:
    """Where the second version's hierarchy is mounted, if it is."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ", 1)[0] == "cgroup2":
            return Path(unescaped(before.split(" ")[4]))
    return None


def unescaped(path: str) -> str:
    """A path of ``mountinfo`` as it is: blanks and the like stand there as a backslash and three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
