"""Is there room on the disk, and was it the disk that said no?"""

import errno
import shutil
from pathlib import Path
from typing import BinaryIO

from paddock.agent.reasons import AgentFailure, Reason

# A quota or a limit on a file's size leaves as little room as a full disk.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """True if there was no room."""
    return error.errno in FULL


def no_room(doing: str, error: OSError) -> AgentFailure:
    """The failure that such an error means."""
    return AgentFailure(Reason.LOW_DISK, f"the disk was full while {doing}: {error.strerror}")


def check_room(directory: Path, least: int, what: str) -> None:
    """Return if `least` bytes are free in `directory`.

    Raises:
        AgentFailure: `low_disk`.
    """
    free = shutil.disk_usage(directory).free
    if free < least:
        detail = f"{free >> 20} MiB are free in {what}, {least >> 20} MiB are needed"
        raise AgentFailure(Reason.LOW_DISK, detail)


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write everything to an unbuffered file: what does not fit fails here and not when the file is closed."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
