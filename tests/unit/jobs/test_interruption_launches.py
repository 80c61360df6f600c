"""A machine that the cloud takes back is held against nobody, wherever its job's dispatcher dies meanwhile."""

import pytest

from paddock.core.states import RunnerState
from paddock.core.units import MINUTE, SECOND, Span
from tests.faults import Fuse
from tests.world.invariants import check
from tests.world.spot import machine_of, market_of
from tests.world.world import World


def story(fuse: Fuse, wait: Span) -> tuple[World, int]:
    """The dispatcher dies where the fuse says; some time later the machine is warned, if there is one."""
    world = World()
    world.around = fuse.around
    world.fleet = world.new_fleet()
    job = world.push_job()
    world.run(SECOND + wait)
    for machine in sorted(world.cloud.lives):
        world.reclaim(machine, heard=False)
    world.run_until_quiet()
    return world, job


@pytest.mark.parametrize("wait", [0, 90 * SECOND], ids=["taken before it is resumed", "taken after it is resumed"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_the_dispatcher_dies_a_warning_costs_no_launch(*, after: bool, wait: Span) -> None:
    """Whether the machine is gone when its launch is resumed, or only known to go."""
    whole = Fuse()
    story(whole, wait)
    for number in range(1, len(whole.calls) + 1):
        world, job = story(Fuse(number, after=after), wait)
        record = world.record(job)
        assert record.launch - record.displaced == 1, (number, world.crashes, world.verdicts(job))
        assert not record.failure, (number, record)
        check(world, registrations_left=1)


def test_a_job_that_comes_to_a_machine_that_is_known_to_go_gets_another_one_on_demand() -> None:
    """The warning found nobody on the machine; then a slow dispatcher gave it its job all the same."""
    world = World(reports=lambda _: ())
    job = world.push_job()
    world.run(SECOND)
    machine, now = machine_of(world, job), world.clock.now()
    world.silence(machine)
    world.table.runners.update(
        machine,
        {"state": RunnerState.BOOTING},
        {"state": RunnerState.DRAINING, "idle_at": now, "interrupted_at": now + 2 * MINUTE},
    )
    world.run(3 * MINUTE)
    record = world.record(job)
    assert record.machine not in {machine, None}
    assert (record.on_demand, record.launch, record.displaced, record.failure) == (True, 2, 1, "")
    assert market_of(world, record) == "on-demand"
