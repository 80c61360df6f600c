"""How a Listener's life is judged once it has ended: by what it printed, its exit code, and who stopped it.

The exit code never says how the job went (0 means too much), so it is judged together with the lines that were seen.
"""

from dataclasses import dataclass

from paddock.agent.job.listener import CONCLUSIONS, JobResult
from paddock.agent.reasons import Reason
from paddock.agent.telling.report import Event, Result

SPOT = "spot"


@dataclass(frozen=True, slots=True)
class End:
    """How it ended, ready to be reported."""

    event: Event
    result: Result
    reason: Reason | None = None
    conclusion: str | None = None
    exit_code: int | None = None
    interrupted_by: str | None = None


def interrupter(reason: Reason) -> str:
    """The report's ``interrupted_by`` for a life that was stopped for this reason."""
    return SPOT if reason is Reason.SPOT_NOTICE else reason.value


def judge_job(result: JobResult | None, stopped_by: Reason | None, code: int | None) -> End:
    """The end of a Listener that took a job.

    Args:
        result: the last one it printed.
        stopped_by: why it was stopped, if that was before any result.
        code: its exit code; None if it could not be ended.
    """
    conclusion = None if result is None else CONCLUSIONS[result]
    if result is not None and conclusion == "success":  # also if we had stopped it: the job was faster
        return End(Event.FINISHED, Result.SERVED, None, conclusion, code)
    if stopped_by is Reason.ORPHAN or (stopped_by is None and result is None and code == 0):
        return End(Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.ORPHAN, None, code)
    if stopped_by is not None:  # also no_job: a job that arrived while the idle Listener was being stopped
        late = stopped_by is Reason.MAX_RUNTIME
        how, by = (Result.TIMED_OUT, None) if late else (Result.INTERRUPTED, interrupter(stopped_by))
        return End(Event.FINISHED, how, stopped_by, conclusion, code, by)
    if result is JobResult.ABANDONED:
        return End(Event.FINISHED, Result.INTERRUPTED, Reason.ABANDONED, conclusion, code, "lost_lease")
    if result is not None:
        return End(Event.FINISHED, Result.SERVED, None, conclusion, code)
    return End(Event.FINISHED, Result.INTERRUPTED, Reason.LISTENER_DIED, None, code, "listener_died")


def judge_idle(stopped_by: Reason | None, complaint: Reason | None, code: int | None) -> End:
    """The end of a Listener that saw no job; `complaint` is what it named on standard error."""
    from_outside = stopped_by in (Reason.SIGTERM, Reason.SPOT_NOTICE)
    by = interrupter(stopped_by) if stopped_by is not None and from_outside else None
    reason = stopped_by or complaint or _reason_of(code)
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
