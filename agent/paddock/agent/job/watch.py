"""Watches what cannot be waited for: warnings, resources, the runner's own diagnosis. Each in a thread of its own.

The threads only look. What they see goes into a mailbox that wakes the supervisor, and there alone is it judged. A look
that fails says nothing: it is told once per outage, and unknown means that nothing is ended because of it.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from paddock.agent.job.diag import Diagnosis
from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Clock, Notice, Notices, Reading, Resources

LEAVE = 3.0  # seconds for a look to end; `Notices` promises 2
HEAVIEST = 5


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often is looked, and below what the resources are looked at more closely. Microseconds and bytes."""

    notices: int = 5 * SECOND
    resources: int = 30 * SECOND
    resources_close: int = 5 * SECOND  # once something is below twice its limit
    ghost: int = 2 * SECOND
    worker: int = 10 * SECOND
    min_disk: int = 500 << 20
    low_memory: int = 200 << 20

    def is_close(self, reading: Reading) -> bool:
        """True if a limit is near."""
        return reading.disk_free < 2 * self.min_disk or reading.memory_available < 2 * self.low_memory


@dataclass(frozen=True, slots=True)
class Looked:
    """The resources at a moment."""

    reading: Reading
    at: int


@dataclass(frozen=True, slots=True)
class Heaviest:
    """What uses the memory. Hostile text."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ghosted:
    """The Listener let a job go by."""


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """Whether the Worker gave a sign of life; None if nobody can tell."""

    sign: bool | None


@dataclass(frozen=True, slots=True)
class Outage:
    """A probe fails (`error`), or works again (None)."""

    probe: str
    error: str | None


Sight: TypeAlias = Notice | Looked | Heaviest | Ghosted | WorkerSign | Outage


class Mailbox:
    """Sights from threads to a loop that waits on file descriptors."""

    def __init__(self) -> None:
        self._sights: deque[Sight] = deque()
        self._lock = threading.Lock()
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._open = True

    def fileno(self) -> int:
        """Readable when there is something to take."""
        return self._wake

    def post(self, sight: Sight) -> None:
        """Put one in. Never blocks; nothing happens once it is closed."""
        with self._lock:
            if self._open:
                if not self._sights:
                    os.write(self._waker, b"\0")
                self._sights.append(sight)

    def take(self) -> list[Sight]:
        """All that is there, in order."""
        with self._lock:
            sights = list(self._sights)
            self._sights.clear()
            if sights and self._open:
                os.read(self._wake, 1)
            return sights

    def close(self) -> None:
        """Let nothing more in; what is there can still be taken. Idempotent."""
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._wake)
                os.close(self._waker)


class Probe:
    """One thing that is looked at, again and again."""

    def __init__(self, name: str, look: Callable[[], int], post: Callable[[Sight], None], rest: int) -> None:
        """Args: its name; a look, which returns how long to rest; where sights go; the rest after a failed look."""
        self._name = name
        self._look = look
        self._post = post
        self._rest = rest
        self._failing = False
        self._nudge = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None

    def turn(self) -> int:
        """Look once; how long to rest now, in microseconds."""
        try:
            rest = self._look()
        except Exception as error:  # noqa: BLE001 - unknown means keep, whatever went wrong
            if not self._failing:
                self._failing = True
                self._post(Outage(self._name, _words(error)))
            return self._rest
        if self._failing:
            self._failing = False
            self._post(Outage(self._name, None))
        return rest

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._thread = threading.Thread(target=self._run, name=f"watch-{self._name}", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Look now."""
        self._nudge.set()

    def end(self) -> None:
        """Look no more, after the look that is going on."""
        self._over = True
        self._nudge.set()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join(LEAVE)

    def _run(self) -> None:
        while not self._over:
            rest = self.turn()
            self._nudge.wait(rest / SECOND)
            self._nudge.clear()


class Watch:
    """All that is watched during one life. Whatever a platform does not have is left out."""

    def __init__(
        self,
        clock: Clock,
        *,
        notices: Notices | None = None,
        resources: Resources | None = None,
        diagnosis: Diagnosis | None = None,
        worker_runs: Callable[[], bool | None] | None = None,
        rhythm: Rhythm = Rhythm(),
    ) -> None:
        """Args: where to look; whether a Worker's process is there (None: nobody can tell); how often."""
        self._clock = clock
        self._notices = notices
        self._resources = resources
        self._diagnosis = diagnosis
        self._worker_runs = worker_runs
        self._rhythm = rhythm
        self._busy = False
        self._heaviest_wanted = False
        self._notice: Notice | None = None
        self._workers: object = ()
        self.mailbox = Mailbox()
        self._probes: dict[str, Probe] = {}
        if notices is not None:
            self._add("notices", self._look_for_notices, rhythm.notices)
        if resources is not None:
            self._add("resources", self._look_at_resources, rhythm.resources_close)
        if diagnosis is not None:
            self._add("diagnosis", self._look_at_diagnosis, rhythm.worker)

    def turn(self) -> None:
        """Look at everything once, in this thread: for those who have no threads."""
        for probe in self._probes.values():
            probe.turn()

    def start(self) -> None:
        """Begin."""
        for probe in self._probes.values():
            probe.start()

    def job_began(self) -> None:
        """From now on the Worker is watched, and peaks have a beginning."""
        self._busy = True
        self._nudge("resources")
        self._nudge("diagnosis")

    def job_ended(self) -> None:
        """Peaks have an end."""
        self._nudge("resources")

    def name_heaviest(self) -> None:
        """Say what uses the memory."""
        self._heaviest_wanted = True
        self._nudge("resources")

    def stop(self) -> None:
        """End all threads; what they saw can still be taken."""
        for probe in self._probes.values():
            probe.end()
        for probe in self._probes.values():
            probe.join()
        self.mailbox.close()

    def _add(self, name: str, look: Callable[[], int], rest: int) -> None:
        self._probes[name] = Probe(name, look, self.mailbox.post, rest)

    def _nudge(self, name: str) -> None:
        if name in self._probes:
            self._probes[name].nudge()

    def _look_for_notices(self) -> int:
        assert self._notices is not None
        notice = self._notices.look()
        if notice is not None and notice != self._notice:
            self._notice = notice
            self.mailbox.post(notice)
        return self._rhythm.notices

    def _look_at_resources(self) -> int:
        assert self._resources is not None
        if self._heaviest_wanted:
            self._heaviest_wanted = False
            self.mailbox.post(Heaviest(self._resources.largest(HEAVIEST)))
        reading = self._resources.look()
        self.mailbox.post(Looked(reading, self._clock.now()))
        return self._rhythm.resources_close if self._rhythm.is_close(reading) else self._rhythm.resources

    def _look_at_diagnosis(self) -> int:
        assert self._diagnosis is not None
        if not self._busy:
            if self._diagnosis.ghost():
                self.mailbox.post(Ghosted())
            return self._rhythm.ghost
        workers = self._diagnosis.workers()
        grown, self._workers = workers != self._workers, workers
        sign = None if workers is None else grown or (None if self._worker_runs is None else self._worker_runs())
        self.mailbox.post(WorkerSign(sign))
        return self._rhythm.worker


def _words(error: Exception) -> str:
    """The error's kind, and the system's word for it; not its text, which might quote what it was handed."""
    return f"{type(error).__name__}: {error.strerror}" if isinstance(error, OSError) else type(error).__name__
