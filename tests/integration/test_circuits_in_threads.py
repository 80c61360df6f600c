"""Many processes at one circuit, in memory and in a database: each interruption counts, and one of many is first."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.memory import ManualClock, MemoryDecisions
from paddock.adapters.memory.bundles import memory_table
from paddock.core.circuit import ANY, Circuit, CircuitPolicy
from paddock.core.ports.stores import Table
from paddock.core.records import CIRCUITS, INTERRUPTIONS, LAUNCHES, RUNNERS, Kind
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import CircuitState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.circuits import Circuits
from tests.integration.contracts.records_adapters import ADAPTERS
from tests.strategies import NOON
from tests.threads import race


# DynamoDB's promise, which moto does not keep by itself and cannot keep for a hundred threads in time.
@pytest.fixture(params=[name for name in ADAPTERS if name != "dynamodb"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    """A table whose stores that circuits use are the adapter's."""
    opened = ADAPTERS[request.param]
    with ExitStack() as stack:
        kinds: dict[str, Kind[Any]] = {
            "circuits": CIRCUITS,
            "interruptions": INTERRUPTIONS,
            "launches": LAUNCHES,
            "runners": RUNNERS,
        }
        stores: dict[str, Any] = {name: stack.enter_context(opened(kind, tmp_path)) for name, kind in kinds.items()}
        yield attrs.evolve(memory_table(), **stores)


def runner(number: int, kind: str = "c7i.large", zone: str = "a") -> Runner:
    """A spot machine."""
    return Runner(
        f"i-{number}",
        "acme/app",
        (),
        f"l-{number}",
        instance_type=kind,
        zone=zone,
        market=Market.SPOT,
        launched_at=NOON,
    )


def circuits(table: Table, decisions: MemoryDecisions, clock: ManualClock) -> Circuits:
    """A process's own."""
    return Circuits(policy=CircuitPolicy(), table=table, decisions=decisions, clock=clock)


def listed(table: Table) -> dict[str, Circuit]:
    """The circuits by key."""
    return {circuit.key: circuit for circuit in table.circuits.page("all", "all").items}


@pytest.mark.parametrize("told", [1, 2])
def test_a_hundred_interruptions_at_once_count_a_hundred_and_open_once(table: Table, told: int) -> None:
    """However often each is told; and their offer begins to be avoided once."""
    decisions, clock = MemoryDecisions(), ManualClock(NOON)

    def hit(number: int) -> None:
        circuits(table, decisions, clock).interrupted(runner(number % 100), NOON + number * SECOND // 100)

    race(100 * told, hit)
    counted = table.interruptions.page("hour", str(NOON // HOUR), limit=1000).items
    assert (len(counted), {one.weighed for one in counted}) == (100, {True})
    (circuit,) = listed(table).values()
    assert (circuit.key, circuit.state, circuit.openings) == ("a/c7i.large", CircuitState.OPEN, 1)
    assert [one.verdict for one in decisions.about("circuit:a/c7i.large")] == ["avoided", "opened"]
    assert circuit.avoidances == 1
    assert circuit.avoided_until >= NOON + 30 * MINUTE


@pytest.mark.parametrize("count", [2, 3])
def test_as_many_as_the_threshold_open_it_and_fewer_do_not(table: Table, count: int) -> None:
    """Whoever writes last sees all of them."""
    decisions, clock = MemoryDecisions(), ManualClock(NOON)
    race(count, lambda number: circuits(table, decisions, clock).interrupted(runner(number), NOON))
    (circuit,) = listed(table).values()
    assert circuit.state is (CircuitState.OPEN if count == 3 else CircuitState.CLOSED)


def test_a_storm_opens_the_zone_once_and_leaves_it_so(table: Table) -> None:
    """Types may open in between, and give way to the zone when the next interruption is weighed."""
    decisions, clock = MemoryDecisions(), ManualClock(NOON)
    kinds = ("c7i.large", "m7i.large", "m8a.large")
    race(60, lambda number: circuits(table, decisions, clock).interrupted(runner(number, kinds[number % 3]), NOON))
    clock.advance(SECOND)
    circuits(table, decisions, clock).interrupted(runner(60), NOON)
    found = listed(table)
    assert found[f"a/{ANY}"].state is CircuitState.OPEN
    assert [key for key, one in found.items() if one.state is CircuitState.OPEN] == [f"a/{ANY}"]
    assert [one.verdict for one in decisions.about(f"circuit:a/{ANY}")] == ["opened"]


def test_of_many_dispatchers_one_is_lent_the_probe(table: Table) -> None:
    """The others go on as if it were open."""
    decisions, clock = MemoryDecisions(), ManualClock(NOON)
    for number in range(3):
        circuits(table, decisions, clock).interrupted(runner(number), NOON)
    clock.advance(31 * MINUTE)
    (due,) = listed(table).values()
    lent = race(30, lambda number: circuits(table, decisions, clock).lend(due, f"launch-{number}"))
    assert lent.count(True) == 1
    (circuit,) = listed(table).values()
    assert (circuit.state, circuit.probe) == (CircuitState.HALF_OPEN, f"launch-{lent.index(True)}")


def test_operators_and_interruptions_at_once_leave_a_state_of_the_table(table: Table) -> None:
    """Every change is one that the circuit's life has; the last word stands."""
    decisions, clock = MemoryDecisions(), ManualClock(NOON)

    def act(number: int) -> None:
        mine = circuits(table, decisions, clock)
        if number % 3 == 0:
            mine.interrupted(runner(number), NOON)
        elif number % 3 == 1:
            mine.open("a", "c7i.large", "maintenance", HOUR)
        else:
            mine.close("a", "c7i.large", "over")

    race(12, act)
    clock.advance(SECOND)
    assert circuits(table, decisions, clock).open("a", "c7i.large", "in the end").state is CircuitState.OPEN
    closed = circuits(table, decisions, clock).close("a", "c7i.large", "after all")
    assert closed is not None
    assert listed(table)["a/c7i.large"].state is CircuitState.CLOSED
