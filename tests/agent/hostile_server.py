"""Ways in which a web server can be wrong or hostile, for `PackageServer.reply`. Each ends when the client leaves."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TypeAlias

Reply: TypeAlias = Callable[[BaseHTTPRequestHandler], None]
ETAG = '"one"'


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """An ordinary answer; ``_`` in a header's name stands for ``-``."""
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def redirecting(location: Callable[[int], str], status: int = 302) -> Reply:
    """Every request is sent on; `location` is told how many were before."""
    count = iter(range(1_000_000))
    return lambda handler: send(handler, status, b"", Location=location(next(count)))


def _left(handler: BaseHTTPRequestHandler, wait: float) -> bool:
    """Wait for so many seconds; True if the client left meanwhile."""
    handler.connection.settimeout(wait)
    try:
        return not handler.connection.recv(1)
    except TimeoutError:
        return False
    except OSError:
        return True


def dripping(where: str, interval: float = 0.02) -> Reply:
    """A byte now and then, for ever: in the ``headers``, in a chunk's ``size``, or in the ``body``."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        start = {
            "headers": b"HTTP/1.1 200 OK\r\nX-Long: ",
            "size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n",
        }[where]
        handler.connection.sendall(start)
        while not _left(handler, interval):
            handler.connection.sendall(b"0")

    return reply


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Takes the request and says nothing."""
    while not _left(handler, 1.0):
        pass


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Never stops sending, and does not say how much it will be."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 16))


def announcing(size: int, body: bytes) -> Reply:
    """Announces another size than it sends, and stays connected if it sends less."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return reply


class Resumable:
    """Serves `data` with an ETag and in parts, and breaks the connection after `cuts` bytes of each answer in turn."""

    def __init__(self, data: bytes, *cuts: int, etag: str = ETAG, ranges: bool = True) -> None:
        self.data, self.cuts, self.etag, self.ranges = data, list(cuts), etag, ranges
        self.statuses: list[int] = []
        self.lock = threading.Lock()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        start = 0
        asked = handler.headers.get("Range", "")
        if self.ranges and asked and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        with self.lock:
            body = self.data[start:]
            cut = self.cuts.pop(0) if self.cuts else len(body)
            status = 206 if start else 200
            self.statuses.append(status)
        handler.send_response(status)
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(body)))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        handler.end_headers()
        handler.wfile.write(body[:cut])
        if cut < len(body):
            handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
