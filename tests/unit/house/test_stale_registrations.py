"""The net below every machine's end: registrations of ours whose machines are gone."""

from collections.abc import Callable, Iterator

import attrs
import pytest

from paddock.adapters.memory import ManualClock, MemoryDecisions, SeededChance, SequentialIds
from paddock.adapters.memory.bundles import memory_github, memory_table
from paddock.adapters.memory.github import MemoryGitHub, MemoryRunners
from paddock.core.errors import AccessDenied, Busy, NotFound, PaddockError, Throttled, Unavailable
from paddock.core.ports.github import RegisteredRunner, Scope
from paddock.core.runner import Runner, runner_name
from paddock.core.settings import FleetSettings, ScopeKind
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, Moment
from paddock.core.usecases.house.stale_registrations import (
    MOST_DELETED,
    MOST_LOOKED_AT,
    MOST_SCOPES,
    StaleRegistrations,
)
from paddock.core.usecases.record import machine_subject
from tests.strategies import NOON

APP = "acme/app"


class Denying(MemoryRunners):
    """GitHub, which refuses to list some scopes, or to delete anything."""

    def __init__(self, model: MemoryGitHub) -> None:
        super().__init__(model)
        self.denied: dict[str, PaddockError] = {}
        self.refusal: PaddockError | None = None
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def registered(self, scope: Scope) -> Iterator[RegisteredRunner]:
        """All runners of the scope; what happens `meanwhile` happens just after."""
        self.asked.append(str(scope))
        if str(scope) in self.denied:
            raise self.denied[str(scope)]
        found = list(super().registered(scope))
        self.meanwhile()
        return iter(found)

    def delete(self, scope: Scope, runner_id: int) -> bool:
        """Remove the registration."""
        if self.refusal is not None:
            raise self.refusal
        return super().delete(scope, runner_id)


class House:
    """A fleet's books, and GitHub."""

    def __init__(self, *repositories: str, scope: ScopeKind = ScopeKind.REPOSITORY) -> None:
        self.clock = ManualClock(NOON)
        self.table, self.decisions = memory_table(), MemoryDecisions()
        self.model = MemoryGitHub(clock=self.clock, ids=SequentialIds(), chance=SeededChance(1))
        self.github = Denying(self.model)
        self.settings = FleetSettings(repositories=repositories or (APP,), scope=scope)
        self.model.add_repository(APP)

    def registers(self, machine: str, *, repository: str = APP, suffix: str = "x") -> int:
        """A registration of a machine that is offline."""
        owner, name = repository.split("/")
        scope = Scope(owner, name if self.settings.scope is ScopeKind.REPOSITORY else "")
        return self.model.runners.register(scope, runner_name(machine, suffix), ("paddock",)).id

    def records(
        self, machine: str, gone_at: Moment | None, *, repository: str = APP, launched_at: Moment = NOON - 3 * HOUR
    ) -> None:
        """The machine's record, closed if it is gone."""
        state = RunnerState.BOOTING if gone_at is None else RunnerState.GONE
        record = Runner(machine, repository, (), "t", state=state, gone_at=gone_at, launched_at=launched_at)
        assert self.table.runners.add(record)

    def stale(self, machine: str, repository: str = APP) -> int:
        """A registration whose machine is gone for two hours."""
        self.records(machine, NOON - 2 * HOUR, repository=repository)
        return self.registers(machine, repository=repository)

    def run(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run."""
        task = StaleRegistrations(
            settings=self.settings,
            table=self.table,
            github=attrs.evolve(memory_github(self.model), runners=self.github),
            decisions=self.decisions,
            clock=self.clock,
        )
        return task(dry_run=dry_run, cursor=cursor)

    def verdicts(self, machine: str) -> list[str]:
        """What was decided about the machine."""
        return [one.verdict for one in self.decisions.about(machine_subject(machine))]

    @property
    def left(self) -> set[int]:
        """The registrations that GitHub has."""
        return set(self.model.state.runners)


def test_a_registration_whose_machine_is_gone_for_long_is_deleted() -> None:
    """Also a second one of the same machine, which its record never named; each is written down."""
    house = House()
    house.records("i-1", NOON - 2 * HOUR)
    house.registers("i-1", suffix="a")
    house.registers("i-1", suffix="b")
    report = house.run()
    assert not house.left
    assert report.by_kind == {"scopes": 1, "deleted": 2}
    assert (report.attempted, report.succeeded, report.failed, report.left) == (3, 3, 0, 0)
    assert (report.cursor, len(report.acts)) == ("", 2)
    assert house.verdicts("i-1") == ["registration_deleted"] * 2


def test_what_has_no_ended_record_of_ours_stays() -> None:
    """A neighbour's runner has a name like ours, a booting machine's is offline, and word of an end may be late."""
    house = House()
    house.registers("i-neighbour")
    house.records("i-boots", None)
    house.registers("i-boots")
    house.records("i-new", NOON - HOUR)
    house.registers("i-new")
    house.model.runners.register(Scope("acme", "app"), "their-own-runner", ("gpu",))
    marked = Runner("i-marked", APP, (), "t", launched_at=NOON - 3 * HOUR, gone_at=NOON - 2 * HOUR)
    house.table.runners.add(marked)  # its end is seen to by somebody at this moment
    house.registers("i-marked")
    report = house.run()
    assert len(house.left) == 5
    assert report.by_kind == {"scopes": 1, "unrecorded": 1, "live": 2, "recent": 1}
    house.clock.advance(1)
    assert house.run().by_kind["deleted"] == 1


def test_a_runner_that_listens_stays_however_long_its_record_is_closed() -> None:
    """GitHub's word stands against ours: it is another task that ends such a machine."""
    house = House()
    house.model.runners.connect(house.stale("i-1"))
    assert house.run().by_kind == {"scopes": 1}
    assert len(house.left) == 1


def test_what_came_to_life_after_the_listing_stays() -> None:
    """The listing of a large organisation takes a while: each is looked at again."""
    house = House()
    number, other = house.stale("i-1"), house.stale("i-2")
    house.github.meanwhile = lambda: (house.model.runners.connect(number), house.model.runners.delete(other))
    assert house.run().by_kind == {"scopes": 1, "in_use": 1}
    assert house.left == {number}
    assert house.verdicts("i-1") == house.verdicts("i-2") == []


def test_github_has_the_last_word() -> None:
    """It took a job between the look and the deletion."""
    house = House()
    house.stale("i-1")
    house.github.refusal = Busy("it works")
    report = house.run()
    assert (report.by_kind, report.failed) == ({"scopes": 1, "in_use": 1}, 0)


def test_a_dry_run_says_what_it_would_delete_and_deletes_nothing() -> None:
    """Nothing is written down either."""
    house = House()
    number = house.stale("i-1")
    report = house.run(dry_run=True)
    what, why = f"registration {number} (paddock--i-1--x) of acme/app", "its machine is gone since 2026-11-22T10:00:00Z"
    assert report.acts == (f"delete {what}: {why}",)
    assert (report.by_kind["deleted"], report.succeeded) == (1, 1)  # the scope was asked
    assert house.left == {number}
    assert not house.verdicts("i-1")


@pytest.mark.parametrize("error", [NotFound("renamed"), AccessDenied("not installed there")])
def test_a_scope_that_is_gone_or_denied_stops_no_other(error: PaddockError) -> None:
    """It is counted, and told."""
    house = House("acme/api", APP)
    house.github.denied["acme/api"] = error
    house.stale("i-1")
    report = house.run()
    assert not house.left
    assert (report.attempted, report.succeeded, report.failed) == (3, 2, 1)
    assert report.errors[0].startswith("acme/api: ")
    assert report.cursor == ""


@pytest.mark.parametrize("error", [Throttled("limit"), Unavailable("away")])
def test_a_run_ends_when_github_has_had_enough_and_the_next_one_begins_elsewhere(error: PaddockError) -> None:
    """So one scope whose listing always fails keeps none of the others from it for ever."""
    house = House("acme/a", "acme/app", "acme/b")
    house.github.denied["acme/a"] = error
    number = house.stale("i-1")
    report = house.run()
    assert (house.left, report.cursor, report.failed, report.left) == ({number}, "acme/app", 1, 0)
    assert house.run(cursor=report.cursor).cursor == ""
    assert not house.left
    assert house.github.asked == ["acme/a", "acme/app", "acme/b", "acme/a"]


def test_a_deletion_that_fails_stops_no_other_and_is_told() -> None:
    """The App may have lost a permission; it is tried again by the next run."""
    house = House()
    numbers = {house.stale("i-1"), house.stale("i-2")}
    house.github.refusal = AccessDenied("no")
    report = house.run()
    assert (report.attempted, report.succeeded, report.failed) == (3, 1, 2)
    assert house.left == numbers
    assert not house.verdicts("i-1")


def test_a_limit_that_is_met_at_a_deletion_ends_the_run_too() -> None:
    """Each further one would cost the calls that dispatch needs."""
    house = House(APP, "acme/z")
    house.model.add_repository("acme/z")
    numbers = {house.stale("i-1"), house.stale("i-2")}
    house.github.refusal = Throttled("limit")
    report = house.run()
    assert (house.left, report.cursor, report.failed, report.left) == (numbers, "acme/z", 1, 1)
    house.github.refusal = None
    assert house.run(cursor=report.cursor).by_kind["deleted"] == 2


@pytest.mark.parametrize("more", [0, 1, 5])
def test_with_more_scopes_than_a_run_may_ask_about_each_has_its_turn(more: int) -> None:
    """The cursor says where the next run goes on; also if that scope is no longer among them."""
    names = [f"acme/{number:03}" for number in range(MOST_SCOPES + more)]
    house = House(*names)
    report = house.run()
    assert len(house.github.asked) == MOST_SCOPES
    assert (report.left, report.cursor) == (0, names[MOST_SCOPES] if more else "")
    house.settings = FleetSettings(repositories=tuple(name for name in names if name != report.cursor))
    house.run(cursor=report.cursor)
    assert set(house.github.asked) == set(names) - {report.cursor}


def test_deletions_are_bounded_and_the_next_run_goes_on() -> None:
    """In the same scope, after the last one that was looked at."""
    house = House(APP, "acme/z")
    house.model.add_repository("acme/z")
    for number in range(MOST_DELETED + 2):
        house.stale(f"i-{number}")
    report = house.run()
    assert (report.by_kind["deleted"], len(house.left), report.left) == (MOST_DELETED, 2, 2)
    assert report.cursor.startswith("acme/app ")
    assert "acme/z" not in house.github.asked
    assert house.run(cursor=report.cursor).cursor == ""
    assert not house.left
    assert house.github.asked[-1] == "acme/z"


def test_a_neighbour_with_many_offline_runners_hides_none_of_ours() -> None:
    """So many may be looked at in a run; the next one begins behind them."""
    house = House()
    for number in range(MOST_LOOKED_AT):
        house.registers(f"i-neighbour-{number}")
    house.stale("i-1")
    report = house.run()
    assert (report.by_kind["unrecorded"], report.left) == (MOST_LOOKED_AT, 1)
    assert house.run(cursor=report.cursor).by_kind["deleted"] == 1


def test_repositories_that_only_a_glob_names_are_those_with_machines_of_a_day() -> None:
    """GitHub itself deletes what is older. A machine that nobody knows the repository of leads nowhere."""
    house = House("acme/*")
    for name in ("acme/old", "acme/app2"):
        house.model.add_repository(name)
    house.stale("i-1")
    house.records("i-2", NOON - 2 * HOUR, repository="acme/old", launched_at=NOON - DAY - 2 * MINUTE)
    house.records("i-3", NOON - 2 * HOUR, repository="acme/app2", launched_at=NOON - DAY + 2 * MINUTE)
    house.records("i-4", NOON - 2 * HOUR, repository="")
    house.run()
    assert house.github.asked == ["acme/app", "acme/app2"]


@pytest.mark.parametrize("pattern", ["acme/*", "ACME/app", "*"])
def test_an_organisation_is_asked_once_for_all_of_its_repositories(pattern: str) -> None:
    """However its repositories are named."""
    house = House(pattern, scope=ScopeKind.ORGANIZATION)
    house.stale("i-1")
    assert house.run().by_kind == {"scopes": 1, "deleted": 1}
    assert [name.casefold() for name in house.github.asked] == ["acme"]
