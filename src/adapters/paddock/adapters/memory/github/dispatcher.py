"""Who gets which job: any idle online runner whose labels are a superset, in any order, by chance.

A runner is label capacity: nothing binds it to the job it was launched for.
"""

from paddock.adapters.memory.github.state import State
from paddock.adapters.memory.github.values import JobRecord, RunnerRecord
from paddock.core.ports.github import Scope

_Key = tuple[str, frozenset[str]]


def in_scope(scope: Scope, repository: str) -> bool:
    """True if a runner registered there serves this repository."""
    return str(scope).casefold() in {repository.casefold(), repository.partition("/")[0].casefold()}


class Dispatcher:
    """Hands queued jobs to idle runners. Both sides are kept by label set, so that a match costs few comparisons."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._queued: dict[_Key, dict[int, None]] = {}
        self._idle: dict[_Key, dict[int, None]] = {}

    def job_queued(self, job: JobRecord) -> None:
        """A job waits: hand it to one of the idle runners that fit, or keep it."""
        candidates = [
            runner_id
            for (scope, offered), runners in self._idle.items()
            if job.wanted <= offered and scope in _scopes_of(job.repository)
            for runner_id in runners
        ]
        if candidates:
            self._assign(job, self._state.runners[candidates[self._state.chance.below(len(candidates))]])
        else:
            self._queued.setdefault((job.repository.casefold(), job.wanted), {})[job.id] = None

    def job_withdrawn(self, job: JobRecord) -> None:
        """The job no longer waits."""
        _discard(self._queued, (job.repository.casefold(), job.wanted), job.id)

    def runner_idle(self, runner: RunnerRecord) -> None:
        """A runner listens: hand it one of the queued jobs that fit, or keep it."""
        candidates = [
            job_id
            for (repository, wanted), jobs in self._queued.items()
            if wanted <= runner.offered and in_scope(runner.scope, repository)
            for job_id in jobs
        ]
        if candidates:
            job = self._state.jobs[candidates[self._state.chance.below(len(candidates))]]
            self.job_withdrawn(job)
            self._assign(job, runner)
        else:
            self._idle.setdefault((str(runner.scope).casefold(), runner.offered), {})[runner.id] = None

    def runner_withdrawn(self, runner: RunnerRecord) -> None:
        """The runner no longer listens."""
        _discard(self._idle, (str(runner.scope).casefold(), runner.offered), runner.id)

    def release(self, runner: RunnerRecord) -> None:
        """Take back a job that the runner was handed and never took: it waits again."""
        job = None if runner.job_id is None else self._state.jobs.get(runner.job_id)
        if job is None or job.assigned_to != runner.id or job.acquired:
            return
        if runner.id in self._state.runners:
            self._state.put_runner(runner, job_id=None)
        job = self._state.put_job(job, assigned_to=None)
        if job.dispatchable:
            self.job_queued(job)

    def _assign(self, job: JobRecord, runner: RunnerRecord) -> None:
        self.runner_withdrawn(runner)
        self._state.put_job(job, assigned_to=runner.id)
        self._state.put_runner(runner, job_id=job.id)
        overdue = self._state.clock.now() + self._state.timings.assignment
        self._state.deadlines.set("assignment", job.id, overdue, lambda: self._overdue(job.id, runner.id))
        self._state.signal(lambda listener: listener.assigned(runner.id, job.id))

    def _overdue(self, job_id: int, runner_id: int) -> None:
        # The runner was handed the job and never took it: it is dead, and nobody but the clock can tell.
        runner, job = self._state.runners.get(runner_id), self._state.jobs.get(job_id)
        if job is None or job.assigned_to != runner_id or job.acquired or job.conclusion is not None:
            return
        if runner is not None and runner.job_id == job_id:
            runner = self._state.put_runner(runner, session=None)
            self.release(runner)
            return
        job = self._state.put_job(job, assigned_to=None)
        self.job_queued(job)


def _scopes_of(repository: str) -> tuple[str, str]:
    folded = repository.casefold()
    return folded, folded.partition("/")[0]


def _discard(index: dict[_Key, dict[int, None]], key: _Key, number: int) -> None:
    bucket = index.get(key)
    if bucket is not None:
        bucket.pop(number, None)
        if not bucket:
            del index[key]
