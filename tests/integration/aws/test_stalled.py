"""AWS takes a request and does not answer it: the call ends as one of our errors, after tries by fresh connections."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest
from boto3.session import Session

from paddock.adapters.aws.clients import PATIENCE, POLLS, Clients, Patience
from paddock.adapters.aws.dynamodb.table import Table
from paddock.adapters.aws.ec2.errors import CODES
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.core.errors import Throttled, Unavailable
from paddock.core.messages import RunCompleted
from paddock.core.units import SECOND
from tests.aws.judge import REGION
from tests.http_stub import Answer, Seen
from tests.stalling import Stalling, stalling
from tests.strategies import NOON

KEY = {"pk": {"S": "JOB#1"}, "sk": {"S": "JOB"}}
SERVICES = ("dynamodb", "ec2", "s3", "sqs")
SHORT = {service: Patience(read=0.05, tries=2) for service in PATIENCE}


@attrs.frozen
class Aws:
    """Clients of a server. ``waits`` are the read time-outs of the clients that were made, in their order."""

    server: Stalling
    waits: list[float] = attrs.field(factory=list)

    def clients(self, patience: Mapping[str, Patience] = SHORT) -> Clients:
        """Fresh ones."""
        endpoints = dict.fromkeys(SERVICES, self.server.stub.url)
        return Clients(REGION, endpoints, session=Session("a", "b"), watch=self._made, patience=patience)

    def queue(self, clients: Clients) -> SqsQueue[RunCompleted]:
        """A queue there."""
        url = f"{self.server.stub.url}/123456789012/events"
        return SqsQueue(clients, url, f"{url}-dead", ManualSleeper(ManualClock(NOON)))

    def _made(self, client: Any, _service: str) -> None:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        self.waits.append(client.meta.config.read_timeout)


@pytest.fixture
def aws() -> Iterator[Aws]:
    """One that stalls until it is told to answer."""
    with stalling() as server:
        yield Aws(server)


def _table(clients: Clients) -> Table:
    return Table(clients, "paddock-ci", ManualSleeper(ManualClock(NOON)))


CALLS: Mapping[str, Callable[[Aws, Clients], object]] = {
    "dynamodb": lambda _aws, clients: _table(clients).get(KEY),
    "ec2": lambda _aws, clients: Asking(CODES)(clients.ec2.describe_instances),
    "s3": lambda _aws, clients: S3Objects(clients, "bucket", ManualClock(NOON)).page("config/"),
    "sqs": lambda aws, clients: aws.queue(clients).send([RunCompleted(1, 1, "acme/api", None)]),
    "sqs, long": lambda aws, clients: aws.queue(clients).receive(10, wait=20 * SECOND),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_never_answered_ends_after_its_tries(aws: Aws, call: str) -> None:
    """As an outage, which brings the message back; each try has a connection of its own, for the old one stalls."""
    clients = aws.clients()
    with pytest.raises(Unavailable, match="Read timeout"):
        CALLS[call](aws, clients)
    clients.close()
    assert (len(aws.server.stub.seen), aws.server.connections()) == (2, 2)


def test_a_connection_that_stalls_costs_one_try(aws: Aws) -> None:
    """The next one is made anew, and what is asked over it is answered."""
    item = {**KEY, "state": {"S": "queued"}}

    def second(seen: Seen) -> Answer:
        return (
            aws.server.stall(seen)
            if len(aws.server.stub.seen) == 1
            else Answer(200, {"Item": item}, {"Connection": "close"})
        )

    aws.server.script = second
    clients = aws.clients({**SHORT, "dynamodb": Patience(read=2, tries=2)})
    assert _table(clients).get(KEY) == item
    clients.close()
    assert (len(aws.server.stub.seen), aws.server.connections()) == (2, 2)


def test_a_throttle_is_few_requests_by_one_connection(aws: Aws) -> None:
    """Being asked too much is answered by no flood: as many tries as any call has, and nothing is connected anew."""
    refusal = Answer(400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"})
    aws.server.script = lambda _seen: refusal
    clients = aws.clients({**SHORT, "dynamodb": Patience(read=5, tries=2)})
    with pytest.raises(Throttled):
        _table(clients).get(KEY)
    clients.close()
    assert (len(aws.server.stub.seen), aws.server.connections()) == (2, 1)


def test_only_who_waits_for_messages_has_the_patience_for_it(aws: Aws) -> None:
    """Sending, looking at dead letters and a poll that does not wait give up soon; a long poll is a client's own."""
    replies: Mapping[str, object] = {"ReceiveMessage": {}, "SendMessageBatch": {"Successful": [], "Failed": []}}

    def served(seen: Seen) -> Answer:
        return Answer(200, replies[seen.headers["x-amz-target"].rpartition(".")[2]])

    aws.server.script = served
    clients = aws.clients(PATIENCE)
    queue = aws.queue(clients)
    queue.send([RunCompleted(1, 1, "acme/api", None)])
    assert (queue.receive(10), queue.redrive(), queue.dead_letters()) == ([], 0, ())
    assert aws.waits == [PATIENCE["sqs"].read]
    assert queue.receive(10, wait=20 * SECOND) == []
    assert aws.waits == [PATIENCE["sqs"].read, PATIENCE[POLLS].read]
    clients.close()
    waited = [seen.json.get("WaitTimeSeconds", 0) for seen in aws.server.stub.seen]
    assert [each for each in waited if each >= PATIENCE["sqs"].read] == [20]
