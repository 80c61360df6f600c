"""The GitHub ports on the in-memory model, one small class per port."""

from collections.abc import Iterator, Sequence

from paddock.adapters.memory.github.model import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord, RunnerRecord, RunRecord, Status
from paddock.core.errors import NotFound, Rejected
from paddock.core.job import JobFacts
from paddock.core.messages import Registration, RunnerPackage
from paddock.core.ports.github import GitHubJob, HookDelivery, JitConfig, RegisteredRunner, Scope, WorkflowRun
from paddock.core.settings import DEFAULT_GROUP
from paddock.core.spec import Arch
from paddock.core.units import Moment

INSTALLATION_ID = 12_345_678
WEB = "https://github.com"


class MemoryRunners:
    """Runner registrations."""

    def __init__(self, model: MemoryGitHub) -> None:
        self._model = model

    def jit_config(self, scope: Scope, name: str, labels: Sequence[str], group: int) -> JitConfig:
        """Register an ephemeral runner."""
        runner = self._model.runners.register(scope, name, labels, group=group)
        return JitConfig(runner.id, runner.name, self._model.jit_config(runner))

    def registration(self, scope: Scope, group: int) -> Registration:
        """A fresh token for any number of registrations."""
        with self._model.state.change():
            scope = self._model.state.check_scope(scope)
            named = {} if scope.name else self._model.runners.groups(scope.owner)
            if group != DEFAULT_GROUP and group not in named:
                raise Rejected(f"runner_group_id = {group}: {scope} has no such runner group")
            name = "" if group == DEFAULT_GROUP else named[group]
            return Registration(f"{WEB}/{scope}", self._model.state.ids.token().upper(), name)

    def named(self, scope: Scope, name: str) -> RegisteredRunner | None:
        """The runner of this name, or None."""
        return next((runner for runner in self.registered(scope) if runner.name == name), None)

    def get(self, scope: Scope, runner_id: int) -> RegisteredRunner | None:
        """The runner, or None."""
        with self._model.state.change():
            runner = self._in(scope, runner_id)
            return None if runner is None else _runner(runner)

    def registered(self, scope: Scope) -> Iterator[RegisteredRunner]:
        """All runners of the scope."""
        with self._model.state.change():
            scope = self._model.state.check_scope(scope)
            found = [_runner(runner) for runner in self._model.state.runners.values() if runner.scope == scope]
        yield from found

    def delete(self, scope: Scope, runner_id: int) -> bool:
        """Remove the registration."""
        with self._model.state.change():
            return self._in(scope, runner_id) is not None and self._model.runners.delete(runner_id)

    def _in(self, scope: Scope, runner_id: int) -> RunnerRecord | None:
        scope = self._model.state.check_scope(scope)
        runner = self._model.state.runners.get(runner_id)
        return runner if runner is not None and runner.scope == scope else None


class MemoryWorkflows:
    """Jobs and runs."""

    def __init__(self, model: MemoryGitHub) -> None:
        self._model = model

    def job(self, repository: str, job_id: int) -> GitHubJob:
        """The job as it is now."""
        with self._model.state.change():
            return self._job(self._model.state.job(repository, job_id))

    def run(self, repository: str, run_id: int) -> WorkflowRun:
        """The run as it is now."""
        with self._model.state.change():
            return _run(self._model.state.run(repository, run_id))

    def newest_run(self, repository: str, workflow_id: int, branch: str) -> WorkflowRun | None:
        """The newest run of the workflow on the branch, or None."""
        with self._model.state.change():
            name = self._model.state.repository(repository).full_name
            for run in reversed(self._model.state.runs.values()):
                if (run.repository, run.workflow_id, run.head_branch) == (name, workflow_id, branch):
                    return _run(run)
        return None

    def unfinished_jobs(self, repository: str) -> Iterator[GitHubJob]:
        """Jobs that are queued or in progress."""
        with self._model.state.change():
            state = self._model.state
            ids = state.unfinished.get(state.repository(repository).full_name, {})
            jobs = [state.jobs[job_id] for job_id in ids if job_id in state.jobs]
            found = [self._job(job) for job in jobs if job.status in {Status.QUEUED, Status.IN_PROGRESS}]
        yield from found

    def rerun_failed_jobs(self, repository: str, run_id: int) -> None:
        """Re-run a completed run's failed jobs."""
        self._model.runs.rerun_failed(repository, run_id)

    def cancel_run(self, repository: str, run_id: int) -> None:
        """Cancel the run; one that has ended is no error."""
        self._model.runs.cancel(repository, run_id)

    def report_rejection(self, repository: str, head_sha: str, title: str, summary: str) -> None:
        """Create the failed check run ``paddock``."""
        self._model.add_check_run(repository, head_sha, "paddock", conclusion="failure", output=(title, summary))

    def _job(self, job: JobRecord) -> GitHubJob:
        # As GitHub's REST answer, which says nothing of the repository's privacy or the installation.
        facts = JobFacts(
            job_id=job.id,
            run_id=job.run_id,
            repository=job.repository,
            labels=job.labels,
            run_attempt=job.attempt,
            name=job.name,
            workflow=job.workflow,
            head_sha=job.head_sha,
            head_branch=job.head_branch,
            created_at=job.created_at,
        )
        return GitHubJob(
            facts, job.status.value, job.conclusion, job.runner_id, job.runner_name, job.started_at, job.completed_at
        )


class MemoryDeliveries:
    """The log of webhook deliveries."""

    def __init__(self, model: MemoryGitHub) -> None:
        self._model = model

    def since(self, moment: Moment) -> Iterator[HookDelivery]:
        """Deliveries after the moment, newest first."""
        return self._model.deliveries.since(moment)

    def redeliver(self, delivery_id: int) -> None:
        """Have it sent again."""
        self._model.deliveries.redeliver(delivery_id)


class MemoryReleases:
    """Where the official runner comes from."""

    def __init__(self, model: MemoryGitHub) -> None:
        self._model = model

    def package(self, scope: Scope, arch: Arch) -> RunnerPackage:
        """The package, if two sources agree on its digest."""
        with self._model.state.lock:
            self._model.state.check_scope(scope)
            package = self._model.packages.get(arch)
        if package is None:
            raise NotFound(f"no runner package for linux-{arch}")
        published = {
            "downloads": package.downloads_sha256,
            "asset": package.asset_sha256,
            "notes": package.notes_sha256,
        }
        digests = {source: digest for source, digest in published.items() if digest}
        if len(set(digests.values())) > 1:
            raise Rejected(f"{package.filename}: its sources disagree on its digest ({', '.join(digests)})")
        if len(digests) < 2:  # noqa: PLR2004 - one source alone proves nothing
            raise Rejected(f"{package.filename}: only {', '.join(digests) or 'nobody'} publishes its digest")
        digest = next(iter(digests.values()))
        return RunnerPackage(package.version, package.url, digest, package.filename, digests)


def _runner(runner: RunnerRecord) -> RegisteredRunner:
    status = "online" if runner.online else "offline"
    return RegisteredRunner(runner.id, runner.name, status, runner.busy, runner.labels)


def _run(run: RunRecord) -> WorkflowRun:
    return WorkflowRun(
        run_id=run.id,
        repository=run.repository,
        head_repository=run.head_repository,
        event=run.event,
        status=run.status.value,
        conclusion=run.conclusion,
        run_attempt=run.attempt,
        head_branch=run.head_branch,
        workflow_id=run.workflow_id,
    )
