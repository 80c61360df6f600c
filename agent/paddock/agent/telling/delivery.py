"""Reports on their way: first to the disk, then, in order, to whoever wants them.

::

    send ──> spool (numbered file, fsync) ──> transport ──> gone from the spool
                 │                               │ OSError: again, with back-off, in a thread of its own
                 │                               └ Refused: never; set aside in spool/bad
                 └ disk full: kept in memory, and sent all the same

That a machine is ready is not kept beyond its wait: it is in no spool that is sent from, and not said when it leaves.

A report is delivered **at least once**: if we die between its delivery and its removal, the next start delivers it
again. Such a duplicate equals the first in every field; a reader knows it by (machine, event, at).
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from paddock.agent.telling.log import Log
from paddock.agent.telling.report import Event, Report
from paddock.agent.telling.spool import Entry, Spool
from paddock.agent.telling.state import StateFile

FINAL = frozenset({Event.FINISHED, Event.FAILED_TO_START})
PATIENCE = 30.0  # seconds for the last flush
FIRST_PAUSE = 0.5  # seconds; each pause is twice the one before
LONGEST_PAUSE = 30.0
_HOSTILE = ("detail", "job_name", "repository")  # fields that may hold what a job printed
_ODD_TRIES = 5  # of an error that no transport should raise


class Refused(Exception):  # noqa: N818 - named for what it means to the report
    """The other side will never take this report (or these lines): to offer it again is in vain."""


class ReportTransport(Protocol):
    """The way to the control plane."""

    def send(self, data: dict[str, object]) -> None:
        """Deliver one report, the plain data of ``runner_reported``. Returns when the other side has it.

        Raises:
            OSError: not now; it will be offered again.
            Refused: never.
        """


class Delivery:
    """Where reports go: see `ports.ReportSink`. Without a transport, others collect the files of the spool."""

    def __init__(
        self,
        spool: Path,
        transport: ReportTransport | None,
        log: Log,
        *,
        state: StateFile | None = None,
        patience: float = PATIENCE,
        pause: float = FIRST_PAUSE,
    ) -> None:
        """Take up what an earlier agent of this machine left in the spool.

        Args:
            spool: the directory of reports on this machine.
            transport: the way out; None if the files themselves are collected.
            log: blots out secrets, and is told.
            state: where it is noted what was told, for the last words.
            patience: seconds that `flush` takes at most.
            pause: seconds before the second try; each later pause is twice as long, up to 30 s.
        """
        self._spool = Spool(spool)
        self._transport = transport
        self._log = log
        self._state = state
        self._patience = patience
        self._pause = pause
        self._changed = threading.Condition()
        self._waiting: list[Entry] = [] if transport is None else self._spool.waiting()
        self._number = self._spool.last_number()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()  # the last flush: no long pauses any more
        self._given_up = threading.Event()
        self._lost = False  # the final report was set aside

    def send(self, report: Report) -> None:
        """See `ports.ReportSink`. Returns when the disk has the report; never waits for the network."""
        data = report.to_data()
        data |= {name: self._log.blot(str(data[name])) for name in _HOSTILE}
        # Orders may be taken at this very moment, by a process that notes so in the same file.
        if self._state is not None and report.event is not Event.READY:
            self._state.telling(data, final=report.event in FINAL)
        self._log.write("report", what=report.event.value, result=report.result, reason=report.reason)
        with self._changed:
            self._number += 1
            entry = Entry(self._number, data)
            self._drop(lambda waiting: waiting.is_plain_sign)
            self._waiting.append(entry)
            self._store()
        self._start()

    def flush(self) -> bool:
        """See `ports.ReportSink`. Bounded by `patience`; what is left stays in the spool for the next start.

        False also if the final report was refused for good.
        """
        with self._changed:
            self._drop(lambda waiting: waiting.is_ready)
            self._store()
            self._given_up.clear()
        self._hurry.set()
        self._start()
        with self._changed:
            delivered = self._changed.wait_for(lambda: not self._waiting, self._patience if self._transport else 0)
            if not delivered:
                self._given_up.set()
        thread = self._thread
        if delivered and thread is not None:
            thread.join(1.0)  # it has nothing left to do
        self._hurry.clear()
        return delivered and not self._lost

    def _drop(self, stale: Callable[[Entry], bool]) -> None:
        """Any newer report is a sign of life, too, and waits for none; the one being sent now may go out twice."""
        for entry in [entry for entry in self._waiting if stale(entry)]:
            self._waiting.remove(entry)
            self._spool.remove(entry)

    def _store(self) -> None:
        """Write what is not on the disk yet, in order: who collects the files must not see the second first."""
        for entry in list(self._waiting):
            if not entry.stored and not (entry.is_ready and self._transport):
                try:
                    self._spool.store(entry)
                except OSError as error:
                    self._log.write("report_not_written", file=entry.name, error=str(error.strerror))
                    return
            if self._transport is None:
                self._done(entry)
            elif entry.data.get("event") in FINAL and self._state is not None:
                self._state.told()

    def _done(self, entry: Entry) -> None:
        if entry in self._waiting:
            self._waiting.remove(entry)
        if entry.data.get("event") in FINAL and self._state is not None:
            self._state.told()
        self._changed.notify_all()

    def _start(self) -> None:
        """The thread lives only while something waits."""
        with self._changed:
            if self._transport is None or self._thread is not None or not self._waiting:
                return
            thread = threading.Thread(target=self._deliver, args=(self._transport,), daemon=True, name="reports")
            try:
                thread.start()
            except RuntimeError:  # a job has taken all the threads there are; the next report or flush tries again
                return
            self._thread = thread

    def _deliver(self, transport: ReportTransport) -> None:
        attempt = 0
        while True:
            with self._changed:
                if not self._waiting or self._given_up.is_set():
                    self._thread = None
                    return
                entry = self._waiting[0]
            if self._offer(transport, entry, attempt):
                attempt = 0
                continue
            attempt += 1
            self._rest(min(self._pause * 2.0 ** min(attempt - 1, 20), LONGEST_PAUSE))

    def _offer(self, transport: ReportTransport, entry: Entry, attempt: int) -> bool:
        """True if the report is off our hands, in whatever way."""
        try:
            transport.send(dict(entry.data))
        except Refused as refusal:
            self._log.write("report_refused", file=entry.name, error=str(refusal))
            self._set_aside(entry)
        except Exception as error:  # noqa: BLE001 - a fault in the transport must not silence the machine
            if isinstance(error, OSError) or attempt + 1 < _ODD_TRIES:
                if attempt == 0:  # once per outage
                    self._log.write("report_waits", file=entry.name, error=f"{type(error).__name__}: {error}")
                return False
            self._log.write("report_set_aside", file=entry.name, error=type(error).__name__)
            self._set_aside(entry)
        with self._changed:  # in one: nobody may put it on the disk (see `_store`) between its removal and its end
            self._spool.remove(entry)
            self._done(entry)
        return True

    def _set_aside(self, entry: Entry) -> None:
        self._spool.set_aside(entry.name)
        self._lost |= entry.data.get("event") in FINAL

    def _rest(self, pause: float) -> None:
        """Wait, but not longer once the end is near: then every second counts."""
        if not self._given_up.is_set() and self._hurry.wait(pause):
            self._given_up.wait(min(pause, 1.0))


def deliver_spool(
    spool: Path,
    transport: ReportTransport | None,
    log: Log,
    *,
    say: Report | None = None,
    state: StateFile | None = None,
    patience: float = PATIENCE,
    pause: float = FIRST_PAUSE,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """The last words of a machine: what its agent left undelivered, and then, if given, one report more.

    With `state`, that report is noted there as told, so that nobody says it again.

    Returns:
        True if nothing is left. Never raises, and takes `patience` seconds at most, and one `send`'s own time.
    """
    begun = clock()
    delivery = Delivery(spool, transport, log, state=state, patience=patience, pause=pause)
    if say is not None:
        delivery.send(say)
    delivered = delivery.flush()
    log.write("last_words", said=say is not None, delivered=delivered, seconds=round(clock() - begun, 1))
    return delivered
