"""The simulated EC2's machines asleep: how long it takes, what it costs, who gets their room, and what is told."""

from typing import Any

import pytest

from paddock.adapters.simulation.cloud import ApiLimits, Limit, LogNormal, Supply
from paddock.adapters.simulation.protocols import Charge, Ending
from paddock.core.errors import Throttled
from paddock.core.ports.machines import MachineState, StartOutcome, StartResult
from paddock.core.spec import Market
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.cloud import ONE_POOL, Bench, exactly, steady

STARTING = StartOutcome(StartResult.STARTING)
STOPPED_START = exactly(SECOND, 2 * SECOND, 5 * SECOND)


def bench(**changes: Any) -> Bench:  # noqa: ANN401 - the fields of CloudParameters
    """Launches take 15 s to the agent, starts take 8, and stops 10."""
    halt = LogNormal(10 * SECOND, 10 * SECOND)
    return Bench(steady(**{"stopped": STOPPED_START, "halt": halt, **changes}))


def awake(region: Bench, count: int = 1) -> list[str]:
    """Machines on demand that are up for a minute."""
    found = region.launch(count, Market.ON_DEMAND)
    region.after(15 * SECOND + MINUTE)
    return found


def asleep(region: Bench, count: int = 1) -> list[str]:
    found = awake(region, count)
    region.cloud.stop(found)
    region.after(10 * SECOND)
    return found


def state(region: Bench, machine: str) -> MachineState:
    return region.cloud.describe([machine])[machine].state


def test_a_stop_takes_its_time_and_is_told_at_its_beginning() -> None:
    """From then on nothing runs there."""
    region = bench()
    (machine,) = awake(region)
    told = region.timeline.now()
    region.cloud.stop([machine])
    assert region.told.stopping_at == [(told, machine)]
    region.after(10 * SECOND - 1)
    assert state(region, machine) is MachineState.STOPPING
    region.after(1)
    assert state(region, machine) is MachineState.STOPPED
    assert region.cloud.alive == [machine]


def test_a_start_is_a_boot_from_stopped() -> None:
    """Running after 3 s and up after 8, by the times of stopped starts; the listener is told as at first."""
    region = bench()
    (machine,) = asleep(region)
    now = region.timeline.now()
    assert region.cloud.start([machine]) == {machine: STARTING}
    region.after(3 * SECOND - 1)
    assert state(region, machine) is MachineState.PENDING
    region.after(1)
    assert state(region, machine) is MachineState.RUNNING
    region.after(HOUR)
    assert region.told.booted_at == {machine: now + 8 * SECOND}


def test_a_machine_that_is_stopped_while_it_boots_does_not_boot_in_its_sleep() -> None:
    """It runs already, and its agent is not up yet."""
    region = bench()
    (machine,) = region.launch(1, Market.ON_DEMAND)
    region.after(6 * SECOND)
    region.cloud.stop([machine])
    region.after(HOUR)
    assert region.told.booted_at == {}
    assert state(region, machine) is MachineState.STOPPED


def test_sleep_costs_the_disk_alone() -> None:
    """An hour awake, an hour asleep, half an hour awake, then asleep until its end."""
    region = bench()
    (machine,) = region.launch(1, Market.ON_DEMAND)
    price = region.cloud.log[machine].machine.price or 0
    region.after(HOUR)
    region.cloud.stop([machine])
    region.after(HOUR)
    disk = 80_000 * 40
    assert region.cloud.charge(machine) == Charge(price, disk * 2 // 730, 5_000)
    region.cloud.start([machine])
    region.after(HOUR // 2)
    assert region.cloud.charge(machine) == Charge(price * 3 // 2, disk * 5 // 1_460, 7_500)
    region.cloud.stop([machine])
    region.after(HOUR)
    region.cloud.terminate([machine])
    ended = Charge(price * 3 // 2, disk * 7 // 1_460, 7_500)
    region.after(HOUR)
    assert region.cloud.charge(machine) == ended
    bill = region.cloud.bill
    assert (bill.on_demand, bill.disk, bill.address, bill.machines) == (ended.compute, ended.disk, ended.address, 1)
    assert region.ended_by(machine) is Ending.FLEET


def test_each_run_costs_a_minute_at_least() -> None:
    """As EC2 bills each start."""
    region = bench()
    (machine,) = region.launch(1, Market.ON_DEMAND)
    for _ in range(3):
        region.after(20 * SECOND)
        region.cloud.stop([machine])
        region.after(10 * SECOND)
        region.cloud.start([machine])
    region.cloud.terminate([machine])
    assert region.cloud.charge(machine).compute == (region.cloud.log[machine].machine.price or 0) * 4 // 60


def test_others_may_take_the_room_of_one_that_sleeps() -> None:
    """Then it stays stopped, with EC2's code, until there is room again; the quota goes before the pool."""
    quota = ((Market.SPOT, None), (Market.ON_DEMAND, 4))  # two machines of two vCPUs
    region = bench(**ONE_POOL, quota=quota)
    first, second, ended = (*asleep(region, 2), *asleep(region))
    other, _ = awake(region, 2)
    region.cloud.terminate([ended])  # which makes no room: it had none
    outcome = StartOutcome(StartResult.NO_CAPACITY, "VcpuLimitExceeded")
    assert region.cloud.start([first]) == {first: outcome}
    assert state(region, first) is MachineState.STOPPED
    region.cloud.terminate([other])
    assert region.cloud.start([first, second]) == {first: STARTING, second: outcome}


def test_a_pool_that_is_dry_starts_nobody() -> None:
    """It held two machines, and now holds two others."""
    region = bench(**ONE_POOL, on_demand=Supply(LogNormal(4, 4), 1_000, 10_000 * HOUR))
    slept = asleep(region, 2)
    awake(region, 2)
    assert region.cloud.start(slept) == dict.fromkeys(
        slept, StartOutcome(StartResult.NO_CAPACITY, "InsufficientInstanceCapacity")
    )


def test_a_start_that_fails_falls_back_to_sleep() -> None:
    """It was accepted, is stopped again a while later, and costs nothing; it can be tried again."""
    region = bench(failed_starts=500)
    machines = [one for one in awake(region, 40) if one in region.cloud.alive]
    region.cloud.stop(machines)
    region.after(HOUR)
    charges = {machine: region.cloud.charge(machine).compute for machine in machines}
    assert set(region.cloud.start(machines).values()) == {STARTING}
    region.after(HOUR)
    fallen = [machine for machine in machines if state(region, machine) is MachineState.STOPPED]
    assert 0 < len(fallen) < len(machines)
    assert {machine: region.cloud.charge(machine).compute for machine in fallen} == {
        machine: charges[machine] for machine in fallen
    }
    assert region.cloud.start(fallen[:1]) == {fallen[0]: STARTING}


def test_the_hardware_of_one_that_sleeps_cannot_fail() -> None:
    """It has none."""
    region = bench()
    (machine,) = asleep(region)
    region.cloud.fail(machine)
    assert region.cloud.alive == [machine]


def test_stops_and_starts_have_buckets_of_their_own() -> None:
    """Beyond them nothing happens; what asks for nothing is no call; they are listed once there are any."""
    one = Limit(1, 1)
    region = bench(limits=ApiLimits(stop=one, start=one, stopped_machines=Limit(3, 1), started_machines=Limit(2, 1)))
    machines = awake(region, 3)
    region.cloud.stop([])
    region.cloud.start([])
    assert {call.name for call in region.cloud.calls()}.isdisjoint({"StopInstances", "StartInstances"})
    region.cloud.stop(machines)
    with pytest.raises(Throttled, match="StopInstances"):
        region.cloud.stop(machines)
    region.after(MINUTE)
    region.cloud.start(machines[:1])
    with pytest.raises(Throttled, match="StartInstances"):
        region.cloud.start(machines[1:])
    assert [state(region, machine) for machine in machines[1:]] == [MachineState.STOPPED] * 2
    counts = {call.name: (call.count, call.throttled) for call in region.cloud.calls()}
    assert (counts["StopInstances"], counts["StartInstances"]) == ((2, 1), (2, 1))


def test_a_region_whose_machines_sleep_is_the_same_for_all_others() -> None:
    """What stops and starts draw is their own: launches come out as they would without them."""
    lives = []
    for sleeps in (False, True):
        region = Bench(steady(cold=exactly(SECOND, 4 * SECOND, 10 * SECOND), failed_starts=200))
        (machine,) = region.launch(1, Market.ON_DEMAND)
        region.after(MINUTE)
        if sleeps and machine in region.cloud.alive:
            region.cloud.stop([machine])
        region.after(MINUTE)
        region.launch(20, Market.ON_DEMAND)
        region.after(MINUTE)
        lives.append([life.ended_at for life in region.cloud.log.values()])
    assert lives[0] == lives[1]
