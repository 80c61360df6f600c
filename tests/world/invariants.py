"""What must be true of a fleet at the end of any story: the simulation's own invariants, and that nothing is left."""

from typing import Any

import attrs

from paddock.adapters.memory import MemoryRecords
from paddock.core.units import MINUTE, Span
from tests.world.world import World

NOTICED: Span = 5 * MINUTE  # how long after its end a machine may still be billed


def everything_in(store: Any) -> list[Any]:  # noqa: ANN401 - whichever kind of record
    """All records of an in-memory store."""
    assert isinstance(store, MemoryRecords)
    return list(store._records.values())


def check(world: World, *, registrations_left: int = 0, noticed: Span = NOTICED) -> None:
    """All of it.

    `registrations_left`: how many may stay at GitHub that no runner ever used (GitHub removes them after a day).
    `noticed`: how long after its end a machine may still be billed.
    """
    nothing_is_left(world, registrations_left)
    closed = world.sim.closed
    closed.allowed = attrs.evolve(closed.allowed, noticed=noticed, unseen=max(noticed, 4 * MINUTE))
    found = world.sim.check()
    assert not found, "\n".join("\n    ".join((one.rule, one.what, *one.story)) for one in found)


def every_second_is_billed_once(world: World, noticed: Span = NOTICED) -> None:
    """A machine's ledger entries follow on each other without a gap, from its launch to its end."""
    world.sim.closed.allowed = attrs.evolve(world.sim.closed.allowed, noticed=noticed)
    assert not [one for one in world.sim.check() if one.rule == "the ledger equals the bill"]


def nothing_is_left(world: World, registrations_left: int) -> None:
    """No machine, no open record, no assignment, and no registration but the few that no runner ever used."""
    assert not world.cloud.alive, f"alive: {world.cloud.alive}"
    assert not world.table.runners.page("live", "live").items
    assert not world.assignments._slots, f"assignments left: {list(world.assignments._slots)}"
    left = world.github.all_runners()
    assert all(runner.connected_at is None for runner in left), f"registrations left: {left}"
    assert len(left) <= registrations_left, f"registrations left: {left}"
    assert world.jobs.depth().dead == 0, world.jobs.dead_letters()
    assert world.events.depth().dead == 0, world.events.dead_letters()
