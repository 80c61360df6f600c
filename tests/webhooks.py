"""GitHub's deliveries, made by the stand-in's model, and a webhook endpoint over adapters in memory to send them to."""

import hmac
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from wsgiref.types import WSGIApplication

import attrs

from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.github import Event, JobScript, MemoryGitHub
from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.memory.system import ManualClock, SeededChance, SequentialIds
from paddock.adapters.standin.payloads import webhook
from paddock.adapters.standin.people import Place
from paddock.core.decision import Decision
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.settings import FleetSettings
from paddock.core.units import Span
from paddock.core.usecases.intake import Intake
from paddock.entrypoints.local.web import web_app
from paddock.entrypoints.webhook import WebhookEndpoint
from tests.strategies import NOON

Json = dict[str, Any]

NEW_SECRET, OLD_SECRET = "the new secret", "the old secret"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
LABEL = "paddock/cpu=4"


def signature(body: bytes, secret: str = NEW_SECRET) -> str:
    """The value of ``X-Hub-Signature-256``."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def headers(body: bytes, event: str = "workflow_job", secret: str = NEW_SECRET) -> dict[str, str]:
    """What GitHub sends with a body."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": GUID,
        "X-Hub-Signature-256": signature(body, secret),
    }


def deliveries() -> list[tuple[str, Json]]:
    """Event names and payloads: a job is queued, it is cancelled, its run is over."""
    told: list[Event] = []
    ids = SequentialIds()
    model = MemoryGitHub(clock=ManualClock(NOON), ids=ids, chance=SeededChance(1), listener=told.append)
    model.add_repository("acme/shop")
    run = model.runs.start("acme/shop", [JobScript("build", (LABEL,))])
    model.runs.cancel("acme/shop", run.id)
    return [(event.event, webhook(Place("https://github.example.com"), event)) for event in told]


def queued(**changes: object) -> Json:
    """The payload of a queued job; `changes` are fields of its ``workflow_job``."""
    payload = next(payload for event, payload in deliveries() if event == "workflow_job")
    return {**payload, "workflow_job": {**payload["workflow_job"], **changes}}


def encoded(payload: object) -> bytes:
    """The payload as it goes over the wire."""
    return json.dumps(payload).encode()


@attrs.frozen
class Receiver:
    """A web application and what stands behind it. ``secrets`` may be changed while it runs."""

    app: WSGIApplication
    jobs: MemoryQueue[JobMessage]
    events: MemoryQueue[EventMessage]
    decisions: MemoryDecisions
    secrets: list[str]

    @property
    def reasons(self) -> Sequence[str]:
        """Why deliveries were ignored."""
        return [decision.reason for decision in self.told]

    @property
    def told(self) -> Sequence[Decision]:
        """The decisions about the delivery."""
        return self.decisions.about(f"delivery:{GUID}")

    @property
    def taken(self) -> Mapping[str, int]:
        """How many messages wait on each queue."""
        return {"jobs": self.jobs.depth().waiting, "events": self.events.depth().waiting}


class FailingQueue(MemoryQueue[JobMessage]):
    """A queue that takes nothing."""

    def __init__(self, error: Exception) -> None:
        """Args: what it raises instead."""
        super().__init__(ManualClock(NOON))
        self._error = error

    def send(self, messages: Sequence[JobMessage], *, delay: Span = 0) -> None:  # noqa: ARG002 - the port's signature
        """Raise."""
        raise self._error


def receiver(jobs: MemoryQueue[JobMessage] | None = None) -> Receiver:
    """A receiver that trusts the new and the old secret."""
    clock = ManualClock(NOON)
    jobs = MemoryQueue(clock) if jobs is None else jobs
    events: MemoryQueue[EventMessage] = MemoryQueue(clock)
    decisions, secrets = MemoryDecisions(), [NEW_SECRET, OLD_SECRET]
    intake = Intake(settings=FleetSettings(), jobs=jobs, events=events, decisions=decisions, clock=clock)
    endpoint = WebhookEndpoint(secrets=lambda: list(secrets), intake=intake, clock=clock)
    return Receiver(web_app(endpoint), jobs, events, decisions, secrets)
