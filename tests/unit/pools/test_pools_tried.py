"""Pools as they are and as recommended, given to a simulator that notes what it was asked to run."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from paddock.adapters.memory import ManualClock
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.simulation.load import JobLoad, RunLoad, Workload
from paddock.adapters.simulation.outcome import Outcome, Start, Violation
from paddock.adapters.simulation.workloads import GeneratorParameters, generated, write_trace
from paddock.core.errors import InvalidInput
from paddock.core.pools.pool import Bounds, Pool
from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.pools.standing import StandingChange, StandingIs
from paddock.core.settings import FleetSettings
from paddock.core.units import DAY, HOUR, MINUTE
from paddock.core.usecases.pools.advice import AdvisePools, PoolAdvice
from paddock.core.usecases.pools.keep import aim_of
from paddock.entrypoints.cli.recommend_simulated import Tried, judged, simulated_data, tried
from paddock.entrypoints.simulation.engine import Engine, Progress
from paddock.entrypoints.simulation.engine import engine as simulator
from paddock.entrypoints.simulation.pools import RecordedDemand
from tests.unit.simulation.outcomes import outcome_a, outcome_b
from tests.world.demands import MONDAY, demand, job
from tests.world.pool_past import AUTO, BY_HAND, NOW, Past

WEB = attrs.evolve(AUTO, auto=False, bounds=Bounds())


class Noted:
    """A simulator whose every run comes to one of these."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.loads: list[list[RunLoad]] = []
        self.settings: list[FleetSettings] = []
        self.names: list[str] = []

    def run(
        self,
        workload: Workload,
        settings: FleetSettings,
        policy: str,
        seed: int,
        faults: str,
        progress: Progress,
        *,
        start: Start = Start.COLD,
    ) -> Outcome:
        """See `Run`."""
        assert (seed, faults, start) == (7, "", Start.COLD)
        progress(NOW, 0)
        self.loads.append(list(workload.runs()))
        self.settings.append(settings)
        self.names.append(policy)
        return self.outcomes[len(self.names) - 1]

    def engine(self) -> Engine:
        """The simulator, as the command sees it."""
        return attrs.evolve(simulator(), run=self.run)


def advice(*pools: Pool, days: int = 2) -> Sequence[PoolAdvice]:
    """What is recommended for these pools after office hours of the pool web."""
    past = Past(*pools, table=memory_table())
    for pool in pools:
        past.table.pools.update(pool.name, StandingIs(), StandingChange(aim=aim_of(pool, NOW, "")))
    past.office_hours(days)
    return AdvisePools(table=past.table, clock=ManualClock(NOW))(28 * DAY)


def test_the_same_load_is_run_with_the_pools_now_and_as_recommended() -> None:
    """Every job as it was, by its pool's label; one pool has other targets, nothing else differs."""
    noted = Noted(outcome_a(), outcome_b())
    given = advice(WEB, BY_HAND)
    found = tried(given, None, 7, noted.engine)
    assert found == Tried("the jobs of these pools", outcome_a(), outcome_b())
    assert noted.names == ["now", "recommended"]
    now, then = noted.settings
    assert now.pools == {"big": BY_HAND, "web": attrs.evolve(WEB, schedule=Schedule())}
    proposed = given[1].sizing
    assert proposed is not None
    assert then.pools["web"].schedule == proposed.proposed.schedule != Schedule()
    assert then.pools["web"].targets == proposed.proposed.targets
    assert then.pools["big"].targets == Targets()
    assert attrs.evolve(then, pools=now.pools) == now
    first, second = noted.loads
    assert first == second
    assert len(first) == 480
    assert {run.jobs for run in first} == {(JobLoad("job", ("paddock/pool=web",), 9 * MINUTE),)}
    assert now.allows(first[0].repository)


def test_a_pool_that_follows_demand_keeps_the_targets_that_are_tried() -> None:
    """The simulated fleet is not to size it by itself meanwhile."""
    noted = Noted(outcome_a(), outcome_b())
    tried(advice(AUTO), None, 7, noted.engine)
    assert [settings.pools["web"].auto for settings in noted.settings] == [False, False]


def test_another_load_may_be_tried(tmp_path: Path) -> None:
    """A trace, as the simulator takes it; whoever is in it may use the fleet."""
    write_trace(generated(GeneratorParameters(jobs_per_day=50), 1, 7), tmp_path / "day.jsonl")
    noted = Noted(outcome_a(), outcome_b())
    found = tried(advice(WEB), tmp_path / "day.jsonl", 7, noted.engine)
    assert found is not None
    assert "day" in found.workload
    assert all(noted.settings[0].allows(run.repository) for run in noted.loads[0])
    with pytest.raises(InvalidInput, match="no such file"):
        tried(advice(WEB), tmp_path / "none.jsonl", 7, noted.engine)


def test_jobs_of_several_pools_come_in_the_order_of_time() -> None:
    """Each in a repository of its own, so that a pool can be told from another."""
    web, big = (demand([job(MONDAY + at) for at in moments]) for moments in ((HOUR, 3 * HOUR), (2 * HOUR,)))
    load = RecordedDemand({"web": web, "big": big})
    assert [(run.at - MONDAY, run.repository) for run in load.runs()] == [
        (HOUR, "recorded/web"),
        (2 * HOUR, "recorded/big"),
        (3 * HOUR, "recorded/web"),
    ]
    assert load.repositories == ("recorded/big", "recorded/web")


def test_without_a_job_there_is_nothing_to_run() -> None:
    """Nor without a pool; the simulator is not even started."""
    noted = Noted()
    assert tried(advice(BY_HAND, days=0), None, 7, noted.engine) is None
    assert tried([], None, 7, noted.engine) is None
    assert (simulated_data(None), judged(None)) == (None, 0)


def test_a_broken_rule_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever relies on the figures must know."""
    broken = attrs.evolve(outcome_b(), violations=(Violation(NOW, "a rule", "was broken"),))
    assert judged(Tried("x", outcome_a(), outcome_a())) == 0
    assert judged(Tried("x", outcome_a(), broken)) == 1
    assert "must never be" in capsys.readouterr().err


def test_scripts_get_waits_in_seconds_and_costs_in_micro_dollars() -> None:
    """Of both fleets, by their names."""
    found = simulated_data(Tried("a load", outcome_a(), outcome_b()))
    assert found is not None
    assert found["workload"] == "a load"
    assert (found["now"]["wait_p50_s"], found["now"]["wait_p95_s"]) == (52, 130)
    assert found["recommended"]["cost_micro_usd"] == outcome_b().cost.total
