"""The port `Workflows`: jobs and runs of a repository."""

from collections.abc import Iterator
from urllib.parse import urlencode

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.errors import error_of, lacks_permission, rejected
from paddock.adapters.github.paths import account_path, repository_scope
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Attempt, Id, WireJob, moment
from paddock.core.errors import NotFound, Rejected
from paddock.core.ports.github import GitHubJob, WorkflowRun

_FORBIDDEN = 403
_CONFLICT = 409
_CHECK = "paddock"
_MAX_TITLE = 255
_MAX_SUMMARY = 65_535

# A run walks these from left to right, so one that moves while we read is met later rather than missed.
# "waiting" and "pending" runs belong: one job is held, and its siblings may be queued.
_UNFINISHED_RUNS = ("requested", "pending", "waiting", "queued", "in_progress")
_UNFINISHED_JOBS = frozenset({"queued", "in_progress"})


@attrs.frozen
class _Repository:
    full_name: str


@attrs.frozen
class _Run:
    id: Id
    event: str
    status: str | None = None
    conclusion: str | None = None
    run_attempt: Attempt = None
    head_branch: str | None = None
    workflow_id: int | None = None
    repository: _Repository | None = None
    head_repository: _Repository | None = None


@attrs.frozen
class _FoundRuns:
    workflow_runs: tuple[_Run, ...]


@attrs.frozen
class _Known:
    id: Id


@attrs.frozen
class _Runs:
    workflow_runs: tuple[_Known, ...]


@attrs.frozen
class _Jobs:
    jobs: tuple[WireJob, ...]


class RestWorkflows:
    """`Workflows` by REST. Jobs read here do not say that their repository is private."""

    def __init__(self, api: Api) -> None:
        """Args: the calls."""
        self._api = api

    def job(self, repository: str, job_id: int) -> GitHubJob:
        """See `Workflows.job`."""
        scope = repository_scope(repository)
        answer = self._api.get(f"{account_path(scope)}/actions/jobs/{job_id:d}", scope)
        return github_job(repository, decoded(WireJob, answer.request, answer.reply))

    def run(self, repository: str, run_id: int) -> WorkflowRun:
        """See `Workflows.run`."""
        scope = repository_scope(repository)
        answer = self._api.get(f"{account_path(scope)}/actions/runs/{run_id:d}", scope)
        return _run(repository, decoded(_Run, answer.request, answer.reply))

    def newest_run(self, repository: str, workflow_id: int, branch: str) -> WorkflowRun | None:
        """See `Workflows.newest_run`. GitHub lists the newest first."""
        scope = repository_scope(repository)
        query = urlencode({"branch": branch, "per_page": 1})
        answer = self._api.get(f"{account_path(scope)}/actions/workflows/{workflow_id:d}/runs?{query}", scope)
        runs = decoded(_FoundRuns, answer.request, answer.reply).workflow_runs
        return _run(repository, runs[0]) if runs else None

    def unfinished_jobs(self, repository: str) -> Iterator[GitHubJob]:
        """See `Workflows.unfinished_jobs`. One call per status of runs and one per run, mostly answered by 304."""
        seen: set[int] = set()
        for run_id in self._unfinished_runs(repository):
            for job in self._jobs(repository, run_id):
                if job.id not in seen and job.status in _UNFINISHED_JOBS:
                    seen.add(job.id)
                    yield github_job(repository, job)

    def rerun_failed_jobs(self, repository: str, run_id: int) -> None:
        """See `Workflows.rerun_failed_jobs`. GitHub says 403 both of a run that still runs and for want of rights."""
        scope = repository_scope(repository)
        path = f"{account_path(scope)}/actions/runs/{run_id:d}/rerun-failed-jobs"
        answer = self._api.call("POST", path, scope, accept={_FORBIDDEN}, refusal=Rejected)
        if answer.status == _FORBIDDEN:
            if lacks_permission(answer.reply):
                raise error_of(answer.request, answer.reply, 0)
            raise rejected(answer.request, answer.reply)

    def cancel_run(self, repository: str, run_id: int) -> None:
        """See `Workflows.cancel_run`. 409 is GitHub's word for a run that has ended."""
        scope = repository_scope(repository)
        path = f"{account_path(scope)}/actions/runs/{run_id:d}/cancel"
        self._api.call("POST", path, scope, accept={_CONFLICT}, repeatable=True)

    def report_rejection(self, repository: str, head_sha: str, title: str, summary: str) -> None:
        """See `Workflows.report_rejection`. Only Apps may write check runs. Too long a text is cut."""
        scope = repository_scope(repository)
        body = {
            "name": _CHECK,
            "head_sha": head_sha,
            "status": "completed",
            "conclusion": "failure",
            "output": {"title": title[:_MAX_TITLE], "summary": summary[:_MAX_SUMMARY]},
        }
        # GitHub's 422 here means that the repository has no such commit.
        self._api.call("POST", f"{account_path(scope)}/check-runs", scope, body, refusal=NotFound)

    def _unfinished_runs(self, repository: str) -> Iterator[int]:
        scope = repository_scope(repository)
        seen: set[int] = set()
        for status in _UNFINISHED_RUNS:
            for answer in self._api.pages(f"{account_path(scope)}/actions/runs", scope, {"status": status}):
                for run in decoded(_Runs, answer.request, answer.reply).workflow_runs:
                    if run.id not in seen:
                        seen.add(run.id)
                        yield run.id

    def _jobs(self, repository: str, run_id: int) -> Iterator[WireJob]:
        scope = repository_scope(repository)
        path = f"{account_path(scope)}/actions/runs/{run_id}/jobs"
        try:
            for answer in self._api.pages(path, scope, {"filter": "latest"}):
                yield from decoded(_Jobs, answer.request, answer.reply).jobs
        except NotFound:
            return  # the run was deleted while we looked; so are its jobs


def _run(repository: str, run: _Run) -> WorkflowRun:
    return WorkflowRun(
        run_id=run.id,
        repository=run.repository.full_name if run.repository else repository,
        head_repository=run.head_repository.full_name if run.head_repository else "",
        event=run.event,
        status=run.status or "",
        conclusion=run.conclusion,
        run_attempt=run.run_attempt or 1,
        head_branch=run.head_branch or "",
        workflow_id=run.workflow_id,
    )


def github_job(repository: str, job: WireJob) -> GitHubJob:
    """The job as the port has it."""
    return GitHubJob(
        facts=job.facts(repository),
        status=job.status,
        conclusion=job.conclusion,
        runner_id=job.taken_by,
        runner_name=job.runner_name or None,
        started_at=job.began,
        completed_at=moment(job.completed_at),
    )
