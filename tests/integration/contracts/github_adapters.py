"""The adapters of the GitHub ports. To add one: a context manager that opens it, and a line in ``ADAPTERS``.

Whatever stands between, the world behind it is a `MemoryGitHub`: a test arranges it there.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import attrs

from paddock.adapters.github.auth import AppCredentials, Credentials, TokenCredentials
from paddock.adapters.github.client import connect
from paddock.adapters.github.deliveries import Hook
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.memory.github import (
    MemoryDeliveries,
    MemoryGitHub,
    MemoryReleases,
    MemoryRunners,
    MemoryWorkflows,
    PublishedPackage,
)
from paddock.adapters.memory.system import ManualClock, ManualSleeper, SeededChance, SequentialIds
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.rest_app import HOOK_ID
from paddock.core.ports.github import Deliveries, Releases, Runners, Scope, Workflows
from paddock.core.spec import Arch
from paddock.core.units import MINUTE
from tests.strategies import NOON

REPOSITORY = "acme/app"
OTHER = "acme/other"
SCOPE = Scope("acme", "app")
ORGANISATION = Scope("acme")
DIGEST = "5" * 64


@attrs.frozen
class GitHubUnderTest:
    """The four ports, and the world behind them: two repositories of one organisation, a package, a clock at noon."""

    model: MemoryGitHub
    clock: ManualClock
    runners: Runners
    workflows: Workflows
    deliveries: Deliveries
    releases: Releases


OpenGitHub: TypeAlias = Callable[[], AbstractContextManager[GitHubUnderTest]]


def arrange(model: MemoryGitHub) -> None:
    """What every test finds."""
    model.add_repository(REPOSITORY)
    model.add_repository(OTHER)
    publish(model)


def publish(
    model: MemoryGitHub, downloads: str | None = DIGEST, asset: str | None = DIGEST, notes: str | None = DIGEST
) -> None:
    """Offer a package whose digest is published as given."""
    name = "actions-runner-linux-x64-2.336.0.tar.gz"
    url = f"http://127.0.0.1:9/{name}"
    model.packages.clear()
    model.packages[Arch.X64] = PublishedPackage(Arch.X64, "2.336.0", name, url, downloads, asset, notes)


@contextmanager
def memory() -> Iterator[GitHubUnderTest]:
    clock = ManualClock(NOON)
    model = MemoryGitHub(clock=clock, ids=SequentialIds(), chance=SeededChance(1))
    arrange(model)
    yield GitHubUnderTest(
        model, clock, MemoryRunners(model), MemoryWorkflows(model), MemoryDeliveries(model), MemoryReleases(model)
    )


@contextmanager
def _client(*, app: bool) -> Iterator[GitHubUnderTest]:
    clock = ManualClock(NOON)
    with GitHubStandIn(clock=clock, ids=SequentialIds(), chance=SeededChance(1)) as standin:
        # Deliveries are the model's own affair here: every event is logged as received, at once.
        standin.model.state.listeners[:] = [lambda event: standin.model.deliveries.record(event, 200)]
        arrange(standin.model)
        hooks: tuple[Hook, ...] = ()
        credentials: Credentials
        if app:
            credentials = AppCredentials(str(standin.credentials.app_id), standin.credentials.private_key)
        else:
            credentials = TokenCredentials(standin.credentials.personal_token)
            hooks = (Hook(ORGANISATION, HOOK_ID),)
        endpoints = endpoints_of(standin.url)
        sleeper, chance = ManualSleeper(ManualClock(NOON)), SeededChance(1)
        with connect(endpoints, credentials, clock=clock, sleeper=sleeper, chance=chance, hooks=hooks) as github:
            assert github.deliveries is not None
            yield GitHubUnderTest(
                standin.model, clock, github.runners, github.workflows, github.deliveries, github.releases
            )


def client_with_app() -> AbstractContextManager[GitHubUnderTest]:
    return _client(app=True)


def client_with_token() -> AbstractContextManager[GitHubUnderTest]:
    return _client(app=False)


ADAPTERS: dict[str, OpenGitHub] = {"memory": memory, "app": client_with_app, "token": client_with_token}

A_WHILE = MINUTE
