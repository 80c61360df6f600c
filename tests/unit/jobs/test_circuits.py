"""The circuits at work: each interruption counts once, and each probe is one launch."""

from collections.abc import Iterable

import attrs
import pytest

from paddock.adapters.memory import Shortage
from paddock.adapters.simulation.wires import untouched
from paddock.core.circuit import ANY, Circuit, CircuitChange, CircuitIs, CircuitPolicy, Interruption
from paddock.core.errors import Conflict, Unavailable
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.records import CIRCUITS, INTERRUPTIONS
from paddock.core.spec import Market
from paddock.core.states import CircuitState, OperationalResult
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span
from tests.faults import Between, Failing, Fuse
from tests.strategies import NOON
from tests.world.invariants import check, everything_in
from tests.world.spot import (
    circuits_of,
    interrupted,
    machine_of,
    market_of,
    running,
    silenced,
    take_back,
    warn,
)
from tests.world.world import SETTINGS, World

OPEN, HALF_OPEN, CLOSED = CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED
HERE = "us-east-1a"


def stormy(count: int = 3, **more: object) -> tuple[World, list[int], str]:
    """So many jobs of one type run; the circuit's key, if they are hit."""
    world = World(**more)  # type: ignore[arg-type]  # whatever a world takes
    jobs = world.push_jobs(count, labels="paddock/family=c7i")
    running(world, *jobs)
    return world, jobs, f"{HERE}/{world.runner(machine_of(world, jobs[0])).instance_type}"


def half_open(lasts: Span = 5 * MINUTE) -> tuple[World, str, int]:
    """A circuit that opened and whose cool-down is over; its key, and the job that tries."""
    world, jobs, key = stormy()
    for job in jobs:
        world.reclaim(machine_of(world, job))
    world.run(31 * MINUTE)
    probe = world.push_job(labels="paddock/family=c7i", lasts=lasts)
    world.run(SECOND)
    assert circuits_of(world) == {key: HALF_OPEN}
    assert market_of(world, world.record(probe)) is Market.SPOT
    return world, key, probe


def circuit(world: World, key: str) -> Circuit:
    """The circuit."""
    found = world.table.circuits.get(key)
    assert found is not None
    return found


def verdicts(world: World, key: str) -> list[str]:
    """What was decided about the circuit, apart from avoiding its offer."""
    told = [decision.verdict for decision in world.decisions.about(f"circuit:{key}")]
    return [verdict for verdict in told if verdict != "avoided"]


def take_in(world: World) -> None:
    """GitHub's webhooks arrive, and nobody has looked at them yet."""
    world.deliver()


# -- counting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minute", [0, 30, 57, 58, 59])
def test_the_hour_does_not_matter(minute: int) -> None:
    """The moment of a taking lies two minutes after its warning, and maybe in the next hour."""
    world, jobs, key = stormy()
    world.clock.advance(NOON + HOUR + minute * MINUTE + 30 * SECOND - world.clock.now())
    interrupted(world, jobs)
    assert circuits_of(world) == {key: OPEN}


@pytest.mark.parametrize("again", ["taken", "warned", "much later"])
def test_what_is_told_twice_does_not_open_what_an_operator_closed(again: str) -> None:
    """The same machines go when their time has come; a queue brings a message back days later."""
    world, jobs, key = stormy()
    machines = [machine_of(world, job) for job in jobs]
    interrupted(world, jobs)
    world.fleet.circuits.close(HERE, key.partition("/")[2], "it was a game day")
    if again == "much later":
        world.run(2 * DAY)
    for machine in machines:
        if again == "taken":
            take_back(world, machine)
        else:
            warn(world, machine)
    assert circuits_of(world) == {key: CLOSED}
    assert verdicts(world, key) == ["opened", "closed"]


@pytest.mark.parametrize("again", [0, 2, 3])
def test_closing_starts_the_count_anew(again: int) -> None:
    """What it had opened for does not open it again; as many new ones do."""
    world, jobs, key = stormy(6)
    interrupted(world, jobs[:3])
    world.run(SECOND)
    world.fleet.circuits.close(HERE, key.partition("/")[2], "over")
    world.run(SECOND)
    interrupted(world, jobs[3 : 3 + again])
    assert circuits_of(world) == {key: OPEN if again == 3 else CLOSED}


@pytest.mark.parametrize("again", [0, 2, 3])
def test_old_machines_that_are_taken_while_a_probe_runs_are_no_word_on_it(again: int) -> None:
    """Unless they are as many as open a circuit."""
    world, jobs, key = stormy(6)
    interrupted(world, jobs[:3])
    world.run(31 * MINUTE)
    world.push_job(labels="paddock/family=c7i", lasts=10 * MINUTE)
    world.run(SECOND)
    assert circuits_of(world) == {key: HALF_OPEN}
    for number in range(again):
        machine = attrs.evolve(
            world.runner(machine_of(world, jobs[3])), machine=f"i-old{number}", launch_id="l-old", served_job=None
        )
        world.table.runners.add(attrs.evolve(machine, interrupted_at=None))
        warn(world, machine.machine)
    assert circuits_of(world) == {key: OPEN if again == 3 else HALF_OPEN}


def test_one_interruption_in_another_zone_does_not_close_a_type_out_everywhere() -> None:
    """Those of the zone whose own circuit they opened are accounted for."""
    world = World(zones=("a", "b", "c"))
    jobs = world.push_jobs(3, labels="paddock/family=c7i")
    running(world, *jobs)
    kind = world.runner(machine_of(world, jobs[0])).instance_type
    interrupted(world, jobs)
    assert circuits_of(world) == {f"a/{kind}": OPEN}
    other = world.push_job(labels="paddock/family=c7i", lasts=10 * MINUTE)
    running(world, other)
    assert world.runner(machine_of(world, other)).zone == "b"
    warn(world, machine_of(world, other))
    assert circuits_of(world) == {f"a/{kind}": OPEN, f"b/{kind}": CLOSED}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("storm", ["type", "zone"])
def test_wherever_the_process_dies_the_circuit_opens(storm: str, *, after: bool) -> None:
    """The interruption is written down first; told again, it is weighed again."""
    families = ("c7i", "c7i", "c7i") if storm == "type" else ("c7i", "c7i", "c7i", "m7i", "m8a")

    def story(fuse: Fuse) -> tuple[World, dict[str, CircuitState]]:
        world = World()
        jobs = [world.push_job(labels=f"paddock/family={family}", lasts=9 * MINUTE) for family in families]
        running(world, *jobs)
        interrupted(world, jobs[:-1])
        world.around = fuse.around
        world.fleet = world.new_fleet()
        world.reclaim(machine_of(world, jobs[-1]))
        world.run(7 * MINUTE)
        return world, circuits_of(world)

    whole = Fuse()
    undisturbed, expected = story(whole)
    assert expected
    for number, call in enumerate(whole.calls, 1):
        if call.startswith(("table.circuits", "table.interruptions", "table.runners", "decisions")):
            world, found = story(Fuse(number, after=after))
            assert found == expected, (number, world.crashes)
    world = undisturbed
    world.run_until_quiet()
    check(world)


# -- probing ------------------------------------------------------------------------------------------------------


def test_of_two_dispatchers_at_one_probe_one_wins() -> None:
    """At each port call in turn another process dispatches a job of its own: one of the two machines tries."""
    for number in range(1, 60):
        between = Between(0, lambda: None)
        world, jobs, key = stormy(around=between.around)
        interrupted(world, jobs)
        world.run(31 * MINUTE)
        world.around, around = untouched, world.around
        second = world.new_fleet()
        world.around = around
        between.deed, between._at = second.dispatch_once, between._calls + number
        mine = world.push_jobs(2, labels="paddock/family=c7i")
        take_in(world)
        world.fleet.dispatch_once(limit=1)
        world.work()
        kinds = [world.runner(machine_of(world, job)).instance_type for job in mine]
        assert kinds.count(key.partition("/")[2]) == 1, (number, kinds)
        assert verdicts(world, key) == ["opened", "half_open"]
        if between._calls < between._at:
            break


def test_a_probe_without_capacity_gives_way_to_another_one_later() -> None:
    """Its job goes on demand; the circuit is tried again when the probe's time is over."""
    world, jobs, key = stormy()
    interrupted(world, jobs)
    world.run(31 * MINUTE)
    world.region.shortages.append(Shortage(instance_type=key.partition("/")[2]))
    first = world.push_job(labels="paddock/family=c7i", lasts=5 * MINUTE)
    world.run(MINUTE)
    assert circuit(world, key).state is HALF_OPEN
    assert market_of(world, world.record(first)) is Market.ON_DEMAND
    world.region.shortages.clear()
    world.run(10 * MINUTE)
    second = world.push_job(labels="paddock/family=c7i", lasts=5 * MINUTE)
    world.run(SECOND)
    assert world.runner(machine_of(world, second)).instance_type != key.partition("/")[2]
    world.run(5 * MINUTE)
    third = world.push_job(labels="paddock/family=c7i", lasts=5 * MINUTE)
    world.run(SECOND)
    assert world.runner(machine_of(world, third)).instance_type == key.partition("/")[2]
    world.run_until_quiet()
    assert circuit(world, key).state is CLOSED
    check(world)


def test_offers_that_are_short_are_not_tried() -> None:
    """A probe that cannot have a machine tells nothing, and would keep others from trying."""
    world, jobs, key = stormy()
    interrupted(world, jobs)
    world.run(33 * MINUTE)
    kind = key.partition("/")[2]
    world.region.shortages.append(Shortage(instance_type=kind))
    world.table.circuits.update(key, CircuitIs(state=OPEN), CircuitChange(until=world.clock.now() + DAY))
    world.fleet.circuits.close(HERE, kind, "so that it is asked for once, and found short")
    world.push_job(labels="paddock/family=c7i")
    world.run(SECOND)
    world.fleet.circuits.open(HERE, kind, "again", SECOND)
    world.run(2 * SECOND)
    other = world.push_job(labels="paddock/family=c7i")
    world.run(SECOND)
    assert circuit(world, key).state is OPEN
    assert world.runner(machine_of(world, other)).instance_type != kind


def test_a_probe_whose_machine_fails_to_start_says_nothing() -> None:
    """Neither closes the circuit nor opens it; the next one may try when its time is over."""
    world, key, probe = half_open()
    machine = machine_of(world, probe)
    orders = world.cloud.agents[machine].orders
    silenced(world, machine)
    world.events.send(
        [
            RunnerReported(
                ReportEvent.FAILED_TO_START,
                machine,
                probe,
                1,
                "" if orders is None else orders.runner_name,
                world.clock.now(),
                result=OperationalResult.FAILED_TO_START,
                reason="low_disk",
            )
        ]
    )
    world.run(5 * MINUTE)
    world.cloud.power_off(machine)
    assert circuit(world, key).state is HALF_OPEN
    world.run(11 * MINUTE)
    assert circuit(world, key).may_probe(world.clock.now(), SETTINGS.circuit)
    world.run_until_quiet()
    world.push_job(labels="paddock/family=c7i")
    world.run_until_quiet()
    assert circuit(world, key).state is CLOSED
    check(world)


def test_a_probe_that_lives_as_long_as_the_window_closes_it_before_its_job_ends() -> None:
    """A job of hours must not keep a type out for hours."""
    world, key, probe = half_open(lasts=2 * HOUR)
    world.run(13 * MINUTE)
    assert circuit(world, key).state is HALF_OPEN
    world.run(3 * MINUTE)
    assert circuit(world, key).state is CLOSED
    assert circuit(world, key).reason == f"its probe {machine_of(world, probe)} is not taken back"


def test_a_dispatcher_that_dies_with_the_probe_in_hand_delays_it_and_no_more() -> None:
    """The loan ends by itself."""
    world, jobs, key = stormy()
    interrupted(world, jobs)
    world.run(31 * MINUTE)
    (due,) = world.fleet.circuits.all()
    assert world.fleet.circuits.lend(due, "a launch that never was")
    assert not world.fleet.circuits.lend(due, "another")
    world.run(14 * MINUTE)
    assert not circuit(world, key).may_probe(world.clock.now(), SETTINGS.circuit)
    world.run(MINUTE)
    world.push_job(labels="paddock/family=c7i")
    world.run_until_quiet()
    assert circuit(world, key).state is CLOSED
    check(world)


# -- operators ----------------------------------------------------------------------------------------------------


def test_an_operator_opens_it_while_a_probe_runs() -> None:
    """The probe's fate no longer matters, either way."""
    world, key, probe = half_open()
    world.fleet.circuits.open(HERE, key.partition("/")[2], "maintenance", 3 * HOUR)
    world.run(10 * MINUTE)
    assert world.record(probe).conclusion == "success"
    assert (circuit(world, key).state, circuit(world, key).manual) == (OPEN, True)
    assert circuit(world, key).until == world.clock.now() - 10 * MINUTE + 3 * HOUR


def test_an_operator_closes_it_while_a_probe_runs() -> None:
    """A probe that is taken back then is one interruption, and not a verdict."""
    world, key, probe = half_open()
    world.fleet.circuits.close(HERE, key.partition("/")[2], "enough")
    world.run(SECOND)
    warn(world, machine_of(world, probe))
    assert circuit(world, key).state is CLOSED


@pytest.mark.parametrize("deed", ["open", "close"])
def test_an_operators_word_counts_whatever_happens_at_that_moment(deed: str) -> None:
    """A probe is lent between the reading and the writing: it is tried again, and what is told is true."""
    for number in range(1, 12):
        between = Between(0, lambda: None)
        world, jobs, key = stormy(around=between.around)
        interrupted(world, jobs)
        world.run(31 * MINUTE)
        world.around, around = untouched, world.around
        second = world.new_fleet()
        world.around = around
        (due,) = second.circuits.all()

        def lend(second: object = second, due: Circuit = due) -> None:
            second.circuits.lend(due, "l-1")  # type: ignore[attr-defined]  # a fleet

        between.deed, between._at = lend, between._calls + number
        kind = key.partition("/")[2]
        if deed == "open":
            told = world.fleet.circuits.open(HERE, kind, "maintenance", 2 * HOUR)
            assert (told.state, circuit(world, key).state) == (OPEN, OPEN)
        else:
            found = world.fleet.circuits.close(HERE, kind, "over")
            assert found is not None
            assert found.state is CLOSED
            assert between._calls >= between._at or circuit(world, key).state is CLOSED


@pytest.mark.parametrize("deed", ["open", "close"])
def test_an_operator_is_not_told_that_it_is_done_when_it_is_not(deed: str) -> None:
    """A record that never keeps still is an error, and nothing is written down as done."""
    world, jobs, key = stormy()
    interrupted(world, jobs)
    broken = Failing({"table.circuits.update": Conflict("it changed", circuit(world, key))})
    world.around = broken.around
    fleet = world.new_fleet()
    kind = key.partition("/")[2]
    with pytest.raises(Unavailable):
        _ = fleet.circuits.open(HERE, kind, "x") if deed == "open" else fleet.circuits.close(HERE, kind, "x")
    assert verdicts(world, key) == ["opened"]


def test_a_zones_storm_does_not_close_what_an_operator_opened() -> None:
    """Types that the storm had opened give way to the zone; the operator's stay."""
    world = World()
    jobs = [world.push_job(labels=f"paddock/family={family}") for family in ("c7i", "c7i", "c7i", "m7i", "m8a")]
    running(world, *jobs)
    world.fleet.circuits.open(HERE, "r7i.large", "known to be bad")
    interrupted(world, jobs)
    assert circuits_of(world)[f"{HERE}/{ANY}"] is OPEN
    assert circuits_of(world)[f"{HERE}/r7i.large"] is OPEN


# -- without them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["circuits", "shortages"])
def test_where_they_cannot_be_read_spot_goes_on_and_it_is_told(store: str) -> None:
    """A job waits for nothing that is only advice."""
    world, jobs, _ = stormy()
    interrupted(world, jobs)
    broken = Failing({f"table.{store}.page": Unavailable("away")})
    world.around = broken.around
    world.fleet = world.new_fleet()
    job = world.push_job()
    world.run(SECOND)
    assert market_of(world, world.record(job)) is Market.SPOT
    told: Iterable[str] = [decision.verdict for decision in world.decisions.about(f"circuit:{store}")]
    assert "unreadable" in told or "unreadable" in verdicts(world, "all")


def test_machines_of_no_zone_count_for_no_circuit() -> None:
    """Local processes have none."""
    world, jobs, _ = stormy(1)
    nowhere = attrs.evolve(world.runner(machine_of(world, jobs[0])), machine="i-here", zone="", served_job=None)
    world.table.runners.add(nowhere)
    warn(world, "i-here")
    assert not everything_in(world.table.interruptions)
    assert world.runner("i-here").interrupted_at is not None


def test_a_policy_of_one_opens_at_once_and_its_window_may_be_longer_than_its_cool_down() -> None:
    """The numbers are the operator's; what has had its effect has none again."""
    policy = CircuitPolicy(threshold=1, window=HOUR, cool_down=MINUTE)
    world = World(settings=attrs.evolve(SETTINGS, circuit=policy))
    job = world.push_job(labels="paddock/family=c7i", lasts=10 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    world.reclaim(machine)
    world.run(2 * MINUTE + SECOND)
    (found,) = world.fleet.circuits.all()
    assert (found.state, found.openings) == (OPEN, 1)
    world.push_job(labels="paddock/family=c7i")
    world.run(10 * MINUTE)
    warn(world, machine)
    assert circuits_of(world) == {found.key: CLOSED}


# -- asked to look again ------------------------------------------------------------------------------------------


def test_a_check_opens_what_nobody_saw_whole() -> None:
    """Three were written down at one moment, and each was weighed by one who did not see the others; once, no more."""
    world, jobs, key = stormy()
    kind, now = key.partition("/")[2], world.clock.now()
    for job in jobs:
        hit = Interruption(machine_of(world, job), HERE, kind, now, told_at=now, weighed=True)
        assert world.table.interruptions.add(hit)
    assert world.fleet.circuits.check() == [key]
    assert world.fleet.circuits.check() == []
    assert (circuits_of(world), verdicts(world, key)) == ({key: OPEN}, ["opened"])
    world.fleet.circuits.close(HERE, kind, "it was a game day")
    assert world.fleet.circuits.check() == []
    assert circuits_of(world) == {key: CLOSED}


@pytest.mark.parametrize(("count", "age"), [(0, 0), (2, 0), (3, 16 * MINUTE)])
def test_a_check_opens_nothing_without_a_reason(count: int, age: Span) -> None:
    """Fewer than the threshold, or what is older than the window, are none."""
    world, jobs, key = stormy()
    now = world.clock.now()
    for job in jobs[:count]:
        hit = Interruption(machine_of(world, job), HERE, key.partition("/")[2], now, told_at=now, weighed=True)
        assert world.table.interruptions.add(hit)
    world.clock.advance(age)
    assert world.fleet.circuits.check() == []
    assert circuits_of(world) == {}


# -- what is kept -------------------------------------------------------------------------------------------------


def test_circuits_are_as_many_as_places_however_often_they_are_hit() -> None:
    """They are kept for ever, so none may be of a machine or a moment. Interruptions are, and are forgotten."""
    world = World()
    for day in range(5):
        jobs = world.push_jobs(4, labels="paddock/family=c7i")
        running(world, *jobs)
        interrupted(world, jobs)
        world.run(DAY + day * HOUR)
    hits = list(everything_in(world.table.interruptions))
    assert len(hits) > 10
    kept = {one.key for one in everything_in(world.table.circuits)}
    assert {f"{one.zone}/{one.instance_type}" for one in hits} <= kept
    assert kept <= {f"{zone}/{name}" for zone in (ANY, *(one.zone for one in hits)) for name in (ANY, *_types(hits))}
    assert INTERRUPTIONS.kept is not None
    assert CIRCUITS.kept is None


def _types(hits: Iterable[Interruption]) -> set[str]:
    return {one.instance_type for one in hits}
