"""What every queue promises, held against each adapter."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.codec import message_from_data
from paddock.core.messages import EventMessage, RunCompleted
from paddock.core.ports.queues import Depth, Received
from paddock.core.units import MINUTE, SECOND
from tests.integration.contracts.queue_adapters import ADAPTERS, MAX_RECEIVES, VISIBILITY, OpenQueue, QueueUnderTest
from tests.strategies import events
from tests.threads import race

UNREADABLE = {
    "empty": "",
    "no JSON": "started!",
    "no object": '["run_completed"]',
    "no kind": '{"version": 1}',
    "unknown kind": '{"kind": "run_exploded", "version": 1}',
    "version from the future": '{"kind": "run_completed", "version": 99}',
    "missing fields": '{"kind": "run_completed", "version": 1}',
    "wrong type": '{"kind": "run_completed", "version": 1, "run_id": "1", "run_attempt": 1, "repository": "a/b"}',
    "nested too deep": "[" * 50_000,
}


@pytest.fixture(params=ADAPTERS.values(), ids=list(ADAPTERS))
def under_test(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QueueUnderTest]:
    """An empty queue."""
    with request.param(tmp_path) as opened:
        yield opened


def message(number: int) -> RunCompleted:
    return RunCompleted(run_id=number, run_attempt=1, repository="acme/api", conclusion="success")


def numbers(received: Sequence[Received[EventMessage]]) -> list[int]:
    return sorted(item.message.run_id for item in received if isinstance(item.message, RunCompleted))


def drain(under_test: QueueUnderTest) -> list[Received[EventMessage]]:
    """Everything that can be had now."""
    received: list[Received[EventMessage]] = []
    while batch := under_test.queue.receive(10):
        received += batch
    return received


def use_up(under_test: QueueUnderTest) -> None:
    """Receive what is there as often as the queue allows, and let every loan run out."""
    for _ in range(MAX_RECEIVES):
        assert drain(under_test)
        under_test.pass_time(VISIBILITY)


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=list(ADAPTERS))
def test_every_message_comes_out_as_it_went_in(adapter: OpenQueue, tmp_path: Path) -> None:
    """Whatever is in a message, the receiver gets an equal one."""
    with adapter(tmp_path) as under_test:

        @settings(max_examples=60)
        @given(st.lists(events, min_size=1, max_size=3))
        def comes_out(messages: list[EventMessage]) -> None:
            under_test.queue.send(messages)
            received = drain(under_test)
            under_test.queue.delete([item.receipt for item in received])
            assert sorted(map(repr, messages)) == sorted(repr(item.message) for item in received)

        comes_out()


def test_each_message_is_lent_once_at_a_time(under_test: QueueUnderTest) -> None:
    """More messages than one request to SQS can carry go in at once, and each comes out once, with its first loan."""
    under_test.queue.send([message(number) for number in range(25)])
    received = drain(under_test)
    assert numbers(received) == list(range(25))
    assert {item.receives for item in received} == {1}
    assert len({item.receipt for item in received}) == 25


def test_a_batch_holds_no_more_than_asked_for(under_test: QueueUnderTest) -> None:
    """`limit` is a ceiling, also above SQS's own of ten."""
    under_test.queue.send([message(number) for number in range(15)])
    assert len(under_test.queue.receive(2)) <= 2
    assert len(under_test.queue.receive(12)) <= 12


def test_an_empty_queue_gives_nothing(under_test: QueueUnderTest) -> None:
    """No message is no error, neither to receive nor to send."""
    under_test.queue.send([])
    assert list(under_test.queue.receive(10)) == []
    assert under_test.queue.depth() == Depth(0, 0, 0)


def test_a_loan_that_runs_out_comes_back_with_another_receipt(under_test: QueueUnderTest) -> None:
    """Hidden while it is on loan, seen again after the visibility time-out, with its loans counted."""
    under_test.queue.send([message(1)])
    (first,) = drain(under_test)
    under_test.pass_time(VISIBILITY - SECOND)
    assert drain(under_test) == []
    under_test.pass_time(SECOND)
    (second,) = drain(under_test)
    assert second.message == first.message
    assert second.receives == 2
    assert second.receipt != first.receipt


def test_what_is_deleted_never_comes_back(under_test: QueueUnderTest) -> None:
    """Only the messages whose receipts were given are done."""
    under_test.queue.send([message(1), message(2)])
    received = drain(under_test)
    under_test.queue.delete([item.receipt for item in received if item.message == message(1)])
    under_test.pass_time(VISIBILITY)
    assert numbers(drain(under_test)) == [2]


def test_an_outdated_receipt_changes_nothing(under_test: QueueUnderTest) -> None:
    """A slow handler cannot delete or give back what somebody else holds meanwhile; deleting twice is no error."""
    under_test.queue.send([message(1)])
    (first,) = drain(under_test)
    under_test.pass_time(VISIBILITY)
    (second,) = drain(under_test)
    under_test.queue.delete([first.receipt])
    under_test.queue.defer(first.receipt, 0)
    assert drain(under_test) == []
    under_test.pass_time(VISIBILITY)
    (third,) = drain(under_test)
    assert third.receives == 3
    under_test.queue.delete([third.receipt])
    under_test.queue.delete([third.receipt, second.receipt])
    under_test.queue.defer(third.receipt, 0)
    assert drain(under_test) == []
    assert under_test.queue.depth() == Depth(0, 0, 0)


@pytest.mark.parametrize("receipt", ["", "nonsense", "1", "0-0", "1-2-3", "9" * 60 + "-1", "²-1", "1-1 OR 1=1"])
def test_an_unknown_receipt_changes_nothing(under_test: QueueUnderTest, receipt: str) -> None:
    """Whatever text it is, nobody's message is touched."""
    under_test.queue.send([message(1)])
    under_test.queue.delete([receipt])
    under_test.queue.defer(receipt, 0)
    assert numbers(drain(under_test)) == [1]


def test_a_deferred_message_comes_back_after_its_delay(under_test: QueueUnderTest) -> None:
    """Given back before its time-out: hidden for the delay, which may be longer or shorter than the time-out."""
    under_test.queue.send([message(1)])
    (first,) = drain(under_test)
    under_test.queue.defer(first.receipt, 2 * VISIBILITY)
    under_test.pass_time(2 * VISIBILITY - SECOND)
    assert drain(under_test) == []
    under_test.pass_time(SECOND)
    (second,) = drain(under_test)
    assert second.receives == 2
    under_test.queue.defer(second.receipt, 0)
    (third,) = drain(under_test)
    assert third.receives == 3


def test_a_delayed_message_is_seen_after_its_delay(under_test: QueueUnderTest) -> None:
    """Up to the fifteen minutes that SQS allows; others overtake it."""
    under_test.queue.send([message(1)], delay=15 * MINUTE)
    under_test.queue.send([message(2)])
    received = drain(under_test)
    assert numbers(received) == [2]
    under_test.queue.delete([item.receipt for item in received])
    under_test.pass_time(15 * MINUTE - SECOND)
    assert drain(under_test) == []
    under_test.pass_time(SECOND)
    assert numbers(drain(under_test)) == [1]


def test_waiting_gets_what_appears_meanwhile(under_test: QueueUnderTest) -> None:
    """`receive` returns as soon as there is something, and empty-handed if nothing comes in time."""
    under_test.queue.send([message(1)], delay=2 * SECOND)
    assert list(under_test.queue.receive(10, wait=1 * SECOND)) == []
    assert numbers(under_test.queue.receive(10, wait=5 * SECOND)) == [1]


def test_a_message_that_nobody_finishes_becomes_a_dead_letter(under_test: QueueUnderTest) -> None:
    """After the maximum of receives it is never lent again, and stands among the dead with its text and a reason."""
    under_test.queue.send([message(1)])
    use_up(under_test)
    assert drain(under_test) == []
    (letter,) = under_test.queue.dead_letters()
    assert message_from_data(json.loads(letter.body)) == message(1)
    assert str(MAX_RECEIVES) in letter.reason


def test_giving_back_counts_as_a_receive(under_test: QueueUnderTest) -> None:
    """A message that every handler defers is given up as well: waiting for ever needs another place than a queue."""
    under_test.queue.send([message(1)])
    for _ in range(MAX_RECEIVES):
        (received,) = drain(under_test)
        under_test.queue.defer(received.receipt, SECOND)
        under_test.pass_time(SECOND)
    assert drain(under_test) == []
    assert under_test.queue.depth() == Depth(0, 0, 1)


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_message_becomes_a_dead_letter_at_once(under_test: QueueUnderTest, body: str) -> None:
    """It is never lent, holds nobody else up, and is kept word for word with the reason."""
    under_test.send_text(body)
    under_test.queue.send([message(1)])
    assert numbers(drain(under_test)) == [1]
    (letter,) = under_test.queue.dead_letters()
    assert letter.body == body
    assert "unreadable" in letter.reason
    assert not letter.readable


def test_dead_letters_stay_where_they_are(under_test: QueueUnderTest) -> None:
    """Looking takes nothing away, and shows no more than asked for."""
    for number in range(3):
        under_test.send_text(f"broken {number}")
    drain(under_test)
    assert len(under_test.queue.dead_letters(2)) == 2
    assert {letter.body for letter in under_test.queue.dead_letters()} == {"broken 0", "broken 1", "broken 2"}
    assert under_test.queue.depth() == Depth(0, 0, 3)


def test_redrive_gives_dead_letters_another_life(under_test: QueueUnderTest) -> None:
    """What can be read goes back with its receives at zero, and can be used up again; the unreadable stays dead."""
    under_test.queue.send([message(1), message(2)])
    under_test.send_text("broken")
    use_up(under_test)
    assert drain(under_test) == []
    assert under_test.queue.redrive() == 2
    assert [letter.body for letter in under_test.queue.dead_letters()] == ["broken"]
    received = drain(under_test)
    assert numbers(received) == [1, 2]
    assert {item.receives for item in received} == {1}
    under_test.pass_time(VISIBILITY)
    for _ in range(MAX_RECEIVES - 1):
        assert numbers(drain(under_test)) == [1, 2]
        under_test.pass_time(VISIBILITY)
    assert drain(under_test) == []
    assert len(under_test.queue.dead_letters()) == 3


def test_a_redrive_puts_back_what_is_wanted_and_leaves_the_rest(under_test: QueueUnderTest) -> None:
    """Each that can be read is asked about once, and of each that is back somebody is told."""
    under_test.queue.send([message(number) for number in range(23)])
    under_test.send_text("broken")
    use_up(under_test)
    assert drain(under_test) == []
    asked: list[int] = []
    told: list[int] = []

    def wanted(body: str) -> bool:
        asked.append(json.loads(body)["run_id"])
        return asked[-1] % 2 == 0

    assert under_test.queue.redrive(wanted, told=lambda body: told.append(json.loads(body)["run_id"])) == 12
    assert (sorted(asked), sorted(told)) == (list(range(23)), list(range(0, 23, 2)))
    assert numbers(drain(under_test)) == list(range(0, 23, 2))
    left = [
        json.loads(letter.body)["run_id"] for letter in under_test.queue.dead_letters(50) if letter.body != "broken"
    ]
    assert sorted(left) == list(range(1, 23, 2))
    assert under_test.queue.depth() == Depth(0, 12, 12)


@pytest.mark.parametrize("most", [0, 1, 10, 11])
def test_a_redrive_puts_back_no_more_than_it_may(under_test: QueueUnderTest, most: int) -> None:
    """The others are there for the next one, at once."""
    under_test.queue.send([message(number) for number in range(12)])
    use_up(under_test)
    assert drain(under_test) == []
    told: list[str] = []
    assert under_test.queue.redrive(most=most, told=told.append) == most
    assert len(told) == most
    assert len(drain(under_test)) == most
    assert len(under_test.queue.dead_letters(50)) == 12 - most
    assert under_test.queue.redrive(most=most or 12) == min(most or 12, 12 - most)


@pytest.mark.parametrize("adapter", [each for name, each in ADAPTERS.items() if name != "sqs"])
def test_two_redrives_at_once_put_each_letter_back_once(adapter: OpenQueue, tmp_path: Path) -> None:
    """One waits for the other. On SQS, where moto may lend one message to two, this is shown without threads."""
    with adapter(tmp_path) as under_test:
        under_test.queue.send([message(number) for number in range(12)])
        use_up(under_test)
        assert drain(under_test) == []
        assert sum(race(2, lambda _: under_test.queue.redrive())) == 12
        assert numbers(drain(under_test)) == list(range(12))
        assert under_test.queue.depth() == Depth(0, 12, 0)


def test_a_receipt_from_before_the_redrive_changes_nothing(under_test: QueueUnderTest) -> None:
    """Receives begin at zero again, receipts do not."""
    under_test.queue.send([message(1)])
    (first,) = drain(under_test)
    under_test.pass_time(VISIBILITY)
    for _ in range(MAX_RECEIVES - 1):
        assert drain(under_test)
        under_test.pass_time(VISIBILITY)
    assert drain(under_test) == []
    assert under_test.queue.redrive() == 1
    assert drain(under_test)
    under_test.queue.delete([first.receipt])
    under_test.pass_time(VISIBILITY)
    assert numbers(drain(under_test)) == [1]


def test_depth_counts_what_waits_is_lent_and_is_dead(under_test: QueueUnderTest) -> None:
    """A delayed message waits, a lent one is on loan until its time-out, and what is given up is dead."""
    under_test.queue.send([message(1)], delay=MINUTE)
    under_test.queue.send([message(2), message(3)])
    assert under_test.queue.depth() == Depth(3, 0, 0)
    first, second = drain(under_test)
    assert under_test.queue.depth() == Depth(1, 2, 0)
    under_test.queue.delete([first.receipt])
    assert under_test.queue.depth() == Depth(1, 1, 0)
    under_test.pass_time(VISIBILITY)
    assert under_test.queue.depth() == Depth(2, 0, 0)
    under_test.send_text("broken")
    received = drain(under_test)
    assert [item.message for item in received] == [second.message]
    assert under_test.queue.depth() == Depth(1, 1, 1)


def test_consumers_in_many_threads_share_the_messages(under_test: QueueUnderTest) -> None:
    """Within the visibility time-out each message goes to one of them; a lenient queue lends one twice now and then."""
    under_test.queue.send([message(number) for number in range(40)])

    def consume(_: int) -> list[int]:
        received: list[Received[EventMessage]] = []
        while batch := under_test.queue.receive(3):
            received += batch
            under_test.queue.delete([item.receipt for item in batch])
        return numbers(received)

    lent = sorted(number for mine in race(4, consume) for number in mine)
    assert sorted(set(lent)) == list(range(40))
    assert under_test.lenient or len(lent) == len(set(lent))
    assert under_test.queue.depth() == Depth(0, 0, 0)
