"""How long a machine may take for what it does: pure, by the clocks of its record."""

from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines
from paddock.core.states import RunnerState
from paddock.core.units import Moment, Span, span_text

WITHOUT_WORK = frozenset({RunnerState.BOOTING, RunnerState.READY})


def doubtful(runner: Runner, assigned: Job | None, now: Moment, deadlines: Deadlines) -> bool:
    """True if the machine runs some job, nobody knows which, no job waits for word of it, and it is silent."""
    waited_for = assigned is not None and assigned.live and assigned.machine == runner.machine
    unknown = runner.state is RunnerState.BUSY and runner.served_job is None and not waited_for
    return unknown and now - max(runner.busy_at or runner.launched_at, runner.heartbeat_at or 0) > deadlines.silence


def overdue(runner: Runner, assigned: Job | None, now: Moment, deadlines: Deadlines) -> str:
    """Why the machine takes too long for what it does; empty if it does not.

    Silence alone ends nothing: it takes a second clock. `assigned` is the job that it was given orders for.
    """
    began = runner.busy_at or runner.launched_at
    if runner.state is RunnerState.DRAINING and now - (runner.idle_at or began) > deadlines.drain:
        return f"its work is over and it has not powered off: {runner.reason}"
    if runner.state in WITHOUT_WORK:
        waited = now - _ordered_at(runner, assigned)
        return f"silent for {span_text(waited)}, and without work" if waited > _patience(runner, deadlines) else ""
    if runner.state is RunnerState.BUSY:
        heard = max(began, runner.heartbeat_at or 0)
        if now - began > deadlines.runtime + deadlines.drain and now - heard > deadlines.silence:
            return "beyond the longest job's time, and silent"
    return ""


def _ordered_at(runner: Runner, assigned: Job | None) -> Moment:
    """When the machine got its orders: GitHub may be away for minutes, and then they come long after the launch.

    Whoever inherits it gives it none: else one that never came up would live on from heir to heir.
    """
    meant = assigned is not None and assigned.machine == runner.machine and not assigned.inherited
    ordered = assigned.launched_at if assigned is not None and meant else None
    return max(runner.launched_at, runner.claimed_at or 0, ordered or 0)


def _patience(runner: Runner, deadlines: Deadlines) -> Span:
    """How long after its orders a machine may be without work; one without orders never gets any.

    One of whose agent nothing was heard, and whose runner GitHub has not seen, has very likely not come up.
    """
    if runner.runner_name is None:
        return deadlines.orphan
    return deadlines.boot if unheard(runner) else deadlines.boot + deadlines.idle


def unheard(runner: Runner) -> bool:
    """True if nothing was heard of a machine without work since it was launched, or since a job claimed it."""
    if runner.claimed_at is not None:
        return max(runner.ready_at or 0, runner.heartbeat_at or 0) < runner.claimed_at
    return runner.state is RunnerState.BOOTING and runner.ready_at is None and runner.heartbeat_at is None
