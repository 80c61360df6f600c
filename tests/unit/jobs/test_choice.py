"""What a launch may ask for: held against a slow and simple oracle, and told in words that say what and until when."""

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from paddock.core.circuit import ANY, Circuit, CircuitPolicy
from paddock.core.shortage import Shortage
from paddock.core.spec import Market, Offer
from paddock.core.states import CircuitState
from paddock.core.units import MINUTE, rfc3339
from paddock.core.usecases.choice import Choice, choose
from tests.strategies import NOON

POLICY = CircuitPolicy()
SPOT, ON_DEMAND = Market.SPOT, Market.ON_DEMAND
OPEN, HALF_OPEN, CLOSED = CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED
A7, B7, A8, B8 = Offer("a", "m7i"), Offer("b", "m7i"), Offer("a", "m8a"), Offer("b", "m8a")
OFFERS = (A7, A8, B7, B8)


def opened(zone: str, kind: str, until: int = 10, opened_at: int = -20, **more: object) -> Circuit:
    """An open circuit; times are minutes from noon."""
    circuit = Circuit(
        zone, kind, OPEN, NOON + opened_at * MINUTE, openings=1, until=NOON + until * MINUTE, reason="3 interruptions"
    )
    return attrs.evolve(circuit, **more)  # type: ignore[arg-type]  # attrs checks the names


def trying(zone: str, kind: str, since: int = -1) -> Circuit:
    """A half-open circuit whose probe set off so many minutes from noon."""
    return opened(zone, kind, -5, state=HALF_OPEN, probe="l-1", probed_at=NOON + since * MINUTE)


def short(offer: Offer, market: Market = SPOT, until: int = 2) -> Shortage:
    """No capacity, until so many minutes from noon."""
    return Shortage(offer.zone, offer.instance_type, market, "InsufficientInstanceCapacity", NOON + until * MINUTE)


def chosen(
    circuits: Sequence[Circuit] = (),
    shortages: Sequence[Shortage] = (),
    market: Market = SPOT,
    offers: Sequence[Offer] = OFFERS,
) -> Choice:
    """What is chosen at noon."""
    return choose(offers, market, circuits=circuits, shortages=shortages, policy=POLICY, now=NOON)


@pytest.mark.parametrize(
    ("circuits", "shortages", "market", "without"),
    [
        pytest.param([], [], SPOT, (), id="nothing is known"),
        pytest.param([opened("a", "m7i")], [], SPOT, (A7,), id="a type in a zone"),
        pytest.param([opened(ANY, "m7i")], [], SPOT, (A7, B7), id="a type anywhere"),
        pytest.param([opened("a", ANY)], [], SPOT, (A7, A8), id="a whole zone"),
        pytest.param([opened("a", ANY), opened(ANY, "m7i")], [], SPOT, (A7, A8, B7), id="a zone and a type"),
        pytest.param([opened("c", "m7i"), opened("a", "c7i")], [], SPOT, (), id="others"),
        pytest.param([trying("a", "m7i")], [], SPOT, (A7,), id="another one tries"),
        pytest.param([opened("a", "m7i", state=CLOSED)], [], SPOT, (), id="closed"),
        pytest.param([], [short(A7), short(B8, ON_DEMAND)], SPOT, (A7,), id="short on this market"),
        pytest.param([], [short(A7, until=0)], SPOT, (), id="short a while ago"),
        pytest.param([opened("a", ANY)], [short(B7)], SPOT, (A7, A8, B7), id="both"),
        pytest.param([opened(ANY, "m7i"), opened(ANY, "m8a")], [], ON_DEMAND, (), id="everything"),
        pytest.param([opened(ANY, ANY)], [short(A7, ON_DEMAND)], ON_DEMAND, (A7,), id="everything, and short"),
        pytest.param([], [short(offer) for offer in OFFERS], ON_DEMAND, (), id="no spot capacity"),
        pytest.param(
            [opened("a", ANY)], [short(B7), short(B8), short(A7, ON_DEMAND)], ON_DEMAND, (A7,), id="between them"
        ),
    ],
)
def test_what_is_left_out(
    circuits: list[Circuit], shortages: list[Shortage], market: Market, without: tuple[Offer, ...]
) -> None:
    """Offer by offer; on demand only if nothing of spot is left."""
    found = chosen(circuits, shortages)
    assert (found.market, found.without, found.empty) == (market, without, False)
    assert bool(found.reasons) == (bool(without) or market is ON_DEMAND)


def test_what_is_short_on_demand_too_waits() -> None:
    """Nothing is left to ask for."""
    found = chosen(shortages=[short(offer, market) for offer in OFFERS for market in Market])
    assert (found.empty, set(found.without)) == (True, set(OFFERS))


@pytest.mark.parametrize("circuits", [[], [opened(ANY, ANY)]])
def test_a_job_that_wants_on_demand_hears_nothing_of_spot(circuits: list[Circuit]) -> None:
    """Circuits are of spot machines."""
    found = chosen(circuits, [short(A7), short(B7, ON_DEMAND)], ON_DEMAND)
    assert (found.market, found.without, found.probe) == (ON_DEMAND, (B7,), None)
    assert len(found.reasons) == 1


@pytest.mark.parametrize("market", Market)
def test_where_nothing_fits_the_cloud_says_so_on_the_market_that_was_wanted(market: Market) -> None:
    """An empty list of offers is no reason to pay more."""
    assert chosen([opened(ANY, ANY)], [], market, offers=()) == Choice(market)


# -- probes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("circuits", "shortages", "probe", "tried"),
    [
        pytest.param([opened("a", "m7i", 1)], [], None, (), id="not yet"),
        pytest.param([opened("a", "m7i", 0)], [], "a/m7i", (A7,), id="now"),
        pytest.param([opened("a", ANY, -9)], [], "a/any", (A7, A8), id="a zone"),
        pytest.param([opened("c", "m7i", -9)], [], None, (), id="none of its offers fits"),
        pytest.param([opened("a", ANY, -9), opened(ANY, "m7i")], [], "a/any", (A8,), id="not what another one bars"),
        pytest.param([opened("a", "m7i", -9), opened("a", ANY)], [], None, (), id="another one bars all of it"),
        pytest.param([opened("a", "m7i", -9), trying("a", ANY)], [], None, (), id="another one is tried"),
        pytest.param(
            [opened("a", "m7i", -9, -50), opened("b", "m7i", -9, -60)], [], "b/m7i", (B7,), id="the oldest first"
        ),
        pytest.param([trying("a", "m7i", -14)], [], None, (), id="a probe is out"),
        pytest.param([trying("a", "m7i", -15)], [], "a/m7i", (A7,), id="a probe never told"),
        pytest.param([opened("a", "m7i", -9)], [short(A7)], None, (), id="there is none to be had"),
        pytest.param([opened("a", ANY, -9)], [short(A7)], "a/any", (A8,), id="of one there is none to be had"),
        pytest.param([opened("a", "m7i", -9)], [short(A7, ON_DEMAND)], "a/m7i", (A7,), id="short elsewhere"),
    ],
)
def test_what_may_be_tried(
    circuits: list[Circuit], shortages: list[Shortage], probe: str | None, tried: tuple[Offer, ...]
) -> None:
    """One circuit whose time has come, and of its offers those that nothing else stands against."""
    found = chosen(circuits, shortages)
    assert (None if found.probe is None else found.probe.key, found.tried) == (probe, tried)
    assert not set(found.tried) - set(found.without)


def test_circuits_that_bar_each_other_are_tried_one_after_the_other() -> None:
    """Each of them waits for the other one otherwise, and the offer would never be asked for again."""
    both = [opened("a", "m7i", -9, -50), opened(ANY, "m7i", -9, -60)]
    found = chosen(both, offers=(A7,))
    assert found.probe is not None
    assert (found.probe.key, found.tried, found.market) == (f"{ANY}/m7i", (A7,), ON_DEMAND)
    closed = attrs.evolve(both[1], state=CLOSED)
    then = chosen([both[0], closed], offers=(A7,))
    assert then.probe is not None
    assert (then.probe.key, then.tried) == ("a/m7i", (A7,))


def test_a_probe_sets_off_although_the_rest_goes_on_demand() -> None:
    """It is how spot comes back."""
    found = chosen([opened(ANY, ANY, -1)])
    assert (found.market, found.tried) == (ON_DEMAND, OFFERS)


# -- words --------------------------------------------------------------------------------------------------------


def test_the_words_say_what_and_until_when() -> None:
    """A person reads them who asks why the job is not on the usual machine."""
    ten, two = rfc3339(NOON + 10 * MINUTE), rfc3339(NOON + 2 * MINUTE)
    found = chosen([opened("a", "m7i"), trying("b", ANY)], [short(A8, until=2)])
    assert found.reasons == (
        f"m7i in a left out (1 offers) until {ten}: 3 interruptions",
        "everything in b left out (2 offers): another launch tries whether it is taken back again",
        f"m8a in a left out until {two} at the latest: no capacity a moment ago",
        "no spot offer is left, so it goes on demand",
    )


def test_the_words_say_when_its_time_has_come() -> None:
    """Not a moment that is over."""
    assert chosen([opened(ANY, "m7i", -1)]).reasons == (
        "m7i in any zone left out (2 offers) until one launch has tried it: 3 interruptions",
    )


def test_a_shortage_of_something_else_does_not_put_the_moment_off() -> None:
    """Only what is left out is spoken of."""
    others = [short(B7, ON_DEMAND, until=60), short(Offer("c", "x2"), until=90)]
    (told,) = chosen(shortages=[short(A7, until=2), *others]).reasons
    assert told == f"m7i in a left out until {rfc3339(NOON + 2 * MINUTE)} at the latest: no capacity a moment ago"


def test_many_that_are_short_are_told_shortly() -> None:
    """Three by name, the rest by number; the latest moment counts."""
    offers = [Offer("a", f"m{number}") for number in range(6)]
    found = chosen(shortages=[short(offer, until=1 + number) for number, offer in enumerate(offers[:5])], offers=offers)
    until = rfc3339(NOON + 5 * MINUTE)
    assert found.reasons == (
        f"m0 in a, m1 in a, m2 in a and 2 more left out until {until} at the latest: no capacity a moment ago",
    )


# -- the oracle ---------------------------------------------------------------------------------------------------

ZONES, KINDS = ("a", "b"), ("m7i", "m8a", "c7i")
MINUTES = st.integers(-40, 40)
CIRCUITS = st.builds(
    Circuit,
    zone=st.sampled_from((*ZONES, ANY)),
    instance_type=st.sampled_from((*KINDS, ANY)),
    state=st.sampled_from(CircuitState),
    opened_at=st.integers(-90, 0).map(lambda minute: NOON + minute * MINUTE),
    until=MINUTES.map(lambda minute: NOON + minute * MINUTE),
    probe=st.just("l-1"),
    probed_at=MINUTES.map(lambda minute: NOON + minute * MINUTE),
    reason=st.just("because"),
)
SHORTAGES = st.builds(
    Shortage,
    zone=st.sampled_from(ZONES),
    instance_type=st.sampled_from(KINDS),
    market=st.sampled_from(Market),
    code=st.just("InsufficientInstanceCapacity"),
    until=MINUTES.map(lambda minute: NOON + minute * MINUTE),
)
FITTING = st.lists(st.builds(Offer, st.sampled_from(ZONES), st.sampled_from(KINDS)), unique=True).map(sorted)


def barring(circuits: list[Circuit], offer: Offer) -> list[Circuit]:
    """The circuits that stand against the offer, by the definition."""
    return [
        one
        for one in circuits
        if one.state is not CLOSED
        and (one.zone, one.instance_type)
        in {
            (offer.zone, offer.instance_type),
            (ANY, offer.instance_type),
            (offer.zone, ANY),
            (ANY, ANY),
        }
    ]


def due(circuit: Circuit) -> bool:
    """Its time has come, by the definition."""
    if circuit.state is HALF_OPEN:
        return NOON - (circuit.probed_at or 0) >= POLICY.probe
    return circuit.state is OPEN and (circuit.until or 0) <= NOON


@settings(max_examples=500)
@given(
    offers=FITTING,
    market=st.sampled_from(Market),
    circuits=st.lists(CIRCUITS, max_size=5, unique_by=lambda one: one.key),
    shortages=st.lists(SHORTAGES, max_size=8, unique_by=lambda one: one.key),
)
def test_against_the_oracle(
    offers: list[Offer], market: Market, circuits: list[Circuit], shortages: list[Shortage]
) -> None:
    """Each offer is asked one by one: is it barred, is it short?"""
    found = chosen(circuits, shortages, market, offers)
    lacking = {(one.offer, one.market) for one in shortages if one.until > NOON}
    on_spot = [offer for offer in offers if not barring(circuits, offer) and (offer, SPOT) not in lacking]
    wanted = SPOT if market is SPOT and (on_spot or not offers) else ON_DEMAND
    left = on_spot if wanted is SPOT else [offer for offer in offers if (offer, ON_DEMAND) not in lacking]
    assert found.market is wanted
    assert set(found.without) == set(offers) - set(left)
    assert list(found.without) == sorted(found.without)
    assert found.empty == (bool(offers) and not left)
    triable = [
        offer
        for offer in offers
        if barring(circuits, offer)
        and all(due(one) for one in barring(circuits, offer))
        and (offer, SPOT) not in lacking
        and market is SPOT
    ]
    assert (found.probe is not None) == bool(triable)
    if found.probe is not None:
        assert due(found.probe)
        assert found.tried
        assert set(found.tried) <= set(triable)
        assert all(found.probe in barring(circuits, offer) for offer in found.tried)
        alone = [offer for offer in triable if len(barring(circuits, offer)) == 1]
        if alone:
            assert all(barring(circuits, offer) == [found.probe] for offer in found.tried)
    assert bool(found.reasons) == (bool(found.without) or wanted is not market)
    event(f"market {found.market}, probe {found.probe is not None}, empty {found.empty}")
