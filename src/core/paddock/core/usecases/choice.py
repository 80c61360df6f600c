"""Which offers a launch may use: a pure decision from the spec, the circuits, and what had no capacity lately."""

from collections.abc import Iterable, Sequence

import attrs

from paddock.core.circuit import ANY, Circuit, CircuitPolicy
from paddock.core.shortage import Shortage
from paddock.core.spec import Market, Offer
from paddock.core.states import CircuitState
from paddock.core.units import Moment, rfc3339


@attrs.frozen
class Choice:
    """What to ask for: this market, without these offers.

    ``probe`` is a circuit whose time has come: one launch may ask for the offers in ``tried`` and no others. ``empty``
    is True if nothing is left to ask for at the moment. ``reasons`` say why anything was left out.
    """

    market: Market
    without: tuple[Offer, ...] = ()
    probe: Circuit | None = None
    tried: tuple[Offer, ...] = ()
    empty: bool = False
    reasons: tuple[str, ...] = ()


def choose(
    offers: Sequence[Offer],
    market: Market,
    *,
    circuits: Iterable[Circuit],
    shortages: Iterable[Shortage],
    policy: CircuitPolicy,
    now: Moment,
) -> Choice:
    """Leave out what is open or short; go on demand if spot has nothing left.

    Args:
        offers: all that fit, in order.
        market: the market that is wanted.
        circuits: all circuits; closed ones say nothing.
        shortages: all that are remembered; those that are over say nothing.
        policy: when an open circuit may be tried.
        now: the moment.
    """
    short = {(one.market, one.offer): one for one in shortages if one.until > now}
    if market is Market.ON_DEMAND or not offers:
        return _on_demand(offers, short, ())
    barring = [one for one in circuits if one.state is not CircuitState.CLOSED]
    closed = [offer for offer in offers if any(one.covers(offer) for one in barring)]
    lacking = [offer for offer in offers if (Market.SPOT, offer) in short and offer not in closed]
    reasons = (*(_why(one, offers) for one in barring if _touches(one, offers)), *_lack(lacking, short))
    probe, tried = _probe(closed, barring, policy, now)
    without = tuple(sorted({*closed, *lacking}))
    if len(without) < len(offers):
        return Choice(Market.SPOT, without, probe, tried, reasons=reasons)
    rest = _on_demand(offers, short, (*reasons, "no spot offer is left, so it goes on demand"))
    return attrs.evolve(rest, probe=probe, tried=tried)


def _on_demand(
    offers: Sequence[Offer], short: dict[tuple[Market, Offer], Shortage], reasons: tuple[str, ...]
) -> Choice:
    lacking = [offer for offer in offers if (Market.ON_DEMAND, offer) in short]
    return Choice(
        Market.ON_DEMAND,
        tuple(sorted(lacking)),
        empty=bool(offers) and len(lacking) == len(offers),
        reasons=(*reasons, *_lack(lacking, short)),
    )


def _probe(
    closed: Sequence[Offer], barring: Sequence[Circuit], policy: CircuitPolicy, now: Moment
) -> tuple[Circuit | None, tuple[Offer, ...]]:
    """The first circuit that may be tried, and the offers that no other circuit bars."""
    for circuit in sorted(barring, key=lambda one: (one.opened_at or 0, one.key)):
        others = [one for one in barring if one is not circuit]
        tried = tuple(
            offer for offer in closed if circuit.covers(offer) and not any(other.covers(offer) for other in others)
        )
        if tried and circuit.may_probe(now, policy):
            return circuit, tried
    return None, ()


def _touches(circuit: Circuit, offers: Iterable[Offer]) -> bool:
    return any(circuit.covers(offer) for offer in offers)


def _why(circuit: Circuit, offers: Iterable[Offer]) -> str:
    where = "any zone" if circuit.zone == ANY else circuit.zone
    what = "everything" if circuit.instance_type == ANY else circuit.instance_type
    number = sum(circuit.covers(offer) for offer in offers)
    if circuit.state is CircuitState.HALF_OPEN:
        return f"{what} in {where} left out ({number} offers): another launch tries whether it is taken back again"
    until = rfc3339(circuit.until or 0)
    return f"{what} in {where} left out ({number} offers) until {until}: {circuit.reason}"


def _lack(offers: Sequence[Offer], short: dict[tuple[Market, Offer], Shortage]) -> tuple[str, ...]:
    if not offers:
        return ()
    names = ", ".join(f"{offer.instance_type} in {offer.zone}" for offer in offers[:3])
    more = "" if len(offers) <= 3 else f" and {len(offers) - 3} more"  # noqa: PLR2004 - as above
    until = max(one.until for one in short.values())
    return (f"{names}{more} left out until {rfc3339(until)} at the latest: no capacity a moment ago",)
