"""A service of AWS that speaks JSON: signed calls, tried again where that can help."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import attrs

from paddock.adapters.aws_codes import Codes
from paddock.adapters.aws_http.connection import Answer, Connection
from paddock.adapters.aws_http.credentials import Credentials
from paddock.adapters.aws_http.errors import error_of
from paddock.adapters.aws_http.sigv4 import Request, Signer
from paddock.core.errors import PaddockError, Unavailable
from paddock.core.ports.system import Clock, Sleeper
from paddock.core.units import HOUR, MILLISECOND, SECOND, Span

PAUSES: Sequence[Span] = (50 * MILLISECOND, 200 * MILLISECOND)  # before the second and the third try


def unhurried() -> Span:
    """More time than all tries of a call can take."""
    return HOUR


@attrs.frozen(kw_only=True)
class Protocol:
    """How a service is spoken with: the name it is signed by, what its targets begin with, its version of JSON."""

    service: str
    target: str
    json_version: str
    codes: Codes


class JsonService:
    """One service at one address. Threads may share it."""

    def __init__(
        self,
        protocol: Protocol,
        connection: Connection,
        *,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Clock,
        sleeper: Sleeper,
        left: Callable[[], Span] = unhurried,
    ) -> None:
        """Args: the service; the way there; its region; who signs; the time of signatures; how to wait.

        ``left`` is how much time there is now for what is asked next: no try takes more, and none begins without.
        """
        self._protocol = protocol
        self._connection = connection
        self._signer = Signer(credentials, region, protocol.service)
        self._clock = clock
        self._sleeper = sleeper
        self._left = left

    def call(self, operation: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - whatever the operation answers
        """One operation, whose request must bear to be made twice; the object that it answers with.

        Raises:
            PaddockError: by the code of the answer, or because none came.
        """
        content = json.dumps(body, separators=(",", ":")).encode()
        for pause in PAUSES:
            try:
                return self._once(operation, content)
            except PaddockError as error:
                if not error.retryable or self._left() <= pause:
                    raise
            self._sleeper.sleep(pause)
        return self._once(operation, content)

    def _once(self, operation: str, content: bytes) -> Any:  # noqa: ANN401 - as above
        headers = {
            "Host": self._connection.authority,
            "Content-Type": f"application/x-amz-json-{self._protocol.json_version}",
            "X-Amz-Target": f"{self._protocol.target}.{operation}",
        }
        left = self._left()
        if left <= 0:
            raise Unavailable(f"{operation}: no time is left to ask")
        request = Request(method="POST", path="/", headers=headers, body=content)
        signed = self._signer.sign(request, self._clock.now())
        answer = self._connection.post("/", signed, content, within=left / SECOND)
        if answer.status != HTTPStatus.OK:
            raise error_of(operation, answer, self._protocol.codes)
        return _object(operation, answer)


def _object(operation: str, answer: Answer) -> dict[str, Any]:
    try:
        data = json.loads(answer.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"{operation}: an answer that is no JSON") from error
    if not isinstance(data, dict):
        raise Unavailable(f"{operation}: an answer that is no object")
    return data
