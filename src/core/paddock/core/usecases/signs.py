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
        """It lives, and its agent waits for orders: if it boots for no job, it is ready. Else it is a sign of life.

        Raises:
            PaddockError: a store did not answer.
        """
        while _comes_up(runner, at):
            when = RunnerIs(state=RunnerState.BOOTING, assigned_job=None, gone_at=None, since=runner.since)
            try:
                self._runners.update(runner.key, when, _up(runner, at))
            except Conflict as conflict:
                runner = _standing(conflict)
            else:
                self._record.machine(runner.machine, "ready", "its agent is up, and waits for a job")
                return
        self.alive(runner, at)


def _comes_up(runner: Runner, at: Moment) -> bool:
    """Whether the word of that moment makes it ready. One from before it slept, which was long on its way, does not."""
    unclaimed = runner.assigned_job is None and runner.gone_at is None
    return unclaimed and runner.state is RunnerState.BOOTING and (runner.since is None or runner.since <= at)


def _up(runner: Runner, at: Moment) -> RunnerChange:
    """What is then written. It was ready for the first time only once; a nap that it wakes from ends."""
    change = RunnerChange(state=RunnerState.READY, since=at, heartbeat_at=max(at, runner.heartbeat_at or 0))
    if runner.ready_at is None:
        change["ready_at"] = at
    if runner.naps and runner.naps[-1].up_at is None:
        change["naps"] = (*runner.naps[:-1], attrs.evolve(runner.naps[-1], up_at=at))
    return change


def _standing(conflict: Conflict) -> Runner:
    """The record as it stands.

    Raises:
        Conflict: it is none.
    """
    if not isinstance(conflict.current, Runner):
        raise conflict
    return conflict.current
