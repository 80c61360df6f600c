"""What Lambda hands a function, made by hand, and a queue that remembers what was asked of it."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from paddock.adapters.wire import message_text
from paddock.core.errors import InvalidInput, PaddockError
from paddock.core.units import Span
from paddock.entrypoints.aws_lambda.batch import Answer

ROLE_ID = "AROAEXAMPLEEXAMPLE123"
STACK = {
    "AWS_REGION": "eu-west-1",
    "PADDOCK_STACK": "paddock-ci",
    "PADDOCK_TABLE": "paddock-ci",
    "PADDOCK_JOBS_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
    "PADDOCK_JOBS_DEAD_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs-dead",
    "PADDOCK_EVENTS_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
    "PADDOCK_EVENTS_DEAD_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events-dead",
    "PADDOCK_REPORTS_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/reports",
    "PADDOCK_REPORTS_DEAD_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/reports-dead",
    "PADDOCK_ROLE_ID": ROLE_ID,
    "PADDOCK_SUBNETS": '{"eu-west-1a": "subnet-0123456789abcdef0", "eu-west-1b": "subnet-0123456789abcdef1"}',
    "PADDOCK_TEMPLATES": '[{"arch": "x64", "id": "lt-0123456789abcdef0", "version": "3"}]',
    "PADDOCK_CONFIG": "s3://paddock-ci-config/config/paddock.yml",
    "PADDOCK_GITHUB_SECRET": "paddock-ci/github",
    "PADDOCK_WEBHOOK_SECRET": "paddock-ci/webhook",
}
"""A stack's environment: all variables that any of its functions needs."""


@attrs.frozen
class Context:
    """What Lambda tells of an invocation. ``remaining`` is how many milliseconds it has left, whenever it is asked."""

    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    remaining: Callable[[], int] = lambda: 10_000

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda calls it."""
        return self.remaining()


@attrs.define
class Desk:
    """The queue that lent the messages. ``error`` is raised instead of doing anything."""

    deferred: dict[str, Span] = attrs.field(factory=dict)
    buried: list[str] = attrs.field(factory=list)
    error: PaddockError | None = None

    def defer(self, receipt: str, delay: Span) -> None:
        """Remember it."""
        if self.error is not None:
            raise self.error
        self.deferred[receipt] = delay

    def bury(self, body: str, why: InvalidInput) -> None:
        """Remember it."""
        assert str(why)
        if self.error is not None:
            raise self.error
        self.buried.append(body)


def record(message: object, number: int = 1, *, receives: int = 1, sender: str = "AIDAEXAMPLE") -> dict[str, Any]:
    """One message as it is in an event of SQS; a text stands for itself, anything else is one of our messages."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": message if isinstance(message, str) else message_text(message),
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": "1795348800000",
            "SenderId": sender,
            "ApproximateFirstReceiveTimestamp": "1795348800001",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:jobs",
        "awsRegion": "eu-west-1",
    }


def sqs_event(*records: Mapping[str, Any]) -> dict[str, Any]:
    """An event with these messages."""
    return {"Records": list(records)}


def failed(answer: Answer) -> list[str]:
    """The messages that the answer names."""
    assert set(answer) == {"batchItemFailures"}
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def url_event(body: str, headers: Mapping[str, str], *, encoded: bool = False, method: str = "POST") -> dict[str, Any]:
    """A request to a function's URL, in Lambda's payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "accountId": "anonymous",
            "domainName": "id.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


@contextmanager
def logging_kept() -> Iterator[None]:
    """Whatever a function does to logging inside the block is undone afterwards."""
    loggers = [logging.getLogger(), logging.getLogger("paddock")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    try:
        yield
    finally:
        for logger, (level, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers[:] = handlers


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log's lines since the last look."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
