"""When a pool's machines slept, as the cloud has it: who dies between a record's flip and the cloud costs nothing."""

from collections.abc import Callable

import attrs
import pytest

from paddock.adapters.memory import Shortage
from paddock.core.costs.ledger import Phase
from paddock.core.errors import Unavailable
from paddock.core.pools.naps import noted
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.runner import Nap, Runner
from paddock.core.spec import Range
from paddock.core.states import RunnerState
from paddock.core.units import MINUTE, Span
from tests.strategies import NOON
from tests.world.pools import ASKS, SPEC, PoolWorld

SLEEPER = Runner(
    "i-1", "", (), "launch", state=RunnerState.STOPPED, pool="warm", spare_of="warm", naps=(Nap(NOON),), since=NOON
)


class Away:
    """Put around the ports: a call of the cloud's of this name fails, as long as it is `on`."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.on = True

    def around(self, name: str, port: object) -> object:
        """The port, or the cloud that does not answer."""
        return _Deaf(self, port) if name == "machines" else port


class _Deaf:
    def __init__(self, away: Away, inner: object) -> None:
        self._away = away
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., object]:
        call: Callable[..., object] = getattr(self._inner, name)
        if name == self._away.call and self._away.on:
            return self._fail
        return call

    def _fail(self, *_: object) -> object:
        raise Unavailable(f"machines.{self._away.call}: away")


def billed_asleep(world: PoolWorld, machine: str) -> Span:
    """For how long the machine slept by its bill."""
    bill = world.table.ledger.get(machine)
    assert bill is not None
    return sum(entry.end - entry.start for entry in bill.entries if entry.phase is Phase.SLEEP)


def slept(world: PoolWorld, machine: str) -> Span:
    """For how long it slept by the cloud's own log."""
    life = world.cloud.log[machine]
    assert life.ended_at is not None
    starts = [since for since, _ in life.runs[1:]]
    starts.append(life.ended_at if life.stopping_at is not None else life.started_at or 0)
    return sum(start - until for (_, until), start in zip(life.runs, starts, strict=True))


def test_one_that_is_told_to_stop_a_second_time_ran_until_then() -> None:
    """The cloud was away when its record was flipped: what it ran meanwhile is billed."""
    world = PoolWorld(stopped=1)
    away = Away("stop")
    world.meddle(away.around)
    world.minutes(7)
    assert world.states() == [RunnerState.STOPPING]
    away.on = False
    world.stocked()
    (spare,) = world.spares()
    world.without_pool()
    world.run(10 * MINUTE)
    assert billed_asleep(world, spare.machine) == slept(world, spare.machine)


def test_one_that_never_was_told_to_stop_and_is_ended_ran_until_then() -> None:
    """The cloud did not take the stop, and before anybody asked again the pool was no more: it runs, and is billed."""
    world = PoolWorld(stopped=1)
    world.meddle(Away("stop").around)
    world.minutes(7)
    (spare,) = world.spares()
    assert spare.state is RunnerState.STOPPING
    world.sweeps(on=False)
    world.run(5 * MINUTE)
    world.without_pool()
    world.sweeps(on=True)
    world.run(10 * MINUTE)
    life = world.cloud.log[spare.machine]
    assert (life.ended_at is None, life.stopping_at, life.runs) == (False, None, ())
    assert billed_asleep(world, spare.machine) == 0


def test_one_that_was_claimed_meanwhile_is_not_stopped_again() -> None:
    """It is looked at once more before the cloud is told."""
    world = PoolWorld(hot=1)
    world.stocked()
    (spare,) = world.spares()
    seen = attrs.evolve(spare, state=RunnerState.STOPPING, naps=(Nap(world.clock.now()),))
    assert world.fleet.house.pools._stop_again(seen) is None
    assert world.cloud.region.describe([spare.machine])[spare.machine].state is MachineState.RUNNING


@pytest.mark.parametrize("away_for", [3, 5])
def test_a_claimed_machine_slept_until_the_cloud_started_it(away_for: int) -> None:
    """The cloud is away when the job has claimed it: the start comes minutes later, and nothing is billed till then."""
    world = PoolWorld(stopped=1)
    world.stocked()
    (spare,) = world.spares()
    away = Away("start")
    world.meddle(away.around)
    world.push_job(labels=ASKS)
    world.run(away_for * MINUTE)
    away.on = False
    world.without_pool()
    world.run(30 * MINUTE)
    assert abs(billed_asleep(world, spare.machine) - slept(world, spare.machine)) < MINUTE


def test_a_start_whose_answer_was_lost_is_billed_though_nobody_noted_it() -> None:
    """The pool is no more when its machine runs, by whose record it sleeps: its agent spoke, so it ran."""
    world = PoolWorld(stopped=1)
    world.stocked()
    (spare,) = world.spares()
    world.run(20 * MINUTE)
    world.without_pool()
    world.sweeps(on=False)
    world.cloud.start([spare.machine])
    world.run(20 * MINUTE)
    world.sweeps(on=True)
    world.run(10 * MINUTE)
    assert billed_asleep(world, spare.machine) == slept(world, spare.machine)


@pytest.mark.parametrize(("started", "woken"), [(MINUTE, NOON + MINUTE), (-MINUTE, NOON + 9 * MINUTE)])
def test_one_that_is_found_running_woke_when_the_cloud_started_it(started: Span, woken: int) -> None:
    """If it tells of a start after it fell asleep; else nobody knows better than whoever looks now."""
    machine = Machine("i-1", MachineState.RUNNING, NOON + started)
    change = noted(SLEEPER, RunnerState.BOOTING, NOON + 9 * MINUTE, machine)
    assert change["naps"] == (Nap(NOON, woken_at=woken),)


def test_a_launch_of_a_pool_without_capacity_says_so_by_its_class() -> None:
    """Whoever reads the task's report tells a lack of machines from a fault of ours."""
    world = PoolWorld(hot=1)
    world.cloud.shortages.append(Shortage())
    (error,) = world.pools().errors
    assert "NoCapacity: " in error
    world.cloud.shortages.clear()
    world.configure(spec=attrs.evolve(SPEC, cpu=Range(9_999)))
    (error,) = world.pools().errors
    assert "Unsupported: " in error
