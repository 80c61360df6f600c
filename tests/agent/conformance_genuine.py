"""The conformance suite's other world: a genuine GitHub with the official runner, by our own REST client.

Chosen by the environment variable ``PADDOCK_GENUINE_RUNNER``; the workflow of `tests/agent/conformance_workflow.yml`
must be in the repository. It registers runners and starts workflow runs there, and cancels what it started.
"""

import secrets
import time
from datetime import UTC, datetime
from urllib.parse import quote

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import TokenAuthority, TokenCredentials
from paddock.adapters.github.client import GitHub, connect
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id
from paddock.adapters.system import SystemChance, SystemClock, SystemSleeper
from paddock.core.messages import RunnerPackage
from paddock.core.ports.github import JitConfig, Scope
from paddock.core.spec import Arch
from tests.agent.conformance import GenuineSettings, Outcome, Scenario

NAMED = "paddock-conformance "


@attrs.frozen
class _Run:
    id: Id
    display_title: str = ""


@attrs.frozen
class _Runs:
    workflow_runs: tuple[_Run, ...]


@attrs.frozen
class _Job:
    status: str
    conclusion: str | None = None
    runner_name: str | None = None


@attrs.frozen
class _Jobs:
    jobs: tuple[_Job, ...]


class GenuineWorld:
    """A `RunnerWorld`."""

    patience = 600.0

    def __init__(self, settings: GenuineSettings) -> None:
        """Args: where, and what with."""
        self._settings = settings
        owner, _, name = settings.repository.partition("/")
        self._scope = Scope(owner, name)
        credentials = TokenCredentials(settings.token_file.read_text(encoding="utf-8").strip())
        endpoints, clock = endpoints_of(settings.github_url), SystemClock()
        self._github: GitHub = connect(
            endpoints, credentials, clock=clock, sleeper=SystemSleeper(), chance=SystemChance()
        )
        self._api = Api(endpoints.api, self._github.transport, TokenAuthority(credentials), clock)
        self._base = f"/repos/{quote(owner)}/{quote(name)}/actions"
        self._started: list[int] = []

    def package(self) -> RunnerPackage:
        """See `RunnerWorld.package`. One that the settings pin counts as vouched for by whoever wrote them."""
        pinned = self._settings.package
        if pinned is None:
            return self._github.releases.package(self._scope, Arch.X64)
        places = {"pinned": pinned["sha256"], "pinned, url": pinned["sha256"]}
        return RunnerPackage(pinned["version"], pinned["url"], pinned["sha256"], pinned["filename"], places)

    def mint(self, name: str, label: str) -> JitConfig:
        """See `RunnerWorld.mint`."""
        return self._github.runners.jit_config(self._scope, name, [label], 1)

    def registered(self, runner_id: int) -> bool:
        """See `RunnerWorld.registered`."""
        return self._github.runners.get(self._scope, runner_id) is not None

    def delete(self, runner_id: int) -> None:
        """See `RunnerWorld.delete`."""
        self._github.runners.delete(self._scope, runner_id)

    def queue(self, scenario: Scenario, label: str, title: str = "build") -> int:
        """See `RunnerWorld.queue`. The dispatch does not say which run it began: it is known by its title."""
        nonce = secrets.token_hex(8)
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        inputs = {"scenario": scenario.value, "label": label, "nonce": nonce, "title": title}
        body = {"ref": self._settings.ref, "inputs": inputs}
        path = f"{self._base}/workflows/{quote(self._settings.workflow)}"
        self._api.call("POST", f"{path}/dispatches", self._scope, body)
        deadline = time.monotonic() + self.patience
        query = {"event": "workflow_dispatch", "created": f">={since}"}
        while time.monotonic() < deadline:
            for answer in self._api.pages(f"{path}/runs", self._scope, query):
                for run in decoded(_Runs, answer.request, answer.reply).workflow_runs:
                    if run.display_title == NAMED + nonce:
                        self._started.append(run.id)
                        return run.id
            time.sleep(2)  # GitHub's rate is for all of us
        raise AssertionError(f"waited {self.patience} s for the run {NAMED}{nonce}")

    def cancel(self, run_id: int) -> None:
        """See `RunnerWorld.cancel`."""
        self._github.workflows.cancel_run(self._settings.repository, run_id)

    def outcome(self, run_id: int) -> Outcome:
        """See `RunnerWorld.outcome`."""
        answer = self._api.get(f"{self._base}/runs/{run_id:d}/jobs", self._scope)
        (job,) = decoded(_Jobs, answer.request, answer.reply).jobs
        return Outcome(job.status, job.conclusion, job.runner_name or None)

    def close(self) -> None:
        """See `RunnerWorld.close`; runs that a failed test left are cancelled."""
        for run_id in self._started:
            if self.outcome(run_id).status != "completed":
                self.cancel(run_id)
        self._github.close()
