"""Workflow runs and their jobs: started, taken, completed, cancelled, re-run."""

from collections.abc import Sequence

import attrs

from paddock.adapters.memory.github.dispatcher import Dispatcher
from paddock.adapters.memory.github.registry import Registry
from paddock.adapters.memory.github.scripts import NO_RUNNER_FAULTS, JobScript
from paddock.adapters.memory.github.state import State
from paddock.adapters.memory.github.values import JobRecord, RunRecord, Status, StepRecord
from paddock.core.errors import NotFound, Rejected

RERUNNABLE = frozenset({"failure", "cancelled", "timed_out"})


class Runs:
    """The life of runs and jobs."""

    def __init__(self, state: State, dispatcher: Dispatcher, registry: Registry) -> None:
        self._state, self._dispatcher, self._registry = state, dispatcher, registry
        self._numbers: dict[tuple[str, str], tuple[int, int]] = {}

    def start(
        self,
        repository: str,
        jobs: Sequence[JobScript],
        *,
        workflow: str = "ci",
        event: str = "push",
        head_repository: str | None = None,
        head_branch: str = "main",
        head_sha: str = "",
        title: str = "",
    ) -> RunRecord:
        """Start a run: its jobs are queued (or wait for the approval of their environment) in this order."""
        with self._state.change():
            home = self._state.repository(repository)
            now = self._state.clock.now()
            known = self._numbers.get((home.full_name, workflow))
            workflow_id, number = known or (80_000_000 + len(self._numbers) + 1, 0)
            self._numbers[home.full_name, workflow] = workflow_id, number + 1
            run = RunRecord(
                id=self._state.next_id("run"),
                repository=home.full_name,
                workflow=workflow,
                workflow_id=workflow_id,
                event=event,
                head_repository=home.full_name if head_repository is None else head_repository,
                head_branch=head_branch,
                head_sha=head_sha or (self._state.ids.token() * 2)[:40],
                number=number + 1,
                created_at=now,
                started_at=now,
                updated_at=now,
                title=title,
            )
            self._state.runs[run.id] = run
            self._state.run_event("requested", run)
            self._add(run, jobs)
            return self._state.runs[run.id]

    def _add(self, run: RunRecord, scripts: Sequence[JobScript]) -> None:
        now = self._state.clock.now()
        jobs = [
            JobRecord(
                id=self._state.next_id("job"),
                run_id=run.id,
                attempt=run.attempt,
                repository=run.repository,
                script=script,
                head_sha=run.head_sha,
                head_branch=run.head_branch,
                workflow=run.workflow,
                created_at=now,
                status=Status.WAITING if script.environment else Status.QUEUED,
            )
            for script in scripts
        ]
        self._state.jobs.update((job.id, job) for job in jobs)
        self._state.unfinished.setdefault(run.repository, {}).update(dict.fromkeys(job.id for job in jobs))
        self._state.faulty.update(dict.fromkeys(job.id for job in jobs if job.script.faults.of_registration))
        self._state.put_run(run, jobs=(*run.jobs, *(job.id for job in jobs)))
        for job in jobs:
            if job.status is Status.WAITING:
                self._state.job_event("waiting", job)
            else:
                self._queue(job)

    def _queue(self, job: JobRecord) -> None:
        self._state.job_event("queued", job)
        too_long = self._state.clock.now() + self._state.timings.queue
        self._state.deadlines.set("queue", job.id, too_long, lambda: self._waited_too_long(job.id))
        self._dispatcher.job_queued(job)

    def approve(self, job_id: int) -> None:
        """Let a waiting job go on: it is queued."""
        with self._state.change():
            job = self._state.jobs[job_id]
            if job.status is Status.WAITING:
                self._queue(self._state.put_job(job, status=Status.QUEUED))

    def acquire(self, runner_id: int, job_id: int) -> JobRecord:
        """The runner takes the job it was handed: from now on GitHub will not delete it.

        Raises:
            NotFound: the job is no longer this runner's to take.
        """
        with self._state.change():
            runner, job = self._state.runner(runner_id), self._state.jobs.get(job_id)
            if job is None or job.assigned_to != runner_id or job.status is not Status.QUEUED:
                raise NotFound(f"job {job_id}: not assigned to runner {runner.name}")
            if job.script.faults.ghost:
                # The assignment is lost on GitHub's side: the runner listens on, but nobody knows it any more.
                healed = attrs.evolve(job.script, faults=attrs.evolve(job.script.faults, ghost=False))
                self._registry.forget(runner)
                self._dispatcher.job_queued(self._state.put_job(job, script=healed, assigned_to=None))
                raise NotFound(f"job {job_id}: its assignment is gone")
            self._state.put_runner(runner, acquired=True)
            self._state.deadlines.drop("assignment", job_id)
            self._state.deadlines.drop("queue", job_id)
            return self._state.put_job(job, acquired=True)

    def started(self, runner_id: int, job_id: int) -> JobRecord:
        """The runner's worker runs: the job is in progress."""
        with self._state.change():
            runner, job = self._state.runner(runner_id), self._taken(runner_id, job_id)
            if job.status is not Status.QUEUED:
                return job
            now = self._state.clock.now()
            job = self._state.put_job(
                job,
                status=Status.IN_PROGRESS,
                started_at=now,
                runner_id=runner.id,
                runner_name=runner.name,
                runner_group=runner.group,
                steps=(StepRecord("Set up job", 1, "in_progress", None, now),),
            )
            run = self._state.runs[job.run_id]
            if run.status is Status.QUEUED:
                self._state.run_event("in_progress", self._state.put_run(run, status=Status.IN_PROGRESS))
            self._state.job_event("in_progress", job)
            return job

    def renew(self, runner_id: int, job_id: int) -> JobRecord:
        """Renew the runner's lease of the job; after the first renewal, silence costs it the job.

        Raises:
            NotFound: the runner does not hold this job.
        """
        with self._state.change():
            job, now = self._taken(runner_id, job_id), self._state.clock.now()
            if job.lease_until is None:
                over = now + self._state.timings.lease
                self._state.deadlines.set("lease", job_id, over, lambda: self._lease_over(job_id))
            return self._state.put_job(job, lease_until=now + self._state.timings.lease)

    def complete(
        self, runner_id: int, job_id: int, conclusion: str, *, steps: Sequence[StepRecord] = (), log: str = ""
    ) -> JobRecord:
        """The runner reports the job's end. An ephemeral runner is deleted with it.

        Raises:
            NotFound: the runner does not hold this job (any more).
        """
        with self._state.change():
            job = self._taken(runner_id, job_id)
            if job.status is Status.QUEUED:
                job = self.started(runner_id, job_id)
            return self._conclude(self._state.put_job(job, log=log), conclusion, tuple(steps))

    def lose(self, runner_id: int) -> None:
        """The runner's machine is gone without a word: its job ends when the lease does."""
        with self._state.change():
            runner = self._state.runners.get(runner_id)
            if runner is None:
                return
            if runner.job_id is not None and runner.acquired:
                self.renew(runner_id, runner.job_id)
            self._registry.disconnect(runner_id)

    def cancel(self, repository: str, run_id: int) -> bool:
        """Cancel the run: what waits ends now, what runs is asked to stop. False if the run is completed."""
        with self._state.change():
            run = self._state.run(repository, run_id)
            if run.status is Status.COMPLETED:
                return False
            run = self._state.put_run(run, cancel_requested=True)
            for job_id in run.jobs:
                job = self._state.jobs[job_id]
                if job.conclusion is not None:
                    continue
                if job.acquired:
                    self._cancelling(self._state.put_job(job, cancel_requested=True))
                else:
                    self._withdraw(job)
            return True

    def _cancelling(self, job: JobRecord) -> None:
        runner_id = job.assigned_to
        if runner_id is not None:
            self._state.signal(lambda listener: listener.cancelled(runner_id, job.id))

    def rerun_failed(self, repository: str, run_id: int) -> RunRecord:
        """Re-run the failed and cancelled jobs of a completed run as its next attempt, with new job ids.

        Raises:
            Rejected: the run is not completed, or too old, or nothing failed.
        """
        with self._state.change():
            run, now = self._state.run(repository, run_id), self._state.clock.now()
            if run.status is not Status.COMPLETED:
                raise Rejected(f"run {run_id}: This workflow is already running")
            if run.created_at + self._state.timings.rerun < now:
                raise Rejected(
                    f"run {run_id}: Unable to retry this workflow run because it was created over a month ago"
                )
            failed = [job for job in self.latest(run) if job.conclusion in RERUNNABLE]
            if not failed:
                raise Rejected(f"run {run_id}: This workflow run has no failed jobs")
            run = self._state.put_run(
                run,
                attempt=run.attempt + 1,
                status=Status.QUEUED,
                conclusion=None,
                started_at=now,
                cancel_requested=False,
            )
            self._state.run_event("requested", run)
            self._add(run, [attrs.evolve(job.script, faults=NO_RUNNER_FAULTS) for job in failed])
            return self._state.runs[run.id]

    def latest(self, run: RunRecord) -> list[JobRecord]:
        """The newest attempt of each of the run's jobs (GitHub's ``filter=latest``)."""
        newest = {job.name: job for job in (self._state.jobs[job_id] for job_id in run.jobs)}
        again = {name for name, job in newest.items() if job.attempt == run.attempt}
        return [
            job
            for job in (self._state.jobs[job_id] for job_id in run.jobs)
            if job.attempt == run.attempt or (job.name not in again and job.attempt == newest[job.name].attempt)
        ]

    def _taken(self, runner_id: int, job_id: int) -> JobRecord:
        job = self._state.jobs.get(job_id)
        if job is None or job.assigned_to != runner_id or not job.acquired or job.conclusion is not None:
            raise NotFound(f"job {job_id}: not held by runner {runner_id}")
        return job

    def _withdraw(self, job: JobRecord) -> None:
        """Cancel a job that no runner took."""
        self._dispatcher.job_withdrawn(job)
        runner = None if job.assigned_to is None else self._state.runners.get(job.assigned_to)
        job = self._state.put_job(job, assigned_to=None)
        self._conclude(job, "cancelled", ())
        if runner is not None and runner.online:
            self._dispatcher.runner_idle(self._state.put_runner(runner, job_id=None))

    def _conclude(self, job: JobRecord, conclusion: str, steps: tuple[StepRecord, ...]) -> JobRecord:
        now = self._state.clock.now()
        runner = None if job.assigned_to is None else self._state.runners.get(job.assigned_to)
        job = self._state.put_job(
            job, status=Status.COMPLETED, conclusion=conclusion, completed_at=now, steps=steps or job.steps
        )
        if runner is not None:
            if runner.ephemeral:
                self._registry.forget(runner)
            else:
                runner = self._state.put_runner(runner, job_id=None, acquired=False)
                if runner.online:
                    self._dispatcher.runner_idle(runner)
        self._state.job_event("completed", job)
        for kind in ("queue", "assignment", "lease"):
            self._state.deadlines.drop(kind, job.id)
        self._state.unfinished.get(job.repository, {}).pop(job.id, None)
        self._state.faulty.pop(job.id, None)
        run = self._state.runs[job.run_id]
        if any(self._state.jobs[other].conclusion is None for other in reversed(run.jobs)):
            return job
        conclusions = [other.conclusion for other in self.latest(run)]
        if None not in conclusions:
            run = self._state.put_run(run, status=Status.COMPLETED, conclusion=_overall(conclusions))
            self._state.run_event("completed", run)
        return job

    def _waited_too_long(self, job_id: int) -> None:
        job = self._state.jobs[job_id]
        if job.status is Status.QUEUED and not job.acquired:
            self._withdraw(job)

    def _lease_over(self, job_id: int) -> None:
        job = self._state.jobs[job_id]
        if job.conclusion is not None or job.lease_until is None:
            return
        if job.lease_until > self._state.clock.now():
            self._state.deadlines.set("lease", job_id, job.lease_until, lambda: self._lease_over(job_id))
            return
        self._conclude(job, "cancelled" if job.cancel_requested else job.script.lost_conclusion, ())


def _overall(conclusions: Sequence[str | None]) -> str:
    for worst in ("failure", "timed_out", "cancelled"):
        if worst in conclusions:
            return "failure" if worst == "timed_out" else worst
    return "success"
