"""The spot circuit breaker: when it opens, for how long, and what closes it."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.circuit import Circuit, CircuitPolicy
from paddock.core.states import CIRCUIT_LIFE, CircuitState
from paddock.core.units import MINUTE, Moment
from tests.strategies import NOON, circuits, moments, slugs

POLICY = CircuitPolicy()
FRESH = Circuit("us-east-1", "us-east-1a", "m7i.large")

policies = st.builds(
    CircuitPolicy,
    threshold=st.integers(1, 5),
    window=st.integers(1, 60).map(lambda minutes: minutes * MINUTE),
    cool_down=st.integers(1, 60).map(lambda minutes: minutes * MINUTE),
    max_cool_down=st.integers(60, 600).map(lambda minutes: minutes * MINUTE),
)


def after(*minutes: int, circuit: Circuit = FRESH) -> Circuit:
    """The circuit after interruptions so many minutes past noon."""
    for minute in minutes:
        circuit = circuit.interrupted(NOON + minute * MINUTE, POLICY)
    return circuit


def test_three_interruptions_within_fifteen_minutes_open_it() -> None:
    """The defaults of the design; two are not enough, and the reason counts them."""
    assert after(0, 7).state is CircuitState.CLOSED
    opened = after(0, 7, 14)
    assert (opened.state, opened.opened_at, opened.openings) == (CircuitState.OPEN, NOON + 14 * MINUTE, 1)
    assert opened.reason == "3 interruptions within 15 minutes"


def test_old_interruptions_are_forgotten() -> None:
    """An interruption that is a whole window old no longer counts, nor is it kept."""
    circuit = after(0, 7, 15)
    assert circuit.state is CircuitState.CLOSED
    assert circuit.interruptions == (NOON + 7 * MINUTE, NOON + 15 * MINUTE)
    assert after(0, 7, 15, 16).state is CircuitState.OPEN


@given(st.permutations([0, 5, 10]))
def test_the_order_in_which_word_arrives_does_not_matter(minutes: list[int]) -> None:
    """Late and reordered reports within the window open it all the same, and are kept oldest first."""
    circuit = after(*minutes)
    assert circuit.state is CircuitState.OPEN
    assert circuit.interruptions == (NOON, NOON + 5 * MINUTE, NOON + 10 * MINUTE)


def test_an_open_circuit_counts_and_stays_as_it_is() -> None:
    """Machines that still run may be taken back meanwhile: that neither prolongs nor doubles the cool-down."""
    opened = after(0, 1, 2)
    more = after(3, 4, circuit=opened)
    assert len(more.interruptions) == 5
    assert attrs.evolve(more, interruptions=opened.interruptions) == opened


def test_after_thirty_minutes_a_probe_may_pass() -> None:
    """Not a microsecond earlier; asked again, nothing changes any more."""
    opened = after(0, 1, 2)
    reopens = NOON + 32 * MINUTE
    assert opened.reopens_at(POLICY) == reopens
    assert opened.at(reopens - 1, POLICY) == opened
    half = opened.at(reopens, POLICY)
    assert half.state is CircuitState.HALF_OPEN
    assert half.at(reopens + MINUTE, POLICY) == half


def test_a_served_probe_closes_it_and_clears_its_record() -> None:
    """The next interruption is the first again, and the next opening has the shortest cool-down."""
    closed = after(0, 1, 2).at(NOON + 60 * MINUTE, POLICY).served()
    assert closed == attrs.evolve(FRESH, reason="the probe was served")
    assert after(61, 62, circuit=closed).state is CircuitState.CLOSED


def test_an_interrupted_probe_doubles_the_cool_down_up_to_four_hours() -> None:
    """30, 60, 120 minutes, and 240 for ever after."""
    circuit = after(0, 1, 2)
    waits = []
    for _ in range(6):
        assert circuit.opened_at is not None
        reopens = circuit.reopens_at(POLICY)
        waits.append((reopens - circuit.opened_at) // MINUTE)
        circuit = circuit.at(reopens, POLICY).interrupted(reopens + MINUTE, POLICY)
        assert circuit.state is CircuitState.OPEN
    assert waits == [30, 60, 120, 240, 240, 240]


@given(circuits)
def test_only_a_half_open_circuit_cares_that_a_machine_was_served(circuit: Circuit) -> None:
    """A machine launched before the circuit opened may well serve its job: that proves nothing."""
    served = circuit.served()
    if circuit.state is CircuitState.HALF_OPEN:
        assert served.state is CircuitState.CLOSED
    else:
        assert served == circuit


@given(circuits, moments, policies)
def test_every_step_is_an_edge_of_its_life(circuit: Circuit, now: Moment, policy: CircuitPolicy) -> None:
    """Whatever the circuit and whenever it is: each method stays, or takes an edge of the table, under the same key."""
    for after_it in (circuit.interrupted(now, policy), circuit.served(), circuit.at(now, policy)):
        assert CIRCUIT_LIFE.allows(circuit.state, after_it.state)
        assert after_it.key == circuit.key


@given(st.lists(st.integers(0, 120), max_size=20), policies)
def test_it_opens_exactly_when_the_threshold_is_met_within_the_window(
    minutes: list[int], policy: CircuitPolicy
) -> None:
    """Against a plain count over the interruptions in the order of time."""
    circuit = FRESH
    moments_so_far: list[Moment] = []
    for minute in sorted(minutes):
        now = NOON + minute * MINUTE
        moments_so_far.append(now)
        circuit = circuit.interrupted(now, policy)
        recent = [moment for moment in moments_so_far if now - moment < policy.window]
        assert list(circuit.interruptions) == recent
        if len(recent) >= policy.threshold:
            assert circuit.state is CircuitState.OPEN
            return
        assert circuit.state is CircuitState.CLOSED


@given(slugs, slugs, slugs)
def test_the_key_is_region_zone_and_type(region: str, zone: str, instance_type: str) -> None:
    """One circuit for each, told apart by its key."""
    assert Circuit(region, zone, instance_type).key == f"{region}/{zone}/{instance_type}"


@given(circuits, policies)
def test_the_cool_down_is_never_shorter_than_the_first_nor_longer_than_the_most(
    circuit: Circuit, policy: CircuitPolicy
) -> None:
    """However often it opened in a row."""
    wait = circuit.reopens_at(policy) - (circuit.opened_at or 0)
    assert min(policy.cool_down, policy.max_cool_down) <= wait <= policy.max_cool_down
