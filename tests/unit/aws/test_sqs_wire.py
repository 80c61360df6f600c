"""What SQS takes: batches within its limits, repetitions by id, codes with a meaning."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.adapters.sqs_wire import (
    MAX_BYTES,
    MAX_DELAY,
    PAUSES,
    Batch,
    Failed,
    batches,
    delay_seconds,
    deliver,
    entry_error,
    fitting,
    size_of,
)
from paddock.core.errors import PaddockError, Rejected, Throttled, Unavailable, Unsupported
from paddock.core.units import SECOND

BATCH: Batch = {"0": "a", "1": "b", "2": "c"}
BUSY = Failed("1", "InternalError", "try again", ours=False)


def error(failed: Failed) -> PaddockError:
    return entry_error("SendMessageBatch", failed, {"InternalError": Unavailable})


class Taking:
    """Plays SQS's part: what fails in each round, and which ids were offered in it."""

    def __init__(self, *rounds: Sequence[Failed]) -> None:
        self.rounds = list(rounds)
        self.offered: list[list[str]] = []

    def __call__(self, batch: Batch) -> Sequence[Failed]:
        """Take what does not fail in this round."""
        self.offered.append(list(batch))
        return self.rounds.pop(0)


@given(st.lists(st.one_of(st.integers(0, 300), st.integers(0, MAX_BYTES)), max_size=40))
def test_batches_hold_everything_in_order_within_the_limits(sizes: list[int]) -> None:
    """At most ten entries and 1 MiB, distinct ids, nothing lost, and no batch that the one before had room for."""
    bodies = ["x" * size for size in sizes]
    made = list(batches(bodies))
    assert [body for batch in made for body in batch.values()] == bodies
    for batch in made:
        assert 1 <= len(batch) <= 10
        assert sum(map(len, batch.values())) <= MAX_BYTES
    for batch, following in itertools.pairwise(made):
        room = MAX_BYTES - sum(map(len, batch.values()))
        assert len(batch) == 10 or len(next(iter(following.values()))) > room


def test_a_size_is_counted_in_bytes() -> None:
    """As they travel, not as Python counts characters."""
    assert [size_of(text) for text in ("abc", "ä", "€", "😀", "\ud800")] == [3, 2, 3, 4, 3]


def test_a_message_over_the_limit_is_refused_before_anything_is_sent() -> None:
    """It could never be sent, so the others are not either."""
    with pytest.raises(Rejected, match="1048577 bytes"):
        fitting(["short", "ä" * (MAX_BYTES // 2), "ä" * (MAX_BYTES // 2) + "x"])


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (1, 1), (SECOND, 1), (SECOND + 1, 2), (MAX_DELAY, 900)])
def test_a_delay_is_rounded_up(delay: int, seconds: int) -> None:
    """SQS counts seconds, and nothing may be seen too early."""
    assert delay_seconds(delay) == seconds


@pytest.mark.parametrize("delay", [-1, MAX_DELAY + 1])
def test_a_delay_out_of_range_is_refused(delay: int) -> None:
    """Less than nothing, or more than SQS's fifteen minutes."""
    with pytest.raises(ValueError, match="delay"):
        delay_seconds(delay)


def test_what_sqs_did_not_take_goes_again_by_its_id() -> None:
    """Only those entries, after a pause each time."""
    clock, taking = ManualClock(), Taking([BUSY, Failed("2", "RequestThrottled", "", ours=True)], [BUSY], [])
    deliver(BATCH, taking, ManualSleeper(clock), error)
    assert taking.offered == [["0", "1", "2"], ["1", "2"], ["1"]]
    assert clock.now() == sum(PAUSES)


def test_what_is_never_taken_is_an_error_at_last() -> None:
    """A few times, then the caller's queue is the better place to wait."""
    taking = Taking([BUSY], [BUSY], [BUSY])
    with pytest.raises(Unavailable, match="InternalError: try again"):
        deliver(BATCH, taking, ManualSleeper(ManualClock()), error)
    assert len(taking.offered) == 3


def test_an_entry_that_is_at_fault_is_not_sent_again() -> None:
    """Repeating it is useless, whatever else failed beside it."""
    taking = Taking([BUSY, Failed("2", "InvalidMessageContents", "a zero byte", ours=True)])
    with pytest.raises(Rejected, match="a zero byte"):
        deliver(BATCH, taking, ManualSleeper(ManualClock()), error)
    assert len(taking.offered) == 1


@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        (Failed("0", "UnsupportedOperation", "", ours=True), Unsupported),
        (Failed("0", "KmsThrottled", "", ours=True), Throttled),
        (Failed("0", "InternalError", "", ours=False), Unavailable),
        (Failed("0", "Unheard", "", ours=False), Unavailable),
        (Failed("0", "Unheard", "", ours=True), Rejected),
    ],
)
def test_the_code_of_an_entry_decides(failed: Failed, kind: type[PaddockError]) -> None:
    """SQS's own codes, then the common ones; a code that nobody knows is theirs or ours as SQS says."""
    assert type(error(failed)) is kind
