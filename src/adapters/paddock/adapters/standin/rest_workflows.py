"""REST: repositories, runs, jobs, check runs."""

from collections.abc import Iterator
from datetime import UTC, datetime

from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.standin import payloads
from paddock.adapters.standin.app import API, Route, error, page, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.people import Place, full_repository
from paddock.core.errors import Rejected
from paddock.core.units import DAY, SECOND, moment_of

MOST_FOUND = 1_000
_REPOSITORY = f"{API}/repos/<owner>/<name>"
_RUN = f"{_REPOSITORY}/actions/runs/<int:run_id>"
_JOB = f"{_REPOSITORY}/actions/jobs/<int:job_id>"


class WorkflowRoutes:
    """The endpoints below ``/repos/{owner}/{repo}`` that are not about runners."""

    def __init__(self, model: MemoryGitHub, place: Place, credentials: Credentials) -> None:
        self._model, self._place, self._credentials = model, place, credentials

    def routes(self) -> Iterator[Route]:
        """All of them."""
        guard = self._credentials.require_token
        yield Route("GET", _REPOSITORY, "repository", self.repository, guard)
        yield Route("GET", f"{_REPOSITORY}/actions/runs", "runs", self.runs, guard)
        yield Route("GET", f"{_REPOSITORY}/actions/workflows/<int:workflow>/runs", "workflow-runs", self.runs, guard)
        yield Route("GET", _RUN, "run", self.run, guard)
        yield Route("GET", f"{_RUN}/jobs", "run-jobs", self.jobs, guard)
        yield Route("POST", f"{_RUN}/rerun-failed-jobs", "rerun-failed-jobs", self.rerun_failed, guard)
        yield Route("POST", f"{_RUN}/cancel", "cancel-run", self.cancel, guard)
        yield Route("GET", _JOB, "job", self.job, guard)
        yield Route("GET", f"{_JOB}/logs", "job-logs", self.logs, guard)
        yield Route("POST", f"{_REPOSITORY}/check-runs", "create-check-run", self.check_run, guard)

    def repository(self, _: Request, owner: str, name: str) -> Response:
        """``GET /repos/{owner}/{repo}``."""
        found = self._model.state.repository(f"{owner}/{name}")
        return reply(full_repository(self._place, found, 0))

    def runs(self, request: Request, owner: str, name: str, workflow: int | None = None) -> Response:
        """``GET …/actions/runs``, or a workflow's, newest first.

        ``status`` is a status or a conclusion, ``created`` a range of times. As at GitHub, a search shows no more than
        its first 1,000 finds, however many it counts.
        """
        home = self._model.state.repository(f"{owner}/{name}")
        status, branch, event = (request.args.get(key) for key in ("status", "branch", "event"))
        within = created_within(request.args.get("created", ""))
        if within is None:
            return error(422, "Invalid request.\n\ncreated is no date, comparison or range of dates.")
        found = [
            run
            for run in reversed(self._model.all_runs())
            if run.repository == home.full_name
            and workflow in (None, run.workflow_id)
            and status in (None, run.status.value, run.conclusion)
            and branch in (None, run.head_branch)
            and event in (None, run.event)
            and within[0] <= run.created_at // SECOND <= within[1]
        ]
        searched = any(request.args.get(key) for key in ("status", "branch", "event", "created"))
        shown, headers = page(request, found[:MOST_FOUND] if searched else found)
        body = {"total_count": len(found), "workflow_runs": [payloads.run(self._place, run, home) for run in shown]}
        return reply(body, headers=headers)

    def run(self, _: Request, owner: str, name: str, run_id: int) -> Response:
        """``GET …/actions/runs/{run_id}``."""
        home = self._model.state.repository(f"{owner}/{name}")
        self._model.settle()
        return reply(payloads.run(self._place, self._model.state.run(home.full_name, run_id), home))

    def jobs(self, request: Request, owner: str, name: str, run_id: int) -> Response:
        """``GET …/actions/runs/{run_id}/jobs``; ``filter`` is latest (default) or all."""
        with self._model.state.change():
            run = self._model.state.run(f"{owner}/{name}", run_id)
            latest = request.args.get("filter", "latest") == "latest"
            found = self._model.runs.latest(run) if latest else [self._model.state.jobs[number] for number in run.jobs]
        shown, headers = page(request, found)
        body = {"total_count": len(found), "jobs": [payloads.job(self._place, job) for job in shown]}
        return reply(body, headers=headers)

    def rerun_failed(self, _: Request, owner: str, name: str, run_id: int) -> Response:
        """``POST …/actions/runs/{run_id}/rerun-failed-jobs``."""
        try:
            self._model.runs.rerun_failed(f"{owner}/{name}", run_id)
        except Rejected as refused:
            return error(403, str(refused))
        return reply({}, 201)

    def cancel(self, _: Request, owner: str, name: str, run_id: int) -> Response:
        """``POST …/actions/runs/{run_id}/cancel``."""
        if not self._model.runs.cancel(f"{owner}/{name}", run_id):
            return error(409, "Cannot cancel a workflow run that is completed.")
        return reply({}, 202)

    def job(self, _: Request, owner: str, name: str, job_id: int) -> Response:
        """``GET …/actions/jobs/{job_id}``."""
        return reply(payloads.job(self._place, self._job(owner, name, job_id)))

    def logs(self, _: Request, owner: str, name: str, job_id: int) -> Response:
        """``GET …/actions/jobs/{job_id}/logs``: the tail that the runner sent (GitHub redirects to a blob)."""
        return Response(self._job(owner, name, job_id).log, content_type="text/plain; charset=utf-8")

    def _job(self, owner: str, name: str, job_id: int) -> JobRecord:
        with self._model.state.change():
            return self._model.state.job(f"{owner}/{name}", job_id)

    def check_run(self, request: Request, owner: str, name: str) -> Response:
        """``POST …/check-runs``."""
        body = request.get_json()
        output = body.get("output") or {}
        if not body.get("name") or not body.get("head_sha"):
            return error(422, 'Invalid request.\n\n"name", "head_sha" weren\'t supplied.')
        if output and not (output.get("title") and output.get("summary")):
            return error(422, "Invalid request.\n\noutput needs a title and a summary.")
        if body.get("status") == "completed" and not body.get("conclusion"):
            return error(422, "Invalid request.\n\nA completed check run needs a conclusion.")
        check = self._model.add_check_run(
            f"{owner}/{name}",
            body["head_sha"],
            body["name"],
            conclusion=body.get("conclusion"),
            output=(output.get("title", ""), output.get("summary", "")),
        )
        return reply(payloads.check_run(self._place, check), 201)


def created_within(text: str) -> tuple[int, int] | None:
    """The seconds, both ends in it, that a search term such as ``2026-11-01..2026-11-02`` or ``>=2026-11-01`` means.

    None if it means nothing; "" is all the time there is. Source: docs.github.com, "Understanding the search syntax".
    """
    low, high = 0, 1 << 40
    try:
        if ".." in text:
            first, last = text.split("..")
            return (low if first == "*" else _seconds(first)[0]), (high if last == "*" else _seconds(last)[1])
        for sign in (">=", "<=", ">", "<"):
            if text.startswith(sign):
                first_second, last_second = _seconds(text.removeprefix(sign))
                if sign.startswith(">"):
                    return (first_second if "=" in sign else last_second + 1), high
                return low, (last_second if "=" in sign else first_second - 1)
        return _seconds(text) if text else (low, high)
    except ValueError:
        return None


def _seconds(text: str) -> tuple[int, int]:
    """The first and the last second of a day or a time."""
    found = datetime.fromisoformat(text)
    start = moment_of(found if found.tzinfo else found.replace(tzinfo=UTC)) // SECOND
    return start, start + (DAY // SECOND - 1 if "T" not in text else 0)
