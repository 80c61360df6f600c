"""Retirement: a machine's end, and everything that must end with it.

A destructive act needs fresh evidence: GitHub refuses to delete a runner that runs a job, so a registration is deleted
first, and only a machine whose registration is gone is told to end.
"""

from collections.abc import Sequence

import attrs

from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Bill, Rates
from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job
from paddock.core.pools.naps import BELIEVED
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.handover import Handover
from paddock.core.ports.machines import Machines, MachineState
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.ports.together import MOST, Add, Update, Write
from paddock.core.records import LEDGER, RUNNERS
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.states import LIVE_RUNNERS, RUNNER_LIFE, OperationalResult, RunnerState
from paddock.core.units import MINUTE, MicroDollars, Moment
from paddock.core.usecases.life import NOT_BUSY
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.registered import Registered

_SKEW = 10 * MINUTE  # of a machine's clock
_STEP = MOST // 2  # machines: each has its bill and its record
BEFORE_DRAINING = RUNNER_LIFE.sources(RunnerState.DRAINING)


class Retire:
    """Ends machines, and closes the books on them."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        registered: Registered,
        assignments: Assignments,
        handover: Handover,
        decisions: Decisions,
        clock: Clock,
        rates: Rates,
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._runners = table.runners
        self._ledger = table.ledger
        self._machines = machines
        self._registered = registered
        self._assignments = assignments
        self._handover = handover
        self._clock = clock
        self._rates = rates
        self._record = Recorder(decisions, clock, "retire")

    def surplus(self, runner: Runner, job: Job, reason: str) -> None:
        """End a machine that was started for `job` and never got to serve anybody."""
        meant_for = None if runner.assigned_job is None else self._jobs.get(str(runner.assigned_job))
        if meant_for is not None and meant_for.live and meant_for.machine == runner.machine:
            return  # a faster dispatcher gave it to the job, or GitHub's word did: it is no surplus
        if not self._registered.unregister(runner):
            self._record.machine(
                runner.machine, "kept", f"it was to end ({reason}), but GitHub may have given it a job"
            )
            return
        self._machines.terminate([runner.machine])
        self._record.machine(runner.machine, "surplus", reason, job=job.id)

    def unneeded(self, runner: Runner, reason: str) -> bool:
        """Its job needs it no longer. It drains, unless GitHub has given it another job by now; True if it does.

        It is not ended at once: a job may have been dispatched to it that GitHub does not count as its own yet. The
        sweep ends it when it still serves nobody after a grace.
        """
        if (
            runner.state not in BEFORE_DRAINING
            or runner.served_job is not None
            or not self._registered.unregister(runner)
        ):
            return False
        try:
            change = RunnerChange(state=RunnerState.DRAINING, idle_at=self._clock.now(), reason=reason)
            when = RunnerIs(state=runner.state, served_job=None, gone_at=None)
            self._runners.update(runner.key, when, change)
        except Conflict:
            return False
        self._record.machine(runner.machine, "draining", reason)
        return True

    def spare(self, runner: Runner, reason: str) -> bool:
        """End a pool's machine that nobody works on; False if it has moved on, or has orders that nobody knows of.

        ::

            record drains (as it was seen, and no job's) ──> no orders there ──> the cloud ends it
                     └─ from here on nobody can claim it       └─ else it is kept: the sweep finds out whose it is

        Raises:
            PaddockError: a store or the cloud did not answer. It drains, so the sweep ends it; or nothing was changed.
        """
        change = RunnerChange(
            state=RunnerState.DRAINING, spare_of=None, idle_at=self._clock.now(), reason=reason, since=self._clock.now()
        )
        if runner.state is RunnerState.STOPPING and self._never_slept(runner):
            change["naps"] = runner.naps[:-1]
        when = RunnerIs(
            state=runner.state,
            spare_of=runner.spare_of,
            assigned_job=runner.assigned_job,
            runner_name=None,
            since=runner.since,
            heartbeat_at=runner.heartbeat_at,
            gone_at=None,
        )
        try:
            self._runners.update(runner.key, when, change)
        except (Conflict, NotFound):
            return False
        if self._assignments.get(runner.machine) is not None:
            self._record.machine(runner.machine, "kept", f"it was to end ({reason}), but there are orders for it")
            return False
        self._machines.terminate([runner.machine])
        self._record.machine(runner.machine, "ended", reason)
        return True

    def _never_slept(self, runner: Runner) -> bool:
        """True if the cloud has it running, long after it was to be stopped: it was not told, and bills all of that."""
        if not runner.naps or self._clock.now() - (runner.since or runner.launched_at) <= BELIEVED:
            return False
        machine = self._machines.describe([runner.machine]).get(runner.machine)
        return machine is not None and machine.state is MachineState.RUNNING

    def may_end(self, runner: Runner) -> bool:
        """True if GitHub has no work on the machine: the second witness, besides our own clock.

        A machine that has reported its end, or is beyond every job's time, is judged by that alone.
        """
        unknown = runner.runner_id is None and runner.served_job is None and runner.result is None
        if runner.state in {RunnerState.BOOTING, RunnerState.READY} or not runner.live or unknown:
            return self._registered.unregister(runner)
        served = None if runner.served_job is None else self._jobs.get(str(runner.served_job))
        return runner.result is not None or served is None or not served.live or runner.state is RunnerState.BUSY

    def heard(self, runner: Runner) -> Runner:
        """The record with the last sign of life that the machine left with its orders, if that is news."""
        receipt = self._assignments.get(runner.machine)
        beat = None if receipt is None else receipt.heartbeat_at
        now = self._clock.now()
        # It stays there until the next one: a job that owns the clock must not keep its machine alive by one of 2100.
        if beat is None or beat > now + _SKEW or runner.gone_at is not None:
            return runner
        beat = max(runner.launched_at, min(beat, now))
        if runner.heartbeat_at is not None and beat <= runner.heartbeat_at:
            return runner
        change = RunnerChange(heartbeat_at=beat)
        if receipt is not None and receipt.ready_at is not None and runner.ready_at is None:
            change["ready_at"] = max(runner.launched_at, min(receipt.ready_at, beat))
        if receipt is not None and receipt.started_at is not None and runner.state in NOT_BUSY:
            # Only who works can write that: the agent at the start of a job, or the job. Whose it is, GitHub says.
            busy_at = max(runner.launched_at, min(receipt.started_at, beat))
            change.update(RunnerChange(state=RunnerState.BUSY, busy_at=busy_at))
        try:
            when = RunnerIs(state=runner.state, heartbeat_at=runner.heartbeat_at, gone_at=None)
            return self._runners.update(runner.key, when, change)
        except (Conflict, NotFound):
            return runner  # it was heard of otherwise: the next sweep looks at all of it

    def gone(self, runner: Runner, at: Moment, reason: str, *, taken: bool = False) -> Runner | None:
        """The machine no longer exists: write its bill, forget what was kept for it, close its record.

        ::

            gone_at written ──> bill ──> registration ──> assignment ──> state gone
                    │             └──────────┬───────────────┘
              from here on its            crash, or GitHub is away: the record is still open,
              times stand fast            so the next sweep does the same again, to the same moment

        `taken`: it was the cloud that ended it. Returns the closed record; None if it was closed already.

        Raises:
            Unavailable, Throttled: something could not be forgotten yet; repeat it.
        """
        marked = self._marked(runner, at, reason, taken=taken)
        if marked is None:
            return None
        bill = self.bill(marked)
        if marked.result is not OperationalResult.SERVED:
            # GitHub deletes only the registrations of runners that did their work.
            self._registered.unregister(marked, insist=True)
        self._assignments.delete(marked.machine)
        try:
            change = RunnerChange(state=RunnerState.GONE)
            if marked.spare_of is not None:
                change["spare_of"] = None
            closed = self._runners.update(runner.key, RunnerIs(state=LIVE_RUNNERS), change)
        except (Conflict, NotFound):
            return None
        self._record.machine(closed.machine, "gone", reason, result=closed.result, cost=bill.total, dead=_dead(marked))
        return closed

    def at_once(self, gone: Sequence[tuple[Runner, Moment]], reason: str) -> set[str]:
        """The same in one step for machines that served the jobs they were launched for, if each is as it was read.

        GitHub has deleted the registration of a runner that did its work. Returns whose records are closed now; of all
        others nothing is known here.
        """
        usual = [(runner, at) for runner, at in gone if _as_usual(runner)]
        closed: set[str] = set()
        for start in range(0, len(usual), _STEP):
            closed |= self._closed(usual[start : start + _STEP], reason)
        return closed

    def _closed(self, gone: Sequence[tuple[Runner, Moment]], reason: str) -> set[str]:
        writes: list[Write] = []
        costs: list[MicroDollars | None] = []
        for runner, at in gone:
            change = RunnerChange(state=RunnerState.GONE, gone_at=at, reason=runner.reason or reason)
            bill = bill_of(attrs.evolve(runner, **change), None, self._rates, self._settings.environment)
            costs.append(bill.total)
            writes += [Add(LEDGER, bill), Update(RUNNERS, runner.key, _as_read(runner), change)]
        machines = [runner.machine for runner, _ in gone]
        if not writes or not self._handover.close(writes, machines):
            return set()
        for (runner, _), cost in zip(gone, costs, strict=True):
            self._record.machine(runner.machine, "gone", reason, result=runner.result, cost=cost, dead=False)
        return set(machines)

    def _marked(self, runner: Runner, at: Moment, reason: str, *, taken: bool) -> Runner | None:
        """The record with the moment of the end on it, which is written once; None if it was closed already."""
        change = RunnerChange(gone_at=at, reason=runner.reason or reason, taken=taken)
        while runner.live and runner.gone_at is None:
            try:
                return self._runners.update(runner.key, RunnerIs(state=runner.state, gone_at=None), change)
            except Conflict as conflict:
                if not isinstance(conflict.current, Runner):
                    raise
                runner = conflict.current
            except NotFound:
                return None
        return runner if runner.live else None

    def bill(self, runner: Runner) -> Bill:
        """Write the bill of a machine that is gone, and return it. Repeating it writes nothing new."""
        served = None if runner.served_job is None else self._jobs.get(str(runner.served_job))
        bill = bill_of(runner, served, self._rates, self._settings.environment)
        self._ledger.add(bill)
        return bill


def _as_usual(runner: Runner) -> bool:
    unspoilt = runner.live and runner.gone_at is None and runner.interrupted_at is None
    own = runner.served_job is not None and runner.served_job == runner.assigned_job
    return unspoilt and own and runner.result is OperationalResult.SERVED


def _dead(runner: Runner) -> bool:
    """True if the machine had its orders and its agent never came up, though nobody took it from us."""
    unheard = runner.ready_at is runner.busy_at is runner.idle_at is None and runner.heartbeat_at is None
    wanted = runner.assigned_job is not None and runner.interrupted_at is None and not runner.taken
    return wanted and unheard and runner.state is RunnerState.BOOTING


def _as_read(runner: Runner) -> RunnerIs:
    """Whatever its bill was made of is as it was."""
    return RunnerIs(
        state=runner.state,
        served_job=runner.served_job,
        ready_at=runner.ready_at,
        busy_at=runner.busy_at,
        idle_at=runner.idle_at,
        interrupted_at=None,
        result=runner.result,
        gone_at=None,
    )
