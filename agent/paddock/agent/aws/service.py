"""A service of AWS: signed requests, tried again where that can help.

Every request that the agent makes may be repeated: reading, conditional writes that know their own hand, reports and
log lines that are delivered at least once, whole objects.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import BinaryIO

from paddock.agent.aws.credentials import Signer
from paddock.agent.aws.errors import AwsError, Kind, error_of
from paddock.agent.aws.http import LIMIT, Http, Reply, Unreachable
from paddock.agent.aws.sigv4 import Request, encode_path, encode_query

_REDIRECTION = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long. Seconds; ``attempts`` counts the first one.

    Pauses have full jitter: anything between nothing and a bound that doubles from ``base`` to ``cap``.
    """

    attempts: int = 4
    timeout: float = 5.0
    base: float = 0.2
    cap: float = 5.0
    chance: Callable[[], float] = field(default=random.random, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def rest(self, attempt: int) -> None:
        """Wait after the attempt of this number, from 1."""
        self.sleep(self.chance() * min(self.cap, self.base * 2.0 ** (attempt - 1)))


class Service:
    """One service at one address. Threads may share it."""

    def __init__(self, name: str, base: str, signer: Signer, patience: Patience | None = None) -> None:
        """Args: the name it is signed by; ``scheme://host[:port]``; who signs; how often and how long it is tried."""
        self.name = name
        self.base = base
        self.requests = 0  # made so far
        self._http = Http(base)
        self._signer = signer
        self._patience = patience or Patience()

    @property
    def signer(self) -> Signer:
        """Who signs."""
        return self._signer

    @property
    def authority(self) -> str:
        """Host and port, as in the Host header."""
        return self._http.authority

    def call(self, target: str, body: Mapping[str, object], *, json_version: str = "1.0") -> dict[str, object]:
        """One operation of the JSON protocol, such as ``DynamoDB_20120810.GetItem``; its answer.

        Raises:
            AwsError: it came to nothing.
        """
        operation = target.rpartition(".")[2]
        content = json.dumps(body, separators=(",", ":")).encode()  # ASCII: fit for SQS, which refuses many characters
        headers = {"Content-Type": f"application/x-amz-json-{json_version}", "X-Amz-Target": target}
        reply = self.send("POST", "/", headers, content, operation=operation)
        try:
            answer = json.loads(reply.body or b"{}")
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise AwsError(Kind.SERVER, self.name, operation, "NoJson")
        return answer

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO = b"",
        *,
        operation: str,
        digest: str = "",
        query: tuple[tuple[str, str], ...] = (),
        timeout: float | None = None,
        limit: int = LIMIT,
    ) -> Reply:
        """One signed request; the reply if it is a success.

        Raises:
            AwsError: it came to nothing.
        """
        request = Request(
            method=method,
            path=path,
            query=query,
            headers={"Host": self._http.authority, **headers},
            digest=digest or sha256(body if isinstance(body, bytes) else body.read()).hexdigest(),
        )
        target = encode_path(path) + ("?" + encode_query(query) if query else "")
        attempt, corrected, renewed = 1, False, False
        while True:
            try:
                signed, signed_by = self._signer.sign(request, self.name)
                self.requests += 1
                reply = self._http.exchange(
                    method, target, signed, body, timeout=timeout or self._patience.timeout, limit=limit
                )
            except Unreachable as error:
                failure = AwsError(Kind.UNREACHABLE, self.name, operation, "Unreachable", str(error))
            else:
                if reply.status < _REDIRECTION:
                    return reply
                failure = error_of(self.name, operation, reply.status, reply.headers, reply.body)
                if failure.kind is Kind.CLOCK and not corrected:
                    corrected = True
                    if self._signer.correct(reply.headers.get("date", "")):
                        continue
                if failure.kind is Kind.CREDENTIALS and not renewed:
                    renewed = True
                    self._signer.credentials.renew(signed_by)
                    continue
            if not failure.again or attempt >= self._patience.attempts:
                raise failure
            self._patience.rest(attempt)
            attempt += 1

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()
