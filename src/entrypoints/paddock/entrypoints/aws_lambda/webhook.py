"""The webhook function: GitHub calls its URL, and a message is on a queue before it is answered.

Its start is in GitHub's way ten times a minute, so it does without boto3 and without a container, and of the
configuration it knows the aliases alone. It may send to two queues and read one secret.

GitHub waits ten seconds for an answer, as long as Lambda lets the function run: what AWS has not answered by two
seconds before that is given up, and GitHub hears 503.
"""

from paddock.entrypoints.aws_lambda.starting import started  # isort: skip

import base64
import binascii
import logging
from collections.abc import Mapping
from http import HTTPStatus
from os import environ
from typing import Any, Final

import attrs

from paddock.adapters.aws_http import JsonService, SqsSender, environment_credentials
from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.aws_http.secrets import SECRETS, Remembered, Secrets
from paddock.adapters.aws_http.service import Protocol
from paddock.adapters.aws_http.sqs import SQS
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import LoggedDecisions
from paddock.adapters.telemetry.logs import about
from paddock.core.environment import environment_of
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.settings import FleetSettings
from paddock.core.usecases.intake import Intake
from paddock.entrypoints.aws_lambda.addresses import base_of, queue_base
from paddock.entrypoints.aws_lambda.deadline import answered_in_time, time_left
from paddock.entrypoints.aws_lambda.logs import invocation, start_logging, write_line
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.settings import WebhookSettings, webhook_settings
from paddock.entrypoints.webhook import DELIVERY, EVENT, SIGNATURE, Reply, WebhookEndpoint

_LOG = logging.getLogger(__name__)

_SHOWN: Final = 64
_AWAY: Final = Reply(HTTPStatus.SERVICE_UNAVAILABLE, "the fleet could not start; its log says why")
_FAULT: Final = Reply(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the fleet's own; its log says which")


@attrs.frozen
class WebhookFunction:
    """Answers events of a function URL."""

    endpoint: WebhookEndpoint
    secrets: Remembered

    def __call__(self, event: Mapping[str, Any]) -> Reply:
        """Handle one request, as Lambda's payload format 2.0 has it: header names are in lower case there."""
        method = event.get("requestContext", {}).get("http", {}).get("method")
        if method != "POST":
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, "webhooks are sent with POST")
        try:
            body = _body(event)
        except (binascii.Error, ValueError):
            return Reply(HTTPStatus.BAD_REQUEST, "the body is not what its encoding says")
        headers = event.get("headers") or {}
        delivery = headers.get(DELIVERY.lower())
        with about(delivery=(delivery or "unknown")[:_SHOWN]):  # nobody has proved yet that it is GitHub's
            reply = self._reply(body, headers, delivery)
            if reply.status == HTTPStatus.UNAUTHORIZED and self.secrets.renewed():
                reply = self._reply(body, headers, delivery)
        return reply

    def _reply(self, body: bytes, headers: Mapping[str, str], delivery: str | None) -> Reply:
        event, signature = headers.get(EVENT.lower()), headers.get(SIGNATURE.lower())
        return self.endpoint(body, event=event, delivery=delivery, signature=signature)


def build() -> WebhookFunction:
    """The function of this environment. Nothing is sent yet, and no secret is read.

    Raises:
        InvalidEnvironment: the environment cannot be used.
    """
    start_logging()
    settings = webhook_settings(environ)
    clock, sleeper = SystemClock(), SystemSleeper()
    queues = _service(SQS, settings, queue_base(settings.jobs_url, settings.endpoints))
    jobs: SqsSender[JobMessage] = SqsSender(queues, settings.jobs_url, sleeper)
    events: SqsSender[EventMessage] = SqsSender(queues, settings.events_url, sleeper)
    manager = Secrets(_service(SECRETS, settings, base_of("secretsmanager", settings.region, settings.endpoints)))
    secrets = Remembered(lambda: manager.valid(settings.webhook_secret), clock)
    intake = Intake(
        settings=FleetSettings(
            aliases=settings.aliases, environment=environment_of(settings.stack), environments=settings.environments
        ),
        jobs=jobs,
        events=events,
        decisions=LoggedDecisions(write_line, catalogue(), settings.stack),
        clock=clock,
    )
    return WebhookFunction(WebhookEndpoint(secrets=secrets, intake=intake, clock=clock), secrets)


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """What Lambda calls. Nothing is raised: what goes wrong is an answer of 5xx, which GitHub shows as a failure."""
    with invocation(context), answered_in_time(context):
        return _answer(_handled(event))


def _handled(event: Mapping[str, Any]) -> Reply:
    try:
        function = FUNCTION()
    except Exception:  # noqa: BLE001 - GitHub must be answered, whatever it was
        _LOG.exception("the webhook function could not start")
        return _AWAY
    try:
        return function(event)
    except Exception:  # noqa: BLE001 - as above
        _LOG.exception("a fault of ours in a delivery")
        return _FAULT


def _service(protocol: Protocol, settings: WebhookSettings, base: str) -> JsonService:
    return JsonService(
        protocol,
        Connection(base),
        region=settings.region,
        credentials=lambda: environment_credentials(environ),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        left=time_left,
    )


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()


def _answer(reply: Reply) -> dict[str, object]:
    return {
        "statusCode": int(reply.status),
        "headers": {"content-type": "text/plain; charset=utf-8"},
        "body": f"{reply.text}\n",
    }


started()
