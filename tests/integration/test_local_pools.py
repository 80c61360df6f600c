"""Pools of the one-machine fleet, from end to end: spares are processes that wait, and jobs take them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from paddock.adapters.config import Config
from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin import GitHubStandIn
from paddock.core.errors import InvalidInput
from paddock.core.job import Job
from paddock.core.pools.pool import Pool, Stock, digest_of
from paddock.core.runner import Runner
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import SECOND
from paddock.entrypoints.containers import LocalProfile, State
from tests.fleet_process import FleetProcess
from tests.local_fleet import (
    QUICK,
    REPOSITORY,
    config_of,
    decisions_of,
    jobs_of,
    living_machines,
    looking_at,
    nothing_left,
    processes_of,
    runners_of,
    running,
    script,
    told_of,
    until,
)

LABEL = "paddock/pool=web"
ENDS = "the fleet is stopped"


def pool(hot: int, name: str = "web") -> Pool:
    """A pool of machines of this box."""
    spec = RunnerSpec(arch=box_arch(), spot=False, pool=name)
    return Pool(name, spec, hot=hot, digest=digest_of(spec))


@attrs.frozen
class Stage:
    """A GitHub with a repository, and a place for a fleet's state."""

    github: GitHubStandIn
    state: Path

    def config(self, *pools: Pool, slots: int = 4) -> Config:
        """A quick fleet with these pools, which are looked at every second."""
        kept = {one.name: one for one in pools}
        settings = attrs.evolve(QUICK, pools=kept, housekeeping={"pools": SECOND})
        return config_of(self.state, self.github, slots=slots, settings=settings)

    def start(self, *jobs: object) -> tuple[int, ...]:
        """Start a run; its jobs' ids."""
        return self.github.start_run(REPOSITORY, jobs).job_ids  # type: ignore[arg-type]

    def served(self, state: State, *job_ids: int) -> list[Job]:
        """The jobs' records once all have ended, and so have all machines but spares."""
        until(
            lambda: (
                all(job in jobs_of(state) and not jobs_of(state)[job].live for job in job_ids)
                and not any(runner.live and not runner.spare for runner in runners_of(state).values())
            ),
            "every job has ended, and every machine that had one",
            tell=lambda: told_of(state, job_ids),
        )
        return [jobs_of(state)[job] for job in job_ids]


def spares(state: State) -> list[Runner]:
    """The machines that wait for any job."""
    return [runner for runner in runners_of(state).values() if runner.spare]


def ready(state: State, count: int, seconds: float = 40) -> list[Runner]:
    """The spares, once so many are ready, and there is no other."""
    until(
        lambda: [one.state for one in spares(state)] == [RunnerState.READY] * count,
        f"{count} spares are ready",
        seconds,
        tell=lambda: str(list(runners_of(state).values())),
    )
    return spares(state)


def taken(state: State, job: Job) -> Runner:
    """The record of the machine that served the job."""
    assert (job.state, job.conclusion, job.result) == (JobState.FINISHED, "success", OperationalResult.SERVED)
    return runners_of(state)[str(job.machine)]


def looked_at_twice(state: State) -> None:
    """Wait until the pools were looked at twice from now on."""
    for _ in range(2):
        before = state.table.tasks.get("pools")
        until(lambda before=before: state.table.tasks.get("pools") != before, "the pools are looked at")  # type: ignore[misc]


@contextmanager
def alive(fleet: FleetProcess) -> Iterator[State]:
    """A fleet as a process, which is stopped in order in the end, and what it writes down."""
    fleet.start()
    try:
        fleet.wait_until_it_serves()
        with looking_at(fleet.state) as state:
            yield state
        assert fleet.stop() == 0, fleet.output()
    finally:
        if fleet.process is not None:
            fleet.kill()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Afterwards, of everything that was started nothing runs any more, and nothing is registered at GitHub."""
    with GitHubStandIn() as github, nothing_left(tmp_path / "state"):
        github.add_repository(REPOSITORY)
        yield Stage(github, tmp_path / "state")
        until(lambda: not processes_of(tmp_path / "state"), "no process is left", 5)
        assert not github.runners()


def test_a_spare_is_claimed_serves_and_has_a_successor(stage: Stage) -> None:
    """The pool starts a process, which waits and says so; the job gets that one, and the pool another."""
    with running(stage.config(pool(1)), stage.github), looking_at(stage.state) as state:
        (spare,) = ready(state, 1)
        assert (spare.stock, spare.pool, spare.market) == (Stock.HOT, "web", Market.ON_DEMAND)
        assert spare.assigned_job is None
        assert not stage.github.runners()  # a spare has no registration
        process = living_machines(stage.state)[spare.machine]
        (job_id,) = stage.start(script("build", f"touch {stage.state}/proof", "sleep 0.5", labels=(LABEL,)))
        until((stage.state / "proof").exists, "its step runs")
        assert living_machines(stage.state)[spare.machine] == process
        (job,) = stage.served(state, job_id)
        told = told_of(state, [job_id])
        claims = [(d.subject, d.actor) for d in decisions_of(state, job_id) if d.verdict == "claimed"]
        assert claims == [(f"machine:{spare.machine}", "claims")], told
        runner = taken(state, job)
        assert (runner.machine, runner.served_job, job.launch) == (spare.machine, job_id, 1), told
        assert runner.claimed_at is not None
        assert spare.ready_at is not None
        assert spare.ready_at <= runner.claimed_at <= (runner.busy_at or 0), told
        bill = state.table.ledger.get(spare.machine)
        assert bill is not None
        assert (bill.job_id, bill.start) == (job_id, spare.launched_at)
        (successor,) = ready(state, 1)
        assert successor.machine != spare.machine
    assert not living_machines(stage.state)  # in order: the fleet does not leave spares behind


def test_what_a_pool_has_not_starts_cold(stage: Stage) -> None:
    """Two jobs and one spare: one has it, the other an ordinary machine, which is none of the pool's."""
    with running(stage.config(pool(1)), stage.github), looking_at(stage.state) as state:
        (spare,) = ready(state, 1)
        jobs = stage.start(*(script(name, "sleep 0.3", labels=(LABEL,)) for name in ("one", "two")))
        runners = [taken(state, job) for job in stage.served(state, *jobs)]
        told = told_of(state, jobs)
        assert sorted(runner.machine == spare.machine for runner in runners) == [False, True], told
        (cold,) = (runner for runner in runners if runner.machine != spare.machine)
        assert (cold.stock, cold.pool, cold.claimed_at, cold.market) == (None, "web", None, Market.SPOT), told


def test_a_spare_that_dies_is_replaced(stage: Stage) -> None:
    """Its process is killed: its record is closed, it is on the bill, and the pool starts another."""
    with running(stage.config(pool(1)), stage.github), looking_at(stage.state) as state:
        (spare,) = ready(state, 1)
        os.kill(living_machines(stage.state)[spare.machine], signal.SIGKILL)
        until(lambda: runners_of(state)[spare.machine].state is RunnerState.GONE, "its record is closed")
        (successor,) = ready(state, 1)
        assert successor.machine != spare.machine
        bill = state.table.ledger.get(spare.machine)
        assert bill is not None
        assert (bill.job_id, bill.pool) == (None, "web")


def test_spares_end_with_the_fleet_and_jobs_do_not(stage: Stage, tmp_path: Path) -> None:
    """A stop in order ends what waits for nobody; a machine with a job works on, and the next fleet hears of it."""
    go, of = tmp_path / "go", stage.config(pool(1))
    with running(of, stage.github), looking_at(stage.state) as state:
        (spare,) = ready(state, 1)
        (job_id,) = stage.start(script("long", f"until test -e {go}; do sleep 0.05; done", labels=(LABEL,)))
        until(lambda: any(job.state is JobState.RUNNING for job in jobs_of(state).values()), "it runs")
        (successor,) = ready(state, 1)
    assert list(living_machines(stage.state)) == [spare.machine]
    with running(attrs.evolve(of, settings=QUICK), stage.github), looking_at(stage.state) as state:
        go.touch()
        (job,) = stage.served(state, job_id)
        assert taken(state, job).machine == spare.machine
        until(lambda: runners_of(state)[successor.machine].state is RunnerState.GONE, "the spare's record is closed")
        assert runners_of(state)[successor.machine].reason == ENDS
        bill = state.table.ledger.get(successor.machine)
        assert bill is not None
        assert bill.job_id is None


def test_a_pool_that_is_no_more_ends_its_spares(stage: Stage) -> None:
    """Kill -9, and a start without the pool in the configuration: nobody wants them, and they go."""
    fleet = FleetProcess(stage.state, stage.github, hot=2)
    with alive(fleet) as state:
        before = [spare.machine for spare in ready(state, 2)]
        fleet.kill()
        assert sorted(living_machines(stage.state)) == sorted(before)
        fleet.hot = 0
        fleet.start()
        until(lambda: not living_machines(stage.state), "they have ended", tell=fleet.output)
        until(lambda: not any(one.live for one in runners_of(state).values()), "their records are closed")
        reasons = {runners_of(state)[machine].reason for machine in before}
        assert reasons == {"there is no pool web any more"}


@pytest.mark.slow
def test_spares_outlive_a_kill_and_are_kept(stage: Stage) -> None:
    """Kill -9 of the fleet: the next one has the same spares, starts none besides, and gives them to jobs."""
    fleet = FleetProcess(stage.state, stage.github, hot=2)
    with alive(fleet) as state:
        before = {spare.machine for spare in ready(state, 2)}
        processes = living_machines(stage.state)
        fleet.kill()
        assert living_machines(stage.state) == processes
        fleet.start()
        fleet.wait_until_it_serves()
        looked_at_twice(state)
        assert living_machines(stage.state) == processes
        assert {spare.machine for spare in ready(state, 2)} == before
        jobs = stage.start(*(script(name, "sleep 0.3", labels=(LABEL,)) for name in ("one", "two")))
        runners = [taken(state, job) for job in stage.served(state, *jobs)]
        assert {runner.machine for runner in runners} == before, told_of(state, jobs)
        assert not {spare.machine for spare in ready(state, 2)} & before
        assert len(runners_of(state)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("machines", [0, 1, 2])
def test_a_kill_while_spares_are_started_doubles_none(stage: Stage, machines: int) -> None:
    """Killed when the launch is written down, or so many machines live: in the end there are two, never more."""
    fleet = FleetProcess(stage.state, stage.github, hot=2)
    with alive(fleet) as state:
        until(
            lambda: len(living_machines(stage.state)) >= machines and state.table.pools.get("web") is not None,
            "it is at its launch",
        )
        fleet.kill()
        fleet.start()
        fleet.wait_until_it_serves()
        ready(state, 2)
        looked_at_twice(state)
        assert len(runners_of(state)) == 2
        assert len(living_machines(stage.state)) == 2


def test_hot_machines_leave_a_slot(stage: Stage) -> None:
    """Pools that would take all of the box's slots are refused before anything starts, with what would be right."""
    for pools, slots in (((pool(2),), 2), ((pool(3, "a"), pool(1, "b")), 4)):
        field, hot = ("web", 2) if len(pools) == 1 else ("a", 3)
        with pytest.raises(InvalidInput, match=rf"pools\.{field}\.hot = {hot}: leaves no place for another machine"):
            LocalProfile(config=stage.config(*pools, slots=slots)).settings()
    assert LocalProfile(config=stage.config(pool(2), slots=3)).settings().limits.machines == 3
