"""The cloud takes a spot machine back: counted once, its job moved on demand, or its run marked for a re-run.

::

    warning ──> record flipped ──> circuit counts ──> runs a job?  no: registration deleted, job relaunched on demand
    (or found taken)                                              yes: its run is marked
                                                       taken with it: the job was interrupted, whatever GitHub says

Everything after the flip is repeated by whoever is told again, and changes nothing then.
"""

from paddock.core.errors import Conflict
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.messages import MachineWarned, WarningKind
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.spec import Market
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import MINUTE, Moment, rfc3339
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.life import NOT_BUSY, Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reruns import Reruns
from paddock.core.usecases.retire import Retire

_STOPPED = MINUTE  # a warned machine stops its job 45 s before it is taken
_RAN = frozenset({JobState.RUNNING, JobState.FINISHED})


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
        self._life = life
        self._clock = clock
        self._record = Recorder(decisions, clock, "interruption")

    def warned(self, message: MachineWarned) -> None:
        """The cloud warns. A machine without a record is tolerated: its own end will tell.

        Raises:
            PaddockError: a store or GitHub did not answer; the message must come back.
        """
        runner = self._runners.get(message.machine)
        if runner is None:
            self._record.machine(message.machine, "unknown_machine", f"a {message.warning} warning of no record here")
            return
        if message.warning is WarningKind.REBALANCE:
            self._record.machine(runner.machine, "rebalance", "the cloud says that it may take it back soon")
            return
        self.taken(runner, message.at, gone=False)

    def taken(self, runner: Runner, at: Moment, *, gone: bool) -> None:
        """The cloud takes the machine at that moment (`gone`: it has)."""
        if runner.market is not Market.SPOT:
            self._record.machine(runner.machine, "taken", "the cloud takes it back, though it is no spot machine")
        runner = self._flipped(runner, at)
        if runner.market is Market.SPOT:
            self._circuits.interrupted(runner, runner.interrupted_at or at)
        job = self._job_on(runner)
        self._relieve(runner, job, gone=gone)
        served = self._job_on(self._runners.get(runner.machine) or runner)
        if gone and served is not None:
            served = self._asked(served)
        if served is not None and served.state in _RAN:
            self._interrupted(served, at, gone=gone)

    def _relieve(self, runner: Runner, job: Job | None, *, gone: bool) -> None:
        """A job that has not begun gets another machine."""
        if not gone and runner.state in NOT_BUSY:
            released = self._retire.unneeded(runner, "the cloud takes it back")
            if released and job is not None:
                self._life.taken(job, _words(runner))
            elif job is not None:
                self._completion.ask(job)  # GitHub would not let go of the runner: it has a job
        elif gone and job is not None and job.state is JobState.LAUNCHED:
            now = self._completion.ask(job)
            if now is None:
                self._life.forgotten(job)
            elif now.status == "queued":
                self._life.taken(job, _words(runner))

    def _flipped(self, runner: Runner, at: Moment) -> Runner:
        """The record with the moment of the interruption, which is written once."""
        if runner.interrupted_at is not None:
            return runner
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

    def _asked(self, job: Job) -> Job | None:
        """The job as GitHub knows it: it may have ended by itself just before its machine was taken."""
        if job.state is JobState.RUNNING and job.result is None:
            self._completion.ask(job)
            return self._jobs.get(job.key)
        return job

    def _interrupted(self, job: Job, at: Moment, *, gone: bool) -> None:
        if gone and job.result is None and not _by_itself(job, at):
            when = JobIs(state=job.state, launch=job.launch, machine=job.machine, result=None)
            try:
                job = self._jobs.update(job.key, when, JobChange(result=OperationalResult.INTERRUPTED))
            except Conflict:
                return  # it said something meanwhile; whoever is told again looks again
            self._record.job(job.id, "interrupted", f"its machine {job.machine} was taken back while it ran")
        self._reruns.suspect(job)


def _by_itself(job: Job, taken: Moment) -> bool:
    """True if the job had ended before its machine was taken, although the machine's own word on it never came."""
    return job.conclusion == "success" or (job.finished_at is not None and job.finished_at < taken - _STOPPED)


def _words(runner: Runner) -> str:
    when = "" if runner.interrupted_at is None else f" at {rfc3339(runner.interrupted_at)}"
    return f"the cloud takes spot machine {runner.machine} ({runner.instance_type} in {runner.zone}) back{when}"
