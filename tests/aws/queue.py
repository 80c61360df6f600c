"""A queue of SQS with its dead-letter queue on a moto server, whose time a test moves."""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import attrs
from moto.sqs.models import sqs_backends

from paddock.adapters.aws.clients import Clients
from paddock.adapters.memory.system import ManualClock
from paddock.core.units import SECOND, Span
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, moto
from tests.aws.time import clients_of, moto_time
from tests.strategies import NOON

_NUMBERS = itertools.count()


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
