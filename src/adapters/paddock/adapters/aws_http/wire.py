"""A socket whose every step has only what is left of one bound: an answer that drips cannot stretch it.

Names are looked up by the system, which waits as long as it is set to; that alone is not bounded here.
"""

import io
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_PIECE = 1 << 16


class Wire:
    """A connected socket, with what `http.client` uses of one. ``until`` is when time is up, by `time.monotonic`."""

    def __init__(self, connected: "socket.socket", until: float) -> None:
        """Args: the socket, which is the wire's from now on; until when the first steps must be done."""
        self._socket = connected
        self.until = until

    def sendall(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            TimeoutError: time is up.
        """
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(left(self.until))
            rest = rest[self._socket.send(rest[:_PIECE]) :]

    def receive(self, buffer: memoryview) -> int:
        """Read what there is, at least a byte, into the buffer; how much that was, 0 at the end.

        Raises:
            TimeoutError: time is up.
        """
        self._socket.settimeout(left(self.until))
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What arrives, as `http.client` reads it."""
        return io.BufferedReader(_Arriving(self))

    def close(self) -> None:
        """Nothing yet: `http.client` lets go before it has read the answer. `hang_up` ends it."""

    def hang_up(self) -> None:
        """Let the connection go."""
        self._socket.close()


class _Arriving(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader hands a memoryview
        return self._wire.receive(buffer)


def left(until: float) -> float:
    """Seconds until then.

    Raises:
        TimeoutError: there are none.
    """
    seconds = until - monotonic()
    if seconds <= 0:
        raise TimeoutError("time is up")
    return seconds


def connected(host: str, port: int, until: float) -> "socket.socket":
    """A connection to one of the host's addresses, tried in their order, all of them together until then.

    Raises:
        OSError: there is none; by the last address that was tried.
    """
    import socket  # noqa: PLC0415 - with the first connection: see `connection`

    failure = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(left(until))
            made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure
