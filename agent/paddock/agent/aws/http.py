"""One HTTP/1.1 exchange at a time with one host: a bound on time and size, no redirects, and the connection is kept.

Certificates and names are checked against the system's own list. Nothing is loaded before the first request:
`http.client` brings `ssl`, and both together cost more than all of the agent.
"""

import io
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import http.client
    import socket
    import ssl

LIMIT = 4 << 20  # bytes of a reply; what the services give us is below 1 MiB
_CHUNK = 1 << 16


class Unreachable(OSError):  # noqa: N818 - named for what it means to the caller
    """No whole reply came. Whether the request was acted upon is unknown."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """One host. Threads may share it: one exchange follows the other. A forked process makes its own connection."""

    def __init__(self, base: str, *, keep_alive: bool = True) -> None:
        """Args: ``scheme://host[:port]``; whether a connection serves more than one request."""
        parts = urlsplit(base)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._keep_alive = keep_alive
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._wire: _Wire | None = None
        self._owner = 0  # the process that made the connection
        self.authority = parts.netloc  # what the Host header says
        self.connections = 0  # made so far

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO = b"",
        *,
        timeout: float,
        limit: int = LIMIT,
    ) -> Reply:
        """Send one request and read its whole reply within `timeout` seconds, whatever the status.

        A kept connection that turns out to be closed is made anew, once. A file is sent from its beginning, and its
        length must be in the headers.

        Raises:
            Unreachable: no connection, no time left, a reply that is none, or one of more than `limit` bytes.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            reused = self._connection is not None
            try:
                return self._exchange(method, target, headers, body, deadline, limit)
            except _Closed as error:
                if not reused:
                    raise Unreachable(*error.args) from error
            try:
                return self._exchange(method, target, headers, body, deadline, limit)
            except _Closed as error:
                raise Unreachable(*error.args) from error

    def close(self) -> None:
        """Let the connection go; the next exchange makes another."""
        with self._lock:
            self._drop()

    def _exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO,
        deadline: float,
        limit: int,
    ) -> Reply:
        import http.client  # noqa: PLC0415 - see the module's docstring

        whole = False
        try:
            connection, wire = self._open(deadline)
            if not isinstance(body, bytes):
                body.seek(0)
            connection.request(method, target, body or None, dict(headers))
            response = connection.getresponse()
            with response:  # else the connection would wait for the rest of it
                content = _read(response, wire, limit)
            whole = self._keep_alive and not response.will_close
            return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            raise _Closed(type(error).__name__) from error
        except TimeoutError as error:
            raise Unreachable("no reply in time") from error
        except (OSError, http.client.HTTPException) as error:
            detail = getattr(error, "strerror", None) or type(error).__name__
            raise error if isinstance(error, Unreachable) else Unreachable(str(detail)) from error
        finally:
            # Also when a signal's exception passes through: half a reply must not be taken for the next one's.
            if not whole:
                self._drop()

    def _open(self, deadline: float) -> tuple["http.client.HTTPConnection", "_Wire"]:
        import http.client  # noqa: PLC0415 - see the module's docstring

        if self._owner != os.getpid():
            self._drop()  # closes our copy of it; the other process's stays open
        if self._connection is not None and self._wire is not None:
            self._wire.deadline = deadline
            return self._connection, self._wire
        left = max(0.001, deadline - time.monotonic())
        connection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=left, context=_tls())
            if self._secure
            else http.client.HTTPConnection(self._host, self._port, timeout=left)
        )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        self.connections += 1
        wire = _Wire(connection.sock, deadline)
        connection.sock = wire  # it has all that http.client uses of a socket
        self._connection, self._wire, self._owner = connection, wire, os.getpid()
        return connection, wire

    def _drop(self) -> None:
        connection, wire = self._connection, self._wire
        self._connection = self._wire = None
        if connection is not None:
            connection.close()
        if wire is not None:
            wire.hang_up()


class _Closed(ConnectionError):  # noqa: N818 - as above
    """The connection was closed under us."""


class _Wire:
    """A socket whose every step has only what is left of one deadline: a dripping server cannot stretch it."""

    def __init__(self, connected: "socket.socket", deadline: float) -> None:
        self._socket = connected
        self.deadline = deadline

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._socket.settimeout(self.left())
            view = view[self._socket.send(view[:_CHUNK]) :]

    def receive(self, buffer: memoryview) -> int:
        self._socket.settimeout(self.left())
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """http.client closes before the reply was read, and expects to read on: `hang_up` is the end."""

    def hang_up(self) -> None:
        self._socket.close()


class _Incoming(io.RawIOBase):
    """What arrives on a wire."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # BufferedReader hands a memoryview
        return self._wire.receive(buffer)


def _read(response: "http.client.HTTPResponse", wire: _Wire, limit: int) -> bytes:
    content = bytearray()
    while chunk := response.read1(_CHUNK):
        content += chunk
        if len(content) > limit:
            raise Unreachable(f"a reply of more than {limit} bytes")
        wire.left()
    if response.length:  # read1 does not mind an early end
        raise Unreachable("the reply broke off")
    return bytes(content)


@lru_cache(maxsize=1)
def _tls() -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415 - see the module's docstring

    return ssl.create_default_context()
