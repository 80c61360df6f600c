"""The service that the runner stand-in talks to: our own small protocol below ``/_runner``.

::

    Listener: POST session ─> GET message (held up to 2 s) ─> POST acknowledge ─> POST acquire ─> POST renew ...
    Worker:                                                     POST started ─> POST complete
"""

import threading
from collections.abc import Iterator

import attrs
from werkzeug.exceptions import ServiceUnavailable, Unauthorized
from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import JobRecord, MemoryGitHub, RunnerFaults, RunnerRecord, StepRecord
from paddock.adapters.memory.github.scripts import NO_RUNNER_FAULTS
from paddock.adapters.standin import payloads
from paddock.adapters.standin.app import Route, reply
from paddock.adapters.standin.people import Json, Place
from paddock.adapters.standin.runner.common import VERSION
from paddock.core.errors import Conflict, NotFound
from paddock.core.units import SECOND, rfc3339

HOLD_SECONDS = 2.0
MAX_HELD = 32  # below the server's threads, so that listening runners never starve the others
INJECTION = " completed with result: Succeeded"
_BASE = "/_runner/<int:runner_id>"
OK, FORBIDDEN, CONFLICT, SKEWED = 200, 403, 409, 428
_REFUSED = {"access_denied": FORBIDDEN, "unhandled": 501}  # at the session
_STARTED = 4.0  # seconds, on a busy machine
_STOPPED = {"token_revoked": 401, "fatal": 400}  # while it listens


@attrs.frozen
class RunnerTimings:
    """The runner's own deadlines, in seconds, as the real one has them. ``ladder``: after SIGINT, after SIGTERM."""

    renew: float = 60.0
    conflict_retry: float = 30.0
    conflict_limit: float = 240.0
    skew_limit: float = 1800.0
    renew_pause: float = 10.0
    unload: float = 30.0
    hang: float = 30.0
    reconnect: float = 5.0
    ladder: tuple[float, float] = (7.5, 2.5)

    def scaled(self, factor: float) -> "RunnerTimings":
        """All of them times the factor; a tenth of reality keeps a test short and its order of events.

        A Worker has a few seconds to answer all the same: its process starts no faster than it does.
        """
        ladder = (self.ladder[0] * factor, self.ladder[1] * factor)
        numbers = {f.name: getattr(self, f.name) * factor for f in attrs.fields(RunnerTimings) if f.name != "ladder"}
        return RunnerTimings(ladder=ladder, **{**numbers, "hang": max(numbers["hang"], min(self.hang, _STARTED))})


class Broker:
    """The routes of the runner protocol, from the session on."""

    def __init__(self, model: MemoryGitHub, place: Place, timings: RunnerTimings) -> None:
        self._model, self._place, self._timings = model, place, timings
        self._faults: dict[int, RunnerFaults] = {}
        self._tokens: dict[int, str] = {}
        self._ghosts: set[int] = set()
        self._cut: set[int] = set()
        self._lock = threading.Lock()
        self.held = 0
        self.stopping = False

    def routes(self) -> Iterator[Route]:
        """All of them; each checks the runner's own token."""
        yield Route("POST", f"{_BASE}/session", "runner-session", self.open_session, None)
        yield Route("DELETE", f"{_BASE}/session", "runner-end-session", self.close_session, None)
        yield Route("GET", f"{_BASE}/message", "runner-message", self.message, None)
        yield Route("POST", f"{_BASE}/acknowledge", "runner-acknowledge", self.acknowledge, None)
        yield Route("POST", f"{_BASE}/acquire", "runner-acquire", self.acquire, None)
        yield Route("POST", f"{_BASE}/renew", "runner-renew", self.renew, None)
        yield Route("POST", f"{_BASE}/started", "runner-started", self.started, None)
        yield Route("POST", f"{_BASE}/complete", "runner-complete", self.complete, None)

    def _authorise(self, request: Request, runner_id: int) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            known = self._tokens.get(runner_id)
            if runner_id in self._cut:
                raise ServiceUnavailable("The network is cut.")
        if known is None:
            known = self._model.state.runner(runner_id).token
            with self._lock:
                self._tokens[runner_id] = known
        if token != known:
            raise Unauthorized("The runner's credentials are not valid.")

    def open_session(self, request: Request, runner_id: int) -> Response:
        """Connect, or learn why not."""
        self._authorise(request, runner_id)
        runner = self._model.state.runner(runner_id)
        with self._lock:
            faults = self._faults.setdefault(runner_id, runner.faults)
        if faults.crash_before_session:
            self._spend(runner_id, attrs.evolve(faults, crash_before_session=False))
            return reply({"message": "crash"}, 500)
        version, timings = str(request.get_json().get("version", "")), attrs.asdict(self._timings)
        status, word = _refusal(faults, version)
        if faults.refused == "unhandled":  # what passes: the next session is none the worse for it
            self._spend(runner_id, attrs.evolve(faults, refused=""))
        if status == OK:
            try:
                self._model.runners.connect(runner_id, version=version)
                self._model.runners.beat(runner_id)
            except Conflict:
                status, word = CONFLICT, {"message": "conflict"}
        return reply({**word, "timings": timings}, status)

    def _spend(self, runner_id: int, rest: RunnerFaults) -> None:
        with self._lock:
            self._faults[runner_id] = rest

    def close_session(self, request: Request, runner_id: int) -> Response:
        """Disconnect."""
        self._authorise(request, runner_id)
        self._model.runners.disconnect(runner_id)
        return Response(status=204)

    def message(self, request: Request, runner_id: int) -> Response:
        """The next message, 202 if none came in time, 404 once the registration is gone."""
        self._authorise(request, runner_id)
        last = request.args.get("last", 0, int)
        with self._lock:
            wait = HOLD_SECONDS if self.held < MAX_HELD else 0.1
            self.held += 1
            ghost, faults = runner_id in self._ghosts, self._faults.get(runner_id, NO_RUNNER_FAULTS)
        try:
            changed = self._model.state.changed
            if ghost:
                with changed:
                    changed.wait_for(lambda: self.stopping, wait)
                return Response(status=202)
            self._beat(runner_id)
            if faults.refused in _STOPPED:
                return reply({"message": f"The service refuses: {faults.refused}."}, _STOPPED[faults.refused])
            if faults.update_requested:
                self._spend(runner_id, attrs.evolve(faults, update_requested=False))
                return reply({"messageId": 1, "type": "update", "version": "9.999.0"})
            with changed:
                changed.wait_for(lambda: self.stopping or self._waits(runner_id, last), self._until_deadline(wait))
            self._model.settle()
            found = self._next(self._model.state.runner(runner_id))
        finally:
            with self._lock:
                self.held -= 1
        return Response(status=202) if found is None or found["messageId"] == last else reply(found)

    def _beat(self, runner_id: int) -> None:
        # A session that expired while the machine was frozen is opened again without a word, as the real one does it.
        with self._model.state.change():
            if not self._model.state.runner(runner_id).online:
                self._model.runners.connect(runner_id, version=VERSION)
            self._model.runners.beat(runner_id)

    def _until_deadline(self, wait: float) -> float:
        # What GitHub does by the clock alone wakes nobody, so nobody sleeps past it.
        state = self._model.state
        deadline = state.next_deadline()
        return wait if deadline is None else min(wait, max(0.05, (deadline - state.clock.now()) / SECOND))

    def _waits(self, runner_id: int, last: int) -> bool:
        runner = self._model.state.runners.get(runner_id)
        if runner is None:
            return True
        found = self._next(runner)
        return found is not None and found["messageId"] != last

    def _next(self, runner: RunnerRecord) -> Json | None:
        if runner.job_id is None:
            return None
        job = self._model.state.jobs[runner.job_id]
        if not job.acquired:
            return {"messageId": job.id * 2, "type": "job", "jobId": job.id}
        if job.cancel_requested:
            return {"messageId": job.id * 2 + 1, "type": "cancel", "jobId": job.id}
        return None

    def acknowledge(self, request: Request, runner_id: int) -> Response:
        """The runner has the message; 404 if the job is no longer meant for it."""
        self._authorise(request, runner_id)
        job = self._model.state.jobs.get(request.get_json()["jobId"])
        if job is None or job.assigned_to != runner_id or job.conclusion is not None:
            raise NotFound("the assignment is gone")
        return reply({})

    def acquire(self, request: Request, runner_id: int) -> Response:
        """Take the job: all that the Worker needs."""
        self._authorise(request, runner_id)
        try:
            job = self._model.runs.acquire(runner_id, request.get_json()["jobId"])
        except NotFound:
            if runner_id not in self._model.state.runners:
                with self._lock:
                    self._ghosts.add(runner_id)
            raise
        job = self._model.runs.renew(runner_id, job.id)
        return reply(self._job_message(job, self._model.state.runner(runner_id)))

    def _job_message(self, job: JobRecord, runner: RunnerRecord) -> Json:
        faults, run = job.script.faults, self._model.state.runs[job.run_id]
        steps = [{"name": s.name, "run": s.run, "env": dict(s.env), "always": s.always} for s in job.script.steps]
        if faults.ignore_sigint:
            steps = [{**step, "run": f"trap '' INT\n{step['run']}"} for step in steps]
        if faults.big_output:
            steps.append({"name": "Big output", "run": f"head -c {faults.big_output} /dev/zero | tr '\\0' x"})
        if faults.duration is not None:
            steps.append({"name": "Take time", "run": f"sleep {faults.duration / SECOND}"})
        environment = {
            "GITHUB_ACTION": "__run",
            "GITHUB_ACTOR": payloads.ACTOR,
            "GITHUB_API_URL": self._place.api,
            "GITHUB_BASE_REF": "",
            "GITHUB_EVENT_NAME": run.event,
            "GITHUB_HEAD_REF": "",
            "GITHUB_JOB": job.name,
            "GITHUB_REF": f"refs/heads/{job.head_branch}",
            "GITHUB_REF_NAME": job.head_branch,
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_REPOSITORY": job.repository,
            "GITHUB_REPOSITORY_OWNER": job.repository.partition("/")[0],
            "GITHUB_RUN_ATTEMPT": job.attempt,
            "GITHUB_RUN_ID": job.run_id,
            "GITHUB_RUN_NUMBER": run.number,
            "GITHUB_SERVER_URL": self._place.web,
            "GITHUB_SHA": job.head_sha,
            "GITHUB_WORKFLOW": job.workflow,
            "RUNNER_NAME": runner.name,
        }
        return {
            "jobId": job.id,
            "displayName": job.name + (INJECTION if faults.job_name_injection else ""),
            "repository": job.repository,
            "environment": environment,
            "event": {"repository": {"full_name": job.repository}, "ref": f"refs/heads/{job.head_branch}"},
            "steps": steps,
            "lockedUntil": rfc3339(job.lease_until or 0),
            "ladder": self._timings.ladder,
            "result": faults.result,
            "worker_hang": faults.worker_hang,
            "disk_full": faults.disk_full,
            "exit_2_on_cancel": faults.exit_2_on_cancel,
        }

    def renew(self, request: Request, runner_id: int) -> Response:
        """Renew the lease."""
        self._authorise(request, runner_id)
        job = self._model.runs.renew(runner_id, request.get_json()["jobId"])
        if job.script.faults.network_cut:
            with self._lock:
                self._cut.add(runner_id)
            raise ServiceUnavailable("The network is cut.")
        return reply({"lockedUntil": rfc3339(job.lease_until or 0)})

    def started(self, request: Request, runner_id: int) -> Response:
        """The Worker runs."""
        self._authorise(request, runner_id)
        self._model.runs.started(runner_id, request.get_json()["jobId"])
        return reply({})

    def complete(self, request: Request, runner_id: int) -> Response:
        """The job ended."""
        self._authorise(request, runner_id)
        body = request.get_json()
        steps = [
            StepRecord(step["name"], number, "completed", step["conclusion"], step["started_at"], step["completed_at"])
            for number, step in enumerate(body["steps"], 1)
        ]
        self._model.runs.complete(runner_id, body["jobId"], body["conclusion"], steps=steps, log=body.get("log", ""))
        return reply({})


def _refusal(faults: RunnerFaults, version: str) -> tuple[int, Json]:
    """What the scenario has against a session: a status and its words."""
    if faults.version_too_old:
        text = f"Runner version v{version} is deprecated and cannot receive messages."
        return FORBIDDEN, {"message": text, "kind": "RunnerVersionTooOld"}
    if faults.clock_skew:
        return SKEWED, {"message": "The bearer token is not valid yet."}
    if faults.session_conflict:
        return CONFLICT, {"message": "conflict"}
    return _REFUSED.get(faults.refused, OK), {"message": f"The service refuses: {faults.refused}."}
