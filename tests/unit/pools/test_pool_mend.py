"""What is believed of a pool's machine where its record, the cloud and the clock disagree: a row for each pair."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.pools.mend import EndBroken, Mending, Note, StopAgain, member_of, mend
from paddock.core.pools.naps import BELIEVED, noted
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.runner import Nap, Runner
from paddock.core.settings import Deadlines
from paddock.core.spec import Market
from paddock.core.states import RUNNER_LIFE, SPARE, RunnerState
from paddock.core.units import HOUR, MINUTE, Span
from tests.strategies import NOON

DEADLINES = Deadlines()
AT_ONCE: Span = -1
R, C = RunnerState, MachineState
MACHINE = Machine("i-1", C.RUNNING, NOON)
SPARE_RECORD = Runner("i-1", "", (), "launch", pool="warm", stock=Stock.HOT, spare_of="warm", since=NOON)

Expected: TypeAlias = tuple[Span, type[Mending], RunnerState | None]
"""After which span in this state; what is then to be mended; the state that a note brings it to."""

BOOTS_FOREVER: Expected = (DEADLINES.orphan, EndBroken, None)
SILENT: Expected = (DEADLINES.silence, EndBroken, None)
TABLE: Mapping[tuple[RunnerState, MachineState], Expected] = {
    (R.BOOTING, C.PENDING): BOOTS_FOREVER,
    (R.BOOTING, C.RUNNING): BOOTS_FOREVER,
    (R.BOOTING, C.STOPPING): BOOTS_FOREVER,
    (R.BOOTING, C.STOPPED): (BELIEVED, Note, R.STOPPED),  # it was never started, or fell back: it is as good as before
    (R.READY, C.PENDING): SILENT,
    (R.READY, C.RUNNING): SILENT,
    (R.READY, C.STOPPING): (BELIEVED, Note, R.STOPPING),  # somebody stopped it by hand
    (R.READY, C.STOPPED): (BELIEVED, Note, R.STOPPING),
    (R.STOPPING, C.PENDING): (BELIEVED, Note, R.BOOTING),  # somebody started it by hand
    (R.STOPPING, C.RUNNING): (BELIEVED, StopAgain, None),  # whoever flipped it died before he told the cloud
    (R.STOPPING, C.STOPPED): (AT_ONCE, Note, R.STOPPED),
    (R.STOPPED, C.PENDING): (BELIEVED, Note, R.BOOTING),
    (R.STOPPED, C.RUNNING): (BELIEVED, Note, R.BOOTING),
}
"""All pairs that are ever mended. Of every other one nothing is done, however long it lasts."""

PAIRS: Sequence[tuple[RunnerState, MachineState]] = [(state, seen) for state in sorted(SPARE) for seen in C]
AGES: Sequence[Span] = [0, BELIEVED, BELIEVED + 1, DEADLINES.orphan, DEADLINES.orphan + 1, DEADLINES.silence, 9 * HOUR]


def mended(state: RunnerState, seen: MachineState | None, age: Span) -> Mending | None:
    """What is to be done about a spare that is so long in this state, and which the cloud sees like that."""
    runner = attrs.evolve(SPARE_RECORD, state=state, launched_at=NOON - HOUR)
    machines = {} if seen is None else {"i-1": attrs.evolve(MACHINE, state=seen)}
    found = mend([runner], machines, NOON + age, DEADLINES)
    return found[0] if found else None


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize(("state", "seen"), PAIRS)
def test_every_pair_of_record_and_cloud_at_every_age(state: RunnerState, seen: MachineState, age: Span) -> None:
    """Before its time nothing is done, and from then on the one thing that its row says."""
    after, kind, becomes = TABLE.get((state, seen), (0, None, None))
    found = mended(state, seen, age)
    if kind is None or age <= after:
        assert found is None
        return
    assert type(found) is kind
    assert getattr(found, "state", None) is becomes
    assert found is not None
    assert found.reason


@pytest.mark.parametrize("age", [0, 9 * HOUR])
@pytest.mark.parametrize("state", sorted(SPARE))
def test_of_one_that_the_cloud_does_not_know_nothing_is_believed(state: RunnerState, age: Span) -> None:
    """Whether it is gone is the sweep's to find out: one just launched may not be listed yet."""
    assert mended(state, None, age) is None
    assert mended(state, C.TERMINATED, age) is None


def test_every_note_is_an_edge_of_a_machines_life() -> None:
    """What the cloud says can be written down."""
    notes = [(state, target) for (state, _), (_, kind, target) in TABLE.items() if kind is Note and target is not None]
    assert len(notes) == sum(kind is Note for _, kind, _ in TABLE.values())
    assert [pair for pair in notes if not RUNNER_LIFE.allows(*pair)] == []


def test_a_sign_of_life_keeps_a_ready_one() -> None:
    """Silence counts from the last word, whichever that was: it came up, it was ready, it beat."""
    for field in ("since", "ready_at", "heartbeat_at"):
        said: dict[str, Any] = {"since": NOON - HOUR, field: NOON}
        heard = attrs.evolve(SPARE_RECORD, state=R.READY, **said)
        assert mend([heard], {"i-1": MACHINE}, NOON + DEADLINES.silence, DEADLINES) == ()
        (found,) = mend([heard], {"i-1": MACHINE}, NOON + DEADLINES.silence + 1, DEADLINES)
        assert isinstance(found, EndBroken)


@pytest.mark.parametrize("seen", [*C, None])
@pytest.mark.parametrize("state", sorted(SPARE))
def test_a_member_is_complete_only_if_record_and_cloud_agree(state: RunnerState, seen: MachineState | None) -> None:
    """What disagrees counts as there, and is neither stopped nor ended; what is being terminated is no spare."""
    agree = {
        R.BOOTING: {C.PENDING, C.RUNNING},
        R.READY: {C.PENDING, C.RUNNING},
        R.STOPPING: {C.RUNNING, C.STOPPING, C.STOPPED},
        R.STOPPED: {C.STOPPED},
    }
    machine = None if seen is None else attrs.evolve(MACHINE, state=seen)
    member = member_of(attrs.evolve(SPARE_RECORD, state=state), machine)
    assert member.complete is (seen in agree.get(state, set()))
    assert member.spare is (seen is not C.TERMINATED)
    assert not member_of(attrs.evolve(SPARE_RECORD, state=state, market=Market.SPOT), machine).complete


def test_a_member_with_a_claim_is_no_spare() -> None:
    """Whatever its state: a job has it, and it is somebody else's to end."""
    claimed = attrs.evolve(SPARE_RECORD, state=R.READY, spare_of=None, assigned_job=1)
    assert not member_of(claimed, MACHINE).spare


def test_one_that_was_never_started_after_all_has_slept_on() -> None:
    """Its nap goes on, and no second of it is taken for time awake."""
    asleep = attrs.evolve(SPARE_RECORD, state=R.STOPPED, naps=(Nap(NOON),))
    flipped = attrs.evolve(asleep, **noted(asleep, R.BOOTING, NOON + MINUTE))
    assert flipped.naps == (Nap(NOON, NOON + MINUTE),)
    back = attrs.evolve(flipped, **noted(flipped, R.STOPPED, NOON + 4 * MINUTE))
    assert (back.state, back.since, back.naps) == (R.STOPPED, NOON + 4 * MINUTE, (Nap(NOON),))


@given(st.lists(st.sampled_from([R.STOPPING, R.STOPPED, R.BOOTING, R.READY]), max_size=12))
def test_naps_follow_on_each_other_whatever_is_noted(states: list[RunnerState]) -> None:
    """One at a time is open, none begins before the last one ended, and only the last is open."""
    runner = attrs.evolve(SPARE_RECORD, state=R.READY)
    for minute, state in enumerate(states):
        if RUNNER_LIFE.allows(runner.state, state) and state not in {R.READY, runner.state}:
            runner = attrs.evolve(runner, **noted(runner, state, NOON + minute * MINUTE))
    closed = runner.naps if runner.state is R.BOOTING else runner.naps[:-1]
    assert all(nap.woken_at is not None and nap.woken_at >= nap.stopped_at for nap in closed)
    starts = [nap.stopped_at for nap in runner.naps]
    assert starts == sorted(starts)
