"""The cloud takes a spot machine back: counted once, its job moved on demand, or its run marked for a re-run.

::

    warning ──> record flipped ──> circuit counts ──> runs a job?  no: registration deleted, job relaunched on demand
    (or found taken)                                              yes: its run is marked
                                                       taken with it: the job was interrupted, whatever GitHub says

Everything after the flip is repeated by whoever is told again, and changes nothing then.
"""

from paddock.core.circuit import NOTICE
from paddock.core.errors import AccessDenied, Conflict
from paddock.core.job import Job
from paddock.core.messages import MachineWarned, WarningKind
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.spec import Market
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import Moment, rfc3339
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.life import NOT_BUSY, Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reruns import Reruns
from paddock.core.usecases.retire import Retire


class Interruptions:
    """What follows from the cloud's warnings and deeds."""

    def __init__(
        self,
        *,
        table: Table,
        circuits: Circuits,
        reruns: Reruns,
        completion: Completion,
        retire: Retire,
        adopt: Adopt,
        life: Life,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._jobs = table.jobs
        self._runners = table.runners
        self._circuits = circuits
        self._reruns = reruns
        self._completion = completion
        self._retire = retire
        self._adopt = adopt
        self._life = life
        self._clock = clock
        self._record = Recorder(decisions, clock, "interruption")

    def warned(self, message: MachineWarned) -> None:
        """The cloud warns. A machine without a record gets one now, if it is ours.

        Raises:
            PaddockError: a store, the cloud or GitHub did not answer; the message must come back.
        """
        why = f"it has no record, and the cloud gives a {message.warning} warning"
        runner = self._adopt.heard_of(message.machine, why)
        if runner is None:
            self._record.machine(message.machine, "unknown_machine", f"a {message.warning} warning of no record here")
            return
        if message.warning is WarningKind.REBALANCE:
            self._record.machine(runner.machine, "rebalance", "the cloud says that it may take it back soon")
            if runner.market is Market.SPOT:
                at = max(runner.launched_at, min(message.at, self._clock.now()))
                self._circuits.avoidance.hit(runner, at, f"{runner.machine} may be taken back soon")
            return
        self.taken(runner, message.at, gone=False)

    def resumed(self, machine: str) -> None:
        """The machine failed to start. If it was warned, that is why, and what followed may have been cut off."""
        runner = self._runners.get(machine)
        if runner is not None and runner.interrupted_at is not None:
            self.taken(runner, runner.interrupted_at, gone=False)

    def taken(self, runner: Runner, at: Moment, *, gone: bool) -> None:
        """The cloud takes the machine at that moment (`gone`: it has)."""
        runner = self._flipped(runner, at)
        if runner.market is Market.SPOT:
            self._circuits.interrupted(runner, runner.interrupted_at or at)
        try:
            self._relieve(runner, self._job_on(runner), gone=gone)
            self.served(runner.machine, at if gone else None)
        except AccessDenied as error:
            if not gone:
                raise
            # The machine's books are not kept open for a no that may last; the sweeps look after the job.
            self._record.machine(runner.machine, "job_left", f"GitHub refuses to speak of its job: {error}")

    def _relieve(self, runner: Runner, job: Job | None, *, gone: bool) -> None:
        """A job that has not begun gets another machine."""
        if not gone and runner.state in NOT_BUSY:
            released = self._retire.unneeded(runner, "the cloud takes it back")
            if released and job is not None:
                self._life.taken(job, _words(runner))
            elif job is not None:
                self._completion.ask(job)  # GitHub would not let go of the runner: it has a job
        elif job is not None and job.state is JobState.LAUNCHED and (gone or runner.state is RunnerState.DRAINING):
            # Gone; or released before, by one who did not come to move its job.
            now = self._completion.ask(job)
            if now is None:
                self._life.forgotten(job)
            elif now.status == "queued":
                self._life.taken(job, _words(runner))

    def served(self, machine: str, gone_at: Moment | None) -> None:
        """See to the job that a machine serves which the cloud takes, or took at `gone_at`, as far as that is known."""
        runner = self._runners.get(machine)
        if runner is None or runner.served_job is None:
            return
        job = self._job_on(runner)
        if gone_at is None:
            if job is not None:
                self._reruns.suspect(job)
                if job.state is JobState.FINISHED and job.result is OperationalResult.INTERRUPTED:
                    self._completion.ask(job)  # a runner that is stopped says cancelled, and GitHub failure
            return
        if job is not None and job.state is JobState.RUNNING and job.result is None:
            self._completion.ask(job)  # it may have ended by itself just before
        self._reruns.lost(runner, gone_at)

    def _flipped(self, runner: Runner, at: Moment) -> Runner:
        """The record with the moment of the interruption, which is written once.

        The machine's own word may be first, and its clock may be off, or set by its job: the moment lies between its
        launch and the cloud's notice from now.
        """
        if runner.interrupted_at is not None:
            return runner
        at = max(runner.launched_at, min(at, self._clock.now() + NOTICE))
        try:
            flipped = self._runners.update(runner.key, RunnerIs(interrupted_at=None), RunnerChange(interrupted_at=at))
        except Conflict as conflict:
            return conflict.current if isinstance(conflict.current, Runner) else runner
        self._record.machine(runner.machine, "interrupted", _words(flipped))
        return flipped

    def _job_on(self, runner: Runner) -> Job | None:
        """The job that the machine serves, or was launched for and still holds."""
        number = runner.served_job if runner.served_job is not None else runner.assigned_job
        job = None if number is None else self._jobs.get(str(number))
        return job if job is not None and job.machine == runner.machine else None


def _words(runner: Runner) -> str:
    when = "" if runner.interrupted_at is None else f" at {rfc3339(runner.interrupted_at)}"
    kind = "spot machine" if runner.market is Market.SPOT else "machine, though it is no spot machine,"
    return f"the cloud takes {kind} {runner.machine} ({runner.instance_type} in {runner.zone}) back{when}"
