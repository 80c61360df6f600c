"""Whether a file of records is whole, for somebody who only looks: nothing is written, not even beside it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from paddock.adapters.sqlite import schema
from paddock.adapters.sqlite.errors import primary, unavailable
from paddock.core.errors import Rejected

_DAMAGED: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_NOTADB"})


def check_whole(path: Path) -> None:
    """Have SQLite look through the whole file.

    Raises:
        Rejected: it is damaged, or empty: SQLite's own words say how.
        InvalidInput: it is a newer Paddock's, or another program's.
        Unavailable: it cannot be read now.
    """
    # A database that nobody has open is read as it lies there. SQLite would else make files beside it, and leave them.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as connection:
            if schema.is_empty(connection):
                raise Rejected(f"{path} is empty: its tables are lost, or were never made")
            schema.check(connection, path)
            (told,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if primary(error) in _DAMAGED:
            raise Rejected(f"{path} is damaged: {error}") from error
        raise unavailable(path, error) from error
    if told != "ok":
        raise Rejected(f"{path} is damaged: {told}")
