# ruff: noqa: PTH100, PTH103, PTH118, PTH120, PTH123 - pathlib slows the start
"""What the stand-in Listener and Worker share: time stamps, `_diag` logs, and calls to the service.

Standard library only, and little of it: the package builder puts this text in front of either program, and a machine
starts them with a bare interpreter.
"""

import json
import os
import socket
import sys
import time
from typing import Any

VERSION = "2.336.0"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
UNAUTHORIZED, UNREACHABLE = 401, 500
RESULTS = ("Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned")
SUCCEEDED, WITH_ISSUES, FAILED, CANCELED, SKIPPED, ABANDONED = range(len(RESULTS))
RESULT_BASE = 100
FOREVER = float("inf")
CONFIGURATION = (".runner", ".credentials", ".credentials_rsaparams")

Json = dict[str, Any]


def say(text: str) -> None:
    """A line on stdout."""
    print(text, flush=True)  # noqa: T201 - a program's output


def complain(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a program's output


def stamp() -> str:
    """Now, as the runner prints it."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())


def truthy(name: str) -> bool:
    """True if the environment variable says yes in one of the runner's three ways."""
    return os.environ.get(name, "").lower() in {"1", "true", "$true"}


class Diag:
    """One `_diag` log of this process."""

    def __init__(self, kind: str) -> None:
        directory = os.path.join(ROOT, "_diag")
        os.makedirs(os.path.join(directory, "pages"), exist_ok=True)
        name = time.strftime(f"{kind}_%Y%m%d-%H%M%S-utc.log", time.gmtime())
        self._file = open(os.path.join(directory, name), "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - for life
        self._echo = f"[{kind.upper()} " if truthy("ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT") else ""

    def write(self, level: str, source: str, message: str) -> None:
        """One line; the level has four letters, as in the runner."""
        self._file.write(f"[{stamp()} {level} {source}] {message}\n")
        if self._echo:
            say(f"{self._echo}{stamp()} {level} {source}] {message}")


class Service:
    """The service behind the registration: small JSON calls over a socket of their own each."""

    def __init__(self, url: str, runner: str, token: str) -> None:
        host, _, port = url.partition("://")[2].rstrip("/").partition(":")
        self._address = host, int(port or 80)
        self._prefix = f"/_runner/{runner}"
        self.token = token

    def send(self, method: str, path: str, body: Json | None = None, timeout: float = 30.0) -> socket.socket:
        """Send the request; the socket on which its reply will come.

        Raises:
            OSError: the service cannot be reached.
        """
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: {self._address[0]}:{self._address[1]}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        connection = socket.create_connection(self._address, timeout)
        connection.sendall(head.encode() + data)
        return connection

    def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Send the request and wait for its reply.

        Raises:
            OSError: the service cannot be reached.
        """
        return receive(self.send(method, path, body))


def receive(connection: socket.socket, unreachable: float = FOREVER) -> tuple[int, Json]:
    """The reply's status and JSON body ({} if it has none); closes the socket.

    Raises:
        OSError: the connection broke off, or the status is `unreachable` or above.
    """
    with connection:
        data = bytearray()
        while chunk := connection.recv(65536):
            data += chunk
    head, separator, body = bytes(data).partition(b"\r\n\r\n")
    if not separator:
        raise ConnectionResetError("the service closed the connection without an answer")
    status = int(head.split(b" ", 2)[1])
    if status >= unreachable:
        raise ConnectionError(f"the service answers {status}")
    return status, json.loads(body) if body.strip() else {}
