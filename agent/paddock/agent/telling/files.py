"""Small files, written whole and read with suspicion: what lies beside a job may have been put there by it."""

import json
import os
import stat
from pathlib import Path

MAX_BYTES = 1_000_000


def write_json(path: Path, data: object, *, durable: bool = True) -> None:
    """Write a file as a whole: readers see the old one or the new one. Mode 0600.

    Args:
        path: where.
        data: anything JSON can say.
        durable: whether it must outlive a loss of power; if not, it outlives the process alone, and is quicker.

    Raises:
        OSError: the disk is full or failing; then the old file, if any, still stands.
    """
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if durable:
        _sync_directory(path.parent)


def read_object(path: Path) -> dict[str, object]:
    """The JSON object in a plain file of ours; links and pipes are not followed.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is no plain file, too large, or not a JSON object.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise ValueError(f"{path.name}: wanted a plain file of at most {MAX_BYTES} bytes")
        try:
            data = json.loads(file.read(MAX_BYTES))
        except RecursionError:
            raise ValueError(f"{path.name}: nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path.name}: wanted a JSON object")  # noqa: TRY004 - to the caller it is one thing: unreadable
    return data


def _sync_directory(directory: Path) -> None:
    """Make a rename last. A file system that will not (some network ones) has done what it could."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)
