"""What nearly always happens, in one request: written blindly, on the condition that all is as it nearly always is.

Where it is not, nothing is written, False comes back, and the long way is gone: read, decide, write one by one. So a
shortcut knows no exceptions and heals nothing. It may do less than the long way, but never other things.

::

    GitHub: in progress ──> job launched, machine idle ──> job running, machine busy and meant for it
    GitHub: completed   ──> job running                ──> job finished, and served if it succeeded;
                            machine busy with it           then its machine drains
    machine: finished   ──> machine busy               ──> machine draining; and job served, if it failed by itself

Which machine was launched for the job does not matter: a runner is label capacity. The job that this one was meant for
runs elsewhere in a moment, or the sweep finds it a machine.
"""

from paddock.core.job import JobChange, JobIs
from paddock.core.messages import JobObserved, RunnerReported
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.ports.together import Update
from paddock.core.records import JOBS, RUNNERS
from paddock.core.runner import RunnerChange, RunnerIs, machine_of
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import MINUTE, Moment
from paddock.core.usecases.record import Recorder

_IDLE = frozenset({RunnerState.BOOTING, RunnerState.READY})
_RAN = frozenset({JobState.RUNNING, JobState.FINISHED})
SUCCESS = "success"  # then nobody interrupted the job, and its machine need not say so
_LATE = 5 * MINUTE  # a machine whose clock says that this is how long ago it finished is looked at more closely


class Shortcuts:
    """For what GitHub and machines say when all goes well."""

    def __init__(self, *, table: Table, decisions: Decisions, clock: Clock) -> None:
        self._together = table.together
        self._clock = clock
        self._life = Recorder(decisions, clock, "life")
        self._completion = Recorder(decisions, clock, "completion")

    def started(self, seen: JobObserved) -> bool:
        """GitHub gave the job to a runner that had none. True if that was all, and is written down."""
        machine = machine_of(seen.runner_name)
        if machine is None:
            return False
        number = seen.job.job_id
        works = Update(
            RUNNERS,
            machine,
            RunnerIs(state=_IDLE, served_job=None, gone_at=None),
            RunnerChange(
                state=RunnerState.BUSY,
                busy_at=seen.began,
                served_job=number,
                assigned_job=number,
                repository=seen.job.repository,
                workflow=seen.job.workflow,
            ),
        )
        runs = Update(
            JOBS,
            str(number),
            JobIs(state=JobState.LAUNCHED, result=None),
            JobChange(
                state=JobState.RUNNING,
                machine=machine,
                runner_name=seen.runner_name,
                started_at=seen.began,
                lease_until=0,
                reason="",
            ),
        )
        if not self._together.write([works, runs]):
            return False
        why, waited = f"GitHub gave it to runner {seen.runner_name}", max(0, seen.began - seen.job.created_at)
        self._life.job(number, "running", why, machine=machine, waited=waited)
        return True

    def completed(self, seen: JobObserved) -> bool:
        """GitHub concluded a job that ran where we know it to. True if that was all, and is written down."""
        machine = machine_of(seen.runner_name)
        if machine is None:
            return False
        number = seen.job.job_id
        when = JobIs(state=JobState.RUNNING, machine=machine)
        change = JobChange(state=JobState.FINISHED, conclusion=seen.conclusion, finished_at=seen.ended, lease_until=0)
        if seen.conclusion == SUCCESS:
            when.update(JobIs(result=None))
            change.update(JobChange(result=OperationalResult.SERVED))
        over = Update(JOBS, str(number), when, change)
        drained = seen.conclusion == SUCCESS and self._together.write([over, _drains(machine, seen)])
        # A machine that has told of its end itself, or is taken back, keeps its own word on that.
        if not drained and not self._together.write([over]):
            return False
        reason = f"GitHub concluded it: {seen.conclusion}"
        ran = None if seen.started_at is None else max(0, seen.ended - seen.started_at)
        facts = {"conclusion": seen.conclusion, "ran": ran}
        self._completion.job(number, "finished", reason, runner=seen.runner_name, **facts)
        if seen.conclusion == SUCCESS:
            self._completion.job(number, "served", f"on machine {machine}")
        if drained:
            self._completion.machine(machine, "draining", f"GitHub says that its job {number} succeeded")
        return True

    def drained(self, seen: JobObserved) -> bool:
        """The same for the machine alone, where its job's end took the long way; if it is not, its end is looked at."""
        machine = machine_of(seen.runner_name)
        return machine is not None and self._together.write([_drains(machine, seen)])

    def finished(self, report: RunnerReported) -> bool:
        """The machine has done its job. True if that was all, and is written down."""
        ended = self._ended(report)
        if ended is None or report.conclusion is None or report.reason or report.interrupted_by is not None:
            return False
        ready = None if report.ready_at is None else min(report.ready_at, self._clock.now())
        if ready is None:
            return self._finished(report, ended, RunnerIs(), RunnerChange())
        # One that was claimed was ready before there was a job for it, and that is when its boot was over.
        new = self._finished(report, ended, RunnerIs(claim=None), RunnerChange(ready_at=ready))
        return new or self._finished(report, ended, RunnerIs(), RunnerChange())

    def _finished(self, report: RunnerReported, ended: Moment, also: RunnerIs, more: RunnerChange) -> bool:
        machine, served = report.machine, OperationalResult.SERVED
        drains = RunnerChange(state=RunnerState.DRAINING, result=served, idle_at=ended)
        drains.update(more)
        when = RunnerIs(state=RunnerState.BUSY, interrupted_at=None, gone_at=None)
        when.update(also)
        if report.conclusion == SUCCESS:  # GitHub's word on that closes the job, whichever it was
            if not self._together.write([Update(RUNNERS, machine, when, drains)]):
                return False
            self._completion.machine(machine, "finished", f"its runner reports {report.conclusion}")
            return True
        when.update(RunnerIs(served_job=report.job_id))
        done = Update(RUNNERS, machine, when, drains)
        # Whether GitHub has concluded the job by now or not: that is its word to say, and it comes within seconds.
        over = Update(
            JOBS,
            str(report.job_id),
            JobIs(state=_RAN, machine=machine, launch=report.launch, result=None),
            JobChange(result=served),
        )
        if not self._together.write([done, over]):
            return False
        self._completion.machine(machine, "finished", f"its runner reports {report.conclusion}")
        self._completion.job(report.job_id, "served", f"machine {machine} reports {report.conclusion}")
        return True

    def _ended(self, report: RunnerReported) -> Moment | None:
        """When it finished, by its own clock; None if that cannot be believed unseen."""
        if report.result not in {None, OperationalResult.SERVED}:
            return None
        ended, now = report.finished_at or report.at, self._clock.now()
        return min(ended, now) if now - ended <= _LATE else None


def _drains(machine: str, seen: JobObserved) -> Update:
    """The machine of a job that succeeded has done its work: on AWS it need not say so itself."""
    when = RunnerIs(state=RunnerState.BUSY, served_job=seen.job.job_id, result=None, interrupted_at=None, gone_at=None)
    change = RunnerChange(state=RunnerState.DRAINING, result=OperationalResult.SERVED, idle_at=seen.ended)
    return Update(RUNNERS, machine, when, change)
