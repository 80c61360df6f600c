"""A machine does not exist any more: its record is closed, and whoever counted on it is seen to."""

from collections.abc import Callable, Sequence

import attrs

from paddock.core.errors import Conflict, NotFound, Throttled
from paddock.core.messages import MachineChanged
from paddock.core.ports.machines import Machine, Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Nap, Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.states import OperationalResult, RunnerState
from paddock.core.units import MINUTE, SECOND, Moment
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.interruption import Interruptions
from paddock.core.usecases.retire import Retire

_KNOWN_BY = 5 * MINUTE  # EC2's answers are consistent in the end; nobody says when
_AT_ONCE = 10 * SECOND  # between the flip of a record and the cloud's answer
_ENDED = {"shutting-down", "terminated"}  # EC2's words; nothing brings a machine back that is shutting down


class Departure:
    """Closes the books on machines that are gone."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        retire: Retire,
        adopt: Adopt,
        completion: Completion,
        interruptions: Interruptions,
        clock: Clock,
    ) -> None:
        self._drain = settings.deadlines.drain
        limits = settings.limits
        self._unwaited = limits.machines is limits.vcpu is limits.machines_per_repository is None
        self._jobs = table.jobs
        self._runners = table.runners
        self._machines = machines
        self._retire = retire
        self._adopt = adopt
        self._completion = completion
        self._interruptions = interruptions
        self._clock = clock

    def changed(self, message: MachineChanged) -> None:
        """The cloud says that a machine's state changed: if it ended, that is looked at now and not by the next sweep.

        One that ended before anybody wrote it down is billed all the same, though no sweep will find it: that is only
        so where such events come. The cloud tells of strangers too, so that nothing is said of those.

        Left to the next sweep, which closes many in one step: one that served its job, if nobody waits for its place;
        and one that ended at work, if nobody took it, for GitHub's word on its job comes first.

        Raises:
            PaddockError: a store, the cloud or GitHub did not answer; the message must come back.
        """
        if message.state not in _ENDED:
            return
        runner = self._adopt.heard_of(message.machine, "it ended unrecorded")
        if runner is not None and runner.live and not (self._unwaited and _as_expected(runner)):
            try:
                self.look(runner, "the cloud says that it ended", unless=_at_work)
            except Throttled:
                if not _as_expected(runner):
                    raise

    def together(self, runners: Sequence[Runner], reason: str) -> set[str]:
        """Close those that served their jobs and are gone by the cloud's own word, in one step; whose record that was.

        Those that ever slept are left to the long way, which looks when they woke.

        Raises:
            PaddockError: the table or the cloud did not answer; nothing is lost by doing it again, one by one.
        """
        seen = self._machines.describe([runner.machine for runner in runners])
        gone = [
            (runner, self._ended(runner, seen.get(runner.machine)))
            for runner in runners
            if self._is_gone(runner, seen.get(runner.machine))
            and not _taken(runner, seen.get(runner.machine))
            and not runner.naps
        ]
        return self._retire.at_once(gone, reason)

    def look(self, runner: Runner, reason: str, unless: Callable[[Runner], bool] = lambda _: False) -> None:
        """Close the record if the machine is gone by the cloud's own word: for a while a new one is not known there.

        One that nobody took is left to another time `unless` that is False.
        """
        machine = self._machines.describe([runner.machine]).get(runner.machine)
        if self._is_gone(runner, machine) and (_taken(runner, machine) or not unless(runner)):
            self(runner, machine, reason)

    def _is_gone(self, runner: Runner, machine: Machine | None) -> bool:
        now = self._clock.now()
        due = runner.interrupted_at is not None and runner.interrupted_at <= now  # it was to be taken
        unknown = machine is None and not due and now - runner.launched_at < _KNOWN_BY
        return not unknown and (machine is None or not machine.alive)

    def _ended(self, runner: Runner, machine: Machine | None) -> Moment:
        """When it ended. EC2 may not say of one that powered itself off: then it took no longer than it may."""
        now = self._clock.now()
        if machine is not None and machine.ended_at is not None:
            return min(machine.ended_at, now)
        drained = runner.idle_at if runner.state is RunnerState.DRAINING else None
        return now if drained is None else max(runner.launched_at, min(drained + self._drain, now))

    def __call__(self, runner: Runner, machine: Machine | None, reason: str) -> None:
        """The machine is gone. `machine` is what the cloud still says of it, None: nothing."""
        at, taken = self._ended(runner, machine), _taken(runner, machine)
        if taken:
            self._interruptions.taken(runner, at, gone=True)
        runner = self._as_woken(runner, machine)
        if not taken and self._retire.at_once([(runner, at)], reason):
            return
        if runner.served_job is None:
            runner = self._retire.heard(runner)  # whether it worked for somebody, of whom nobody has told us
        closed = self._retire.gone(runner, at, reason, taken=taken)
        if closed is None:
            return
        if closed.assigned_job is not None and closed.assigned_job != closed.served_job:
            # The id makes each such reason another one: a machine that is taken away says nothing about the next.
            told = closed.result is OperationalResult.FAILED_TO_START
            lost = closed.reason if told else f"its machine {closed.machine} ended without a word"
            self._completion.launch_lost(closed.assigned_job, closed.machine, lost)
        served = None if closed.served_job is None else self._jobs.get(str(closed.served_job))
        if served is not None and served.live:
            self._completion.ask(served)
        if taken:
            self._interruptions.served(closed.machine, at)  # whom it served may have been learnt just now

    def _as_woken(self, runner: Runner, machine: Machine | None) -> Runner:
        """Its record, with its last nap as the cloud tells of it: one that runs is as old as its last start.

        A job's claim flips the record first. Whoever claimed may have died before the cloud was asked, or had to ask
        for minutes: meanwhile it slept, and nothing was billed. Or the answer to a start was lost, and it ran: then its
        agent spoke.
        """
        nap = runner.naps[-1] if runner.naps else None
        if nap is None or machine is None:
            return runner
        woken_at = _woken_at(runner, nap, machine.launched_at)
        if woken_at == nap.woken_at:
            return runner
        naps = (*runner.naps[:-1], attrs.evolve(nap, woken_at=woken_at))
        try:
            when = RunnerIs(state=runner.state, gone_at=None)
            return self._runners.update(runner.key, when, RunnerChange(naps=naps))
        except (Conflict, NotFound):
            return runner


def _woken_at(runner: Runner, nap: Nap, started_at: Moment) -> Moment | None:
    """When it woke from its last nap, if the cloud last started it at that moment."""
    slept_on = started_at < nap.stopped_at
    if nap.woken_at is None:
        return started_at if not slept_on and (runner.heartbeat_at or 0) > started_at else None
    if slept_on:
        return nap.woken_at if nap.up_at is not None or runner.busy_at is not None else None
    return nap.woken_at if abs(started_at - nap.woken_at) < _AT_ONCE else started_at


def _as_expected(runner: Runner) -> bool:
    """True if it has done its work, and whoever ended it need not be known in a hurry."""
    return runner.state is RunnerState.DRAINING and runner.result is not None and runner.interrupted_at is None


def _at_work(runner: Runner) -> bool:
    """True if GitHub gave it a job, and has not told of the job's end: that word is on its way, and saves asking."""
    return runner.state is RunnerState.BUSY and runner.served_job is not None and runner.interrupted_at is None


def _taken(runner: Runner, machine: Machine | None) -> bool:
    """True if it was the cloud that ended it: where it says nothing (any more), its warning is evidence enough."""
    return machine.taken if machine is not None and machine.ended_by else runner.interrupted_at is not None
