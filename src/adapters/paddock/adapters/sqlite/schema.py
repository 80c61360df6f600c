"""The tables, and which version of them this program understands."""

import sqlite3
from pathlib import Path

from paddock.core.errors import InvalidInput

VERSION = 1

_NAMES = frozenset({"records", "entries", "messages", "decisions"})
"""The tables that every version had. By them a file is known as Paddock's: its name and its version prove nothing."""

_TABLES = (
    # Records as JSON, and their sparse index entries beside them, in the order in which listings go.
    "CREATE TABLE records (prefix TEXT, key TEXT, data TEXT NOT NULL, PRIMARY KEY (prefix, key)) WITHOUT ROWID",
    """CREATE TABLE entries (prefix TEXT, name TEXT, value TEXT, place INTEGER, key TEXT,
       PRIMARY KEY (prefix, name, value, place, key)) WITHOUT ROWID""",
    # due: when the message is to be seen (again); lent: 1 while on loan; loans: numbers the receipts and is never
    # reset, so that no receipt ever comes back; dead: why the message was given up.
    """CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL,
       due INTEGER NOT NULL, receives INTEGER NOT NULL DEFAULT 0, loans INTEGER NOT NULL DEFAULT 0,
       lent INTEGER NOT NULL DEFAULT 0, dead TEXT)""",
    "CREATE INDEX messages_due ON messages (queue, due) WHERE dead IS NULL",
    "CREATE INDEX messages_dead ON messages (queue, id) WHERE dead IS NOT NULL",
    "CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, data TEXT NOT NULL)",
    "CREATE INDEX decisions_subject ON decisions (subject, id)",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, unless another process just did."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if is_empty(connection):
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that the tables are there and that this program understands them. Nothing is written.

    Raises:
        InvalidInput: the file is empty, a newer Paddock wrote it, or it is somebody else's database.
    """
    if is_empty(connection):
        raise InvalidInput("database", str(path), "is empty: no fleet has kept records in it")
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not found >= _NAMES or version < VERSION:
        remedy = "is not a Paddock database, but another program's: give Paddock a file of its own"
        raise InvalidInput("database", str(path), remedy)
    if version > VERSION:
        remedy = f"this Paddock understands schema version {VERSION}: upgrade Paddock, or give it another file"
        raise InvalidInput(f"schema version of {path}", version, remedy)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nobody has made anything in it yet."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return (tables, version) == (0, 0)
