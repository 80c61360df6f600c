"""The machine's word: what its agent reports, in any order, any number of times.

It decides how *we* did with a job; whom the machine served and how that ended is GitHub's word (`completion`), which is
asked where it is wanting.
"""

from paddock.core.errors import Conflict, Unavailable
from paddock.core.job import JobChange, JobIs
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.states import LIVE_JOBS, JobState, OperationalResult, RunnerState
from paddock.core.usecases.completion import ATTEMPTS, Completion
from paddock.core.usecases.life import NOT_BUSY, Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.retire import BEFORE_DRAINING
from paddock.core.usecases.shortcuts import Shortcuts
from paddock.core.usecases.signs import Signs


class MachineWord:
    """Writes down what machines report, and closes what their runners finished."""

    def __init__(self, *, table: Table, completion: Completion, life: Life, decisions: Decisions, clock: Clock) -> None:
        self._shortcuts = Shortcuts(table=table, decisions=decisions, clock=clock)
        self._signs = Signs(table=table, decisions=decisions, clock=clock)
        self._jobs = table.jobs
        self._runners = table.runners
        self._completion = completion
        self._life = life
        self._record = Recorder(decisions, clock, "completion")

    def __call__(self, report: RunnerReported) -> None:
        """Handle one report. Repeating it changes nothing.

        Raises:
            PaddockError: a store or GitHub did not answer; the report must come back.
        """
        if report.event is ReportEvent.FINISHED and self._shortcuts.finished(report):
            return
        runner = self._runners.get(report.machine)
        if runner is None:
            self._record.machine(report.machine, "unknown_machine", f"a machine without a record says {report.event}")
            return
        match report.event:
            case ReportEvent.READY:
                self._signs.ready(runner, self._signs.believed(report.at, runner))
            case ReportEvent.HEARTBEAT:
                self._signs.alive(runner, self._signs.believed(report.at, runner))
            case ReportEvent.STARTED:
                self._started(runner, report)
            case ReportEvent.FINISHED:
                self._finished(self._drained(runner, report, report.result or OperationalResult.SERVED), report)
            case ReportEvent.FAILED_TO_START:
                self._failed_to_start(self._drained(runner, report, OperationalResult.FAILED_TO_START), report)

    def _started(self, runner: Runner, report: RunnerReported) -> None:
        """The machine runs *some* job of its labels; which one is GitHub's word to say."""
        if report.ready_at is not None and runner.ready_at is None and runner.gone_at is None:
            change = RunnerChange(ready_at=self._signs.believed(report.ready_at, runner))
            try:
                runner = self._runners.update(runner.key, RunnerIs(gone_at=None), change)
            except Conflict:
                return  # it is gone, and its bill may be written: its times stand fast
        if runner.state in NOT_BUSY:
            self._life.busy(runner, None, self._signs.believed(report.started_at or report.at, runner))
            self._record.machine(runner.machine, "busy", f"its runner started {report.job_name or 'a job'}")

    def _drained(self, runner: Runner, report: RunnerReported, result: OperationalResult) -> Runner:
        """The machine's work is over, whatever it was. A machine ends once: only its first word on that counts."""
        for _ in range(ATTEMPTS):
            if runner.result is not None:
                return runner
            change = RunnerChange(result=result, reason=report.reason or runner.reason)
            if runner.gone_at is None:  # the bill of one that is gone is written: its times stand fast
                if runner.ready_at is None and report.ready_at is not None:
                    change["ready_at"] = self._signs.believed(report.ready_at, runner)
                if runner.state in BEFORE_DRAINING:
                    ended = self._signs.believed(report.finished_at or report.at, runner)
                    change.update(RunnerChange(state=RunnerState.DRAINING, idle_at=ended))
                    if runner.busy_at is None and report.started_at is not None:
                        change["busy_at"] = self._signs.believed(report.started_at, runner)
                if report.disk_used is not None:
                    change["disk_used"] = report.disk_used
            try:
                return self._runners.update(runner.key, RunnerIs(state=runner.state, gone_at=runner.gone_at), change)
            except Conflict as conflict:
                if not isinstance(conflict.current, Runner):
                    raise
                runner = conflict.current
        raise Unavailable(f"the record of machine {runner.machine} does not keep still")

    def _finished(self, runner: Runner, report: RunnerReported) -> None:
        self._record.machine(runner.machine, "finished", f"its runner reports {report.conclusion or 'no conclusion'}")
        served = runner.served_job if runner.served_job is not None else self._whom(runner, report)
        for _ in range(ATTEMPTS):
            job = None if served is None else self._jobs.get(str(served))
            if job is None or job.machine != runner.machine:
                return
            change = JobChange(result=runner.result)
            conclusion = job.conclusion or report.conclusion
            if job.state in LIVE_JOBS and conclusion is not None:
                change.update(JobChange(state=JobState.FINISHED, conclusion=conclusion, reason=report.reason))
                change["finished_at"] = self._signs.believed(report.finished_at or report.at, runner)
                if job.started_at is None and report.started_at is not None:
                    change["started_at"] = self._signs.believed(report.started_at, runner)
            elif job.result is not None or job.state not in {JobState.RUNNING, JobState.FINISHED}:
                return
            try:
                job = self._jobs.update(
                    job.key, JobIs(state=job.state, launch=job.launch, machine=runner.machine), change
                )
            except Conflict:
                continue
            verdict = "served" if report.result is OperationalResult.SERVED else str(report.result or "finished")
            reason = f"machine {runner.machine} reports {report.conclusion or 'no conclusion'}"
            self._record.job(job.id, verdict, f"{reason}{f' ({report.reason})' if report.reason else ''}")
            if job.live:
                self._completion.ask(job)  # how it ended, only GitHub can say
            return
        raise Unavailable(f"the record of job {served} does not keep still")

    def _whom(self, runner: Runner, report: RunnerReported) -> int | None:
        """GitHub has not said whom the machine served: ask, because its own job may be another's or nobody's."""
        job = None if runner.assigned_job is None else self._jobs.get(str(runner.assigned_job))
        if job is None:
            return None
        now = self._completion.ask(job)
        if now is not None and now.status == "queued" and job.state is JobState.LAUNCHED:
            if job.machine == runner.machine:  # else it has another machine by now, which says nothing of this one
                self._completion.not_served(job, runner)
            return None
        return job.id if now is not None and now.runner_name == report.runner_name else None

    def _failed_to_start(self, runner: Runner, report: RunnerReported) -> None:
        why = ": ".join(part for part in (report.reason, report.detail) if part) or "it gave no reason"
        self._record.machine(runner.machine, "failed_to_start", why)
        if runner.assigned_job is not None:
            self._completion.launch_lost(
                runner.assigned_job, runner.machine, report.reason or "its machine failed to start"
            )
