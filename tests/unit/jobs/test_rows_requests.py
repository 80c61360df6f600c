"""What fleets have been seen to do wrong between a webhook and a machine. The whole list: docs/failure-modes.md."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from paddock.adapters.memory import Shortage
from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.adapters.simulation.wires import Wired, untouched
from paddock.core.errors import Rejected, Unavailable
from paddock.core.runner import MAX_RUNNER_NAME
from paddock.core.states import ENDED_JOBS, JobState
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.faults import Between, Fuse
from tests.world.invariants import check
from tests.world.world import World

WHOLE = ("self-hosted", "PADDOCK=7/cpu=4", "arch=ARM64/disk=90")


def dies_booting(world: World) -> None:
    """The first machine is taken away before it works."""
    world.run(10 * SECOND)
    world.cloud.kill(world.cloud.alive[0])


def never_comes_up(world: World) -> None:
    """The first machine hangs for ever."""
    world.run(5 * SECOND)
    world.silence(world.cloud.alive[0])


def is_short(world: World) -> None:
    """No machine of any kind can be had for some minutes."""
    world.region.shortages.append(Shortage())
    world.run(5 * MINUTE)
    world.region.shortages.clear()


@pytest.mark.parametrize("trouble", [dies_booting, never_comes_up, is_short])
def test_every_launch_of_a_job_asks_for_all_that_the_first_one_asked_for(trouble: Callable[[World], None]) -> None:
    """Labels, size, disk and architecture are kept whole, so no way back to the queue can lose one of them."""
    names: list[tuple[str, ...]] = []

    def around(name: str, port: object) -> object:
        return Noting(port, names) if name == "github.runners" else port

    world = World(around=around)
    job = world.push_job(labels=WHOLE, lasts=MINUTE)
    trouble(world)
    world.run_until_quiet()
    record = world.record(job)
    assert record.state is JobState.FINISHED, world.report()
    assert record.launch > 1
    asked = {(request.spec, request.disk) for request in world.cloud.launches}
    assert asked == {(record.spec, 90)}
    assert set(names) == {WHOLE}


def test_a_job_whose_machine_a_sibling_got_asks_again_for_all_that_it_wants() -> None:
    """Whichever of the two GitHub chose first: the machine of the other is dead, and it gets a new one."""
    displaced = 0
    for seed in range(6):
        world = World(seed=seed)
        jobs = [world.push_job(labels=WHOLE, lasts=10 * MINUTE)]
        world.run(5 * SECOND)
        jobs.append(world.push_job(labels=WHOLE, lasts=10 * MINUTE))
        world.run(5 * SECOND)
        world.cloud.kill(world.cloud.alive[1])
        world.run_until_quiet()
        check(world)
        displaced += sum("displaced" in world.verdicts(job) for job in jobs)
        assert {(request.spec, request.disk) for request in world.cloud.launches} == {(world.record(jobs[0]).spec, 90)}
        assert [world.record(job).conclusion for job in jobs] == ["success"] * 2
    assert displaced


class Noting:
    """GitHub's registrations, with the labels and names of all of them."""

    def __init__(self, port: object, labels: list[tuple[str, ...]], names: list[str] | None = None) -> None:
        self._port: Any = port
        self._labels = labels
        self._names = [] if names is None else names

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        return getattr(self._port, name)

    def jit_config(self, scope: object, name: str, labels: tuple[str, ...], group: int) -> object:
        """Note it, and register."""
        self._labels.append(tuple(labels))
        self._names.append(name)
        return self._port.jit_config(scope, name, labels, group)


def test_no_two_registrations_have_one_name() -> None:
    """Neither in a matrix nor in launch after launch: a second of one name would take the first one's place."""
    labels: list[tuple[str, ...]] = []
    names: list[str] = []

    def around(name: str, port: object) -> object:
        return Noting(port, labels, names) if name == "github.runners" else port

    world = World(around=around, webhooks=lambda _: (0, 0))
    world.push_jobs(5)
    world.run(10 * SECOND)
    for machine in world.cloud.alive[:3]:
        world.cloud.kill(machine)
    world.run_until_quiet()
    check(world)
    assert len(names) == len(set(names)) == 8
    assert max(len(name) for name in names) <= MAX_RUNNER_NAME


def test_taking_in_a_webhook_is_one_message_and_nothing_else() -> None:
    """GitHub waits ten seconds and asks once: no table, no cloud and no GitHub of ours can make it wait longer."""
    calls = Fuse()
    world = World(around=calls.around)
    world.push_job()
    world.deliver()
    assert calls.calls == ["jobs.send"]


def test_one_jobs_trouble_keeps_none_of_its_siblings_waiting() -> None:
    """In one run: one that nobody can serve, one whose machine never comes up, and three that are well."""
    world = World()
    never = JobScript("never", ("paddock/cpu=99999",))
    unlucky = JobScript("unlucky", ("paddock/arch=arm64",))
    well = [JobScript(f"well {number}", ("paddock",), faults=RunnerFaults(duration=MINUTE)) for number in range(3)]
    refused, hangs, *others = world.push(never, unlucky, *well)
    world.run(2 * SECOND)
    world.silence(world.record(hangs).machine or "")
    world.run(2 * MINUTE)
    assert world.record(refused).state is JobState.REJECTED
    assert [world.record(job).state for job in others] == [JobState.FINISHED] * 3
    world.run_until_quiet()
    assert world.record(hangs).state is JobState.FINISHED


def test_a_backlog_is_worked_off_without_waiting_for_anything() -> None:
    """A hundred requests are dispatched at one moment, not so many per tick of some clock."""
    world = World()
    jobs = world.push_jobs(100)
    world.deliver()
    started = world.clock.now()
    while world.fleet.dispatch_once():
        pass
    assert world.clock.now() == started
    assert {world.record(job).state for job in jobs} == {JobState.LAUNCHED}


def test_a_job_cancelled_at_any_moment_of_its_launch_leaves_nothing_running() -> None:
    """At each port call in turn it is cancelled, and GitHub's word on it handled: no machine is left or launched."""
    calls = Fuse()
    undisturbed = World(around=calls.around)
    undisturbed.push_job()
    undisturbed.run(SECOND)
    for number in range(1, len(calls.calls) + 1):
        between = Between(number, lambda: None)
        world = World(around=between.around)
        job = world.push_job()

        def cancel(world: World = world, job: int = job) -> None:
            world.cancel(job)
            around, world.around = world.around, untouched
            other = world.new_fleet()
            world.around = around
            world.deliver(other.intake)
            other.complete_once()

        between.deed = cancel
        world.run(20 * MINUTE)
        assert not world.cloud.alive, f"cancelled before call {number}, {calls.calls[number - 1]}"
        assert len(world.cloud.lives) <= 1
        assert world.record(job).state is JobState.CANCELLED
        world.run_until_quiet()
        check(world, noticed=15 * MINUTE)


@pytest.mark.parametrize("call", ["jobs.delete", "jobs.receive", "decisions.append"])
def test_a_message_is_never_used_up_before_its_job_is_safe(call: str) -> None:
    """Whatever the queue or the log does to us, the request comes back until the record carries the job."""
    broken = [True]

    def around(name: str, port: object) -> Wired:
        return Wired(name, port, lambda what, act: _away(what) if what == call and broken else act())

    world = World(around=around)
    job = world.push_job()
    world.run(MINUTE)
    broken.clear()
    world.run(HOUR)
    assert world.record(job).state in ENDED_JOBS
    assert len(world.cloud.lives) == 1


@pytest.mark.parametrize("ends", [JobState.REJECTED, JobState.ABANDONED])
def test_a_job_that_is_given_up_keeps_its_message_until_that_is_written(ends: JobState) -> None:
    """Refused, or launched in vain: as long as its end cannot be written its request comes back, and then it ends."""
    broken = [True]
    refused: list[str] = []

    def spoiled(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the port returns
        if what == "github.runners.jit_config":
            raise Rejected("no such group")
        if broken and what == "table.jobs.update" and isinstance(call, partial) and call.args[2].get("state") is ends:
            refused.append(what)
            _away(what)
        return call()

    world = World(around=lambda name, port: Wired(name, port, spoiled))
    job = world.push_job(labels="paddock/cpu=99999" if ends is JobState.REJECTED else "paddock")
    world.deliver()
    while not refused:  # and no sweep
        world.clock.advance(SECOND)
        world.fleet.dispatch_once()
    assert world.record(job).state not in ENDED_JOBS
    assert world.jobs.depth().waiting + world.jobs.depth().on_loan == 1
    broken.clear()
    world.run(HOUR)
    assert world.record(job).state is ends


def _away(what: str) -> None:
    raise Unavailable(f"{what}: away")
