"""A machine that nobody wrote down, and that somebody speaks of: it gets its record and its bill, if it is ours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import pytest

from paddock.adapters.simulation.parameters import Functions, Hosts
from paddock.agent.settings import Settings
from paddock.core.messages import MachineChanged, MachineWarned, ReportEvent, RunnerReported, WarningKind
from paddock.core.ports.machines import LaunchRequest, Machine, Machines, MachineState
from paddock.core.settings import Deadlines
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import MINUTE, SECOND
from paddock.core.usecases.house.plan import AdoptMachine, Snapshot, plan
from tests.faults import Fuse
from tests.strategies import NOON
from tests.world.invariants import check, every_second_is_billed_once, nothing_is_left
from tests.world.spot import say_gone, warn
from tests.world.world import World


def stray(world: World) -> str:
    """A spot machine of the fleet's, launched by a dispatcher of which nothing is left."""
    request = LaunchRequest("stray", 1, RunnerSpec(), Market.SPOT, 40)
    return world.cloud.launch(request).machines[0].id


def verdicts(world: World, machine: str) -> list[str]:
    """What was decided about the machine."""
    return [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]


def failed(world: World, machine: str, reason: str = "assignment_deadline") -> RunnerReported:
    """The machine's word that it came to nothing."""
    return RunnerReported(ReportEvent.FAILED_TO_START, machine, 0, 0, "", world.clock.now(), reason=reason)


def test_a_machine_that_ended_unrecorded_is_billed() -> None:
    """Nobody lists it any more, so that no sweep would find it: the cloud's word is all there is."""
    world = World()
    machine = stray(world)
    world.run(40 * SECOND)
    world.cloud.kill(machine)
    say_gone(world, machine)
    say_gone(world, machine)
    runner = world.runner(machine)
    assert (runner.state, runner.gone_at, runner.assigned_job) == (RunnerState.GONE, world.clock.now(), None)
    assert verdicts(world, machine) == ["adopted", "gone"]
    world.run_until_quiet()
    nothing_is_left(world, 0)
    every_second_is_billed_once(world, MINUTE)


def test_a_warning_of_a_machine_without_a_record_is_not_lost() -> None:
    """It is adopted and drains, and the interruption counts."""
    world = World()
    machine = stray(world)
    world.silence(machine)
    world.run(20 * SECOND)
    at = warn(world, machine)
    runner = world.runner(machine)
    assert (runner.state, runner.interrupted_at, runner.market) == (RunnerState.DRAINING, at, Market.SPOT)
    world.cloud.take_back(machine)
    world.run_until_quiet()
    nothing_is_left(world, 0)
    every_second_is_billed_once(world, MINUTE)


def test_a_machine_without_a_record_may_speak_for_itself() -> None:
    """Its report makes its record, and then is taken for what it says."""
    world = World()
    machine = stray(world)
    world.silence(machine)
    world.run(20 * SECOND)
    world.fleet.events(failed(world, machine))
    runner = world.runner(machine)
    assert (runner.state, runner.result) == (RunnerState.DRAINING, OperationalResult.FAILED_TO_START)
    assert verdicts(world, machine) == ["adopted", "failed_to_start"]
    world.cloud.kill(machine)
    world.run_until_quiet()
    nothing_is_left(world, 0)
    every_second_is_billed_once(world, MINUTE)


@attrs.frozen
class Shared:
    """A cloud whose descriptions show machines of others, as EC2's do: here all are."""

    inner: Machines

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """See `Machines`."""
        return {id_: attrs.evolve(machine, ours=False) for id_, machine in self.inner.describe(ids).items()}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        return getattr(self.inner, name)


Word = Callable[[World, str], None]
WORDS: dict[str, tuple[Word, list[str]]] = {
    "an end": (lambda world, it: world.fleet.events(MachineChanged(it, "terminated", NOON, NOON)), []),
    "a warning": (
        lambda world, it: world.fleet.events(MachineWarned(it, WarningKind.SPOT, NOON, NOON)),
        ["unknown_machine"],
    ),
    "a report": (lambda world, it: world.fleet.events(failed(world, it)), ["unknown_machine"]),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("alive", [True, False], ids=["alive", "ended"])
def test_what_is_not_this_fleets_is_never_adopted(word: str, *, alive: bool) -> None:
    """Whoever speaks of it: the cloud tells of every machine of the account, so that its end is not even noted."""
    world = World(around=lambda name, port: Shared(port) if name == "machines" else port)
    machine = stray(world)
    world.silence(machine)
    world.run(20 * SECOND)
    if not alive:
        world.cloud.kill(machine)
    say, noted = WORDS[word]
    say(world, machine)
    assert world.table.runners.get(machine) is None
    assert verdicts(world, machine) == noted


def dead_after_launch() -> tuple[World, int, str]:
    """A dispatcher died between the cloud's answer and the records; its job, and the machine."""
    whole = Fuse()
    world = World(around=whole.around)
    world.push_job()
    world.run(SECOND)
    fuse = Fuse(whole.calls.index("machines.launch") + 1, after=True)
    world = World(around=fuse.around)
    job = world.push_job()
    world.run(SECOND)
    assert world.record(job).state is JobState.DISPATCHING
    (machine,) = world.cloud.alive
    return world, job, machine


def test_a_machine_whose_job_went_elsewhere_before_its_record_was_written_is_billed() -> None:
    """Its launch is never resumed, for nobody waits for it; and it ends before a sweep takes it for an orphan."""
    world, job, machine = dead_after_launch()
    world.cancel(job)
    world.run(10 * SECOND)
    assert world.record(job).state is JobState.CANCELLED
    world.cloud.kill(machine)
    say_gone(world, machine)
    assert verdicts(world, machine) == ["adopted", "gone"]
    world.run_until_quiet()
    check(world)


def test_as_long_as_its_launch_is_carried_out_its_record_is_left_to_whoever_does_that() -> None:
    """A record that was closed before it got its orders would leave them, and a registration, to nobody."""
    world, job, machine = dead_after_launch()
    world.cloud.kill(machine)
    say_gone(world, machine)
    assert world.table.runners.get(machine) is None
    assert world.events.depth().waiting == 1  # the cloud's word comes back later
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    assert verdicts(world, machine)[-1] == "gone"
    check(world)


def test_orders_that_come_to_a_closed_record_are_taken_back() -> None:
    """EC2's answer to a repeated launch calls a machine pending that has ended: it gets orders which nobody reads."""
    world, job, machine = dead_after_launch()
    launched = world.cloud.describe([machine])[machine]
    launch = world.table.launches.get(launched.token)
    assert launch is not None
    world.fleet.house.sweep._adopt(launched, "it has no record")
    world.cloud.kill(machine)
    world.fleet.house.sweep._departure.look(world.runner(machine), "gone")
    assert not world.runner(machine).live
    world.fleet.dispatch._launching._fulfil._assign(world.record(job), launched, launch)
    assert world.assignments.get(machine) is None
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    check(world)


def test_a_machine_without_orders_is_the_fleets_to_end_before_it_ends_itself() -> None:
    """Two defaults that are defined far from each other, with room for a sweep, and a late one, in between."""
    usual, sweep = Deadlines(), Functions().sweep
    waits = Settings.__dataclass_fields__["assignment_deadline"].default
    assert Hosts().orders == waits
    assert usual.orphan + 2 * sweep <= waits
    machine = Machine("i-1", MachineState.RUNNING, NOON)
    (adopted,) = plan(Snapshot(NOON + usual.orphan - 2 * sweep, (), (), {"i-1": machine}), usual)
    assert isinstance(adopted, AdoptMachine)
