"""Secrets Manager: reading one secret, and remembering one that may be rotated.

Rotating a secret there moves a label: ``AWSCURRENT`` goes to the new version and the one before it gets
``AWSPREVIOUS``. So both are valid until the next rotation, and nobody keeps a list.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.adapters.aws_http.service import JsonService, Protocol
from paddock.core.errors import AccessDenied, InvalidInput, NotFound, PaddockError, Rejected, Unavailable
from paddock.core.ports.system import Clock
from paddock.core.units import MINUTE, SECOND, Moment, Span

CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"

KEPT: Final[Span] = 5 * MINUTE
AGAIN: Final[Span] = 30 * SECOND
"""Whoever sends wrong signatures makes us ask that often at most."""

# Source: the errors that botocore's model documents for GetSecretValue.
CODES: Final[Codes] = {
    "ResourceNotFoundException": NotFound,
    "InvalidParameterException": Rejected,
    "InvalidRequestException": Rejected,  # such as: it is marked for deletion
    "DecryptionFailure": AccessDenied,
    "InternalServiceError": Unavailable,
}

SECRETS: Final = Protocol(service="secretsmanager", target="secretsmanager", json_version="1.1", codes=CODES)


class Secrets:
    """Reads secrets; one request for each version. Safe for threads."""

    def __init__(self, service: JsonService) -> None:
        """Args: Secrets Manager."""
        self._service = service

    def read(self, name: str, stage: str = CURRENT) -> str:
        """The secret's text, without line ends around it.

        Raises:
            NotFound: there is no such secret, or no version of it bears the label.
            InvalidInput: it is empty, or binary.
        """
        answer = self._service.call("GetSecretValue", {"SecretId": name, "VersionStage": stage})
        text = answer.get("SecretString")
        if not isinstance(text, str) or not text.strip():
            raise InvalidInput(name, f"version {stage}", "has no text: store the secret as plain text")
        return text.strip("\r\n")

    def valid(self, name: str) -> Sequence[str]:
        """The current version, and the one before it if there was one."""
        current = self.read(name)
        try:
            previous = self.read(name, PREVIOUS)
        except NotFound:
            return (current,)
        return (current, previous) if previous != current else (current,)


class Remembered:
    """Secrets that are read now and then, and once more when they do not seem to fit. Safe for threads."""

    def __init__(
        self, read: Callable[[], Sequence[str]], clock: Clock, *, kept: Span = KEPT, again: Span = AGAIN
    ) -> None:
        """Args: reads them; the clock; for how long they are good; the least time between two readings."""
        self._read = read
        self._clock = clock
        self._kept = kept
        self._again = again
        self._lock = Lock()
        self._found: Sequence[str] = ()
        self._read_at: Moment = 0
        self._tried_at: Moment = 0

    def __call__(self) -> Sequence[str]:
        """The secrets. While they cannot be read anew, the last ones go on being good.

        Raises:
            PaddockError: they were never read, and cannot be read now.
        """
        with self._lock:
            now = self._clock.now()
            if not self._found:
                self._renew(now)
            elif not 0 <= now - self._read_at < self._kept and self._may_ask(now):
                self._try(now)
            return self._found

    def renewed(self) -> bool:
        """Read them anew, if that has not been done just now; True if others came.

        Nothing is raised: those that were remembered may have been right, and the signature wrong.
        """
        with self._lock:
            now, before = self._clock.now(), self._found
            if self._may_ask(now):
                self._try(now)
            return self._found != before

    def _may_ask(self, now: Moment) -> bool:
        return not 0 <= now - self._tried_at < self._again  # also if the clock was set back

    def _try(self, now: Moment) -> None:
        try:
            self._renew(now)
        except PaddockError:
            return

    def _renew(self, now: Moment) -> None:
        self._tried_at = now
        self._found = self._read()
        self._read_at = now
