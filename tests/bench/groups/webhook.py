"""A delivery from its raw bytes to a message on a queue: the path of every event, to memory and to SQS by loopback."""

import hashlib
import hmac
import json
from collections.abc import Iterator

from paddock.adapters.aws_http import Credentials, JsonService, SqsSender
from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.aws_http.sqs import SQS
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.ports.queues import Sender
from paddock.core.settings import Alias, FleetSettings
from paddock.core.spec import Range, RunnerSpec
from paddock.core.usecases.intake import Intake
from paddock.entrypoints.webhook import WebhookEndpoint
from tests.bench.harness import Figure, cpu_nanoseconds, microseconds, per_second
from tests.bench.loopback import sqs_stub

SECRET = "a secret of the usual length: 32"
SIZE = 11_000
NOW = 1_795_348_800_000_000


def payload() -> bytes:
    """A ``workflow_job`` queued event of the usual size; the filler is what GitHub sends and nobody here reads."""
    links = {f"{name}_url": f"https://api.github.com/repos/octo-org/octo-repo/{name}{{/sha}}" for name in "abcdefgh"}
    owner = {"login": "octo-org", "id": 6_811_672, "type": "Organization", "site_admin": False, **links}
    event: dict[str, object] = {
        "action": "queued",
        "workflow_job": {
            "id": 47_852_396_113,
            "run_id": 17_012_345_678,
            "workflow_name": "CI",
            "head_branch": "main",
            "run_url": "https://api.github.com/repos/octo-org/octo-repo/actions/runs/17012345678",
            "run_attempt": 1,
            "node_id": "CR_kwDOABCDEF8AAAALJ2Xj0Q",
            "head_sha": "9c1b5a2f0c6a3f4f5d9b1e0f7b6f2a9d8c7e6b5a",
            "url": "https://api.github.com/repos/octo-org/octo-repo/actions/jobs/47852396113",
            "html_url": "https://github.com/octo-org/octo-repo/actions/runs/17012345678/job/47852396113",
            "status": "queued",
            "conclusion": None,
            "created_at": "2026-11-22T12:00:00Z",
            "started_at": "2026-11-22T12:00:00Z",
            "completed_at": None,
            "name": "build (ubuntu-24.04, 3.12)",
            "steps": [],
            "labels": ["alias-of-number-7"],
            "runner_id": None,
            "runner_name": None,
            "runner_group_id": None,
            "runner_group_name": None,
        },
        "repository": {
            "id": 17_273_051,
            "name": "octo-repo",
            "full_name": "octo-org/octo-repo",
            "private": True,
            "owner": owner,
            "fork": False,
            **links,
        },
        "organization": owner,
        "sender": {**owner, "login": "octocat", "type": "User"},
        "installation": {"id": 5_550_123, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uNTU1MDEyMw=="},
    }
    rest = {f"field_{number}": f"https://api.github.com/{number}" for number in range(400)}
    while rest and len(json.dumps(event)) < SIZE:
        name, value = rest.popitem()
        event["repository"][name] = value  # type: ignore[index]
    return json.dumps(event).encode()


def settings(count: int) -> FleetSettings:
    """So many named specs, and as many aliases that lead to them."""
    return FleetSettings(
        specs={f"spec-{number}": RunnerSpec(cpu=Range(2, 4 + number)) for number in range(count)},
        aliases=tuple(Alias(f"alias-of-number-{number}", f"paddock/runner=spec-{number}") for number in range(count)),
    )


def one_delivery(count: int) -> float:
    """Nanoseconds of CPU for one signed delivery in a fleet of so many specs."""
    return delivery_to(count, MemoryQueue(ManualClock(NOW)), 1_000)


def one_delivery_to_sqs(count: int, url: str) -> float:
    """The same to a queue behind the address, over one kept connection."""
    connection, system = Connection(url), SystemSleeper()
    keys = Credentials("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "t" * 900)
    sqs = JsonService(
        SQS, connection, region="eu-west-1", credentials=lambda: keys, clock=SystemClock(), sleeper=system
    )
    sender: SqsSender[JobMessage] = SqsSender(sqs, f"{url}/123456789012/jobs", system)
    try:
        return delivery_to(count, sender, 300)
    finally:
        connection.close()


def delivery_to(count: int, jobs: Sender[JobMessage], repeats: int) -> float:
    """Nanoseconds of CPU for one signed delivery to that queue, in a fleet of so many specs."""
    clock = ManualClock(NOW)
    events: MemoryQueue[EventMessage] = MemoryQueue(clock)
    intake = Intake(settings=settings(count), jobs=jobs, events=events, decisions=MemoryDecisions(), clock=clock)
    endpoint = WebhookEndpoint(secrets=lambda: (SECRET,), intake=intake, clock=clock)
    body = payload()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    def deliver() -> None:
        reply = endpoint(body, event="workflow_job", delivery="72d3162e-cc78-11e3-81ab", signature=signature)
        if reply.text != "taken in":
            raise AssertionError(reply)

    return cpu_nanoseconds(deliver, repeats)


def figures() -> Iterator[Figure]:
    """One delivery with few and with many specs, which must not differ; and one that is sent."""
    few, many = one_delivery(10), one_delivery(200)
    what = f"CPU of one signed delivery of {len(payload()) / 1000:.0f} KB: verify, parse, match, enqueue in memory"
    yield microseconds("webhook.cpu_us.specs10", few, f"{what}; 10 specs")
    yield microseconds("webhook.cpu_us.specs200", many, "the same; 200 specs")
    with sqs_stub() as url:
        loopback = one_delivery_to_sqs(10, url)
    yield microseconds("webhook.loopback_cpu_us", loopback, "the same, sent to SQS's stand-in over loopback; 10 specs")
    yield per_second("webhook.events_per_s", few, "the same on one core; 10 specs")
