"""The adapters that give machines. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs

from paddock.adapters.memory import ManualClock, MemoryMachines, SeededChance, SequentialIds
from paddock.adapters.process import LocalMachines, box_arch
from paddock.adapters.simulation.cloud import SimulatedEc2, quiet
from paddock.adapters.simulation.protocols import Ending, SimulatedCloud
from paddock.adapters.simulation.small_cloud import SmallCloud
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.system import SystemClock
from paddock.core.messages import WarningKind
from paddock.core.ports.machines import LaunchRequest, Machine, Machines, MachineState
from paddock.core.spec import Market, Range, RunnerSpec
from paddock.core.units import MINUTE, Moment, Span
from tests.agent.machine import all_machines, eventually
from tests.aws.ec2 import a_request, ec2_on_moto
from tests.strategies import NOON


@attrs.frozen
class MachinesUnderTest:
    """A cloud without machines.

    ``settle`` returns when what was launched has had the time to run, and what was terminated to be gone.
    ``fits`` is a request for one machine that can be had at least four times over (its token and count are replaced);
    ``never_fits`` is one for a machine that this cloud does not have. ``vague`` is by how much a launch may err in the
    moment of its machines' start, where the cloud does not tell it before they are described. ``sleeps`` is True if its
    machines can be stopped.
    """

    machines: Machines
    settle: Callable[[], object]
    fits: LaunchRequest
    never_fits: LaunchRequest
    vague: Span = 0
    sleeps: bool = True


OpenMachines: TypeAlias = Callable[[Path], AbstractContextManager[MachinesUnderTest]]
"""Opens a cloud that may keep its files in the folder given (empty at first), and ends its machines afterwards."""


@contextmanager
def memory(_: Path) -> Iterator[MachinesUnderTest]:
    clock = ManualClock(NOON)
    yield MachinesUnderTest(
        # Pages of two: a listing of three machines has a second page.
        machines=MemoryMachines(clock, SequentialIds(), page_size=2),
        settle=lambda: clock.advance(MINUTE),
        fits=LaunchRequest("", 1, RunnerSpec(), Market.SPOT, 40, {"paddock": "contract"}),
        never_fits=LaunchRequest("never", 1, RunnerSpec(cpu=Range(10_000)), Market.SPOT, 40),
    )


class Nobody:
    """A listener of the simulated cloud that has nothing to do."""

    def booted(self, machine: Machine) -> None:
        """Nothing."""

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """Nothing."""

    def stopping(self, machine: Machine) -> None:
        """Nothing."""

    def ended(self, machine: Machine, by: Ending) -> None:
        """Nothing."""


@contextmanager
def simulated(_: Path) -> Iterator[MachinesUnderTest]:
    timeline = Timeline(NOON)
    # Nothing goes wrong, except that half of what was just launched is not seen yet.
    parameters = attrs.evolve(quiet(), page_size=2, unseen=500)
    chance = SeededChance(4)
    cloud: SimulatedCloud = SimulatedEc2(
        parameters, timeline=timeline, ids=SequentialIds(), chance=chance, listener=Nobody()
    )
    yield MachinesUnderTest(
        machines=cloud,
        settle=lambda: timeline.run(timeline.now() + MINUTE),
        fits=LaunchRequest("", 1, RunnerSpec(), Market.SPOT, 40, {"paddock": "contract"}),
        never_fits=LaunchRequest("never", 1, RunnerSpec(cpu=Range(10_000)), Market.SPOT, 40),
    )


@contextmanager
def small(_: Path) -> Iterator[MachinesUnderTest]:
    timeline = Timeline(NOON)
    cloud: SimulatedCloud = SmallCloud(
        timeline=timeline, ids=SequentialIds(), chance=SeededChance(4), listener=Nobody(), zones=("a", "b")
    )
    yield MachinesUnderTest(
        machines=cloud,
        settle=lambda: timeline.run(timeline.now() + MINUTE),
        fits=LaunchRequest("", 1, RunnerSpec(), Market.SPOT, 40, {"paddock": "contract"}),
        never_fits=LaunchRequest("never", 1, RunnerSpec(cpu=Range(10_000)), Market.SPOT, 40),
    )


@contextmanager
def process(folder: Path) -> Iterator[MachinesUnderTest]:
    machines = LocalMachines(folder, SystemClock(), slots=8, page_size=2)

    def settle() -> None:
        def settled() -> bool:
            return all(machine.state is not MachineState.PENDING for machine in all_machines(machines))

        eventually(settled, "machines that are no longer pending")

    spec = RunnerSpec(arch=box_arch())
    try:
        yield MachinesUnderTest(
            machines=machines,
            settle=settle,
            fits=LaunchRequest("", 1, spec, Market.SPOT, 40, {"paddock": "contract"}),
            never_fits=LaunchRequest("never", 1, attrs.evolve(spec, cpu=Range(10_000)), Market.SPOT, 40),
            sleeps=False,
        )
    finally:
        machines.terminate([machine.id for machine in all_machines(machines)])


@contextmanager
def ec2(_: Path) -> Iterator[MachinesUnderTest]:
    """EC2 as moto plays it, but for what it lets machines do in states in which they cannot."""
    with ec2_on_moto() as opened:
        opened.faults.mind_states()
        yield MachinesUnderTest(
            machines=opened.machines(),
            settle=lambda: None,
            fits=a_request(),
            never_fits=LaunchRequest("never", 1, RunnerSpec(cpu=Range(10_000)), Market.SPOT, 40),
            vague=MINUTE,
        )


@contextmanager
def ec2_with_tokens(_: Path) -> Iterator[MachinesUnderTest]:
    """EC2 as moto plays it, and before it a memory of client tokens such as EC2 documents."""
    with ec2_on_moto() as opened:
        opened.faults.remember_tokens()
        yield MachinesUnderTest(
            machines=opened.machines(),
            settle=lambda: None,
            fits=a_request(),
            never_fits=LaunchRequest("never", 1, RunnerSpec(cpu=Range(10_000)), Market.SPOT, 40),
            vague=MINUTE,
        )


ADAPTERS: dict[str, OpenMachines] = {"memory": memory, "simulated": simulated, "small": small, "process": process}
SLOW_ADAPTERS: dict[str, OpenMachines] = {"ec2": ec2, "ec2-with-tokens": ec2_with_tokens}

_SLEEPING = {
    "test_what_does_not_run_yet_is_not_stopped_and_named": "moto describes what it launched as running at once",
    "test_a_machine_that_still_stops_is_not_started": "moto's machines are stopped at once",
    "test_stopping_takes_a_while": "moto's machines are stopped at once",
    "test_a_start_is_a_boot": "moto's machines run at once, and keep their launch time",
}
_NO_TOKENS = "moto ignores CreateFleet's ClientToken: every repetition is another fleet"
DIFFERENCES: Mapping[str, Mapping[str, str]] = {
    "ec2": _SLEEPING
    | dict.fromkeys(
        (
            "test_repeating_a_launch_starts_nothing",
            "test_a_token_does_not_bring_the_dead_back",
            "test_a_token_with_other_parameters_is_refused",
            "test_of_many_threads_with_one_token_all_get_the_same_machine",
            "test_a_token_with_other_offers_left_out_is_reused",
            "test_a_token_for_another_purpose_is_reused",
        ),
        _NO_TOKENS,
    ),
    "ec2-with-tokens": {
        "test_a_token_does_not_bring_the_dead_back": (
            "CreateFleet answers a repetition as it did the first time, and nobody tells the adapter that it is one: "
            "machines that have ended since are called pending. The caller learns of it when it asks for them"
        ),
    },
}
"""Tests that an adapter does not pass, by its name, and why: each must fail, or it has to go from here."""
