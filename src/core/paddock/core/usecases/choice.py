"""Which offers a launch may use: a pure decision from the spec, the circuits, and what had no capacity lately."""

from collections.abc import Collection, Iterable, Sequence

import attrs

from paddock.core.circuit import ANY, Circuit, CircuitPolicy, circuit_key
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
    tries: Collection[str] = (),
) -> Choice:
    """Leave out what is open or short, and what is avoided if there is anything else; go on demand if nothing is left.

    Args:
        offers: all that fit, in order.
        market: the market that is wanted.
        circuits: all circuits; closed ones say no more than what is avoided.
        shortages: all that are remembered; those that are over say nothing.
        policy: when an open circuit may be tried.
        now: the moment.
        tries: the keys of circuits whose offers this launch may try, though others may not.
    """
    short = {(one.market, one.offer): one for one in shortages if one.until > now}
    if market is Market.ON_DEMAND:
        return _on_demand(offers, short, ())
    if not offers:
        return Choice(market)  # nothing fits: the cloud says why
    known = tuple(circuits)
    barring = [one for one in known if one.state is not CircuitState.CLOSED]
    closed = [offer for offer in offers if any(one.covers(offer) for one in barring)] if barring else []
    lacking = [offer for offer in offers if (Market.SPOT, offer) in short and offer not in closed]
    probe, tried = _probe([offer for offer in closed if (Market.SPOT, offer) not in short], barring, policy, now)
    told = (_why(one, offers, policy, now) for one in barring if _touches(one, offers))
    reasons = (*told, *_lack(lacking, Market.SPOT, short))
    without = tuple(sorted({*closed, *lacking}))
    if len(without) < len(offers):
        wary = {one.key: one for one in known if now < one.wary_until(policy) and one.key not in tries}
        left = (offer for offer in (offers if wary else ()) if offer not in without)
        avoided = [offer for offer in left if circuit_key(offer.zone, offer.instance_type) in wary]
        if len(without) + len(avoided) < len(offers):
            without = tuple(sorted({*without, *avoided}))
            reasons = (*reasons, *_avoided(avoided))
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
        reasons=(*reasons, *_lack(lacking, Market.ON_DEMAND, short)),
    )


def _probe(
    closed: Sequence[Offer], barring: Sequence[Circuit], policy: CircuitPolicy, now: Moment
) -> tuple[Circuit | None, tuple[Offer, ...]]:
    """The first circuit that may be tried, and those of its offers that no other circuit bars.

    Where several bar the same offers, and the time of each has come, they are tried one after the other: each would
    wait for the other one for ever.
    """
    due = [one for one in barring if one.may_probe(now, policy)]
    by = {offer: [one for one in barring if one.covers(offer)] for offer in closed}
    free = [offer for offer in closed if all(one in due for one in by[offer])]
    for offers in ([offer for offer in free if len(by[offer]) == 1], free):
        for circuit in sorted(due, key=lambda one: (one.opened_at or 0, one.key)):
            tried = tuple(offer for offer in offers if circuit.covers(offer))
            if tried:
                return circuit, tried
    return None, ()


def _touches(circuit: Circuit, offers: Iterable[Offer]) -> bool:
    return any(circuit.covers(offer) for offer in offers)


def _why(circuit: Circuit, offers: Iterable[Offer], policy: CircuitPolicy, now: Moment) -> str:
    where = "any zone" if circuit.zone == ANY else circuit.zone
    what = "everything" if circuit.instance_type == ANY else circuit.instance_type
    number = sum(circuit.covers(offer) for offer in offers)
    if circuit.state is CircuitState.HALF_OPEN:
        return f"{what} in {where} left out ({number} offers): another launch tries whether it is taken back again"
    due = circuit.may_probe(now, policy)
    until = "one launch has tried it" if due else rfc3339(circuit.until or 0)
    return f"{what} in {where} left out ({number} offers) until {until}: {circuit.reason}"


def _avoided(offers: Sequence[Offer]) -> tuple[str, ...]:
    if not offers:
        return ()
    return (f"{_names(offers)} left out while there are others: taken back from lately",)


def _names(offers: Sequence[Offer]) -> str:
    names = ", ".join(f"{offer.instance_type} in {offer.zone}" for offer in offers[:3])
    return names if len(offers) <= 3 else f"{names} and {len(offers) - 3} more"  # noqa: PLR2004 - as above


def _lack(offers: Sequence[Offer], market: Market, short: dict[tuple[Market, Offer], Shortage]) -> tuple[str, ...]:
    if not offers:
        return ()
    until = max(short[market, offer].until for offer in offers)
    return (f"{_names(offers)} left out until {rfc3339(until)} at the latest: no capacity a moment ago",)
