"""Housekeeping is bounded: however much there is to do, and however much has ended, a run makes so many calls."""

from datetime import timedelta

import attrs
import pytest

from paddock.adapters.memory.github.scripts import JobScript
from paddock.core.job import Job, JobFacts
from paddock.core.pools.pool import Pool
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.task import Task, TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, datetime_of
from paddock.core.usecases.costs.reports import MOST_DAYS
from paddock.core.usecases.house.dead_letters import MOST_PUT_BACK
from paddock.core.usecases.house.old_jobs import MOST_JOBS, MOST_OBJECTS
from paddock.core.usecases.house.quarantine import MOST_ASKED, MOST_PAGES
from paddock.core.usecases.house.stale_registrations import MOST_DELETED, MOST_LOOKED_AT, MOST_SCOPES
from paddock.core.usecases.house.sweep import MOST_ACTS, MOST_CLOSED
from paddock.core.usecases.house.sweep_github import MOST_ADOPTED, MOST_REDELIVERIES, MOST_REPOSITORIES
from tests.world.housekeeping_budgets import A_CLOSED, AN_ACT, RUN, budgets, waits
from tests.world.large_house import NOW, POOL, SMALL, LargeHouse, Size, load_of

NAMES = tuple(f"acme/app-{number}" for number in range(10))
SETTINGS = FleetSettings(repositories=(*NAMES, "acme/*"))
QUIET = Size(machines=60, jobs=40, ended=0, old=0, hour=10, failed=0, dead=0, stale=0, repositories=len(NAMES))
TASKS = ("sweep", "sweep_github", "dead_letters", "stale_registrations", "quarantined", "old_jobs", "cost_report")


def fleet(**size: int) -> LargeHouse:
    """A fleet in which all is well, but for what is said of it."""
    return LargeHouse(attrs.evolve(QUIET, **size), SETTINGS)


def within(house: LargeHouse, task: str) -> TaskReport:
    """What a run of the task says, which must have kept to its budget."""
    budget = budgets(load_of(house))[task]
    report = house.run(task).report
    assert report is not None
    assert not report.errors
    assert house.meter.pages <= budget.pages, house.meter.calls
    assert house.meter.total <= budget.calls, house.meter.calls
    assert waits(house.meter.total, house.meter.of("github.")) <= RUN, house.meter.calls
    return report


def test_the_house_has_every_task_but_the_one_that_needs_the_network() -> None:
    """A task that is new must be bounded here too."""
    house = fleet()
    assert tuple(house.housekeeping().names) == TASKS == tuple(budgets(load_of(house)))


@pytest.mark.parametrize("task", TASKS)
def test_a_quiet_fleet_is_in_order_as_it_is_built(task: str) -> None:
    """Else its figures would be those of some repair."""
    report = within(fleet(ended=30), task)
    assert report.succeeded == {"sweep_github": 10, "stale_registrations": 10, "cost_report": 1}.get(task, 0)
    assert report.left == 0


@pytest.mark.parametrize("task", [task for task in TASKS if task not in {"old_jobs", "cost_report"}])
def test_what_has_ended_costs_nothing(task: str) -> None:
    """A table keeps jobs and machines for a quarter of a year, and sweeps come every minute."""
    few, many = (fleet(ended=ended, old=ended // 2) for ended in (40, 2_000))
    for house in (few, many):
        within(house, task)
    assert many.meter.calls == few.meter.calls


def test_a_sweep_closes_so_many_records_of_machines_that_are_gone() -> None:
    """One by one it asks about each; those that served their jobs are closed together."""
    house, lost = fleet(), Runner("", NAMES[0], SMALL, "t", launched_at=NOW - HOUR)
    for number in range(2 * MOST_ACTS):
        house.table.runners.add(attrs.evolve(lost, machine=f"i-lost{number}"))
    assert within(house, "sweep").by_kind == {"CloseMachine": MOST_ACTS}
    assert house.meter.total <= house.meter.pages + MOST_ACTS * AN_ACT
    served = attrs.evolve(lost, state=RunnerState.DRAINING, result=OperationalResult.SERVED, idle_at=NOW - MINUTE)
    for number in range(MOST_CLOSED + 2 * MOST_ACTS):
        machine = attrs.evolve(served, machine=f"i-served{number}", assigned_job=number, served_job=number)
        house.table.runners.add(machine)
    report = within(house, "sweep")
    assert (report.by_kind, report.left) == ({"CloseMachine": MOST_CLOSED + MOST_ACTS}, 2 * MOST_ACTS)
    assert house.meter.total <= house.meter.pages + MOST_CLOSED * A_CLOSED + MOST_ACTS * AN_ACT


def test_a_sweep_ends_so_many_machines() -> None:
    """All that boot and all that are ready are silent for too long; those that run jobs are left alone."""
    house = fleet(machines=400, jobs=300)
    house.clock.advance(20 * MINUTE)
    assert within(house, "sweep").by_kind == {"EndMachine": MOST_ACTS, "WakeJob": 15}
    assert house.meter.calls["machines.terminate"] == MOST_ACTS


def test_the_comparison_with_github_takes_in_so_many_jobs() -> None:
    """The others stay in GitHub's queue, and are left to the next run. Nobody else's job is counted among them."""
    house = fleet()
    house.model.start_run(NAMES[0], [JobScript(f"job {place}", SMALL) for place in range(MOST_ADOPTED + 7)])
    house.model.start_run(NAMES[0], [JobScript("elsewhere", ("ubuntu-latest",))])
    report = within(house, "sweep_github")
    assert (report.by_kind["adopted"], report.left) == (MOST_ADOPTED, 7)
    assert house.jobs.depth().waiting == MOST_ADOPTED


def test_the_comparison_with_github_asks_so_many_deliveries_again_and_so_many_repositories() -> None:
    """GitHub's limit is shared with dispatch."""
    house = LargeHouse(attrs.evolve(QUIET, repositories=60, jobs=240, machines=240, hour=2_000, failed=160))
    report = within(house, "sweep_github")
    assert report.by_kind["redelivered"] == MOST_REDELIVERIES
    assert report.by_kind["repositories"] == MOST_REPOSITORIES


def test_registrations_are_looked_at_and_deleted_in_bounds() -> None:
    """In one scope, and in many."""
    house = fleet()
    for number in range(MOST_DELETED + 10):
        house.stale(number, NAMES[0])
    assert within(house, "stale_registrations").by_kind["deleted"] == MOST_DELETED
    neighbour = fleet(machines=MOST_LOOKED_AT + 40)
    for runner in neighbour.table.runners.page("live", "live", limit=2_000).items:
        neighbour.model.runners.disconnect(runner.runner_id or 0)
    assert within(neighbour, "stale_registrations").by_kind["live"] == MOST_LOOKED_AT
    scattered = fleet(repositories=60, stale=60)
    assert within(scattered, "stale_registrations").by_kind["scopes"] == MOST_SCOPES


def test_so_many_jobs_in_quarantine_are_asked_about() -> None:
    """Those that GitHub does not know cost a write more, and a word once it has said so twice."""
    house = fleet()
    for number in range(9_000, 9_000 + 100 * MOST_PAGES + 70):
        facts = JobFacts(number, number, NAMES[0], SMALL, created_at=NOW - MINUTE)
        house.table.jobs.add(Job(facts, state=JobState.ABANDONED))
    report = within(house, "quarantined")
    assert (report.by_kind, report.left) == ({"unanswered": MOST_ASKED}, 100 * MOST_PAGES)
    report = within(house, "quarantined")  # what stands on the pages that were not read
    assert (report.by_kind, report.left) == ({"unanswered": MOST_ASKED}, 70)
    assert within(house, "quarantined").by_kind == {"unanswered": MOST_ASKED}


def test_so_many_objects_are_archived() -> None:
    """Each day is one at least, however few jobs it had; the next run goes on there, and reads nothing twice."""
    house = fleet()
    for number in range(MOST_OBJECTS + 3):
        house.ended(number, NOW - (50 - number) * DAY)
    report = within(house, "old_jobs")
    assert (report.succeeded, report.left) == (MOST_OBJECTS, 1)
    assert within(house, "old_jobs").succeeded == 3
    house = fleet(ended=2 * MOST_JOBS + 100, old=2 * MOST_JOBS + 100)
    assert within(house, "old_jobs").by_kind == {"finished": 2 * MOST_JOBS + 100}
    assert within(house, "old_jobs").succeeded == 0
    assert house.meter.calls == {"table.jobs.page": 1}


def test_so_many_dead_letters_are_put_back() -> None:
    """On each queue."""
    house = fleet(dead=MOST_PUT_BACK + 5)
    report = within(house, "dead_letters")
    assert (report.by_kind, report.left) == ({"put_back": 2 * MOST_PUT_BACK}, 10)


def test_costs_are_reported_in_pages_however_many_machines_there_were() -> None:
    """Also where days were missed: some a run, each of which reads the bills of its own day and of those since."""
    house = fleet(booked=2_500)
    assert within(house, "cost_report").succeeded == 1
    assert house.meter.calls["table.ledger.page"] == 3 + 2
    assert within(house, "cost_report").attempted == 0
    house = fleet(booked=2_500)
    yesterday = datetime_of(NOW).date() - timedelta(days=1)
    house.table.tasks.add(Task("cost_report", cursor=(yesterday - timedelta(days=MOST_DAYS + 2)).isoformat()))
    report = within(house, "cost_report")
    assert (report.by_kind["days"], report.left) == (MOST_DAYS, 2)


def test_pools_are_audited_in_pages_and_in_bounds() -> None:
    """Bills are read newest first; a pool that has a machine in each of them has its day whole."""
    pools = {POOL: Pool(POOL, RunnerSpec())}
    house = LargeHouse(attrs.evolve(QUIET, booked=2_500), attrs.evolve(SETTINGS, pools=pools))
    report = within(house, "pool_audit")
    assert report.by_kind == {"audited": 1, "written": 2}
    assert house.meter.calls["table.ledger.page"] == 3 + 7
