"""One HTTP/1.1 connection to one host: bounds on time and size, no redirects, kept for the next request.

A function is frozen between two calls, and the other side may have closed the connection meanwhile. So one that was
used before, and breaks before an answer began, is made anew, once; what is sent over it must bear to arrive twice.

`http.client` is loaded with the first connection: with ``ssl`` and ``email`` it costs a sixth of a function's start,
and a start that takes nothing in (a wrong signature, a job that is not ours) does without.
"""

import contextlib
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from paddock.adapters.aws_http.wire import Wire, connected, left
from paddock.core.errors import Unavailable

if TYPE_CHECKING:
    import http.client
    import ssl

CONNECT, READ = 1.0, 2.0  # seconds; a request may be tried three times
LIMIT = 1 << 18  # bytes of an answer: of the largest that is asked for, a batch's, ten times as much
_ENDLESS = float("inf")


@attrs.frozen
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Threads may share it: one exchange follows the other."""

    def __init__(self, base: str, *, connect: float = CONNECT, read: float = READ) -> None:
        """Args: ``scheme://host[:port]``; seconds for a connection, and for an exchange over it from end to end."""
        parts = urlsplit(base)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._connect = connect
        self._read = read
        self._lock = Lock()
        self._kept: tuple[http.client.HTTPConnection, Wire] | None = None
        self.authority = parts.netloc  # what the Host header says

    def post(self, target: str, headers: Mapping[str, str], body: bytes, *, within: float = _ENDLESS) -> Answer:
        """Send a body and read the whole answer, whatever its status. `headers` must have Host.

        `within` is how many seconds there are for all of it, if that is less than the connection's own bounds.

        Raises:
            Unavailable: no connection, no answer in time, or one that is none. Whether it was acted upon is unknown.
        """
        until = monotonic() + within
        with self._lock:
            if self._kept is not None:
                with contextlib.suppress(ConnectionError):
                    return self._exchange(*self._kept, target, headers, body, until)
            try:
                return self._exchange(*self._opened(until), target, headers, body, until)
            except ConnectionError as error:
                raise Unavailable(f"{self.authority}: {type(error).__name__}") from error

    def close(self) -> None:
        """Let the connection go; the next request makes another."""
        with self._lock:
            self._drop()

    def _exchange(
        self,
        connection: "http.client.HTTPConnection",
        wire: Wire,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        until: float,
    ) -> Answer:
        import http.client  # noqa: PLC0415 - see the module's docstring

        seconds = min(self._read, until - monotonic())
        wire.until = monotonic() + seconds
        keep = False
        try:
            connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            with connection.getresponse() as response:
                content = response.read(LIMIT + 1)
                if len(content) > LIMIT:
                    raise Unavailable(f"{self.authority}: an answer of more than {LIMIT} bytes")
                if response.length:  # a read of so many bytes does not mind an early end
                    raise Unavailable(f"{self.authority}: the answer broke off")
                keep = not response.will_close
                return Answer(response.status, {n.lower(): value for n, value in response.getheaders()}, content)
        except TimeoutError as error:
            raise Unavailable(f"{self.authority}: no answer within {max(0, seconds):.2g} s") from error
        except ConnectionError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{self.authority}: {type(error).__name__}") from error
        finally:
            # Also when something else passes through: half an answer must not be taken for the next one's.
            if not keep:
                self._drop()

    def _opened(self, until: float) -> tuple["http.client.HTTPConnection", Wire]:
        import http.client  # noqa: PLC0415 - see the module's docstring

        until = min(until, monotonic() + self._connect)
        try:
            made = connected(self._host, self._port, until)
            if self._secure:
                try:
                    made.settimeout(left(until))
                    made = self._tls.wrap_socket(made, server_hostname=self._host)
                except BaseException:
                    made.close()
                    raise
        except OSError as error:  # certificates too
            raise Unavailable(f"{self.authority}: no connection: {type(error).__name__}") from error
        # Never more than a socket with words around it: what would connect by itself would do so without TLS.
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.auto_open = 0
        wire = Wire(made, until)
        connection.sock = wire
        self._kept = connection, wire
        return connection, wire

    def _drop(self) -> None:
        if self._kept is not None:
            connection, wire = self._kept
            self._kept = None
            connection.close()
            wire.hang_up()

    @cached_property
    def _tls(self) -> "ssl.SSLContext":
        import ssl  # noqa: PLC0415 - see the module's docstring

        return ssl.create_default_context()
