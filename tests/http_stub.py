"""A small real HTTP server on loopback whose replies a test scripts, and which remembers what it was asked."""

import json
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

import attrs


@attrs.frozen
class Seen:
    """A request as it arrived. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: int

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def bearer(self) -> str:
        """The credential it came with, "" for none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def line(self) -> str:
        """What scripts are found by."""
        return f"{self.method} {self.path}"


@attrs.frozen
class Answer:
    """What to reply. ``body`` is sent as it is if it is bytes, else as JSON; ``hang_up``: close without a reply."""

    status: int = 200
    body: object = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    hang_up: bool = False


LOST = Answer(hang_up=True)

Script = Callable[[Seen], Answer]


class HttpStub:
    """Replies by ``METHOD /path``: a list is used up one by one (its last answer stays), a function is called.

    What has no script is answered with 599, which no client may take for success.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._scripts: dict[str, deque[Answer] | Script] = {}
        self._lock = Lock()
        self.url = ""

    def on(self, line: str, *answers: Answer | Script) -> None:
        """Script the replies to ``METHOD /path``."""
        first = answers[0]
        self._scripts[line] = first if callable(first) else deque(a for a in answers if isinstance(a, Answer))

    def lines(self) -> list[str]:
        """``METHOD /path`` of every request so far, in order of arrival."""
        return [seen.line for seen in self.seen]

    def to(self, line: str) -> list[Seen]:
        """The requests that were made to ``METHOD /path``."""
        return [seen for seen in self.seen if seen.line == line]

    def answer(self, seen: Seen) -> Answer:
        """What the script says to it."""
        with self._lock:
            self.seen.append(seen)
            script = self._scripts.get(seen.line)
            if isinstance(script, deque):
                return script.popleft() if len(script) > 1 else script[0]
        return Answer(599, {"message": f"nothing scripted for {seen.line}"}) if script is None else script(seen)


class _Server(ThreadingHTTPServer):
    """Closing it waits for its threads, so that nothing outlives a test, and has those end that wait for a request.

    A client that was not closed keeps its connection alive, and so does its last error, by its traceback.
    """

    daemon_threads = False

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._taken: WeakSet[socket.socket] = WeakSet()
        super().__init__(("127.0.0.1", 0), handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, peer = super().get_request()
        self._taken.add(connection)
        return connection, peer

    def server_close(self) -> None:
        for connection in tuple(self._taken):
            with suppress(OSError):  # it is closed
                connection.shutdown(socket.SHUT_RD)
        super().server_close()


@contextmanager
def http_stub() -> Iterator[HttpStub]:
    """A stub that listens; when the block ends, nothing of it is left."""
    stub = HttpStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes; the second must not wait for the first's ACK
        timeout = 10  # a connection that the client forgot ends by itself

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client has gone: its process was killed, or it waits no longer
                super().handle()

        def _do(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it was killed meanwhile: no server acts on half a request
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(split.query, keep_blank_values=True))
            peer = self.client_address[1]
            answer = stub.answer(Seen(self.command, split.path, query, headers, body, peer))
            if answer.hang_up:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value.replace("{url}", stub.url))
            if answer.status not in {204, 304}:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if answer.status not in {204, 304}:
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _do  # noqa: N815 - http.server looks for these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Tests read `seen`, not a log."""

    server = _Server(Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
