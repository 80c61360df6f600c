"""Completion: what GitHub says of jobs, in any order, any number of times; it is asked of jobs without a machine.

Two witnesses tell of every job. GitHub's word decides which machine served it and how it ended; the machine's word, in
`machine_word`, decides how *we* did. Each closes the record if it comes first, and completes it if it comes second.
"""

import attrs

from paddock.core.errors import Conflict, NotFound, Unavailable
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.messages import (
    JobObserved,
    Observed,
    within_its_second,
)
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, GitHubJob
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.states import ENDED_JOBS, JobState, OperationalResult
from paddock.core.usecases.life import WAITING_OR_LAUNCHED, Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.retire import Retire
from paddock.core.usecases.shortcuts import SUCCESS, Shortcuts

_WORKED = frozenset({OperationalResult.SERVED, OperationalResult.INTERRUPTED, OperationalResult.TIMED_OUT})
ATTEMPTS = 4  # a conditional write that loses is decided anew on what stands there


class Completion:
    """Closes what GitHub has concluded, and learns who served whom."""

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
        self._jobs = table.jobs
        self._runners = table.runners
        self._workflows = github.workflows
        self._life = life
        self._retire = retire
        self._clock = clock
        self._record = Recorder(decisions, clock, "completion")

    def __call__(self, message: JobObserved) -> None:
        """Handle one message. Repeating it changes nothing.

        Raises:
            PaddockError: a store or GitHub did not answer; the message must come back.
        """
        if message.status is Observed.IN_PROGRESS:
            self.in_progress(message)
        else:
            self.completed(message)

    def in_progress(self, seen: JobObserved) -> None:
        """GitHub gave the job to a runner."""
        if self._shortcuts.started(seen):
            return
        for _ in range(ATTEMPTS):
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
        for _ in range(ATTEMPTS):
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

    # -- jobs whose machines did not serve them -----------------------------------------------------------------

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
