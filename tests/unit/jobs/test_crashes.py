"""A crash before or after any port call of any step: a new process goes on, and the end is the same."""

from collections.abc import Callable

import pytest

from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.core.states import JobState
from paddock.core.units import MINUTE, SECOND
from tests.faults import Fuse
from tests.world.invariants import check
from tests.world.world import World

pytestmark = pytest.mark.slow


def one_job(world: World) -> None:
    """One job, from push to end."""
    world.push_job(labels="paddock/cpu=4")
    world.run_until_quiet()


def matrix_of_three(world: World) -> None:
    """Three identical jobs of one run, which GitHub gives to their runners by chance."""
    world.push_jobs(3)
    world.run_until_quiet()


def cancelled_before_it_starts(world: World) -> None:
    """A job whose run is cancelled while its machine boots."""
    job = world.push_job()
    world.run(10 * SECOND)
    world.cancel(job)
    world.run_until_quiet()


def machine_dies_booting(world: World) -> None:
    """A job whose first machine is taken away before it takes its orders."""
    world.push_job()
    world.run(10 * SECOND)
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    world.run_until_quiet()


def machine_dies_with_its_job(world: World) -> None:
    """A job whose machine is taken away while it runs: GitHub concludes it when the lease is over."""
    world.push_job(lasts=20 * MINUTE)
    world.run(5 * MINUTE)
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    world.run_until_quiet()


def refused(world: World) -> None:
    """A job that no fleet can serve, beside one that is served."""
    world.push_job(labels="paddock/cpu=banana")
    world.push_job()
    world.run_until_quiet()


def all_run(world: World, *jobs: int) -> None:
    """Let time pass until GitHub says of each of them that it runs, however late a crash makes that."""
    while any(world.github.state.jobs[job].started_at is None for job in jobs):
        world.run(5 * SECOND)


def warned_before_it_starts(world: World) -> None:
    """A job whose machine is warned while it boots; the machine finds the notice too, and says so."""
    world.push_job()
    world.run(10 * SECOND)
    for machine in world.cloud.alive:
        world.reclaim(machine)
    world.run_until_quiet()


def taken_with_its_job(world: World) -> None:
    """Two jobs of one run; the machine of one is warned, ends its job and is taken: it is re-run."""
    long = RunnerFaults(duration=7 * MINUTE)
    all_run(world, *world.push(*(JobScript(name, ("paddock",), faults=long) for name in ("one", "other"))))
    world.reclaim(world.cloud.alive[0])
    world.run_until_quiet()


def taken_without_a_word(world: World) -> None:
    """No warning, and no word of the end: the sweep finds it."""
    world.notice_fate = lambda _: ()
    all_run(world, world.push_job(lasts=4 * MINUTE))
    world.take_back(world.cloud.alive[0])
    world.run_until_quiet()


STORIES: list[Callable[[World], None]] = [
    one_job,
    matrix_of_three,
    cancelled_before_it_starts,
    machine_dies_booting,
    machine_dies_with_its_job,
    refused,
    warned_before_it_starts,
    taken_with_its_job,
    taken_without_a_word,
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_port_call_changes_nothing_in_the_end(story: Callable[[World], None], *, after: bool) -> None:
    """Every call of the story is, in its turn, where the process dies; the invariants hold each time."""
    whole = Fuse()
    undisturbed = World(around=whole.around)
    story(undisturbed)
    check(undisturbed)
    states = [undisturbed.record(job.id).state for job in undisturbed.github.jobs()]
    for number in range(1, len(whole.calls) + 1):
        world = World(around=Fuse(number, after=after).around)
        try:
            story(world)
            check(world, registrations_left=3)
            assert [world.record(job.id).state for job in world.github.jobs()] == states
        except AssertionError as error:
            error.add_note(f"the process died at call {number}: {world.crashes}")
            raise


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_one_job_gets_one_machine_wherever_the_dispatcher_dies(*, after: bool) -> None:
    """Two machines for one job would be paid for: a resumed launch uses the token of the one that was cut off."""
    whole = Fuse()
    one_job(World(around=whole.around))
    for number in range(1, len(whole.calls) + 1):
        world = World(around=Fuse(number, after=after).around)
        one_job(world)
        assert len(world.cloud.lives) == 1, (number, world.crashes)
        assert world.record(world.github.jobs()[0].id).state is JobState.FINISHED
