"""Machines of the small cloud asleep, in the world: their agents, their bill, and what stale reads make of them."""

from paddock.adapters.memory import SeededChance
from paddock.adapters.simulation.protocols import Charge
from paddock.adapters.simulation.stale import StaleMachines
from paddock.core.ports.machines import LaunchRequest, MachineState
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.world import World

CERTAIN = 10_000


def awake(world: World) -> str:
    """A machine on demand that nobody wrote down; it has just come up."""
    (machine,) = world.cloud.launch(LaunchRequest("t", 1, RunnerSpec(), Market.ON_DEMAND, 73)).machines
    world.run(20 * SECOND)
    assert machine.id in world.agents.by_machine
    return machine.id


def test_a_machine_that_sleeps_has_no_agent_until_it_has_booted_again() -> None:
    """Then it has another one."""
    world = World()
    machine = awake(world)
    before = world.agents.by_machine[machine]
    world.cloud.stop([machine])
    assert machine not in world.agents.by_machine
    world.run(MINUTE)
    world.cloud.start([machine])
    world.run(20 * SECOND)
    after = world.agents.by_machine[machine]
    assert after is not before
    assert after.booted_at == world.clock.now()


def test_sleep_costs_the_disk_alone() -> None:
    """From running to the end; compute and address for the runs alone, of a minute at least each."""
    world = World()
    machine = awake(world)
    price = world.cloud.log[machine].machine.price or 0
    world.clock.advance(HOUR - 10 * SECOND)  # it runs since ten seconds
    world.cloud.stop([machine])
    world.clock.advance(HOUR)
    assert world.cloud.charge(machine) == Charge(price, 80_000 * 73 * 2 // 730, 5_000)
    world.cloud.start([machine])
    assert world.cloud.charge(machine).compute == price
    world.clock.advance(HOUR)
    world.cloud.terminate([machine])
    assert world.cloud.charge(machine).disk == 80_000 * 73 * 3 // 730


def test_a_machine_that_was_just_started_is_not_taken_for_new() -> None:
    """EC2 may not know yet that it starts, but it knows the machine."""
    world = World()
    machine = awake(world)
    stale = StaleMachines(world.cloud, world.clock, SeededChance(1), lambda: CERTAIN)
    stale.stop([machine])
    world.clock.advance(MINUTE)
    assert stale.start([machine])[machine].started
    assert stale.describe([machine])[machine].state is MachineState.PENDING
    assert [one.id for one in stale.page().items] == [machine]


def test_a_machine_that_sleeps_and_that_nobody_knows_is_ended() -> None:
    """It would be kept for ever else: the sweep gives it a record, and ends what is silent and without work."""
    world = World()
    machine = awake(world)
    world.cloud.stop([machine])
    world.run_until_quiet()
    assert world.cloud.log[machine].ended_at is not None
    assert world.runner(machine).state is RunnerState.GONE
    verdicts = [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]
    assert verdicts == ["adopted", "ended", "gone"]
