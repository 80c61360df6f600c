"""What an App is allowed is what our requests need: no request is missing from the table, no permission is too much."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain

import attrs
import pytest

from paddock.adapters.github import health
from paddock.adapters.github._http import HttpTransport
from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import AnonymousAuthority, AppCredentials
from paddock.adapters.github.client import GitHub, connect
from paddock.adapters.github.endpoints import Endpoints, endpoints_of
from paddock.adapters.github.identity import identify
from paddock.adapters.github.itself import AppItself
from paddock.adapters.github.manifest import Wanted, convert
from paddock.adapters.github.permissions import ENDPOINTS, EVENTS, PURPOSES, permissions_of
from paddock.adapters.github.webhook import Ignored, decode
from paddock.adapters.memory.github import JobScript
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.made_apps import MadeApp
from paddock.adapters.system import SystemChance, SystemClock, SystemSleeper
from paddock.core.errors import AccessDenied, InvalidInput, NotFound, Rejected
from paddock.core.ports.github import Scope
from paddock.core.settings import ScopeKind
from paddock.core.spec import Arch
from paddock.core.units import DAY
from tests.agent.standin_runner import LABELS, REPOSITORY
from tests.forwarding import Front, front

API = "/api/v3"


@attrs.frozen
class World:
    """An App that the manifest made, and a client that is it; each request passes the front."""

    standin: GitHubStandIn
    front: Front
    endpoints: Endpoints
    app: MadeApp
    github: GitHub
    kind: ScopeKind
    run: int
    job: int

    @property
    def scope(self) -> Scope:
        """Where its runners are registered."""
        return Scope("acme") if self.kind is ScopeKind.ORGANIZATION else Scope("acme", "app")

    @property
    def credentials(self) -> AppCredentials:
        """The App's."""
        return AppCredentials(str(self.app.id), self.app.pem)


@contextmanager
def world(kind: ScopeKind) -> Iterator[World]:
    """An App of the manifest for this scope, installed on an organisation with a job that failed and one that waits."""
    with GitHubStandIn() as standin, front(standin.url) as before:
        standin.add_repository(REPOSITORY)
        standin.model.add_runner_group("acme", 2, "big")
        run = standin.start_run(REPOSITORY, [JobScript("waits", LABELS)])
        assert standin.drain()
        endpoints = endpoints_of(before.url)
        wanted = Wanted(endpoints=endpoints, scope=kind, name="paddock-acme", org="acme")
        code = standin.apps.make(wanted.manifest("http://127.0.0.1:1/created"), "acme", "Organization")
        new = convert(endpoints, code, clock=SystemClock(), sleeper=SystemSleeper(), chance=SystemChance())
        app = standin.apps.by_id[new.id]
        app.installed.append("acme")
        with connect(
            endpoints, new.credentials, clock=SystemClock(), sleeper=SystemSleeper(), chance=SystemChance()
        ) as github:
            yield World(standin, before, endpoints, app, github, kind, run.run_id, run.job_ids[0])


def with_tokens(world: World) -> Iterator[Callable[[], object]]:
    """All that the client can do with tokens of the App's installations, one thing after the other."""
    github, scope, group = world.github, world.scope, 1
    if world.kind is ScopeKind.ORGANIZATION:
        group = 2
    yield lambda: github.runners.jit_config(scope, f"runner-{len(world.front.seen)}", ["a"], group)
    yield lambda: github.runners.registration(scope, group)
    found = world.standin.model.runners.register(scope, f"there-{len(world.front.seen)}", ["a"])
    yield lambda: github.runners.get(scope, found.id)
    yield lambda: github.runners.named(scope, found.name)
    yield lambda: list(github.runners.registered(scope))
    yield lambda: github.runners.delete(scope, found.id)
    yield lambda: github.releases.package(scope, Arch.X64)
    yield lambda: github.workflows.job(REPOSITORY, world.job)
    yield lambda: github.workflows.run(REPOSITORY, world.run)
    yield lambda: github.workflows.newest_run(REPOSITORY, world.standin.run(world.run).workflow_id, "main")
    yield lambda: list(github.workflows.unfinished_jobs(REPOSITORY))
    yield lambda: github.workflows.rerun_failed_jobs(REPOSITORY, world.run)
    yield lambda: github.workflows.cancel_run(REPOSITORY, world.run)
    yield lambda: github.workflows.report_rejection(REPOSITORY, "a" * 40, "no", "never")
    yield lambda: list(github.history.repositories("acme"))
    yield lambda: list(github.history.runs(REPOSITORY, 0, DAY))
    yield lambda: list(github.history.jobs(REPOSITORY, world.run))
    with HttpTransport("a test", environment=False) as transport:
        api = Api(world.endpoints.api, transport, AnonymousAuthority(), SystemClock())
        yield lambda: health.Asked(api).releases(scope)


def as_itself(world: World) -> Iterator[Callable[[], object]]:
    """All that it can do as the App itself, and when it asks who it is."""
    deliveries = world.github.deliveries
    assert deliveries is not None
    for delivery in deliveries.since(0):
        yield partial(deliveries.redeliver, delivery.id)
    with AppItself(
        world.endpoints, world.credentials, clock=SystemClock(), sleeper=SystemSleeper(), chance=SystemChance()
    ) as itself:
        yield itself.about
        yield itself.installations
        yield itself.webhook_url
        yield lambda: itself.set_webhook("https://ci.example.com/webhook")
    for targets in ((), (Scope("acme"),), (Scope("acme", "app"),), (Scope("nobody"),)):
        yield partial(identify, world.endpoints, world.credentials, targets, world.kind, SystemClock())


def denied(acts: Iterable[Callable[[], object]]) -> int:
    """Do all of it; how much of it the App may not do. What GitHub answers besides is no matter here."""
    count = 0
    for act in acts:
        try:
            with suppress(Rejected, NotFound):
                act()
        except AccessDenied as error:
            if "Resource not accessible by integration" not in str(error):
                raise
            count += 1
    return count


@pytest.mark.parametrize("kind", list(ScopeKind))
def test_every_request_is_in_the_table_and_every_row_is_a_request(kind: ScopeKind) -> None:
    """All that the client does as an App is served, and what it asks for are the table's rows for this scope."""
    with world(kind) as there:
        assert denied(chain(with_tokens(there), as_itself(there))) == 0
        asked = {(method, path.removeprefix(API)) for method, path in there.front.seen}
    rows = [row for row in ENDPOINTS if row.scope in (None, kind)]
    met = {row for row in rows for method, path in asked if row.serves(method, path)}
    assert [line for line in sorted(asked) if not any(row.serves(*line) for row in rows)] == []
    assert [row for row in rows if row not in met] == []


@pytest.mark.parametrize("kind", list(ScopeKind))
def test_no_permission_is_too_much(kind: ScopeKind) -> None:
    """Without any one of them, or with less of it, GitHub refuses something that we do."""
    least = permissions_of(kind)
    with world(kind) as there:
        assert there.app.permissions == least
        for name, level in least.items():
            lessened: list[Mapping[str, str]] = [{key: value for key, value in least.items() if key != name}]
            lessened += [{**least, name: "read"}] if level == "write" else []
            for permissions in lessened:
                there.app.permissions = permissions
                there.standin.credentials.revoke_all()
                assert denied(with_tokens(there)) > 0, permissions


def test_the_manifest_asks_for_what_the_table_needs() -> None:
    """Its permissions are the table's, each with a purpose to show; its events are those that we heed."""
    wanted = Wanted(endpoints=endpoints_of("https://github.com"), scope=ScopeKind.REPOSITORY, name="x")
    manifest = wanted.manifest("http://127.0.0.1:1/created")
    needed = {row.permission for row in ENDPOINTS if row.permission and row.scope is not ScopeKind.ORGANIZATION}
    assert set(manifest["default_permissions"]) == needed
    assert {row.permission for row in ENDPOINTS if row.permission} == set(PURPOSES)
    assert manifest["public"] is False
    for event in manifest["default_events"]:
        with pytest.raises(InvalidInput):  # it is read, and found to be empty
            decode(event, "1", b"{}", 0)
    assert isinstance(decode("check_run", "1", b"{}", 0), Ignored)
    assert set(manifest["default_events"]) == set(EVENTS)
