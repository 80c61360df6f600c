"""The agent's HTTP client against servers that are slow, short, long, gone, or not who they say they are."""

import socket
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from paddock.agent.aws.http import Http, Unreachable, _tls
from tests.http_stub import LOST, Answer, http_stub
from tests.raw_server import Serve, certificate, request_of, server

HEADERS = {"Host": "x"}


def replies(data: bytes) -> Serve:
    """Answers every connection with these bytes, and closes."""

    def serve(connection: socket.socket, _end: threading.Event) -> None:
        request_of(connection)
        connection.sendall(data)

    return serve


def ask(url: str, timeout: float = 5.0, limit: int = 1_000) -> tuple[int, bytes]:
    """One exchange with a client of its own."""
    client = Http(url)
    try:
        reply = client.exchange("GET", "/", HEADERS, timeout=timeout, limit=limit)
        return reply.status, reply.body
    finally:
        client.close()


def test_a_connection_is_kept() -> None:
    """Ten requests to one host share one connection."""
    with http_stub() as stub:
        stub.on("POST /", Answer(200, b"yes", {"X-Thing": "1"}))
        client = Http(stub.url)
        replies_ = [client.exchange("POST", "/", HEADERS, b"body", timeout=5) for _ in range(10)]
        client.close()
        assert {(reply.status, reply.body, reply.headers["x-thing"]) for reply in replies_} == {(200, b"yes", "1")}
        assert client.connections == 1
        assert len({seen.peer for seen in stub.seen}) == 1


def test_a_kept_connection_that_was_closed_is_made_anew() -> None:
    """The other side may let an idle connection go: the request is sent again on another, and nobody notices."""
    with http_stub() as stub:
        stub.on("GET /", Answer(200, b"one"), LOST, Answer(200, b"two"))
        client = Http(stub.url)
        assert client.exchange("GET", "/", HEADERS, timeout=5).body == b"one"
        assert client.exchange("GET", "/", HEADERS, timeout=5).body == b"two"
        client.close()
        assert client.connections == 2
        assert len(stub.seen) == 3


def test_a_new_connection_that_is_closed_is_an_outage() -> None:
    """Only a kept one is made anew: a server that always hangs up is asked once, and twice where it had been there."""
    with http_stub() as stub:
        stub.on("GET /", LOST)
        client = Http(stub.url)
        with pytest.raises(Unreachable):
            client.exchange("GET", "/", HEADERS, timeout=5)
        assert len(stub.seen) == 1
        stub.on("GET /", Answer(200, b"one"), LOST)
        client.exchange("GET", "/", HEADERS, timeout=5)
        with pytest.raises(Unreachable):
            client.exchange("GET", "/", HEADERS, timeout=5)
        assert len(stub.seen) == 4


def test_a_file_is_sent_whole_also_the_second_time() -> None:
    """A file that was half read before the connection broke is sent from its beginning."""
    with http_stub() as stub:
        stub.on("PUT /", Answer(200), LOST, Answer(200))
        client = Http(stub.url)
        body = BytesIO(b"0123456789" * 20_000)
        headers = {**HEADERS, "Content-Length": "200000"}
        client.exchange("PUT", "/", headers, body, timeout=5)
        client.exchange("PUT", "/", headers, body, timeout=5)
        client.close()
        assert [seen.body for seen in stub.seen] == [body.getvalue()] * 3


def test_nobody_there() -> None:
    """A refused connection is an outage, not a crash."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unreachable):
        ask(url)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "no http", "short", "short chunk", "announced too long", "too long", "many headers", "long header"],
)
def test_a_broken_reply_is_an_outage(data: bytes) -> None:
    """Half a reply, an endless one and none at all come to the same."""
    with server(replies(data)) as url, pytest.raises(Unreachable):
        ask(url)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", (200, b"yes")),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n", (200, b"yes")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", (302, b"")),
    ],
    ids=["length", "until closed", "chunks", "empty", "a redirect is not followed"],
)
def test_a_whole_reply_is_given_as_it_is(data: bytes, found: tuple[int, bytes]) -> None:
    """In every form that HTTP has; a status that is no success is the caller's affair."""
    with server(replies(data)) as url:
        assert ask(url) == found


def drip(data: bytes) -> Serve:
    """Answers byte by byte: never silent for long, never done in time."""

    def serve(connection: socket.socket, end: threading.Event) -> None:
        request_of(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
            end.wait(0.05)

    return serve


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100 + b"\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100,
    ],
    ids=["in the head", "in the body"],
)
def test_a_drip_does_not_stretch_the_time(data: bytes) -> None:
    """The bound is on the whole exchange, not on each byte."""
    with server(drip(data)) as url, pytest.raises(Unreachable, match="in time"):
        ask(url, timeout=0.3)


def test_a_server_that_reads_nothing_does_not_hold_the_sender() -> None:
    """A body that nobody takes ends with the time."""

    def serve(_connection: socket.socket, end: threading.Event) -> None:
        end.wait(10)

    with server(serve) as url:
        client = Http(url)
        with pytest.raises(Unreachable, match="in time"):
            client.exchange("PUT", "/", HEADERS, b"x" * 50_000_000, timeout=0.3)
        client.close()


def test_after_an_outage_the_next_exchange_is_its_own() -> None:
    """A reply that came too late is never taken for the answer to the next request."""
    with http_stub() as stub:
        late = threading.Event()

        def first_late(_seen: object) -> Answer:
            if len(stub.seen) == 1:
                late.wait(5)
                return Answer(200, b"old")
            return Answer(200, b"new")

        stub.on("GET /", first_late)
        client = Http(stub.url)
        with pytest.raises(Unreachable):
            client.exchange("GET", "/", HEADERS, timeout=0.1)
        late.set()
        assert client.exchange("GET", "/", HEADERS, timeout=5).body == b"new"
        client.close()


def test_threads_share_a_client() -> None:
    """Each gets the reply to its own request."""
    with http_stub() as stub:
        for number in range(8):
            stub.on(f"GET /{number}", Answer(200, str(number).encode()))
        client = Http(stub.url)
        found: dict[int, set[bytes]] = {}

        def work(number: int) -> None:
            path = f"/{number}"
            found[number] = {client.exchange("GET", path, HEADERS, timeout=10).body for _ in range(20)}

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
        assert found == {number: {str(number).encode()} for number in range(8)}


@pytest.fixture
def _fresh_trust() -> Iterator[None]:
    """The list of trusted certificates is read anew in this test and after it."""
    _tls.cache_clear()
    yield
    _tls.cache_clear()


@pytest.mark.usefixtures("_fresh_trust")
def test_a_trusted_server_is_spoken_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS works as plain HTTP does: a body of several records goes there, and one comes back."""
    file, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    def serve(connection: socket.socket, _end: threading.Event) -> None:
        data = request_of(connection)
        while len(data) < 100_000:
            data += connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"y" * 100_000)

    with server(serve, context) as url:
        client = Http(url)
        reply = client.exchange("PUT", "/", HEADERS, b"x" * 100_000, timeout=10)
        client.close()
    assert (reply.status, len(reply.body)) == (200, 100_000)


@pytest.mark.usefixtures("_fresh_trust")
def test_a_server_without_a_trusted_certificate_gets_nothing(tmp_path: Path) -> None:
    """Not even the request, which has the role's session token in it."""
    _, context = certificate(tmp_path)
    heard: list[bytes] = []

    def serve(connection: socket.socket, _end: threading.Event) -> None:
        heard.append(connection.recv(100))

    with server(serve, context) as url, pytest.raises(Unreachable):
        ask(url)
    assert heard in ([], [b""])
