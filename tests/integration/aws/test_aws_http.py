"""The client without boto3: what it sends is held to botocore, what it is told becomes one of our errors."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.adapters.aws_http import Credentials, JsonService, SqsSender
from paddock.adapters.aws_http.connection import LIMIT, Answer, Connection
from paddock.adapters.aws_http.errors import error_of
from paddock.adapters.aws_http.service import PAUSES
from paddock.adapters.aws_http.sqs import SQS
from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.adapters.sqs_wire import CODES
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.messages import EventMessage, RunCompleted
from paddock.core.units import SECOND, Span
from tests.aws.judge import REGION, breaches_of, model
from tests.aws.machine import fault, front
from tests.aws.queue import queue_on_moto
from tests.http_stub import LOST, HttpStub, Seen, http_stub
from tests.http_stub import Answer as Reply
from tests.import_budgets import ATTRS, loaded
from tests.raw_server import certificate, request_of, server
from tests.strategies import NOON
from tests.threads import race

KEYS = Credentials("ASIAEXAMPLE", "secret/+key", "session/+token==")
DONE = Reply(200, {"MessageId": "1", "MD5OfMessageBody": "2"})
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"


class Sending:
    """A sender before a stub, with a clock that stands still."""

    def __init__(self, url: str, queue_url: str = URL, read: float = 5.0) -> None:
        self.clock = ManualClock(NOON)
        self.connection = Connection(url, connect=5.0, read=read)
        sleeper = ManualSleeper(self.clock)
        service = JsonService(
            SQS, self.connection, region=REGION, credentials=lambda: KEYS, clock=self.clock, sleeper=sleeper
        )
        self.sender: SqsSender[EventMessage] = SqsSender(service, queue_url, sleeper)

    def __call__(self, *numbers: int, delay: Span = 0) -> None:
        """Send messages with these numbers."""
        self.sender.send([message(number) for number in numbers], delay=delay)


def message(number: int) -> RunCompleted:
    return RunCompleted(number, 1, "acme/äpi", None)


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    """What stands in SQS's place; every request to it was one that AWS would have taken."""
    with http_stub() as made:
        yield made
    assert [breach for seen in made.seen for breach in breaches_of(seen)] == []


@pytest.fixture
def send(stub: HttpStub) -> Iterator[Sending]:
    """A sender before the stub."""
    sending = Sending(stub.url)
    yield sending
    sending.connection.close()


def peers(stub: HttpStub) -> int:
    """How many connections there were."""
    return len({seen.peer for seen in stub.seen})


def test_what_is_sent_can_be_received() -> None:
    """Through moto: one message, and more than one request may carry, arrive as they went in."""
    with queue_on_moto(30 * SECOND, 3) as made, front(made.url.rpartition("/")[0].rpartition("/")[0]) as before:
        sending = Sending(before.url, made.url)
        try:
            sending(1)
            sending(*range(2, 14), delay=SECOND)
        finally:
            sending.connection.close()
        made.clock.advance(SECOND)
        assert before.operations() == ["SendMessage", "SendMessageBatch", "SendMessageBatch"]
        assert [breach for seen in before.seen for breach in breaches_of(seen)] == []
        answers = [
            made.clients.sqs.receive_message(QueueUrl=made.url, MaxNumberOfMessages=10).get("Messages", [])
            for _ in range(2)
        ]
        assert sum(map(len, answers)) == 13


def test_the_connection_is_kept(send: Sending, stub: HttpStub) -> None:
    """Every further message goes over it."""
    stub.on("POST /", DONE)
    for number in range(5):
        send(number)
    assert (len(stub.seen), peers(stub)) == (5, 1)


def test_a_connection_that_was_closed_meanwhile_is_made_anew(send: Sending, stub: HttpStub) -> None:
    """At once and without a pause, once: a function was frozen for a while."""
    stub.on("POST /", DONE, LOST, DONE)
    send(1)
    send(2)
    assert (len(stub.seen), peers(stub)) == (3, 2)
    assert send.clock.now() == NOON


def test_a_service_that_hangs_up_is_asked_again_after_a_pause(send: Sending, stub: HttpStub) -> None:
    """Three times in all, each over a connection of its own."""
    stub.on("POST /", LOST)
    with pytest.raises(Unavailable, match="RemoteDisconnected"):
        send(1)
    assert (len(stub.seen), peers(stub)) == (3, 3)
    assert send.clock.now() == NOON + sum(PAUSES)


@pytest.mark.parametrize("code", ["RequestThrottled", "InternalFailure"])
def test_a_passing_fault_is_tried_again(send: Sending, stub: HttpStub, code: str) -> None:
    """Twice, after a pause."""
    bad = fault(400 if code == "RequestThrottled" else 500, code)
    stub.on("POST /", bad, bad, DONE)
    send(1)
    assert len(stub.seen) == 3


def test_a_lasting_fault_is_told(send: Sending, stub: HttpStub) -> None:
    """The third answer is the last word; a throttle says when to come back."""
    stub.on("POST /", fault(400, "RequestThrottled", "slow down"))
    with pytest.raises(Throttled, match="SendMessage: RequestThrottled: slow down") as caught:
        send(1)
    assert caught.value.retry_after > 0
    assert len(stub.seen) == 3


def test_a_refusal_is_not_tried_again(send: Sending, stub: HttpStub) -> None:
    """Repeating it is useless."""
    stub.on("POST /", fault(400, "QueueDoesNotExist"))
    with pytest.raises(NotFound):
        send(1)
    assert len(stub.seen) == 1


def test_entries_that_failed_are_sent_again(send: Sending, stub: HttpStub) -> None:
    """Those alone, by their ids."""
    lacking = {"Successful": [], "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}
    stub.on("POST /", Reply(200, lacking), Reply(200, {"Successful": []}))
    send(1, 2, 3)
    assert [[entry["Id"] for entry in seen.json["Entries"]] for seen in stub.seen] == [["0", "1", "2"], ["1"]]


def test_an_entry_at_fault_is_an_error(send: Sending, stub: HttpStub) -> None:
    """Once, by its code."""
    failed = {"Id": "0", "Code": "InvalidMessageContents", "SenderFault": True, "Message": "so it is"}
    stub.on("POST /", Reply(200, {"Failed": [failed]}))
    with pytest.raises(Rejected, match="InvalidMessageContents: so it is"):
        send(1, 2)
    assert len(stub.seen) == 1


def test_no_message_is_no_request(send: Sending, stub: HttpStub) -> None:
    """As the port has it."""
    send()
    assert stub.seen == []


def test_a_wrong_delay_is_refused(send: Sending, stub: HttpStub) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match="delay"):
        send(1, delay=-1)
    assert stub.seen == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>"),
        Reply(200, b"[]"),
        Reply(200, b"x" * (LIMIT + 1)),
        Reply(200, b"{", {"Content-Length": "9"}),
        Reply(200, b"{}", {"Content-Length": "9", "Connection": "close"}),
        Reply(400, b'{"__type": "Throt', {"Content-Length": "60", "Connection": "close"}),
    ],
    ids=["no JSON", "no object", "too long", "without an end", "broken off", "a refusal broken off"],
)
def test_an_answer_that_is_none_is_a_passing_fault(stub: HttpStub, reply: Reply) -> None:
    """Whether the message is stored is unknown, so it is sent again, and at last GitHub is told."""
    sending = Sending(stub.url, read=0.3)
    stub.on("POST /", reply)
    with pytest.raises(Unavailable):
        sending(1)
    assert len(stub.seen) == 3
    sending.connection.close()


def test_a_service_that_says_nothing_is_given_up() -> None:
    """A connection is made, and no answer comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sending = Sending(f"http://127.0.0.1:{server.getsockname()[1]}", read=0.05)
        with pytest.raises(Unavailable, match=r"no answer within 0\.05 s"):
            sending(1)


def test_a_service_that_is_not_there_is_a_passing_fault() -> None:
    """Nobody listens at the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(Unavailable, match="no connection"):
        Sending(url)(1)


def test_what_does_not_speak_tls_is_not_believed(stub: HttpStub) -> None:
    """Https means it: nothing is sent over a connection that is not secret."""
    with pytest.raises(Unavailable, match="no connection: SSLError"):
        Sending(stub.url.replace("http:", "https:"))(1)
    assert stub.seen == []


def answered(connection: socket.socket, _end: threading.Event) -> None:
    """Two requests over one connection, each with a body of several records, and as long an answer."""
    for _ in range(2):
        data = request_of(connection)
        while len(data) < 100_000:
            data += connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"y" * 100_000)


def test_who_proves_who_it_is_is_spoken_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS works as plain HTTP does, and its connection is kept, too."""
    file, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with server(answered, context) as url:
        connection = Connection(url, connect=5.0, read=5.0)
        answers = [connection.post("/", {"Host": connection.authority}, b"x" * 100_000) for _ in range(2)]
        connection.close()
    assert [(answer.status, len(answer.body)) for answer in answers] == [(200, 100_000)] * 2


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"], ids=["nobody vouches for it", "it is somebody else"])
def test_who_does_not_prove_who_it_is_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Not even the request, which has the session token in it: the certificate is trusted, and for this very host."""
    file, context = certificate(tmp_path)
    if name == "localhost":
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    heard: list[bytes] = []
    with server(lambda peer, _end: heard.append(peer.recv(100)), context) as url:
        connection = Connection(url.replace("127.0.0.1", name), connect=5.0, read=5.0)
        with pytest.raises(Unavailable, match="no connection: SSLCertVerificationError"):
            connection.post("/", {"Host": connection.authority}, b"x")
    assert heard in ([], [b""])


def test_threads_share_a_connection(send: Sending, stub: HttpStub) -> None:
    """One exchange follows the other."""
    stub.on("POST /", lambda _seen: DONE)

    def five(number: int) -> None:
        for turn in range(5):
            send(number * 10 + turn)

    race(4, five)
    assert len({seen.json["MessageBody"] for seen in stub.seen}) == 20
    assert peers(stub) == 1


def test_a_refused_signature_does_not_tell_what_was_signed(send: Sending, stub: HttpStub) -> None:
    """AWS repeats the signed headers, the session token among them."""

    def refuse(seen: Seen) -> Reply:
        return fault(403, "SignatureDoesNotMatch", str(seen.headers))

    stub.on("POST /", refuse)
    with pytest.raises(AccessDenied, match="SignatureDoesNotMatch") as caught:
        send(1)
    assert KEYS.token not in str(caught.value)


def said(status: int, body: bytes = b"", **headers: str) -> PaddockError:
    return error_of("SendMessage", Answer(status, headers, body), CODES)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            said(400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}'),
            NotFound,
            "QueueDoesNotExist: no",
        ),
        (said(400, b'{"code":"ThrottlingException","Message":"slow"}'), Throttled, "ThrottlingException: slow"),
        (
            said(400, b"", **{"x-amzn-errortype": "AccessDeniedException:http://x/"}),
            AccessDenied,
            "AccessDeniedException",
        ),
        (said(400, b'{"__type":"Unheard"}'), Rejected, "Unheard"),
        (said(418), Rejected, "HTTP 418"),
        (said(503, b"<html>"), Unavailable, "HTTP 503"),
        (said(500, b'{"__type":"Unheard"}'), Unavailable, "Unheard"),
        (said(403, b"[1]"), AccessDenied, "HTTP 403"),
        (said(404, b"[" * 100_000), NotFound, "HTTP 404"),
        (said(429), Throttled, "HTTP 429"),
    ],
)
def test_an_error_is_known_by_its_code_and_else_by_its_status(
    error: PaddockError, kind: type[PaddockError], text: str
) -> None:
    """Wherever the service put the code."""
    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize("operation", ["SendMessage", "SendMessageBatch"])
def test_every_documented_code_has_a_meaning(operation: str) -> None:
    """Those of the two operations that are called."""
    shapes = [shape.name for shape in model("sqs").operation_model(operation).error_shapes]
    assert len(shapes) > 10
    assert [name for name in shapes if name not in CODES] == []


def test_it_stands_apart_from_boto3() -> None:
    """Nothing but attrs and msgspec is loaded with it: not even what reads messages."""
    assert loaded("import paddock.adapters.aws_http") <= ATTRS | {"msgspec", "typing_extensions"}
