"""A file system that is soon full, where the tests run as root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20
ROOT = os.geteuid() == 0


@contextmanager
def small_disk(path: Path, mib: int = 8) -> Iterator[Path]:
    """A directory at `path`: with a file system of its own of so many MiB if we may mount one, else an ordinary one."""
    path.mkdir()
    if not ROOT:
        yield path
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib * MIB}", "small", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def free(path: Path) -> int:
    """Bytes that are free there."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize
