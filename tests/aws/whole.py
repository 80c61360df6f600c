"""A whole fleet on AWS, but for AWS: GitHub's stand-in, functions as processes, queues with pumps, and real machines.

::

    GitHub ──URL──> webhook ──> [jobs] ──pump──> dispatch ──> moto's EC2 ──hypervisor──> an agent's process each
                           └──> [events] ──pump──> events  <──EventBridge──┘                │
                                [reports] ──pump──> reports <───────────────────────────────┘
                                 rules ──> schedules

Everything goes over one wire, where it is written down who called. Queues, their mappings and the functions' time-outs
are the stack's, in the time of `tests.aws.deployed`; other spans are shortened, too, so that what takes minutes at home
takes seconds here. Nothing else is changed.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import attrs
from boto3.session import Session
from moto.sqs.models import sqs_backends

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloud_events import PATTERNS
from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.aws.roles import SLACK
from paddock.adapters.memory.github.values import Timings
from paddock.adapters.memory.system import SeededChance
from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import SystemClock
from paddock.core.ports.system import Chance
from paddock.core.units import MILLISECOND, SECOND
from paddock.entrypoints.aws_lambda.profile import AwsProfile
from tests.aws import deployed, github_front
from tests.aws.deployed import Sooner
from tests.aws.ec2 import ec2_on_moto
from tests.aws.events import EventBridge, Schedule, called_by_url
from tests.aws.hypervisor import Hypervisor
from tests.aws.invocations import logging_kept, url_event
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, ROLE_ID
from tests.aws.pump import Mapped, Pump
from tests.aws.recorded import Call, Caller, Reply, Request
from tests.aws.rights import Stack, stack_of
from tests.aws.runtime import NAMES, ProcessFunction, runtime
from tests.aws.steps import Tokens
from tests.aws.table import create
from tests.aws.weather import Dice, Fleets
from tests.aws.wire import Behind, Layer, Wire, wire
from tests.http_stub import Answer, Seen, http_stub

REPOSITORY = "acme/shop"
LABEL = f"paddock/cpu=2/arch={box_arch()}"
QUEUES = ("jobs", "events", "reports")
HANDLERS = {"jobs": "dispatch", "events": "events", "reports": "reports"}
_NUMBERS = itertools.count()
START, SLOWEST = 0.03, 20  # seconds that Python's start takes on a machine that is not busy
CONFIG = """
version: 1
costs: {{live: {live}, bill: {live}}}
github:
  url: {url}
  webhook_secret: {{env: NOT_FOLLOWED_ON_AWS}}
  app: {{id: {app_id}, private_key: {{env: NOT_FOLLOWED_ON_AWS}}}}
  repositories: [acme/shop]
deadlines: {{{deadlines}}}
retry: {{backoff: 1s, max_launches: 8}}
shortage: {shortage}
circuit: {{{circuit}}}
rerun: {{most: 5}}
{more}
"""
DEADLINES = {
    "lease": 4,
    "boot": 30,
    "idle": 8,
    "runtime": 60,
    "silence": 40,
    "drain": 5,
    "orphan": 15,
    "retry_admission": 1,
    "word": 3,
}
CIRCUIT = {"cool_down": 10, "max_cool_down": 20, "probe": 10, "avoid": 5}
MACHINE_SPANS = {"assignment_deadline": 30 * SECOND, "stop_grace": SECOND, "spot_wait": 30 * SECOND}
MACHINE: Mapping[str, object] = {
    "retry_delay": 50 * MILLISECOND,
    "heartbeat": 5 * SECOND,
    "min_free": 1 << 20,
    "low_disk": 1 << 20,
    "low_memory": 1 << 20,
}
TASKS: Mapping[str, float] = {"sweep": 3.0, "sweep_github": 6.0, "dead_letters": 15.0}
"""Every how many seconds a task is done."""
SCALE = 0.05


def pace() -> int:
    """By how much everything must be given more time: how much slower than usual Python starts here just now."""
    began = time.monotonic()
    for _ in range(3):
        subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
    return min(SLOWEST, max(1, round((time.monotonic() - began) / 3 / START)))


def _spans(seconds: Mapping[str, int], pace: int) -> str:
    return ", ".join(f"{name}: {span * pace}s" for name, span in seconds.items())


class Senders:
    """Who sent which message: moto puts one made-up sender on all of them, SQS the one who signed."""

    def __init__(self, role_id: str = ROLE_ID) -> None:
        self.by_message: dict[str, str] = {}
        self.role_id = role_id

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """A layer of the wire."""
        reply = behind(request)
        if call.action in {"sqs:SendMessage", "sqs:SendMessageBatch"} and reply.status == 200:
            told: Any = json.loads(reply.body)
            caller: Caller = call.caller
            user = f"{self.role_id}:{caller.instance}" if caller.function == "machine" else "AIDAEXAMPLE"
            for one in told.get("Successful", [told]):
                self.by_message[one["MessageId"]] = user
        return reply

    def of(self, message: str) -> str:
        """The sender of a message, by its id."""
        return self.by_message.get(message, "AIDAEXAMPLE")


@attrs.frozen(kw_only=True)
class Whole:
    """All of it. ``profile`` is the test's own look at the fleet's records, ``asked`` where functions ask GitHub."""

    wire: Wire
    github: GitHubStandIn
    asked: str
    functions: Mapping[str, ProcessFunction]
    pumps: Mapping[str, Pump]
    schedule: Schedule
    hypervisor: Hypervisor
    clients: Clients
    queues: Mapping[str, str]
    profile: AwsProfile
    logs: Path
    chance: Chance
    pace: int
    stack: Stack

    def configure(self, more: str) -> None:
        """Put another configuration in place of the one before, with these lines more; all functions start anew."""
        name = self.profile.environment().table
        body = config(self.github, self.pace, more, self.asked).encode()
        self.clients.s3.put_object(Bucket=f"{name}-config", Key="config/paddock.yml", Body=body)
        for function in self.functions.values():
            function.start_anew()

    def dead(self, name: str) -> dict[str, str]:
        """What was given up of a queue, whether somebody looks at it or not: texts by message."""
        with self.wire.alone:
            dead = sqs_backends[ACCOUNT][REGION].get_queue(self.queues[f"{name}-dead"].rpartition("/")[2])
            return {message.id: message.body for message in dead._messages}

    def caller_at(self, port: int) -> tuple[str, str] | None:
        """The function and its environment that asks GitHub from this port of its own; None: it is nobody of theirs."""
        to = int(self.asked.rpartition(":")[2])
        found = ((name, function.caller_at(port, to)) for name, function in self.functions.items())
        return next(((name, instance) for name, instance in found if instance is not None), None)

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
    """What is to go wrong. ``layers`` come first on the wire, ``github`` stands between the functions and GitHub.

    ``doom`` says of a function when an invocation dies. See the pumps and EventBridge for the others.
    """

    layers: Sequence[Layer] = ()
    fleets: Fleets = attrs.field(factory=Fleets)
    github: github_front.Layer | None = None
    doom: Callable[[str], float | None] = lambda _: None
    again: int | None = None
    beside: int | None = None
    unhanded: int | None = None
    twice: int | None = None


@contextmanager
def whole_fleet(
    root: Path,
    agent: Path,
    seed: int,
    weather: Weather,
    slow: int = 1,
    rules: Sequence[str] = tuple(PATTERNS),
    more: str = "",
    machine: Mapping[str, object] = MappingProxyType({}),
    *,
    rich: bool = False,
    sooner: bool = True,
) -> Iterator[Whole]:
    """A fleet that runs, and has nothing to do yet; afterwards nothing of it is left.

    All spans are `slow` times as long as usual, and longer on a machine that is busy. `rules` are the stack's, `more`
    are lines of its paddock.yml, and `machine` settings of its machines. A `rich` one has all that a stack can have:
    it keeps an archive and a mirror, asks what things cost, reports it, and tells a channel of Slack. Without `sooner`
    functions' own spans of SQS's time are as on AWS: who looks at many dead letters needs them for a while.
    """
    with ExitStack() as cleanup:
        cleanup.enter_context(logging_kept())
        senders, chance, slow = Senders(), Dice(SeededChance(seed)), max(slow, pace())
        faster = [Sooner(slow)] if sooner else []
        layers: list[Layer] = [*weather.layers, senders, *faster, weather.fleets, Tokens()]
        on = cleanup.enter_context(wire(layers))
        for keys in ("AKIATEST", "test"):
            on.recorded.know(keys, Caller("test"))
        ec2 = cleanup.enter_context(ec2_on_moto(lambda: _server_of(on.url)))
        stub = cleanup.enter_context(http_stub())
        timings = Timings(assignment=20 * slow * SECOND, lease=12 * slow * SECOND, session=10 * slow * SECOND)
        github = GitHubStandIn(webhook_url=f"{stub.url}/", timings=timings, scale=SCALE * slow)
        cleanup.enter_context(github)
        github.add_repository(REPOSITORY)
        clients = _clients(cleanup, on, "AKIATEST")
        name = f"whole-{next(_NUMBERS)}"  # the server is a new one, what is behind it is not
        queues = _queues(cleanup, clients, name, slow)
        asked = github.url
        if weather.github is not None:
            asked = cleanup.enter_context(github_front.github_front(asked, weather.github))
        text = config(github, slow, more, asked, live=rich)
        variables = _variables(on, clients, text, ec2.settings, queues, name)
        if rich:
            variables |= _riches(cleanup, on, clients, name)
        _secrets(on, clients, github, name)
        address = cleanup.enter_context(runtime(root))
        functions = {
            each: ProcessFunction(
                address,
                each,
                variables,
                on.recorded,
                root / f"{each}.log",
                timeout=deployed.timeouts()[each] * slow,
                doom=partial(weather.doom, each),
            )
            for each in (*NAMES, *([SLACK] if rich else []))
        }
        for function in functions.values():
            cleanup.callback(function.close)
        call = called_by_url(functions["webhook"])

        def webhook(seen: Seen) -> Answer:
            status, body, headers = call(url_event(seen.body.decode(), seen.headers, method=seen.method))
            return Answer(status, body, headers)

        stub.answer = webhook  # type: ignore[method-assign]  # any path
        bridge = EventBridge(_clients(cleanup, on, "AKIABRIDGE").sqs, queues["events"], chance, weather.twice, rules)
        on.recorded.know("AKIABRIDGE", Caller("eventbridge"))
        settings = {
            **MACHINE,
            **{span: length * slow for span, length in MACHINE_SPANS.items()},
            "cache": str(root / "cache"),
            "table": variables["PADDOCK_TABLE"],
            "reports_queue_url": queues["reports"],
            "log_group": f"/paddock/{name}",
            "log_role": f"arn:aws:iam::{ACCOUNT}:role/{ec2.settings.fleet}-{REGION}-shipper",
            "archive_bucket": f"{name}-archive",
            **({"cache_bucket": f"{name}-cache"} if rich else {}),
            **machine,
        }
        machines = root / "machines"
        machines.mkdir()
        hypervisor = Hypervisor(
            on,
            bridge,
            SystemClock(),
            fleet=ec2.settings.fleet,
            agent=agent,
            root=machines,
            settings=settings,
            pace=slow,
        )
        on.recorded.know("AKIAPUMP", Caller("pump"))
        pumps = {
            queue: Pump(
                _clients(cleanup, on, "AKIAPUMP").sqs,
                attrs.evolve(
                    mapped(queue, queues[queue], slow),
                    again=weather.again,
                    beside=weather.beside,
                    unhanded=weather.unhanded,
                ),
                functions[HANDLERS[queue]],
                chance=chance,
                sender_of=senders.of,
            )
            for queue in QUEUES
        }
        rules_of_time = [(seconds * slow, {"task": task}) for task, seconds in TASKS.items()]
        schedule = Schedule(functions["schedules"], rules_of_time)
        cleanup.enter_context(patch.dict(os.environ, variables))
        profile = AwsProfile()
        cleanup.callback(_forget, profile)
        parts: list[Any] = [hypervisor, *pumps.values(), schedule]
        for part in parts:
            cleanup.callback(part.stop)
            part.start()
        yield Whole(
            wire=on,
            github=github,
            asked=asked,
            functions=functions,
            pumps=pumps,
            schedule=schedule,
            hypervisor=hypervisor,
            clients=clients,
            queues=queues,
            profile=profile,
            logs=root,
            chance=chance,
            pace=slow,
            stack=stack_of(name, ec2.settings, ec2.parts()),
        )


@contextmanager
def _server_of(url: str) -> Iterator[str]:
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


def _queues(cleanup: ExitStack, clients: Clients, name: str, slow: int) -> dict[str, str]:
    queues: dict[str, str] = {}
    for word in QUEUES:
        dead = f"{name}-{word}-dead"
        queues[f"{word}-dead"] = clients.sqs.create_queue(QueueName=dead)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}"
        made = deployed.queues()[word]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(made.receives)})
        loan = deployed.seconds(made.visibility, slow)
        attributes: Any = {"VisibilityTimeout": str(loan), "RedrivePolicy": policy}
        queues[word] = clients.sqs.create_queue(QueueName=f"{name}-{word}", Attributes=attributes)["QueueUrl"]
    for url in queues.values():
        cleanup.callback(clients.sqs.delete_queue, QueueUrl=url)
    return queues


def mapped(queue: str, url: str, slow: int) -> Mapped:
    """The stack's mapping of a queue, in the tests' time."""
    made = deployed.queues()[queue]
    return Mapped(
        queue_url=url,
        batch_size=made.batch_size,
        window=made.window * slow / deployed.FASTER,
        concurrency=made.at_once,
        poll=1,
    )


def config(github: GitHubStandIn, slow: int, more: str, asked: str, *, live: bool = False) -> str:
    """The fleet's paddock.yml. `asked` is where its functions ask GitHub, `live` whether prices are AWS's."""
    return CONFIG.format(
        url=asked,
        live="true" if live else "false",
        app_id=github.credentials.app_id,
        deadlines=_spans(DEADLINES, slow),
        circuit=_spans(CIRCUIT, slow),
        shortage=f"{5 * slow}s",
        more=more,
    )


def _secrets(on: Wire, clients: Clients, github: GitHubStandIn, name: str) -> None:
    """The secrets, and the machines' log group."""
    manager: Any = clients.session.client("secretsmanager", endpoint_url=on.url)
    manager.create_secret(Name=f"{name}/github", SecretString=github.credentials.private_key)
    manager.create_secret(Name=f"{name}/webhook", SecretString=github.webhook_secret)
    manager.close()
    logs: Any = clients.session.client("logs", endpoint_url=on.url)
    logs.create_log_group(logGroupName=f"/paddock/{name}")
    logs.close()


def _riches(cleanup: ExitStack, on: Wire, clients: Clients, name: str) -> dict[str, str]:
    """What functions of a stack know besides that has everything; it is made."""
    s3: Any = clients.s3
    s3.create_bucket(Bucket=f"{name}-cache", CreateBucketConfiguration={"LocationConstraint": REGION})
    sns: Any = clients.session.client("sns", endpoint_url=on.url)
    topic = sns.create_topic(Name=f"{name}-daily-report")["TopicArn"]
    cleanup.callback(sns.delete_topic, TopicArn=topic)
    manager: Any = clients.session.client("secretsmanager", endpoint_url=on.url)
    manager.create_secret(Name=f"{name}/slack", SecretString="not an address")
    manager.close()
    return {
        "PADDOCK_ARCHIVE_BUCKET": f"{name}-archive",
        "PADDOCK_CACHE_BUCKET": f"{name}-cache",
        "PADDOCK_REPORTS_TOPIC": topic,
        "PADDOCK_SLACK_SECRET": f"{name}/slack",
    }


def _variables(
    on: Wire, clients: Clients, config: str, ec2: Ec2Settings, queues: Mapping[str, str], name: str
) -> dict[str, str]:
    """The functions' environment; the table and the buckets that it speaks of are made."""
    s3: Any = clients.s3
    create(clients, name)
    for bucket in ("config", "archive"):
        s3.create_bucket(Bucket=f"{name}-{bucket}", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=f"{name}-config", Key="config/paddock.yml", Body=config.encode())
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
