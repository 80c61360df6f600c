"""The life of one Listener, decided apart from acting: events and moments go in, deeds come out.

::

                    exit 2 (twice), 3 or 4 (once)
                 ┌──────────── resting <──────────┐
                 v                                │
    started ─> listening ─────── job ─────────> ended
                 │                │
      idle time-out, ghost,   max_runtime, no worker,
      SIGTERM, spot, disk     SIGTERM, spot, disk    ─> SIGINT ─> grace ─> kill everything ─> ended

There is one ladder down, climbed once: a later reason to stop can make its grace shorter, never longer. A spot notice
for the moment T leaves a running job its time::

    notice          T-45 s          T-15 s      T               T+5 min
      │ tell          │ SIGINT        │ kill      │ AWS takes it  │ power off, if we still live
"""

from dataclasses import dataclass
from enum import Enum, auto

from paddock.agent.job.listener import JobBegan, JobEnded, JobResult, Line, Listening
from paddock.agent.job.verdict import End, judge_idle, judge_job
from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Notice, NoticeKind, Reading
from paddock.agent.reasons import Reason

__all__ = [
    "GIVE_UP",
    "LINGER",
    "MAX_RETRIES",
    "MAX_UPDATES",
    "NEVER",
    "UPDATE_PATIENCE",
    "Deed",
    "End",
    "Life",
    "Limits",
]

NEVER = 1 << 62
MINUTE = 60 * SECOND
MAX_RETRIES = 2  # of exit code 2; the runner's own script would go on for ever
MAX_UPDATES = 1
UPDATE_PATIENCE = 30 * SECOND  # how long the runner's own script waits for an update to finish
LINGER = 300 * SECOND  # for the Listener to leave after its one job
GIVE_UP = 60 * SECOND  # after the first kill: what the kernel will not end must not keep the machine on


class Deed(Enum):
    """What is to be done now."""

    START = auto()  # start the Listener (again)
    INTERRUPT = auto()  # SIGINT to the Listener
    KILL = auto()  # end it and everything below it
    TELL_STARTED = auto()
    TELL_ALIVE = auto()
    TELL_NOTICE = auto()  # of `Life.notice`
    WARN_MEMORY = auto()  # say in the log what uses it


@dataclass(frozen=True, slots=True)
class Limits:
    """Spans in microseconds, amounts in bytes."""

    max_runtime: int = 360 * MINUTE
    idle_timeout: int = 5 * MINUTE
    stop_grace: int = 90 * SECOND
    heartbeat: int = 300 * SECOND
    retry_delay: int = 5 * SECOND
    spot_interrupt: int = 45 * SECOND  # before the machine is taken
    spot_kill: int = 15 * SECOND  # likewise; the rest is for the report
    spot_least: int = 5 * SECOND  # between SIGINT and kill, however late the notice came
    spot_wait: int = 5 * MINUTE  # after that moment, before the machine switches itself off; 0: nobody takes it
    worker_patience: int = 60 * SECOND  # without any sign of a Worker while a job is said to run
    min_disk: int = 500 << 20
    low_memory: int = 200 << 20
    warn_every: int = MINUTE


class Life:
    """One Listener's life. Every method takes the moment it happens at and returns the deeds it asks for."""

    def __init__(self, limits: Limits, now: int) -> None:
        """Args: the limits; the moment of the first start, from which the idle time-out counts."""
        self._limits = limits
        self._idle_until = now + limits.idle_timeout
        self._heartbeat_at = now + limits.heartbeat
        self._running = True  # a process is there
        self._start_at = NEVER  # when to start again
        self._kill_at = NEVER
        self._give_up_at = NEVER
        self._warn_at = now
        self._taken_at = NEVER  # when the cloud takes the machine
        self._retries = 0
        self._updates = 0
        self._updating = False
        self._complaint: Reason | None = None
        self._stopped_by: Reason | None = None
        self._result: JobResult | None = None
        self.worker_seen = False
        self._silent_since: int | None = None
        self._told: set[NoticeKind] = set()
        self.notice: Notice | None = None
        self.job_name = ""
        self.ready_at: int | None = None
        self.started_at: int | None = None
        self.finished_at: int | None = None
        self.end: End | None = None

    @property
    def updating(self) -> bool:
        """True while the runner's own update swaps its directories, before it is started again."""
        return self._updating

    @property
    def longest_stop(self) -> int:
        """The most that may pass between being told to stop and the end of this life."""
        return self._limits.stop_grace + GIVE_UP + MINUTE

    @property
    def taken_at(self) -> int | None:
        """When the cloud takes the machine; None if it has not said so."""
        return None if self._taken_at == NEVER else self._taken_at

    @property
    def wait_until(self) -> int | None:
        """How long the machine, its work done, waits for the cloud to take it; None if it switches itself off at once.

        A machine that AWS reclaims in its first hour is free, and one that we switch off is not.
        """
        wait = self._limits.spot_wait
        return None if self._taken_at == NEVER or not wait else self._taken_at + wait

    def said(self, line: Line, now: int) -> list[Deed]:
        """The Listener printed a line that matters."""
        if self._ended():
            return []
        match line:
            case Listening():
                if self.ready_at is None:
                    self.ready_at = now
            case JobBegan(name, result):
                if self.started_at is None:
                    self.job_name, self.started_at = name, now
                    return [Deed.TELL_STARTED]
                self._ended_by(result, now)  # a second one can only be a job's name that pretends
            case JobEnded(result):
                self._ended_by(result, now)
            case None:
                pass
        return []

    def _ended_by(self, result: JobResult | None, now: int) -> None:
        """The last result counts, see `listener`."""
        if self.started_at is not None and result is not None:
            self._result, self.finished_at = result, now

    def complained(self, reason: Reason) -> None:
        """The Listener named a trouble on standard error. Before a job, it explains the exit that follows."""
        if self.started_at is None:
            self._complaint = reason

    def noticed(self, notice: Notice, now: int) -> list[Deed]:
        """The cloud warned. Each kind is told once; of several moments the earliest counts."""
        if self._ended():
            return []
        deeds: list[Deed] = []
        if notice.kind not in self._told:
            self._told.add(notice.kind)
            self.notice = notice
            deeds.append(Deed.TELL_NOTICE)
        if notice.kind is NoticeKind.SPOT:
            self._taken_at = min(self._taken_at, notice.at)
            if self._kill_at != NEVER:
                self._kill_at = min(self._kill_at, self._last_moment(now))
            elif self.started_at is None or now >= self._limit():
                deeds += self.stop(Reason.SPOT_NOTICE, now)
        return deeds

    def looked(self, reading: Reading, now: int) -> list[Deed]:
        """The machine's resources were read."""
        if self._ended():
            return []
        deeds: list[Deed] = []
        if reading.memory_available < self._limits.low_memory and now >= self._warn_at:
            self._warn_at = now + self._limits.warn_every
            deeds.append(Deed.WARN_MEMORY)
        if reading.disk_free < self._limits.min_disk and self.finished_at is None:
            deeds += self.stop(Reason.DISK_FULL, now)
        return deeds

    def ghosted(self, now: int) -> list[Deed]:
        """The Listener let a job go by: GitHub has dropped its registration, and it would listen for ever."""
        return self.stop(Reason.GHOST, now) if self.started_at is None else []

    def worker(self, sign: bool | None, now: int) -> list[Deed]:  # noqa: FBT001 - a fact, not an option
        """A Worker gives signs of life (its log grows, its process is there), gives none, or nobody could tell."""
        if sign is not False or self.started_at is None or self.finished_at is not None:
            self.worker_seen |= sign is True
            self._silent_since = None
            return []
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since < self._limits.worker_patience:
            return []
        # Without a Worker nothing of the job was ever done; GitHub leaves it queued for a runner that is gone.
        return self.stop(Reason.WORKER_DIED if self.worker_seen else Reason.ORPHAN, now)

    def stop(self, reason: Reason, now: int) -> list[Deed]:
        """The machine is to stop. Only the first call counts: a ladder is not climbed twice."""
        if self._ended() or self._kill_at != NEVER:
            return []
        if self._result is None:
            self._stopped_by = reason
        if not self._running:
            self._start_at = NEVER
            self.end = judge_idle(self._stopped_by, self._complaint, None)
            return []
        self._kill_at = min(now + self._limits.stop_grace, self._last_moment(now))
        return [Deed.INTERRUPT]

    def passed(self, now: int) -> list[Deed]:
        """Time has passed."""
        if self._ended():
            return []
        deeds: list[Deed] = []
        if now >= self._give_up_at:
            self.exited(None, now)
            return []
        if now >= self._kill_at:
            self._kill_at = now + SECOND  # once more, if one kill was not enough
            self._give_up_at = min(self._give_up_at, now + GIVE_UP)
            deeds.append(Deed.KILL)
        elif now >= self._limit():
            deeds += self.stop(self._overdue(now), now)
        if not self._ended() and now >= self._start_at:
            self._start_at, self._updating, self._running, self._complaint = NEVER, False, True, None
            deeds.append(Deed.START)
        if not self._ended() and now >= self._heartbeat_at:
            self._heartbeat_at = now + self._limits.heartbeat
            deeds.append(Deed.TELL_ALIVE)
        return deeds

    def wake_at(self) -> int:
        """The moment at which `passed` will next have something to say."""
        limit = self._limit() if self._kill_at == NEVER else NEVER
        return min(self._kill_at, self._give_up_at, self._start_at, self._heartbeat_at, limit)

    def updated(self, now: int) -> None:
        """The runner's own update has finished: no need to wait longer."""
        if self._updating:
            self._start_at = min(self._start_at, now)

    def exited(self, code: int | None, now: int) -> None:
        """The Listener is gone, and all it printed has been read. Either `end` is set, or it will be started again.

        Without a code it could not be ended, and is left behind.
        """
        if self._ended():
            return
        self._running = False
        self._kill_at = NEVER
        if self.started_at is not None:
            self.finished_at = self.finished_at or now
            self.end = judge_job(self._result, self._stopped_by, code)
        elif self._stopped_by is None and now < self._idle_until and self._may_restart(code):
            self._updating = code in (3, 4)
            self._start_at = now + (UPDATE_PATIENCE if self._updating else self._limits.retry_delay)
        else:
            self.end = judge_idle(self._stopped_by, self._complaint, code)

    def _ended(self) -> bool:
        return self.end is not None

    def _limit(self) -> int:
        """When the Listener is to be stopped, if nothing happens before."""
        return min(self._own_limit(), self._taken_at - self._limits.spot_interrupt)

    def _own_limit(self) -> int:
        if self.started_at is None:
            return self._idle_until
        if self.finished_at is not None:
            return self.finished_at + LINGER
        return self.started_at + self._limits.max_runtime

    def _overdue(self, now: int) -> Reason:
        if now < self._own_limit():
            return Reason.SPOT_NOTICE
        return Reason.NO_JOB if self.started_at is None else Reason.MAX_RUNTIME

    def _last_moment(self, now: int) -> int:
        """When everything is killed because the machine will be taken. A late notice still leaves a moment to leave."""
        return max(self._taken_at - self._limits.spot_kill, now + self._limits.spot_least)

    def _may_restart(self, code: int | None) -> bool:
        if code == 2 and self._complaint is None:  # noqa: PLR2004 - the codes are the runner's, see `listener`
            self._retries += 1
            return self._retries <= MAX_RETRIES
        if code in (3, 4):
            self._updates += 1
            return self._updates <= MAX_UPDATES
        return False
