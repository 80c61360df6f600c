"""What the in-memory adapter offers beyond the ports: control over time, chance, waiting and mishaps."""

import pytest

from paddock.adapters.listings import changed, listing_of
from paddock.adapters.memory import (
    BlockingWaiter,
    ManualClock,
    ManualSleeper,
    MemoryAssignments,
    MemoryDecisions,
    MemoryQueue,
    MemoryRecords,
    SeededChance,
    SequentialIds,
)
from paddock.adapters.system import SystemClock
from paddock.core.decision import Decision
from paddock.core.job import Job, JobFacts
from paddock.core.messages import Assignment, RunCompleted, RunnerPackage
from paddock.core.records import JOBS, LAUNCHES
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.strategies import NOON
from tests.threads import PATIENCE, race

MESSAGE = RunCompleted(1, 1, "acme/api", None)
JOB = Job(facts=JobFacts(1, 1, "acme/api", ()))


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    """Forwards, backwards, or to a moment; a sleeper moves it too."""
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(SECOND) == clock.now() == NOON + SECOND
    clock.advance(-2 * SECOND)
    assert clock.now() == NOON - SECOND
    clock.set(NOON)
    ManualSleeper(clock).sleep(HOUR)
    assert clock.now() == NOON + HOUR


def test_moving_the_clock_in_many_threads_loses_no_time() -> None:
    """Each advance counts."""
    clock = ManualClock()
    race(4, lambda _: [clock.advance(1) for _ in range(500)])
    assert clock.now() == 2_000


def test_chance_with_the_same_seed_repeats_itself() -> None:
    """Two runs are the same run; another seed is another run."""

    def numbers(seed: int) -> list[int]:
        chance = SeededChance(seed)
        return [chance.below(1_000) for _ in range(20)]

    assert numbers(7) == numbers(7) != numbers(8)


def test_ids_count_from_where_they_are_told() -> None:
    """So that two runs name their machines alike."""
    assert SequentialIds(255).token() == f"{255:032x}"


def test_a_blocked_receiver_is_woken_by_a_message() -> None:
    """On a real clock: the wait ends when something is sent, long before it would have run out."""
    queue: MemoryQueue[RunCompleted] = MemoryQueue(SystemClock(), waiter=BlockingWaiter())

    def work(thread: int) -> list[RunCompleted]:
        if thread == 0:
            return [received.message for received in queue.receive(1, wait=PATIENCE * SECOND)]
        queue.send([MESSAGE])
        return []

    assert race(2, work) == [[MESSAGE], []]


def test_a_blocked_receiver_gives_up_after_its_wait() -> None:
    """Nothing came: an empty answer, and the thread is free again."""
    queue: MemoryQueue[RunCompleted] = MemoryQueue(SystemClock(), waiter=BlockingWaiter())
    assert list(queue.receive(1, wait=5_000)) == []


def test_without_a_waiter_nobody_waits() -> None:
    """A manual clock would stand still for ever: the answer is empty at once, and the clock is where it was."""
    clock = ManualClock(NOON)
    queue: MemoryQueue[RunCompleted] = MemoryQueue(clock)
    queue.send([MESSAGE], delay=SECOND)
    assert list(queue.receive(1, wait=HOUR)) == []
    assert clock.now() == NOON


@pytest.mark.parametrize("delay", [-1, 15 * MINUTE + 1])
def test_a_delay_that_sqs_does_not_know_is_refused(delay: int) -> None:
    """Negative, or above a quarter of an hour; nothing is sent."""
    queue: MemoryQueue[RunCompleted] = MemoryQueue(ManualClock())
    with pytest.raises(ValueError, match="delay"):
        queue.send([MESSAGE], delay=delay)
    assert queue.depth().waiting == 0


def test_a_batch_of_nothing_and_a_deferral_into_the_past_are_refused() -> None:
    """Mistakes of ours: the errors name field and value, and the loan stays as it is."""
    queue: MemoryQueue[RunCompleted] = MemoryQueue(ManualClock())
    queue.send([MESSAGE])
    with pytest.raises(ValueError, match="limit = 0"):
        queue.receive(0)
    (lent,) = queue.receive(1)
    with pytest.raises(ValueError, match="delay = -1"):
        queue.defer(lent.receipt, -1)
    assert queue.depth().on_loan == 1


def test_decisions_can_be_streamed_out() -> None:
    """`forget` hands over what was known about a subject and keeps nothing of it; others stay."""
    log = MemoryDecisions()
    one, other = (Decision(subject, 1, "intake", "accepted", "ours") for subject in ("job:1", "job:2"))
    log.append([one, other])
    assert list(log.forget("job:1")) == [one]
    assert list(log.about("job:1")) == list(log.forget("job:1")) == []
    assert list(log.about("job:2")) == [other]


def test_assignments_do_not_show_their_secret() -> None:
    """Neither the store nor what it returns has the registration in its representation."""
    package = RunnerPackage("2.330.0", "https://example.test/runner.tar.gz", "0" * 64, "runner.tar.gz")
    store = MemoryAssignments()
    receipt = store.put(Assignment("i-1", 1, 1, "acme/api", (), "name", 1, package, jit_config="c2VjcmV0"))
    assert "c2VjcmV0" not in f"{receipt!r} {store!r} {store._slots!r} {store.take('i-1')!r}"


def test_records_are_counted() -> None:
    """`len` tells how many there are, so that a simulation can watch itself."""
    records = MemoryRecords(JOBS)
    records.add(JOB)
    assert len(records) == 1
    records.remove("1")
    assert len(records) == 0
    assert records._places == {}


def test_a_record_keeps_its_key() -> None:
    """A change that would turn it into another record is refused."""
    with pytest.raises(ValueError, match="keeps its key"):
        changed(JOB, {"facts": JobFacts(2, 1, "acme/api", ())})


def test_a_listing_without_room_or_of_a_kind_without_indexes_is_refused() -> None:
    """The error names the field, the value and what would be right."""
    with pytest.raises(ValueError, match="limit = 0: must be at least 1"):
        listing_of(JOBS, "all", "all", 0)
    with pytest.raises(ValueError, match="index = 'all': LAUNCH has no indexes"):
        listing_of(LAUNCHES, "all", "all", 1)


@pytest.mark.parametrize(
    "cursor",
    ["", "null", "[]", "7", '["JOB","all","all"]', '["JOB","all","all","1","1"]', '["JOB","all","all",true,"1"]'],
)
def test_a_cursor_is_checked_in_every_part(cursor: str) -> None:
    """No JSON, no list, too short, or an order that is no number."""
    with pytest.raises(ValueError, match="cursor"):
        listing_of(JOBS, "all", "all", 1).place(cursor)


def test_a_cursor_leads_back_to_its_place() -> None:
    """Whatever is in the key."""
    listing = listing_of(JOBS, "all", "all", 1)
    assert listing.place(listing.cursor(5, 'a,"b"]')) == (5, 'a,"b"]')
