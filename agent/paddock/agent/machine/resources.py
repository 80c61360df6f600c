"""What a Linux machine has left: read from ``/proc`` and the file system."""

import errno
import heapq
import os
from collections.abc import Sequence
from pathlib import Path

from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Reading

MIB = 1 << 20
MAX_NAME = 50

_BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq: not idle, not waiting for a disk, not stolen by a neighbour


class LinuxResources:
    """See `ports.Resources`."""

    def __init__(self, directory: Path, proc: Path = Path("/proc")) -> None:
        """Args: a directory on the file system that is watched, not one that a job could replace."""
        self._directory = directory
        self._proc = proc
        self._ticks = os.sysconf("SC_CLK_TCK")

    def look(self) -> Reading:
        """See `ports.Resources`."""
        disk = os.statvfs(self._directory)
        total, available = parse_meminfo((self._proc / "meminfo").read_text(encoding="ascii"))
        ticks, cores = parse_stat((self._proc / "stat").read_text(encoding="ascii"))
        return Reading(
            disk_free=disk.f_bavail * disk.f_frsize,  # without what is kept for root
            disk_used=(disk.f_blocks - disk.f_bfree) * disk.f_frsize,
            memory_available=available,
            memory_used=total - available,
            cpu=ticks * SECOND // self._ticks,
            cores=cores,
        )

    def largest(self, count: int) -> Sequence[str]:
        """See `ports.Resources`."""
        page = os.sysconf("SC_PAGE_SIZE")
        found = []
        for entry in os.scandir(self._proc):
            if entry.name.isdigit():
                try:
                    resident = int(Path(entry.path, "statm").read_text(encoding="ascii").split()[1]) * page
                    name = Path(entry.path, "comm").read_text(encoding="utf-8", errors="replace")
                except (OSError, IndexError):  # it ended meanwhile
                    continue
                found.append((resident, int(entry.name), name))
        return [f"{pid} {_clean(name)} {size // MIB}" for size, pid, name in heapq.nlargest(count, found)]


def parse_meminfo(text: str) -> tuple[int, int]:
    """The memory in all and what is available of it, in bytes, from the text of ``/proc/meminfo``.

    Raises:
        OSError: one of them is not in it.
    """
    values = {name: rest.split() for name, _, rest in (line.partition(":") for line in text.splitlines())}
    try:
        total, available = (int(values[name][0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (KeyError, IndexError, ValueError):
        raise OSError(errno.EIO, "/proc/meminfo: wanted MemTotal and MemAvailable in kB") from None
    return total, available


def parse_stat(text: str) -> tuple[int, int]:
    """Busy time since boot over all cores, in clock ticks, and the number of cores, from the text of ``/proc/stat``.

    Raises:
        OSError: they are not in it.
    """
    lines = [line.split() for line in text.splitlines()]
    cores = sum(line[0][:3] == "cpu" and line[0][3:].isdigit() for line in lines if line)
    try:
        (total,) = (line[1:] for line in lines if line and line[0] == "cpu")
        ticks = sum(int(total[index]) for index in _BUSY)
    except (IndexError, ValueError):
        raise OSError(errno.EIO, "/proc/stat: wanted one line 'cpu' with at least seven numbers") from None
    return ticks, max(1, cores)


def _clean(name: str) -> str:
    """A process chooses its name itself."""
    return "".join(char if char.isprintable() else " " for char in name.rstrip("\n"))[:MAX_NAME]
