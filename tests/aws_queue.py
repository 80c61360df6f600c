"""A queue of SQS with its dead-letter queue on a moto server, whose time a test moves.

moto asks one function for the time; it is put into a test's hand. So loans run out without anybody waiting, and a long
poll, which waits on a condition, moves the clock instead.
"""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cache
from unittest.mock import patch

import attrs
from boto3.session import Session
from moto.core import utils
from moto.sqs.models import Queue, sqs_backends

from paddock.adapters.aws.clients import Clients
from paddock.adapters.memory.system import ManualClock
from paddock.core.units import SECOND, Span, datetime_of
from tests.aws_judge import REGION
from tests.aws_machine import ACCOUNT, moto
from tests.strategies import NOON

_NUMBERS = itertools.count()


@contextmanager
def moto_time(clock: ManualClock, *, step: Span = 2) -> Iterator[None]:
    """Within it moto's queues go by the clock.

    Each look moves it by `step`: moto takes a loan that ends now for one that lasts, so a clock that stood still would
    never end it. Two microseconds are more than its floating-point milliseconds swallow.
    """

    def now() -> datetime:
        clock.advance(step)
        return datetime_of(clock.now()).replace(tzinfo=None)

    def wait(_queue: Queue, timeout: int) -> None:
        clock.advance(timeout * SECOND)

    with patch.object(utils, "utcnow", now), patch.object(Queue, "wait_for_messages", wait):
        yield


@cache
def session() -> Session:
    """Who asks moto: it believes everybody."""
    return Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@contextmanager
def clients_of(url: str) -> Iterator[Clients]:
    """Clients of a moto server; their connections are closed afterwards."""
    clients = Clients(REGION, dict.fromkeys(("dynamodb", "ec2", "s3", "sqs"), url), session=session())
    try:
        yield clients
    finally:
        for name in ("dynamodb", "ec2", "s3", "sqs"):
            if name in vars(clients):
                getattr(clients, name).close()


@attrs.frozen
class MotoQueue:
    """A queue, empty at first."""

    clients: Clients
    clock: ManualClock
    url: str
    dead_letter_url: str
    max_receives: int

    def send_text(self, body: str) -> None:
        """Store a text as some other program might."""
        self.clients.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def settle(self) -> None:
        """Give up what was lent too often. SQS and moto do so only when somebody would receive it."""
        backend = sqs_backends[ACCOUNT][REGION]
        queue = backend.get_queue(self.url.rpartition("/")[2])
        for message in queue.messages:
            if message.approximate_receive_count >= self.max_receives:
                queue._messages.remove(message)
                backend.get_queue(self.dead_letter_url.rpartition("/")[2]).add_message(message)


@contextmanager
def queue_on_moto(visibility: Span, max_receives: int) -> Iterator[MotoQueue]:
    """A queue with this loan and this maximum of loans."""
    clock = ManualClock(NOON)
    with ExitStack() as stack:
        clients = stack.enter_context(clients_of(stack.enter_context(moto())))
        stack.enter_context(moto_time(clock))
        name = f"queue-{next(_NUMBERS)}"  # the server is a new one, what is behind it is not
        dead = clients.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        policy = {
            "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}-dead",
            "maxReceiveCount": str(max_receives),
        }
        attributes = {"VisibilityTimeout": str(visibility // SECOND), "RedrivePolicy": json.dumps(policy)}
        url = clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        stack.callback(clients.sqs.delete_queue, QueueUrl=dead)
        stack.callback(clients.sqs.delete_queue, QueueUrl=url)
        yield MotoQueue(clients, clock, url, dead, max_receives)
