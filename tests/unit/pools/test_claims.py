"""Claims: which spare a job takes, and that of all who want it, or would be rid of it, one has it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.system import ManualClock, SequentialIds
from paddock.adapters.simulation.wires import untouched
from paddock.core.errors import Unavailable
from paddock.core.fleet import Fleet
from paddock.core.job import Job, JobFacts
from paddock.core.pools.pool import Stock
from paddock.core.ports.stores import Table
from paddock.core.runner import Nap, Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.spec import Arch, Range, RunnerSpec
from paddock.core.states import JobState, RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.claims import Claims, spares_of
from tests.faults import Between, Failing, Fuse
from tests.strategies import NOON
from tests.world.invariants import nothing_is_left
from tests.world.pools import ASKS, POOL, SETTINGS, SPEC, WARM, PoolWorld, flaws

READY, STOPPED, BOOTING = RunnerState.READY, RunnerState.STOPPED, RunnerState.BOOTING


def spare(name: str, state: RunnerState = READY, **more: Any) -> Runner:  # noqa: ANN401 - see Runner
    """A spare of the pool, five minutes old."""
    base = Runner(name, "", (), "launch", state, vcpu=2, disk=40, launched_at=NOON - 5 * MINUTE)
    naps = (Nap(NOON - MINUTE),) if state is STOPPED else ()
    base = attrs.evolve(base, pool=WARM, stock=Stock.HOT, spare_of=WARM, since=NOON - MINUTE, naps=naps)
    return attrs.evolve(base, **more)


def job(number: int = 1, **more: Any) -> Job:  # noqa: ANN401 - see Job
    """A job that asks for the pool."""
    return attrs.evolve(Job(JobFacts(number, 9, "acme/app", (ASKS,), created_at=NOON), received_at=NOON), **more)


@attrs.define
class House:
    """A table with spares, and whoever gives them away."""

    spares: Sequence[Runner] = ()
    settings: FleetSettings = SETTINGS
    table: Table = attrs.field(factory=memory_table)
    clock: ManualClock = attrs.field(factory=lambda: ManualClock(NOON))
    decisions: MemoryDecisions = attrs.field(factory=MemoryDecisions)
    ids: SequentialIds = attrs.field(factory=SequentialIds)

    def __attrs_post_init__(self) -> None:
        """The spares are there."""
        for one in self.spares:
            assert self.table.runners.add(one)

    @property
    def claims(self) -> Claims:
        """As a process has them."""
        return Claims(
            settings=self.settings, table=self.table, decisions=self.decisions, clock=self.clock, ids=self.ids
        )

    def taken(self, *jobs: Job, spec: RunnerSpec = SPEC) -> list[str | None]:
        """Which machine each of them has now."""
        found = self.claims([(one, spec) for one in jobs])
        return [found[one.id].machine if one.id in found else None for one in jobs]


def test_hot_before_asleep_before_booting_before_none() -> None:
    """Of each kind the oldest first; whoever comes too late starts cold."""
    house = House(
        [
            spare("boots", BOOTING),
            spare("sleeps", STOPPED),
            spare("newer"),
            spare("older", launched_at=NOON - HOUR),
            spare("falls", RunnerState.STOPPING),
        ]
    )
    assert house.taken(*map(job, range(1, 6))) == ["older", "newer", "sleeps", "boots", None]
    assert [one.machine for one in spares_of(house.table.runners, WARM)] == ["falls"]


def test_one_made_as_it_should_be_comes_before_an_outdated_one() -> None:
    """But an outdated one that is up comes before one that sleeps."""
    pool = attrs.evolve(POOL, digest="new")
    house = House(
        [spare("old", digest="old", launched_at=NOON - HOUR), spare("new", digest="new"), spare("sleeps", STOPPED)],
        attrs.evolve(SETTINGS, pools={WARM: pool}),
    )
    assert house.taken(*map(job, range(1, 4))) == ["new", "old", "sleeps"]


def test_a_job_whose_launch_failed_takes_no_outdated_one_again() -> None:
    """After an upgrade their agents may not understand orders: it would fail alike on each, and be given up."""
    pool = attrs.evolve(POOL, digest="new")
    house = House(
        [spare("old", digest="old", launched_at=NOON - HOUR), spare("older", digest="old"), spare("asleep", STOPPED)],
        attrs.evolve(SETTINGS, pools={WARM: pool}),
    )
    failed = [job(number, failure="bad_assignment") for number in (1, 2)]
    assert house.taken(*failed, job(3)) == ["asleep", None, "old"]


@pytest.mark.parametrize(
    "unfit",
    [
        spare("silent", since=NOON - HOUR, launched_at=NOON - HOUR),
        spare("small", disk=20),
        spare("few", vcpu=1),
        spare("foreign", arch=Arch.ARM64),
        spare("leaves", RunnerState.DRAINING, spare_of=None),
        spare("ordered", runner_name="paddock--ordered--1"),
        spare("gone", gone_at=NOON),
        spare("other", spare_of="other"),
    ],
    ids=lambda one: one.machine,
)
def test_one_that_does_not_do_is_left_alone(unfit: Runner) -> None:
    """Its record stays as it is, and the job starts cold."""
    spec = attrs.evolve(SPEC, disk=30)
    house = House([unfit], attrs.evolve(SETTINGS, pools={WARM: attrs.evolve(POOL, spec=spec)}))
    assert house.taken(job(), spec=spec) == [None]
    assert house.table.runners.get(unfit.machine) == unfit


def test_a_job_that_asks_for_more_than_the_pools_machines_are_starts_cold() -> None:
    """A named spec with another key beside it: the pool's name alone makes no machine larger."""
    house = House([spare("i-1")])
    assert house.taken(job(), spec=attrs.evolve(SPEC, cpu=Range(8, 16))) == [None]
    assert house.taken(job()) == ["i-1"]


def test_a_job_whose_machine_could_not_be_had_takes_no_sleeper_again() -> None:
    """Else it would try the next one that the cloud cannot wake, and the next: it takes what is up, or starts cold."""
    house = House([spare("sleeps", STOPPED), spare("boots", BOOTING)])
    assert house.taken(job(displaced=1), job(2, displaced=1)) == ["boots", None]


def test_a_claim_is_one_write_and_says_for_whom() -> None:
    """The record of a sleeper: it is woken in the same write. A pool that is no more has none to give."""
    house = House([spare("i-1", STOPPED)])
    before = house.table.runners.get("i-1")
    assert before is not None
    found = house.claims([(job(7), SPEC)])[7]
    assert found == house.table.runners.get("i-1")
    assert found == attrs.evolve(
        before,
        state=BOOTING,
        spare_of=None,
        assigned_job=7,
        claimed_at=NOON,
        claim=found.claim,
        since=NOON,
        repository="acme/app",
        labels=(ASKS,),
        naps=(Nap(NOON - MINUTE, NOON),),
    )
    assert found.claim
    assert House([spare("i-1")], attrs.evolve(SETTINGS, pools={})).taken(job()) == [None]


def test_what_is_given_back_is_as_it_was() -> None:
    """A sleeper sleeps on, as if nothing had been; one that has orders by now is nobody's to give."""
    for one in (spare("i-1", STOPPED), spare("i-1")):
        house = House([one])
        claims = house.claims
        mine = claims([(job(), SPEC)])[1]
        house.table.runners.update("i-1", RunnerIs(), RunnerChange(runner_name="paddock--i-1--1"))
        assert not claims.give_back(mine, job(), "why not")
        house.table.runners.update("i-1", RunnerIs(), RunnerChange(runner_name=None))
        assert claims.give_back(mine, job(), "why not")
        assert house.table.runners.get("i-1") == attrs.evolve(one, since=NOON if one.state is STOPPED else one.since)


def test_of_two_dispatchers_of_one_job_the_second_takes_and_gives_back_its_own() -> None:
    """The job's request came twice. What one of them gives back is never the machine that the other counts on."""
    house = House([spare("i-1"), spare("i-2")])
    first, second = house.claims, house.claims
    mine, other = first([(job(), SPEC)])[1], second([(job(), SPEC)])[1]
    assert [mine.machine, other.machine] == ["i-1", "i-2"]
    assert not first.give_back(attrs.evolve(other, claim=mine.claim), job(), "another's claim")
    assert second.give_back(other, job(), "the job was taken")
    kept = house.table.runners.get("i-1")
    assert kept is not None
    assert (kept.claim, kept.assigned_job) == (mine.claim, 1)


def test_two_at_the_same_spare_of_the_same_job_do_not_both_have_it() -> None:
    """One lists it, the other claims it, the first comes too late, although it is its own job's: it takes the next."""
    spares = [spare("i-1"), spare("i-2", launched_at=NOON)]
    for at in range(1, 4):
        house = House(spares)
        other = house.claims
        between = Between(at, lambda other=other: other([(job(), SPEC)]))  # type: ignore[misc]
        runners = between.around("runners", house.table.runners)
        slow = attrs.evolve(house, spares=(), table=attrs.evolve(house.table, runners=runners))
        (mine,) = slow.taken(job())
        taken = [runner for runner in map(house.table.runners.get, ("i-1", "i-2")) if runner and runner.claim]
        assert len(taken) == len({runner.claim for runner in taken}) == (1 if at == 3 else 2)
        assert mine in {runner.machine for runner in taken}


def test_a_claim_whose_answer_was_lost_is_found_to_be_ones_own() -> None:
    """The store says that somebody was faster, and it was this very write."""

    class Lost:
        """The write is made, and then made again below, as a client does that has had no answer."""

        def __init__(self, inner: Any) -> None:  # noqa: ANN401 - any store
            self._inner = inner

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
            return getattr(self._inner, name)

        def update(self, *write: Any) -> Any:  # noqa: ANN401 - as the store
            """Twice."""
            self._inner.update(*write)
            return self._inner.update(*write)

    house = House([spare("i-1")])
    lossy = attrs.evolve(house, spares=(), table=attrs.evolve(house.table, runners=Lost(house.table.runners)))
    assert lossy.taken(job()) == ["i-1"]


def test_a_pool_that_cannot_be_read_or_written_keeps_nobody_waiting() -> None:
    """The job starts cold; what others have claimed by then is theirs."""
    for call, taken in (("runners.page", [None, None]), ("runners.update", [None, None])):
        house = House([spare("i-1"), spare("i-2")])
        failing = Failing({call: Unavailable("away")})
        table = attrs.evolve(house.table, runners=failing.around("runners", house.table.runners))
        assert attrs.evolve(house, spares=(), table=table).taken(job(), job(2)) == taken
        assert failing.calls.count("runners.page") == 1
    house = House([spare("i-1"), spare("i-2")])
    between = Between(3, lambda: broken.errors.update({"runners.update": Unavailable("away")}))
    broken = Failing()
    runners = between.around("r", broken.around("runners", house.table.runners))
    assert attrs.evolve(house, spares=(), table=attrs.evolve(house.table, runners=runners)).taken(job(), job(2)) == [
        "i-1",
        None,
    ]


# -- in the whole fleet, at every port call -----------------------------------------------------------------------


def stood() -> PoolWorld:
    """A world in which one is hot and one sleeps, both for longer than anybody leaves them alone for."""
    world = PoolWorld(hot=1, stopped=1)
    world.stocked()
    world.minutes(4)
    assert world.states() == [READY, STOPPED]
    return world


def beside(world: PoolWorld, settings: FleetSettings) -> Fleet:
    """Another process, which knows other settings."""
    around, known = world.around, world.settings
    world.around, world.settings = untouched, settings
    other = world.new_fleet()
    world.around, world.settings = around, known
    return other


def with_pool(**pool: Any) -> FleetSettings:  # noqa: ANN401 - see Pool
    """The settings with another pool."""
    targets: dict[str, Any] = {"hot": 1, "stopped": 1, **pool}
    return attrs.evolve(SETTINGS, pools={WARM: attrs.evolve(POOL, **targets)})


OTHERS: Mapping[str, tuple[FleetSettings, Callable[[Fleet], object], str]] = {
    "claims too": (with_pool(), lambda fleet: fleet.dispatch_once(limit=1), "claimed"),
    "stops it": (with_pool(hot=0, stopped=2), lambda fleet: fleet.house.pools(), "stopping"),
    "starts it": (with_pool(hot=2, stopped=0), lambda fleet: fleet.house.pools(), "woken"),
    "ends it": (with_pool(hot=0, stopped=0, idle_timeout=0), lambda fleet: fleet.house.pools(), "ended"),
    "has no pool": (attrs.evolve(SETTINGS, pools={}), lambda fleet: fleet.house.sweep(), "ended"),
}
"""What another process is set to, what it does, and the verdict on a machine that tells of it."""


def each_has_its_own(world: PoolWorld, jobs: Sequence[int]) -> None:
    """No machine is counted on by two jobs, at any moment."""
    records = [record for record in (world.table.jobs.get(str(one)) for one in jobs) if record is not None]
    machines = [record.machine for record in records if record.machine is not None]
    assert len(set(machines)) == len(machines)


def finish(world: PoolWorld, jobs: Sequence[int]) -> None:
    """All are served, each by a machine of its own; then the pool is no more, and nothing is left."""
    world.meddle(untouched)
    world.run(15 * MINUTE)
    records = [world.record(one) for one in jobs]
    assert {record.state for record in records} == {JobState.FINISHED}
    assert len({record.machine for record in records}) == len(jobs)
    assert {record.conclusion for record in records} == {"success"}
    assert {record.launch - record.displaced for record in records} == {1}, "nobody's fault counts as a launch"
    world.without_pool()
    world.run_until_quiet()
    nothing_is_left(world, 2)
    assert flaws(world) == []


def calls_of(act: Callable[[PoolWorld], object], jobs: int) -> int:
    """How many port calls it makes undisturbed."""
    world, fuse = stood(), Fuse()
    world.push_jobs(jobs, labels=ASKS)
    world.deliver()
    world.meddle(fuse.around)
    act(world)
    return len(fuse.calls)


@pytest.mark.parametrize("other", OTHERS)
def test_whatever_another_process_does_at_any_moment_of_a_claim(other: str) -> None:
    """Before each call of a dispatch: a spare has one job, or is stopped, or ended, and never two of these."""
    settings, deed, verdict = OTHERS[other]
    came_first: set[bool] = set()
    most = 1 if other == "claims too" else 2  # then the other process has a job to claim for
    for number in range(1, calls_of(lambda world: world.fleet.dispatch_once(limit=most), 2) + 1):
        world = stood()
        before = {one.machine: len(world.told(one.machine)) for one in world.spares()}
        jobs = world.push_jobs(2, labels=ASKS)
        world.deliver()
        process = beside(world, settings)
        world.meddle(Between(number, lambda process=process: deed(process)).around)  # type: ignore[misc]
        try:
            world.fleet.dispatch_once(limit=most)
            came_first.add(any(verdict in world.told(one)[told:] for one, told in before.items()))
            each_has_its_own(world, jobs)
            finish(world, jobs)
        except AssertionError as error:
            error.add_note(f"the other process acted before call {number}")
            raise
    assert came_first == ({True} if other == "claims too" else {True, False})


@pytest.mark.parametrize("other", [name for name in OTHERS if name != "claims too"])
def test_whenever_a_job_claims_while_the_pool_is_seen_to(other: str) -> None:
    """The other way round: two jobs are dispatched before each call of the task, or of the sweep."""
    settings, deed, verdict = OTHERS[other]
    came_first: set[bool] = set()

    def act(world: PoolWorld) -> None:
        world.configure(settings)
        deed(world.fleet)

    for number in range(1, calls_of(act, 2) + 1):
        world = stood()
        jobs = world.push_jobs(2, labels=ASKS)
        world.deliver()
        process = beside(world, world.settings)
        world.around = Between(number, process.dispatch_once).around
        try:
            before = {one.machine: len(world.told(one.machine)) for one in world.spares()}
            act(world)
            came_first.add(any(verdict in world.told(one)[told:] for one, told in before.items()))
            each_has_its_own(world, jobs)
            world.configure(with_pool())
            finish(world, jobs)
        except AssertionError as error:
            error.add_note(f"the jobs were dispatched before call {number}")
            raise
    assert came_first == {True, False}


def test_a_request_that_comes_twice_claims_for_one_launch() -> None:
    """Two processes have the same new job at once, at every call: one spare is its, the other one a spare again."""
    for number in range(1, calls_of(lambda world: world.fleet.dispatch_once(), 1) + 1):
        world = stood()
        (one,) = world.push_jobs(1, labels=ASKS)
        world.deliver()
        held = world.jobs.inner.receive(1)
        world.jobs.send([held[0].message])
        process = beside(world, world.settings)
        world.meddle(Between(number, process.dispatch_once).around)
        try:
            world.fleet.dispatch_lent(held)
            world.jobs.delete([held[0].receipt])
            world.run(10 * SECOND)
            assert world.record(one).state in {JobState.LAUNCHED, JobState.RUNNING}
            finish(world, [one])
        except AssertionError as error:
            error.add_note(f"the other process dispatched it before call {number}")
            raise
