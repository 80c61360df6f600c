"""The simulator as `paddock simulate` sees it: a handful of callables, so that the command can be tried without it."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

import attrs

from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.background import Assumption
from paddock.core.errors import Unsupported
from paddock.core.settings import FleetSettings
from paddock.core.units import Moment

Progress: TypeAlias = Callable[[Moment, int], None]
"""Told now and then: the virtual moment, and how many jobs have ended so far."""


class Run(Protocol):
    """How one policy is run on a workload."""

    def __call__(
        self, workload: Workload, settings: FleetSettings, policy: str, seed: int, faults: str, progress: Progress
    ) -> Outcome:
        """What came of it, in virtual time. `policy` is its name; `faults` is one of `Engine.faults`, or empty."""


@attrs.frozen
class Engine:
    """``built_in`` is the workload of those who bring none, ``opened`` one from a file (InvalidInput if it is none).

    ``faults`` are the names of the faults that can be turned on, ``assumptions`` what the world takes for granted.
    """

    run: Run
    built_in: Callable[[], Workload]
    opened: Callable[[Path], Workload]
    faults: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()


def engine() -> Engine:
    """The simulator.

    Raises:
        Unsupported: it is not there yet.
    """
    raise Unsupported("the simulated world is not in this version yet; its reports can be made from outcomes")
