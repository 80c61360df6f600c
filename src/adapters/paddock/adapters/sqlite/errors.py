"""SQLite's errors in our words. Everything it can say at run time is `Unavailable`: nobody's request was wrong.

Whether the fault passes by itself (a lock) or needs a hand (a full disk, a damaged file) is in the text: a store may
raise nothing else, and work that waits until the disk has room again is better than work that is given up.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from paddock.core.errors import Unavailable

_DAMAGED = "the file is damaged or not a database: stop Paddock and restore it from a backup"
_FORBIDDEN = "this user may not write the file or its directory: check owner and permissions"
_LOCKED = "another process or thread holds the write lock: look for one that hangs, or try again"
_OURS = "Paddock used SQLite wrongly: please report this"

REMEDIES: Mapping[str, str] = {
    "SQLITE_ABORT": "the statement was interrupted: try again",
    "SQLITE_AUTH": _FORBIDDEN,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_CANTOPEN": "the file cannot be opened: does its directory exist, and may this user write there?",
    "SQLITE_CONSTRAINT": _OURS,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_EMPTY": _OURS,
    "SQLITE_ERROR": _OURS,
    "SQLITE_FORMAT": _DAMAGED,
    "SQLITE_FULL": "the disk or the quota is full: make room",
    "SQLITE_INTERNAL": _OURS,
    "SQLITE_INTERRUPT": "the statement was interrupted: try again",
    "SQLITE_IOERR": "the disk failed to read or write: check the disk; network file systems are not supported",
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_MISMATCH": _OURS,
    "SQLITE_MISUSE": _OURS,
    "SQLITE_NOLFS": "the file system cannot hold a file of this size",
    "SQLITE_NOMEM": "no memory left: try again, or give the process more",
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_NOTFOUND": _OURS,
    "SQLITE_PERM": _FORBIDDEN,
    "SQLITE_PROTOCOL": "too many processes opened the file at once: try again",
    "SQLITE_RANGE": _OURS,
    "SQLITE_READONLY": _FORBIDDEN,
    "SQLITE_SCHEMA": "another process changed the schema meanwhile: try again",
    "SQLITE_TOOBIG": _OURS,
}
"""What each of SQLite's primary error codes means for the operator."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors within the block into `Unavailable`, with the file, SQLite's own words and a remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(path, error) from error


def unavailable(path: Path, error: sqlite3.Error) -> Unavailable:
    """The error as one of ours. An extended code (SQLITE_IOERR_FSYNC) counts as its primary one (SQLITE_IOERR)."""
    remedy = REMEDIES.get(primary(error), _OURS)
    return Unavailable(f"database {path}: {error} ({_name(error)}): {remedy}")


def primary(error: sqlite3.Error) -> str:
    """The name of its primary code, such as SQLITE_IOERR; of what Python itself finds wrong, the class's."""
    return "_".join(_name(error).split("_")[:2])


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
