"""The webhook endpoint over real HTTP: what each kind of delivery is answered, and that nothing brings it down."""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from wsgiref.types import StartResponse, WSGIEnvironment

import attrs
import pytest

from paddock.adapters.web import WebServer
from paddock.core.errors import InvalidInput, Throttled, Unavailable
from paddock.core.messages import EventMessage, JobMessage, JobObserved, JobRequested, Observed, RunCompleted
from paddock.entrypoints.webhook import MAX_BODY
from tests.webhooks import (
    GUID,
    OLD_SECRET,
    FailingQueue,
    Receiver,
    deliveries,
    encoded,
    headers,
    queued,
    receiver,
    signature,
)


@attrs.frozen
class Served:
    """A receiver on a port."""

    receiver: Receiver
    port: int

    def ask(self, method: str, path: str, body: bytes = b"", more: Mapping[str, str] | None = None) -> tuple[int, str]:
        """The status and the text of the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, dict(more or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def deliver(self, body: bytes, more: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Post a delivery; its headers are GitHub's unless given."""
        return self.ask("POST", "/webhook", body, headers(body) if more is None else more)


@contextmanager
def serving(under_test: Receiver) -> Iterator[Served]:
    server = WebServer(under_test.app, max_body=2 * MAX_BODY)
    server.start()
    try:
        yield Served(under_test, server.port)
    finally:
        server.stop()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(receiver()) as running:
        yield running


def messages(under_test: Receiver) -> list[JobMessage | EventMessage]:
    """Everything on the queues."""
    found: list[JobMessage | EventMessage] = [received.message for received in under_test.jobs.receive(10)]
    found.extend(received.message for received in under_test.events.receive(10))
    return found


def test_github_s_deliveries_are_taken_in(served: Served) -> None:
    """A queued job becomes a request; a concluded job and a concluded run become events; each is answered 202."""
    for event, payload in deliveries()[1:]:
        body = encoded(payload)
        assert served.deliver(body, headers(body, event)) == (202, "taken in\n"), payload["action"]
    requested, observed, run = messages(served.receiver)
    assert isinstance(requested, JobRequested)
    assert requested.job.repository == "acme/shop"
    assert requested.delivery == GUID
    assert isinstance(observed, JobObserved)
    assert (observed.status, observed.conclusion) == (Observed.COMPLETED, "cancelled")
    assert isinstance(run, RunCompleted)


@pytest.mark.parametrize("given", [None, "sha256=" + "0" * 64, "sha1=abc", signature(b"another body")])
def test_a_delivery_that_nobody_signed_is_refused(served: Served, given: str | None) -> None:
    """A missing, malformed or wrong signature is answered 401, and nothing reaches a queue."""
    body = encoded(queued())
    sent = {name: value for name, value in headers(body).items() if name != "X-Hub-Signature-256"}
    if given is not None:
        sent["X-Hub-Signature-256"] = given
    status, text = served.deliver(body, sent)
    assert status == 401
    assert "X-Hub-Signature-256" in text
    assert served.receiver.taken == {"jobs": 0, "events": 0}


def test_both_secrets_count_while_one_is_rotated(served: Served) -> None:
    """The old secret is good until it is taken out, and then it is not, without a restart."""
    body = encoded(queued())
    assert served.deliver(body, headers(body, secret=OLD_SECRET))[0] == 202
    assert served.deliver(body)[0] == 202
    served.receiver.secrets.remove(OLD_SECRET)
    assert served.deliver(body, headers(body, secret=OLD_SECRET))[0] == 401
    assert served.deliver(body)[0] == 202


def test_without_a_readable_secret_nothing_is_taken_and_nothing_is_told(served: Served) -> None:
    """A secret that cannot be read is the operator's affair: 503, so that GitHub keeps it, and no word of the place."""
    served.receiver.secrets.clear()
    status, text = served.deliver(encoded(queued()))
    assert status == 503
    assert "webhook_secret" not in text
    assert served.receiver.taken == {"jobs": 0, "events": 0}


@pytest.mark.parametrize("size", [MAX_BODY + 1, 2 * MAX_BODY + 1, 5 * MAX_BODY])
def test_a_body_that_is_too_long_is_refused(served: Served, size: int) -> None:
    """Over 1 MB is answered 413, whether the server or the application sees it first; then it serves on."""
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=10)) as raw:
        raw.sendall(f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        try:
            raw.sendall(b"x" * size)
        except (BrokenPipeError, ConnectionResetError):
            assert size > 2 * MAX_BODY, "a body that the application is to see is read"
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
    assert served.deliver(encoded(queued()))[0] == 202


def test_a_body_without_a_length_is_measured_too(served: Served) -> None:
    """Chunks that come to more than 1 MB are answered 413; chunks that come to less are a delivery like any other."""
    body = encoded(queued())

    def sent(chunks: list[bytes], more: Mapping[str, str]) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
            connection.request("POST", "/webhook", iter(chunks), dict(more), encode_chunked=True)
            return connection.getresponse().status

    chunked = {"Transfer-Encoding": "chunked"}
    assert sent([b"x" * 65_536] * 17, {**headers(b"x" * 65_536 * 17), **chunked}) == 413
    assert sent([body[:100], body[100:]], {**headers(body), **chunked}) == 202


def test_a_megabyte_is_still_read(served: Served) -> None:
    """The limit is a limit: exactly 1 MB is looked at, and refused for what it is."""
    body = b"[" + b" " * (MAX_BODY - 2) + b"]"
    assert served.deliver(body)[0] == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "payload"),
        (b"{", "payload"),
        (b"\xff\xfe", "payload"),
        (b"null", "a workflow_job event"),
        (b'{"action": "queued"}', "workflow_job"),
        (b"payload=%7B%7D", "application/json"),
        (b"[" * 100_000, "payload"),
        (encoded(queued(id="42")), "workflow_job.id"),
        (encoded(queued(id=0)), "workflow_job.id"),
        (encoded(queued(labels="paddock")), "workflow_job.labels"),
        (encoded(queued(created_at="yesterday")), "workflow_job.created_at"),
    ],
)
def test_what_cannot_be_read_is_answered_with_its_place(served: Served, body: bytes, words: str) -> None:
    """Malformed JSON and wrong types are answered 400, and the text names what is wrong."""
    status, text = served.deliver(body)
    assert status == 400
    assert words in text


def test_a_delivery_without_its_event_s_name_is_refused(served: Served) -> None:
    """400, and the header is named."""
    body = encoded(queued())
    status, text = served.deliver(body, {k: v for k, v in headers(body).items() if k != "X-GitHub-Event"})
    assert (status, "X-GitHub-Event" in text) == (400, True)


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("ping", {"zen": "Design for failure."}, "ping"),
        ("push", {}, "event 'push' is not ours"),
        ("workflow_job", queued(labels=["ubuntu-latest"]), "its labels are not ours: ubuntu-latest"),
        ("workflow_job", queued(labels=[]), "its labels are not ours: none"),
        ("workflow_job", queued(status="waiting"), "deployment protection rule"),
        ("workflow_job", queued(status="pending"), "concurrency group"),
        ("workflow_job", {**queued(), "action": "waiting"}, "deployment protection rule"),
        ("workflow_job", {**queued(), "action": "paused"}, "'paused'"),
        ("workflow_run", {**deliveries()[-1][1], "action": "requested"}, "only completed matters"),
    ],
)
def test_what_is_not_ours_is_ignored_with_a_recorded_reason(
    served: Served, event: str, payload: object, reason: str
) -> None:
    """Answered 202, because nothing is wrong with it; nothing is queued, and the reason is on record."""
    body = encoded(payload)
    status, text = served.deliver(body, headers(body, event))
    assert status == 202
    assert text.startswith("ignored: ")
    assert reason in text
    assert served.receiver.taken == {"jobs": 0, "events": 0}
    (kept,) = served.receiver.reasons
    assert reason in kept
    assert served.receiver.told[0].verdict == "ignored"


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        ("queued", {"an_unknown_field": {"deep": [1, None]}}),
        ("queued", {"status": "a word of tomorrow"}),
        ("completed", {"conclusion": "a word of tomorrow", "status": "completed"}),
        ("completed", {"conclusion": None, "status": "completed"}),
        ("in_progress", {"runner_id": 0, "runner_name": "", "status": "in_progress"}),
    ],
)
def test_words_that_github_adds_are_no_error(served: Served, action: str, changes: dict[str, object]) -> None:
    """Unknown fields, statuses and conclusions are taken in."""
    body = encoded({**queued(**changes), "action": action, "a_new_object": {}})
    assert served.deliver(body) == (202, "taken in\n")
    assert len(messages(served.receiver)) == 1


@pytest.mark.parametrize("error", [Unavailable("the disk is full"), Throttled("too fast")])
def test_a_queue_that_fails_is_told_to_github(error: Exception) -> None:
    """503: GitHub logs the delivery as failed, and it is asked for again; a 202 would lose the job."""
    with serving(receiver(FailingQueue(error))) as failing:
        status, text = failing.deliver(encoded(queued()))
    assert status == 503
    assert str(error) in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("GET", "/webhook", 405),
        ("PUT", "/webhook", 405),
        ("POST", "/health", 405),
        ("GET", "/", 404),
        ("POST", "/webhook/", 404),
        ("POST", "/webhooks", 404),
        ("POST", "/%00%ff", 404),
    ],
)
def test_other_doors(served: Served, method: str, path: str, status: int) -> None:
    """There are two: /webhook takes POST, /health answers GET; everything else is 404 or 405."""
    assert served.ask(method, path)[0] == status


def test_health_says_so(served: Served) -> None:
    """A probe gets one word."""
    assert served.ask("GET", "/health") == (200, "ok\n")


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"POST\r\n\r\n",
        b"POST /webhook\r\n\r\n",
        b"POST /webhook HTTP/9.9\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 100\r\n\r\nshort",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 3\r\n\r\ntoo long by far",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /webhook HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: \xff\xfe:99999\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nNo colon here\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\n: no name\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        b"POST http://[::1/webhook HTTP/1.1\r\n\r\n",
        b"POST /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n" * 5,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda request_: repr(request_[:60]),
)
def test_malformed_requests_leave_the_server_alive(served: Served, request_: bytes) -> None:
    """Whatever is thrown at the port, also if it hangs up half-way: never a 500, and the next delivery is taken in."""
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=10)) as raw:
        raw.sendall(request_)
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := raw.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass  # refused before it was read to its end
    assert not answer or answer.startswith(b"HTTP/1.")
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert served.deliver(encoded(queued())) == (202, "taken in\n")


def test_slow_senders_keep_nobody_waiting(served: Served) -> None:
    """More half-sent deliveries than the server has threads, and a whole one is answered all the same."""
    body = encoded(queued())
    head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    slow = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(30)]
    try:
        for connection in slow:
            connection.sendall(head + body[:100])
        assert served.deliver(body)[0] == 202
    finally:
        for connection in slow:
            connection.close()
    assert served.deliver(body)[0] == 202


def test_stopping_races_with_requests_and_leaves_nothing_open() -> None:
    """Stopped while requests come to their ends, many times: it never stumbles over what it has closed, and lets go."""

    def slow(_: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        arrived.release()
        go.wait(10)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    for _ in range(60):
        arrived, go = threading.Semaphore(0), threading.Event()
        server = WebServer(slow)
        server.start()
        senders = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(6)]
        for sender in senders:
            sender.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert all(arrived.acquire(timeout=10) for _ in senders)
        go.set()
        server.stop()
        for sender in senders:
            sender.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_requests_that_wait_for_a_thread_are_not_told_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    """Each would be a line on the terminal of whoever looks at something else."""

    def slow(_: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        arrived.release()
        go.wait(10)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    arrived, go = threading.Semaphore(0), threading.Event()
    server = WebServer(slow, threads=1)
    server.start()
    senders = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(3)]
    for sender in senders:
        sender.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert arrived.acquire(timeout=10)
    go.set()
    assert [sender.recv(12) for sender in senders] == [b"HTTP/1.1 200"] * 3
    server.stop()
    for sender in senders:
        sender.close()
    assert caplog.messages == []


def test_an_address_in_use_is_named(served: Served) -> None:
    """Two servers on one port: the second says which address, what to do, and leaves no thread behind."""
    before = threading.active_count()
    with pytest.raises(InvalidInput, match=rf"127.0.0.1:{served.port}.*choose another"):
        WebServer(served.receiver.app, port=served.port)
    assert threading.active_count() == before
