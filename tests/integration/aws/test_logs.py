"""Decisions in CloudWatch Logs as the adapter asks for them: windows, patterns, pages, throttles, codes and rights."""

import json
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.logs import READER, WRITER, CloudWatchDecisions, Window
from paddock.adapters.aws.logs.decisions import BATCH_BYTES, EVENT_BYTES, PAGE, PAUSES, batches, pattern_of
from paddock.adapters.aws.logs.errors import CODES
from paddock.adapters.aws_codes import COMMON
from paddock.adapters.memory import ManualSleeper
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.system import RandomIds, SystemClock
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.lines import decision_line
from paddock.core.decision import Decision
from paddock.core.errors import AccessDenied, InvalidInput, Rejected, Throttled, Unavailable
from paddock.core.units import MILLISECOND, SECOND
from tests.aws.judge import model
from tests.aws.logs import STACK, LogsUnderTest, always, logs_on_moto
from tests.strategies import NOON

pytestmark = pytest.mark.slow

OPERATIONS = ("FilterLogEvents", "CreateLogStream", "PutLogEvents")


@pytest.fixture
def logs() -> Iterator[LogsUnderTest]:
    """Two log groups of a stack, empty."""
    with logs_on_moto() as made:
        yield made


def milliseconds() -> int:
    """This moment by moto's clock, which takes no event that is older than a fortnight."""
    return SystemClock().now() // MILLISECOND


def decision(number: int, subject: str = "job:1") -> Decision:
    return Decision(subject, at=number, actor="dispatch", verdict="queued", reason="because")


def line(number: int, subject: str = "job:1") -> str:
    """A decision as a function writes it, with the metrics that it counts for."""
    return decision_line(decision(number, subject), catalogue(), STACK) + "\n"


def test_a_subject_is_looked_for_in_its_window_and_by_its_pattern(logs: LogsUnderTest) -> None:
    """AWS is asked for no more than that: whole milliseconds around the window, one request for each group."""
    start, end = NOON + 1, NOON + SECOND + 1
    logs.decisions(windows=lambda subject: Window(start, end) if subject == "job:1" else always(subject)).about("job:1")
    asked = logs.asked("FilterLogEvents")
    assert {each["logGroupName"] for each in asked} == set(logs.groups)
    assert len(asked) == 2
    for each in asked:
        assert each["filterPattern"] == '{ $.subject = "job:1" }'
        assert each["startTime"] * MILLISECOND <= start < end <= each["endTime"] * MILLISECOND
        assert (start - each["startTime"] * MILLISECOND, each["endTime"] * MILLISECOND - end) < (MILLISECOND, SECOND)
    logs.calls.clear()
    logs.decisions(windows=lambda _: Window(start)).about("job:1")
    assert all("endTime" not in each for each in logs.asked("FilterLogEvents"))


@pytest.mark.parametrize(
    ("subject", "pattern"),
    [
        ("machine:i-0123456789abcdef0", '{ $.subject = "machine:i-0123456789abcdef0" }'),
        ("circuit:us-east-1a/m7i.large", '{ $.subject = "circuit:us-east-1a/m7i.large" }'),
        ('job:1" || $.x = "', '{ $.subject = "job:1*" }'),
        ("job:*", '{ $.subject = "job:*" }'),
        ("Ж", '{ $.subject = "*" }'),
        ("job:" + "1" * 2_000, '{ $.subject = "job:' + "1" * 252 + '*" }'),
    ],
)
def test_a_pattern_is_never_narrower_than_its_subject(subject: str, pattern: str) -> None:
    """What might mean something in a pattern is left open, and no pattern exceeds CloudWatch's 1,024 characters."""
    assert pattern_of(subject) == pattern


def test_what_aws_finds_is_filtered_again(logs: LogsUnderTest) -> None:
    """Lines of others in the same groups, also such as look like a decision, and decisions about others."""
    first, second = logs.groups
    logs.write(first, "START RequestId: 1 Version: $LATEST\n", line(1), '{"subject":"job:1"}\n', line(2, "job:10"))
    logs.write(second, '{"subject":"job:1","message":"no decision"}\n', line(3)[:-20], "[]", line(4))
    assert list(logs.decisions().about("job:1")) == [decision(1), decision(4)]


def test_the_groups_are_one_story(logs: LogsUnderTest) -> None:
    """By the events' times, then by their ids, whichever group they are in and however many pages it takes."""
    first, second = logs.groups
    now = milliseconds()
    for number in range(0, 20, 2):
        logs.write(first, line(number), at=now + number)
        logs.write(second, line(number + 1), at=now + number + 1)
    logs.write(second, *(line(number) for number in (20, 21, 22)), at=now + 20)
    told: list[tuple[str, int]] = []
    found = logs.decisions(page_size=4, progress=lambda group, count: told.append((group, count))).about("job:1")
    assert [each.at for each in found] == list(range(23))
    assert [count for group, count in told if group == first] == [4, 8, 10]
    assert [count for group, count in told if group == second] == [4, 8, 12, 13]


def test_events_of_one_moment_stand_by_their_ids(logs: LogsUnderTest) -> None:
    """Which are numbers, however many digits they have."""
    logs.write(logs.groups[0], line(1), line(2), at=milliseconds())
    ids = {line(1): "10", line(2): "9"}

    def numbered(parsed: dict[str, Any], **_: object) -> None:
        for event in parsed["events"]:
            event["eventId"] = ids[event["message"]]

    logs.on("after-call.cloudwatch-logs.FilterLogEvents", numbered)
    assert [each.at for each in logs.decisions().about("job:1")] == [2, 1]


def test_an_empty_page_is_not_the_end(logs: LogsUnderTest) -> None:
    """As long as AWS names a next one, it is asked for: it searched, and found nothing yet."""
    group = logs.groups[0]
    for number in range(3):
        logs.write(group, line(number, "job:1" if number == 2 else "job:2"))

    def searched(parsed: dict[str, Any], **_: object) -> None:
        parsed["events"] = [event for event in parsed.get("events", []) if '"job:1"' in event["message"]]

    logs.on("after-call.cloudwatch-logs.FilterLogEvents", searched)
    assert list(logs.decisions(page_size=1).about("job:1")) == [decision(2)]


def test_a_page_that_comes_again_and_again_is_no_answer(logs: LogsUnderTest) -> None:
    """Rather an error than a search without end."""

    def again(parsed: dict[str, Any], **_: object) -> None:
        parsed["nextToken"] = "again"

    logs.on("after-call.cloudwatch-logs.FilterLogEvents", again)
    with pytest.raises(Unavailable, match="gave the same page again"):
        logs.decisions().about("job:1")


@pytest.mark.parametrize("missing", [0, 1])
def test_one_groups_error_ends_the_search_in_the_others(logs: LogsUnderTest, missing: int) -> None:
    """Nobody waits for the end of a long search whose answer is an error already, whichever group is searched first."""
    logs.clients.logs.delete_log_group(logGroupName=logs.groups[missing])
    left = 2_000
    pages = iter(range(left))

    def more(parsed: dict[str, Any], **_: object) -> None:
        number = next(pages, None)
        if "Error" not in parsed and number is not None:
            parsed["nextToken"] = f"{logs.groups[1 - missing]}@function@{number}"

    logs.on("after-call.cloudwatch-logs.FilterLogEvents", more)
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        logs.decisions().about("job:1")
    assert next(pages, left) < left - 1


def refusing(logs: LogsUnderTest, operation: str, code: str, times: int = 10**6) -> None:
    """The operation is refused so often."""
    left = iter(range(times))

    def refuse(**_: object) -> None:
        if next(left, None) is not None:
            raise ClientError({"Error": {"Code": code, "Message": "so it is"}}, operation)

    logs.on(f"before-call.cloudwatch-logs.{operation}", refuse)


def test_a_throttled_page_is_asked_for_again(logs: LogsUnderTest) -> None:
    """After a pause, a few times; then it is the caller's to wait, who is told which group it was."""
    logs.write(logs.groups[0], line(1))
    before = logs.clock.now()
    refusing(logs, "FilterLogEvents", "ThrottlingException", times=1)
    assert list(logs.decisions().about("job:1")) == [decision(1)]
    assert logs.clock.now() - before == PAUSES[0]
    refusing(logs, "FilterLogEvents", "ThrottlingException")
    with pytest.raises(Throttled) as refused:
        logs.decisions().about("job:1")
    assert any(f"log group: {group}" in refused.value.__notes__ for group in logs.groups)


def test_a_throttle_does_not_hide_another_groups_error(logs: LogsUnderTest) -> None:
    """It would be waited for in vain: the error is told at once, and nothing is asked for again."""
    throttled, broken = logs.groups
    refused = Event()

    def refuse(params: dict[str, Any], **_: object) -> None:
        if json.loads(params["body"])["logGroupName"] == broken:
            refused.set()
            raise ClientError(
                {"Error": {"Code": "InvalidParameterException", "Message": "so it is"}}, "FilterLogEvents"
            )
        assert refused.wait(30)
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "so it is"}}, "FilterLogEvents")

    logs.on("before-call.cloudwatch-logs.FilterLogEvents", refuse)
    with pytest.raises(Rejected, match="InvalidParameterException") as told:
        logs.decisions().about("job:1")
    assert told.value.__notes__ == [f"log group: {broken}"]
    assert throttled not in str(told.value)


def test_a_group_that_is_not_there_is_no_silence(logs: LogsUnderTest) -> None:
    """Half of a story must not pass for all of it; the group is named."""
    logs.write(logs.groups[0], line(1))
    logs.clients.logs.delete_log_group(logGroupName=logs.groups[1])
    with pytest.raises(Unavailable, match="ResourceNotFoundException") as refused:
        logs.decisions().about("job:1")
    assert refused.value.__notes__ == [f"log group: {logs.groups[1]}"]


def test_decisions_by_hand_go_to_a_stream_of_their_own(logs: LogsUnderTest) -> None:
    """In the first group, one stream for each adapter, with the lines that the functions would have written."""
    decisions = logs.decisions()
    decisions.append([decision(1)])
    decisions.append([decision(2), decision(3)])
    streams = {each["logStreamName"] for each in logs.asked("PutLogEvents")}
    assert len(streams) == len(logs.asked("CreateLogStream")) == 1
    assert streams.pop().startswith("paddock-operator-")
    (event, *_) = logs.clients.logs.filter_log_events(logGroupName=logs.groups[0])["events"]
    assert json.loads(event["message"]) == json.loads(line(1))


def test_a_stream_whose_making_was_not_heard_of_is_used(logs: LogsUnderTest) -> None:
    """It is there already: the answer to the first try got lost."""
    refusing(logs, "CreateLogStream", "ResourceAlreadyExistsException", times=1)
    decisions = logs.decisions()
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        decisions.append([decision(1)])  # which moto, unlike AWS, knows nothing of
    assert len(logs.asked("PutLogEvents")) == 1


def test_events_that_aws_does_not_take_are_told(logs: LogsUnderTest) -> None:
    """An operator's clock is more than two hours ahead: nothing was kept, and it says why."""
    clock = ManualClock(milliseconds() * MILLISECOND + 3 * 3600 * SECOND)
    parts = (catalogue(), STACK, clock, ManualSleeper(clock), RandomIds())
    ahead = CloudWatchDecisions(logs.clients, logs.groups, *parts, windows=always)
    with pytest.raises(Rejected, match="is this machine's clock right"):
        ahead.append([decision(1)])
    assert list(logs.decisions().about("job:1")) == []


def test_batches_keep_within_what_aws_takes() -> None:
    """In order, none empty, each within its count and its bytes; whatever is too large alone stands alone."""
    for messages in (["x"] * (PAGE + 1), ["é" * 200_000] * 7, ["y" * (BATCH_BYTES + 1), "z"], []):
        made = list(batches(messages))
        assert [message for batch in made for message in batch] == messages
        for batch in made:
            assert 1 <= len(batch) <= PAGE
            size = sum(len(message.encode()) + EVENT_BYTES for message in batch)
            assert size <= BATCH_BYTES or len(batch) == 1


def test_without_a_log_group_there_is_nowhere_to_look(logs: LogsUnderTest) -> None:
    """It is refused when it is made."""
    clock = ManualClock()
    parts = (catalogue(), STACK, clock, ManualSleeper(clock), RandomIds())
    with pytest.raises(InvalidInput, match="at least one log group"):
        CloudWatchDecisions(logs.clients, (), *parts, windows=always)


def test_every_documented_code_has_a_meaning() -> None:
    """In the service's table or in the common one."""
    shapes = {shape.name for operation in OPERATIONS for shape in model("logs").operation_model(operation).error_shapes}
    assert len(shapes) >= 7
    assert shapes - set(COMMON) - set(CODES) == set()
    assert CODES["ResourceNotFoundException"] is Unavailable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *sorted((code, kind) for code, kind in CODES.items() if code != "ResourceAlreadyExistsException"),
        ("ServiceUnavailableException", Unavailable),
        ("AccessDeniedException", AccessDenied),
        ("UnrecognizedClientException", AccessDenied),
        ("LimitExceededException", Throttled),
    ],
)
def test_a_code_becomes_its_error(logs: LogsUnderTest, code: str, kind: type[Exception]) -> None:
    """Whichever operation is refused, and under its own name."""
    for operation, ask in (
        ("FilterLogEvents", lambda: logs.decisions().about("job:1")),
        ("PutLogEvents", lambda: logs.decisions().append([decision(1)])),
    ):
        refusing(logs, operation, code)
        with pytest.raises(kind, match=code):
            ask()


def actions(statements: Sequence[Any]) -> set[str]:
    """What is allowed."""
    return {action.removeprefix("logs:") for statement in statements for action in statement["Action"]}


def test_each_role_has_the_rights_that_it_uses_and_no_others(logs: LogsUnderTest) -> None:
    """The statements beside the adapter against the requests that were made, and the stream that may be written."""
    decisions = logs.decisions()
    decisions.about("job:1")
    assert {name for name, _ in logs.calls} == actions(READER)
    logs.calls.clear()
    decisions.append([decision(1)])
    assert {name for name, _ in logs.calls} == actions(WRITER)
    ((resource,),) = (statement["Resource"] for statement in WRITER)
    assert str(resource) == "{log_group_arn}:log-stream:paddock-operator-*"
    assert set(OPERATIONS) == actions(READER) | actions(WRITER)


def test_a_client_of_logs_is_made_once() -> None:
    """As every client."""
    clients = Clients("eu-west-1")
    assert clients.logs is clients.logs
    clients.close()


def test_clients_are_let_go_of() -> None:
    """Those that were made, and none is made for it."""
    clients = Clients("eu-west-1")
    clients.close()
    before = set(vars(clients))
    let_go: list[str] = []
    close = clients.logs.close
    clients.logs.close = lambda: let_go.append("logs")
    clients.close()
    assert let_go == ["logs"]
    assert set(vars(clients)) == before | {"logs"}
    close()
