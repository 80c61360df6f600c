"""The spot circuit breaker by hand: look, open, close."""

from difflib import get_close_matches
from typing import Annotated

from cyclopts import Parameter

from paddock.adapters.system import SystemClock
from paddock.core.catalogue import CATALOGUE
from paddock.core.circuit import ANY, Circuit
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.states import CircuitState
from paddock.core.units import Moment, span_text
from paddock.entrypoints.cli.durations import lasting
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened

Zone = Annotated[str, Parameter(name=["--zone", "-z"])]


def list_(*, state: StateDir = None, profile: ProfileName = None) -> int:
    """List the circuits that were ever opened, and what they keep from being asked for.

    Parameters
    ----------
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    where = Where.chosen(state, profile)
    with opened(where) as here:
        circuits = here.circuits.all()
    now = SystemClock().now()
    for circuit in sorted(circuits, key=lambda one: (one.state is CircuitState.CLOSED, one.key)):
        print(_line(circuit, now))
    if not circuits:
        print("no circuit was ever opened: spot machines of every type are asked for")
    return 0


def open_(
    instance_type: str,
    reason: str,
    /,
    *,
    zone: Zone = ANY,
    span_: Annotated[str, Parameter(name="--for")] = "30m",
    state: StateDir = None,
    profile: ProfileName = None,
) -> int:
    """Ask for no spot machines of a type for a while; jobs get other types, or on-demand machines.

    Parameters
    ----------
    instance_type
        Such as m7i.large; any: of every type.
    reason
        Why; it is told to whoever asks.
    zone
        Only in this availability zone, such as us-east-1a.
    span_
        How long, such as 45m or 2h. Then one machine is tried.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    length = lasting("--for", span_, "45m or 2h")
    _check(instance_type, zone)
    where = Where.chosen(state, profile)
    with opened(where, change=True) as here:
        circuit = here.circuits.open(zone, instance_type, reason, length)
    print(_line(circuit, SystemClock().now()))
    return 0


def close(
    instance_type: str, reason: str = "", /, *, zone: Zone = ANY, state: StateDir = None, profile: ProfileName = None
) -> int:
    """Ask for spot machines of a type again.

    Parameters
    ----------
    instance_type
        Such as m7i.large; any: the circuit of every type.
    reason
        Why; it is kept with the decision.
    zone
        The circuit of this availability zone.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    where = Where.chosen(state, profile)
    with opened(where, change=True) as here:
        circuit = here.circuits.close(zone, instance_type, reason)
    if circuit is None:
        raise NotFound(f"circuit {zone}/{instance_type} is not open; `paddock circuit list{where.words}` lists them")
    print(_line(circuit, SystemClock().now()))
    return 0


def _check(instance_type: str, zone: str) -> None:
    known = {kind.name for kind in CATALOGUE}
    if instance_type not in known | {ANY}:
        near = get_close_matches(instance_type, sorted(known), 3)
        remedy = f"did you mean {' or '.join(near)}?" if near else f"write one such as {CATALOGUE[0].name}, or any"
        raise InvalidInput("type", instance_type, f"is no instance type known here: {remedy}")
    if instance_type == ANY and zone == ANY:
        raise InvalidInput("type", ANY, "needs --zone: to stop spot altogether, write spot=false into the labels")


def _line(circuit: Circuit, now: Moment) -> str:
    what = "every type" if circuit.instance_type == ANY else circuit.instance_type
    where = "every zone" if circuit.zone == ANY else circuit.zone
    left = max(0, (circuit.until or now) - now)
    avoided = max(0, circuit.avoided_until - now)
    state = {
        CircuitState.CLOSED: f"closed, avoided for {span_text(avoided)} more" if avoided else "closed: asked for",
        CircuitState.OPEN: f"open for {span_text(left)} more" if left else "open until the next job tries it",
        CircuitState.HALF_OPEN: "half open: one machine tries it",
    }[circuit.state]
    return f"{what} in {where}: {state} ({circuit.reason or 'no reason given'})"
