"""Machines that were taken lately are looked at once more: whom they served may be learnt after their end."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from paddock.adapters.simulation.wires import Crash, Wired
from paddock.core.circuit import Interruption
from paddock.core.errors import Throttled
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import HOUR, MINUTE
from tests.faults import Fuse
from tests.world.spot import (
    machine_of,
    rerun_of,
    running,
    take_back,
)
from tests.world.world import World


def test_a_job_that_ended_in_time_on_a_taken_machine_was_not_lost_whoever_hears_of_it_late() -> None:
    """All that is known of it is that it ran there; that it had ended before the machine did, GitHub has yet to say."""
    world = World()
    job = world.push_job()
    world.run_until_quiet()
    record, runner = world.record(job), world.runner(world.record(job).machine)
    world.table.jobs.remove(record.key)
    world.table.jobs.add(attrs.evolve(record, state=JobState.RUNNING, conclusion=None, result=None, finished_at=None))
    world.table.runners.remove(runner.key)
    world.table.runners.add(attrs.evolve(runner, taken=True, interrupted_at=runner.gone_at, result=None))
    at = runner.gone_at or 0
    world.table.interruptions.add(Interruption(runner.machine, runner.zone, runner.instance_type, at, at, weighed=True))
    for _ in range(2):
        world.fleet.house.sweep_github()
        world.run(5 * MINUTE)
    assert (world.record(job).conclusion, world.record(job).result) == ("success", OperationalResult.SERVED)


def test_whom_a_machine_served_that_was_ended_before_the_cloud_took_it_may_be_learnt_late() -> None:
    """Its agent stopped the job for EC2's warning, and did not power off: we ended it, and the cloud is the cause."""
    world = World()
    job = world.push_job(lasts=HOUR)
    running(world, job)
    machine = machine_of(world, job)
    take_back(world, machine)
    world.run_until_quiet()
    lost = world.record(job).facts.run_id
    world.table.reruns.remove(str(lost))
    world.table.runners.update(machine, {}, {"taken": False, "result": OperationalResult.INTERRUPTED})
    world.fleet.house.sweep_github()
    assert rerun_of(world, job).suspects == (job,)


class BlindTo:
    """A store that cannot read some records."""

    def __init__(self, inner: object, keys: list[str]) -> None:
        self._inner = inner
        self._keys = keys

    def get(self, key: str) -> object:
        """The record, or an error."""
        if key in self._keys:
            raise Throttled("slow down")
        return self._inner.get(key)  # type: ignore[attr-defined]  # any store

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_one_machines_trouble_does_not_keep_others_that_were_taken_from_being_looked_at() -> None:
    """In a storm some request always fails; those behind it are looked at all the same."""
    blind: list[str] = []
    world = World(
        around=lambda name, port: BlindTo(port, blind) if name == "table.runners" else port, reports=lambda _: ()
    )
    jobs = world.push_job(lasts=HOUR), world.push_job(lasts=HOUR)
    running(world, *jobs)
    first, second = (machine_of(world, job) for job in jobs)
    for machine in (first, second):
        take_back(world, machine)
    world.run_until_quiet()
    world.table.jobs.update(str(jobs[1]), {}, {"result": None})  # as if whoever looked had died
    blind.append(first)
    found = world.fleet.house.sweep_github()
    assert found.errors == (f"{first}: Throttled: slow down",)
    assert world.record(jobs[1]).result is OperationalResult.INTERRUPTED


def two_that_nobody_looked_at(around: Callable[[str, object], object]) -> tuple[World, list[int]]:
    """Two jobs whose machines were taken hours ago, as if whoever was to see to them had died."""
    world = World(around=around, reports=lambda _: ())
    jobs = [world.push_job(lasts=HOUR), world.push_job(lasts=HOUR)]
    running(world, *jobs)
    for job in jobs:
        take_back(world, machine_of(world, job))
    world.run_until_quiet()
    for job in jobs:
        world.table.reruns.remove(str(world.record(job).facts.run_id))
        world.table.jobs.update(str(job), {}, {"result": None})
    world.clock.advance(4 * HOUR)
    return world, jobs


def test_what_was_not_seen_to_for_hours_is_seen_to_and_then_costs_no_more_looks() -> None:
    """GitHub, or the table, may be away for hours; what is settled is marked, so that later sweeps have less to do."""
    fuse = Fuse()
    world, jobs = two_that_nobody_looked_at(fuse.around)
    world.fleet.house.sweep_github()
    assert [world.record(job).result for job in jobs] == [OperationalResult.INTERRUPTED] * 2
    before = fuse.calls.count("table.runners.get")
    world.fleet.house.sweep_github()
    assert fuse.calls.count("table.runners.get") == before


def test_a_sweep_that_always_dies_on_its_way_gets_to_the_last_machine_all_the_same() -> None:
    """It goes on where it stopped, for what it did before is marked."""
    deadly: list[str] = []

    def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
        result = call()
        if what in deadly:
            raise Crash(f"after {what}")
        return result

    world, jobs = two_that_nobody_looked_at(lambda name, port: Wired(name, port, intercept))
    deadly.append("table.interruptions.update")
    for _ in jobs:
        with pytest.raises(Crash):
            world.fleet.house.sweep_github()
    assert [world.record(job).result for job in jobs] == [OperationalResult.INTERRUPTED] * 2
