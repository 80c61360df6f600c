"""The slack function: what the topics say, alarms, the budget and the daily report, is told to a channel of Slack.

It is there only if paddock.yml names a channel, may read one secret, and does without boto3. SNS hands it one message
at a time; where that cannot be told, Lambda tries twice more within some minutes. E-mails go out in any case.
"""

from paddock.entrypoints.aws_lambda.starting import started  # isort: skip

import logging
from collections.abc import Mapping
from os import environ
from typing import Any, Final

import attrs

from paddock.adapters.aws.notifications import notifications_in
from paddock.adapters.aws_http import JsonService, environment_credentials
from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.aws_http.secrets import SECRETS, Secrets
from paddock.adapters.slack import SlackNotifier
from paddock.adapters.slack_address import BASE, BASES
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.core.errors import PaddockError
from paddock.core.ports.notifier import Notifier
from paddock.entrypoints.aws_lambda.addresses import base_of
from paddock.entrypoints.aws_lambda.logs import invocation, start_logging
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.settings import Environment, region

_LOG = logging.getLogger(__name__)
_HELP: Final = "put the webhook's address where slack.webhook of paddock.yml says, and `paddock stack deploy` again"


@attrs.frozen(kw_only=True)
class SlackSettings:
    """What the function must know: the secret's name with the webhook's address, and what that must begin with."""

    region: str
    secret: str
    base: str
    endpoints: Mapping[str, str] = attrs.field(factory=dict)


def slack_settings(variables: Mapping[str, str]) -> SlackSettings:
    """The settings in the environment.

    Raises:
        InvalidEnvironment: something is wrong with it.
    """
    environment = Environment(variables)
    settings = SlackSettings(
        region=region(environment),
        secret=environment.secret("PADDOCK_SLACK_SECRET"),
        base=environment.text("PADDOCK_SLACK_BASE", BASES, f"must be https and end with a slash: {BASE}", BASE),
        endpoints=environment.endpoints(),
    )
    environment.check()
    return settings


@attrs.frozen
class SlackFunction:
    """Answers events of SNS."""

    notifier: Notifier

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Tell what the event says.

        Raises:
            InvalidInput: it is no event of SNS's, or the webhook's address is none.
            PaddockError: Slack refuses it, or does not answer; the error never has the address.
        """
        for one in notifications_in(event):
            try:
                self.notifier.tell(one.subject, one.text)
            except PaddockError as error:
                _LOG.error("message %s was not told to Slack: %s; %s", one.id, error, _next(error))
                raise
            _LOG.info("message %s was told to Slack", one.id)


def _next(error: PaddockError) -> str:
    return "it is tried again" if error.retryable else _HELP


def build() -> SlackFunction:
    """The function of this environment. Nothing is sent yet, and no secret is read.

    Raises:
        InvalidEnvironment: the environment cannot be used.
    """
    start_logging()
    settings = slack_settings(environ)
    return function_of(settings, Connection(base_of("secretsmanager", settings.region, settings.endpoints)))


def function_of(settings: SlackSettings, secrets: Connection) -> SlackFunction:
    """The function of these settings; `secrets` leads to Secrets Manager."""
    manager = Secrets(
        JsonService(
            SECRETS,
            secrets,
            region=settings.region,
            credentials=lambda: environment_credentials(environ),
            clock=SystemClock(),
            sleeper=SystemSleeper(),
        )
    )
    return SlackFunction(SlackNotifier(lambda: manager.read(settings.secret), settings.base))


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> None:
    """What Lambda calls.

    Raises:
        PaddockError: the function cannot be built, or something could not be told: Lambda tries again.
    """
    with invocation(context):
        FUNCTION()(event)


started()
