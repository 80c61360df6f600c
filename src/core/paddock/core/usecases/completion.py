"""Completion: what machines report and what GitHub says, in any order, any number of times, from anybody.

Two witnesses tell of every job. GitHub's word decides which machine served it and how it ended; the machine's word
decides how *we* did. Each closes the record if it comes first, and completes it if it comes second.
"""

import attrs

from paddock.core.errors import Conflict, NotFound, Unavailable
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.messages import (
    JobObserved,
    Observed,
    ReportEvent,
    RunnerReported,
    within_its_second,
)
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, GitHubJob
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.states import ENDED_JOBS, LIVE_JOBS, JobState, OperationalResult, RunnerState
from paddock.core.usecases.life import NOT_BUSY, WAITING_OR_LAUNCHED, Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.retire import BEFORE_DRAINING, Retire
from paddock.core.usecases.shortcuts import SUCCESS, Shortcuts
from paddock.core.usecases.signs import Signs

_WORKED = frozenset({OperationalResult.SERVED, OperationalResult.INTERRUPTED, OperationalResult.TIMED_OUT})
_ATTEMPTS = 4  # a conditional write that loses is decided anew on what stands there


class Completion:
    """Closes what is finished, and learns who served whom."""

    def __init__(
        self,
        *,
        table: Table,
        github: GitHub,
        life: Life,
        retire: Retire,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._shortcuts = Shortcuts(table=table, decisions=decisions, clock=clock)
        self._signs = Signs(table=table, decisions=decisions, clock=clock)
        self._jobs = table.jobs
        self._runners = table.runners
        self._workflows = github.workflows
        self._life = life
        self._retire = retire
        self._clock = clock
        self._record = Recorder(decisions, clock, "completion")

    def __call__(self, message: JobObserved | RunnerReported) -> None:
        """Handle one message. Repeating it changes nothing.

        Raises:
            PaddockError: a store or GitHub did not answer; the message must come back.
        """
        match message:
            case JobObserved(status=Observed.IN_PROGRESS):
                self.in_progress(message)
            case JobObserved():
                self.completed(message)
            case RunnerReported():
                self._reported(message)

    # -- GitHub's word ------------------------------------------------------------------------------------------

    def in_progress(self, seen: JobObserved) -> None:
        """GitHub gave the job to a runner."""
        if self._shortcuts.started(seen):
            return
        for _ in range(_ATTEMPTS):
            job = self._known(seen)
            if job.state not in WAITING_OR_LAUNCHED:
                # Known already; but the machine's side of it may have been cut off, or the job was given up too soon.
                self._life.began(job, seen.began)
                self._life.pair(seen, job)
                return
            if self._life.started(seen, job) is not None:
                return
        raise _restless(job)

    def completed(self, seen: JobObserved) -> None:
        """GitHub concluded the job."""
        if self._shortcuts.completed(seen):
            return
        for _ in range(_ATTEMPTS):
            job = self._known(seen)
            if seen.runner_name and job.state in WAITING_OR_LAUNCHED:
                self._life.started(seen, job)
            elif self._conclude(seen, job):
                return
        raise _restless(job)

    def ask(self, job: Job) -> GitHubJob | None:
        """Ask GitHub what became of the job, and act on the answer; None if GitHub does not know the job."""
        try:
            now = self._workflows.job(job.facts.repository, job.id)
        except NotFound:
            return None
        self._life.found(job)
        self.seen(now)
        return now

    def seen(self, now: GitHubJob) -> None:
        """Act on what GitHub shows of a job, as on its webhook; nothing if the job waits in its queue."""
        if now.status in set(Observed):
            self(
                JobObserved(
                    job=now.facts,
                    status=Observed(now.status),
                    received_at=self._clock.now(),
                    conclusion=now.conclusion,
                    runner_id=now.runner_id,
                    runner_name=now.runner_name,
                    started_at=now.started_at,
                    completed_at=now.completed_at,
                )
            )

    def _known(self, seen: JobObserved) -> Job:
        """The job's record, made now if this message overtook the one that queued it."""
        job = Job(seen.job, received_at=seen.received_at)
        current = self._jobs.get(job.key)
        if current is not None:
            return current
        if self._jobs.add(job):
            self._record.job(job.id, "early", f"GitHub said {seen.status} before its queued event arrived")
            return job
        return self._jobs.get(job.key) or job

    def _conclude(self, seen: JobObserved, job: Job) -> bool:
        """Write GitHub's conclusion; False if the record changed meanwhile."""
        if job.state in ENDED_JOBS:
            self._release(job)
            return self._correct(seen, job)
        ran = job.state is JobState.RUNNING
        never_ran = not ran and seen.conclusion == "cancelled"
        change = JobChange(
            state=JobState.CANCELLED if never_ran else JobState.FINISHED,
            conclusion=seen.conclusion,
            finished_at=seen.ended,
            lease_until=0,
            reason="GitHub cancelled it before it started" if never_ran else "",
        )
        if ran and seen.started_at is not None and job.started_at is not None:
            change["started_at"] = within_its_second(seen.started_at, job.started_at)
        served = ran and job.machine is not None and seen.conclusion == SUCCESS and job.result is None
        if served:
            change["result"] = OperationalResult.SERVED
        when = JobIs(state=job.state, launch=job.launch, machine=job.machine, result=job.result)
        try:
            ended = self._jobs.update(job.key, when, change)
        except Conflict:
            return False
        verdict = "cancelled" if never_ran else "finished"
        why = f"GitHub concluded it: {seen.conclusion}"
        self._record.job(job.id, verdict, why, runner=seen.runner_name, conclusion=seen.conclusion, ran=ended.duration)
        if served:
            self._record.job(job.id, "served", f"on machine {job.machine}")
            self._shortcuts.drained(seen)
        if not ran:
            self._release(attrs.evolve(job, conclusion=seen.conclusion))
        return True

    def _release(self, job: Job) -> None:
        """The job ended without having run: its machine is needed no longer."""
        runner = None if job.started_at is not None or job.machine is None else self._runners.get(job.machine)
        if runner is not None and runner.assigned_job == job.id:
            how = job.conclusion or "given up"
            self._retire.unneeded(runner, f"job {job.id}, for which it was started, was {how}")

    def _correct(self, seen: JobObserved, job: Job) -> bool:
        """GitHub's conclusion stands above the runner's, which calls an interrupted job cancelled.

        Of a job that was given up it says that nobody waits for it any more.
        """
        open_to_it = job.state in {JobState.FINISHED, JobState.ABANDONED}
        if not open_to_it or seen.conclusion is None or job.conclusion == seen.conclusion:
            return True
        try:
            self._jobs.update(
                job.key,
                JobIs(state=job.state, conclusion=job.conclusion),
                JobChange(conclusion=seen.conclusion),
            )
        except Conflict:
            return False
        if job.conclusion is not None:
            reason = f"GitHub concluded {seen.conclusion}, the runner had said {job.conclusion}"
            self._record.job(job.id, "corrected", reason)
        return True

    # -- the machine's word -------------------------------------------------------------------------------------

    def _reported(self, report: RunnerReported) -> None:
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
        for _ in range(_ATTEMPTS):
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
        for _ in range(_ATTEMPTS):
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
                self.ask(job)  # how it ended, only GitHub can say
            return
        raise Unavailable(f"the record of job {served} does not keep still")

    def _whom(self, runner: Runner, report: RunnerReported) -> int | None:
        """GitHub has not said whom the machine served: ask, because its own job may be another's or nobody's."""
        job = None if runner.assigned_job is None else self._jobs.get(str(runner.assigned_job))
        if job is None:
            return None
        now = self.ask(job)
        if now is not None and now.status == "queued" and job.state is JobState.LAUNCHED:
            if job.machine == runner.machine:  # else it has another machine by now, which says nothing of this one
                self.not_served(job, runner)
            return None
        return job.id if now is not None and now.runner_name == report.runner_name else None

    def _failed_to_start(self, runner: Runner, report: RunnerReported) -> None:
        why = ": ".join(part for part in (report.reason, report.detail) if part) or "it gave no reason"
        self._record.machine(runner.machine, "failed_to_start", why)
        if runner.assigned_job is not None:
            self.launch_lost(runner.assigned_job, runner.machine, report.reason or "its machine failed to start")

    def launch_lost(self, job_id: int, machine: str, reason: str) -> None:
        """The machine launched for the job will not serve it. GitHub is asked first: another may have served it."""
        job = self._jobs.get(str(job_id))
        if job is None or job.state is not JobState.LAUNCHED or job.machine != machine:
            return
        now = self.ask(job)
        if now is None:
            self._life.forgotten(job)
        if now is None or now.status in set(Observed):
            return
        runner = self._runners.get(machine)
        if runner is not None and runner.served_job != job_id and (runner.served_job is not None or _worked(runner)):
            self._life.displaced(job, runner.served_job)
        else:
            self._lost(job, runner, reason)

    def not_served(self, job: Job, runner: Runner) -> None:
        """GitHub still has the job in its queue, and its machine has worked: for another job, or for nobody."""
        if _worked(runner):
            self._life.displaced(job, runner.served_job)
        else:
            self._lost(job, runner, runner.reason or "its machine ended without a job")

    def _lost(self, job: Job, runner: Runner | None, reason: str) -> None:
        """The job's machine served nobody. If the cloud takes it, that is why, however late the job came to it."""
        if runner is not None and runner.interrupted_at is not None:
            self._life.taken(job, reason)
        else:
            self._life.launch_failed(job, reason)


def _worked(runner: Runner) -> bool:
    """True if the machine has run a job, whosever it was."""
    return runner.busy_at is not None and (runner.served_job is not None or runner.result in {None, *_WORKED})


def _restless(job: Job) -> Unavailable:
    return Unavailable(f"the record of job {job.id} does not keep still")
