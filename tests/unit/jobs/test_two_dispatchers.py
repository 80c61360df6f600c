"""Two processes on the same stores, interleaved at every port call: one job never gets two launches."""

from collections.abc import Callable, Sequence

import pytest

from paddock.adapters.simulation.wires import untouched
from paddock.core.fleet import Fleet
from paddock.core.states import JobState
from paddock.core.units import MINUTE, Span
from tests.faults import Between, Fuse
from tests.threads import race
from tests.world.invariants import check
from tests.world.world import World


def twice(_: object) -> Sequence[Span]:
    """Every webhook comes twice at once, so that the two have something to fight about."""
    return (0, 0)


def second_fleet(world: World) -> Fleet:
    """Another process on the same stores."""
    around, world.around = world.around, untouched
    other = world.new_fleet()
    world.around = around
    return other


def everything(fleet: Fleet) -> None:
    """All that a process ever does, once."""
    fleet.dispatch_once()
    fleet.complete_once()
    fleet.house.sweep()
    fleet.house.sweep_github()


def slept(world: World, fleet: Fleet) -> None:
    """The first process is held up for longer than its lease; the other one takes over meanwhile."""
    world.clock.advance(3 * MINUTE)
    fleet.house.sweep()
    fleet.dispatch_once()


def calls_of(jobs: int) -> int:
    """How many port calls the undisturbed story makes."""
    fuse = Fuse()
    world = World(around=fuse.around, webhooks=twice)
    world.push_jobs(jobs)
    world.run_until_quiet()
    return len(fuse.calls)


DEEDS: dict[str, Callable[[World, Fleet], object]] = {
    "dispatches too": lambda _, fleet: fleet.dispatch_once(),
    "does everything": lambda _, fleet: everything(fleet),
    "takes over": slept,
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("jobs", [1, 3])
def test_another_process_may_act_between_any_two_calls(jobs: int, deed: str) -> None:
    """At each port call in turn the other process acts: every job is served, by one machine each."""
    for number in range(1, calls_of(jobs) + 1):
        between = Between(number, lambda: None)
        world = World(around=between.around, webhooks=twice)
        other = second_fleet(world)

        def act(world: World = world, other: Fleet = other) -> None:
            DEEDS[deed](world, other)

        between.deed = act
        try:
            ids = world.push_jobs(jobs)
            world.run_until_quiet()
            check(world)
            # One that was held up may hear that a job's machine serves another before it hears who serves the job.
            assert jobs <= len(world.cloud.lives) <= jobs + sum(world.record(job).displaced for job in ids)
            assert {world.record(job).state for job in ids} == {JobState.FINISHED}
        except AssertionError as error:
            error.add_note(f"the other process acted before call {number}")
            raise


def test_threads_that_dispatch_the_same_jobs_start_one_machine_for_each() -> None:
    """Four dispatchers in threads, and every request there four times."""
    world = World(webhooks=lambda _: (0,) * 4)
    ids = world.push_jobs(30)
    world.deliver()
    fleets = [second_fleet(world) for _ in range(4)]

    def drain(number: int) -> int:
        done = 0
        while batch := fleets[number].dispatch_once(limit=3):
            done += batch
        return done

    assert sum(race(4, drain)) == 4 * len(ids)
    world.run_until_quiet()
    check(world)
    assert len(world.cloud.lives) == len(ids)
    assert {world.record(job).launch for job in ids} == {1}
