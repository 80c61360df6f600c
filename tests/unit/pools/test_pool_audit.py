"""The task ``pool_audit``: what pools did on the day before, told and kept."""

import json

import attrs
import pytest

from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Rates
from paddock.core.errors import Unavailable
from paddock.core.pools.pool import Pool, Stock
from paddock.core.pools.schedule import Targets
from paddock.core.pools.standing import PoolAim, StandingChange, StandingIs
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from paddock.core.usecases.pools.audit import AuditPools
from tests.faults import Failing
from tests.world.large_house import LargeHouse, Size
from tests.world.pool_past import AUTO, BY_HAND, NOW, Past

MIDNIGHT = NOW - MINUTE
DAY_BEFORE = MIDNIGHT - DAY
KEYS = ["pools/2026/12/20.json", "pools/2026/12/20.md"]


def audit(past: Past, *, dry_run: bool = False, archive: bool = True, most_bills: int = 1_000) -> TaskReport:
    """A run of the task."""
    objects = past.objects if archive else None
    task = AuditPools(
        settings=past.settings, table=past.table, objects=objects, clock=past.clock, most_bills=most_bills
    )
    report = task(dry_run=dry_run)
    assert (report.attempted, report.failed) == (report.succeeded + report.failed, len(report.errors))
    return report


def text(past: Past, key: str) -> str:
    """What is stored there."""
    with past.objects.open(key) as content:
        return content.read().decode()


def keys(past: Past) -> list[str]:
    """What is stored."""
    return [listed.key for listed in past.objects.page("").items]


def test_a_day_is_told_and_kept_for_people_and_for_scripts() -> None:
    """Machines as they are now; jobs, hits and costs of the day before and of seven days; a sentence for each pool."""
    past = Past()
    used = past.machine(DAY_BEFORE + HOUR, idle=HOUR, job=HOUR)
    past.machine(DAY_BEFORE + HOUR, stock=None)
    past.machine(DAY_BEFORE - DAY, idle=HOUR, job=HOUR)
    past.machine(DAY_BEFORE - 8 * DAY)
    past.machine(MIDNIGHT + SECOND, job=SECOND)
    for state in (RunnerState.READY, RunnerState.BOOTING, RunnerState.STOPPED):
        past.spare(state, since=MIDNIGHT)
    past.taken(since=MIDNIGHT)
    report = audit(past)
    assert (report.by_kind, report.errors, report.left) == ({"audited": 2, "written": 2}, (), 0)
    assert keys(past) == KEYS
    data = json.loads(text(past, KEYS[0]))
    assert (data["version"], data["day"]) == (1, "2026-12-20")
    web, big = data["pools"]
    assert (web["running"], web["idle"], web["stopped"]) == (3, 2, 1)
    day = web["day"]
    assert day["jobs"] == {"hot": 1, "stopped": 0, "overflow": 1}
    assert (day["hits_percent"], day["utilisation_percent"], day["busy_s"]) == (50, 49, 3_600)
    entries = bill_of(used, None, Rates()).entries
    assert day["cost_micro_usd"] == sum(entry.amount or 0 for entry in entries)
    assert day["compute_cost_micro_usd"] == sum(entry.compute or 0 for entry in entries)
    assert day["idle_cost_micro_usd"] == sum(entry.amount or 0 for entry in entries[:2])
    assert web["week"]["jobs"] == {"hot": 2, "stopped": 0, "overflow": 1}
    assert (big["running"], big["day"]["hits_percent"]) == (0, None)
    first, second = report.acts
    assert first.startswith("pool web: 2 jobs, 50 % of them on a machine of the pool; used 49 % of its time awake")
    assert "now 3 running (2 idle), 1 stopped" in first
    assert second.startswith("pool big: 0 jobs")
    page = text(past, KEYS[1])
    assert "# Pools on 2026-12-20 (UTC)" in page
    assert "| web | 2 | 50 % | 1 | 0 | 1 | 49 % |" in page
    assert "| web | 3 | 66 % | 2 | 0 | 1 | 49 % |" in page


def test_every_row_of_the_page_has_as_many_cells_as_its_head() -> None:
    """What is between two rules is a table to whoever renders it."""
    past = Past()
    past.machine(DAY_BEFORE)
    audit(past)
    tables = [part.splitlines() for part in text(past, KEYS[1]).split("\n\n") if part.startswith("|")]
    assert [len(table) for table in tables] == [4, 4, 4]
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)


def test_what_wants_an_operator_is_told() -> None:
    """Why nothing is launched, machines that never come up, unknown prices, a pool that was never looked at."""
    past = Past()
    aim = PoolAim(RunnerSpec(spot=False, pool="web"), Targets(2, 1), barred="launching is\npaused")
    past.table.pools.update("web", StandingIs(), StandingChange(aim=aim, failures=3))
    past.table.runners.add(attrs.evolve(past.spare(RunnerState.READY), machine="i-unpriced", price=None))
    report = audit(past)
    assert "launching is\npaused; 3 of its machines in a row never came up; of 2 intervals" in report.acts[0]
    assert "the fleet has not looked at it yet" in report.acts[1]
    page = text(past, KEYS[1])
    assert "| web | 2 hot, 1 stopped |" in page
    assert "* web: launching is paused\n" in page
    assert json.loads(text(past, KEYS[0]))["pools"][0]["wanted"] == {"hot": 2, "stopped": 1}


def test_without_an_archive_the_report_tells() -> None:
    """It is the same, and is kept on the task's record."""
    past = Past()
    report = audit(past, archive=False)
    assert (report.by_kind, len(report.acts), keys(past)) == ({"audited": 2}, 2, [])


def test_a_dry_run_keeps_nothing() -> None:
    """It says what it would put."""
    past = Past()
    report = audit(past, dry_run=True)
    assert [act for act in report.acts if act.startswith("put ")] == [
        "put pools/2026/12/20.md",
        "put pools/2026/12/20.json",
    ]
    assert keys(past) == []


def test_what_could_not_be_kept_is_left_to_the_next_run() -> None:
    """So that it is due again before the day is over; the pools are told all the same."""
    past = Past()
    failing = Failing({"objects.put": Unavailable("away")})
    past.objects = failing.around("objects", past.objects)  # type: ignore[assignment]
    report = audit(past)
    assert (report.failed, report.left, len(report.acts)) == (2, 2, 2)
    failing.errors.clear()
    assert audit(past).left == 0
    assert keys(past) == KEYS


def test_more_bills_than_are_read_shorten_the_week_and_then_the_day_has_none() -> None:
    """Half of an account would be a wrong one: which days are counted is told, and a day is whole or missing."""
    past = Past(AUTO)
    for day in (1, 2, 3):
        past.machine(MIDNIGHT - day * DAY + HOUR)
    (told,) = audit(past, most_bills=2).acts
    assert told.endswith("the seven days are counted from 2026-12-19T00:00:00Z on: there are too many bills")
    week = json.loads(text(past, KEYS[0]))["pools"][0]["week"]
    assert (week["since"], week["jobs"]["hot"]) == ("2026-12-19T00:00:00Z", 2)
    report = audit(past, most_bills=0)
    assert (report.failed, report.acts) == (1, ())
    assert "more than 0 machines ended since 2026-12-20T00:00:00Z" in report.errors[0]


def test_a_machine_whose_bill_is_written_as_the_run_reads_is_counted_once() -> None:
    """It lives as machines are listed, and is billed as bills are."""
    past = Past(AUTO)
    runner = past.machine(DAY_BEFORE + HOUR)
    past.table.runners.add(attrs.evolve(runner, state=RunnerState.BUSY, gone_at=None))
    audit(past)
    assert json.loads(text(past, KEYS[0]))["pools"][0]["day"]["jobs"]["hot"] == 1


@pytest.mark.parametrize(("pools", "tasks"), [({}, []), ({"big": BY_HAND}, ["pools", "pool_audit", "pool_sizing"])])
def test_a_fleet_without_pools_has_no_such_tasks(pools: dict[str, Pool], tasks: list[str]) -> None:
    """As it has no task ``pools``; where there are pools, what is to be sized is audited before."""
    size = Size(machines=0, jobs=0, ended=0, old=0, hour=0, failed=0, dead=0, stale=0, repositories=1)
    names = LargeHouse(size, FleetSettings(pools=pools)).housekeeping().names
    assert [name for name in names if name.startswith("pool")] == tasks


def test_stock_is_not_needed_for_overflow() -> None:
    """Overflow is counted among jobs, and costs the pool nothing."""
    past = Past(AUTO)
    past.machine(DAY_BEFORE + HOUR, stock=None)
    past.machine(DAY_BEFORE + HOUR, stock=Stock.STOPPED, job=0, idle=MINUTE)
    audit(past)
    day = json.loads(text(past, KEYS[0]))["pools"][0]["day"]
    assert (day["jobs"]["overflow"], day["idle_s"], day["busy_s"]) == (1, 90, 0)
