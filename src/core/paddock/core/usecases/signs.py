"""Signs of life: what a machine's record learns from its saying no more than that it is there."""

import attrs

from paddock.core.errors import Conflict
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.states import RunnerState
from paddock.core.units import Moment
from paddock.core.usecases.record import Recorder


class Signs:
    """Notes on machines' records that they live. What is noted twice, late or in another order does no harm."""

    def __init__(self, *, table: Table, decisions: Decisions, clock: Clock) -> None:
        self._runners = table.runners
        self._clock = clock
        self._record = Recorder(decisions, clock, "completion")

    def believed(self, moment: Moment, runner: Runner) -> Moment:
        """A machine's word on when something was.

        Its clock may be off, or set by the job: never before its launch, and never in the future, where a deadline
        counted from it would not be reached.
        """
        return max(min(moment, self._clock.now()), runner.launched_at)

    def alive(self, runner: Runner, at: Moment) -> None:
        """It lives. The queue keeps no order: only a later sign is news.

        Raises:
            PaddockError: a store did not answer.
        """
        while runner.heartbeat_at is None or runner.heartbeat_at < at:
            change = RunnerChange(heartbeat_at=at)
            try:
                runner = self._runners.update(runner.key, RunnerIs(heartbeat_at=runner.heartbeat_at), change)
            except Conflict as conflict:
                runner = _standing(conflict)

    def ready(self, runner: Runner, at: Moment) -> None:
        """It lives, and its agent waits for orders: one that boots for no job is ready; others live.

        Raises:
            PaddockError: a store did not answer.
        """
        while change := _coming_up(runner, at):
            change["heartbeat_at"] = max(at, runner.heartbeat_at or 0)
            when = RunnerIs(
                state=runner.state, assigned_job=runner.assigned_job, gone_at=runner.gone_at, since=runner.since
            )
            try:
                self._runners.update(runner.key, when, change)
            except Conflict as conflict:
                runner = _standing(conflict)
                continue
            if "state" in change:
                self._record.machine(runner.machine, "ready", "its agent is up, and waits for a job")
            return
        self.alive(runner, at)


def _coming_up(runner: Runner, at: Moment) -> RunnerChange:
    """What is news if it was up and waited at that moment; nothing if it is known, or was before it slept.

    The nap that it wakes from ends then, also if a job has claimed it. It is ready for the first time only once.
    """
    change = RunnerChange()
    if runner.state is not RunnerState.BOOTING or runner.gone_at is not None or at < (runner.since or 0):
        return change
    if runner.naps and runner.naps[-1].up_at is None:
        change["naps"] = (*runner.naps[:-1], attrs.evolve(runner.naps[-1], up_at=at))
    if runner.assigned_job is None:
        change.update(RunnerChange(state=RunnerState.READY, since=at))
        if runner.ready_at is None:
            change["ready_at"] = at
    return change


def _standing(conflict: Conflict) -> Runner:
    """The record as it stands.

    Raises:
        Conflict: it is none.
    """
    if not isinstance(conflict.current, Runner):
        raise conflict
    return conflict.current
