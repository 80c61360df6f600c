"""What has been: an owner's repositories, their runs of a time, and the jobs of all attempts.

Source: docs.github.com, "REST API endpoints for workflow runs", "… workflow jobs", "… GitHub App installations",
"… repositories". A search of runs (``created``, ``status``) gives at most 1,000 of them, so a time that has more is
halved until each half has fewer.
"""

from collections.abc import Iterator

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.paths import account_path, repository_scope
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id, Stamp, WireJob, WireRepository
from paddock.adapters.github.workflows import github_job
from paddock.core.errors import NotFound
from paddock.core.ports.github import GitHubJob, Scope
from paddock.core.units import SECOND, Moment, moment_of, rfc3339

MOST_FOUND = 1_000


@attrs.frozen
class PastRun:
    """A run that is completed, in its last attempt. ``created_at`` is the first attempt's."""

    run_id: int
    repository: str
    workflow: str
    branch: str
    created_at: Moment
    conclusion: str | None


@attrs.frozen
class _Run:
    id: Id
    created_at: Stamp
    name: str | None = None
    head_branch: str | None = None
    conclusion: str | None = None


@attrs.frozen
class _Runs:
    total_count: int
    workflow_runs: tuple[_Run, ...]


@attrs.frozen
class _Jobs:
    jobs: tuple[WireJob, ...]


@attrs.frozen
class _Repositories:
    repositories: tuple[WireRepository, ...]


class RestHistory:
    """GitHub's memory by REST: a call per 100 runs, and one or more per run for its jobs."""

    def __init__(self, api: Api, *, app: bool) -> None:
        """Args: the calls, and whether they are an App's (who sees its installation's repositories) or a token's."""
        self._api = api
        self._app = app

    def repositories(self, owner: str) -> Iterator[str]:
        """The owner's repositories that the credentials may see, as ``owner/name``, in GitHub's order.

        Raises:
            NotFound: there is no such owner, or the App is not installed there.
        """
        scope = Scope(owner)
        if self._app:
            for answer in self._api.pages("/installation/repositories", scope):
                for found in decoded(_Repositories, answer.request, answer.reply).repositories:
                    if found.full_name.partition("/")[0].casefold() == owner.casefold():
                        yield found.full_name
            return
        listed = 0
        try:
            for name in self._listed(f"{account_path(scope)}/repos", scope):
                listed += 1
                yield name
        except NotFound:
            if listed:
                raise
            yield from self._listed(f"/users/{owner}/repos", scope)  # a person's account is no organisation

    def runs(self, repository: str, since: Moment, until: Moment) -> Iterator[PastRun]:
        """The completed runs that were created from `since` on and before `until`, oldest first.

        GitHub's times are whole seconds. If more than 1,000 were created in one second, 1,000 of them are found.
        """
        windows = [(-(-since // SECOND), -(-until // SECOND) - 1)]  # both ends are in it
        while windows:
            first, last = windows.pop()
            if first > last:
                continue
            found = self._within(repository, first, last)
            if found is None:
                middle = (first + last) // 2
                windows += [(middle + 1, last), (first, middle)]
            else:
                yield from sorted(found, key=lambda run: (run.created_at, run.run_id))

    def jobs(self, repository: str, run_id: int) -> Iterator[GitHubJob]:
        """The run's jobs, of every attempt."""
        scope = repository_scope(repository)
        path = f"{account_path(scope)}/actions/runs/{run_id:d}/jobs"
        for answer in self._api.pages(path, scope, {"filter": "all"}):
            for job in decoded(_Jobs, answer.request, answer.reply).jobs:
                yield github_job(repository, job)

    def _listed(self, path: str, scope: Scope) -> Iterator[str]:
        for answer in self._api.pages(path, scope):
            for found in decoded(tuple[WireRepository, ...], answer.request, answer.reply):
                yield found.full_name

    def _within(self, repository: str, first: int, last: int) -> list[PastRun] | None:
        """The runs created in these seconds; None if there are more than a search gives."""
        scope = repository_scope(repository)
        query = {"status": "completed", "created": f"{rfc3339(first * SECOND)}..{rfc3339(last * SECOND)}"}
        runs: dict[int, PastRun] = {}
        for answer in self._api.pages(f"{account_path(scope)}/actions/runs", scope, query):
            page = decoded(_Runs, answer.request, answer.reply)
            # Exactly as many as a search gives may be a count that was cut off there.
            if page.total_count >= MOST_FOUND and first < last:
                return None
            for run in page.workflow_runs:
                runs[run.id] = PastRun(
                    run_id=run.id,
                    repository=repository,
                    workflow=run.name or "",
                    branch=run.head_branch or "",
                    created_at=moment_of(run.created_at),
                    conclusion=run.conclusion,
                )
        return list(runs.values())
