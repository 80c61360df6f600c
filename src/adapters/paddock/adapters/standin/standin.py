"""A GitHub of one's own on 127.0.0.1: real HTTP around the model, for the demo and for tests."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs

from paddock.adapters.memory.github import (
    Event,
    JobRecord,
    JobScript,
    MemoryGitHub,
    PublishedPackage,
    Repository,
    RunnerFaults,
    RunnerRecord,
    RunRecord,
    Timings,
)
from paddock.adapters.memory.github.model import DEFAULT_TIMINGS
from paddock.adapters.standin.app import Application, Failure
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.broker import Broker, RunnerTimings
from paddock.adapters.standin.made_apps import MadeApps
from paddock.adapters.standin.manifests import ManifestRoutes
from paddock.adapters.standin.package import Flaw, build
from paddock.adapters.standin.people import Place
from paddock.adapters.standin.registrations import Registrations
from paddock.adapters.standin.rest_app import AppRoutes
from paddock.adapters.standin.rest_authors import AuthorRoutes
from paddock.adapters.standin.rest_hooks import HookRoutes
from paddock.adapters.standin.rest_repositories import RepositoryRoutes
from paddock.adapters.standin.rest_runners import RunnerRoutes
from paddock.adapters.standin.rest_workflows import WorkflowRoutes
from paddock.adapters.standin.webhooks import WebhookSender
from paddock.adapters.system import RandomIds, SystemChance, SystemClock
from paddock.adapters.web import WebServer
from paddock.core.ports.system import Chance, Clock, Ids
from paddock.core.spec import Arch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DEFAULT_SCALE = 0.1
THREADS = 48  # every waiting runner holds one


@attrs.frozen
class StartedRun:
    """A run that was started: its id, and its jobs' ids in the order of their scripts."""

    run_id: int
    job_ids: tuple[int, ...]


class GitHubStandIn:
    """A context manager: inside it, a GitHub Enterprise Server stands at ``url``.

    ``model`` is what it knows (arrange the world there), ``credentials`` hold what a client needs: ``app_id`` and
    ``private_key``, or ``personal_token``. ``apps`` are those that were made of manifests. ``calls`` counts requests by
    endpoint.
    """

    def __init__(
        self,
        *,
        webhook_url: str | None = None,
        webhook_secret: str = "stand-in secret",  # noqa: S107 - it guards a loopback port
        clock: Clock | None = None,
        ids: Ids | None = None,
        chance: Chance | None = None,
        timings: Timings = DEFAULT_TIMINGS,
        scale: float = DEFAULT_SCALE,
    ) -> None:
        """Args: where webhooks go and what signs them, the ports (the machine's own by default), GitHub's deadlines.

        ``scale`` shortens the runner's own deadlines (1.0: as in reality).
        """
        clock, ids = clock or SystemClock(), ids or RandomIds()
        self.model = MemoryGitHub(
            clock=clock, ids=ids, chance=chance or SystemChance(), timings=timings, listener=self._tell
        )
        self.webhook_secret = webhook_secret
        self.credentials = Credentials(clock, ids)
        # The port is chosen before anything can be asked for, so every link in every reply is right.
        self._server = WebServer(self._serve, threads=THREADS, ident="GitHub.com")
        place = Place(self._server.url)
        self.url = self.model.server_url = place.web
        registrations = Registrations(self.model)
        runners = RunnerRoutes(self.model, place, self.credentials, registrations)
        workflows = WorkflowRoutes(self.model, place, self.credentials)
        repositories = RepositoryRoutes(self.model, place, self.credentials)
        self.apps = MadeApps(place, self.credentials, clock, ids)
        self._app_routes = AppRoutes(self.model, place, self.credentials, self.apps)
        self._broker = Broker(self.model, place, RunnerTimings().scaled(scale))
        app_id = self.credentials.app_id
        self.webhooks = WebhookSender(self.model, place, url=webhook_url, secret=webhook_secret, app_id=app_id)
        manifests = ManifestRoutes(self.model, self.apps, self.credentials, self.webhooks)
        authors = AuthorRoutes(self.model, place, self.credentials)
        hooks = HookRoutes(self.model, place, self.credentials, self.webhooks)
        served = (self._app_routes, runners, registrations, workflows, repositories, manifests, authors, hooks)
        routes = [route for kind in (*served, self._broker) for route in kind.routes()]
        self._application = Application(routes, clock=clock, ids=ids, refused=self.apps.refused)
        self._app_routes.rate = self._application.rate
        self.calls = self._application.calls
        for arch in Arch:
            self.publish_package(arch)

    def _tell(self, event: Event) -> None:
        self.webhooks.offer(event)

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return self._application(environ, start_response)

    def __enter__(self) -> Self:
        self._server.start()
        self.webhooks.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.webhooks.stop()
        self._broker.stopping = True
        self.model.settle()  # wakes the held polls
        self._server.stop()

    def add_repository(self, full_name: str, *, private: bool = True, allow_forking: bool = True) -> Repository:
        """Create a repository (``owner/name``)."""
        return self.model.add_repository(full_name, private=private, allow_forking=allow_forking)

    def start_run(
        self,
        repository: str,
        jobs: Sequence[JobScript],
        *,
        workflow: str = "ci",
        event: str = "push",
        head_repository: str | None = None,
        head_branch: str = "main",
    ) -> StartedRun:
        """Start a workflow run: its jobs are queued, and their webhooks go out."""
        run = self.model.runs.start(
            repository,
            jobs,
            workflow=workflow,
            event=event,
            head_repository=head_repository,
            head_branch=head_branch,
        )
        return StartedRun(run.id, run.jobs)

    def cancel_run(self, repository: str, run_id: int) -> bool:
        """Cancel a run as its author would; False if it has ended."""
        return self.model.runs.cancel(repository, run_id)

    def jobs(self, run_id: int | None = None) -> tuple[JobRecord, ...]:
        """A snapshot of all jobs, or of one run's."""
        return self.model.jobs(run_id)

    def run(self, run_id: int) -> RunRecord:
        """A run as it is now."""
        with self.model.state.change():
            return self.model.state.runs[run_id]

    def runners(self) -> tuple[RunnerRecord, ...]:
        """A snapshot of all registrations."""
        return self.model.all_runners()

    def wait_for_run(self, run_id: int, timeout: float = 60.0) -> RunRecord:
        """The run once it is completed, or as it is after `timeout` seconds."""
        state = self.model.state
        with state.changed:
            state.changed.wait_for(lambda: state.runs[run_id].conclusion is not None, timeout)
            return state.runs[run_id]

    def fault_next_registration(self, faults: RunnerFaults) -> None:
        """Give these faults to the next runner that is registered."""
        self.model.runners.fault_next(faults)

    def fail_next(self, endpoint: str, failure: Failure, times: int = 1) -> None:
        """Answer the next calls of an endpoint (a name in `calls`) with an error."""
        self._application.fail_next(endpoint, failure, times)

    def limit_rate(self, calls: int) -> None:
        """Refuse what goes beyond so many calls."""
        self._application.rate_limit = calls

    @property
    def held_polls(self) -> int:
        """How many runners' polls are being held at this moment."""
        return self._broker.held

    def drain(self, timeout: float = 30.0) -> bool:
        """Wait until every webhook was sent; False if that took longer."""
        return self.webhooks.drain(timeout)

    def publish_package(
        self, arch: Arch = Arch.X64, *, flaw: Flaw = Flaw.NONE, version: str | None = None
    ) -> PublishedPackage:
        """Offer the runner stand-in as the package for `arch`, with a flaw or without."""
        built = build(arch, flaw=flaw) if version is None else build(arch, flaw=flaw, version=version)
        tag = f"v{built.version}"
        package = PublishedPackage(
            arch=arch,
            version=built.version,
            filename=built.filename,
            url=f"{self.url}/actions/runner/releases/download/{tag}/{built.filename}",
            downloads_sha256=built.sha256,
            asset_sha256=built.sha256,
            notes_sha256=built.sha256,
            size=len(built.content),
        )
        self._app_routes.packages[f"{tag}/{built.filename}"] = built.content
        self.model.packages[arch] = package
        return package
