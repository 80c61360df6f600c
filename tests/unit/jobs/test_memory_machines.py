"""The small EC2 in memory: what it picks, what it lacks, and what becomes of its machines."""

from typing import Any

import attrs
import pytest

from paddock.adapters.memory import ManualClock, MemoryMachines, SequentialIds, Shortage
from paddock.core.catalogue import CATALOGUE, SPOT_SHARE
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import LaunchRequest, MachineState, StartOutcome, StartResult
from paddock.core.spec import Arch, Market, Range, RunnerSpec
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.strategies import NOON

REQUEST = LaunchRequest("t-1", 1, RunnerSpec(), Market.SPOT, 40)


def cloud(**options: Any) -> tuple[MemoryMachines, ManualClock]:  # noqa: ANN401 - the options of MemoryMachines
    clock = ManualClock(NOON)
    return MemoryMachines(clock, SequentialIds(), **options), clock


def types(machines: MemoryMachines, request: LaunchRequest) -> list[tuple[str, str]]:
    return [(machine.instance_type, machine.zone) for machine in machines.launch(request).machines]


def test_the_cheapest_type_that_fits_is_launched_at_its_price() -> None:
    """As launched, not as asked for: type, vCPU, architecture, market, zone, price by market, disk and token."""
    machines, _ = cloud(zones=("eu-west-1b",))
    (spot,) = machines.launch(REQUEST).machines
    cheapest = next(kind for kind in CATALOGUE if kind.name == "c7i.large")
    assert (spot.instance_type, spot.vcpu, spot.arch, spot.zone) == ("c7i.large", 2, Arch.X64, "eu-west-1b")
    assert (spot.market, spot.price) == (Market.SPOT, cheapest.on_demand * SPOT_SHARE // 100)
    assert (spot.disk, spot.token, spot.launched_at) == (40, "t-1", NOON)
    (on_demand,) = machines.launch(attrs.evolve(REQUEST, token="t-2", market=Market.ON_DEMAND)).machines
    assert on_demand.price == cheapest.on_demand


def test_what_a_machine_is_kept_as_is_remembered() -> None:
    """As its own tag would say it; nothing of one that is for a job, or that nobody knows."""
    machines, _ = cloud()
    for stock in (None, *Stock):
        asked = attrs.evolve(REQUEST, token=f"for {stock}", market=Market.ON_DEMAND, stock=stock)
        (machine,) = machines.launch(asked).machines
        assert machines.stock(machine.id) is stock
    assert machines.stock("i-unknown") is None


def test_a_shortage_of_one_type_leads_to_the_next() -> None:
    """What is left of the cheapest is given first; the rest is of the next cheapest, and nothing is missing."""
    machines, _ = cloud()
    machines.shortages.append(Shortage(instance_type="c7i.large", left=1))
    outcome = machines.launch(attrs.evolve(REQUEST, count=3))
    assert [machine.instance_type for machine in outcome.machines] == ["c7i.large", "c8i.large", "c8i.large"]
    assert outcome.errors == ()


def test_a_shortage_of_everything_is_a_partial_outcome() -> None:
    """Fewer machines than asked for, and a reason for each type and zone: EC2's code, then words."""
    machines, _ = cloud()
    machines.shortages.append(Shortage(left=2))
    narrow = attrs.evolve(REQUEST, count=5, spec=RunnerSpec(families=("m7i",), cpu=Range(2, 4)))
    outcome = machines.launch(narrow)
    assert len(outcome.machines) == 2
    assert not outcome.permanent
    assert outcome.errors == (
        "InsufficientInstanceCapacity: no spot capacity for m7i.large in us-east-1a",
        "InsufficientInstanceCapacity: no spot capacity for m7i.xlarge in us-east-1a",
    )


def test_a_token_that_came_to_nothing_comes_to_nothing_again() -> None:
    """Also when capacity is back: a new attempt needs a new token."""
    machines, _ = cloud()
    shortage = Shortage("MaxSpotInstanceCountExceeded", market=Market.SPOT)
    machines.shortages.append(shortage)
    outcome = machines.launch(REQUEST)
    assert outcome.machines == ()
    assert all(error.startswith("MaxSpotInstanceCountExceeded: ") for error in outcome.errors)
    machines.shortages.remove(shortage)
    assert machines.launch(REQUEST) == outcome
    assert len(machines.launch(attrs.evolve(REQUEST, token="t-2")).machines) == 1


def test_a_shortage_concerns_its_market_and_zone_alone() -> None:
    """Another zone, and the other market, still give what is missing here."""
    machines, _ = cloud(zones=("a", "b"))
    machines.shortages.append(Shortage(zone="a", market=Market.SPOT))
    assert types(machines, REQUEST) == [("c7i.large", "b")]
    assert types(machines, attrs.evolve(REQUEST, token="t-2", market=Market.ON_DEMAND)) == [("c7i.large", "a")]


def test_the_narrowest_of_several_shortages_counts() -> None:
    """Each machine draws on all the shortages that concern it, and the one that is used up gives its code."""
    machines, _ = cloud(types=[kind for kind in CATALOGUE if kind.name == "c7i.large"])
    machines.shortages += [Shortage(left=3), Shortage("VcpuLimitExceeded", market=Market.SPOT, left=1)]
    outcome = machines.launch(attrs.evolve(REQUEST, count=2))
    assert len(outcome.machines) == 1
    assert outcome.errors == ("VcpuLimitExceeded: no spot capacity for c7i.large in us-east-1a",)
    on_demand = attrs.evolve(REQUEST, token="t-2", count=5, market=Market.ON_DEMAND)
    assert len(machines.launch(on_demand).machines) == 2


def test_a_machine_is_pending_until_it_has_booted() -> None:
    """To the microsecond by the clock, and a repeated launch shows the state of now."""
    machines, clock = cloud(boot=20 * SECOND)
    (machine,) = machines.launch(REQUEST).machines
    clock.advance(20 * SECOND - 1)
    assert machines.describe([machine.id])[machine.id].state is MachineState.PENDING
    clock.advance(1)
    assert machines.describe([machine.id])[machine.id].state is MachineState.RUNNING
    assert machines.launch(REQUEST).machines[0].state is MachineState.RUNNING


def test_a_killed_machine_is_terminated() -> None:
    """As by a crash or by AWS taking it back: no longer listed, described as terminated, and killed only once."""
    machines, _ = cloud()
    (machine,) = machines.launch(REQUEST).machines
    machines.kill(machine.id)
    machines.kill(machine.id)
    assert machines.page().items == ()
    assert machines.describe([machine.id])[machine.id].state is MachineState.TERMINATED
    with pytest.raises(KeyError):
        machines.kill("i-404")


def test_a_machine_just_launched_may_not_be_seen_yet() -> None:
    """As at EC2: neither described nor listed for a moment, although the launch returned it."""
    machines, clock = cloud(unseen=2 * SECOND)
    (machine,) = machines.launch(REQUEST).machines
    assert machines.describe([machine.id]) == {}
    assert machines.page().items == ()
    clock.advance(2 * SECOND)
    assert list(machines.describe([machine.id])) == [machine.id]
    assert [listed.id for listed in machines.page().items] == [machine.id]


def test_what_has_ended_is_forgotten_after_a_while() -> None:
    """Described for an hour, then missing; its token still brings no other, until EC2 forgets the token too."""
    machines, clock = cloud()
    (machine,) = machines.launch(REQUEST).machines
    machines.terminate([machine.id])
    clock.advance(HOUR - 1)
    assert machine.id in machines.describe([machine.id])
    clock.advance(1)
    assert machines.describe([machine.id]) == {}
    assert [again.alive for again in machines.launch(REQUEST).machines] == [False]
    clock.advance(2 * DAY)
    assert [new.alive for new in machines.launch(REQUEST).machines] == [True]


def test_years_of_launches_leave_nothing_behind() -> None:
    """Machines and tokens that EC2 would no longer know take up no memory."""
    machines, clock = cloud()
    for number in range(50):
        (machine,) = machines.launch(attrs.evolve(REQUEST, token=f"t-{number}")).machines
        clock.advance(MINUTE)
        machines.terminate([machine.id])
        clock.advance(DAY)
    machines.launch(attrs.evolve(REQUEST, token="last"))
    assert (len(machines._lives), len(machines._live), len(machines._launches)) == (1, 1, 2)


@pytest.mark.parametrize("cursor", ["nonsense", "-1", "", "²"])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    """An error, and not the first page again."""
    machines, _ = cloud()
    with pytest.raises(ValueError, match="cursor"):
        machines.page(cursor=cursor)


def test_pages_hold_while_machines_come_and_go() -> None:
    """A machine that ends between two pages hides no other, also if it is the last one seen."""
    machines, _ = cloud(page_size=2)
    launched = [machine.id for machine in machines.launch(attrs.evolve(REQUEST, count=5)).machines]
    first = machines.page()
    machines.terminate([launched[1], launched[2]])
    second = machines.page(cursor=first.cursor)
    assert [machine.id for machine in first.items + second.items] == [*launched[:2], *launched[3:]]
    assert second.cursor is None


def asleep(machines: MemoryMachines, clock: ManualClock, count: int) -> list[str]:
    """The ids of so many machines on demand, which were stopped."""
    request = attrs.evolve(REQUEST, token="asleep", count=count, market=Market.ON_DEMAND)
    found = [machine.id for machine in machines.launch(request).machines]
    clock.advance(MINUTE)
    machines.stop(found)
    return found


def test_a_machine_stops_and_boots_by_the_clock() -> None:
    """To the microsecond; it was known before, so that it is seen all the time."""
    machines, clock = cloud(boot=20 * SECOND, halt=15 * SECOND, unseen=30 * SECOND)
    (machine,) = asleep(machines, clock, 1)
    for span, state in ((15 * SECOND - 1, MachineState.STOPPING), (1, MachineState.STOPPED)):
        clock.advance(span)
        assert machines.describe([machine])[machine].state is state
    machines.start([machine])
    for span, state in ((20 * SECOND - 1, MachineState.PENDING), (1, MachineState.RUNNING)):
        clock.advance(span)
        assert machines.describe([machine])[machine].state is state


def test_a_shortage_lets_machines_sleep_on() -> None:
    """With its code; what is left goes to the first."""
    machines, clock = cloud()
    first, second = asleep(machines, clock, 2)
    clock.advance(MINUTE)
    shortage = Shortage("InsufficientInstanceCapacity", market=Market.ON_DEMAND, left=1)
    machines.shortages.append(shortage)
    lack = StartOutcome(StartResult.NO_CAPACITY, "InsufficientInstanceCapacity")
    assert machines.start([first, second]) == {first: StartOutcome(StartResult.STARTING), second: lack}
    assert machines.describe([second])[second].state is MachineState.STOPPED
    machines.shortages.remove(shortage)
    assert machines.start([second])[second].started
