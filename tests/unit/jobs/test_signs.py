"""Signs of life of machines, above all of those that wait for any job: what their records learn, and what not."""

from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import LaunchRequest
from paddock.core.runner import Nap, Runner, RunnerChange
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.units import MINUTE, SECOND, Moment
from tests.faults import Between
from tests.strategies import NOON
from tests.world.world import World

BOOTED = NOON - MINUTE


def spare(world: World, **fields: object) -> Runner:
    """A machine of a pool, with this record; it boots if nothing else is said."""
    record = Runner("i-1", "", (), "launch", launched_at=BOOTED, stock=Stock.HOT, pool="small", spare_of="small")
    record = attrs.evolve(record, **fields)  # type: ignore[arg-type]  # its fields
    assert world.table.runners.add(record)
    return record


def says(world: World, event: ReportEvent = ReportEvent.READY, at: Moment = NOON, machine: str = "i-1") -> Runner:
    """The machine's record once its word is handled."""
    world.fleet.events(RunnerReported(event, machine, 0, 0, "", at))
    return world.runner(machine)


def verdicts(world: World, machine: str = "i-1") -> list[str]:
    """What was decided about the machine."""
    return [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]


def test_a_spare_that_has_booted_is_ready() -> None:
    """Its record says since when, and that it lives; told again, it is a sign of life and no news."""
    world = World()
    before = spare(world)
    first = says(world, at=NOON - SECOND)
    at = NOON - SECOND
    assert first == attrs.evolve(before, state=RunnerState.READY, ready_at=at, since=at, heartbeat_at=at)
    assert says(world) == attrs.evolve(first, heartbeat_at=NOON)
    assert says(world, at=NOON - MINUTE) == attrs.evolve(first, heartbeat_at=NOON)
    assert verdicts(world) == ["ready"]


def test_a_spare_that_was_woken_is_ready_again() -> None:
    """Since this moment, at which its nap ends; when it was ready for the first time, and its earlier naps, stay."""
    world = World()
    earlier = Nap(BOOTED + SECOND, BOOTED + 2 * SECOND, BOOTED + 3 * SECOND)
    nap = Nap(BOOTED + 4 * SECOND, NOON - 20 * SECOND)
    before = spare(world, ready_at=BOOTED, since=nap.woken_at, naps=(earlier, nap), heartbeat_at=BOOTED)
    after = says(world)
    naps = (earlier, attrs.evolve(nap, up_at=NOON))
    assert after == attrs.evolve(before, state=RunnerState.READY, since=NOON, naps=naps, heartbeat_at=NOON)


def test_one_that_was_woken_for_a_job_is_up() -> None:
    """That is the end of its nap, and nothing else: it boots until its job begins."""
    world = World()
    nap = Nap(BOOTED, NOON - 20 * SECOND)
    before = spare(world, assigned_job=7, claimed_at=nap.woken_at, since=nap.woken_at, naps=(nap,), spare_of=None)
    assert says(world) == attrs.evolve(before, naps=(attrs.evolve(nap, up_at=NOON),), heartbeat_at=NOON)
    assert verdicts(world) == []


def test_what_it_said_before_it_slept_does_not_make_it_ready() -> None:
    """Word that was long on its way: it boots, whatever it was then."""
    world = World()
    before = spare(world, since=NOON - SECOND, naps=(Nap(BOOTED, NOON - SECOND),))
    assert says(world, at=NOON - 2 * SECOND) == attrs.evolve(before, heartbeat_at=NOON - 2 * SECOND)
    assert says(world, at=NOON - SECOND).state is RunnerState.READY


@pytest.mark.parametrize(
    "fields",
    [
        {"assigned_job": 7},
        {"gone_at": NOON - SECOND},
        *({"state": state} for state in RunnerState if state is not RunnerState.BOOTING),
    ],
    ids=str,
)
def test_no_other_machine_becomes_ready_by_saying_so(fields: dict[str, object]) -> None:
    """One that was claimed waits for its job; one that sleeps, works or ends has said it some time ago. It lives."""
    world = World()
    before = spare(world, **fields)
    assert says(world) == attrs.evolve(before, heartbeat_at=NOON)
    assert verdicts(world) == []


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_claim_that_comes_between_stands(call: int) -> None:
    """A job claims the machine while its word is handled: it stays that job's, and boots."""
    world = World()
    spare(world)
    claim = RunnerChange(assigned_job=7, claimed_at=NOON, spare_of=None)
    between = Between(call, lambda: world.table.runners.update("i-1", {}, claim))
    fleet = world.new_fleet(between.around)
    fleet.events(RunnerReported(ReportEvent.READY, "i-1", 0, 0, "", NOON))
    after = world.runner("i-1")
    assert (after.assigned_job, after.state, after.heartbeat_at) == (7, RunnerState.BOOTING, NOON)


def test_a_spare_without_a_record_is_taken_up_first() -> None:
    """As every machine that somebody speaks of, if the cloud calls it ours."""
    world = World()
    request = LaunchRequest("stray", 1, RunnerSpec(), Market.ON_DEMAND, 40, stock=Stock.HOT)
    machine = world.cloud.launch(request).machines[0].id
    assert says(world, machine=machine).state is RunnerState.READY
    assert verdicts(world, machine) == ["adopted", "ready"]


SIGNS = st.lists(
    st.tuples(st.sampled_from([ReportEvent.READY, ReportEvent.HEARTBEAT]), st.integers(BOOTED, NOON + MINUTE)),
    min_size=1,
    max_size=6,
)


@given(signs=SIGNS, again=st.randoms(use_true_random=False))
def test_in_whatever_order_signs_come_the_newest_is_the_last_one(
    signs: list[tuple[ReportEvent, Moment]],
    again: Random,
) -> None:
    """Twice, backwards, from a clock that is ahead: never later than now, and ready if it ever said so."""
    world = World()
    spare(world)
    told = signs * 2
    again.shuffle(told)
    for event, at in told:
        after = says(world, event, at)
    assert after.heartbeat_at == min(NOON, max(at for _, at in signs))
    assert (after.state is RunnerState.READY) is any(event is ReportEvent.READY for event, _ in signs)
