"""Being wary: where one machine was taken back, others are asked for first; that makes no job go on demand."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory import ManualClock, MemoryDecisions
from paddock.adapters.memory.bundles import memory_table
from paddock.core.circuit import Circuit, CircuitPolicy
from paddock.core.messages import MachineWarned, WarningKind
from paddock.core.shortage import Shortage
from paddock.core.spec import Market, Offer
from paddock.core.states import CircuitState
from paddock.core.units import HOUR, MINUTE, SECOND, Span
from paddock.core.usecases.avoidance import Avoidance
from paddock.core.usecases.choice import Choice, choose
from tests.strategies import NOON
from tests.world.invariants import check, everything_in
from tests.world.spot import circuits_of, machine_of, market_of, running, warn
from tests.world.world import SETTINGS, World

POLICY = CircuitPolicy()
HERE, THERE = Offer("a", "m7i"), Offer("a", "m8a")
LABELS = "paddock/cpu=4"


def hits(*minutes: int, policy: CircuitPolicy = POLICY) -> Circuit:
    """What was hit at these minutes from noon."""
    circuit = Circuit("a", "m7i")
    for minute in minutes:
        circuit = circuit.hit(NOON + minute * MINUTE, policy)
    return circuit


def chosen(minute: int, *circuits: Circuit, **more: object) -> Choice:
    """What a launch for spot may use so many minutes from noon."""
    arguments = {"circuits": circuits, "shortages": (), "policy": POLICY, "now": NOON + minute * MINUTE, **more}
    return choose((HERE, THERE), Market.SPOT, **arguments)  # type: ignore[arg-type]  # each by its name


def lasts(circuit: Circuit) -> tuple[int, int, Span]:
    """Until which minute from noon it is avoided, how often it was hit in a row, and for how long it is then tried."""
    tried = circuit.wary_until(POLICY) - circuit.avoided_until
    return (circuit.avoided_until - NOON) // MINUTE, circuit.avoidances, tried // MINUTE


def test_each_hit_in_a_row_counts_double_and_those_of_one_wave_once() -> None:
    """A row ends when it was tried for as long as it had been avoided, and nothing happened."""
    assert lasts(hits(0)) == (30, 1, 30)
    assert lasts(hits(0, 2, 3)) == (33, 1, 30)
    assert lasts(hits(0, 31)) == (91, 2, 60)
    assert lasts(hits(0, 31, 100)) == (220, 3, 120)
    assert lasts(hits(0, 31, 100, 221, 462)) == (702, 5, 240)
    assert lasts(hits(0, 60)) == (90, 1, 30)


@given(
    st.lists(st.integers(0, 3 * 24 * 60), max_size=20),
    st.builds(CircuitPolicy, avoid=st.integers(1, 600 * MINUTE), max_cool_down=st.integers(1, 600 * MINUTE)),
)
def test_what_is_told_again_changes_nothing_and_nothing_lasts_for_ever(
    minutes: list[int], policy: CircuitPolicy
) -> None:
    """In whatever order the hits are told."""
    circuit = hits(*minutes, policy=policy)
    most = max(policy.avoid, policy.max_cool_down)
    assert circuit.avoided_until <= (NOON + max(minutes) * MINUTE + most if minutes else 0)
    for minute in minutes:
        assert circuit.hit(NOON + minute * MINUTE, policy).avoided_until == circuit.avoided_until
        assert hits(*minutes, minute, policy=policy).avoidances == circuit.avoidances


def test_an_offer_that_was_hit_is_left_out_while_there_is_another() -> None:
    """The reason says so; and it is over by itself."""
    found = chosen(29, hits(0))
    assert (found.market, found.without) == (Market.SPOT, (HERE,))
    assert found.reasons == ("m7i in a left out while there are others: taken back from lately",)
    assert chosen(60, hits(0)) == Choice(Market.SPOT)


def test_being_wary_makes_no_job_go_on_demand() -> None:
    """Where all were hit, or the others are short, what was hit is asked for as ever."""
    assert chosen(1, hits(0), attrs.evolve(hits(0), instance_type="m8a")) == Choice(Market.SPOT)
    short = Shortage("a", "m8a", Market.SPOT, "InsufficientInstanceCapacity", NOON + HOUR)
    found = chosen(1, hits(0), shortages=[short])
    assert (found.market, found.without) == (Market.SPOT, (THERE,))


def test_after_a_while_it_is_for_those_alone_who_try_it() -> None:
    """One launch per window; then it is one as any other."""
    assert chosen(45, hits(0)).without == (HERE,)
    assert chosen(45, hits(0), tries=["a/m7i"]).without == ()
    tried = attrs.evolve(hits(0), tried_at=NOON + 31 * MINUTE)
    due = [minute for minute in range(90) if tried.may_be_tried(NOON + minute * MINUTE, POLICY)]
    assert due == list(range(46, 60))


def test_of_two_launches_that_would_try_it_one_does() -> None:
    """The other one leaves it out."""
    clock, table = ManualClock(NOON + 31 * MINUTE), memory_table()
    avoidance = Avoidance(policy=POLICY, table=table, decisions=MemoryDecisions(), clock=clock)
    table.circuits.add(hits(0))
    assert (avoidance.tries(hits(0)), avoidance.tries(hits(0))) == (True, False)


def world_with(*, avoid: Span = POLICY.avoid) -> tuple[World, str, str]:
    """A job runs on a spot machine: the world, its machine, and that machine's type."""
    policy = attrs.evolve(POLICY, avoid=avoid)
    world = World(settings=attrs.evolve(SETTINGS, circuit=policy))
    job = world.push_job(labels=LABELS, lasts=10 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    return world, machine, world.runner(machine).instance_type


def next_type(world: World) -> str:
    """The type of the machine of a job that is queued now; it is a spot machine."""
    job = world.push_job(labels=LABELS, lasts=MINUTE)
    world.run(SECOND)
    assert market_of(world, world.record(job)) is Market.SPOT
    return world.runner(machine_of(world, job)).instance_type


def test_one_interruption_sends_the_next_job_elsewhere_and_opens_nothing() -> None:
    """After half an hour one job tries it, and the next one does not."""
    world, machine, kind = world_with()
    warn(world, machine)
    assert next_type(world) != kind
    assert set(circuits_of(world).values()) == {CircuitState.CLOSED}
    world.run(33 * MINUTE)
    assert [next_type(world) == kind for _ in range(3)] == [True, False, False]
    world.run(30 * MINUTE)
    assert [next_type(world) == kind for _ in range(3)] == [True, True, True]
    world.run_until_quiet()
    check(world)


def test_a_recommendation_to_rebalance_does_the_same_and_is_no_interruption() -> None:
    """Told twice, or days late, it changes nothing."""
    world, machine, kind = world_with()
    word = MachineWarned(machine, WarningKind.REBALANCE, world.clock.now(), world.clock.now())
    world.events.send([word, word])
    world.work()
    assert not everything_in(world.table.interruptions)
    assert next_type(world) != kind
    assert len(world.decisions.about(f"circuit:us-east-1a/{kind}")) == 1
    world.run(2 * HOUR)
    world.events.send([word])
    world.work()
    assert next_type(world) == kind


def test_nothing_is_avoided_where_the_policy_says_so() -> None:
    """A span of nothing."""
    world, machine, kind = world_with(avoid=0)
    warn(world, machine)
    assert next_type(world) == kind
    assert circuits_of(world) == {}


def test_an_operator_who_closes_the_circuit_is_wary_no_more() -> None:
    """Also if only the offer was avoided; and closing it twice is nothing."""
    world, machine, kind = world_with()
    warn(world, machine)
    closed = world.fleet.circuits.close("us-east-1a", kind, "it was a drill")
    assert closed is not None
    assert next_type(world) == kind
    assert world.fleet.circuits.close("us-east-1a", kind, "it was a drill") is None
