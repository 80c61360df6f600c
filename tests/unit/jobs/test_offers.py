"""Missing capacity is remembered: asked for again when that is over, in the order of the jobs, and at little cost."""

from collections import Counter

import attrs
import pytest

from paddock.adapters.memory import Shortage as Scarcity
from paddock.adapters.memory.github import JobScript
from paddock.core.errors import Unavailable
from paddock.core.ports.machines import Lack
from paddock.core.shortage import Shortage
from paddock.core.spec import Market, Offer
from paddock.core.states import JobState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.faults import Failing, Fuse
from tests.world.invariants import check, everything_in
from tests.world.spot import machine_of, market_of, take_back
from tests.world.world import SETTINGS, World

NARROW = "paddock/family=c7i/cpu=2+2"
"""One type fits."""
FAMILIES = ("c7i", "m7i", "m8a")


def test_what_is_short_on_both_markets_waits_with_a_reason_until_it_is_over() -> None:
    """The cloud is asked once per market, and again when the memory ends; nothing is held against the job."""
    fuse = Fuse()
    world = World(around=fuse.around)
    world.region.shortages.append(Scarcity())
    job = world.push_job(labels=NARROW)
    world.run(100 * SECOND)
    record = world.record(job)
    assert record.state is JobState.QUEUED
    assert record.reason.startswith("InsufficientInstanceCapacity")
    assert (fuse.calls.count("machines.launch"), record.launch - record.displaced) == (2, 0)
    told = [decision.reason for decision in world.decisions.about(f"job:{job}") if decision.verdict == "chosen"]
    assert any("no capacity a moment ago" in reason for reason in told)
    world.region.shortages.clear()
    world.run(100 * SECOND)
    assert world.record(job).machine is not None
    world.run_until_quiet()
    check(world)


def test_a_forced_job_waits_for_on_demand_capacity_and_is_not_given_spot() -> None:
    """It was taken back once: it waits rather than be taken back again."""
    world = World()
    job = world.push_job(labels=NARROW)
    world.run(5 * SECOND)
    world.region.shortages.append(Scarcity(market=Market.ON_DEMAND))
    take_back(world, machine_of(world, job))
    world.run(10 * MINUTE)
    assert world.record(job).state is JobState.QUEUED
    assert {request.market for request in world.cloud.launches} == {Market.SPOT}
    world.region.shortages.clear()
    world.run_until_quiet()
    assert market_of(world, world.record(job)) is Market.ON_DEMAND
    check(world)


def test_when_capacity_comes_back_jobs_that_are_asked_for_together_are_served_in_their_order() -> None:
    """One machine for three: the oldest gets it."""
    world = World()
    world.region.shortages.append(Scarcity())
    jobs = []
    for _ in range(3):
        jobs.append(world.push_job(labels=NARROW, lasts=HOUR))
        world.run(SECOND)
    world.run(30 * SECOND)
    world.region.shortages[0].left = 1
    for shortage in everything_in(world.table.shortages):
        world.table.shortages.remove(shortage.key)
    for job in reversed(jobs):
        world.fleet.operate._life.wake(world.record(job), "the test says so")
    world.work()
    assert [world.record(job).machine is not None for job in jobs] == [True, False, False]


@pytest.mark.parametrize("again", [False, True])
def test_an_offer_is_remembered_for_as_long_as_the_settings_say(again: bool) -> None:  # noqa: FBT001 - a case
    """From the last time that the cloud said no."""
    world = World(settings=attrs.evolve(SETTINGS, shortage=5 * MINUTE))
    offers = world.fleet.dispatch._launching._offers
    lack = Lack(Offer("us-east-1a", "c7i.large"), Market.SPOT, "InsufficientInstanceCapacity")
    offers.remember([lack])
    if again:
        world.clock.advance(MINUTE)
        offers.remember([lack])
    (shortage,) = everything_in(world.table.shortages)
    assert shortage.until == world.clock.now() + 5 * MINUTE


@pytest.mark.parametrize("call", ["add", "update", "remove", "page"])
def test_what_cannot_be_noted_delays_no_job(call: str) -> None:
    """It is advice."""
    broken = Failing({f"table.shortages.{call}": Unavailable("away")})
    world = World(around=broken.around)
    world.table.shortages.add(Shortage("z", "old", Market.SPOT, "x", 0))
    world.region.shortages.append(Scarcity(instance_type="c7i.large", market=Market.SPOT))
    world.table.shortages.add(Shortage("us-east-1a", "c7i.large", Market.SPOT, "x", world.clock.now()))
    job = world.push_job()
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"
    check(world)


def test_shortages_that_are_over_are_forgotten() -> None:
    """A listing that every launch reads must not grow for ever."""
    world = World()
    for number in range(40):
        world.table.shortages.add(Shortage("us-east-1a", f"m{number}.large", Market.SPOT, "x", world.clock.now()))
    for _ in range(6):
        world.clock.advance(DAY)
        world.push_job()
        world.run_until_quiet()
    assert everything_in(world.table.shortages) == []


@pytest.mark.parametrize(("jobs", "kinds"), [(1, 1), (10, 1), (10, 3)])
def test_policies_cost_a_batch_two_reads_whatever_is_in_it(jobs: int, kinds: int) -> None:
    """From the first webhook to the end of every job; offers are the cloud's own and cost it no call."""
    fuse = Fuse()
    world = World(around=fuse.around)
    world.push(*(JobScript(f"job {n}", (f"paddock/cpu=2+8/family={FAMILIES[n % kinds]}",)) for n in range(jobs)))
    sweeps: list[int] = []
    sweep = world.fleet.house.sweep

    def counted(*, dry_run: bool = False, cursor: str = "") -> TaskReport:
        before = len(fuse.calls)
        report = sweep(dry_run=dry_run, cursor=cursor)
        sweeps.extend(range(before, len(fuse.calls)))
        return report

    world.fleet.house.sweep = counted  # type: ignore[assignment]  # counts apart what sweeps cost
    world.run_until_quiet()
    policies = ("table.circuits", "table.shortages", "table.reruns", "table.interruptions", "machines.offers")
    calls = [call for number, call in enumerate(fuse.calls) if number not in set(sweeps)]
    found = Counter(call for call in calls if call.startswith(policies))
    assert found == {"table.circuits.page": 1, "table.shortages.page": 1, "machines.offers": kinds}
    assert {world.record(job.id).conclusion for job in world.github.jobs()} == {"success"}


def test_a_batch_for_on_demand_reads_no_circuits() -> None:
    """They are of spot machines."""
    fuse = Fuse()
    world = World(around=fuse.around)
    world.push_jobs(3, labels="paddock/spot=false")
    world.work()
    world.run(SECOND)
    assert "table.circuits.page" not in fuse.calls
    assert fuse.calls.count("table.shortages.page") == 1
