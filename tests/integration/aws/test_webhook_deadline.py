"""The webhook function is asked while AWS stalls: GitHub hears of it before Lambda cuts the function off."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import attrs
import pytest

from paddock.adapters.aws_http import Credentials, JsonService
from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.aws_http.secrets import SECRETS, Secrets
from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.core.errors import Unavailable
from paddock.core.units import MILLISECOND, MINUTE, Span
from paddock.entrypoints.aws_lambda import webhook
from paddock.entrypoints.aws_lambda.deadline import answered_in_time, time_left
from tests.aws.invocations import STACK, Context, logging_kept, url_event
from tests.http_stub import Answer, Seen
from tests.stalling import Stalling, stalling
from tests.strategies import NOON
from tests.webhooks import NEW_SECRET, encoded, headers, queued

BODY = encoded(queued())
DELIVERY = url_event(BODY.decode(), headers(BODY, secret=NEW_SECRET))
KEYS = Credentials("ASIAEXAMPLE", "secret/+key", "session/+token==")
PLENTY, LITTLE, NONE_LEFT = (
    10_000,
    3_000,
    1_900,
)  # milliseconds of an invocation, two seconds of which are kept for its answer


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stalling]:
    """AWS, for a function after a cold start."""
    with logging_kept(), stalling() as server:
        for name, value in STACK.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.stub.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        webhook.FUNCTION._made.clear()
        yield server
        webhook.FUNCTION._made.clear()


@pytest.fixture
def server() -> Iterator[Stalling]:
    """A server that stalls until it has a script."""
    with stalling() as made:
        yield made


def operations(aws: Stalling) -> list[str]:
    """What was asked for, in its order."""
    return [seen.headers["x-amz-target"].rpartition(".")[2] for seen in aws.stub.seen]


def served(seen: Seen) -> Answer:
    """What AWS says when it does not stall: one secret, and a message that was stored."""
    secret = seen.headers["x-amz-target"].startswith("secretsmanager")
    # The connection is not kept, for the function is not closed: it lives as long as its process.
    return Answer(200, {"SecretString": NEW_SECRET} if secret else {"MessageId": "m"}, {"Connection": "close"})


def test_a_secret_that_does_not_come_is_answered_while_there_is_time(aws: Stalling) -> None:
    """With 503, after as many tries as there was time for: GitHub logs a failure, and the sweep has it sent again."""
    context = Context(remaining=lambda: NONE_LEFT if aws.stub.seen else LITTLE)
    answer = webhook.handler(DELIVERY, context)
    assert (answer["statusCode"], operations(aws)) == (503, ["GetSecretValue"])


def test_a_queue_that_does_not_answer_is_told_while_there_is_time(aws: Stalling) -> None:
    """What the secrets took is taken off: of the sending's tries one is left. The next delivery is taken in."""
    aws.script = lambda seen: aws.stall(seen) if "SendMessage" in operations(aws) else served(seen)
    remaining = (PLENTY, PLENTY, LITTLE, NONE_LEFT)
    context = Context(remaining=lambda: remaining[len(aws.stub.seen)])
    answer = webhook.handler(DELIVERY, context)
    assert answer["statusCode"] == 503
    assert "send it again" in str(answer["body"])
    assert operations(aws) == ["GetSecretValue", "GetSecretValue", "SendMessage"]
    aws.script = served
    assert webhook.handler(DELIVERY, Context())["statusCode"] == 202


def test_nothing_is_asked_for_which_there_is_no_time(aws: Stalling) -> None:
    """An answer that says so is worth more than a try that is cut off."""
    aws.script = served
    assert webhook.handler(DELIVERY, Context(remaining=lambda: NONE_LEFT))["statusCode"] == 503
    assert operations(aws) == []


def test_an_invocation_without_a_bound_has_all_tries() -> None:
    """Whoever calls the function without Lambda's context; and a bound ends with its invocation."""
    usual = time_left()
    with answered_in_time(Context(remaining=lambda: 3_000)):
        assert time_left() == 1_000_000
    with answered_in_time(object()):
        assert time_left() == usual
    assert time_left() == usual


# -- one exchange ----------------------------------------------------------------------------------------------------

DRIPS = 600
SLOW = 32 << 20  # bytes: more than a socket holds


@attrs.define
class Dripping:
    """A server that takes what is sent bit by bit, and answers byte by byte; it is done with that after seconds.

    ``taken`` are the bytes that it has read.
    """

    url: str
    taken: int = 0


@contextmanager
def dripping(size: int) -> Iterator[Dripping]:
    """One that is sent a body of so many bytes."""
    over = Event()
    server = socket.create_server(("127.0.0.1", 0))
    made = Dripping(f"http://127.0.0.1:{server.getsockname()[1]}")

    def serve() -> None:
        peer, _ = server.accept()
        with peer, suppress(OSError):
            while made.taken <= size:  # the body, and a head before it
                piece = len(peer.recv(1 << 16))
                if not piece:
                    return
                made.taken += piece
                over.wait(0.01)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DRIPS)
            for _ in range(DRIPS):
                over.wait(0.01)
                peer.sendall(b" ")

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()
        server.close()


@pytest.mark.parametrize("size", [0, SLOW], ids=["a slow answer", "a slow reader"])
@pytest.mark.parametrize(("read", "within"), [(0.5, 60.0), (60.0, 0.5)], ids=["its own bound", "what is left"])
def test_what_drips_does_not_stretch_the_time(read: float, within: float, size: int) -> None:
    """Each piece is in time, and all of them are not: a body is not even sent to its end."""
    with dripping(size) as server:
        connection = Connection(server.url, read=read)
        with pytest.raises(Unavailable, match="no answer within"):
            connection.post("/", {"Host": connection.authority}, bytes(size), within=within)
    assert server.taken < max(size, 1_000)


def test_there_is_no_time_to_connect() -> None:
    """Nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(Unavailable, match="no connection: TimeoutError"):
            connection.post("/", {"Host": connection.authority}, b"", within=-1.0)


@contextmanager
def hurried(server: Stalling, clock: ManualClock, left: Callable[[], Span]) -> Iterator[Secrets]:
    """Secrets Manager at the server, for somebody who has so much time; the connection itself would wait a minute."""
    connection = Connection(server.stub.url, read=60.0)
    sleeper = ManualSleeper(clock)
    yield Secrets(
        JsonService(
            SECRETS,
            connection,
            region="eu-west-1",
            credentials=lambda: KEYS,
            clock=clock,
            sleeper=sleeper,
            left=left,
        )
    )
    connection.close()


def test_a_pause_that_leaves_no_time_is_not_begun(server: Stalling) -> None:
    """What went wrong is told, and not that the time is up."""
    clock = ManualClock(NOON)
    server.script = lambda _seen: Answer(500, {"__type": "InternalServiceError"})
    left = iter((MINUTE, MINUTE, MINUTE, 200 * MILLISECOND))  # before a try, and when it has failed
    with (
        hurried(server, clock, left.__next__) as secrets,
        pytest.raises(Unavailable, match="InternalServiceError"),
    ):
        secrets.read("paddock-ci/webhook")
    assert (len(server.stub.seen), clock.now()) == (2, NOON + 50 * MILLISECOND)


def test_a_try_has_no_more_than_what_is_left(server: Stalling) -> None:
    """Then it is given up, and no other is begun: the time is as good as over."""
    left = iter((500 * MILLISECOND, 0))
    with (
        hurried(server, ManualClock(NOON), left.__next__) as secrets,
        pytest.raises(Unavailable, match="no answer within"),
    ):
        secrets.read("paddock-ci/webhook")
    assert len(server.stub.seen) <= 1


def test_a_try_without_time_is_not_begun(server: Stalling) -> None:
    """The error says so."""
    with (
        hurried(server, ManualClock(NOON), lambda: 0) as secrets,
        pytest.raises(Unavailable, match="GetSecretValue: no time is left to ask"),
    ):
        secrets.read("paddock-ci/webhook")
    assert server.stub.seen == []
