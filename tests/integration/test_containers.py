"""The composition roots: every provider of every profile gives what stands behind its port."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
from dependency_injector import containers
from dependency_injector.errors import Error

from paddock.adapters.config import Config
from paddock.adapters.config.values import Hook as HookSetting
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.adapters.github.no_deliveries import NoDeliveries
from paddock.adapters.memory.assignments import MemoryAssignments
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.machines import MemoryMachines
from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.memory.system import ManualClock, SeededChance, SequentialIds
from paddock.adapters.process import FileAssignments, LocalMachines, Mailbox
from paddock.adapters.sqlite import Database, SqliteDecisions, SqliteQueue
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.adapters.threads import Threads
from paddock.core.errors import InvalidInput
from paddock.core.fleet import Fleet
from paddock.core.job import JobFacts
from paddock.core.messages import JobRequested
from paddock.core.ports import github, stores
from paddock.core.settings import FleetSettings, Limits
from paddock.core.usecases.explain import Explain
from paddock.core.usecases.house.housekeeping import Housekeeping
from paddock.core.usecases.house.mirror import Mirror
from paddock.core.usecases.operate import Operate
from paddock.entrypoints.containers import LocalProfile, MemoryProfile, open_state
from paddock.entrypoints.local.fleet import LocalFleet
from paddock.entrypoints.local.places import Places
from paddock.entrypoints.webhook import WebhookEndpoint
from tests.local_fleet import QUICK, config_of
from tests.strategies import NOON
from tests.world.pool_past import BY_HAND

MEMORY: Mapping[str, type] = {
    "settings": FleetSettings,
    "clock": ManualClock,
    "ids": SequentialIds,
    "chance": SeededChance,
    "table": stores.Table,
    "jobs": MemoryQueue,
    "events": MemoryQueue,
    "decisions": MemoryDecisions,
    "assignments": MemoryAssignments,
    "machines": MemoryMachines,
    "model": MemoryGitHub,
    "github": github.GitHub,
    "fleet": Fleet,
}
LOCAL: Mapping[str, Any] = {
    "config": Config,
    "settings": FleetSettings,
    "clock": SystemClock,
    "sleeper": SystemSleeper,
    "ids": RandomIds,
    "chance": SystemChance,
    "places": Places,
    "database": Database,
    "table": stores.Table,
    "jobs": SqliteQueue,
    "events": SqliteQueue,
    "decisions": SqliteDecisions,
    "client": GitHubClient,
    "github": github.GitHub,
    "machines": LocalMachines,
    "assignments": FileAssignments,
    "mailbox": Mailbox,
    "several": Threads,
    "mirror": Mirror,
    "keeping": Housekeeping,
    "fleet": Fleet,
    "secrets": Callable,
    "webhook": WebhookEndpoint,
    "app": Callable,
    "local_fleet": LocalFleet,
}
PORTS: Mapping[str, type] = {
    "runners": github.Runners,
    "workflows": github.Workflows,
    "deliveries": github.Deliveries,
    "releases": github.Releases,
}


@pytest.fixture
def of(tmp_path: Path) -> Iterator[Config]:
    """A configuration, of a GitHub that nobody asks anything here."""
    with GitHubStandIn() as standin:
        yield config_of(tmp_path / "state", standin)


@pytest.fixture
def local(of: Config) -> Iterator[LocalProfile]:
    """The profile of a fleet on this machine."""
    profile = LocalProfile(config=of)
    with ExitStack() as cleanup:
        cleanup.callback(lambda: profile.local_fleet().stop())
        cleanup.callback(lambda: profile.database().close())
        cleanup.callback(lambda: profile.client().close())
        yield profile


def made(profile: containers.Container, name: str) -> Any:  # noqa: ANN401 - whatever it is
    """What the provider gives."""
    return profile.providers[name]()


def test_the_tables_here_are_whole() -> None:
    """Each profile's providers are exactly those that are checked below: a new one must be added here."""
    assert set(MemoryProfile.providers) == set(MEMORY)
    assert set(LocalProfile.providers) == set(LOCAL)


@pytest.mark.parametrize("name", MEMORY)
def test_every_provider_of_the_memory_profile(name: str) -> None:
    """It gives an instance of the adapter, and the same one again."""
    profile = MemoryProfile()
    assert isinstance(made(profile, name), MEMORY[name])
    assert made(profile, name) is made(profile, name)


@pytest.mark.parametrize("name", LOCAL)
def test_every_provider_of_the_local_profile(local: LocalProfile, name: str) -> None:
    """It gives an instance of the adapter, and the same one again."""
    assert isinstance(made(local, name), LOCAL[name])
    assert made(local, name) is made(local, name)


def test_reports_on_pools_are_files_in_the_state_directory(of: Config) -> None:
    """Where old jobs are archived, too; a fleet without pools has no such task."""
    pools = {BY_HAND.name: BY_HAND}
    profile = LocalProfile(config=attrs.evolve(of, settings=attrs.evolve(of.settings, pools=pools)))
    with ExitStack() as cleanup:
        cleanup.callback(lambda: profile.database().close())
        cleanup.callback(lambda: profile.client().close())
        run = profile.keeping().run("pool_audit")
        assert run is not None
        assert run.report.by_kind == {"audited": 1, "written": 2}
        found = sorted(path.suffix for path in (profile.places().archive / "pools").rglob("*.*"))
        assert found == [".json", ".md"]


@pytest.mark.parametrize("profile_name", ["memory", "local"])
def test_bundles_hold_a_store_for_every_port(local: LocalProfile, profile_name: str) -> None:
    """The table and GitHub are bundles of ports: each of their parts has its port's methods."""
    profile: Any = MemoryProfile() if profile_name == "memory" else local
    table = profile.table()
    for field in attrs.fields(stores.Table):
        store = getattr(table, field.name)
        if field.name == "together":
            assert store.write([])
            continue
        assert {"add", "get", "update", "page"} <= set(dir(store)), field.name
        assert list(store.page("all", "none").items if field.name in {"jobs", "pools"} else []) == []
    for part, port in PORTS.items():
        methods = {name for name in vars(port) if not name.startswith("_")}
        assert methods
        assert methods <= set(dir(getattr(profile.github(), part))), part


def test_the_two_queues_are_two(local: LocalProfile) -> None:
    """A message for one queue never comes out of the other."""
    memory = MemoryProfile()
    assert id(memory.jobs()) != id(memory.events())
    local.jobs().send([JobRequested(JobFacts(1, 1, "acme/shop", ("paddock",)), NOON)])
    assert local.jobs().depth().waiting == 1
    assert local.events().depth().waiting == 0


def test_two_profiles_share_nothing() -> None:
    """Two fleets in one process are two."""
    one, other = MemoryProfile(), MemoryProfile()
    assert one.table() is not other.table()
    assert one.fleet() is not other.fleet()


def test_slots_are_a_limit_on_machines(of: Config, local: LocalProfile) -> None:
    """The box's slots and the operator's limit: the smaller one counts, so that jobs wait instead of failing."""
    assert local.settings().limits.machines == of.local.slots
    for wanted, slots, expected in [(2, 4, 2), (9, 4, 4), (None, 3, 3)]:
        changed = attrs.evolve(
            of,
            settings=attrs.evolve(QUICK, limits=Limits(machines=wanted)),
            local=attrs.evolve(of.local, slots=slots),
        )
        assert LocalProfile(config=changed).settings().limits.machines == expected


def test_hooks_bring_their_delivery_log(of: Config) -> None:
    """A token without hooks has no delivery log to read; with hooks it has one."""
    token = attrs.evolve(of.github.webhook_secrets[0], field="github.token", file=of.local.state / "token")
    plain = attrs.evolve(of, github=attrs.evolve(of.github, app=None, token=token))
    hooked = attrs.evolve(plain, github=attrs.evolve(plain.github, hooks=(HookSetting("acme/shop", 42),)))
    for config, is_none in [(plain, True), (hooked, False)]:
        profile = LocalProfile(config=config)
        try:
            assert isinstance(profile.github().deliveries, NoDeliveries) is is_none
        finally:
            profile.client().close()


def test_wiring_that_is_misspelt_fails() -> None:
    """An override of a name that no provider has is an error, not a provider that nobody asks."""
    with pytest.raises((AttributeError, Error, TypeError)):
        MemoryProfile(clocks=ManualClock()).fleet()


def test_a_profile_without_a_configuration_fails_at_once() -> None:
    """Nothing stands in for a configuration that was forgotten, or for one of another type."""
    with pytest.raises(Error, match="config"):
        LocalProfile().places()
    with pytest.raises(Error):
        LocalProfile(config="paddock.yml").places()


def test_open_state_reads_what_the_fleet_writes(local: LocalProfile, of: Config) -> None:
    """Beside a fleet that may run: its records, stories and switches, and nothing of GitHub or machines."""
    local.fleet().operate.pause("for a look")
    opened = open_state(Places(of.local.state))
    try:
        assert isinstance(opened.explain, Explain)
        assert isinstance(opened.operate, Operate)
        switch = opened.table.switches.get("paused")
        assert switch is not None
        assert switch.reason == "for a look"
        assert list(opened.table.jobs.page("live", "queued").items) == []
    finally:
        opened.close()


def test_open_state_of_a_place_that_is_not_there(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(InvalidInput, match="nowhere"):
        open_state(Places(tmp_path / "nowhere"))
