"""Machines of the simulated EC2: how they start, fail and end, and what descriptions and listings show of them."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.simulation.cloud import LogNormal, Start, StartTimes, usual
from paddock.adapters.simulation.protocols import Ending
from paddock.core.ports.machines import MachineState
from paddock.core.spec import Market
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span
from tests.strategies import NOON
from tests.world.cloud import Bench, exactly, steady


def state(bench: Bench, machine: str) -> MachineState | None:
    found = bench.cloud.describe([machine]).get(machine)
    return None if found is None else found.state


def test_a_machine_runs_after_the_call_and_its_pending_time_and_then_boots() -> None:
    """The log has each moment, the listener is told of the agent, and descriptions follow to the microsecond."""
    bench = Bench(steady())
    (machine,) = bench.launch()
    life = bench.cloud.log[machine]
    bench.after(5 * SECOND - 1)
    assert (state(bench, machine), life.running_at) == (MachineState.PENDING, None)
    bench.after(1)
    assert (state(bench, machine), life.running_at) == (MachineState.RUNNING, NOON + 5 * SECOND)
    assert (life.booted_at, bench.told.booted_at) == (None, {})
    bench.after(10 * SECOND)
    assert life.booted_at == bench.told.booted_at[machine] == NOON + 15 * SECOND
    assert life.machine.state is MachineState.PENDING, "as it was launched"


@pytest.mark.parametrize(("start", "least", "most"), [(Start.COLD, 12, 18), (Start.STOPPED, 9, 14), (Start.HOT, 0, 1)])
def test_each_way_to_start_takes_its_own_time(start: Start, least: int, most: int) -> None:
    """Seconds from the launch to the agent, the middle of many: cold, stopped and hot, as published."""
    bench = Bench(attrs.evolve(usual(), start=start, dead_boots=0, failed_starts=0))
    bench.launch(400)
    bench.after(5 * MINUTE)
    waits: list[Span] = sorted(moment - NOON for moment in bench.told.booted_at.values())
    assert len(waits) == 400
    assert least * SECOND < waits[200] < most * SECOND
    assert waits[380] > waits[200]


def test_the_parts_of_a_start_are_drawn_apart() -> None:
    """Another boot time leaves the moment of ``running`` as it is."""
    fast = StartTimes(LogNormal(1, 2), LogNormal(SECOND, 3 * SECOND), LogNormal(1, 1))
    slow = attrs.evolve(fast, boot=LogNormal(MINUTE, MINUTE))
    moments = []
    for times in (fast, slow):
        bench = Bench(steady(cold=times))
        (machine,) = bench.launch()
        bench.after(5 * MINUTE)
        moments.append((bench.cloud.log[machine].running_at, bench.told.booted_at[machine]))
    assert moments[0][0] == moments[1][0]
    assert moments[1][1] - moments[0][1] == MINUTE - 1


def test_a_dead_boot_runs_and_its_agent_never_comes() -> None:
    """EC2 says ``running`` for as long as nobody ends it."""
    bench = Bench(steady(dead_boots=1_000))
    (machine,) = bench.launch()
    bench.after(DAY)
    assert state(bench, machine) is MachineState.RUNNING
    assert bench.told.booted_at == {}
    assert bench.cloud.log[machine].booted_at is None


def test_a_start_that_fails_ends_by_itself_before_it_ran() -> None:
    """When it should have come to run; nobody ended it."""
    bench = Bench(steady(failed_starts=1_000))
    (machine,) = bench.launch()
    bench.after(MINUTE)
    assert bench.told.ended_at == {machine: (NOON + 5 * SECOND, Ending.HARDWARE)}
    life = bench.cloud.log[machine]
    assert (life.running_at, life.booted_at, life.ended_by) == (None, None, Ending.HARDWARE)
    assert state(bench, machine) is MachineState.TERMINATED


def test_failures_are_as_frequent_as_was_said() -> None:
    """Of a thousand machines about so many boot dead and so many do not start."""
    bench = Bench(steady(dead_boots=50, failed_starts=100))
    bench.launch(1_000)
    bench.after(MINUTE)
    assert 70 < len(bench.told.ended_at) < 130
    assert 25 < 1_000 - len(bench.told.ended_at) - len(bench.told.booted_at) < 80


@pytest.mark.parametrize(
    ("by", "code", "taken"),
    [
        (Ending.FLEET, "Client.UserInitiatedShutdown", False),
        (Ending.ITSELF, "Client.InstanceInitiatedShutdown", False),
        (Ending.HARDWARE, "Server.InternalError", False),
        (Ending.SPOT, "Server.SpotInstanceTermination", True),
    ],
)
def test_a_description_says_when_a_machine_ended_and_why(by: Ending, code: str, taken: bool) -> None:  # noqa: FBT001
    """By EC2's codes, from which one can tell whether it was taken back."""
    bench = Bench(steady())
    (machine,) = bench.launch()
    bench.after(MINUTE)
    ends = {
        Ending.FLEET: lambda: bench.cloud.terminate([machine]),
        Ending.ITSELF: lambda: bench.cloud.power_off(machine),
        Ending.HARDWARE: lambda: bench.cloud.fail(machine),
        Ending.SPOT: lambda: bench.cloud.reclaim(machine, warning=False),
    }
    ends[by]()
    bench.after(MINUTE)
    seen = bench.cloud.describe([machine])[machine]
    assert (seen.ended_at, seen.ended_by, seen.taken) == (NOON + MINUTE, code, taken)


@pytest.mark.parametrize("wait", [0, 5 * SECOND, HOUR])
def test_whoever_ends_a_machine_is_in_the_log_and_is_told_once(wait: Span) -> None:
    """By the fleet, by itself or by its hardware, before it runs or later; the first end counts."""
    bench = Bench(steady())
    ends = {
        Ending.FLEET: lambda machine: bench.cloud.terminate([machine]),
        Ending.ITSELF: bench.cloud.power_off,
        Ending.HARDWARE: bench.cloud.fail,
    }
    machines = dict(zip(ends, bench.launch(3), strict=True))
    bench.after(wait)
    for by, machine in machines.items():
        ends[by](machine)
        for again in ends.values():
            again(machine)
        assert bench.told.ended_at[machine] == (NOON + wait, by)
        assert (bench.cloud.log[machine].ended_at, bench.cloud.log[machine].ended_by) == (NOON + wait, by)
    bench.after(MINUTE)
    assert len(bench.told.booted_at) == (3 if wait == HOUR else 0)
    assert bench.cloud.alive == []


def test_a_listener_may_call_the_cloud_back() -> None:
    """One that powers off as soon as it boots, and launches another when it has ended: states are up to date then."""
    bench = Bench(steady())
    bench.told.when_booted = lambda machine: bench.cloud.power_off(machine.id)
    seen: list[MachineState | None] = []

    def when_ended(_: object) -> None:
        seen.append(state(bench, bench.cloud.alive[-1]) if bench.cloud.alive else None)
        if len(bench.cloud.log) < 3:
            bench.launch()

    bench.told.when_ended = when_ended
    bench.launch()
    bench.after(MINUTE)
    assert list(bench.told.ended_at) == list(bench.cloud.log)
    assert seen == [None, None, None]


def test_what_has_ended_is_listed_for_an_hour() -> None:
    """Described as terminated until then, and never on a page."""
    bench = Bench(steady())
    (machine,) = bench.launch()
    bench.after(MINUTE)
    bench.cloud.terminate([machine])
    assert bench.cloud.page().items == ()
    bench.after(HOUR - 1)
    assert state(bench, machine) is MachineState.TERMINATED
    bench.after(1)
    assert state(bench, machine) is None
    bench.cloud.power_off(machine)  # nobody knows it any more, and that is no error
    assert bench.cloud.log[machine].ended_by is Ending.FLEET


def test_what_was_just_launched_may_not_be_seen_yet() -> None:
    """Neither described nor on a page, although the launch returned it; some seconds later it is."""
    bench = Bench(steady(unseen=500, unseen_for=LogNormal(3 * SECOND, 3 * SECOND)))
    machines = bench.launch(200)
    seen = set(bench.cloud.describe(machines))
    assert 70 < len(seen) < 130
    assert {machine.id for machine in bench.cloud.page().items} <= seen
    bench.after(3 * SECOND)
    assert len(bench.cloud.describe(machines)) == 200


def test_pages_hold_while_machines_come_and_go() -> None:
    """A machine that ends between two pages hides no other, also if it is the last one seen."""
    bench = Bench(steady(page_size=2))
    launched = bench.launch(5)
    first = bench.cloud.page()
    bench.cloud.terminate([launched[1], launched[2]])
    late = bench.launch()
    second = bench.cloud.page(cursor=first.cursor)
    third = bench.cloud.page(cursor=second.cursor)
    listed = [machine.id for page in (first, second, third) for machine in page.items]
    assert listed == [*launched[:2], *launched[3:], *late]
    assert third.cursor is None


@given(acts=st.lists(st.integers(-6, 6), max_size=60), size=st.integers(1, 4))
def test_pages_list_what_lives_in_the_order_of_launch(acts: list[int], size: int) -> None:
    """However much was launched and ended before: all of it once, and nothing else."""
    bench = Bench(steady(page_size=size))
    alive: list[str] = []
    for act in acts:
        bench.after(MINUTE)
        if act > 0:
            alive += bench.launch(act)
        elif alive:
            bench.cloud.power_off(alive.pop(-act % len(alive)))
    assert bench.cloud.alive == alive
    listed, cursor = [], None
    while True:
        bench.after(SECOND)
        page = bench.cloud.page(cursor=cursor)
        listed += [machine.id for machine in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert listed == alive


@pytest.mark.parametrize("cursor", ["nonsense", "-1", "", "²"])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    """An error, and not the first page again."""
    with pytest.raises(ValueError, match="cursor"):
        Bench(steady()).cloud.page(cursor=cursor)


def test_the_log_keeps_lives_until_they_are_forgotten() -> None:
    """In the order of launch; one that lives, or is unknown, cannot be forgotten, and that is no error."""
    bench = Bench(steady())
    first, second = bench.launch(2)
    bench.cloud.power_off(first)
    bench.after(2 * HOUR)
    assert list(bench.cloud.log) == [first, second]
    for machine in (first, second, "i-404", first):
        bench.cloud.forget(machine)
    assert list(bench.cloud.log) == [second]


def test_years_of_machines_leave_nothing_behind() -> None:
    """What is forgotten and no longer listed takes up no memory, and no act is left on the timeline."""
    bench = Bench(attrs.evolve(usual(), unseen=0, cold=exactly(1, 1, 1)))
    bench.told.when_ended = lambda machine: bench.cloud.forget(machine.id)
    for _ in range(300):
        machines = bench.launch(2) + bench.launch(1, Market.ON_DEMAND)
        bench.after(HOUR)
        bench.cloud.terminate(machines)
        bench.after(5 * HOUR)
    bench.cloud.describe(["i-404"])
    register = bench.cloud._machines
    assert (len(bench.cloud.log), len(register._known), len(register._live), len(register._ended)) == (0, 0, 0, 0)
    assert len(register._numbers) <= 64 + 3
    assert len(bench.cloud._tokens) <= 2 * 8 + 2
    assert bench.timeline.next_moment() is None
