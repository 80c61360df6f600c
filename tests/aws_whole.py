"""A whole fleet on AWS, but for AWS: GitHub's stand-in, functions as processes, queues with pumps, and real machines.

::

    GitHub ──URL──> webhook ──> [jobs] ──pump──> dispatch ──> moto's EC2 ──hypervisor──> an agent's process each
                           └──> [events] ──pump──> events  <──EventBridge──┘                │
                                [reports] ──pump──> reports <───────────────────────────────┘
                                 rules ──> schedules

Everything goes over one wire, where it is written down who called. Spans are shortened, so that what takes minutes at
home takes seconds here; nothing else is changed.
"""

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
from boto3.session import Session

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2 import Ec2Settings
from paddock.adapters.memory.github.values import Timings
from paddock.adapters.process.machines import box_arch
from paddock.adapters.memory.system import SeededChance
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import SystemClock
from paddock.core.ports.system import Chance
from paddock.core.units import MILLISECOND, SECOND
from paddock.entrypoints.aws_lambda.profile import AwsProfile
from tests.aws_ec2 import ec2_on_moto
from tests.aws_events import EventBridge, Schedule, called_by_url
from tests.aws_hypervisor import Hypervisor
from tests.aws_judge import REGION
from tests.aws_lambda import logging_kept, url_event
from tests.aws_machine import ACCOUNT, ROLE_ID
from tests.aws_pump import Mapped, Pump
from tests.aws_recorded import Call, Caller, Reply, Request
from tests.aws_runtime import NAMES, ProcessFunction, runtime
from tests.aws_table import create
from tests.aws_weather import Fleets
from tests.aws_wire import Behind, Layer, Wire, wire
from tests.http_stub import Answer, Seen, http_stub

REPOSITORY = "acme/shop"
LABEL = f"paddock/cpu=2/arch={box_arch()}"
QUEUES = ("jobs", "events", "reports")
HANDLERS = {"jobs": "dispatch", "events": "events", "reports": "reports"}
_NUMBERS = itertools.count()
RECEIVES = 12
VISIBILITY, TIMEOUT = 8, 8.0  # seconds
CONFIG = """
version: 1
github:
  url: {url}
  webhook_secret: {{env: NOT_FOLLOWED_ON_AWS}}
  app: {{id: {app_id}, private_key: {{env: NOT_FOLLOWED_ON_AWS}}}}
  repositories: [acme/shop]
deadlines: {{lease: 4s, boot: 30s, idle: 8s, runtime: 60s, silence: 40s, drain: 5s, orphan: 15s, retry_admission: 1s, word: 3s}}
retry: {{backoff: 1s, max_launches: 8}}
shortage: 5s
circuit: {{cool_down: 10s, max_cool_down: 20s, probe: 10s, avoid: 5s}}
rerun: {{most: 5}}
"""
MACHINE: Mapping[str, object] = {
    "assignment_deadline": 30 * SECOND,
    "stop_grace": SECOND,
    "retry_delay": 50 * MILLISECOND,
    "spot_wait": 30 * SECOND,
    "heartbeat": 5 * SECOND,
    "min_free": 1 << 20,
    "low_disk": 1 << 20,
    "low_memory": 1 << 20,
}
TIMINGS = Timings(assignment=20 * SECOND, lease=12 * SECOND, session=10 * SECOND)
SCALE = 0.05


class Senders:
    """Who sent which message: moto puts one made-up sender on all of them, SQS the one who signed."""

    def __init__(self) -> None:
        self.by_message: dict[str, str] = {}

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """A layer of the wire."""
        reply = behind(request)
        if call.action in {"sqs:SendMessage", "sqs:SendMessageBatch"} and reply.status == 200:  # noqa: PLR2004 - HTTP
            told: Any = json.loads(reply.body)
            caller: Caller = call.caller
            user = f"{ROLE_ID}:{caller.instance}" if caller.function == "machine" else "AIDAEXAMPLE"
            for one in told.get("Successful", [told]):
                self.by_message[one["MessageId"]] = user
        return reply

    def of(self, message: str) -> str:
        """The sender of a message, by its id."""
        return self.by_message.get(message, "AIDAEXAMPLE")


@attrs.frozen(kw_only=True)
class Whole:
    """All of it. ``profile`` is the test's own look at the fleet's records."""

    wire: Wire
    github: GitHubStandIn
    functions: Mapping[str, ProcessFunction]
    pumps: Mapping[str, Pump]
    schedule: Schedule
    hypervisor: Hypervisor
    clients: Clients
    queues: Mapping[str, str]
    profile: AwsProfile
    logs: Path
    chance: Chance

    def dead(self, name: str) -> list[str]:
        """What was given up of a queue."""
        found = self.clients.sqs.receive_message(QueueUrl=self.queues[f"{name}-dead"], MaxNumberOfMessages=10)
        return [message.get("Body", "") for message in found.get("Messages", [])]

    def log(self, name: str) -> str:
        """What a function has written."""
        path = self.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def items(self) -> list[dict[str, Any]]:
        """All that is in the table."""
        table = self.profile.environment().table
        pages = self.clients.dynamodb.get_paginator("scan").paginate(TableName=table)
        return [dict(item) for page in pages for item in page["Items"]]


@attrs.frozen(kw_only=True)
class Weather:
    """What is to go wrong. ``layers`` come first on the wire; see the pumps and EventBridge for the others."""

    layers: Sequence[Layer] = ()
    fleets: Fleets = attrs.field(factory=Fleets)
    again: int | None = None
    twice: int | None = None


@contextmanager
def whole_fleet(root: Path, agent: Path, seed: int, weather: Weather) -> Iterator[Whole]:
    """A fleet that runs, and has nothing to do yet; afterwards nothing of it is left."""
    with ExitStack() as cleanup:
        cleanup.enter_context(logging_kept())
        senders, chance = Senders(), SeededChance(seed)
        layers = [*weather.layers, senders, weather.fleets]
        on = cleanup.enter_context(wire(layers))
        on.recorded.know("AKIATEST", Caller("test"))
        ec2 = cleanup.enter_context(ec2_on_moto(lambda: cleanup_free(on.url)))
        stub = cleanup.enter_context(http_stub())
        github = GitHubStandIn(webhook_url=f"{stub.url}/", timings=TIMINGS, scale=SCALE)
        cleanup.enter_context(github)
        github.add_repository(REPOSITORY)
        clients = _clients(cleanup, on, "AKIATEST")
        name = f"whole-{next(_NUMBERS)}"  # the server is a new one, what is behind it is not
        queues = _queues(cleanup, clients, name)
        variables = _variables(cleanup, on, clients, github, ec2.settings, queues, name)
        address = cleanup.enter_context(runtime(root))
        functions = {
            each: ProcessFunction(
                address, each, variables, on.recorded, root / f"{each}.log", timeout=TIMEOUT
            )
            for each in NAMES
        }
        for function in functions.values():
            cleanup.callback(function.close)
        call = called_by_url(functions["webhook"])

        def webhook(seen: Seen) -> Answer:
            status, body, headers = call(url_event(seen.body.decode(), seen.headers, method=seen.method))
            return Answer(status, body, headers)

        stub.answer = webhook  # type: ignore[method-assign]  # any path
        bridge = EventBridge(_clients(cleanup, on, "AKIABRIDGE").sqs, queues["events"], chance, weather.twice)
        on.recorded.know("AKIABRIDGE", Caller("eventbridge"))
        settings = {
            **MACHINE,
            "cache": str(root / "cache"),
            "table": variables["PADDOCK_TABLE"],
            "reports_queue_url": queues["reports"],
            "log_group": f"/paddock/{name}",
            "archive_bucket": f"{name}-archive",
        }
        machines = root / "machines"
        machines.mkdir()
        hypervisor = Hypervisor(
            on, bridge, SystemClock(), fleet=ec2.settings.fleet, agent=agent, root=machines, settings=settings
        )
        on.recorded.know("AKIAPUMP", Caller("pump"))
        pumps = {
            queue: Pump(
                _clients(cleanup, on, "AKIAPUMP").sqs,
                Mapped(queue_url=queues[queue], concurrency=2, poll=1, again=weather.again),
                functions[HANDLERS[queue]],
                chance=chance,
                sender_of=senders.of,
            )
            for queue in QUEUES
        }
        rules = [(3.0, {"task": "sweep"}), (6.0, {"task": "sweep_github"})]
        schedule = Schedule(functions["schedules"], rules)
        cleanup.enter_context(patch.dict(os.environ, variables))
        profile = AwsProfile()
        cleanup.callback(_forget, profile)
        for part in (hypervisor, *pumps.values(), schedule):
            cleanup.callback(part.stop)
            part.start()
        yield Whole(
            wire=on,
            github=github,
            functions=functions,
            pumps=pumps,
            schedule=schedule,
            hypervisor=hypervisor,
            clients=clients,
            queues=queues,
            profile=profile,
            logs=root,
            chance=chance,
        )


@contextmanager
def cleanup_free(url: str) -> Iterator[str]:
    """The address of a server that somebody else ends."""
    yield url


def _clients(cleanup: ExitStack, on: Wire, keys: str) -> Clients:
    session = Session(aws_access_key_id=keys, aws_secret_access_key="secret", region_name=REGION)
    made = Clients(REGION, dict.fromkeys(("dynamodb", "ec2", "s3", "sqs"), on.url), session=session)
    cleanup.callback(_close, made)
    return made


def _close(clients: Clients) -> None:
    for name in ("dynamodb", "ec2", "s3", "sqs"):
        if name in vars(clients):
            getattr(clients, name).close()


def _forget(profile: AwsProfile) -> None:
    _close(profile.clients())


def _queues(cleanup: ExitStack, clients: Clients, name: str) -> dict[str, str]:
    queues: dict[str, str] = {}
    for word in QUEUES:
        dead = f"{name}-{word}-dead"
        queues[f"{word}-dead"] = clients.sqs.create_queue(QueueName=dead)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}"
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIVES)})
        attributes: Any = {"VisibilityTimeout": str(VISIBILITY), "RedrivePolicy": policy}
        queues[word] = clients.sqs.create_queue(QueueName=f"{name}-{word}", Attributes=attributes)["QueueUrl"]
    for url in queues.values():
        cleanup.callback(clients.sqs.delete_queue, QueueUrl=url)
    return queues


def _variables(
    cleanup: ExitStack,
    on: Wire,
    clients: Clients,
    github: GitHubStandIn,
    ec2: Ec2Settings,
    queues: Mapping[str, str],
    name: str,
) -> dict[str, str]:
    """The stack's other parts, and the functions' environment."""
    s3: Any = clients.s3
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    create(clients, name)
    for bucket in ("config", "archive"):
        s3.create_bucket(Bucket=f"{name}-{bucket}", **place)
    text = CONFIG.format(url=github.url, app_id=github.credentials.app_id)
    s3.put_object(Bucket=f"{name}-config", Key="config/paddock.yml", Body=text.encode())
    for service, operation, given in (
        ("logs", "create_log_group", [{"logGroupName": f"/paddock/{name}"}]),
        (
            "secretsmanager",
            "create_secret",
            [
                {"Name": f"{name}/github", "SecretString": github.credentials.private_key},
                {"Name": f"{name}/webhook", "SecretString": github.webhook_secret},
            ],
        ),
    ):
        made: Any = clients.session.client(service, endpoint_url=on.url)  # type: ignore[call-overload]
        for one in given:
            getattr(made, operation)(**one)
        made.close()
    variables = {
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": on.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "PADDOCK_STACK": ec2.fleet,
        "PADDOCK_TABLE": name,
        "PADDOCK_CONFIG": f"s3://{name}-config/config/paddock.yml",
        "PADDOCK_ROLE_ID": ROLE_ID,
        "PADDOCK_SUBNETS": json.dumps(dict(ec2.subnets)),
        "PADDOCK_TEMPLATES": json.dumps([attrs.asdict(template) for template in ec2.templates]),
        "PADDOCK_GITHUB_SECRET": f"{name}/github",
        "PADDOCK_WEBHOOK_SECRET": f"{name}/webhook",
    }
    for word in QUEUES:
        variables[f"PADDOCK_{word.upper()}_URL"] = queues[word]
        variables[f"PADDOCK_{word.upper()}_DEAD_URL"] = queues[f"{word}-dead"]
    return variables
