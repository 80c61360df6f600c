"""What a person does to a repository, and the fleet never: commits, branches, dispatches, webhooks.

Source: docs.github.com, "REST API endpoints for repository contents", "… Git references", "… workflows", "… workflow
runs", "… repository webhooks". It needs a person's token: Contents, Workflows, Actions and Webhooks, read and write.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.paths import account_path, repository_scope
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id, WireJob
from paddock.adapters.github.workflows import github_job
from paddock.core.errors import NotFound, Rejected
from paddock.core.ports.github import GitHubJob, Scope

_MISSING = 404
_HEADS = "refs/heads/"
_CONFLICT = 409  # GitHub's word for a run that has ended
_GONE = 422  # GitHub's word for a reference that is not there


@attrs.frozen
class _Repository:
    default_branch: str


@attrs.frozen
class _Object:
    sha: str


@attrs.frozen
class _Reference:
    object: _Object


@attrs.frozen
class _Named:
    ref: str


@attrs.frozen
class _Run:
    id: Id
    display_title: str | None = None
    status: str | None = None


@attrs.frozen
class _Runs:
    workflow_runs: tuple[_Run, ...]


@attrs.frozen
class _State:
    status: str | None = None
    conclusion: str | None = None
    run_attempt: int | None = None


@attrs.frozen
class _Jobs:
    jobs: tuple[WireJob, ...]


@attrs.frozen
class _Config:
    url: str | None = None


@attrs.frozen
class _Hook:
    id: Id
    config: _Config = _Config()


@attrs.frozen
class RunState:
    """A run in its newest attempt. ``status`` and ``conclusion`` are GitHub's words."""

    status: str
    conclusion: str | None
    attempt: int


class RestAuthor:
    """One repository, as somebody sees it who may write to it."""

    def __init__(self, api: Api, repository: str) -> None:
        """Args: the calls, and the repository, as ``owner/name``."""
        self._api, self.repository = api, repository
        self._scope: Scope = repository_scope(repository)
        self._path = account_path(self._scope)

    def default_branch(self) -> str:
        """The branch whose workflows GitHub dispatches."""
        answer = self._api.get(self._path, self._scope, polled=False)
        return decoded(_Repository, answer.request, answer.reply).default_branch

    def has(self, path: str, branch: str) -> bool:
        """Whether there is such a file on the branch."""
        where = f"{self._path}/contents/{quote(path)}?{urlencode({'ref': branch})}"
        return self._api.get(where, self._scope, accept={_MISSING}, polled=False).status != _MISSING

    def has_branch(self, branch: str) -> bool:
        """Whether there is such a branch."""
        return self._reference(branch) is not None

    def _reference(self, branch: str) -> str | None:
        where = f"{self._path}/git/ref/heads/{quote(branch)}"
        answer = self._api.get(where, self._scope, accept={_MISSING}, polled=False)
        if answer.status == _MISSING:
            return None
        return decoded(_Reference, answer.request, answer.reply).object.sha

    def branches(self, prefix: str) -> tuple[str, ...]:
        """The names of the branches that begin so."""
        where = f"{self._path}/git/matching-refs/heads/{quote(prefix)}"
        return tuple(
            found.ref.removeprefix(_HEADS)
            for answer in self._api.pages(where, self._scope)
            for found in decoded(tuple[_Named, ...], answer.request, answer.reply)
        )

    def make_branch(self, branch: str, of: str) -> None:
        """Make a branch at the head of another.

        Raises:
            Rejected: there is one of this name.
        """
        head = self._reference(of)
        if head is None:
            raise NotFound(f"{self.repository} has no branch {of}: it needs a first commit")
        body = {"ref": f"{_HEADS}{branch}", "sha": head}
        self._api.call("POST", f"{self._path}/git/refs", self._scope, body, refusal=Rejected)

    def delete_branch(self, branch: str) -> bool:
        """Delete a branch; False if there is none."""
        where = f"{self._path}/git/refs/heads/{quote(branch)}"
        answer = self._api.call("DELETE", where, self._scope, accept={_GONE, _MISSING}, repeatable=True)
        return answer.status not in {_GONE, _MISSING}

    def commit(self, path: str, text: str, branch: str, message: str) -> None:
        """Put a new file onto a branch: a commit of its own, and so a push.

        Raises:
            Rejected: there is such a file already, or a rule of the repository forbids it.
        """
        body = {"message": message, "content": b64encode(text.encode()).decode(), "branch": branch}
        self._api.call("PUT", f"{self._path}/contents/{quote(path)}", self._scope, body, refusal=Rejected)

    def dispatch(self, file: str, branch: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow by hand.

        Raises:
            NotFound: the default branch has no such workflow.
            Rejected: it cannot be started by hand, or takes other inputs.
        """
        where = f"{self._path}/actions/workflows/{quote(file)}/dispatches"
        self._api.call("POST", where, self._scope, {"ref": branch, "inputs": dict(inputs)}, refusal=Rejected)

    def find_run(self, branch: str, title: str) -> int | None:
        """The newest run on a branch that bears this title; None if GitHub lists none."""
        return next((run.id for run in self._runs(branch) if run.display_title == title), None)

    def running(self, branch: str) -> tuple[int, ...]:
        """The newest runs on a branch, at most 100, that have not ended."""
        return tuple(run.id for run in self._runs(branch) if run.status != "completed")

    def _runs(self, branch: str) -> tuple[_Run, ...]:
        query = urlencode({"branch": branch, "per_page": 100})
        answer = self._api.get(f"{self._path}/actions/runs?{query}", self._scope)
        return decoded(_Runs, answer.request, answer.reply).workflow_runs

    def state(self, run_id: int) -> RunState:
        """How a run stands."""
        answer = self._api.get(f"{self._path}/actions/runs/{run_id:d}", self._scope)
        found = decoded(_State, answer.request, answer.reply)
        return RunState(found.status or "", found.conclusion, found.run_attempt or 1)

    def jobs(self, run_id: int) -> Iterator[GitHubJob]:
        """A run's jobs, of every attempt."""
        where = f"{self._path}/actions/runs/{run_id:d}/jobs"
        for answer in self._api.pages(where, self._scope, {"filter": "all"}):
            for job in decoded(_Jobs, answer.request, answer.reply).jobs:
                yield github_job(self.repository, job)

    def cancel(self, run_id: int) -> None:
        """Cancel a run; nothing happens if it has ended."""
        where = f"{self._path}/actions/runs/{run_id:d}/cancel"
        self._api.call("POST", where, self._scope, accept={_CONFLICT}, repeatable=True)

    def add_hook(self, url: str, secret: str, events: Sequence[str]) -> int:
        """Have the repository tell of these events there; the webhook's id.

        Raises:
            Rejected: it does so already.
        """
        config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
        body = {"name": "web", "active": True, "events": list(events), "config": config}
        answer = self._api.call("POST", f"{self._path}/hooks", self._scope, body, refusal=Rejected)
        return decoded(_Hook, answer.request, answer.reply).id

    def hooks(self) -> dict[int, str]:
        """The addresses of the repository's webhooks, by their ids."""
        return {
            hook.id: hook.config.url or ""
            for answer in self._api.pages(f"{self._path}/hooks", self._scope)
            for hook in decoded(tuple[_Hook, ...], answer.request, answer.reply)
        }

    def delete_hook(self, hook_id: int) -> bool:
        """Delete a webhook; False if there is none."""
        where = f"{self._path}/hooks/{hook_id:d}"
        answer = self._api.call("DELETE", where, self._scope, accept={_MISSING}, repeatable=True)
        return answer.status != _MISSING
