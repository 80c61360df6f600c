"""Who gets which job: any idle online runner whose labels are a superset, in any order, by chance.

A runner is label capacity: nothing binds it to the job it was launched for.
"""

from paddock.adapters.memory.github.state import State
from paddock.adapters.memory.github.values import JobRecord, RunnerRecord
from paddock.core.ports.github import Scope

_Waiting = dict[frozenset[str], dict[int, None]]  # ids by their label set, in the order in which they came

_NOBODY: _Waiting = {}


def in_scope(scope: Scope, repository: str) -> bool:
    """True if a runner registered there serves this repository."""
    return str(scope).casefold() in {repository.casefold(), repository.partition("/")[0].casefold()}


class Dispatcher:
    """Hands queued jobs to idle runners.

    Both sides are kept by where they belong and by label set, so that a match costs few comparisons: jobs by owner and
    repository, runners by their scope.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._queued: dict[str, dict[str, _Waiting]] = {}
        self._idle: dict[str, _Waiting] = {}

    def job_queued(self, job: JobRecord) -> None:
        """A job waits: hand it to one of the idle runners that fit, or keep it."""
        repository, wanted = job.repository.casefold(), job.wanted
        owner = repository.partition("/")[0]
        candidates = [
            runner_id
            for scope in (repository, owner)
            for offered, runners in self._idle.get(scope, _NOBODY).items()
            if wanted <= offered
            for runner_id in runners
        ]
        if candidates:
            self._assign(job, self._state.runners[candidates[self._state.chance.below(len(candidates))]])
        else:
            self._queued.setdefault(owner, {}).setdefault(repository, {}).setdefault(wanted, {})[job.id] = None

    def job_withdrawn(self, job: JobRecord) -> None:
        """The job no longer waits."""
        repository = job.repository.casefold()
        repositories = self._queued.get(repository.partition("/")[0])
        waiting = None if repositories is None else repositories.get(repository)
        if repositories is not None and waiting is not None:
            _discard(waiting, job.wanted, job.id)
            if not waiting:
                del repositories[repository]

    def runner_idle(self, runner: RunnerRecord) -> None:
        """A runner listens: hand it one of the queued jobs that fit, or keep it."""
        scope, offered = str(runner.scope).casefold(), runner.offered
        repositories = self._queued.get(scope.partition("/")[0], {})
        here = [repositories.get(scope, _NOBODY)] if runner.scope.name else list(repositories.values())
        candidates = [
            job_id for waiting in here for wanted, jobs in waiting.items() if wanted <= offered for job_id in jobs
        ]
        if candidates:
            job = self._state.jobs[candidates[self._state.chance.below(len(candidates))]]
            self.job_withdrawn(job)
            self._assign(job, runner)
        else:
            self._idle.setdefault(scope, {}).setdefault(offered, {})[runner.id] = None

    def runner_withdrawn(self, runner: RunnerRecord) -> None:
        """The runner no longer listens."""
        scope = str(runner.scope).casefold()
        waiting = self._idle.get(scope)
        if waiting is not None:
            _discard(waiting, runner.offered, runner.id)
            if not waiting:
                del self._idle[scope]

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


def _discard(waiting: _Waiting, labels: frozenset[str], number: int) -> None:
    ids = waiting.get(labels)
    if ids is not None:
        ids.pop(number, None)
        if not ids:
            del waiting[labels]
