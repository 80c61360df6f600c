"""Carries out a `Life`: one loop that waits for lines, for the end of the Listener, for signals and for time."""

import os
import selectors
from collections.abc import Callable
from dataclasses import dataclass

from paddock.agent.job.life import Deed, Life
from paddock.agent.job.listener import read_complaint, read_output
from paddock.agent.machine.clock import SECOND
from paddock.agent.machine.signals import StopRequest
from paddock.agent.ports import Child, Clock, Processes
from paddock.agent.reasons import Reason
from paddock.agent.telling.log import Log

MAX_LINE = 1_000_000  # bytes; a longer line is dropped whole, because its end is what counts
MAX_NAP = SECOND  # microseconds; even if a wake-up were lost, nothing waits longer than this
TAIL = 10  # lines of standard error kept for the report


class Lines:
    """Splits a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines and self._skipping:
            self._skipping = False
            del lines[0]
        if len(self._rest) > MAX_LINE:
            self._rest, self._skipping = b"", True
        return [line.decode("utf-8", errors="replace") for line in lines if len(line) <= MAX_LINE]

    def finish(self) -> list[str]:
        """What came after the last line's end."""
        return self.feed(b"\n") if self._rest else []


@dataclass(frozen=True, slots=True)
class Hands:
    """What the supervisor acts with."""

    start: Callable[[], Child]
    tell: Callable[[Deed], None]
    update_finished: Callable[[], bool]
    marker: str


class Supervisor:
    """Watches one Listener until its life has ended."""

    def __init__(
        self, life: Life, hands: Hands, processes: Processes, clock: Clock, stop: StopRequest, log: Log
    ) -> None:
        """Args: the life to carry out, what to act with, and the platform."""
        self._life = life
        self._hands = hands
        self._processes = processes
        self._clock = clock
        self._stop = stop
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._child: Child | None = None
        self._streams: dict[int, Lines] = {}
        self.complaints: list[str] = []

    def run(self) -> None:
        """Start the Listener and return when its life has ended."""
        self._selector.register(self._stop.wake, selectors.EVENT_READ)
        try:
            self._start()
            while self._life.end is None:
                self._turn()
        finally:
            self._forget()
            self._selector.close()

    def _turn(self) -> None:
        nap = max(0, min(self._life.wake_at() - self._clock.now(), MAX_NAP))
        if self._life.updating:
            nap = min(nap, SECOND // 10)
        for key, _ in self._selector.select(nap / SECOND):
            if key.fileobj is self._stop.wake:
                self._stop.drain()
            else:
                self._read(key.fd)
        if self._stop.requested:
            self._act(self._life.stop(Reason.SIGTERM, self._clock.now()))
        self._look_for_exit()
        if self._life.updating and self._hands.update_finished():
            self._life.updated(self._clock.now())
        self._act(self._life.passed(self._clock.now()))

    def _act(self, deeds: list[Deed]) -> None:
        for deed in deeds:
            self._log.write("deed", deed=deed.name.lower())
            match deed:
                case Deed.START:
                    self._start()
                case Deed.INTERRUPT if self._child is not None:
                    self._processes.interrupt(self._child.pid)
                case Deed.KILL:
                    self._processes.kill_all(self._hands.marker)
                case Deed.TELL_STARTED | Deed.TELL_ALIVE:
                    self._hands.tell(deed)
                case _:
                    pass

    def _start(self) -> None:
        self._child = child = self._hands.start()
        for stream in (child.stdout, child.stderr):
            self._streams[stream] = Lines()
            self._selector.register(stream, selectors.EVENT_READ)

    def _read(self, stream: int) -> bool:
        """Read what is there; False if there is nothing now, or nothing any more."""
        try:
            data = os.read(stream, 65_536)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(stream)
            self._hear(stream, self._streams.pop(stream).finish())
            return False
        self._hear(stream, self._streams[stream].feed(data))
        return True

    def _hear(self, stream: int, lines: list[str]) -> None:
        assert self._child is not None
        for line in lines:
            if stream == self._child.stdout:
                self._log.write("stdout", line=line)
                self._act(self._life.said(read_output(line), self._clock.now()))
                continue
            self._log.write("stderr", line=line)
            self.complaints = [*self.complaints, line][-TAIL:]
            complaint = read_complaint(line)
            if complaint is not None:
                self._life.complained(complaint)

    def _look_for_exit(self) -> None:
        child = self._child
        if child is None:
            return
        code = self._processes.exit_code(child.pid)
        if code is None:
            return
        for stream in list(self._streams):  # its last words; orphans may hold the pipes open, so no waiting for the end
            limit = 1_000  # reads: an orphan that writes without end must not keep us here
            while limit and stream in self._streams and self._read(stream):
                limit -= 1
        self._forget()
        self._log.write("listener_exited", code=code)
        self._life.exited(code, self._clock.now())

    def _forget(self) -> None:
        if self._child is None:
            return
        for stream in list(self._streams):
            self._selector.unregister(stream)
            self._hear(stream, self._streams.pop(stream).finish())
        self._child.close()
        self._child = None
