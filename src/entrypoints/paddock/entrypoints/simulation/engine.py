"""The simulator as `paddock simulate` sees it: a handful of callables, so that the command can be tried without it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import attrs

from paddock.adapters.simulation.cloud import SimulatedEc2, churning, stormy, usual
from paddock.adapters.simulation.faults import PLANS
from paddock.adapters.simulation.functions import Schedule
from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.outcome import Outcome, Start
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.render.background import Assumption
from paddock.adapters.simulation.workloads import built_in_day, read_trace
from paddock.adapters.simulation.world import Simulation
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE, Moment, Span
from paddock.entrypoints.simulation.assumptions import assumptions, inputs

Progress: TypeAlias = Callable[[Moment, int], None]
"""Told now and then: the virtual moment, and how many jobs have ended so far."""


STORMY = "stormy"
"""The name, among the faults, of a spot market that takes machines back by the dozen."""

CHURNING = "churning"
"""The name, among the faults, of a spot market some pools of which take machines back again and again."""

_MARKETS = {STORMY: stormy, CHURNING: churning}

_LOOK: Span = 5 * MINUTE


class Run(Protocol):
    """How one policy is run on a workload."""

    def __call__(
        self,
        workload: Workload,
        settings: FleetSettings,
        policy: str,
        seed: int,
        faults: str,
        progress: Progress,
        *,
        start: Start = Start.COLD,
    ) -> Outcome:
        """What came of it, in virtual time.

        `policy` is its name; `faults` is one of `Engine.faults`, or empty; `start` is what every machine starts from.
        """


@attrs.frozen
class Engine:
    """``built_in`` is the workload of those who bring none, ``opened`` one from a file (InvalidInput if it is none).

    ``faults`` are the names of the faults that can be turned on, ``assumptions`` what the world takes for granted,
    ``inputs`` those of it that waits are made of, with every start.
    """

    run: Run
    built_in: Callable[[], Workload]
    opened: Callable[[Path], Workload]
    faults: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    inputs: tuple[Assumption, ...] = ()


def run(
    workload: Workload,
    settings: FleetSettings,
    policy: str,
    seed: int,
    faults: str,
    progress: Progress,
    *,
    start: Start = Start.COLD,
) -> Outcome:
    """One policy on the simulated EC2, see `Run`."""
    weather = _MARKETS.get(faults, usual)()
    world = Simulation(
        workload,
        settings=settings,
        seed=seed,
        faults=PLANS.get(faults, PLANS["none"]),
        cloud=partial(SimulatedEc2, attrs.evolve(weather, start=start)),
        policy=policy,
    )

    def look() -> None:
        progress(world.timeline.now(), world.measure.jobs().ended)

    Schedule(world.timeline, _LOOK, look)
    return world.run()


def engine() -> Engine:
    """The simulator."""
    return Engine(
        run=run,
        built_in=built_in_day,
        opened=read_trace,
        faults=(*_MARKETS, *(name for name in PLANS if name != "none")),
        assumptions=assumptions(Parameters(), usual()),
        inputs=inputs(Parameters(), usual()),
    )
