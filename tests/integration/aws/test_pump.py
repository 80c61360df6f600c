"""The pump does what Lambda's event source mapping does: one test for each rule. It is the tests' own, so tested."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

from paddock.adapters.memory.system import SeededChance
from paddock.core.units import SECOND
from tests.aws.events import EventBridge, Schedule, called_by_url, spot_warning, state_change
from tests.aws.machine import ACCOUNT
from tests.aws.pump import FunctionError, Mapped, Pump, Turn, failures_in
from tests.aws.queue import MotoQueue, queue_on_moto
from tests.strategies import NOON

pytestmark = pytest.mark.slow

VISIBILITY, RECEIVES = 30 * SECOND, 3


@attrs.define
class Told:
    """A function that answers what it is told to: the last answer again and again. An exception is raised."""

    answers: list[Any] = attrs.field(factory=lambda: [{"batchItemFailures": []}])
    events: list[Mapping[str, Any]] = attrs.field(factory=list)

    def invoke(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any answer
        """See `Function`."""
        self.events.append(event)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(event) if callable(answer) else answer

    def bodies(self) -> list[list[str]]:
        """What each event brought."""
        return [[record["body"] for record in event["Records"]] for event in self.events]


@pytest.fixture
def queue() -> Iterator[MotoQueue]:
    with queue_on_moto(VISIBILITY, RECEIVES) as made:
        yield made


def pump(queue: MotoQueue, function: Told, **fields: Any) -> Pump:  # noqa: ANN401 - of the mapping
    """A pump between the two, which does not wait."""
    mapped = Mapped(queue_url=queue.url, poll=0, **fields)
    return Pump(queue.clients.sqs, mapped, function, chance=SeededChance(1), sender_of=lambda _: "AROAEXAMPLE:i-1")


def named(*bodies: str) -> Any:  # noqa: ANN401 - an answer to an event
    """An answer that has the messages with these texts come back."""

    def answer(event: Mapping[str, Any]) -> dict[str, Any]:
        back = [record["messageId"] for record in event["Records"] if record["body"] in bodies]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in back]}

    return answer


def counts(queue: MotoQueue) -> tuple[int, int, int]:
    """Messages that wait, are on loan, and are dead."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    of, dead = (
        queue.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        for url in (queue.url, queue.dead_letter_url)
    )
    return int(of[names[0]]), int(of[names[1]]), int(dead[names[0]])


def test_an_event_has_the_shape_that_lambda_gives_it(queue: MotoQueue) -> None:
    """Every field of the documented event, and the sender by whoever knows it."""
    function = Told()
    queue.send_text("one")
    assert len(pump(queue, function).once().deleted) == 1
    ((record,),) = (event["Records"] for event in function.events)
    assert set(record) == {
        *("messageId", "receiptHandle", "body", "attributes", "messageAttributes"),
        *("md5OfBody", "eventSource", "eventSourceARN", "awsRegion"),
    }
    assert set(record["attributes"]) >= {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"),
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SenderId"] == "AROAEXAMPLE:i-1"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].split(":")[3:5] == [record["awsRegion"], ACCOUNT]


def test_what_was_handled_is_deleted_and_what_was_named_stays_on_loan(queue: MotoQueue) -> None:
    """A partial failure: the named one is seen again when its loan is over, and counts as received once more."""
    function = Told([named("two"), {"batchItemFailures": []}])
    for body in ("one", "two", "three"):
        queue.send_text(body)
    turn = pump(queue, function).once()
    assert (len(turn.deleted), len(turn.left)) == (2, 1)
    assert counts(queue) == (0, 1, 0)
    assert pump(queue, function).once() == Turn()
    queue.clock.advance(VISIBILITY)
    assert pump(queue, function).once().deleted == turn.left
    assert function.events[-1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
    assert counts(queue) == (0, 0, 0)


def test_a_message_that_was_deferred_comes_at_its_own_time(queue: MotoQueue) -> None:
    """The function sets the loan's end by the receipt that the event carries."""

    def deferring(event: Mapping[str, Any]) -> dict[str, Any]:
        receipt = event["Records"][0]["receiptHandle"]
        queue.clients.sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=90)
        answer: dict[str, Any] = named("one")(event)
        return answer

    function = Told([deferring, None])
    queue.send_text("one")
    pump(queue, function).once()
    queue.clock.advance(VISIBILITY)
    assert pump(queue, function).once() == Turn()
    queue.clock.advance(2 * VISIBILITY)
    assert len(pump(queue, function).once().deleted) == 1


def test_a_function_that_raises_has_failed_with_the_whole_batch(queue: MotoQueue) -> None:
    """So has one that was killed, or took too long: nothing is deleted."""
    function = Told([FunctionError("dispatch-1: the process is gone"), None])
    for body in ("one", "two"):
        queue.send_text(body)
    turn = pump(queue, function).once()
    assert (len(turn.left), turn.deleted, turn.error) == (2, (), "dispatch-1: the process is gone")
    assert counts(queue) == (0, 2, 0)
    queue.clock.advance(VISIBILITY)
    assert len(pump(queue, function).once().deleted) == 2


def test_what_was_received_too_often_becomes_a_dead_letter(queue: MotoQueue) -> None:
    """By the queue's own redrive policy, when it would be received once more."""
    function = Told([named("bad")])
    for body in ("bad", "good"):
        queue.send_text(body)
    for _ in range(RECEIVES + 1):
        pump(queue, function).once()
        queue.clock.advance(VISIBILITY)
    assert [bodies for bodies in function.bodies() if "bad" in bodies] == [["bad", "good"], ["bad"], ["bad"]]
    assert counts(queue) == (0, 0, 1)


def test_a_message_may_come_again_although_it_was_handled(queue: MotoQueue) -> None:
    """At least once: by chance it is not deleted, and is there again at once, received once more."""
    function = Told()
    queue.send_text("one")
    again = pump(queue, function, again=1)
    first = again.once()
    assert (first.deleted, len(first.again)) == ((), 1)
    assert pump(queue, function).once().deleted == first.again
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in function.events] == ["1", "2"]


def test_a_loan_that_ends_in_the_midst_gives_the_message_to_somebody_else(queue: MotoQueue) -> None:
    """Two have it then. Who is done first deletes it for both, and the other's word does no harm."""
    other = Told()

    def slow(event: Mapping[str, Any]) -> None:
        assert event["Records"]
        queue.clock.advance(VISIBILITY)
        assert len(pump(queue, other).once().deleted) == 1

    queue.send_text("one")
    turn = pump(queue, Told([slow]), again=1).once()
    assert len(turn.again) == 1
    assert len(other.events) == 1
    assert counts(queue) == (0, 0, 0)


def test_batches_are_as_large_as_they_may_be_and_no_larger(queue: MotoQueue) -> None:
    """Ten are received at a time: a larger batch is gathered for as long as its window lasts."""
    for number in range(25):
        queue.send_text(str(number))
    function = Told()
    small, large = pump(queue, function, batch_size=4), pump(queue, function, batch_size=15, window=1)
    small.once()
    large.once()
    large.once()
    assert [len(bodies) for bodies in function.bodies()] == [4, 15, 6]
    with pytest.raises(ValueError, match="batch_size 11 needs a window"):
        Mapped(queue_url=queue.url, batch_size=11)


def test_two_may_have_a_message_at_the_same_time(queue: MotoQueue) -> None:
    """It is lent out again while it is handled, counts as received once more, and who is done first deletes it."""
    other = Told()

    def meanwhile(event: Mapping[str, Any]) -> None:
        assert event["Records"]
        queue.clock.advance(SECOND)
        second.once()

    queue.send_text("one")
    both = pump(queue, Told([meanwhile]), beside=1)
    second = Pump(queue.clients.sqs, Mapped(queue_url=queue.url, poll=0), other, chance=SeededChance(1))
    both.once()
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in other.events] == ["2"]
    assert counts(queue) == (0, 0, 0)
    assert (both.together, second.together) == (0, 0)


def test_a_pump_knows_what_two_of_its_own_have_at_the_same_time(queue: MotoQueue) -> None:
    """And whether anybody has a message in hand."""

    def meanwhile(event: Mapping[str, Any]) -> None:
        held.append(one.has_in_hand(event["Records"][0]["messageId"]))
        queue.clock.advance(SECOND)
        one.once()

    held: list[bool] = []
    queue.send_text("one")
    one = pump(queue, Told([meanwhile, None]), beside=1)
    turn = one.once()
    assert (one.together, held) == (1, [True])
    assert not one.has_in_hand(turn.handed[0])


def test_a_message_that_nobody_has_room_for_becomes_a_dead_letter(queue: MotoQueue) -> None:
    """It is received as often as its queue allows and handed to nobody; the same text is spared when it comes again."""
    function = Told()
    queue.send_text("one")
    crowded = pump(queue, function, unhanded=1)
    for _ in range(RECEIVES + 1):
        assert crowded.once() == Turn()
        queue.clock.advance(SECOND)
    assert (function.events, list(crowded.unhanded.values())) == ([], ["one"])
    assert counts(queue) == (0, 0, 1)
    queue.send_text("one")
    assert len(crowded.once().deleted) == 1


@pytest.mark.parametrize(
    ("answer", "back"),
    [
        (None, ""),
        ("", ""),
        ({}, ""),
        ({"batchItemFailures": None}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": "x"}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "x"}]}, "abc"),
        ({"batchItemFailures": [{"id": "b"}]}, "abc"),
        ({"batchItemFailures": "b"}, "abc"),
        ([], "abc"),
    ],
)
def test_what_lambda_makes_of_an_answer(answer: object, back: str) -> None:
    """Nothing named is success; a name that is not in the batch, or no name at all, has everything come back."""
    assert failures_in(answer, "abc") == frozenset(back)


def test_without_the_report_of_failures_an_answer_is_not_read(queue: MotoQueue) -> None:
    """A mapping that was set up wrong deletes what the function wanted to see again."""
    queue.send_text("one")
    turn = pump(queue, Told([named("one")]), report_failures=False).once()
    assert len(turn.deleted) == 1


def test_rules_schedules_and_a_url(queue: MotoQueue) -> None:
    """EC2's events stand on the queue as EventBridge sends them, twice by chance; a URL answers 502 for a dead one."""
    clock = queue.clock
    bridge = EventBridge(queue.clients.sqs, queue.url, SeededChance(1), twice=1)
    bridge.send(spot_warning("i-0123456789abcdef0", "eu-west-1a", clock))
    for state in ("pending", "running", "shutting-down", "terminated"):
        bridge.send(state_change("i-0123456789abcdef0", state, clock))
    function = Told()
    pump(queue, function).once()
    assert len(function.bodies()[0]) == 6
    assert [event["detail"] for event in bridge.sent] == [
        {"instance-id": "i-0123456789abcdef0", "instance-action": "terminate"},
        {"instance-id": "i-0123456789abcdef0", "state": "shutting-down"},
        {"instance-id": "i-0123456789abcdef0", "state": "terminated"},
    ]
    assert len(bridge.told) == 5
    assert clock.now() >= NOON
    schedule = Schedule(function, [])
    assert schedule.fire({"task": "sweep"}) == {"batchItemFailures": []}
    answered = {"statusCode": 202, "body": "taken\n", "headers": {"content-type": "text/plain"}}
    call = called_by_url(Told([answered, FunctionError("webhook-1: gone")]))
    assert call({}) == (202, b"taken\n", {"content-type": "text/plain"})
    assert call({}) == (502, b"webhook-1: gone", {})
