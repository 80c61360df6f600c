"""Queues in the database, with the promises of the one in memory, for any number of processes.

A row is waiting (``lent`` 0), on loan (``lent`` 1 until ``due``) or dead. Nobody has to clean up after a consumer that
died: its loans are over when their time is, because every statement asks the clock.
"""

import re
import sqlite3
from collections.abc import Sequence
from itertools import islice
from typing import Generic, TypeVar

from paddock.adapters.sqlite.database import Database
from paddock.adapters.wire import message_in, message_text
from paddock.core.errors import InvalidInput
from paddock.core.ports.queues import DeadLetter, Depth, Received, Told, Wanted, every, nobody
from paddock.core.ports.system import Clock, Sleeper
from paddock.core.units import MILLISECOND, MINUTE, Moment, Span

M = TypeVar("M")

MAX_DELAY: Span = 15 * MINUTE  # SQS's
POLL: Span = 25 * MILLISECOND  # an indexed look-up without a lock: costs next to nothing, and nobody feels the wait

_RECEIPT = re.compile("([0-9]{1,18})-([0-9]{1,18})")  # row and loan
_LENT = "queue = ? AND id = ? AND loans = ? AND lent = 1 AND due > ? AND dead IS NULL"
_DUE = "queue = ? AND dead IS NULL AND due <= ?"
_DEPTH = """SELECT
    total(dead IS NULL AND NOT (lent AND due > :now) AND NOT (due <= :now AND receives >= :most)),
    total(dead IS NULL AND lent AND due > :now),
    total(dead IS NOT NULL OR (due <= :now AND receives >= :most)) FROM messages WHERE queue = :queue"""


class SqliteQueue(Generic[M]):
    """A named queue. Safe for threads and processes: each method is one transaction."""

    def __init__(
        self,
        database: Database,
        name: str,
        clock: Clock,
        sleeper: Sleeper,
        *,
        visibility: Span = 6 * MINUTE,
        max_receives: int = 5,
    ) -> None:
        """Args: where to keep it, its name; clock and sleeper; a loan's length; loans until a message is given up."""
        self._database = database
        self._name = name
        self._clock = clock
        self._sleeper = sleeper
        self._visibility = visibility
        self._max_receives = max_receives

    def send(self, messages: Sequence[M], *, delay: Span = 0) -> None:
        """Store every message durably, visible after `delay`. All or error.

        Raises:
            ValueError: `delay` is negative or over 15 minutes.
        """
        if not 0 <= delay <= MAX_DELAY:
            raise ValueError(str(InvalidInput("delay", delay, f"must be from 0 to {MAX_DELAY} microseconds")))
        self._put([message_text(message) for message in messages], delay)

    def send_text(self, body: str) -> None:
        """Store a text that some other program sent, readable or not: beyond the port."""
        self._put([body], 0)

    def receive(self, limit: int, *, wait: Span = 0) -> Sequence[Received[M]]:
        """Lend up to `limit` messages, looking every 25 ms for up to `wait` for the first.

        Raises:
            ValueError: `limit` is below 1.
        """
        if limit < 1:
            raise ValueError(str(InvalidInput("limit", limit, "must be at least 1")))
        while True:
            lent = self._lend(limit) if self._any_due() else ()
            if lent or wait <= 0:
                return lent
            pause = min(wait, POLL)
            self._sleeper.sleep(pause)
            wait -= pause

    def delete(self, receipts: Sequence[str]) -> None:
        """The messages are done. A receipt that is unknown or out of date changes nothing."""
        if not receipts:
            return
        with self._database.write() as connection:
            rows = [self._loan(receipt) for receipt in receipts]
            connection.executemany(f"DELETE FROM messages WHERE {_LENT}", rows)  # noqa: S608 - a constant

    def defer(self, receipt: str, delay: Span) -> None:
        """Give the message back, to be seen again after `delay`. An outdated receipt changes nothing.

        Raises:
            ValueError: `delay` is negative.
        """
        if delay < 0:
            raise ValueError(str(InvalidInput("delay", delay, "must not be negative")))
        with self._database.write() as connection:
            row = (self._clock.now() + delay, *self._loan(receipt))
            connection.execute(f"UPDATE messages SET lent = 0, due = ? WHERE {_LENT}", row)  # noqa: S608 - a constant

    def depth(self) -> Depth:
        """Counts, exact at the moment they are taken."""
        values = {"queue": self._name, "now": self._clock.now(), "most": self._max_receives}
        with self._database.read() as connection:
            waiting, lent, dead = connection.execute(_DEPTH, values).fetchone()
        return Depth(int(waiting), int(lent), int(dead))

    def dead_letters(self, limit: int = 10) -> Sequence[DeadLetter]:
        """The oldest dead letters, left where they are."""
        oldest = "SELECT body, dead FROM messages WHERE queue = ? AND dead IS NOT NULL ORDER BY id LIMIT ?"
        with self._database.write() as connection:
            self._bury(connection, self._clock.now())
            rows = connection.execute(oldest, (self._name, max(0, limit))).fetchall()
        return tuple(DeadLetter(body, reason, _readable(body)) for body, reason in rows)

    def redrive(self, wanted: Wanted = every, *, most: int | None = None, told: Told = nobody) -> int:
        """Put the oldest of the wanted dead letters back on the queue; see `Queue.redrive`."""
        now = self._clock.now()
        dead = "SELECT id, body FROM messages WHERE queue = ? AND dead IS NOT NULL ORDER BY id"
        revive = "UPDATE messages SET dead = NULL, receives = 0, lent = 0, due = ? WHERE id = ?"
        with self._database.write() as connection:
            self._bury(connection, now)
            rows = connection.execute(dead, (self._name,)).fetchall()
            back = list(islice(((number, body) for number, body in rows if _readable(body) and wanted(body)), most))
            connection.executemany(revive, [(now, number) for number, _ in back])
        for _, body in back:
            told(body)
        return len(back)

    def release_loans(self) -> int:
        """End all loans now; how many there were. For the start of the only consumer: whoever held them is dead.

        Receives keep counting, so a message that kills its consumer still becomes a dead letter.
        """
        now = self._clock.now()
        release = "UPDATE messages SET lent = 0, due = ? WHERE queue = ? AND dead IS NULL AND lent = 1 AND due > ?"
        with self._database.write() as connection:
            return connection.execute(release, (now, self._name, now)).rowcount

    def _put(self, bodies: Sequence[str], delay: Span) -> None:
        due = self._clock.now() + delay
        rows = [(self._name, body, due) for body in bodies]
        if rows:
            with self._database.write() as connection:
                connection.executemany("INSERT INTO messages (queue, body, due) VALUES (?, ?, ?)", rows)

    def _any_due(self) -> bool:
        some = f"SELECT 1 FROM messages WHERE {_DUE} LIMIT 1"  # noqa: S608 - a constant
        with self._database.read() as connection:
            return connection.execute(some, (self._name, self._clock.now())).fetchone() is not None

    def _lend(self, limit: int) -> tuple[Received[M], ...]:
        next_due = f"SELECT id, body, receives, loans FROM messages WHERE {_DUE} ORDER BY due, id LIMIT ?"  # noqa: S608 - a constant
        lend = "UPDATE messages SET receives = receives + 1, loans = loans + 1, lent = 1, due = ? WHERE id = ?"
        lent: list[Received[M]] = []
        with self._database.write() as connection:
            now = self._clock.now()
            self._bury(connection, now)
            while len(lent) < limit:
                rows = connection.execute(next_due, (self._name, now, limit - len(lent))).fetchall()
                if not rows:
                    break
                for number, body, receives, loans in rows:
                    try:
                        message = message_in(body)
                    except InvalidInput as error:
                        connection.execute(
                            "UPDATE messages SET dead = ? WHERE id = ?", (f"unreadable: {error}", number)
                        )
                        continue
                    connection.execute(lend, (now + self._visibility, number))
                    lent.append(Received(message, f"{number}-{loans + 1}", receives + 1))
        return tuple(lent)

    def _bury(self, connection: sqlite3.Connection, now: Moment) -> None:
        """Give up what was lent too often and came back."""
        bury = f"UPDATE messages SET dead = 'received ' || receives || ' times and never done' WHERE {_DUE}"  # noqa: S608
        connection.execute(f"{bury} AND receives >= ?", (self._name, now, self._max_receives))

    def _loan(self, receipt: str) -> tuple[str, int, int, Moment]:
        """The values that `_LENT` asks for; those of an unknown receipt match nothing."""
        parts = _RECEIPT.fullmatch(receipt)
        number, loan = (-1, -1) if parts is None else map(int, parts.groups())
        return (self._name, number, loan, self._clock.now())


def _readable(body: str) -> bool:
    try:
        message_in(body)
    except InvalidInput:
        return False
    return True
