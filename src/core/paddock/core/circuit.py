"""The spot circuit breaker: where machines are taken back too often, spot is not asked for.

::

    interruptions    x   x x                                 probe
    ───────────────────────┬─────────────────────────────┬─────┬──────────
    closed                 │ open (left out of the offer) │ half│ closed, or open again for twice as long
                           └─ threshold within window    └─ cool-down over: one launch may try

A circuit is of a type in a zone, of a type in any zone, or of a whole zone. Which of them opens is told by who else was
hit: a storm over one zone opens the zone, and not each type that happens to be in it.

Long before three are counted, one is enough to be wary. An offer from which the cloud takes a machine, or says that it
may, is avoided: left out as long as another spot offer is left, which never makes a job go on demand::

    hit           hit
    ─┬─────────────┬── tried now and then ──┬───────────
     │ avoided     │ avoided: twice as long │ tried now and then, then as any other
"""

from collections.abc import Collection, Iterable
from typing import TypedDict

import attrs

from paddock.core.spec import Offer
from paddock.core.states import CircuitState
from paddock.core.units import MINUTE, Moment, Span

ANY = "any"
NOTICE: Span = 2 * MINUTE  # EC2 warns so long ahead


@attrs.frozen
class CircuitPolicy:
    """When a circuit opens and for how long. Defaults: 3 interruptions in 15 minutes open it for 30.

    ``zone_types`` is how many types of one zone must be hit within the window for the zone itself to open.
    A probe that has not told how it went within ``probe`` gives way to another one. ``avoid`` is how long an offer is
    avoided that was hit once; 0: nothing is avoided.
    """

    threshold: int = 3
    window: Span = 15 * MINUTE
    cool_down: Span = 30 * MINUTE
    max_cool_down: Span = 240 * MINUTE
    zone_types: int = 3
    probe: Span = 15 * MINUTE
    avoid: Span = 30 * MINUTE

    def cools(self, openings: int) -> Span:
        """How long a circuit stays open that opens for the `openings`-th time in a row."""
        return min(self.cool_down << min(max(0, openings - 1), 16), self.max_cool_down)

    def avoids(self, times: int) -> Span:
        """How long an offer is avoided that is hit for the `times`-th time in a row; 0: it never was."""
        if times < 1:
            return 0
        return min(self.avoid << min(times - 1, 16), max(self.avoid, self.max_cool_down))


@attrs.frozen
class Interruption:
    """The cloud took one spot machine back. A machine has at most one, so telling it twice counts once.

    ``at`` is when it takes it, ``told_at`` when that was written down. ``weighed`` says that what follows from it for
    circuits has been done, ``settled`` what follows for the job that the machine served.
    """

    machine: str
    zone: str
    instance_type: str
    at: Moment
    told_at: Moment = 0
    weighed: bool = False
    settled: bool = False

    @property
    def key(self) -> str:
        """The record's key: the machine's id."""
        return self.machine


@attrs.frozen
class Circuit:
    """The circuit of one instance type (or any) in one zone (or any).

    ``openings`` counts the times in a row that it opened without a served probe in between (each doubles the
    cool-down). Open, it lets a probe through from ``until`` on. ``probe`` is the launch that tries while it is half
    open. ``manual`` says that an operator opened it. ``changed_at`` is when its state last changed: interruptions that
    were told before have had their effect on it.

    The circuit of an offer also knows whether that is avoided, whatever its state: until ``avoided_until``, after it
    was hit ``avoidances`` times in a row. For as long again only one launch at a time may ask for it, the last one at
    ``tried_at``.
    """

    zone: str
    instance_type: str
    state: CircuitState = CircuitState.CLOSED
    opened_at: Moment | None = None
    openings: int = 0
    until: Moment | None = None
    probe: str | None = None
    probed_at: Moment | None = None
    manual: bool = False
    changed_at: Moment = 0
    reason: str = ""
    avoided_until: Moment = 0
    avoidances: int = 0
    tried_at: Moment = 0

    @property
    def key(self) -> str:
        """The record's key: zone and type."""
        return circuit_key(self.zone, self.instance_type)

    def covers(self, offer: Offer) -> bool:
        """True if it is the offer's circuit, or one of its circuits."""
        return self.zone in {ANY, offer.zone} and self.instance_type in {ANY, offer.instance_type}

    def may_probe(self, now: Moment, policy: CircuitPolicy) -> bool:
        """True if one launch may try now: the cool-down is over, or the last probe has not told how it went."""
        if self.state is CircuitState.OPEN:
            return now >= (self.until or 0)
        return self.state is CircuitState.HALF_OPEN and now >= (self.probed_at or 0) + policy.probe

    def wary_until(self, policy: CircuitPolicy) -> Moment:
        """Until when its offer is avoided, and then tried: later it is one as any other."""
        return self.avoided_until + policy.avoids(self.avoidances)

    def may_be_tried(self, now: Moment, policy: CircuitPolicy) -> bool:
        """True if its offer is no longer avoided, and one launch may try now whether it is hit again."""
        return self.avoided_until <= now < self.wary_until(policy) and now >= self.tried_at + policy.window

    def hit(self, at: Moment, policy: CircuitPolicy) -> "Circuit":
        """As it is after its offer was hit at `at`. The same hit again, or one of long ago, changes nothing."""
        times = self.avoidances
        if at >= self.avoided_until:
            times = times + 1 if at < self.wary_until(policy) else 1
        until = max(self.avoided_until, at + policy.avoids(times))
        return attrs.evolve(self, avoided_until=until, avoidances=times)


def circuit_key(zone: str, instance_type: str) -> str:
    """The key of the circuit of this zone (or `ANY`) and type (or `ANY`)."""
    return f"{zone}/{instance_type}"


@attrs.frozen
class Opening:
    """A circuit that is to open, and why."""

    zone: str
    instance_type: str
    reason: str


def opening(
    hit: Interruption,
    same_zone: Iterable[Interruption],
    same_type: Iterable[Interruption],
    policy: CircuitPolicy,
    circuits: Iterable[Circuit] = (),
) -> Opening | None:
    """Which circuit the interruption `hit` opens, if any.

    Args:
        hit: the newest one.
        same_zone: those of its zone, itself included; older ones than the window do not count.
        same_type: those of its type, over all zones, itself included.
        policy: the numbers.
        circuits: all there are. Where a zone's is open, nothing is said of the types there. Where a type's own in a
            zone is, what happens there says nothing about the type elsewhere. What was told before a circuit last
            changed does not count for it again.
    """
    known = {circuit.key: circuit for circuit in circuits}
    everything = known.get(circuit_key(hit.zone, ANY))
    if everything is not None and everything.state is CircuitState.OPEN:
        return None
    zone, kind = _recent(same_zone, policy), _recent(same_type, policy)
    minutes = policy.window // MINUTE
    new = _unseen(zone, everything)
    types = {one.instance_type for one in new}
    if len(new) >= policy.threshold and len(types) >= policy.zone_types:
        why = f"{len(new)} interruptions of {len(types)} types in {hit.zone} within {minutes} minutes"
        return Opening(hit.zone, ANY, why)
    here = known.get(circuit_key(hit.zone, hit.instance_type))
    new = _unseen([one for one in kind if one.zone == hit.zone], here)
    if len(new) >= policy.threshold and (here is None or here.state is not CircuitState.OPEN):
        why = f"{len(new)} interruptions of {hit.instance_type} in {hit.zone} within {minutes} minutes"
        return Opening(hit.zone, hit.instance_type, why)
    told = {
        one.zone
        for one in known.values()
        if one.state is not CircuitState.CLOSED and one.instance_type in {ANY, hit.instance_type}
    }
    anywhere = known.get(circuit_key(ANY, hit.instance_type))
    new = _unseen([one for one in kind if one.zone not in told], anywhere)
    zones = {one.zone for one in new}
    if len(new) >= policy.threshold and len(zones) > 1:
        why = f"{len(new)} interruptions of {hit.instance_type} in {len(zones)} zones within {minutes} minutes"
        return Opening(ANY, hit.instance_type, why)
    return None


def _unseen(interruptions: Iterable[Interruption], circuit: Circuit | None) -> list[Interruption]:
    """Those that were told after the circuit last changed."""
    return [one for one in interruptions if circuit is None or one.told_at > circuit.changed_at]


def _recent(interruptions: Iterable[Interruption], policy: CircuitPolicy) -> list[Interruption]:
    """Those within the window that ends with the newest, in whatever order word of them came."""
    found = list(interruptions)
    since = max((one.at for one in found), default=0) - policy.window
    return [one for one in found if one.at > since]


class InterruptionIs(TypedDict, total=False):
    """A condition on the record."""

    machine: str


class InterruptionChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    weighed: bool
    settled: bool


class CircuitIs(TypedDict, total=False):
    """A condition on the record."""

    state: CircuitState | Collection[CircuitState]
    opened_at: Moment | None
    openings: int
    probe: str | None
    probed_at: Moment | None
    avoided_until: Moment
    avoidances: int
    tried_at: Moment


class CircuitChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    state: CircuitState
    opened_at: Moment | None
    openings: int
    until: Moment | None
    probe: str | None
    probed_at: Moment | None
    manual: bool
    changed_at: Moment
    reason: str
    avoided_until: Moment
    avoidances: int
    tried_at: Moment
