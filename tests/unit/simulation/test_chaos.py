"""Everything at once; what must be true in the end is in `tests.world.invariants`.

Random jobs, webhooks and reports that are late, double or lost, machines that die or are taken back, failing ports,
dying processes.
"""

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from paddock.adapters.memory import SeededChance, Shortage
from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.adapters.simulation.delivery import Fate
from paddock.core.errors import AccessDenied, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.settings import FleetSettings, Limits
from paddock.core.spec import Market
from paddock.core.units import HOUR, MINUTE, SECOND, Span
from tests.faults import Fuse, Trouble
from tests.world.invariants import check
from tests.world.world import REPOSITORY, World

pytestmark = pytest.mark.slow

PUBLIC = "acme/site"
STRANGER = "other/thing"
SETTINGS = FleetSettings(repositories=(REPOSITORY, PUBLIC))

LABELS = st.sampled_from(
    [
        ("paddock",),
        ("paddock",),
        ("PADDOCK/cpu=4/arch=arm64",),
        ("self-hosted", "paddock", "cpu=4"),
        ("paddock=salt-1/cpu=4",),
        ("paddock/cpu=banana",),
        ("paddock/cpu=99999",),
        ("ubuntu-latest",),
        ("paddock/spot=false",),
        ("paddock/retry=false",),
        ("paddock/family=c7i/cpu=2+2",),
    ]
)
SCRIPTS = st.builds(
    JobScript,
    name=st.sampled_from(["build", "test", "lint"]),
    labels=LABELS,
    faults=st.builds(
        RunnerFaults,
        duration=st.sampled_from([10 * SECOND, 2 * MINUTE, 25 * MINUTE]),
        result=st.sampled_from(["success", "success", "failure"]),
    ),
    lost_conclusion=st.sampled_from(["failure", "cancelled"]),
)


@attrs.frozen
class Push:
    """A run is started."""

    at: Span
    repository: str
    fork: bool
    scripts: Sequence[JobScript]
    cancelled_after: Span | None


@attrs.frozen
class Death:
    """A machine dies: the `which`-th of those that live then."""

    at: Span
    which: int


@attrs.frozen
class Reclaim:
    """The cloud takes spot machines back: so many of those that live then, from the `which`-th on.

    With a `notice`, which the machines may hear of as well; or at once.
    """

    at: Span
    which: int
    many: int
    notice: bool
    heard: bool


PUSHES = st.builds(
    Push,
    at=st.integers(0, 20).map(lambda n: n * 37 * SECOND),
    repository=st.sampled_from([REPOSITORY, REPOSITORY, PUBLIC, STRANGER]),
    fork=st.booleans(),
    scripts=st.lists(SCRIPTS, min_size=1, max_size=4),
    cancelled_after=st.none() | st.integers(0, 10).map(lambda n: n * 23 * SECOND),
)
DEATHS = st.builds(Death, at=st.integers(0, 60).map(lambda n: n * 17 * SECOND), which=st.integers(0, 5))

RECLAIMS = st.builds(
    Reclaim,
    at=st.integers(0, 90).map(lambda n: n * 19 * SECOND),
    which=st.integers(0, 5),
    many=st.sampled_from([1, 1, 2, 5]),
    notice=st.booleans(),
    heard=st.booleans(),
)
ENDS = st.lists(DEATHS | RECLAIMS, max_size=5)


def fates(seed: int, *, lossy: bool) -> Fate:
    """Most messages on time; some late, twice, or (where the sweeps can find out) never."""
    chance = SeededChance(seed)

    def fate(_: object) -> Sequence[Span]:
        throw = chance.below(10)
        if throw == 0:
            return (0, chance.below(90) * SECOND)
        if throw == 1:
            return (chance.below(600) * SECOND,)
        return () if throw == 2 and lossy else (0,)

    return fate


def play(world: World, pushes: Sequence[Push], ends: Sequence[Death | Reclaim]) -> None:
    """Let everything happen at its time."""
    start = world.clock.now()
    for repository in (PUBLIC, STRANGER):
        world.github.add_repository(repository, private=repository != PUBLIC)
    deeds: list[tuple[Span, int, Push | Death | Reclaim | int]] = [(push.at, i, push) for i, push in enumerate(pushes)]
    deeds += [(end.at, 1000 + i, end) for i, end in enumerate(ends)]
    deeds.sort(key=lambda deed: deed[:2])
    while deeds:
        at, order, deed = deeds.pop(0)
        world.run(max(0, start + at - world.clock.now()))
        match deed:
            case Push():
                head = "mallory/app" if deed.fork else deed.repository
                jobs = world.push(*deed.scripts, repository=deed.repository, head_repository=head)
                if deed.cancelled_after is not None:
                    deeds.append((at + deed.cancelled_after, 2000 + order, jobs[0]))
                    deeds.sort(key=lambda one: one[:2])
            case Death():
                alive = world.cloud.alive
                if alive:
                    world.cloud.kill(alive[deed.which % len(alive)])
            case Reclaim():
                reclaim(world, deed)
            case int():
                world.cancel(deed)


def settle(world: World) -> None:
    """Until nothing is left to do, also after the sweeps have looked once more for what may have been overlooked."""
    world.run_until_quiet()
    world.run(6 * MINUTE)
    world.run_until_quiet()


def reclaim(world: World, deed: Reclaim) -> None:
    """The cloud takes what it sells as spot, and nothing else."""
    spot = [name for name in world.cloud.alive if world.cloud.lives[name].machine.market is Market.SPOT]
    for number in range(min(deed.many, len(spot))):
        machine = spot[(deed.which + number) % len(spot)]
        if deed.notice:
            world.reclaim(machine, heard=deed.heard)
        else:
            world.take_back(machine)


@settings(max_examples=60)
@given(pushes=st.lists(PUSHES, min_size=1, max_size=5), ends=ENDS, seed=st.integers(0, 2**32))
def test_messages_may_be_late_double_or_lost_and_machines_die(
    pushes: list[Push], ends: list[Death | Reclaim], seed: int
) -> None:
    """Levels heal what edges lost: the sweeps find every job and machine that a message did not tell of."""
    world = World(
        settings=SETTINGS,
        seed=seed,
        webhooks=fates(seed, lossy=True),
        reports=fates(seed + 1, lossy=True),
        notices=fates(seed + 2, lossy=True),
    )
    play(world, pushes, ends)
    world.events.inner.send_text('{"kind": "runner_reported", "version": 1}')
    world.jobs.inner.send_text("no message at all")
    settle(world)
    dead = [world.jobs.dead_letters(), world.events.dead_letters()]
    assert [len(letters) for letters in dead] == [1, 1]
    world.jobs.inner._dead.clear()
    world.events.inner._dead.clear()
    event(f"machines: {min(len(world.cloud.lives), 5)}")
    check(world, registrations_left=99)


LONG = st.builds(
    JobScript,
    name=st.just("job"),
    labels=st.sampled_from(
        [("paddock",), ("paddock/family=c7i/cpu=2+2",), ("paddock/spot=false",), ("paddock/retry=false",)]
    ),
    faults=st.builds(
        RunnerFaults,
        duration=st.sampled_from([2 * MINUTE, 8 * MINUTE, 25 * MINUTE]),
        result=st.sampled_from(["success", "success", "failure"]),
    ),
    lost_conclusion=st.sampled_from(["failure", "cancelled"]),
)
MATRICES = st.builds(
    Push,
    at=st.integers(0, 20).map(lambda n: n * 97 * SECOND),
    repository=st.just(REPOSITORY),
    fork=st.just(value=False),
    scripts=st.lists(LONG, min_size=2, max_size=6).map(
        lambda scripts: [attrs.evolve(script, name=f"job {number}") for number, script in enumerate(scripts)]
    ),
    cancelled_after=st.none(),
)
LATER = RECLAIMS.map(lambda reclaim: attrs.evolve(reclaim, at=reclaim.at + 90 * SECOND))  # when machines work


@settings(max_examples=60)
@given(
    pushes=st.lists(MATRICES, min_size=1, max_size=5),
    ends=st.lists(LATER, min_size=2, max_size=8),
    seed=st.integers(0, 2**32),
    crash=st.none() | st.integers(1, 800),
    after=st.booleans(),
)
def test_machines_are_taken_back_in_storms(
    pushes: list[Push], ends: list[Reclaim], seed: int, crash: int | None, *, after: bool
) -> None:
    """Warned or not, told or not, heard or not: what was lost is run again once, and circuits open and close."""
    world = World(
        settings=SETTINGS,
        seed=seed,
        around=Fuse(crash, after=after).around,
        webhooks=fates(seed, lossy=True),
        reports=fates(seed + 1, lossy=True),
        notices=fates(seed + 2, lossy=True),
    )
    play(world, pushes, ends)
    settle(world)
    event(f"taken: {min(len(world.cloud.taken), 5)}")
    event(f"lost: {sum(service.taken for service in world.agents.services.values())}")
    event(f"re-run: {any(job.attempt > 1 for job in world.github.jobs())}")
    event(f"circuits: {sorted(circuit.state for circuit in world.fleet.circuits.all())}")
    check(world, registrations_left=99)


@settings(max_examples=60)
@given(
    pushes=st.lists(PUSHES, min_size=1, max_size=4),
    ends=ENDS,
    seed=st.integers(0, 2**32),
    crash=st.integers(1, 400),
    after=st.booleans(),
)
def test_and_a_process_may_die_at_any_call(
    pushes: list[Push], ends: list[Death | Reclaim], seed: int, crash: int, *, after: bool
) -> None:
    """The same, and one call of the story is where the process dies."""
    fuse = Fuse(crash, after=after)
    world = World(
        settings=SETTINGS,
        seed=seed,
        around=fuse.around,
        webhooks=fates(seed, lossy=True),
        reports=fates(seed + 1, lossy=True),
        notices=fates(seed + 2, lossy=True),
    )
    play(world, pushes, ends)
    settle(world)
    event(f"crashed: {bool(world.crashes)}")
    check(world, registrations_left=99)


PASSING: tuple[PaddockError, ...] = (Unavailable("away"), Throttled("slow down", 20 * SECOND))
TROUBLES: dict[str, tuple[PaddockError, ...]] = {
    "table.": PASSING,
    "jobs.": PASSING,
    "events.": PASSING,
    "assignments.": PASSING,
    "github.runners.jit_config": (*PASSING, Rejected("no"), AccessDenied("no")),
    "github.": PASSING,
    "machines.": (*PASSING, AccessDenied("no")),
    "decisions.": (Unavailable("away"),),
}


@settings(max_examples=60)
@given(
    pushes=st.lists(PUSHES, min_size=1, max_size=4),
    ends=ENDS,
    seed=st.integers(0, 2**32),
    scarce=st.sampled_from([None, Market.SPOT, Market.ON_DEMAND]),
    limits=st.sampled_from(
        [
            Limits(),
            Limits(machines=1),
            Limits(vcpu=4),
            Limits(machines_per_repository=1),
            Limits(launches_per_minute=1),
        ]
    ),
)
def test_ports_fail_at_random_and_capacity_is_short(
    pushes: list[Push], ends: list[Death | Reclaim], seed: int, scarce: Market | None, limits: Limits
) -> None:
    """Every port fails now and then, before or after it did what it was asked; then the trouble is over."""
    trouble = Trouble(SeededChance(seed), TROUBLES, rarity=15)
    world = World(
        settings=attrs.evolve(SETTINGS, limits=limits),
        seed=seed,
        around=trouble.around,
        webhooks=fates(seed, lossy=False),
        reports=fates(seed + 1, lossy=False),
        notices=fates(seed + 2, lossy=True),
    )
    if scarce is not None:
        world.region.shortages.append(Shortage(market=scarce))
    play(world, pushes, ends)
    world.run(HOUR)
    trouble.over = True
    world.region.shortages.clear()
    settle(world)
    world.jobs.inner._dead.clear()  # what came back too often: the sweeps did its work
    world.events.inner._dead.clear()
    event(f"errors: {min(trouble.count, 20)}")
    check(world, registrations_left=99, noticed=HOUR)  # sweeps fail too
