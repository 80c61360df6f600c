"""Whether the process of the Worker is there."""

import os
from pathlib import Path

from paddock.agent.machine.processes import descendants

NAME = b"Runner.Worker"
ARGUMENTS = 4  # of a command line are looked at: an interpreter and its options may stand in front

_PROC = Path("/proc")


class WorkerProcess:
    """Looks for a Worker below this program."""

    def __init__(self, root: int | None = None) -> None:
        """Args: the process below which it is looked for; ours, if none is given."""
        self._root = os.getpid() if root is None else root
        self._found: tuple[int, str] | None = None

    def runs(self) -> bool:
        """True if one is there. The one found last is asked first: a look at all processes costs more.

        Raises:
            OSError: the processes cannot be listed.
        """
        if self._found is not None and _start(self._found[0]) == self._found[1]:
            return True
        self._found = None
        for pid in descendants(self._root):
            if _is_worker(pid):
                start = _start(pid)
                if start is not None:
                    self._found = (pid, start)
                    return True
        return False


def _is_worker(pid: int) -> bool:
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")[:ARGUMENTS]
    except OSError:
        return False
    return any(word.rpartition(b"/")[2] == NAME for word in words)


def _start(pid: int) -> str | None:
    """When the process started, as the kernel counts; None if it has ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None  # noqa: PLR2004 - see proc(5)
