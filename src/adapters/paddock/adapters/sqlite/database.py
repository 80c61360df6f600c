"""One SQLite file, shared by threads and processes.

* WAL: readers and the one writer do not wait for each other.
* ``synchronous = FULL``: a commit is on the disk before it returns. NORMAL would lose the last commits in a power
  failure, and a webhook that was acknowledged is never delivered again.
* A connection per thread; every read-modify-write is one ``BEGIN IMMEDIATE`` transaction, so that it waits for its turn
  at the start and cannot fail half-way for want of the lock.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from threading import Lock, RLock, Thread, current_thread
from typing import Final

import attrs

from paddock.adapters.closing import Closing
from paddock.adapters.sqlite import schema
from paddock.adapters.sqlite.errors import primary, translated
from paddock.core.errors import InvalidInput, Unavailable
from paddock.core.units import SECOND, Span

_NOT_WRITABLE: Final = frozenset({"SQLITE_READONLY", "SQLITE_CANTOPEN"})


@attrs.frozen(eq=False)
class _Slot:
    """A thread's connection. The lock is held while it is used, so that `Database.close` can wait for its end."""

    connection: sqlite3.Connection
    lock: RLock = attrs.field(factory=RLock)


class Access(Enum):
    """What a file is opened for: only MAKE ever creates it or its tables, and LOOK writes no record."""

    MAKE = auto()
    CHANGE = auto()
    LOOK = auto()


class Database(Closing):
    """The file, created with mode 0600 if it is not there. Use it in a ``with`` block, or call `close`."""

    def __init__(self, path: Path, *, access: Access = Access.MAKE, busy_timeout: Span = 5 * SECOND) -> None:
        """Args: the file; what for; how long a statement waits for another process's write lock.

        Raises:
            InvalidInput: the file cannot be created there, or holds something else than this version's tables.
            Unavailable: SQLite cannot read it now.
        """
        self.path = path
        self._look = access is Access.LOOK
        self._how = "mode=rwc" if access is Access.MAKE else "mode=rw"
        self._timeout = busy_timeout / SECOND
        self._slots: dict[Thread, _Slot] = {}
        self._lock = Lock()
        self._closed = False
        with translated(path):
            if access is Access.MAKE:
                _create(path)
            if self._look:
                self._how = _readable(path, self._timeout)
            with closing(self._connect()) as connection:
                if access is Access.MAKE and schema.is_empty(connection):
                    schema.create(connection)
                schema.check(connection, path)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for single SELECT statements: each sees everything committed before it began."""
        slot = self._slot()
        with translated(self.path), slot.lock:
            yield slot.connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction that nobody else writes beside; undone if the block raises.

        A block within a block is part of the outer one's transaction.
        """
        slot = self._slot()
        with translated(self.path), slot.lock:
            if slot.connection.in_transaction:
                yield slot.connection
                return
            slot.connection.execute("BEGIN IMMEDIATE")
            try:
                yield slot.connection
                slot.connection.execute("COMMIT")
            finally:
                if slot.connection.in_transaction:
                    slot.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connections of all threads, after what they are doing. Idempotent."""
        with self._lock:
            self._closed = True
            slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            with slot.lock:
                slot.connection.close()

    def _slot(self) -> _Slot:
        thread = current_thread()
        slot = self._slots.get(thread)
        if slot is not None:
            return slot
        with self._lock:
            if self._closed:
                raise Unavailable(f"database {self.path} is closed: this process is ending")
            for other in [other for other in self._slots if not other.is_alive()]:
                self._slots.pop(other).connection.close()
            with translated(self.path):
                slot = self._slots[thread] = _Slot(self._connect())
        return slot

    def _connect(self) -> sqlite3.Connection:
        # isolation_level=None: transactions begin where we say so. Another thread only ever closes a connection.
        connection = sqlite3.connect(
            _address(self.path, self._how),
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            if self._look:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection


def _address(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"


def _readable(path: Path, timeout: float) -> str:
    """How somebody who only looks can open the file.

    Whoever may write there does it as the fleet does: SQLite's files beside it come and go as ever. Elsewhere they
    cannot be made: those that are there are used; without them nobody has the file open, and it is read as it lies.
    """
    ways = ["mode=rw", "mode=ro"]
    if not path.with_name(f"{path.name}-wal").exists():
        ways.append("mode=ro&immutable=1")
    for number, how in enumerate(ways, start=1):
        try:
            with closing(sqlite3.connect(_address(path, how), timeout=timeout, uri=True)) as connection:
                schema.is_empty(connection)
        except sqlite3.Error as error:
            if number == len(ways) or primary(error) not in _NOT_WRITABLE:
                raise
        else:
            return how
    raise AssertionError("the last way returns or raises")


def _create(path: Path) -> None:
    """Put an empty database at the path if nothing is there, in one step: no process ever sees half of one."""
    try:
        if path.exists():
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600, as its WAL will have
        try:
            os.close(handle)
            with closing(sqlite3.connect(name, isolation_level=None)) as connection:
                schema.create(connection)
            with suppress(FileExistsError):  # another process was faster: its file is as good
                os.link(name, path)
        finally:
            Path(name).unlink()
    except OSError as error:
        remedy = f"must be a file in a directory that exists and can be written ({error.strerror})"
        raise InvalidInput("database", str(path), remedy) from error
