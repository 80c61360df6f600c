"""The task ``pools``: what it does about a pool, what it leaves to another time, and what it says of that."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from paddock.adapters.memory.machines import Shortage
from paddock.adapters.simulation.wires import Wired, untouched
from paddock.core.errors import Unavailable
from paddock.core.messages import Assignment, RunnerPackage
from paddock.core.pools.pool import Stock
from paddock.core.pools.schedule import Schedule, Targets, Window
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports.machines import StartOutcome, StartResult
from paddock.core.ports.records import Page
from paddock.core.settings import Limits
from paddock.core.spec import Market
from paddock.core.states import JobState, RunnerState
from paddock.core.units import HOUR, MINUTE
from paddock.core.usecases.pools.keep import in_force
from tests.faults import Between, Failing, Fuse
from tests.world.pools import ASKS, POOL, WARM, PoolWorld, comes_up, everything
from tests.world.world import REPOSITORY

BOOTING, READY, STOPPING, STOPPED = (
    RunnerState.BOOTING,
    RunnerState.READY,
    RunnerState.STOPPING,
    RunnerState.STOPPED,
)


def stood(**targets: Any) -> PoolWorld:  # noqa: ANN401 - see Pool
    """A pool that is as it should be, for longer than its machines are let be."""
    world = PoolWorld(**targets)
    world.stocked()
    world.minutes(4)
    return world


def test_a_pool_that_is_as_it_should_be_stays_so() -> None:
    """Three hours: none is started, stopped, launched or ended again, and the hot ones say that they are there."""
    world = stood(hot=2, stopped=2)
    reports = world.minutes(180)
    assert {(report.attempted, report.failed, report.left, report.acts) for report in reports} == {(0, 0, 0, ())}
    assert len(world.cloud.lives) == 4
    assert world.states() == [READY, READY, STOPPED, STOPPED]


def test_machines_with_jobs_are_replaced_and_never_ended() -> None:
    """Ready is what is idle: while two work, two others stand, and when the jobs are over none is too many."""
    world = stood(hot=2)
    jobs = world.push_jobs(2, labels=ASKS)
    world.minutes(4)
    assert {world.record(job).conclusion for job in jobs} == {"success"}
    assert world.states() == [READY, READY]
    assert len(world.cloud.lives) == 4


def test_jobs_records_that_nobody_closed_add_no_machines() -> None:
    """What is there is counted from machines: an old record of a running job, whose machine is gone, counts nothing."""
    world = stood(hot=1)
    job = world.push_job(labels=ASKS)
    world.minutes(10)
    record = attrs.evolve(world.record(job), state=JobState.RUNNING, machine="i-of-old", conclusion=None)
    for number in range(50):
        world.table.jobs.add(attrs.evolve(record, facts=attrs.evolve(record.facts, job_id=number + 1)))
    world.minutes(10)
    assert world.states() == [READY]
    assert len(world.cloud.alive) == 1


# -- dry runs -----------------------------------------------------------------------------------------------------


def silent(world: PoolWorld) -> None:
    """A hot one says nothing any more."""
    world.silence(world.spare(READY).machine)
    world.run(15 * MINUTE)


PLANS: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]] = {
    "launches": ({"hot": 1, "stopped": 3}, ["launch 2 stopped of pool warm: of 3 stopped ones wanted"]),
    "starts": ({"hot": 2, "stopped": 0}, ["start i-", ": of 2 hot ones wanted, 1 are ready or boot"]),
    "stops": ({"hot": 0, "stopped": 2}, ["stop i-", "1 are ready, 0 are wanted, and 1 stopped ones lack"]),
    "ends": ({"hot": 0, "stopped": 0, "idle_timeout": 0}, ["end i-", "and more than the 0 hot ones wanted"]),
    "replaces": ({"digest": "new", "hot": 1, "stopped": 1}, ["launch 1 hot of pool warm", "1 of them to be replaced"]),
    "mends": ({"hot": 1, "stopped": 1}, ["end i-", "its agent is silent for "]),
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_dry_run_changes_nothing_and_says_what_it_would_do_and_why(plan: str) -> None:
    """Every store, the orders, the cloud and the decisions are as before; what is done afterwards is what was said."""
    pool, words = PLANS[plan]
    world = PoolWorld(pool=attrs.evolve(POOL, digest="old"), hot=1, stopped=1)
    world.stocked()
    world.minutes(4)
    if plan == "mends":
        silent(world)
    world.configure(**pool)
    before = everything(world)
    report = world.pools(dry_run=True)
    assert everything(world) == before
    assert (report.attempted, report.failed) == (0, 0)
    assert report.left == len(report.acts) > 0
    assert all(any(word in act for act in report.acts) for word in words), report.acts
    done = world.pools()
    assert done.failed == 0
    assert done.acts[: len(report.acts)] == report.acts


def test_a_dry_run_says_that_a_launch_was_cut_off() -> None:
    """It does not count as one more that would be asked for."""
    world = PoolWorld(hot=1)
    calls = Fuse()
    world.meddle(calls.around)
    world.pools()
    world = PoolWorld(hot=1)
    world.meddle(Fuse(calls.calls.index("machines.launch") + 1).around)
    world.pools()
    before = everything(world)
    report = world.pools(dry_run=True)
    assert report.acts == ("a launch of pool warm was cut off, and is gone on with before there is another",)
    assert everything(world) == before


# -- what bars ----------------------------------------------------------------------------------------------------


def paused(world: PoolWorld) -> str:
    """An operator pauses the fleet."""
    return world.fleet.operate.pause("a look at the bill").why


def spent(world: PoolWorld) -> str:
    """More was spent today than may be."""
    world.configure(attrs.evolve(world.settings, limits=Limits(spend_per_day=1)))
    return "spent today, the limit is"


@pytest.mark.parametrize("bar", [paused, spent])
def test_what_bars_launches_and_starts_bars_no_stops_and_no_ends(bar: object) -> None:
    """More machines are asked for by nobody then; fewer save money."""
    assert callable(bar)
    world = stood(hot=1, stopped=1)
    why = bar(world)
    world.configure(hot=3, stopped=0)
    before = everything(world)
    report = world.pools()
    after = everything(world)
    (said,), (stood_there,) = after.pop("pools"), before.pop("pools")
    assert after == before
    assert why in said.aim.barred
    assert (said.launching, said.launches) == (None, stood_there.launches)
    assert (report.attempted, report.left, report.failed) == (0, 2, 0)
    assert len(report.acts) == 2
    assert all(why in act for act in report.acts)
    world.configure(hot=0, stopped=2)
    assert world.pools().by_kind == {"StopMember": 1}
    world.minutes(3)
    assert world.states() == [STOPPED, STOPPED]
    world.configure(hot=0, stopped=0, idle_timeout=0)
    assert world.pools().by_kind == {"EndMember": 2}
    assert world.cloud.alive == []


def test_a_launch_that_was_cut_off_waits_while_the_fleet_is_paused() -> None:
    """Its token may have been used, or not: if not, it would start machines now."""
    world = PoolWorld(hot=1)
    counted = Fuse()
    world.meddle(counted.around)
    world.pools()
    at = counted.calls.index("machines.launch") + 1
    world = PoolWorld(hot=1)
    world.meddle(Fuse(at).around)
    world.pools()
    world.meddle(untouched)
    standing = world.table.pools.get(WARM)
    assert standing is not None
    assert standing.launching is not None
    world.fleet.operate.pause("a look")
    world.minutes(3)
    assert world.cloud.launches == []
    now = world.table.pools.get(WARM)
    assert now is not None
    assert now.aim is not None
    assert (now.launching, now.launches) == (standing.launching, 1)
    assert now.aim.barred == "the fleet is paused (a look)"
    world.fleet.operate.resume()
    world.minutes(1)
    assert [request.token for request in world.cloud.launches] == [standing.launching]


# -- second looks -------------------------------------------------------------------------------------------------


def orders(world: PoolWorld, machine: str) -> None:
    """The machine has orders, which its record does not know of."""
    package = RunnerPackage("2.330.0", "https://example.invalid/runner.tar.gz", "0" * 64, "runner.tar.gz")
    world.assignments.put(
        Assignment(
            machine=machine,
            job_id=1,
            launch=1,
            repository=REPOSITORY,
            labels=(ASKS,),
            runner_name=f"paddock--{machine}--1",
            runner_id=0,
            package=package,
            jit_config="",
            max_runtime=HOUR,
            idle_timeout=MINUTE,
            created_at=world.clock.now(),
        )
    )


@pytest.mark.parametrize("pool", [{"hot": 0, "stopped": 1}, {"hot": 0, "stopped": 0, "idle_timeout": 0}], ids=str)
def test_a_machine_with_orders_is_no_spare_whatever_its_record_says(pool: Mapping[str, Any]) -> None:
    """It is neither stopped nor ended: unknown means keep."""
    world = stood(hot=1)
    (hot,) = world.spares()
    orders(world, hot.machine)
    world.configure(**pool)
    world.pools()
    assert world.cloud.lives[hot.machine].ended_at is None
    assert world.cloud.lives[hot.machine].stopping_at is None


def test_a_sign_of_life_at_the_last_moment_keeps_a_machine() -> None:
    """It was silent when it was listed; whoever ends it does so only as it was seen."""
    calls = Fuse()
    world = stood(hot=1)
    silent(world)
    world.meddle(calls.around)
    assert world.pools().by_kind["EndMember"] == 1
    ended = calls.calls.index("table.runners.update") + 1
    for number in range(2, ended + 1):
        world = stood(hot=1)
        (hot,) = world.spares()
        silent(world)
        said = [False]

        def speaks(world: PoolWorld = world, machine: str = hot.machine, said: list[bool] = said) -> None:
            comes_up(world.table, machine, world.clock.now())
            said[0] = True

        world.meddle(Between(number, speaks).around)
        world.pools()
        assert said == [True]
        assert world.cloud.lives[hot.machine].ended_at is None, number
        assert world.runner(hot.machine).state is READY


def test_a_listing_that_is_behind_launches_nothing_again() -> None:
    """The machines of the last launch are not listed yet: they are known by name, and looked for one by one."""
    world = PoolWorld(hot=2)
    world.pools()

    def behind(what: str, call: object) -> object:
        assert callable(call)
        return Page((), None) if what == "table.runners.page" else call()

    world.meddle(lambda name, port: Wired(name, port, behind))
    report = world.pools()
    assert report.acts == ()
    assert len(world.cloud.lives) == 2


@pytest.mark.parametrize("targets", [{"hot": 2, "stopped": 1}, {"stopped": 2}], ids=str)
def test_two_runs_at_once_launch_once(targets: Mapping[str, Any]) -> None:
    """Another run of the task does everything just before each call of this one: no machine more than should be."""
    counted = Fuse()
    world = PoolWorld(**targets)
    world.meddle(counted.around)
    world.pools()
    for number in range(1, len(counted.calls) + 1):
        world = PoolWorld(**targets)
        other = world.new_fleet()
        world.meddle(Between(number, other.house.pools).around)
        world.pools()
        world.meddle(untouched)
        world.minutes(2)
        assert len(world.cloud.lives) == sum(targets.values()), number


# -- starts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (StartResult.NO_CAPACITY, STOPPED),
        (StartResult.STOPPING, STOPPED),
        (StartResult.REFUSED, RunnerState.DRAINING),
        (StartResult.GONE, RunnerState.DRAINING),
        (None, STOPPED),
    ],
    ids=str,
)
def test_a_sleeper_that_the_pool_cannot_wake(result: StartResult | None, state: RunnerState) -> None:
    """It sleeps on, on the same nap, or is ended if it is of no use any more. No answer: the same, and it is told."""
    world = stood(stopped=1)
    (sleeper,) = world.spares()
    world.configure(hot=1, stopped=0)

    def cloud(what: str, call: object) -> object:
        assert callable(call)
        if what != "machines.start":
            return call()
        if result is None:
            raise Unavailable("away")
        return {sleeper.machine: StartOutcome(result, "Code")}

    world.meddle(lambda name, port: Wired(name, port, cloud))
    report = world.pools()
    found = world.runner(sleeper.machine)
    assert (found.state, report.failed) == (state, 1 if result is None else 0)
    if state is STOPPED:
        assert (found.spare, found.naps) == (True, sleeper.naps)
    world.meddle(untouched)
    world.stocked()


def test_all_that_are_to_be_hot_are_woken_by_one_request() -> None:
    """And those that are to sleep are stopped by one."""
    world = stood(stopped=4)
    world.configure(hot=4, stopped=0)
    counted = Failing()
    world.meddle(counted.around)
    assert world.pools().by_kind == {"StartMember": 4}
    world.minutes(5)
    world.configure(hot=0, stopped=4)
    assert world.pools().by_kind == {"StopMember": 4}
    assert [counted.calls.count(f"machines.{what}") for what in ("start", "stop", "launch")] == [1, 1, 0]


def test_one_that_cannot_be_written_down_does_not_keep_the_others_from_it() -> None:
    """Of two that the cloud would not wake, one record is not to be had: the other one is set right all the same."""
    world = stood(stopped=2)
    first, second = world.spares()
    world.configure(hot=2, stopped=0)
    failing = Failing()
    none = {one.machine: StartOutcome(StartResult.STOPPING) for one in (first, second)}

    class Cloud:
        """Starts nothing, and the table is away for one call after that."""

        left = 1

        def __call__(self, what: str, call: object) -> object:
            """Make the call."""
            assert callable(call)
            if what == "machines.start":
                self.left = 0
                return none
            if what == "table.runners.update" and self.left == 0:
                self.left = 2
                raise Unavailable("away")
            return call()

    cloud = Cloud()
    world.meddle(lambda name, port: failing.around(name, Wired(name, port, cloud)))
    report = world.pools()
    assert report.failed == 1
    assert sorted([world.runner(first.machine).state, world.runner(second.machine).state]) == [BOOTING, STOPPED]
    world.meddle(untouched)
    world.stocked()


# -- the rest -----------------------------------------------------------------------------------------------------


def test_outdated_machines_are_replaced_and_their_successors_know_what_they_are_made_of() -> None:
    """A new digest, or age: none is kept for ever, and the pool stays full meanwhile."""
    world = PoolWorld(pool=attrs.evolve(POOL, digest="old"), hot=2, stopped=2)
    world.stocked()
    old = {one.machine for one in world.spares()}
    assert {one.digest for one in world.spares()} == {"old"}
    world.configure(digest="new")
    for _ in range(90):
        world.minutes(1)
        assert sum(one.state is READY for one in world.spares()) >= 2
    assert {one.digest for one in world.spares()} == {"new"}
    assert old.isdisjoint(one.machine for one in world.spares())
    assert world.states() == [READY, READY, STOPPED, STOPPED]
    world.configure(max_age=HOUR)
    made = {one.machine for one in world.spares()}
    world.minutes(150)
    assert made.isdisjoint(one.machine for one in world.spares())


def test_a_pool_is_launched_of_what_can_be_had() -> None:
    """No type and no zone is kept from the first launch: where one has no capacity, the next one that fits is taken."""
    world = PoolWorld(hot=1, zones=("us-east-1a", "us-east-1b"))
    world.stocked()
    first = world.spare(READY)
    world.region.shortages.append(Shortage(instance_type=first.instance_type, zone=first.zone))
    world.configure(hot=2)
    world.stocked()
    second = world.spares()[1]
    assert (second.instance_type, second.zone) == (first.instance_type, "us-east-1b")
    world.region.shortages.append(Shortage(instance_type=first.instance_type))
    world.configure(hot=3)
    world.stocked()
    assert world.spares()[2].instance_type != first.instance_type


def test_a_pool_that_fails_does_not_stop_the_others() -> None:
    """A schedule in a zone that nobody knows; the next pool is seen to."""
    world = PoolWorld(hot=1)
    bad = attrs.evolve(POOL, name="bad", schedule=Schedule("Mars/Olympus", (Window("w", 0, 60, 1, 0),)))
    world.configure(attrs.evolve(world.settings, pools={"bad": bad, WARM: world.pool}))
    report = world.pools()
    assert report.failed == 1
    assert report.errors[0].startswith("pool bad: ")
    assert report.by_kind == {"pool": 1, "LaunchSpares": 1}


def test_a_schedule_stocks_ahead_of_its_hour() -> None:
    """From one hour to the next two are to be hot: they stand when it begins."""
    begins = 13 * 60
    window = Window("day", begins, begins + 60, 2, 0)
    world = PoolWorld(pool=attrs.evolve(POOL, schedule=Schedule("UTC", (window,)), idle_timeout=0))
    world.minutes(50)
    assert world.spares() == []
    world.minutes(10)
    assert world.states() == [READY, READY]
    world.minutes(66)
    assert world.spares() == []


def test_targets_in_force() -> None:
    """A pool sized by its demand has what that asks for, as soon as anybody knows; else its own."""
    pool = attrs.evolve(POOL, hot=1, stopped=2, schedule=Schedule("Asia/Tokyo", (Window("w", 0, 60, 9, 9),)))
    asked = PoolStanding(WARM, targets=Targets(5, 6), schedule=Schedule("UTC", (Window("v", 0, 60, 7, 7),)))
    auto = attrs.evolve(pool, auto=True)
    assert in_force(pool, asked) == pool
    assert in_force(auto, PoolStanding(WARM)) == auto
    assert in_force(auto, asked) == attrs.evolve(auto, hot=5, stopped=6, schedule=asked.schedule or Schedule())
    flat = attrs.evolve(asked, schedule=None)
    assert in_force(auto, flat) == attrs.evolve(auto, hot=5, stopped=6, schedule=Schedule("Asia/Tokyo"))


def test_a_pool_in_force_is_what_is_kept() -> None:
    """The record's targets are followed, and not the configuration's."""
    world = PoolWorld(pool=attrs.evolve(POOL, auto=True), hot=1)
    world.stocked()
    standing = world.table.pools.get(WARM)
    assert standing is not None
    world.table.pools.update(WARM, {}, {"targets": Targets(0, 2)})
    world.minutes(8)
    assert world.states() == [STOPPED, STOPPED]


def test_overflow_belongs_to_no_pool() -> None:
    """It is spot, has no stock, and is never kept, stopped or counted."""
    world = stood(hot=1)
    world.push_jobs(3, labels=ASKS)
    world.work()
    assert sorted((one.stock or "", one.market) for one in world.runners()) == [
        ("", Market.SPOT),
        ("", Market.SPOT),
        (Stock.HOT, Market.ON_DEMAND),
    ]
    assert world.pools().by_kind == {"LaunchSpares": 1}
    world.minutes(10)
    assert world.states() == [READY]
