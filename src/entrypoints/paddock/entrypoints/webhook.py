"""The webhook endpoint without a web server: headers and a body in, a status and a sentence out.

The one-machine fleet serves it over WSGI, a function behind an HTTPS URL can call it as it is. It never raises for
what a sender may do, so no delivery ends in a 500:

======  =======================================================================
status  meaning
======  =======================================================================
202     taken in, or ignored with a recorded reason
400     not a delivery of GitHub's: no event name, or a body that cannot be read
401     the signature is missing or wrong
413     the body is over 1 MB
503     the queue did not take it, or the secret cannot be read: GitHub logs a
        failure, and it is redelivered
======  =======================================================================
"""

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus

import attrs

from paddock.adapters.github.webhook import Ignored, decode, verify_signature
from paddock.core.errors import InvalidInput, InvalidSignature, PaddockError
from paddock.core.ports.system import Clock
from paddock.core.usecases.intake import Ignored as NotOurs
from paddock.core.usecases.intake import Intake, Taken

_LOG = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024

EVENT = "X-GitHub-Event"
DELIVERY = "X-GitHub-Delivery"
SIGNATURE = "X-Hub-Signature-256"


@attrs.frozen
class Reply:
    """What the sender is told: an HTTP status and one line of text."""

    status: HTTPStatus
    text: str


class WebhookEndpoint:
    """Verify, decode, take in, answer."""

    def __init__(self, *, secrets: Callable[[], Sequence[str]], intake: Intake, clock: Clock) -> None:
        """Args: the webhook secrets that are valid now (several while one is rotated); the use-case; the clock."""
        self._secrets = secrets
        self._intake = intake
        self._clock = clock

    def __call__(  # noqa: PLR0911 - one return per row of the table above
        self, body: bytes, *, event: str | None, delivery: str | None, signature: str | None
    ) -> Reply:
        """Handle one delivery.

        Args:
            body: the raw bytes, as they were signed.
            event: the header of GitHub's event name, None if missing.
            delivery: the header of the delivery's GUID, None if missing.
            signature: the header of the body's HMAC, None if missing.
        """
        if len(body) > MAX_BODY:
            return Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has {len(body)} bytes, {MAX_BODY} are allowed")
        try:
            verify_signature(self._secrets(), body, signature)
        except InvalidSignature as error:
            return Reply(HTTPStatus.UNAUTHORIZED, str(error))
        except PaddockError as error:  # nobody has proved who they are, so they are not told where the secret lies
            _LOG.error("no delivery can be checked: %s", error)
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, "signatures cannot be checked; the fleet's log says why")
        if not event:
            return Reply(HTTPStatus.BAD_REQUEST, f"header {EVENT} is missing: GitHub sends the event's name in it")
        try:
            outcome = self._take(event, delivery or "", body)
        except InvalidInput as error:
            return Reply(HTTPStatus.BAD_REQUEST, str(error))
        except PaddockError as error:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, f"not taken in, send it again: {error}")
        text = "taken in" if isinstance(outcome, Taken) else f"ignored: {outcome.reason}"
        return Reply(HTTPStatus.ACCEPTED, text)

    def _take(self, event: str, delivery: str, body: bytes) -> Taken | NotOurs:
        message = decode(event, delivery, body, self._clock.now())
        if isinstance(message, Ignored):
            return self._intake.ignore(delivery, message.reason)
        return self._intake(message)
