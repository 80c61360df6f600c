"""The spot circuit breaker: where machines are taken back too often, spot is not asked for.

::

    interruptions    x   x x                                 probe
    ───────────────────────┬─────────────────────────────┬─────┬──────────
    closed                 │ open (on demand)            │ half│ closed, or open again for twice as long
                           └─ threshold within window    └─ cool-down over
"""

from typing import TypedDict

import attrs

from paddock.core.states import CircuitState
from paddock.core.units import MINUTE, Moment, Span

ANY_ZONE = "any"


@attrs.frozen
class CircuitPolicy:
    """When a circuit opens and for how long. Defaults: 3 interruptions in 15 minutes open it for 30."""

    threshold: int = 3
    window: Span = 15 * MINUTE
    cool_down: Span = 30 * MINUTE
    max_cool_down: Span = 240 * MINUTE


@attrs.frozen
class Circuit:
    """The circuit of one instance type in one zone (or any zone) of a region.

    ``interruptions`` are the moments of those within the window, oldest first; ``openings`` counts the times in a
    row that it opened without a served probe in between (each doubles the cool-down).
    """

    region: str
    zone: str
    instance_type: str
    state: CircuitState = CircuitState.CLOSED
    interruptions: tuple[Moment, ...] = ()
    opened_at: Moment | None = None
    openings: int = 0
    reason: str = ""

    @property
    def key(self) -> str:
        """The record's key: region, zone and type."""
        return f"{self.region}/{self.zone}/{self.instance_type}"

    def interrupted(self, at: Moment, policy: CircuitPolicy) -> "Circuit":
        """The circuit after one more interruption. Tell it once per machine: it counts what it is told."""
        recent = tuple(sorted(m for m in (*self.interruptions, at) if m > at - policy.window))
        counted = attrs.evolve(self, interruptions=recent)
        if self.state is CircuitState.HALF_OPEN:
            return _opened(counted, at, "the probe was interrupted")
        if self.state is CircuitState.CLOSED and len(recent) >= policy.threshold:
            return _opened(counted, at, f"{len(recent)} interruptions within {policy.window // MINUTE} minutes")
        return counted

    def served(self) -> "Circuit":
        """The circuit after a spot machine served its job: a half-open one closes."""
        if self.state is not CircuitState.HALF_OPEN:
            return self
        return attrs.evolve(
            self, state=CircuitState.CLOSED, interruptions=(), opened_at=None, openings=0, reason="the probe was served"
        )

    def at(self, now: Moment, policy: CircuitPolicy) -> "Circuit":
        """The circuit as time has left it: an open one whose cool-down is over is half open."""
        if self.state is CircuitState.OPEN and self.opened_at is not None and now >= self.reopens_at(policy):
            return attrs.evolve(self, state=CircuitState.HALF_OPEN, reason="the cool-down is over")
        return self

    def reopens_at(self, policy: CircuitPolicy) -> Moment:
        """The moment at which an open circuit lets a probe through."""
        cool_down = min(policy.cool_down << max(0, self.openings - 1), policy.max_cool_down)
        return (self.opened_at or 0) + cool_down


def _opened(circuit: Circuit, at: Moment, reason: str) -> Circuit:
    return attrs.evolve(circuit, state=CircuitState.OPEN, opened_at=at, openings=circuit.openings + 1, reason=reason)


class CircuitIs(TypedDict, total=False):
    """A condition on the record."""

    state: CircuitState
    interruptions: tuple[Moment, ...]


class CircuitChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    state: CircuitState
    interruptions: tuple[Moment, ...]
    opened_at: Moment | None
    openings: int
    reason: str
