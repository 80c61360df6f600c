"""A simulated EC2 with somebody who writes down what it tells: the bench for its rules."""

from collections.abc import Callable
from typing import Any

import attrs

from paddock.adapters.memory import SeededChance, SequentialIds
from paddock.adapters.simulation.cloud import CloudParameters, LogNormal, SimulatedEc2, StartTimes, quiet
from paddock.adapters.simulation.protocols import Ending
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.catalogue import CATALOGUE
from paddock.core.messages import WarningKind
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine
from paddock.core.spec import Market, RunnerSpec
from paddock.core.units import SECOND, Moment, Span
from tests.strategies import NOON

C7I = tuple(kind for kind in CATALOGUE if kind.name == "c7i.large")
ONE_POOL: dict[str, Any] = {"zones": ("a",), "types": C7I}
"""One type in one zone."""


def exactly(call: Span, pending: Span, boot: Span) -> StartTimes:
    """A start that always takes so long."""
    return StartTimes(LogNormal(call, call), LogNormal(pending, pending), LogNormal(boot, boot))


STEADY = exactly(SECOND, 4 * SECOND, 10 * SECOND)


def steady(**changes: Any) -> CloudParameters:  # noqa: ANN401 - the fields of CloudParameters
    """A quiet day on which every start takes 5 seconds to ``running`` and 15 to the agent."""
    return attrs.evolve(quiet(), **{"cold": STEADY, **changes})


@attrs.define
class Told:
    """A listener that remembers, and does what it is asked to."""

    clock: Callable[[], Moment]
    booted_at: dict[str, Moment] = attrs.field(factory=dict)
    warnings: list[tuple[Moment, str, WarningKind, Moment]] = attrs.field(factory=list)
    stopping_at: list[tuple[Moment, str]] = attrs.field(factory=list)
    ended_at: dict[str, tuple[Moment, Ending]] = attrs.field(factory=dict)
    when_booted: Callable[[Machine], object] = id
    when_warned: Callable[[Machine, WarningKind], object] = attrs.field(default=lambda *_: None)
    when_ended: Callable[[Machine], object] = id

    def booted(self, machine: Machine) -> None:
        """Its agent may start."""
        assert machine.id not in self.booted_at
        self.booted_at[machine.id] = self.clock()
        self.when_booted(machine)

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """It is to be taken."""
        assert machine.id not in self.ended_at
        assert (machine.id, warning) not in [(told, kind) for _, told, kind, _ in self.warnings]
        self.warnings.append((self.clock(), machine.id, warning, at))
        self.when_warned(machine, warning)

    def stopping(self, machine: Machine) -> None:
        """It sleeps; it may boot again."""
        assert machine.id not in self.ended_at
        self.stopping_at.append((self.clock(), machine.id))
        self.booted_at.pop(machine.id, None)

    def ended(self, machine: Machine, by: Ending) -> None:
        """Nothing runs on it any more."""
        assert machine.id not in self.ended_at
        self.ended_at[machine.id] = (self.clock(), by)
        self.when_ended(machine)


class Bench:
    """A cloud, its timeline and its listener. ``launch`` takes a fresh token each time, unless told one."""

    def __init__(self, parameters: CloudParameters, seed: int = 0) -> None:
        self.timeline = Timeline(NOON)
        self.told = Told(self.timeline.now)
        self.cloud = SimulatedEc2(
            parameters, timeline=self.timeline, ids=SequentialIds(), chance=SeededChance(seed), listener=self.told
        )
        self._tokens = SequentialIds()

    def ask(self, count: int = 1, market: Market = Market.SPOT, **request: Any) -> LaunchOutcome:  # noqa: ANN401
        """Launch; the outcome."""
        asked = LaunchRequest(self._tokens.token(), count, RunnerSpec(), market, 40)
        return self.cloud.launch(attrs.evolve(asked, **request))

    def launch(self, count: int = 1, market: Market = Market.SPOT, **request: Any) -> list[str]:  # noqa: ANN401
        """Launch; the machines' ids."""
        return [machine.id for machine in self.ask(count, market, **request).machines]

    def after(self, span: Span) -> None:
        """Let so much time go by."""
        self.timeline.run(self.timeline.now() + span)

    def ended_by(self, machine: str) -> Ending | None:
        """Who ended it, as it was told."""
        return self.told.ended_at.get(machine, (0, None))[1]
