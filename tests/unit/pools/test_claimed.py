"""Jobs that have claimed a pool's machines: how these are woken, and what becomes of a job that cannot have its own."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_github
from paddock.adapters.memory.machines import Shortage
from paddock.adapters.simulation.wires import Wired, untouched
from paddock.core.errors import AccessDenied, PaddockError, Throttled, Unavailable, Unsupported
from paddock.core.fleet import Fleet
from paddock.core.ports.machines import StartOutcome, StartResult
from paddock.core.ports.several import IN_TURN
from paddock.core.runner import RunnerChange, RunnerIs
from paddock.core.settings import Limits
from paddock.core.spec import Market
from paddock.core.states import JobState, RunnerState
from paddock.core.units import MINUTE, SECOND
from tests.faults import Between, Failing, Fuse
from tests.world.invariants import nothing_is_left
from tests.world.pools import ASKS, SETTINGS, WARM, PoolWorld, flaws
from tests.world.world import BOOT

READY, STOPPED = RunnerState.READY, RunnerState.STOPPED
Answer = Callable[[Sequence[str]], Mapping[str, StartOutcome]]


class Waking:
    """The cloud, whose answers to starts are made up. ``asked`` are the starts that were asked for."""

    def __init__(self, answer: Answer | PaddockError | None = None) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answer = answer
        self._inner: object = None

    def around(self, name: str, port: object) -> object:
        """Put it around the cloud."""
        if name != "machines":
            return port
        self._inner = port
        return self

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """What comes of it."""
        self.asked.append(tuple(ids))
        if isinstance(self.answer, PaddockError):
            raise self.answer
        found: Mapping[str, StartOutcome] = (self.answer or self._inner.start)(ids)  # type: ignore[attr-defined]
        return found


def all_of(result: StartResult, code: str = "") -> Answer:
    """The same for each."""
    return lambda ids: dict.fromkeys(ids, StartOutcome(result, code))


def asleep(count: int = 1, waking: Waking | None = None) -> PoolWorld:
    """A world in which so many sleep."""
    world = PoolWorld(stopped=count)
    world.stocked()
    if waking is not None:
        world.meddle(waking.around)
    return world


def ends_well(world: PoolWorld, *jobs: int) -> None:
    """All are served; without the pool nothing is left."""
    world.meddle(untouched)
    world.run(15 * MINUTE)
    assert {world.record(job).conclusion for job in jobs} == {"success"}
    world.without_pool()
    world.run_until_quiet()
    nothing_is_left(world, 2)
    assert flaws(world) == []


def test_sleepers_of_a_batch_are_woken_by_one_request() -> None:
    """Ten jobs, ten sleepers: one start of ten, and no launch."""
    waking = Waking()
    world = asleep(10, waking)
    launches = len(world.cloud.launches)
    sleepers = tuple(sorted(one.machine for one in world.spares()))
    jobs = world.push_jobs(10, labels=ASKS)
    world.run(MINUTE)
    assert [tuple(sorted(ids)) for ids in waking.asked] == [sleepers]
    assert len(world.cloud.launches) == launches
    assert {world.record(job).machine for job in jobs} == set(sleepers)
    ends_well(world, *jobs)


def test_registrations_of_a_batch_are_asked_for_at_once() -> None:
    """Hot ones and sleepers alike: those of one launch go to `Several` together."""
    world = PoolWorld(hot=3, stopped=3)
    world.stocked()
    together: list[int] = []

    def several(calls: Sequence[Callable[[], object]]) -> Sequence[object]:
        together.append(len(calls))
        return IN_TURN(calls)

    fleet = Fleet(
        settings=world.settings,
        table=world.table,
        jobs=world.jobs,
        events=world.events,
        github=memory_github(world.github),
        machines=world.cloud,
        assignments=world.assignments,
        decisions=world.decisions,
        clock=world.clock,
        ids=world.ids,
        several=several,  # type: ignore[arg-type]
    )
    jobs = world.push_jobs(6, labels=ASKS)
    world.deliver()
    fleet.dispatch_once()
    assert {world.record(job).state for job in jobs} == {JobState.LAUNCHED}
    assert together == [6]


def test_without_capacity_the_job_starts_cold_at_once_and_the_sleeper_sleeps_on() -> None:
    """One start is tried, not one for each sleeper; the job takes its overflow's market."""
    waking = Waking()
    world = asleep(3, waking)
    before = [attrs.evolve(one, since=None) for one in world.spares()]
    world.region.shortages.append(Shortage(market=Market.ON_DEMAND))
    job = world.push_job(labels=ASKS)
    world.work()
    record = world.record(job)
    assert len(waking.asked) == 1
    assert (record.state, record.launch, record.displaced) == (JobState.LAUNCHED, 2, 1)
    assert world.runner(record.machine).market is Market.SPOT
    assert [attrs.evolve(one, since=None) for one in world.spares()] == before
    assert world.verdicts(job) == ["queued", "unclaimed", "launched"]
    (short,) = world.table.shortages.page("all", "all").items
    assert (short.market, short.code) == (Market.ON_DEMAND, "InsufficientInstanceCapacity")
    world.region.shortages.clear()
    ends_well(world, job)


@pytest.mark.parametrize(
    ("answer", "told", "state"),
    [
        (all_of(StartResult.REFUSED, "IncorrectState"), "ended", RunnerState.DRAINING),
        (all_of(StartResult.GONE), "ended", RunnerState.DRAINING),
        (all_of(StartResult.STOPPING), "given_back", STOPPED),
        (all_of(StartResult.NO_CAPACITY, "VcpuLimitExceeded"), "given_back", STOPPED),
        (lambda _: {}, "given_back", STOPPED),
        (AccessDenied("it may not start machines"), "given_back", STOPPED),
        (Unsupported("nobody sleeps here"), "given_back", STOPPED),
    ],
    ids=["refused", "gone", "stopping", "no capacity", "not come to", "denied", "unsupported"],
)
def test_a_sleeper_that_is_not_woken_keeps_no_job_waiting(
    answer: Answer | PaddockError, told: str, state: RunnerState
) -> None:
    """It is ended if it is of no use any more, else it is a spare as before; the job starts cold at once."""
    waking = Waking(answer)
    world = asleep(1, waking)
    (sleeper,) = world.spares()
    job = world.push_job(labels=ASKS)
    world.work()
    assert waking.asked == [(sleeper.machine,)]
    assert world.told(sleeper.machine)[-1] == told
    found = world.runner(sleeper.machine)
    assert (found.state, found.spare) == (state, state is STOPPED)
    record = world.record(job)
    assert (record.state, record.launch - record.displaced) == (JobState.LAUNCHED, 1)
    assert record.machine != sleeper.machine
    ends_well(world, job)


@pytest.mark.parametrize("error", [Unavailable("away"), Throttled("slow down", 5 * SECOND)], ids=["away", "throttled"])
def test_a_cloud_that_does_not_answer_is_asked_again_for_the_same(error: PaddockError) -> None:
    """Nobody knows whether it wakes: the job keeps its claim, and the same launch is gone on with."""
    waking = Waking(error)
    world = asleep(1, waking)
    (sleeper,) = world.spares()
    job = world.push_job(labels=ASKS)
    world.run(2 * SECOND)
    held = world.record(job)
    assert held.state is JobState.DISPATCHING
    waking.answer = None
    world.run(2 * MINUTE)
    assert (world.record(job).machine, world.record(job).launch) == (sleeper.machine, 1)
    assert set(waking.asked) == {(sleeper.machine,)}
    ends_well(world, job)


def test_orders_lie_there_when_a_sleeper_is_up() -> None:
    """It is not asked whether it is ready: its job begins as soon as its agent looks, within its boot."""
    world = asleep()
    (sleeper,) = world.spares()
    job = world.push_job(labels=ASKS)
    world.work()
    assert world.assignments.get(sleeper.machine) is not None
    assert world.record(job).state is JobState.LAUNCHED
    began = world.clock.now()
    ends_well(world, job)
    started = world.record(job).started_at
    assert started is not None
    assert 0 < started - began <= 21 * SECOND


def test_a_machine_was_ready_when_it_was_and_not_when_its_job_came() -> None:
    """A hot one of an hour was idle for that hour, and did not boot for it, whatever its last report says."""
    world = PoolWorld(hot=1)
    world.stocked()
    world.minutes(60)
    (hot,) = world.spares()
    job = world.push_job(labels=ASKS, ends="failure")
    world.run(5 * MINUTE)
    record = world.runner(hot.machine)
    assert record.served_job == job
    assert record.busy_at is not None
    assert (record.ready_at, hot.ready_at) == (hot.ready_at, hot.launched_at + BOOT)
    assert record.busy_at - (record.ready_at or 0) > 59 * MINUTE


def test_a_spare_has_no_orders_and_no_registration() -> None:
    """Until a job claims it: nothing on it could be taken for a job's."""
    world = PoolWorld(hot=2, stopped=2)
    world.stocked()
    assert [world.assignments.get(one.machine) for one in world.spares()] == [None] * 4
    assert {(one.runner_name, one.runner_id, one.assigned_job) for one in world.spares()} == {(None, None, None)}
    assert list(world.github.all_runners()) == []


def test_a_claimed_machine_whose_work_is_over_is_ended_although_it_listens() -> None:
    """Nothing was heard of it since its claim, its job was cancelled, and it does not power off."""
    world = PoolWorld(hot=1)
    world.stocked()
    (hot,) = world.spares()
    job = world.push_job(labels=ASKS)
    world.github.runs._dispatcher.job_withdrawn(world.github.state.jobs[job])
    world.run(10 * SECOND)
    world.sweeps(on=False)
    unheard = RunnerChange(state=RunnerState.DRAINING, heartbeat_at=None, ready_at=None, idle_at=world.clock.now())
    world.table.runners.update(hot.machine, RunnerIs(state=READY, assigned_job=job), unheard)
    world.silence(hot.machine)
    world.clock.advance(world.settings.deadlines.drain + SECOND)
    found = world.fleet.house.sweep()
    assert (found.failed, found.errors) == (0, ())
    assert hot.machine not in world.cloud.alive


def test_a_claimed_machine_is_never_a_spare_again() -> None:
    """It ends after its one job, whatever that came to: a bad one is not chosen twice."""
    world = PoolWorld(hot=1)
    world.stocked()
    (hot,) = world.spares()
    world.silence(hot.machine)
    job = world.push_job(labels=ASKS)
    world.minutes(12)
    assert world.cloud.lives[hot.machine].ended_at is not None
    assert world.told(hot.machine).count("claimed") == 1
    record = world.record(job)
    assert (record.conclusion, record.launch - record.displaced) == ("success", 2)
    ends_well(world, job)


@pytest.mark.parametrize("deed", ["dispatches", "kills"])
def test_a_dispatcher_that_is_held_up_takes_nothing_from_whoever_went_on(deed: str) -> None:
    """At each call it sleeps beyond its lease, while another goes on; or the claimed machines die meanwhile."""

    def stood(around: Callable[[str, object], object]) -> tuple[PoolWorld, list[int]]:
        world = PoolWorld(hot=1, stopped=1)
        world.stocked()
        jobs = world.push_jobs(2, labels=ASKS)
        world.deliver()
        world.meddle(around)
        return world, jobs

    whole = Fuse()
    stood(whole.around)[0].fleet.dispatch_once()
    for number in range(1, len(whole.calls) + 1):
        between = Between(number, lambda: None)
        world, jobs = stood(between.around)
        world.around = untouched
        other = world.new_fleet()

        def slept(world: PoolWorld = world, other: Fleet = other) -> None:
            for machine in world.cloud.alive if deed == "kills" else ():
                world.cloud.kill(machine)
            world.clock.advance(3 * MINUTE)
            other.house.sweep()
            other.dispatch_once()

        between.deed = slept
        try:
            world.fleet.dispatch_once()
            ends_well(world, *jobs)
            assert {world.record(job).launch - world.record(job).displaced for job in jobs} <= {1, 2}
        except AssertionError as error:
            error.add_note(f"it was held up before call {number}")
            raise


def test_one_who_was_too_slow_gives_no_orders_to_anothers_machine() -> None:
    """Its own claim was given back meanwhile, and another job claimed the machine: that one's it stays."""
    world = PoolWorld(hot=1)
    world.stocked()
    (hot,) = world.spares()
    first, second = world.push_jobs(2, labels=ASKS)
    world.deliver()
    world.around = untouched
    other = world.new_fleet()

    def taken() -> None:
        when = RunnerIs(assigned_job=first)
        change = RunnerChange(assigned_job=None, claim=None, claimed_at=None, spare_of=WARM)
        world.table.runners.update(hot.machine, when, change)
        other.dispatch_once(limit=1)

    class GitHubIsSlow:
        """Just before the registration is asked for."""

        done = False

        def around(self, name: str, port: object) -> object:
            """Watch GitHub's runners."""
            return Between(1, taken).around(name, port) if name == "github.runners" else port

    world.meddle(GitHubIsSlow().around)
    world.fleet.dispatch_once(limit=1)
    assert world.record(second).machine == hot.machine
    assert world.record(first).machine != hot.machine
    orders = world.assignments.get(hot.machine)
    assert orders is not None
    assert orders.runner_name == world.runner(hot.machine).runner_name == world.record(second).runner_name
    ends_well(world, first, second)


@pytest.mark.parametrize("end", ["killed", "draining", "another's"])
def test_a_claim_whose_machine_is_lost_before_it_has_orders_is_nobodys_failure(end: str) -> None:
    """GitHub is away, and meanwhile the machine ends, or is no longer the job's: then another one is taken."""
    world = PoolWorld(hot=1)
    world.stocked()
    (hot,) = world.spares()
    github = Failing({"github.runners.jit_config": Unavailable("away")})
    world.meddle(github.around)
    world.sweeps(on=False)
    job = world.push_job(labels=ASKS)
    world.work()
    assert world.record(job).state is JobState.DISPATCHING
    assert world.runner(hot.machine).assigned_job == job
    if end == "killed":
        world.cloud.kill(hot.machine)
    elif end == "another's":
        world.table.runners.update(hot.machine, RunnerIs(), RunnerChange(claim="another", assigned_job=7))
    else:
        change = RunnerChange(state=RunnerState.DRAINING, idle_at=world.clock.now())
        world.table.runners.update(hot.machine, RunnerIs(state=READY), change)
    github.errors.clear()
    world.run(30 * SECOND)
    record = world.record(job)
    assert record.machine not in {None, hot.machine}
    assert (record.launch, record.displaced) == (2, 1)
    assert world.assignments.get(hot.machine) is None
    if end != "killed":
        world.cloud.kill(hot.machine)
    world.sweeps(on=True)
    ends_well(world, job)


def test_a_claim_may_be_lost_at_any_moment_of_the_long_way_to_its_orders() -> None:
    """All orders at once did not go; at each call the machine becomes another job's, and stays that one's."""

    class Once:
        """The second of these writes does not go: that of all orders at once."""

        def __init__(self) -> None:
            self.writes = 0

        def __call__(self, what: str, call: Callable[[], object]) -> object:
            """Make the call, or not."""
            self.writes += what == "table.together.write"
            if what == "table.together.write" and self.writes == 2:
                raise Unavailable("away")
            return call()

    for number in range(1, 20):
        world = PoolWorld(hot=1)
        world.stocked()
        (hot,) = world.spares()
        job = world.push_job(labels=ASKS)
        world.deliver()
        taken: list[str] = []

        def takes(world: PoolWorld = world, hot: str = hot.machine, taken: list[str] = taken) -> None:
            runner = world.runner(hot)
            if runner.runner_name is None and runner.claim is not None:
                world.table.runners.update(hot, RunnerIs(), RunnerChange(claim="another", assigned_job=7))
                taken.append(hot)

        once, between = Once(), Between(number, takes)
        world.meddle(partial(_around, between, once))
        world.fleet.dispatch_once()
        if taken:
            runner = world.runner(hot.machine)
            assert (runner.claim, runner.assigned_job, runner.runner_name) == ("another", 7, None), number
            assert world.assignments.get(hot.machine) is None
        assert (world.record(job).machine != hot.machine) is bool(taken)


def test_the_decisions_tell_of_the_claim() -> None:
    """Which pool had the machine, who took it, what it was at that moment; and why another could not be had."""
    world = PoolWorld(hot=1)
    world.stocked()
    (hot,) = world.spares()
    job = world.push_job(labels=ASKS)
    world.run(10 * MINUTE)
    told = world.fleet.explain(job)
    assert [one.machine for one in told.runners] == [hot.machine]
    words = [f"{one.verdict}: {one.reason}" for one in told.decisions]
    assert f"claimed: job {job} took it, ready" in words
    assert any(word.startswith("launched: pool warm had one for it: ") for word in words)
    assert any(word.startswith("launched: a spare of pool warm: ") for word in words)

    waking = Waking(all_of(StartResult.NO_CAPACITY, "InsufficientInstanceCapacity"))
    world = asleep(1, waking)
    (sleeper,) = world.spares()
    job = world.push_job(labels=ASKS)
    world.work()
    words = [f"{one.verdict}: {one.reason}" for one in world.fleet.explain(job).decisions]
    unwoken = f"machine {sleeper.machine} of its pool could not be woken: InsufficientInstanceCapacity"
    assert f"unclaimed: {unwoken}" in words


def _around(between: Between, once: Callable[..., object], name: str, port: object) -> object:
    """Both of them."""
    return between.around(name, Wired(name, port, once))


# -- limits -------------------------------------------------------------------------------------------------------


def limited(world: PoolWorld, **limits: int) -> None:
    """The operator sets limits."""
    world.configure(attrs.evolve(world.settings, limits=Limits(**limits)))


def test_a_limit_on_machines_counts_a_pools_from_their_claim_on() -> None:
    """Two machines may be at work, and three are kept: two jobs take theirs, and the next job waits."""
    world = PoolWorld(hot=1, stopped=2)
    world.stocked()
    limited(world, machines=2)
    ours = world.push_jobs(2, labels=ASKS)
    world.run(SECOND)
    assert [one.assigned_job is not None for one in world.runners()].count(True) == 2
    other = world.push_job()
    world.run(SECOND)
    assert world.record(other).state is JobState.QUEUED
    assert world.record(other).reason == "all 2 machines are in use"
    ends_well(world, other, *ours)


def test_a_repositorys_limit_counts_what_its_jobs_have_claimed() -> None:
    """A spare is nobody's until then."""
    world = PoolWorld(hot=2)
    world.stocked()
    limited(world, machines_per_repository=1)
    jobs = world.push_jobs(2, labels=ASKS)
    world.run(10 * SECOND)
    assert sorted(world.record(job).state for job in jobs) == [JobState.QUEUED, JobState.RUNNING]
    ends_well(world, *jobs)


def test_the_settings_of_these_tests_are_whole() -> None:
    """The label of the stories asks for the pool, and its overflow is spot."""
    spec = SETTINGS.specs[WARM]
    assert (spec.pool, spec.market, SETTINGS.pools[WARM].spec.market) == (WARM, Market.SPOT, Market.ON_DEMAND)
