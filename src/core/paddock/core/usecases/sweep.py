"""The sweep: records against machines, machines against records, jobs against both.

It observes, lets `plan` decide, and acts: a bounded number of acts per run, and every destructive one only after a
second look at the record and the machine.
"""

from collections import Counter
from collections.abc import Mapping

import attrs

from paddock.core.errors import PaddockError
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.life import Life
from paddock.core.usecases.listing import all_machines, live_jobs, live_runners
from paddock.core.usecases.plan import Act, AskGitHub, CloseMachine, EndMachine, RelaunchJob, Snapshot, WakeJob, plan
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.retire import Retire

MOST_ACTS = 100


@attrs.frozen
class SweepReport:
    """What a run did, by kind of act. "Never ran" and "achieved nothing" must be visible, so failures are counted."""

    attempted: int = 0
    succeeded: int = 0
    failed: int = 0
    left: int = 0
    by_kind: Mapping[str, int] = attrs.field(factory=dict)
    errors: tuple[str, ...] = ()


class Sweep:
    """Keeps every record true."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        life: Life,
        retire: Retire,
        completion: Completion,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._table = table
        self._machines = machines
        self._life = life
        self._retire = retire
        self._completion = completion
        self._clock = clock
        self._record = Recorder(decisions, clock, "sweep")

    def __call__(self) -> SweepReport:
        """One run, bounded; what is left over is counted and done by the next one.

        Raises:
            PaddockError: the world could not be observed; nothing was done.
        """
        acts = plan(self.observe(), self._settings.deadlines)
        done, kinds, errors = 0, Counter[str](), list[str]()
        for act in acts[:MOST_ACTS]:
            kinds[type(act).__name__] += 1
            try:
                self._act(act)
                done += 1
            except PaddockError as error:
                errors.append(f"{type(act).__name__}: {error}")
        attempted = min(len(acts), MOST_ACTS)
        return SweepReport(attempted, done, attempted - done, len(acts) - attempted, dict(kinds), tuple(errors))

    def observe(self) -> Snapshot:
        """The world as it is now. Machines are listed before records: a new machine's record is never missed."""
        machines = all_machines(self._machines)
        runners = live_runners(self._table)
        return Snapshot(self._clock.now(), live_jobs(self._table), runners, machines)

    def _act(self, act: Act) -> None:
        match act:
            case CloseMachine():
                self._close(act)
            case EndMachine():
                self._end(act)
            case WakeJob():
                job = self._table.jobs.get(str(act.job_id))
                if job is not None and job.state in {JobState.QUEUED, JobState.DISPATCHING}:
                    self._life.wake(job, act.reason)
            case AskGitHub():
                self._ask(act)
            case RelaunchJob():
                self._completion.launch_lost(act.job_id, act.machine, act.reason)

    def _close(self, act: CloseMachine) -> None:
        runner = self._table.runners.get(act.machine)
        if runner is None or not runner.live:
            return
        machine = self._machines.describe([act.machine]).get(act.machine)
        if machine is not None and machine.alive:
            return
        self.machine_gone(runner, act.reason)

    def machine_gone(self, runner: Runner, reason: str) -> None:
        """The machine does not exist any more: close its record and see to the job it leaves behind."""
        closed = self._retire.gone(runner, self._clock.now(), reason)
        if closed is None:
            return
        if closed.assigned_job is not None:
            lost = f"its machine ended before the job started: {closed.reason or reason}"
            self._completion.launch_lost(closed.assigned_job, closed.machine, lost)
        if closed.served_job is not None:
            served = self._table.jobs.get(str(closed.served_job))
            if served is not None and served.live:
                self._completion.ask(served)

    def _end(self, act: EndMachine) -> None:
        runner = self._table.runners.get(act.machine)
        if (runner.state if runner is not None else None) is not act.state:
            return
        if runner is not None and not self._retire.may_end(runner):
            return
        self._machines.terminate([act.machine])
        self._record.machine(act.machine, "ended", act.reason)

    def _ask(self, act: AskGitHub) -> None:
        job = self._table.jobs.get(str(act.job_id))
        if job is None or not job.live:
            return
        now = self._completion.ask(job)
        if now is None:
            self._life.forgotten(job)
        elif now.status == "queued" and job.state is JobState.LAUNCHED:
            self._life.displaced(job, by=None)
