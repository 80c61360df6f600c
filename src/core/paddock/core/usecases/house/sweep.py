"""The sweep: records against machines, machines against records, jobs against both.

It observes, lets `plan` decide, and acts: a bounded number of acts per run, and every destructive one only after a
second look at the record and the machine.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paddock.core.circuit import Circuit
from paddock.core.errors import Conflict, Throttled
from paddock.core.job import Job
from paddock.core.messages import Observed
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.gauges import Gauges
from paddock.core.ports.machines import Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.task import TaskReport
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.departure import Departure
from paddock.core.usecases.house.levels import levels
from paddock.core.usecases.house.owners import owners_of
from paddock.core.usecases.house.plan import (
    Act,
    AdoptMachine,
    AskGitHub,
    CloseMachine,
    DoubtMachine,
    DrainMachine,
    EndMachine,
    EndSpare,
    InheritMachine,
    RelaunchJob,
    ReleaseMachine,
    Snapshot,
    WakeJob,
    may_inherit,
    plan,
)
from paddock.core.usecases.life import NOT_BUSY, Life
from paddock.core.usecases.listing import all_machines, live_jobs, live_runners
from paddock.core.usecases.patience import doubtful, overdue, unheard
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.registered import Registered
from paddock.core.usecases.retire import Retire

MOST_ACTS = 100  # of each kind, so that one kind that keeps failing does not starve the others
IN_A_ROW = 5  # acts of a kind for an owner that were too many: the next ones would be, too, and each asks others first
MOST_CLOSED = 2_000  # of those that did their work and are gone: a hundred cost five requests


class Sweep:
    """Keeps every record true."""

    def __init__(  # noqa: PLR0913 - whatever may be found is somebody's to see to
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        life: Life,
        retire: Retire,
        registered: Registered,
        adopt: Adopt,
        completion: Completion,
        departure: Departure,
        circuits: Circuits,
        decisions: Decisions,
        gauges: Gauges,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._gauges = gauges
        self._table = table
        self._machines = machines
        self._life = life
        self._retire = retire
        self._registered = registered
        self._adopt = adopt
        self._completion = completion
        self._departure = departure
        self._circuits = circuits
        self._clock = clock
        self._record = Recorder(decisions, clock, "sweep")
        self._deeds: Mapping[type[Act], Callable[[Any], None]] = {
            CloseMachine: self._close,
            EndMachine: self._end,
            EndSpare: self._end_spare,
            AdoptMachine: self._take_in,
            DrainMachine: self._drain,
            ReleaseMachine: self._release,
            DoubtMachine: self._doubt,
            InheritMachine: self._inherit,
            WakeJob: self._wake,
            AskGitHub: self._ask,
            RelaunchJob: self._relaunch,
        }

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:  # noqa: ARG002 - it looks at all
        """One run, bounded; what is left over is counted and done by the next one. See `Work`.

        Raises:
            PaddockError: the world could not be observed; nothing was done.
        """
        seen = self.observe()
        acts = plan(seen, self._settings.deadlines, self._settings.pools.keys())
        if dry_run:
            return TaskReport(left=len(acts), acts=tuple(map(str, acts)))
        kinds, errors, done = Counter[str](), list[str](), list[str]()
        throttled, owners = Counter[tuple[str, str]](), owners_of(seen)
        closed = self._close_together(acts, seen)
        for act in acts:
            if isinstance(act, CloseMachine) and act.machine in closed:
                continue
            kind = type(act).__name__
            whose = kind, owners(act)  # GitHub's limits are each owner's own
            if kinds[kind] >= MOST_ACTS or throttled[whose] >= IN_A_ROW:
                continue
            kinds[kind] += 1
            try:
                self._act(act)
                done.append(str(act))
                throttled[whose] = 0
            except Exception as error:  # noqa: BLE001 - a fault in one act, even one of ours, must not stop the others
                errors.append(f"{act}: {type(error).__name__}: {error}")
                throttled[whose] = throttled[whose] + 1 if isinstance(error, Throttled) else 0
        if closed:
            kinds[CloseMachine.__name__] += len(closed)
            done.append(f"the records of {len(closed)} machines that served are closed")
        circuits = self._settle(kinds, errors)
        self._gauges.tell(levels(seen, circuits, len(errors)))
        attempted = kinds.total()
        left = len(acts) - attempted
        return TaskReport(
            attempted,
            attempted - len(errors),
            len(errors),
            left,
            dict(kinds),
            tuple(errors),
            tuple(done),
        )

    def _settle(self, kinds: Counter[str], errors: list[str]) -> list[Circuit]:
        """Close what did well again; the circuits that are not closed, as far as that could be read."""
        try:
            known = self._circuits.all()
            closed = self._circuits.settle(known)
        except Exception as error:  # noqa: BLE001 - as above
            kinds["CloseCircuit"] += 1
            errors.append(f"circuits: {type(error).__name__}: {error}")
            return []
        kinds.update({"CloseCircuit": len(closed)} if closed else {})
        return [one for one in known if one not in closed]

    def observe(self) -> Snapshot:
        """The world as it is now. Machines are listed before records: a new machine's record is never missed."""
        machines = all_machines(self._machines)
        runners = live_runners(self._table)
        return Snapshot(self._clock.now(), live_jobs(self._table), runners, machines)

    def _act(self, act: Act) -> None:
        self._deeds[type(act)](act)

    def _close_together(self, acts: Sequence[Act], seen: Snapshot) -> set[str]:
        """Most machines end as they should: their records are closed, many in one step; the others one by one."""
        gone = [act for act in acts if isinstance(act, CloseMachine)]
        runners = {runner.machine: runner for runner in seen.runners}
        served = [runners[act.machine] for act in gone if runners[act.machine].result is OperationalResult.SERVED]
        closed: set[str] = set()
        for start in range(0, min(len(served), MOST_CLOSED), MOST_ACTS):
            try:
                closed |= self._departure.together(served[start : start + MOST_ACTS], gone[0].reason)
            except Exception:  # noqa: BLE001 - the long way looks again, and says what is wrong
                break
        return closed

    def _close(self, act: CloseMachine) -> None:
        runner = self._table.runners.get(act.machine)
        if runner is None or not runner.live:
            return
        self._departure.look(runner, act.reason)

    def _end(self, act: EndMachine) -> None:
        runner = self._table.runners.get(act.machine)
        if runner is None or runner.state is not act.state:
            return
        assigned = None if runner.assigned_job is None else self._table.jobs.get(str(runner.assigned_job))
        runner = self._retire.heard(runner)
        reason = overdue(runner, assigned, self._clock.now(), self._settings.deadlines)
        if not reason or self._is_ready(runner):
            return
        if not self._retire.may_end(runner):
            self._note_work(runner)
            return
        self._machines.terminate([act.machine])
        self._record.machine(act.machine, "ended", reason)
        if runner.state in NOT_BUSY and assigned is not None:
            # Its job need not wait until the machine is seen to be gone. The id makes each such reason another one.
            self._completion.launch_lost(assigned.id, runner.machine, f"its machine {runner.machine} was {reason}")

    def _end_spare(self, act: EndSpare) -> None:
        runner = self._table.runners.get(act.machine)
        if runner is not None and runner.spare and runner.spare_of not in self._settings.pools:
            self._retire.spare(runner, act.reason)

    def _is_ready(self, runner: Runner) -> bool:
        """True if it boots as far as we know, and GitHub knows better; that is noted, and gives it the time to idle.

        One that was claimed may have been ready before; then it has said nothing since.
        """
        silent = runner.claimed_at is not None and runner.state in NOT_BUSY and unheard(runner)
        if not (runner.state is RunnerState.BOOTING or silent) or not self._registered.listens(runner):
            return False
        when = RunnerIs(state=runner.state, gone_at=None)
        change = RunnerChange(state=RunnerState.READY)
        if runner.claimed_at is not None:
            change["heartbeat_at"] = self._clock.now()
        try:
            self._table.runners.update(runner.key, when, change)
        except Conflict:
            return True  # it moved on: not as it was seen
        self._record.machine(runner.machine, "ready", "GitHub says that its runner listens")
        return True

    def _note_work(self, runner: Runner) -> None:
        """It runs some job, and nobody told us: from now on its own job's word is asked for, which may wait in vain."""
        if runner.state in NOT_BUSY and self._registered.works(runner):
            self._life.busy(runner, None, self._clock.now())
            self._record.machine(runner.machine, "busy", "GitHub says that its runner runs a job")

    def _take_in(self, act: AdoptMachine) -> None:
        """Give the machine its record. One whose record is closed was thought gone: it ends, if GitHub lets it."""
        runner = self._adopt(act.machine, act.reason)
        if not runner.live and self._retire.may_end(runner):
            self._machines.terminate([runner.machine])
            self._record.machine(runner.machine, "ended", "its record is closed, and it was found running")

    def _drain(self, act: DrainMachine) -> None:
        """GitHub's word counts for the machine too; it keeps the time it needs to report and to power off."""
        job = self._table.jobs.get(str(act.job_id))
        if job is None or job.live:
            return
        if job.conclusion is None:
            # Given up by us, and taken by a machine all the same: only GitHub knows whether it still runs.
            now = self._completion.ask(job)
            if now is not None and now.status != Observed.COMPLETED:
                return
        change = RunnerChange(state=RunnerState.DRAINING, idle_at=job.finished_at, reason="GitHub concluded its job")
        try:
            self._table.runners.update(act.machine, RunnerIs(state=RunnerState.BUSY, gone_at=None), change)
        except Conflict:
            return
        self._record.machine(act.machine, "draining", f"GitHub concluded its job {act.job_id}: {job.conclusion}")

    def _release(self, act: ReleaseMachine) -> None:
        """Its job was given up, or served by somebody else's runner: the machine drains, if GitHub lets go of it."""
        runner, job = self._table.runners.get(act.machine), self._table.jobs.get(str(act.job_id))
        if runner is not None and runner.assigned_job == act.job_id and job is not None and not job.live:
            self._retire.unneeded(runner, f"job {act.job_id}, for which it was started, is {job.state}")

    def _doubt(self, act: DoubtMachine) -> None:
        """GitHub lets go of a runner only if it runs nothing: then it drains."""
        runner = self._table.runners.get(act.machine)
        runner = None if runner is None else self._retire.heard(runner)
        if runner is None:
            return
        assigned = None if runner.assigned_job is None else self._table.jobs.get(str(runner.assigned_job))
        if doubtful(runner, assigned, self._clock.now(), self._settings.deadlines):
            self._retire.unneeded(runner, "it ran a job that nobody knows of, is silent, and GitHub has no work on it")

    def _inherit(self, act: InheritMachine) -> None:
        job, free = self._table.jobs.get(str(act.job_id)), self._table.runners.get(act.machine)
        if job is None or job.state is not JobState.LAUNCHED or job.machine != act.taken or free is None:
            return
        meant_for = None if free.assigned_job is None else self._table.jobs.get(str(free.assigned_job))
        if may_inherit(free, meant_for):
            reason = f"another job runs on {act.taken}, so this one inherits machine {act.machine}"
            self._life.inherit(job, free, reason)

    def _wake(self, act: WakeJob) -> None:
        job = self._table.jobs.get(str(act.job_id))
        if job is not None and job.state in {JobState.QUEUED, JobState.DISPATCHING}:
            self._life.wake(job, act.reason)

    def _relaunch(self, act: RelaunchJob) -> None:
        runner = self._table.runners.get(act.machine)
        serves = None if runner is None or not runner.live else runner.served_job or act.job_id
        if serves != act.job_id:
            self._completion.launch_lost(act.job_id, act.machine, act.reason)

    def _ask(self, act: AskGitHub) -> None:
        job = self._table.jobs.get(str(act.job_id))
        if job is None or not job.live or job.machine != act.machine:
            return  # it is over, or was launched anew while others were looked at
        now = self._completion.ask(job)
        if now is None:
            self._life.forgotten(job)
        elif now.status not in set(Observed):
            self._still_waits(job)

    def _still_waits(self, job: Job) -> None:
        """GitHub has the job in its queue."""
        if job.state is JobState.QUEUED:
            self._life.wake(job, "GitHub still has it in its queue")
        elif job.state is JobState.LAUNCHED and job.machine is not None:
            runner = self._table.runners.get(job.machine)
            if runner is not None:
                self._completion.not_served(job, runner)
