"""Machines that register their runners themselves: GitHub alone knows them until they have told their number."""

import attrs

from paddock.adapters.memory import MemoryAssignments
from paddock.core.errors import Throttled
from paddock.core.messages import Assignment, RunnerPackage
from paddock.core.states import JobState, RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.in_steps import InSteps
from tests.faults import Failing
from tests.world.invariants import check
from tests.world.world import World


def tokens_alone(**more: object) -> World:
    """A world in which GitHub gives no just-in-time configuration at all."""
    world = World(**more)  # type: ignore[arg-type]  # as they are there
    world.sim.gate.registrations._limit = 0
    return world


def verdicts(world: World, machine: str) -> list[str]:
    """What was decided about the machine."""
    return [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]


def test_a_job_is_served_by_a_runner_that_nobody_registered_for_its_machine() -> None:
    """Its orders have a token and no number, and everything comes to its end as ever."""
    world = tokens_alone()
    job = world.push_job()
    world.run(5 * SECOND)
    machine = str(world.record(job).machine)
    assert world.runner(machine).runner_id is None
    assert world.github.all_runners() == ()
    world.run_until_quiet()
    assert (world.record(job).conclusion, world.record(job).launch) == ("success", 1)
    assert verdicts(world, machine)[0] == "token"
    check(world)


def test_without_a_token_the_job_waits() -> None:
    """GitHub is asked too fast for that, too: the machine waits for its orders, and gets them."""
    broken = Failing({"github.runners.registration": Throttled("too fast", 30 * SECOND)})
    world = tokens_alone(around=broken.around)
    job = world.push_job()
    world.run(20 * SECOND)
    assert world.record(job).state is JobState.DISPATCHING
    broken.errors.clear()
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    assert len(world.cloud.launches) == 1
    check(world)


def test_a_machine_that_may_be_about_to_register_is_not_taken_for_free() -> None:
    """Its job is cancelled before it comes up, and nobody can delete a runner to be: it idles, and ends."""
    world = tokens_alone()
    job = world.push_job(labels="paddock=alone")
    world.run(5 * SECOND)
    machine = str(world.record(job).machine)
    world.cancel(job)
    world.run(10 * SECOND)
    assert world.record(job).state is JobState.CANCELLED
    assert world.runner(machine).state is RunnerState.BOOTING
    assert world.cloud.alive == [machine]
    world.run_until_quiet()
    assert world.github.all_runners() == ()
    check(world)


def test_a_runner_without_a_number_is_found_by_its_name() -> None:
    """It listens when its job is cancelled: GitHub is asked for it, and it is deleted."""
    world = tokens_alone()
    job = world.push_job()
    world.github.runs._dispatcher.job_withdrawn(world.github.state.jobs[job])
    world.run(2 * MINUTE)
    machine = str(world.record(job).machine)
    assert len(world.github.all_runners()) == 1
    world.cancel(job)
    world.run(10 * SECOND)
    assert world.github.all_runners() == ()
    assert "draining" in verdicts(world, machine)


def test_a_machine_that_works_unheard_is_not_ended() -> None:
    """Neither its own word nor GitHub's came through, so its number is not known; GitHub has a job on that name."""
    world = tokens_alone(reports=lambda _: ())
    job = world.push_job(lasts=HOUR)
    world.run(SECOND)
    world.courier.fate = lambda _: ()
    world.sweeps(on=False)
    machine, deadlines = str(world.record(job).machine), world.settings.deadlines
    for _ in range(2):
        world.run(deadlines.boot + deadlines.idle + MINUTE)
        world.fleet.house.sweep()
    assert (world.runner(machine).state, world.cloud.alive) == (RunnerState.BUSY, [machine])


def test_a_machine_that_never_registers_is_ended() -> None:
    """Its agent died with its orders: GitHub has no runner of that name when all its time is over."""
    world = tokens_alone()
    job = world.push_job()
    world.run(5 * SECOND)
    machine = str(world.record(job).machine)
    world.silence(machine)
    world.run(world.settings.deadlines.boot + 2 * MINUTE)
    assert machine not in world.cloud.alive
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    check(world)


def test_orders_without_numbers_are_told_apart_by_name() -> None:
    """Two dispatchers have a token for the same machine: whoever is second has not given it its orders."""
    package = RunnerPackage("2.336.0", "https://example.test/runner", "0" * 64, "runner")
    orders = Assignment("m", 1, 1, "acme/app", ("paddock",), "paddock--m--1", 0, package)
    assignments = MemoryAssignments()
    assignments.put(attrs.evolve(orders, runner_name="paddock--m--2"))
    assert not InSteps(World().table.together, assignments).give([], [orders], [])
