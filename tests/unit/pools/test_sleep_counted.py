"""Machines that sleep, as limits count them, as the simulation checks their bills, and as its sums show them."""

import attrs
import pytest

from paddock.adapters.simulation.cloud import Prices
from paddock.adapters.simulation.cloud.billing import charge_of
from paddock.adapters.simulation.measure import Measure
from paddock.adapters.simulation.protocols import Ending, Life
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Rates
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.runner import Nap, Runner
from paddock.core.settings import Limits
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.admission import Usage
from paddock.core.usecases.usage import UsageMeter
from tests.strategies import NOON
from tests.world.spot import machine_of
from tests.world.world import World

ALL = Limits(machines=9, vcpu=9, machines_per_repository=9, launches_per_minute=9, spend_per_day=9)
SPARE = Runner(
    machine="i-1",
    repository="acme/api",
    labels=(),
    launch_id="l-1",
    state=RunnerState.READY,
    vcpu=2,
    price=60_000,
    launched_at=NOON,
    pool="web",
    stock=Stock.HOT,
)


def used(*runners: Runner, after: int) -> Usage:
    """What is read in a world of these machines alone, so long after noon."""
    world = World()
    for runner in runners:
        assert world.table.runners.add(runner)
    world.clock.advance(after)
    return UsageMeter(world.table, world.clock).read(ALL)


def test_limits_count_what_jobs_start_and_not_what_a_pool_keeps() -> None:
    """A spare counts from when a job has claimed it; what it costs is spent in any case."""
    claimed = attrs.evolve(SPARE, machine="i-2", assigned_job=7)
    for_a_job = attrs.evolve(SPARE, machine="i-3", stock=None)
    assert used(SPARE, after=30 * SECOND) == Usage(spent_today=500)
    assert used(SPARE, claimed, for_a_job, after=30 * SECOND) == Usage(4 // 2, 4, {"acme/api": 2}, 2, 1_500)


def test_time_asleep_is_not_spent() -> None:
    """Awake for an hour, asleep for two, awake for one, asleep since."""
    naps = (Nap(NOON + HOUR, NOON + 3 * HOUR), Nap(NOON + 4 * HOUR))
    sleeper = attrs.evolve(SPARE, state=RunnerState.STOPPED, naps=naps)
    assert [used(sleeper, after=hours * HOUR).spent_today for hours in (1, 2, 3, 4, 9)] == [
        *(60_000, 60_000, 60_000, 120_000, 120_000)
    ]
    # Midnight is twelve hours after noon: what was spent before that is of another day.
    later = attrs.evolve(sleeper, naps=(Nap(NOON + HOUR, NOON + 11 * HOUR),))
    assert used(later, after=14 * HOUR).spent_today == 120_000


@pytest.mark.parametrize(("naps", "right"), [(True, True), (False, False)])
def test_a_machine_that_slept_is_held_to_the_time_it_was_awake(*, naps: bool, right: bool) -> None:
    """Whoever bills its sleep as well is told of; so the rule knows the cloud's own log."""
    world = World()
    job = world.push_job()
    world.run_until_quiet()
    machine = machine_of(world, job)
    life, runner = world.cloud.log[machine], world.runner(machine)
    began, ended = life.machine.launched_at, runner.gone_at or 0
    life.runs, life.started_at, life.ended_at = ((began, ended),), ended + HOUR, ended + HOUR + 5 * MINUTE
    nap = (Nap(ended, ended + HOUR),) if naps else ()
    bill = bill_of(attrs.evolve(runner, gone_at=life.ended_at, naps=nap), None, Rates())
    world.sim.archive.billed(bill)
    assert (not [one for one in world.sim.check() if one.rule == "the ledger equals the bill"]) is right


@pytest.mark.parametrize(
    ("ended_by", "asleep", "right"),
    [
        (Ending.HARDWARE, 4 * MINUTE, True),
        (Ending.FLEET, 4 * MINUTE, False),
        (Ending.HARDWARE, 5 * MINUTE, False),
    ],
)
def test_a_stop_that_never_came_is_believed_until_somebody_looks(ended_by: Ending, asleep: int, *, right: bool) -> None:
    """A machine that slept before is to sleep again, the cloud is not told, and ends it: nobody knows for four minutes.

    Whoever ends it himself looks at it before.
    """
    world = World()
    job = world.push_job()
    world.run_until_quiet()
    machine = machine_of(world, job)
    life, runner = world.cloud.log[machine], world.runner(machine)
    first = runner.gone_at or 0
    woken, stopped = first + HOUR, first + 2 * HOUR
    life.runs, life.started_at, life.ended_by = ((life.machine.launched_at, first),), woken, ended_by
    life.ended_at = stopped + asleep
    known = attrs.evolve(runner, gone_at=life.ended_at, naps=(Nap(first, woken), Nap(stopped)))
    world.sim.archive.billed(bill_of(known, None, Rates()))
    assert (not [one for one in world.sim.check() if one.rule == "the ledger equals the bill"]) is right


def test_the_sums_say_what_sleep_costs_and_cut_compute_by_time_awake() -> None:
    """An hour as a spare, an hour asleep, then half an hour of which the job is the last third."""
    machine = Machine("i-1", MachineState.PENDING, NOON, market=Market.ON_DEMAND, price=90_000, disk=73)
    woken = NOON + 2 * HOUR
    ready, begun, end = woken + 5 * MINUTE, woken + 20 * MINUTE, woken + 30 * MINUTE
    life = Life(
        machine,
        running_at=woken,
        ended_at=end,
        ended_by=Ending.ITSELF,
        started_at=woken,
        runs=((NOON, NOON + HOUR),),
    )
    charge = charge_of(life, Prices(), end)
    measure = Measure(NOON)
    measure.machine(life, charge, ready, begun, None)
    cost = measure.cost(0)
    assert (cost.on_demand, cost.boot, cost.job, cost.idle) == (135_000, 7_500, 15_000, 112_500)
    assert (cost.disk, cost.sleep) == (charge.disk, charge.disk * 2 // 5)
    assert cost.total == charge.compute + charge.disk + charge.address


def test_the_sums_of_a_machine_that_ended_asleep() -> None:
    """All that it ran is idle time."""
    machine = Machine("i-1", MachineState.PENDING, NOON, market=Market.ON_DEMAND, price=90_000, disk=73)
    life = Life(
        machine,
        ended_at=NOON + 4 * HOUR,
        ended_by=Ending.FLEET,
        stopping_at=NOON + HOUR,
        runs=((NOON, NOON + HOUR),),
    )
    charge = charge_of(life, Prices(), NOON + 4 * HOUR)
    measure = Measure(NOON)
    measure.machine(life, charge, None, None, None)
    cost = measure.cost(0)
    assert (cost.boot, cost.job, cost.idle) == (0, 0, 90_000)
    assert cost.sleep == charge.disk * 3 // 4
