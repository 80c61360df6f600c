"""Shipping the machine's log while it is written, so that it is there when the machine is not.

::

    Log ──> agent.log ──> Tail ──> one batch ──> LogStore
               │                                   │ OSError: the same batch again, with back-off
               └ the only buffer: a store that is  └ stored: the offset goes to shipped.json
                 away costs disk, never memory

Lines are shipped in order and **at least once**: after a crash, or a store's error after it had stored, some may be
there twice; none is missing. (What the log itself had no room for is told there, see `log`.)
"""

import contextlib
import errno
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.ports import LogStore
from paddock.agent.telling.delivery import Refused
from paddock.agent.telling.files import read_object, write_json
from paddock.agent.telling.log import Log
from paddock.agent.telling.tail import Batch, Pace, Tail

SHIPPED = "shipped.json"
FIRST_PAUSE = 0.5  # seconds; each pause is twice the one before
LONGEST_PAUSE = 30.0
_HOPELESS = (errno.EACCES, errno.ENOENT, errno.EINVAL)
"""Refusals for which nobody waits at the end: no right, no such place. Before it, an operator may still mend them."""
_NAP = 0.5  # seconds between two looks while lines wait for company; without any, nothing is looked at


@dataclass(slots=True)
class Counts:
    """What was shipped by this process. ``size`` is bytes as `tail` counts them."""

    batches: int = 0
    lines: int = 0
    size: int = 0
    retries: int = 0
    refused: int = 0  # batches


class Shipper:
    """Ships one log, in a thread of its own. Nothing it does keeps anybody waiting, apart from `finish`."""

    def __init__(
        self,
        log: Log,
        store: LogStore,
        *,
        position: Path,
        pace: Pace | None = None,
        pause: float = FIRST_PAUSE,
        shipped: Callable[[int], object] | None = None,
    ) -> None:
        """Nothing happens before `start`.

        Args:
            log: what to ship, from its begin, or from where an earlier process got to.
            store: where to.
            position: the small file that remembers how far it is shipped.
            pace: how much goes at once, and how soon.
            pause: seconds before a second try; each later pause is twice as long, up to 30 s.
            shipped: told each offset that is safe; `Log.release` gives the room on the disk back.
        """
        self._log = log
        self._store = store
        self._position = position
        self._pace = pace or Pace()
        self._pause = pause
        self._shipped = shipped
        self._ending = threading.Event()  # nothing is written any more: ship what is there
        self._gone = threading.Event()  # nobody waits for us any more
        self._complete = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="shipping")
        self.counts = Counts()

    def start(self) -> None:
        """Begin, or go on where an earlier process of this machine was."""
        self._thread.start()

    def finish(self, seconds: float = 30.0) -> bool:
        """Ship what is left and end; what is not shipped after so many seconds stays in the log.

        Returns:
            True if everything was shipped.
        """
        if not self._thread.is_alive():
            return self._complete
        self._ending.set()
        self._log.grown.set()
        self._thread.join(seconds)
        self._gone.set()
        self._thread.join(min(1.0, self._pause))  # if it is only resting; a store that hangs is left behind
        return self._complete

    def _run(self) -> None:
        try:
            tail = self._open()
        except OSError as error:
            self._log.write("shipping_failed", error=str(error))
            return
        try:
            while (batch := self._gather(tail)) is not None:
                if not self._deliver(batch):
                    return
                self._remember(tail, batch)
            self._complete = self.counts.refused == 0
        except OSError as error:  # of reading our own file: the disk is failing
            self._log.write("shipping_failed", error=str(error))
        finally:
            tail.close()

    def _open(self) -> Tail:
        offset = 0
        with contextlib.suppress(OSError, ValueError):
            known = read_object(self._position)
            found = known.get("offset")
            if type(found) is int and known.get("inode") == self._log.path.lstat().st_ino:
                offset = found
        return Tail(self._log.path, offset, self._pace)

    def _gather(self, tail: Tail) -> Batch | None:
        """Wait for a batch: full, or as old as a line may get. None if there is nothing more, and nothing will come."""
        due = 0.0
        while True:
            ending = self._ending.is_set()
            self._log.grown.clear()
            if tail.fill(final=ending):
                return tail.take()
            if ending:
                return tail.take() if tail.waiting else None
            now = time.monotonic()
            if not tail.waiting:
                due = 0.0
                if not self._ending.is_set():
                    self._log.grown.wait()
            elif due == 0.0:
                due = now + self._pace.span
            elif now >= due:
                return tail.take()
            if tail.waiting:
                self._ending.wait(min(_NAP, max(0.0, due - now)))

    def _deliver(self, batch: Batch) -> bool:
        """Offer the batch until it is stored; False if we are to leave without that."""
        attempt = 0
        while not self._gone.is_set():
            try:
                self._store.append(batch.lines)
            except Refused as refusal:  # these lines are poison to it; the next may not be
                self._log.write("log_refused", lines=len(batch.lines), error=str(refusal))
                self.counts.refused += 1
                return True
            except Exception as error:  # noqa: BLE001 - a fault in a store must not lose the log
                if attempt == 0:  # once per outage: our own complaints are shipped too
                    self._log.write("log_waits", error=f"{type(error).__name__}: {error}")
                self.counts.retries += 1
                if self._ending.is_set() and attempt and getattr(error, "errno", None) in _HOPELESS:
                    return False
                self._rest(min(self._pause * 2.0 ** min(attempt, 20), LONGEST_PAUSE))
                attempt += 1
                continue
            self.counts.batches += 1
            self.counts.lines += len(batch.lines)
            self.counts.size += batch.size
            return True
        return False

    def _rest(self, pause: float) -> None:
        """Wait, but not longer once the end is near: then every second counts."""
        if self._ending.wait(pause):
            self._gone.wait(min(pause, 1.0))

    def _remember(self, tail: Tail, batch: Batch) -> None:
        if batch.offset is None:
            return
        counts = self.counts
        told = {"offset": batch.offset, "inode": tail.inode, "lines": counts.lines, "retries": counts.retries}
        with contextlib.suppress(OSError):  # a full disk: then a little is shipped twice
            write_json(self._position, told, durable=False)
        if self._shipped is not None:
            self._shipped(batch.offset)
