"""What is away for an hour costs no job: neither its launches nor its place."""

from collections.abc import Callable
from typing import Any

import pytest

from paddock.adapters.simulation.wires import Wired
from paddock.core.errors import NotFound, PaddockError, Unavailable
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.faults import Failing, Fuse
from tests.world.invariants import check
from tests.world.world import World

PUBLIC = "acme/site"


@pytest.mark.parametrize("call", ["github.runners.jit_config", "github.releases.package", "assignments.put"])
def test_an_hour_in_which_no_machine_can_be_given_orders_costs_no_job(call: str) -> None:
    """Machines that waited for orders in vain are not the job's failures; it tries again, less and less often."""
    failing = Failing()
    world = World(around=failing.around)
    failing.errors[call] = Unavailable("away")
    job = world.push_job()
    world.run(HOUR)
    assert world.record(job).launch - world.record(job).displaced <= 1
    assert len(world.cloud.lives) < 8
    failing.errors.clear()
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"


def test_a_machine_that_dies_before_it_can_have_waited_for_orders_counts() -> None:
    """Hardware or image, whatever GitHub does meanwhile: else a broken image would be launched for ever."""
    failing = Failing({"github.runners.jit_config": Unavailable("away")})
    world = World(around=failing.around)
    job = world.push_job()
    for _ in range(120):
        world.run(30 * SECOND)
        for machine in world.cloud.alive:
            world.cloud.kill(machine)
    record = world.record(job)
    assert (record.state, record.launch) == (JobState.ABANDONED, 3)
    failing.errors.clear()
    world.run(30 * MINUTE)
    check(world, registrations_left=0)


def test_an_hour_without_dispatchers_does_not_multiply_messages() -> None:
    """Twenty jobs that wait are not twelve hundred messages when the dispatchers come back; and they are served."""
    world = World()
    jobs = world.push_jobs(20)
    world.deliver()
    while world.fleet.dispatch_once():
        pass
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    for _ in range(60):
        world.clock.advance(MINUTE)
        world.fleet.house.sweep()
    assert len(jobs) < world.jobs.depth().waiting < len(jobs) * 10
    world.run_until_quiet()
    assert {world.record(job).state for job in jobs} == {JobState.FINISHED}


def test_an_hour_after_a_dispatcher_died_there_are_a_few_messages_of_its_job() -> None:
    """Also while it is held: and whoever comes back first goes on with its very launch."""
    whole = Fuse()
    undisturbed = World(around=whole.around)
    undisturbed.push_job()
    undisturbed.run(SECOND)
    world = World(around=Fuse(whole.calls.index("machines.launch") + 1, after=True).around)
    job = world.push_job()
    world.run(SECOND)
    assert world.record(job).state is JobState.DISPATCHING
    for _ in range(60):
        world.clock.advance(MINUTE)
        world.fleet.house.sweep()
    assert 5 < world.jobs.depth().waiting < 20
    world.run_until_quiet()
    assert (world.record(job).state, world.record(job).wakes) == (JobState.FINISHED, 0)


def once(call: str, error: PaddockError) -> Callable[[str, object], Wired]:
    """Ports of which one call fails the first time."""
    left = [error]

    def around(name: str, port: object) -> Wired:
        def intercept(what: str, act: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the port returns
            if what == call and left:
                raise left.pop()
            return act()

        return Wired(name, port, intercept)

    return around


@pytest.mark.parametrize("call", ["github.workflows.run", "github.workflows.job"])
def test_one_not_found_from_github_gives_no_job_up(call: str) -> None:
    """GitHub's copies may not know yet what its webhook told: unknown means keep, and ask again."""
    world = World(settings=FleetSettings(repositories=(PUBLIC,)), around=once(call, NotFound("not yet")))
    world.github.add_repository(PUBLIC, private=False)
    job = world.push_job(repository=PUBLIC)
    world.run(10 * SECOND)
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    assert world.record(job).missing_at is None
    # Whose run it is, is asked before a new job is written down, and once more afterwards.
    assert ("missing" in world.verdicts(job)) == (call == "github.workflows.job")
    check(world)


def test_two_of_them_with_an_answer_in_between_are_one_each() -> None:
    """What was found again is not remembered as missing."""
    failing = Failing()
    world = World(around=failing.around)
    job = world.push_job(lasts=HOUR)
    world.run(MINUTE)
    for _ in range(2):
        failing.errors["github.workflows.job"] = NotFound("hiccup")
        assert world.fleet.house.sweep._completion.ask(world.record(job)) is None
        assert not world.fleet.house.sweep._life.forgotten(world.record(job))
        failing.errors.clear()
        world.clock.advance(3 * MINUTE)
        assert world.fleet.house.sweep._completion.ask(world.record(job)) is not None
    assert world.record(job).state is JobState.RUNNING


def test_in_a_mass_death_of_machines_every_job_is_served_in_the_end() -> None:
    """Four hundred at once, before any of them has begun."""
    world = World()
    jobs = world.push_jobs(400)
    world.run(5 * SECOND)
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    world.run_until_quiet()
    assert [job for job in jobs if world.record(job).state is not JobState.FINISHED] == []
    check(world)
