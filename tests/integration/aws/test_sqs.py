"""SQS as the adapter asks it: how many requests, what it does when some of a batch fails, what its codes mean."""

from collections.abc import Iterator, Sequence

import pytest

from paddock.adapters.aws.sqs.policy import CONSUMER, OPERATOR, PRODUCER
from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.aws_codes import COMMON
from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.adapters.sqs_wire import CODES, STALE
from paddock.adapters.wire import message_text
from paddock.core.errors import AccessDenied, InvalidInput, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.messages import EventMessage, RunCompleted
from paddock.core.ports.queues import Depth
from paddock.core.units import HOUR, SECOND
from tests.aws.judge import model
from tests.aws.machine import Front, fault, front
from tests.aws.queue import MotoQueue, queue_on_moto
from tests.aws.time import clients_of
from tests.http_stub import Answer

OPERATIONS = (
    *("SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibility"),
    *("ChangeMessageVisibilityBatch", "GetQueueAttributes"),
)

Queue = SqsQueue[EventMessage]


@pytest.fixture(scope="module")
def made() -> Iterator[MotoQueue]:
    """A queue for all tests of this file; each leaves it empty."""
    with queue_on_moto(30 * SECOND, 3) as opened:
        yield opened


@pytest.fixture
def before(made: MotoQueue) -> Iterator[Front]:
    """What stands between the adapter and moto."""
    with front(made.url.rpartition("/")[0].rpartition("/")[0]) as stub:
        yield stub


@pytest.fixture
def queue(made: MotoQueue, before: Front) -> Iterator[Queue]:
    """The queue through the front; what a test left on it is gone afterwards."""
    with clients_of(before.url) as clients:
        yield SqsQueue(clients, made.url, made.dead_letter_url, ManualSleeper(ManualClock()), look=0)
    for url in (made.url, made.dead_letter_url):
        made.clients.sqs.purge_queue(QueueUrl=url)
    made.clock.advance(2 * 60 * SECOND)  # a queue may be purged once a minute


def message(number: int, repository: str = "acme/api") -> RunCompleted:
    return RunCompleted(number, 1, repository, None)


def partly(*failed: tuple[str, str, bool]) -> Answer:
    """A batch of which these failed: id, code, and whether by our fault."""
    entries = [{"Id": each, "Code": code, "SenderFault": ours, "Message": "so it is"} for each, code, ours in failed]
    return Answer(200, {"Successful": [], "Failed": entries}, {"content-type": "application/x-amz-json-1.0"})


def ids(before: Front, operation: str) -> list[list[str]]:
    """The ids of the entries in every batch of the operation."""
    return [[entry["Id"] for entry in body["Entries"]] for body in before.bodies(operation)]


def test_messages_go_in_batches_of_ten(queue: Queue, before: Front) -> None:
    """25 messages are three requests."""
    queue.send([message(number) for number in range(25)], delay=1)
    assert [len(batch) for batch in ids(before, "SendMessageBatch")] == [10, 10, 5]
    assert {entry["DelaySeconds"] for body in before.bodies("SendMessageBatch") for entry in body["Entries"]} == {1}


def test_nothing_is_said_that_is_for_queues_in_order(queue: Queue, before: Front) -> None:
    """Neither the first time nor when a message is sent again: a standard queue refuses groups and deduplication."""
    queue.send([message(1)])
    queue.send([message(1)], delay=SECOND)
    (lent,) = queue.receive(10)
    queue.defer(lent.receipt, 0)
    entries = [entry for body in before.bodies("SendMessageBatch") for entry in body["Entries"]]
    assert [set(entry) for entry in entries] == [{"Id", "MessageBody", "DelaySeconds"}] * 2
    assert [set(body) for body in before.bodies("ChangeMessageVisibility")] == [
        {"QueueUrl", "ReceiptHandle", "VisibilityTimeout"}
    ]


def test_a_batch_is_never_larger_than_sqs_takes(queue: Queue, before: Front) -> None:
    """Three messages of 500 KB are two requests, and arrive."""
    queue.send([message(number, "x" * 500_000) for number in range(3)])
    assert [len(batch) for batch in ids(before, "SendMessageBatch")] == [2, 1]
    assert len(queue.receive(10)) == 3


def test_nothing_is_sent_if_one_message_is_too_long(queue: Queue, before: Front) -> None:
    """All or error."""
    with pytest.raises(Rejected):
        queue.send([message(1), message(2, "x" * 1_100_000)])
    assert before.operations() == []


def test_entries_that_failed_are_sent_again(queue: Queue, before: Front) -> None:
    """Those alone, by their ids, until SQS has them all."""
    before.faults["SendMessageBatch"] = [
        partly(("1", "InternalError", False), ("2", "ServiceUnavailable", False)),
        partly(("2", "RequestThrottled", True)),
    ]
    queue.send([message(number) for number in range(4)])
    assert ids(before, "SendMessageBatch") == [["0", "1", "2", "3"], ["1", "2"], ["2"]]


@pytest.mark.parametrize(
    ("entry", "kind", "requests"),
    [
        (("0", "InternalError", False), Unavailable, 3),
        (("0", "RequestThrottled", True), Throttled, 3),
        (("0", "InvalidMessageContents", True), Rejected, 1),
        (("0", "KmsAccessDenied", True), AccessDenied, 1),
    ],
)
def test_what_sqs_does_not_take_at_last_is_an_error(
    queue: Queue, before: Front, entry: tuple[str, str, bool], kind: type[PaddockError], requests: int
) -> None:
    """By the entry's code; what is our fault is not repeated."""
    before.faults["SendMessageBatch"] = [partly(entry)] * 3
    with pytest.raises(kind, match=f"SendMessageBatch: {entry[1]}: so it is"):
        queue.send([message(1)])
    assert len(before.bodies("SendMessageBatch")) == requests


def test_more_than_ten_come_in_rounds(queue: Queue, before: Front) -> None:
    """A limit of 25 is three requests, and none more once a round was not full."""
    queue.send([message(number) for number in range(23)])
    assert len(queue.receive(25)) == 23
    assert [body["MaxNumberOfMessages"] for body in before.bodies("ReceiveMessage")] == [10, 10, 5]


def test_up_to_ten_are_one_request(queue: Queue, before: Front) -> None:
    """Whether or not there were as many."""
    queue.send([message(1)])
    assert len(queue.receive(10)) == 1
    assert len(before.bodies("ReceiveMessage")) == 1


def test_a_wait_is_a_long_poll(queue: Queue, before: Front) -> None:
    """In whole seconds, in pieces of at most twenty; only the first round waits."""
    assert list(queue.receive(10, wait=45 * SECOND + 1)) == []
    assert [body["WaitTimeSeconds"] for body in before.bodies("ReceiveMessage")] == [20, 20, 6]
    queue.send([message(number) for number in range(11)])
    queue.receive(20, wait=SECOND)
    assert [body["WaitTimeSeconds"] for body in before.bodies("ReceiveMessage")][3:] == [1, 0]


def test_what_cannot_be_buried_stays(queue: Queue, before: Front, made: MotoQueue) -> None:
    """It is deleted only when it lies among the dead, and will be seen again."""
    made.send_text("broken")
    before.faults["SendMessageBatch"] = [fault(403, "AccessDeniedException")]
    with pytest.raises(AccessDenied):
        queue.receive(10)
    assert queue.depth() == Depth(0, 1, 0)
    made.clock.advance(30 * SECOND)
    assert list(queue.receive(10)) == []
    assert queue.depth() == Depth(0, 0, 1)


def test_a_text_that_leaves_no_room_for_a_reason_is_buried_all_the_same(
    queue: Queue, before: Front, made: MotoQueue
) -> None:
    """SQS counts a message with its attributes. The reason is then found when somebody looks."""
    body = "x" * 1_048_576
    made.send_text(body)
    queue.receive(10)
    (letter,) = queue.dead_letters()
    assert letter.body == body
    assert letter.reason.startswith("unreadable: ")
    (buried,) = before.bodies("SendMessageBatch")[0]["Entries"]
    assert "MessageAttributes" not in buried


def test_a_reason_is_told_in_characters_that_sqs_takes(queue: Queue, before: Front) -> None:
    """It quotes what somebody else has sent. Each is one byte, as room is reckoned, and SQS refuses none."""
    queue.bury("{}", InvalidInput("kind", "\u00fc\ufffe\x00\ud800", "must be one of ours"))
    (buried,) = before.bodies("SendMessageBatch")[0]["Entries"]
    reason = buried["MessageAttributes"]["Reason"]["StringValue"]
    assert reason.startswith("unreadable: kind = ")
    assert reason.isascii()
    assert reason.isprintable()


def test_deleting_goes_on_where_a_batch_failed(queue: Queue, before: Front) -> None:
    """A receipt that is worth nothing is no failure; what SQS could not do is done again."""
    queue.send([message(number) for number in range(3)])
    receipts = [each.receipt for each in queue.receive(10)]
    before.faults["DeleteMessageBatch"] = [partly(("0", "ReceiptHandleIsInvalid", True), ("2", "InternalError", False))]
    queue.delete(["", *receipts])
    assert ids(before, "DeleteMessageBatch") == [["0", "1", "2"], ["2"]]
    queue.delete([])
    queue.delete([""])
    assert len(before.bodies("DeleteMessageBatch")) == 2


@pytest.mark.parametrize("code", sorted(STALE))
def test_a_receipt_that_is_worth_nothing_changes_nothing(queue: Queue, before: Front, code: str) -> None:
    """Whatever word SQS has for it, in the new protocol or in the old."""
    old = {"x-amzn-query-error": f"{code};Sender"}
    before.faults["ChangeMessageVisibility"] = [fault(400, code), fault(400, "SomethingNewer", headers=old)]
    queue.defer("a receipt", SECOND)
    queue.defer("a receipt", SECOND)
    assert len(before.bodies("ChangeMessageVisibility")) == 2


@pytest.mark.parametrize(("code", "error"), [("QueueDoesNotExist", NotFound), ("InvalidAddress", Rejected)])
def test_giving_back_is_refused_for_other_reasons(
    queue: Queue, before: Front, code: str, error: type[PaddockError]
) -> None:
    """A queue that is not there is an error, and so is an address that is none."""
    before.faults["ChangeMessageVisibility"] = [fault(400, code)]
    with pytest.raises(error):
        queue.defer("a receipt", SECOND)


def test_nothing_is_hidden_for_longer_than_sqs_can(queue: Queue, before: Front) -> None:
    """Twelve hours from its receipt; ten from now leave room for the loan."""
    queue.send([message(1)])
    (received,) = queue.receive(1)
    queue.defer(received.receipt, 100 * HOUR)
    queue.defer(received.receipt, 1)
    assert [body["VisibilityTimeout"] for body in before.bodies("ChangeMessageVisibility")] == [36_000, 1]


def test_a_redrive_that_fails_leaves_the_dead_where_they_are(queue: Queue, before: Front, made: MotoQueue) -> None:
    """None is deleted before it is sent, and all can be looked at at once."""
    made.send_text("broken")
    made.send_text("broken too")
    queue.receive(10)
    buried(made, 1)
    before.faults["SendMessageBatch"] = [partly(("0", "InvalidMessageContents", True))]
    with pytest.raises(Rejected):
        queue.redrive()
    assert queue.depth() == Depth(0, 0, 3)
    assert len(queue.dead_letters()) == 3


def buried(made: MotoQueue, *numbers: int) -> None:
    """Letters that were given up."""
    for number in numbers:
        made.clients.sqs.send_message(QueueUrl=made.dead_letter_url, MessageBody=message_text(message(number)))


def test_after_a_redrive_that_was_cut_off_it_is_known_what_is_back(
    queue: Queue, before: Front, made: MotoQueue
) -> None:
    """Those that were sent are told of before they are deleted: they may be back and dead as well, and are not lost."""
    buried(made, *range(12))
    told: list[str] = []
    before.faults["DeleteMessageBatch"] = [fault(403, "AccessDeniedException")]
    with pytest.raises(AccessDenied):
        queue.redrive(told=told.append)
    assert sorted(told) == sorted(message_text(each.message) for each in queue.receive(50))
    assert len(told) == 10
    assert queue.depth() == Depth(0, 10, 12)


def test_what_one_redrive_looks_at_no_other_sees(queue: Queue, made: MotoQueue) -> None:
    """An operator's and the schedule's at once, however long the one takes over it: each letter goes back once."""
    buried(made, 1, 2, 3)
    other: Queue = SqsQueue(made.clients, made.url, made.dead_letter_url, ManualSleeper(ManualClock()), look=0)
    others: list[int] = []

    def wanted(_: str) -> bool:
        made.clock.advance(2 * 60 * SECOND)
        others.append(other.redrive())
        return True

    assert queue.redrive(wanted) == 3
    assert others == [0, 0, 0]
    assert queue.depth() == Depth(3, 0, 0)


def test_ten_that_go_back_are_three_requests(queue: Queue, before: Front, made: MotoQueue) -> None:
    """And no more are asked for than may go back."""
    buried(made, *range(15))
    assert queue.redrive(most=10) == 10
    assert before.operations() == ["ReceiveMessage", "SendMessageBatch", "DeleteMessageBatch"]


def test_what_stays_dead_costs_two_requests_for_ten_and_can_be_seen_at_once(
    queue: Queue, before: Front, made: MotoQueue
) -> None:
    """And an empty dead-letter queue one: it is asked every minute."""
    assert queue.redrive() == 0
    assert before.operations() == ["ReceiveMessage"]
    before.seen.clear()
    buried(made, *range(10))
    assert queue.redrive(lambda _: False) == 0
    assert sorted(before.operations()) == ["ChangeMessageVisibilityBatch", "ReceiveMessage", "ReceiveMessage"]
    assert len(queue.dead_letters(50)) == 10


def every_code() -> Sequence[str]:
    """What the model of SQS documents for the operations that the adapter calls."""
    shapes = [shape for operation in OPERATIONS for shape in model("sqs").operation_model(operation).error_shapes]
    return sorted({shape.name for shape in shapes})


def test_every_documented_code_has_a_meaning() -> None:
    """None falls back on its status."""
    documented = every_code()
    assert len(documented) > 15
    assert [code for code in documented if code not in CODES] == []


@pytest.mark.parametrize("code", every_code())
def test_a_code_becomes_its_error(queue: Queue, before: Front, code: str) -> None:
    """As the answer of a whole request, through AWS's own client."""
    before.faults["GetQueueAttributes"] = [fault(400, code, "so it is")] * 3
    with pytest.raises(CODES[code], match=f"get_queue_attributes: {code}: so it is"):
        queue.depth()


def test_both_tables_agree() -> None:
    """A code in SQS's table and in the common one means the same."""
    assert {code: CODES[code] for code in CODES if code in COMMON} == {c: COMMON[c] for c in COMMON if c in CODES}


def actions(*statements: Sequence[object]) -> set[tuple[str, str]]:
    """What is allowed where."""
    return {
        (action.removeprefix("sqs:"), resource)
        for group in statements
        for statement in group
        if isinstance(statement, dict)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def used(before: Front, made: MotoQueue) -> set[tuple[str, str]]:
    """What was asked of which queue; a batch is covered by the right to its single action."""
    names = {made.url: "{queue_arn}", made.dead_letter_url: "{dead_letter_arn}"}
    return {(before.operation(seen).removesuffix("Batch"), names[seen.json["QueueUrl"]]) for seen in before.seen}


def test_each_role_has_the_rights_that_it_uses_and_no_others(queue: Queue, before: Front, made: MotoQueue) -> None:
    """The statements beside the adapter against the requests that were made."""
    queue.send([message(1), message(2)])
    assert used(before, made) == actions(PRODUCER)
    before.seen.clear()
    made.send_text("broken")
    first, second = queue.receive(10)
    queue.defer(first.receipt, SECOND)
    queue.delete([second.receipt])
    assert used(before, made) == actions(CONSUMER)
    before.seen.clear()
    buried(made, 3)
    queue.depth()
    queue.dead_letters()
    queue.redrive()
    assert used(before, made) == actions(OPERATOR)
