"""An EC2 machine for tests: a strict stand-in of its metadata service, moto over HTTP, and botocore as the judge.

moto checks neither rights nor signatures, and accepts bodies that AWS would not. So each request passes a front that
remembers it, may answer with a fault in moto's place, and can have botocore say whether AWS would have taken it.
"""

import http.client
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from paddock.agent.aws.config import Config, parse_config
from paddock.agent.aws.imds import DOCUMENT, MARKET, REBALANCE, ROLE, SPOT, STOCK
from paddock.agent.aws.service import Patience
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.log import Log
from tests.aws.judge import REGION, SECRET, TOKEN, breaches_of, client
from tests.http_stub import Answer, HttpStub, Seen, http_stub

ACCOUNT = "123456789012"
MACHINE = "i-0123456789abcdef0"
ROLE_ID = "AROAEXAMPLEEXAMPLE123"
USER_ID = f"{ROLE_ID}:{MACHINE}"
LOG_ROLE = f"arn:aws:iam::{ACCOUNT}:role/paddock-{REGION}-shipper"
SECOND = 1_000_000


class HandClock:
    """A clock that a test moves."""

    def __init__(self, now: int = 1_790_000_000 * SECOND) -> None:
        self.time = now

    def now(self) -> int:
        """Where the test has put it."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self.time += int(seconds * SECOND)


@contextmanager
def moto(alone: "threading.Lock | None" = None) -> Iterator[str]:
    """The address of a moto server; its thread and its sockets are gone afterwards.

    Given a lock, it handles one request at a time, and so do all others that are given it.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)

    def handle(environ: Any, start_response: Any) -> Any:  # noqa: ANN401 - WSGI, which moto does not type
        with alone or nullcontext():
            return application(environ, start_response)

    server = make_server("127.0.0.1", 0, handle, threaded=True)
    server.daemon_threads = False  # type: ignore[attr-defined]  # ThreadedWSGIServer has it
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Front:
    """What stands before moto: remembers requests, and gives faults first, by the service that is asked."""

    def __init__(self, stub: HttpStub, behind: str) -> None:
        self.url = stub.url
        self.behind = behind
        self.seen = stub.seen
        self.sessions: dict[str, tuple[str, str]] = {}  # secret and token of what STS gave, by access key
        self.faults: dict[str, list[Answer]] = {}
        self.lose: dict[str, int] = {}  # so many answers of the operation get lost, after moto has done its deed
        self.cut: Callable[[str], bool] = lambda _operation: False  # whether nobody can be reached for an operation
        stub.answer = self.answer  # type: ignore[method-assign]  # any method, any path

    def operation(self, seen: Seen) -> str:
        """The operation asked for, or the method for S3."""
        target = seen.headers.get("x-amz-target", "").rpartition(".")[2]
        form = seen.body.decode("latin1").partition("&")[0].removeprefix("Action=")
        return target or (form if seen.method == "POST" else seen.method)

    def forms(self, operation: str) -> list[dict[str, str]]:
        """What was sent with an operation of a service that takes forms."""
        return [dict(parse_qsl(seen.body.decode())) for seen in self.seen if self.operation(seen) == operation]

    def operations(self) -> list[str]:
        """All operations so far."""
        return [self.operation(seen) for seen in self.seen]

    def bodies(self, operation: str) -> list[Any]:
        """What was sent with an operation of the JSON protocol."""
        return [seen.json for seen in self.seen if self.operation(seen) == operation]

    def answer(self, seen: Seen) -> Answer:
        """A fault that was laid out for the operation, or what moto says."""
        self.seen.append(seen)
        operation = self.operation(seen)
        if self.cut(operation):
            return Answer(hang_up=True)
        if self.faults.get(operation):
            return self.faults[operation].pop(0)
        parts = urlsplit(self.behind)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        query = "?" + "&".join(f"{name}={value}" for name, value in seen.query.items()) if seen.query else ""
        connection.request(seen.method, seen.path + query, seen.body, dict(seen.headers))
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        if self.lose.get(operation):
            self.lose[operation] -= 1
            return Answer(hang_up=True)
        if operation == "AssumeRole" and reply.status == 200:
            self.sessions.update(sessions_in(body))
        kept = {name: value for name, value in reply.getheaders() if name.lower().startswith(("x-amz", "content-type"))}
        return Answer(reply.status, body, kept)


def sessions_in(answer: bytes) -> dict[str, tuple[str, str]]:
    """The secret and the token in an answer to AssumeRole, by access key."""
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    key, secret, token = (re.findall(f"<{name}>(.+?)</{name}>", answer.decode())[0] for name in names)
    return {key: (secret, token)}


@contextmanager
def front(behind: str) -> Iterator[Front]:
    """A front before moto, or before anything."""
    with http_stub() as stub:
        yield Front(stub, behind)


def fault(status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """An error as the JSON services give it."""
    return Answer(status, {"__type": f"com.amazonaws.thing#{code}", "message": message}, headers or {})


def xml_fault(status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """An error as S3 and STS give it."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, text.encode(), headers or {})


class ImdsStandIn:
    """IMDSv2 and nothing else: no answer without a living token, and none to what has been forwarded."""

    def __init__(self, stub: HttpStub, machine: str = MACHINE) -> None:
        self.url = stub.url
        self.stub = stub
        self.clock = HandClock()
        self.tokens: dict[str, int] = {}
        self.life = 21_600
        self.faults: list[Answer] = []  # given first, whatever is asked
        self.hold = threading.Event()
        self.hold.set()
        self.role = "paddock-machine"
        self.keys = 0  # sets of credentials handed out
        self.access_key = ""  # the one that all of them have; else each has its own
        self.expires = "2099-01-01T00:00:00Z"
        document = {
            "instanceId": machine,
            "instanceType": "m7g.large",
            "availabilityZone": REGION + "b",
            "region": REGION,
            "imageId": "ami-0123456789abcdef0",
            "accountId": ACCOUNT,
        }
        self.data: dict[str, str] = {DOCUMENT: json.dumps(document), MARKET: "spot"}
        stub.on("PUT /latest/api/token", self._token)
        for path in (DOCUMENT, MARKET, SPOT, REBALANCE, STOCK, ROLE, ROLE + self.role):
            stub.on(f"GET {path}", self._get)

    def warn(self, seconds: float, *, kind: str = SPOT) -> None:
        """Warn of a loss so many seconds from now: a spot notice, or a rebalance recommendation."""
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.data[kind] = json.dumps({"action": "terminate", "time": at} if kind == SPOT else {"noticeTime": at})

    def _token(self, seen: Seen) -> Answer:
        self.hold.wait(10)
        if self.faults:
            return self.faults.pop(0)
        if "x-forwarded-for" in seen.headers:
            return Answer(403)
        wanted = seen.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not wanted.isdigit() or not 1 <= int(wanted) <= 21_600:
            return Answer(400)
        life = min(int(wanted), self.life)
        token = f"AQAE-token-{len(self.tokens)}=="
        self.tokens[token] = self.clock.now() + life * SECOND
        return Answer(200, token.encode(), {"X-aws-ec2-metadata-token-ttl-seconds": str(life)})

    def _get(self, seen: Seen) -> Answer:
        self.hold.wait(10)
        if self.faults:
            return self.faults.pop(0)
        token = seen.headers.get("x-aws-ec2-metadata-token", "")
        if self.clock.now() >= self.tokens.get(token, 0):
            return Answer(401)
        if seen.path == ROLE:
            return Answer(200, self.role.encode()) if self.role else Answer(404)
        if seen.path.startswith(ROLE):
            self.keys += 1
            found = {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": self.access_key or f"ASIAEXAMPLE{self.keys}"}
            found |= {"SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": self.expires}
            return Answer(200, found)
        text = self.data.get(seen.path)
        return Answer(404) if text is None else Answer(200, text.encode())


@contextmanager
def imds_standin(machine: str = MACHINE) -> Iterator[ImdsStandIn]:
    """A machine's metadata service; when the block ends, nothing of it is left."""
    with http_stub() as stub:
        standin = ImdsStandIn(stub, machine)
        try:
            yield standin
        finally:
            standin.hold.set()


def patience(clock: HandClock | None = None, attempts: int = 4, timeout: float = 5.0) -> Patience:
    """As on a machine, but pauses pass at once, and each is as long as it may be."""
    sleep = clock.sleep if clock is not None else (lambda _seconds: None)
    return Patience(attempts=attempts, timeout=timeout, chance=lambda: 1.0, sleep=sleep)


class World:
    """One machine's AWS: its front, its metadata, its table, queue, log group and bucket."""

    def __init__(self, before: Front, imds: ImdsStandIn, root: Path, name: str, machine: str) -> None:
        self.front = before
        self.imds = imds
        self.name = name
        self.machine = machine
        self.user_id = f"{ROLE_ID}:{machine}"
        self.log = Log(root / "agent.log", SteadyClock())
        self.log_path = root / "agent.log"
        self.dynamodb = client("dynamodb", before.behind)
        self.sqs = client("sqs", before.behind)
        self.logs = client("logs", before.behind)
        self.s3 = client("s3", before.behind)
        keys = (("pk", "HASH"), ("sk", "RANGE"))
        self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        )
        self.queue = self.sqs.create_queue(QueueName=name)["QueueUrl"].replace(before.behind, "https://sqs.example")
        self.logs.create_log_group(logGroupName=f"/paddock/{name}")
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def settings(self, **fields: object) -> dict[str, object]:
        """What stands in the machine's settings file, as its stack would write it."""
        services = ("dynamodb", "sqs", "logs", "s3", "sts")
        data: dict[str, object] = {
            "version": 1,
            "table": self.name,
            "reports_queue_url": self.queue,
            "log_group": f"/paddock/{self.name}",
            "log_role": LOG_ROLE,
            "cache_bucket": self.name,
            "archive_bucket": self.name,
            "role_id": ROLE_ID,
            "endpoints": {"imds": self.imds.url, **dict.fromkeys(services, self.front.url)},
        }
        return {**data, **fields}

    def config(self, **fields: object) -> Config:
        """The machine's settings, read."""
        return parse_config(self.settings(**fields))

    def put_item(self, body: str | bytes | None, **more: Any) -> None:  # noqa: ANN401 - DynamoDB's own typed values
        """The assignment as the control plane puts it: packed, or as text as it once was."""
        item: dict[str, Any] = {
            "pk": {"S": self.user_id},
            "sk": {"S": "ASSIGNMENT"},
            "runner_name": {"S": "p-1"},
            **more,
        }
        if body is not None:
            item["body"] = {"S" if isinstance(body, str) else "B": body}
        self.dynamodb.put_item(TableName=self.name, Item=item)

    def item(self) -> dict[str, Any] | None:
        """What stands under the machine's key."""
        key = {"pk": {"S": self.user_id}, "sk": {"S": "ASSIGNMENT"}}
        found: dict[str, Any] | None = self.dynamodb.get_item(TableName=self.name, Key=key).get("Item")
        return found

    def messages(self) -> list[Any]:
        """The reports that arrived, decoded."""
        reply = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in reply.get("Messages", [])]


@contextmanager
def world(behind: str, root: Path, name: str, machine: str = MACHINE) -> Iterator[World]:
    """A machine's AWS; afterwards every request that was made is held to botocore."""
    with ExitStack() as stack:
        made = World(
            stack.enter_context(front(behind)), stack.enter_context(imds_standin(machine)), root, name, machine
        )
        stack.callback(made.log.close)
        for vendor in (made.dynamodb, made.sqs, made.logs, made.s3):
            stack.callback(vendor.close)
        yield made
        assert [problem for seen in made.front.seen for problem in breaches_of(seen, made.front.sessions)] == []
