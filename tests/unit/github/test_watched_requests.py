"""Requests to AWS and to GitHub that fail are told, once each, with what was answered; answers are no failures."""

from collections.abc import Iterator
from typing import Any

import attrs
import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.stub import Stubber

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.failures import EXPECTED, SERVICES, watched
from paddock.adapters.github.transport import Reply, Request, Unreached
from paddock.adapters.github.watched import Watch, WatchedTransport
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.core.errors import Unavailable


@attrs.frozen
class Session:
    """Makes clients that sign as somebody, for tests that send nothing."""

    _session: botocore.session.Session = attrs.field(factory=botocore.session.Session)

    def client(self, service: str, region: str, **options: Any) -> Any:  # noqa: ANN401 - as botocore's
        """One of these."""
        secret: dict[str, Any] = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
        return self._session.create_client(service, region, **options, **secret)


@pytest.fixture
def told() -> list[tuple[str, str]]:
    """What was told: the service, and the code."""
    return []


@pytest.fixture
def clients(told: list[tuple[str, str]]) -> Iterator[Clients]:
    """Clients that are watched."""

    def watch(client: Any, service: str) -> None:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        watched(client, service, lambda name, code: told.append((name, code)))

    made = Clients("us-east-1", session=Session(), watch=watch)
    yield made
    made.close()


# Code, status, and whether it is told.
ANSWERS = [
    ("RequestLimitExceeded", 503, True),
    ("InternalError", 500, True),
    ("UnauthorizedOperation", 403, True),
    ("InvalidParameterValue", 400, True),
    ("InsufficientInstanceCapacity", 500, False),
    ("VcpuLimitExceeded", 400, False),
    ("InvalidInstanceID.NotFound", 400, False),
    ("IdempotentParameterMismatch", 400, False),
    ("IncorrectInstanceState", 400, False),
]


@pytest.mark.parametrize(("code", "status", "fails"), ANSWERS, ids=[code for code, *_ in ANSWERS])
def test_what_ec2_refuses_is_told_and_what_it_answers_is_not(
    clients: Clients, told: list[tuple[str, str]], code: str, status: int, *, fails: bool
) -> None:
    """By its code: that there is no capacity, or no such machine, is an answer."""
    with Stubber(clients.ec2) as stub:
        stub.add_client_error("describe_instances", code, http_status_code=status)
        with pytest.raises(ClientError):
            clients.ec2.describe_instances()
    assert told == ([("EC2", code)] if fails else [])


@pytest.mark.parametrize(
    ("code", "fails"),
    [
        ("ConditionalCheckFailedException", False),
        ("TransactionConflictException", True),
        ("ProvisionedThroughputExceededException", True),
        ("ValidationException", True),
    ],
)
def test_a_condition_that_does_not_hold_is_an_answer(
    clients: Clients, told: list[tuple[str, str]], code: str, *, fails: bool
) -> None:
    """It is how records are kept; that the table is too slow is not."""
    with Stubber(clients.dynamodb) as stub:
        stub.add_client_error("get_item", code)
        with pytest.raises(ClientError):
            clients.dynamodb.get_item(TableName="t", Key={})
    assert told == ([("DynamoDB", code)] if fails else [])


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (("None", "ConditionalCheckFailed"), None),
        (("ConditionalCheckFailed", "TransactionConflict"), None),
        (("None", "TransactionConflict"), "TransactionConflict"),
        (("ThrottlingError", "TransactionConflict"), "ThrottlingError, TransactionConflict"),
        (("ValidationError",), "ValidationError"),
        ((), "no reason"),
    ],
)
def test_a_step_that_was_cancelled_is_told_by_its_reasons(
    clients: Clients, told: list[tuple[str, str]], reasons: tuple[str, ...], said: str | None
) -> None:
    """A condition that did not hold is an answer, whatever stands beside it; a throttle is none."""
    listed = {"CancellationReasons": [{"Code": reason} for reason in reasons]}
    with Stubber(clients.dynamodb) as stub:
        stub.add_client_error(
            "transact_write_items", "TransactionCanceledException", modeled_fields=listed if reasons else None
        )
        with pytest.raises(ClientError):
            clients.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": {}}}])
    assert told == ([("DynamoDB", f"TransactionCanceledException: {said}")] if said else [])


def test_what_is_served_is_not_told(clients: Clients, told: list[tuple[str, str]]) -> None:
    """Nor is an object that is not there."""
    with Stubber(clients.sqs) as stub:
        stub.add_response("get_queue_url", {"QueueUrl": "https://sqs"})
        clients.sqs.get_queue_url(QueueName="jobs")
    with Stubber(clients.s3) as stub:
        stub.add_client_error("head_object", "404", http_status_code=404)
        with pytest.raises(ClientError):
            clients.s3.head_object(Bucket="b", Key="k")
    assert told == []


def test_a_service_that_does_not_answer_is_told(told: list[tuple[str, str]]) -> None:
    """By the error's name: nothing listens there."""
    nowhere = Clients("us-east-1", {"sqs": "http://127.0.0.1:9"}, session=Session())
    client = nowhere.sqs
    watched(client, "sqs", lambda name, code: told.append((name, code)))
    with pytest.raises(BotoCoreError):
        client.get_queue_url(QueueName="jobs")
    nowhere.close()
    assert told == [("SQS", EndpointConnectionError.__name__)]


def test_a_service_that_is_not_in_the_catalogue_is_not_watched(clients: Clients, told: list[tuple[str, str]]) -> None:
    """Operators read the logs; the functions do not."""
    with Stubber(clients.logs) as stub:
        stub.add_client_error("describe_log_groups", "InternalError", http_status_code=500)
        with pytest.raises(ClientError):
            clients.logs.describe_log_groups()
    assert told == []
    assert {catalogue().failure_of(name).dimensions["Service"] for name in SERVICES.values()} == set(SERVICES.values())
    assert "ConditionalCheckFailedException" in EXPECTED


# -- GitHub -------------------------------------------------------------------------------------------------------


@attrs.define
class Answering:
    """A transport that gives this reply, or raises this error."""

    reply: Reply | Exception
    closed: bool = False

    def send(self, request: Request) -> Reply:  # noqa: ARG002 - whatever is asked
        """The reply."""
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def close(self) -> None:
        """It is closed."""
        self.closed = True


LEFT = {"x-ratelimit-remaining": "4321", "x-ratelimit-resource": "core"}


@pytest.mark.parametrize(
    ("status", "fails"),
    [
        *((200, False), (204, False), (304, False), (404, False), (409, False), (422, False)),
        *((401, True), (403, True), (429, True), (500, True), (502, True)),
    ],
)
def test_what_github_does_not_serve_is_told_with_what_is_left(status: int, *, fails: bool) -> None:
    """That a runner is busy or gone is an answer; a limit, a right that is missing and a fault are failures."""
    left: list[int] = []
    failed: list[str] = []
    transport = WatchedTransport(Answering(Reply(status, LEFT)), Watch(left.append, failed.append))
    assert transport.send(Request("GET", "https://api.github.com/")).status == status
    assert left == [4321]
    assert failed == ([str(status)] if fails else [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining": "many"},
        {"x-ratelimit-remaining": "30", "x-ratelimit-resource": "search"},
    ],
    ids=["no limit", "no number", "another limit"],
)
def test_what_is_left_is_told_only_if_it_is_known(headers: dict[str, str]) -> None:
    """Not known is not zero, and the search's limit is another one."""
    told: list[object] = []
    transport = WatchedTransport(Answering(Reply(200, headers)), Watch(told.append, told.append))
    transport.send(Request("GET", "https://api.github.com/"))
    assert told == []


@pytest.mark.parametrize("error", [Unavailable("away"), Unreached("nobody there")])
def test_no_answer_is_a_failure(error: Unavailable) -> None:
    """By its name; it goes on to whoever asked."""
    failed: list[object] = []
    inner = Answering(error)
    transport = WatchedTransport(inner, Watch(failed.append, failed.append))
    with pytest.raises(type(error)):
        transport.send(Request("GET", "https://api.github.com/"))
    assert failed == [type(error).__name__]
    transport.close()
    assert inner.closed
