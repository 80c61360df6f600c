"""The life of one Listener, decided apart from acting: events and moments go in, deeds come out.

::

                    exit 2 (twice), 3 or 4 (once)
                 ┌──────────── resting <──────────┐
                 v                                │
    started ─> listening ─────── job ─────────> ended
                 │                │
      idle time-out,         max_runtime,
      SIGTERM                SIGTERM            ─> SIGINT ─> grace ─> kill everything ─> ended

The exit code never says how the job went (0 means too much), so it is judged together with the lines that were seen.
"""

from dataclasses import dataclass
from enum import Enum, auto

from paddock.agent.job.listener import CONCLUSIONS, JobBegan, JobEnded, JobResult, Line, Listening
from paddock.agent.machine.clock import SECOND
from paddock.agent.reasons import Reason
from paddock.agent.telling.report import Event, Result

NEVER = 1 << 62
MAX_RETRIES = 2  # of exit code 2; the runner's own script would go on for ever
MAX_UPDATES = 1
UPDATE_PATIENCE = 30 * SECOND  # how long the runner's own script waits for an update to finish
LINGER = 300 * SECOND  # for the Listener to leave after its one job


class Deed(Enum):
    """What is to be done now."""

    START = auto()  # start the Listener (again)
    INTERRUPT = auto()  # SIGINT to the Listener
    KILL = auto()  # end it and everything below it
    TELL_STARTED = auto()
    TELL_ALIVE = auto()


@dataclass(frozen=True, slots=True)
class Limits:
    """Spans in microseconds."""

    max_runtime: int
    idle_timeout: int
    stop_grace: int = 90 * SECOND
    heartbeat: int = 300 * SECOND
    retry_delay: int = 5 * SECOND


@dataclass(frozen=True, slots=True)
class End:
    """How it ended, ready to be reported."""

    event: Event
    result: Result
    reason: Reason | None = None
    conclusion: str | None = None
    exit_code: int | None = None
    interrupted_by: str | None = None


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
        self._retries = 0
        self._updates = 0
        self._updating = False
        self._complaint: Reason | None = None
        self._stopped_by: Reason | None = None
        self._result: JobResult | None = None
        self.job_name = ""
        self.ready_at: int | None = None
        self.started_at: int | None = None
        self.finished_at: int | None = None
        self.end: End | None = None

    @property
    def updating(self) -> bool:
        """True while the runner's own update swaps its directories, before it is started again."""
        return self._updating

    def said(self, line: Line, now: int) -> list[Deed]:
        """The Listener printed a line that matters."""
        match line:
            case Listening():
                if self.ready_at is None:
                    self.ready_at = now
            case JobBegan(name):
                if self.started_at is None:  # a second one can only be a job's name that pretends
                    self.job_name, self.started_at = name, now
                    return [Deed.TELL_STARTED]
            case JobEnded(_, result):
                if self.started_at is not None:  # the last one counts, see `listener`
                    self._result, self.finished_at = result, now
            case None:
                pass
        return []

    def complained(self, reason: Reason) -> None:
        """The Listener named a trouble on standard error. Before a job, it explains the exit that follows."""
        if self.started_at is None:
            self._complaint = reason

    def stop(self, reason: Reason, now: int) -> list[Deed]:
        """The machine is to stop. Only the first call counts: a ladder is not climbed twice."""
        if self.end is not None or self._stopped_by is not None:
            return []
        if self._result is None:
            self._stopped_by = reason
        if not self._running:
            self._start_at = NEVER
            self.end = self._without_job(None)
            return []
        if self._kill_at == NEVER:
            self._kill_at = now + self._limits.stop_grace
            return [Deed.INTERRUPT]
        return []

    def passed(self, now: int) -> list[Deed]:
        """Time has passed."""
        if self.end is not None:
            return []
        deeds: list[Deed] = []
        if now >= self._kill_at:
            self._kill_at = now + SECOND  # once more, if one kill was not enough
            deeds.append(Deed.KILL)
        elif now >= self._limit():
            reason = Reason.NO_JOB if self.started_at is None else Reason.MAX_RUNTIME
            deeds += self.stop(reason, now)
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
        return min(self._kill_at, self._start_at, self._heartbeat_at, limit)

    def updated(self, now: int) -> None:
        """The runner's own update has finished: no need to wait longer."""
        if self._updating:
            self._start_at = min(self._start_at, now)

    def exited(self, code: int, now: int) -> None:
        """The Listener is gone, and all it printed has been read. Either `end` is set, or it will be started again."""
        self._running = False
        self._kill_at = NEVER
        if self.started_at is not None:
            self.finished_at = self.finished_at or now
            self.end = self._with_job(code)
        elif self._stopped_by is None and now < self._idle_until and self._may_restart(code):
            self._updating = code in (3, 4)
            self._start_at = now + (UPDATE_PATIENCE if self._updating else self._limits.retry_delay)
        else:
            self.end = self._without_job(code)

    def _ended(self) -> bool:
        return self.end is not None

    def _limit(self) -> int:
        if self.started_at is None:
            return self._idle_until
        if self.finished_at is not None:
            return self.finished_at + LINGER
        return self.started_at + self._limits.max_runtime

    def _may_restart(self, code: int) -> bool:
        if code == 2 and self._complaint is None:  # noqa: PLR2004 - the codes are the runner's, see the module's docstring
            self._retries += 1
            return self._retries <= MAX_RETRIES
        if code in (3, 4):
            self._updates += 1
            return self._updates <= MAX_UPDATES
        return False

    def _with_job(self, code: int) -> End:
        conclusion = None if self._result is None else CONCLUSIONS[self._result]
        reason = self._stopped_by
        if reason is Reason.MAX_RUNTIME:
            return End(Event.FINISHED, Result.TIMED_OUT, reason, conclusion, code)
        if reason is not None:  # also no_job: a job that arrived while the idle Listener was being stopped
            return End(Event.FINISHED, Result.INTERRUPTED, reason, conclusion, code, interrupted_by=reason.value)
        if self._result is JobResult.ABANDONED:
            return End(Event.FINISHED, Result.INTERRUPTED, Reason.ABANDONED, conclusion, code, "lost_lease")
        if self._result is not None:
            return End(Event.FINISHED, Result.SERVED, None, conclusion, code)
        if code == 0:
            return End(Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.ORPHAN, None, code)
        return End(Event.FINISHED, Result.INTERRUPTED, Reason.LISTENER_DIED, None, code, "listener_died")

    def _without_job(self, code: int | None) -> End:
        by = self._stopped_by.value if self._stopped_by is Reason.SIGTERM else None
        reason = self._stopped_by or self._complaint or _reason_of(code)
        return End(Event.FAILED_TO_START, Result.FAILED_TO_START, reason, None, code, by)


def _reason_of(code: int | None) -> Reason:
    """What the exit code alone says, when nothing was printed that says more."""
    return {
        0: Reason.EXITED_WITHOUT_JOB,
        2: Reason.RETRIES_EXHAUSTED,
        3: Reason.UPDATE_REQUIRED,
        4: Reason.UPDATE_REQUIRED,
        5: Reason.SESSION_CONFLICT,
        7: Reason.VERSION_TOO_OLD,
    }.get(-1 if code is None else code, Reason.LISTENER_FAILED)
