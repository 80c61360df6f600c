"""Records as JSON rows, with their index entries in a table beside them."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Generic, TypeVar

from paddock.adapters.listings import changed, index_values, listing_of
from paddock.adapters.sqlite.database import Database
from paddock.core.codec import from_data, to_data
from paddock.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from paddock.core.ports.records import Page
from paddock.core.records import Keyed, Kind

R = TypeVar("R", bound=Keyed)

_GET = "SELECT data FROM records WHERE prefix = ? AND key = ?"
_PAGE = """SELECT place, key, data FROM entries JOIN records USING (prefix, key)
    WHERE prefix = ? AND name = ? AND value = ? AND (place, key) > (?, ?) ORDER BY place, key LIMIT ?"""
_BEFORE_ALL = (-(2**63), "")


class SqliteRecords(Generic[R]):
    """All records of one kind. Safe for threads and processes: each method is one transaction."""

    def __init__(self, kind: Kind[R], database: Database) -> None:
        """Args: the kind of record, which brings its indexes, order and life; where to keep them."""
        self._kind = kind
        self._database = database

    def add(self, record: R) -> bool:
        """Write a record whose key is free; False, and nothing written, if the key is taken."""
        row = (self._kind.prefix, record.key, json.dumps(to_data(record)))
        with self._database.write() as connection:
            added = connection.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?)", row).rowcount == 1
            if added:
                self._index(connection, self._entries(record))
        return added

    def get(self, key: str) -> R | None:
        """The record, or None."""
        with self._database.read() as connection:
            return self._found(connection, key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """Set the fields of `change` if the record matches `when`; the record as it then is.

        Raises:
            NotFound: no record has this key.
            Conflict: the record does not match; ``current`` is the record.
            IllegalTransition: `change` names a state that cannot be reached from a state of `when`.
        """
        self._kind.check(when, change)
        with self._database.write() as connection:
            before = self._found(connection, key)
            if before is None:
                raise NotFound(f"{self._kind.prefix}#{key} does not exist")
            if not self._kind.matches(before, when):
                raise Conflict(f"{self._kind.prefix}#{key} does not match {dict(when)}", before)
            after = changed(before, change)
            data = json.dumps(to_data(after))
            connection.execute(
                "UPDATE records SET data = ? WHERE prefix = ? AND key = ?", (data, self._kind.prefix, key)
            )
            old, new = self._entries(before), self._entries(after)
            self._unindex(connection, old - new)
            self._index(connection, new - old)
        return after

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """Records whose value in the sparse `index` is `value`, oldest first by the kind's order.

        Raises:
            ValueError: the kind has no such index, the cursor is not one of this listing, or `limit` is below 1.
        """
        listing = listing_of(self._kind, index, value, limit)
        after = _BEFORE_ALL if cursor is None else listing.place(cursor)
        with self._database.read() as connection:
            rows = connection.execute(_PAGE, (self._kind.prefix, index, value, *after, limit + 1)).fetchall()
        items = tuple(self._read(key, data) for _, key, data in rows[:limit])
        return Page(items, listing.cursor(*rows[limit - 1][:2]) if len(rows) > limit else None)

    def remove(self, key: str) -> bool:
        """Delete the record; False if there was none."""
        with self._database.write() as connection:
            record = self._found(connection, key)
            if record is None:
                return False
            self._unindex(connection, self._entries(record))
            connection.execute("DELETE FROM records WHERE prefix = ? AND key = ?", (self._kind.prefix, key))
        return True

    def _found(self, connection: sqlite3.Connection, key: str) -> R | None:
        row = connection.execute(_GET, (self._kind.prefix, key)).fetchone()
        return None if row is None else self._read(key, row[0])

    def _read(self, key: str, data: str) -> R:
        try:
            return from_data(json.loads(data), self._kind.record)
        except (ValueError, InvalidInput) as error:
            raise Unavailable(f"{self._kind.prefix}#{key} in {self._database.path} cannot be read: {error}") from error

    def _entries(self, record: R) -> set[tuple[str, str, str, int, str]]:
        place = self._kind.order(record)
        return {(self._kind.prefix, *entry, place, record.key) for entry in index_values(self._kind, record)}

    def _index(self, connection: sqlite3.Connection, entries: set[tuple[str, str, str, int, str]]) -> None:
        connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", entries)

    def _unindex(self, connection: sqlite3.Connection, entries: set[tuple[str, str, str, int, str]]) -> None:
        where = "prefix = ? AND name = ? AND value = ? AND place = ? AND key = ?"
        connection.executemany(f"DELETE FROM entries WHERE {where}", entries)  # noqa: S608 - a constant
