"""Decisions as JSON rows."""

import json
from collections.abc import Sequence

from paddock.adapters.sqlite.database import Database
from paddock.core.codec import from_data, to_data
from paddock.core.decision import Decision
from paddock.core.errors import InvalidInput, Unavailable


class SqliteDecisions:
    """All decisions, in the order in which they were appended. Safe for threads and processes."""

    def __init__(self, database: Database) -> None:
        """Args: where to keep them."""
        self._database = database

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep the decisions, in this order: all of them, or none if it raises."""
        rows = [(decision.subject, json.dumps(to_data(decision))) for decision in decisions]
        if rows:
            with self._database.write() as connection:
                connection.executemany("INSERT INTO decisions (subject, data) VALUES (?, ?)", rows)

    def about(self, subject: str, *, limit: int = 200) -> Sequence[Decision]:
        """The newest `limit` decisions about the subject, oldest first."""
        newest = "SELECT data FROM decisions WHERE subject = ? ORDER BY id DESC LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(newest, (subject, max(0, limit))).fetchall()
        try:
            return tuple(from_data(json.loads(data), Decision) for (data,) in reversed(rows))
        except (ValueError, InvalidInput) as error:
            text = f"a decision about {subject} in {self._database.path} cannot be read: {error}"
            raise Unavailable(text) from error
