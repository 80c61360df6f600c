"""Carries out a `Life`: one loop that waits for lines, for the end of the Listener, for signals, sights and time."""

import os
import selectors
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from paddock.agent.job.life import Deed, Life
from paddock.agent.job.lines import MAX_LINE, Lines
from paddock.agent.job.listener import clean_name, read_complaint, read_output
from paddock.agent.job.peaks import Peaks
from paddock.agent.job.watch import Ghosted, Heaviest, Looked, Outage, Sight, Watch, WorkerSign
from paddock.agent.machine.clock import SECOND
from paddock.agent.machine.signals import StopRequest
from paddock.agent.ports import Child, Clock, Notice, Processes, ServiceManager
from paddock.agent.reasons import Reason
from paddock.agent.telling.log import Log

MAX_NAP = SECOND  # microseconds; even if a wake-up were lost, nothing waits longer than this
ALIVE = 5 * SECOND  # between two words to the service manager, which is promised one every 10 s
READ = 1 << 16  # bytes per read; a burst is read in turn with everything else
LAST_READS = 1_000  # of an ended Listener's output: an orphan that writes without end must not keep us here
TAIL = 10  # lines of standard error kept for the report
MAX_COMPLAINT = 2_000  # characters of each


class Sink(Protocol):
    """Takes what the Listener printed: ``stdout`` or ``stderr``, and the line. Must not block, never raises."""

    def __call__(self, event: str, /, *, line: str) -> object:
        """Take one line."""


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
        self,
        life: Life,
        hands: Hands,
        processes: Processes,
        clock: Clock,
        stop: StopRequest,
        log: Log,
        *,
        watch: Watch | None = None,
        service: ServiceManager | None = None,
        sink: Sink | None = None,
    ) -> None:
        """Args: the life to carry out, what to act with, and the platform.

        `watch` is started with the Listener and stopped with it; `sink` takes each line of output, else the log does.
        """
        self._life = life
        self._hands = hands
        self._processes = processes
        self._clock = clock
        self._stop = stop
        self._log = log
        self._watch = Watch(clock) if watch is None else watch
        self._service = service
        self._sink: Sink = log.write if sink is None else sink
        self._selector = selectors.DefaultSelector()
        self._child: Child | None = None
        self._streams: dict[int, Lines] = {}
        self._alive_at = clock.now()
        self._stopping = False
        self._peaks = Peaks()
        self.complaints: list[str] = []

    @property
    def peaks(self) -> Mapping[str, int]:
        """What the job used at most, for the report; empty if nothing was read."""
        return self._peaks.values

    def run(self) -> None:
        """Start the Listener and return when its life has ended. No thread and no descriptor of ours is left then."""
        self._selector.register(self._stop.wake, selectors.EVENT_READ)
        self._selector.register(self._watch.mailbox, selectors.EVENT_READ)
        try:
            self._start()
            self._watch.start()
            while self._life.end is None:
                self._turn()
        finally:
            self._selector.unregister(self._watch.mailbox)
            self._watch.stop()
            for sight in self._watch.mailbox.take():  # the last reading counts among the peaks, and nothing else now
                if isinstance(sight, Looked):
                    self._peaks.take(sight.reading, sight.at, self._life.started_at, self._life.finished_at)
            self._forget()
            self._selector.close()

    def _turn(self) -> None:
        nap = max(0, min(self._life.wake_at() - self._clock.now(), MAX_NAP))
        if self._life.updating:
            nap = min(nap, SECOND // 10)
        for key, _ in self._selector.select(nap / SECOND):
            if key.fileobj is self._stop.wake:
                self._stop.drain()
            elif key.fileobj is self._watch.mailbox:
                for sight in self._watch.mailbox.take():
                    self._see(sight)
            else:
                self._read(key.fd)
        if self._stop.requested:
            if self._service is not None and not self._stopping:
                self._service.stopping(self._life.longest_stop)
            self._stopping = True
            self._act(self._life.stop(Reason.SIGTERM, self._clock.now()))
        self._look_for_exit()
        if self._life.updating and self._hands.update_finished():
            self._life.updated(self._clock.now())
        self._act(self._life.passed(self._clock.now()))
        if self._service is not None and self._clock.now() >= self._alive_at:
            self._alive_at = self._clock.now() + ALIVE
            self._service.alive()

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
                case Deed.TELL_STARTED | Deed.TELL_ALIVE | Deed.TELL_NOTICE:
                    self._hands.tell(deed)
                case Deed.WARN_MEMORY:
                    self._watch.name_heaviest()
                case _:
                    pass

    def _see(self, sight: Sight) -> None:
        life, now = self._life, self._clock.now()
        match sight:
            case Notice(kind, at):
                self._log.write("notice", kind=kind.value, moment=at)
                self._act(life.noticed(sight, now))
            case Looked(reading, at):
                self._peaks.take(reading, at, life.started_at, life.finished_at)
                self._act(life.looked(reading, now))
            case Heaviest(lines):
                self._log.write("memory_low", largest=[clean_name(line) for line in lines])
            case Ghosted():
                self._act(life.ghosted(now))
            case WorkerSign(sign):
                seen = life.worker_seen
                self._act(life.worker(sign, now))
                if life.worker_seen and not seen:
                    self._log.write("worker_seen")
            case Outage(probe, error):
                if error is not None:
                    life.worker(None, now)
                self._log.write("probe_works" if error is None else "probe_fails", probe=probe, error=error or "")

    def _start(self) -> None:
        self._child = child = self._hands.start()
        for stream in (child.stdout, child.stderr):
            self._streams[stream] = Lines()
            self._selector.register(stream, selectors.EVENT_READ)

    def _read(self, stream: int) -> bool:
        """Read what is there; False if there is nothing now, or nothing any more."""
        try:
            data = os.read(stream, READ)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(stream)
            self._hear(stream, self._streams.pop(stream).finish())
            return False
        lines = self._streams[stream]
        dropped = lines.dropped
        whole = lines.feed(data)
        if lines.dropped > dropped:
            self._log.write("line_too_long", source=self._name_of(stream), longest=MAX_LINE)
        self._hear(stream, whole)
        return True

    def _name_of(self, stream: int) -> str:
        return "stdout" if self._child is not None and stream == self._child.stdout else "stderr"

    def _hear(self, stream: int, lines: list[str]) -> None:
        assert self._child is not None
        for line in lines:
            if stream == self._child.stdout:
                self._sink("stdout", line=line)
                self._listen(line)
                continue
            self._sink("stderr", line=line)
            self.complaints = [*self.complaints, line[:MAX_COMPLAINT]][-TAIL:]
            complaint = read_complaint(line[:MAX_COMPLAINT])
            if complaint is not None:
                self._life.complained(complaint)

    def _listen(self, line: str) -> None:
        read = read_output(line)
        if read is None:
            return
        began, finished = self._life.started_at, self._life.finished_at
        self._act(self._life.said(read, self._clock.now()))
        if self._life.started_at != began:
            self._watch.job_began()
        if self._life.finished_at != finished:
            self._watch.job_ended()

    def _look_for_exit(self) -> None:
        child = self._child
        if child is None:
            return
        code = self._processes.exit_code(child.pid)
        if code is None:
            return
        for stream in list(self._streams):  # its last words; orphans may hold the pipes open, so no waiting for the end
            limit = LAST_READS
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
