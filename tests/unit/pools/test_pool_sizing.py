"""The task ``pool_sizing``: pools that follow demand get their targets from it, and the others are left alone."""

from collections.abc import Callable, Sequence

import attrs
import pytest

from paddock.adapters.simulation.wires import wired
from paddock.core.errors import Unavailable
from paddock.core.pools.pool import Bounds, Pool, Stock
from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.pools.standing import PoolStanding, StandingChange, StandingIs
from paddock.core.ports.several import IN_TURN
from paddock.core.sizing.replay import HITS_PER_CENT
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from paddock.core.usecases.pools.demand import Looked, PoolDemand
from paddock.core.usecases.pools.keep import in_force
from paddock.core.usecases.pools.sizing import LOOKED_BACK, SizePools
from tests.faults import Between, Failing
from tests.world.demands import MONDAY
from tests.world.large_house import Meter
from tests.world.pool_past import AUTO, BY_HAND, NOW, Past

MIDNIGHT = NOW - MINUTE


def size(past: Past, *, dry_run: bool = False, most_bills: int = 100_000, most_asked: int = 100) -> TaskReport:
    """A run of the task."""
    demand = PoolDemand(table=past.table, most_bills=most_bills, most_asked=most_asked)
    report = SizePools(settings=past.settings, table=past.table, clock=past.clock, demand=demand)(dry_run=dry_run)
    assert (report.attempted, report.failed) == (report.succeeded + report.failed, len(report.errors))
    return report


def looked(past: Past, *, most_bills: int = 100_000, most_asked: int = 100, step: int = DAY) -> Looked:
    """What is read of the pool web."""
    demand = PoolDemand(table=past.table, most_bills=most_bills, most_asked=most_asked)
    return demand([past.standing("web")], LOOKED_BACK, past.clock.now(), step)["web"]


def test_demand_becomes_targets_windows_and_evidence_on_the_pools_record() -> None:
    """Office hours of four weeks; the pools' own task then has those in force."""
    past = Past()
    jobs = past.office_hours()
    report = size(past)
    assert (report.by_kind, report.errors) == ({"changed": 1}, ())
    standing = past.standing("web")
    assert standing.targets == Targets()
    assert standing.sized_at == NOW
    assert standing.schedule is not None
    assert {one.name: one.targets for one in standing.schedule.windows} == {
        "daily 09:00-17:00": Targets(1, 4),
        "daily 17:00-21:00": Targets(0, 1),
    }
    assert f"{jobs} jobs in 28 days, {jobs // 4} of them in the last 7 days" in standing.evidence
    assert standing.evidence[-1].startswith("replayed, ")
    told = "daily 09:00-17:00 UTC: 1 hot and 4 stopped; daily 17:00-21:00 UTC: 0 hot and 1 stopped; at other times:"
    assert report.acts == (f"pool web: from now on {told} 0 hot and 0 stopped",)
    held = in_force(AUTO, standing)
    assert (held.targets, held.schedule) == (standing.targets, standing.schedule)


def test_a_pool_that_an_operator_sizes_is_left_alone() -> None:
    """Its record has nothing of it, however many jobs it had."""
    past = Past()
    for hour in range(40):
        past.machine(MIDNIGHT - DAY + hour * MINUTE, pool="big", stock=None)
    size(past)
    assert past.standing("big") == PoolStanding("big", boots=(30 * SECOND,), first_at=MONDAY)


def test_a_dry_run_says_what_it_would_write_and_why() -> None:
    """Every reason in a line of its own, and nothing is written."""
    past = Past()
    past.office_hours()
    before = past.standing("web")
    report = size(past, dry_run=True)
    assert past.standing("web") == before
    assert report.acts[0].startswith("pool web: from now on daily 09:00-17:00 UTC: 1 hot and 4 stopped")
    assert any("nine in ten minutes had at most 1 arrival within 1 min 30 s" in act for act in report.acts)
    size(past)
    assert tuple(act.strip() for act in report.acts[1:]) == past.standing("web").evidence


def test_what_is_not_worth_a_change_stays() -> None:
    """A second run finds what the first one wrote; it says so, and notes when."""
    past = Past()
    past.office_hours()
    size(past)
    first = past.standing("web")
    past.clock.advance(HOUR)
    report = size(past)
    assert report.by_kind == {"unchanged": 1}
    assert report.acts[0].startswith("pool web: as before, ")
    second = past.standing("web")
    assert (second.targets, second.schedule) == (first.targets, first.schedule)
    assert second.sized_at == NOW + HOUR
    assert f"no change: less than {HITS_PER_CENT} % of the jobs" in second.evidence[-1]


def test_a_pool_whose_own_targets_do_keeps_them_as_the_files() -> None:
    """Nothing is written that would hold when the file is changed."""
    past = Past(attrs.evolve(AUTO, hot=0, stopped=0))
    report = size(past)
    standing = past.standing("web")
    assert (report.by_kind, standing.targets, standing.schedule) == ({"unchanged": 1}, None, None)
    assert standing.evidence[0] == "0 jobs in 28 days, 0 of them in the last 7 days"
    assert in_force(AUTO, standing) == AUTO


def test_a_pool_that_nobody_asks_any_more_falls_to_its_least() -> None:
    """What was found before does not hold for ever."""
    past = Past(attrs.evolve(AUTO, bounds=Bounds(Targets(0, 1), Targets(9, 9))))
    past.table.pools.update("web", StandingIs(), StandingChange(targets=Targets(5, 5), schedule=Schedule()))
    assert size(past).by_kind == {"changed": 1}
    assert past.standing("web").targets == Targets(0, 1)


def test_another_run_that_was_faster_is_not_written_over() -> None:
    """Its record has another moment of sizing than the one that was seen."""
    past = Past(AUTO)
    past.office_hours(2)

    def other() -> None:
        past.table.pools.update("web", StandingIs(), StandingChange(targets=Targets(7), sized_at=NOW - SECOND))

    between = Between(2, other)  # after the record was read
    table = attrs.evolve(past.table, pools=between.around("pools", past.table.pools))
    report = SizePools(settings=past.settings, table=table, clock=past.clock)()
    assert (report.acts, report.errors) == ((), ())
    assert past.standing("web").targets == Targets(7)


def test_a_pool_that_was_never_looked_at_is_left_to_the_next_run() -> None:
    """There is no record to write to, and no word of when it began."""
    past = Past(AUTO)
    past.table.pools.remove("web")
    report = size(past)
    assert (report.left, report.attempted) == (1, 0)
    assert report.acts == ("pool web: the fleet has not looked at it yet",)


def test_one_pools_fault_does_not_stop_the_others() -> None:
    """What failed is told with the pool's name."""
    past = Past(AUTO, attrs.evolve(AUTO, name="other"))
    failing = Failing()
    around = failing.around("pools", past.table.pools)

    def update(key: str, when: StandingIs, change: StandingChange) -> PoolStanding:
        if key == "web":
            raise Unavailable("away")
        return past.table.pools.update(key, when, change)

    around.update = update  # type: ignore[attr-defined]
    table = attrs.evolve(past.table, pools=around)
    report = SizePools(settings=past.settings, table=table, clock=past.clock)()
    assert (report.succeeded, report.failed) == (1, 1)
    assert report.errors[0].startswith("pool web: ")
    assert past.standing("other").sized_at == NOW


# -- what is looked at --------------------------------------------------------------------------------------------


def test_a_young_pool_is_looked_at_from_its_first_whole_day_on() -> None:
    """The days before it would count as days without a job, and it would keep nothing."""
    past = Past(AUTO)
    past.table.pools.remove("web")
    past.table.pools.add(PoolStanding("web", first_at=MIDNIGHT - 3 * DAY - HOUR))
    past.office_hours(3)
    found = looked(past)
    assert found.demand is not None
    assert (found.demand.since, found.demand.until) == (MIDNIGHT - 3 * DAY, MIDNIGHT)
    assert found.remarks[0] == "the pool is known since 2026-12-17T23:00:00Z"


def test_less_than_a_day_is_too_little() -> None:
    """Each hour of the day is sized by itself; that is told, and nothing is written."""
    past = Past(AUTO)
    past.table.pools.remove("web")
    past.table.pools.add(PoolStanding("web", first_at=MIDNIGHT - HOUR))
    past.machine(MIDNIGHT - HOUR)
    report = size(past)
    (told,) = report.acts
    assert told == "pool web: the pool is known since 2026-12-20T23:00:00Z; less than a day to look at: 0 ms"
    assert (report.attempted, past.standing("web").sized_at) == (0, None)


def test_so_many_bills_are_read_and_the_days_that_are_whole_count() -> None:
    """The newest; those of all machines count for the bound, for all are read."""
    past = Past(AUTO)
    past.office_hours()
    past.machine(MIDNIGHT - DAY, pool="another")
    found = looked(past, most_bills=500)
    assert found.demand is not None
    assert (found.demand.since, len(found.demand.jobs)) == (MIDNIGHT - 2 * DAY, 480)
    assert found.remarks[0] == "more than 500 machines ended since 2026-11-23T00:00:00Z"
    assert looked(past, most_bills=200).demand is None


def test_jobs_are_asked_for_those_that_started_cold_first() -> None:
    """Their machine began them a boot too late; how many were asked for is told."""
    past = Past(AUTO)
    at = MIDNIGHT - DAY
    hot, cold, older = past.machine(at), past.machine(at, stock=None), past.machine(at - HOUR, stock=None)
    for runner in (hot, cold, older):
        past.record(runner, runner.launched_at - 20 * SECOND)
    found = looked(past, most_asked=2)
    assert found.demand is not None
    assert [job.queued_at for job in found.demand.jobs] == [at - HOUR - 20 * SECOND, at - 20 * SECOND, at + 30 * SECOND]
    assert found.remarks[0].startswith("when it was queued is known of 2 of 3 jobs")


def test_a_record_that_does_not_answer_stops_the_pool() -> None:
    """Else the demand would be another one each time."""
    past = Past(AUTO)
    past.machine(MIDNIGHT - DAY)

    def several(calls: Sequence[Callable[[], object]]) -> Sequence[object]:
        return [Unavailable("away") for _ in IN_TURN(calls)]

    task = SizePools(settings=past.settings, table=past.table, clock=past.clock, several=several)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        task()


def test_machines_that_have_jobs_count_without_a_bill() -> None:
    """A job that runs is demand, and one that has its bill already counts once."""
    past = Past(AUTO)
    past.taken(since=MIDNIGHT - HOUR)
    past.spare(RunnerState.READY, since=MIDNIGHT - HOUR)
    billed = past.machine(MIDNIGHT - DAY)
    past.table.runners.add(attrs.evolve(billed, state=RunnerState.BUSY, gone_at=None))
    found = looked(past)
    assert found.demand is not None
    assert [job.queued_at for job in found.demand.jobs] == [MIDNIGHT - DAY + 30 * SECOND, MIDNIGHT - HOUR + MINUTE]


def test_the_interval_of_the_pools_task_counts() -> None:
    """A spare is replaced a boot after it is missed: looked at each ten minutes, twenty seconds are long ago."""
    past = Past(Pool("web", RunnerSpec(), stopped=1, auto=True, bounds=Bounds(most=Targets(9, 9))), BY_HAND)
    past.settings = attrs.evolve(past.settings, housekeeping={"pools": 10 * MINUTE})
    past.office_hours()
    size(past)
    assert any("arrivals within 10 min 30 s" in reason for reason in past.standing("web").evidence)


def test_a_run_makes_so_many_calls_whatever_there_was() -> None:
    """A page of bills for each day, and no more jobs' records than the bound allows."""
    past, meter = Past(AUTO), Meter()
    jobs = past.office_hours()
    table = wired("table", past.table, meter.around)
    most = 100
    assert jobs > most
    SizePools(settings=past.settings, table=table, clock=past.clock, demand=PoolDemand(table=table, most_asked=most))()
    assert meter.calls == {
        "table.pools.get": 1,
        "table.runners.page": 1,
        "table.ledger.page": 29,
        "table.jobs.get": most,
        "table.pools.update": 1,
    }


def test_stopped_spares_and_idle_ones_are_no_demand() -> None:
    """Who had no job asked for nothing."""
    past = Past(AUTO)
    past.machine(MIDNIGHT - DAY, stock=Stock.STOPPED, job=0, idle=HOUR)
    found = looked(past)
    assert found.demand is not None
    assert found.demand.jobs == ()
