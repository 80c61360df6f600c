"""What every cloud whose machines can be stopped promises of that; and that the others say no."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from paddock.core.errors import Rejected, Unavailable, Unsupported
from paddock.core.ports.machines import Machine, MachineState, StartOutcome, StartResult
from paddock.core.spec import Market
from tests.agent.machine import all_machines
from tests.integration.contracts.machines_adapters import ADAPTERS, DIFFERENCES, SLOW_ADAPTERS, MachinesUnderTest

UNKNOWN = "i-00000000000000404"
STARTING = StartOutcome(StartResult.STARTING)
OPEN = {**ADAPTERS, **SLOW_ADAPTERS}
SLEEPERS = [*(name for name in ADAPTERS if name != "process"), pytest.param("ec2", marks=pytest.mark.slow)]


@pytest.fixture(params=SLEEPERS)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MachinesUnderTest]:
    """A cloud without machines, which may be stopped."""
    name: str = request.param
    reason = DIFFERENCES.get(name, {}).get(request.function.__name__)
    with OPEN[name](tmp_path) as opened:
        assert opened.sleeps
        if reason is not None:
            request.applymarker(
                pytest.mark.xfail(reason=reason, strict=True, raises=(AssertionError, pytest.fail.Exception))
            )
        yield opened


def launched(cloud: MachinesUnderTest, count: int = 1, market: Market = Market.ON_DEMAND) -> list[str]:
    """The ids of so many machines, which run by now."""
    request = attrs.evolve(cloud.fits, token=f"t-{market}", count=count, market=market)
    found = [machine.id for machine in cloud.machines.launch(request).machines]
    cloud.settle()
    return found


def asleep(cloud: MachinesUnderTest, count: int = 1) -> list[str]:
    """The ids of so many machines, which are stopped by now."""
    found = launched(cloud, count)
    cloud.machines.stop(found)
    cloud.settle()
    return found


def states(cloud: MachinesUnderTest, ids: list[str]) -> list[MachineState]:
    found = cloud.machines.describe(ids)
    return [found[id_].state for id_ in ids]


def one(cloud: MachinesUnderTest, id_: str) -> Machine:
    return cloud.machines.describe([id_])[id_]


def test_a_stopped_machine_is_still_there(cloud: MachinesUnderTest) -> None:
    """Described and listed as stopped, with all its facts; it lives, and others run on."""
    kept, stopped = launched(cloud, 2)
    before = one(cloud, stopped)
    cloud.machines.stop([stopped])
    cloud.settle()
    after = one(cloud, stopped)
    assert after == attrs.evolve(before, state=MachineState.STOPPED)
    assert after.alive
    assert states(cloud, [kept]) == [MachineState.RUNNING]
    assert {machine.id: machine.state for machine in all_machines(cloud.machines)} == {
        kept: MachineState.RUNNING,
        stopped: MachineState.STOPPED,
    }


def test_stopping_takes_a_while(cloud: MachinesUnderTest) -> None:
    """It is stopping at first."""
    (machine,) = launched(cloud)
    cloud.machines.stop([machine])
    assert states(cloud, [machine]) == [MachineState.STOPPING]


def test_stopping_is_idempotent(cloud: MachinesUnderTest) -> None:
    """Machines that stop, are stopped, have ended or are unknown are no error, and neither is none at all.

    What has ended stays dead.
    """
    first, second, ended = launched(cloud, 3)
    cloud.machines.terminate([ended])
    cloud.machines.stop([])
    cloud.machines.stop([first, first])
    cloud.machines.stop([UNKNOWN, first, ended, second])
    cloud.settle()
    cloud.machines.stop([second, first])
    assert states(cloud, [first, second]) == [MachineState.STOPPED] * 2
    found = cloud.machines.describe([ended])
    assert ended not in found or found[ended].state is MachineState.TERMINATED


def test_a_spot_machine_cannot_be_stopped(cloud: MachinesUnderTest) -> None:
    """The error names it and nobody else; the others are stopped all the same."""
    (spot,) = launched(cloud, market=Market.SPOT)
    first, second = launched(cloud, 2)
    with pytest.raises(Rejected) as refused:
        cloud.machines.stop([first, spot, second])
    assert spot in str(refused.value)
    assert first not in str(refused.value)
    cloud.settle()
    assert states(cloud, [first, spot, second]) == [MachineState.STOPPED, MachineState.RUNNING, MachineState.STOPPED]


def test_what_does_not_run_yet_is_not_stopped_and_named(cloud: MachinesUnderTest) -> None:
    """It may be stopped later: a passing fault."""
    (runs,) = launched(cloud)
    request = attrs.evolve(cloud.fits, token="t-2", market=Market.ON_DEMAND)
    (pending,) = [machine.id for machine in cloud.machines.launch(request).machines]
    with pytest.raises(Unavailable, match=pending):
        cloud.machines.stop([pending, runs])
    cloud.settle()
    assert states(cloud, [pending, runs]) == [MachineState.RUNNING, MachineState.STOPPED]
    cloud.machines.stop([pending])


def test_stopped_machines_are_started(cloud: MachinesUnderTest) -> None:
    """They come to run again, as they were; of each it is told, in the order of the ids, once."""
    first, second = asleep(cloud, 2)
    before = one(cloud, first)
    assert list(cloud.machines.start([second, first, second]).items()) == [(second, STARTING), (first, STARTING)]
    cloud.settle()
    after = one(cloud, first)
    assert after == attrs.evolve(before, state=MachineState.RUNNING, launched_at=after.launched_at)
    assert states(cloud, [second]) == [MachineState.RUNNING]


def test_a_start_is_a_boot(cloud: MachinesUnderTest) -> None:
    """Pending first, from now on; nobody takes it for new, and it may not be stopped yet."""
    (machine,) = asleep(cloud)
    before = one(cloud, machine)
    cloud.machines.start([machine])
    after = one(cloud, machine)
    assert after.state is MachineState.PENDING
    assert after.launched_at > before.launched_at
    with pytest.raises(Unavailable):
        cloud.machines.stop([machine])
    assert states(cloud, [machine]) == [MachineState.PENDING]


def test_starting_is_idempotent(cloud: MachinesUnderTest) -> None:
    """Whatever boots or runs is said to start, spot machines included; none at all is no error."""
    (spot,) = launched(cloud, market=Market.SPOT)
    (machine,) = asleep(cloud)
    assert cloud.machines.start([]) == {}
    assert cloud.machines.start([machine]) == cloud.machines.start([machine]) == {machine: STARTING}
    cloud.settle()
    assert cloud.machines.start([machine, spot]) == {machine: STARTING, spot: STARTING}
    assert states(cloud, [machine]) == [MachineState.RUNNING]


def test_a_machine_that_still_stops_is_not_started(cloud: MachinesUnderTest) -> None:
    """It is told so; it comes to be stopped, and others are started."""
    (slept,) = asleep(cloud)
    request = attrs.evolve(cloud.fits, token="t-2", market=Market.ON_DEMAND)
    (stopping,) = [machine.id for machine in cloud.machines.launch(request).machines]
    cloud.settle()
    cloud.machines.stop([stopping])
    outcomes = cloud.machines.start([stopping, slept])
    assert outcomes[stopping].result is StartResult.STOPPING
    assert outcomes[slept].started
    cloud.settle()
    assert states(cloud, [stopping, slept]) == [MachineState.STOPPED, MachineState.RUNNING]


def test_machines_that_have_ended_or_are_unknown_are_gone(cloud: MachinesUnderTest) -> None:
    """Also those that ended in their sleep; they stay dead and keep nobody asleep."""
    ended, machine = asleep(cloud, 2)
    cloud.machines.terminate([ended])
    cloud.settle()
    outcomes = cloud.machines.start([ended, UNKNOWN, machine])
    assert outcomes[ended].result is outcomes[UNKNOWN].result is StartResult.GONE
    assert outcomes[machine].started
    cloud.settle()
    assert {one.id for one in all_machines(cloud.machines)} == {machine}


def test_a_machine_sleeps_as_often_as_it_is_told_to(cloud: MachinesUnderTest) -> None:
    """A second time as the first."""
    (machine,) = asleep(cloud)
    cloud.machines.start([machine])
    cloud.settle()
    cloud.machines.stop([machine])
    cloud.settle()
    assert states(cloud, [machine]) == [MachineState.STOPPED]
    assert cloud.machines.start([machine]) == {machine: STARTING}
    cloud.machines.terminate([machine])
    cloud.settle()
    assert all_machines(cloud.machines) == []


def test_processes_cannot_sleep(tmp_path: Path) -> None:
    """Said at once, whatever is asked for."""
    with OPEN["process"](tmp_path) as cloud:
        assert not cloud.sleeps
        with pytest.raises(Unsupported, match="processes"):
            cloud.machines.stop([UNKNOWN])
        with pytest.raises(Unsupported, match="processes"):
            cloud.machines.start([UNKNOWN])
