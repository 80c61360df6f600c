"""The way to GitHub and back: repetition, rate limits, conditional requests, redirects, time-outs."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import pytest

from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.conditional import ConditionalTransport
from paddock.adapters.github.retry import RetryingTransport, RetryLimits
from paddock.adapters.github.transport import Reply, Request, Transport, Unreached
from paddock.adapters.github.watched import Watch
from paddock.adapters.memory.system import ManualClock
from paddock.core.errors import AccessDenied, InvalidInput, NotFound, PaddockError, Throttled, Unavailable
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Chance
from paddock.core.units import MILLISECOND, MINUTE, SECOND
from tests.github_client import API, NOON, Highest, Lowest, RecordingSleeper, app, world
from tests.http_stub import LOST, Answer, HttpStub, http_stub

SHOP = Scope("acme", "shop")
GET = "GET /repos/acme/shop/actions/runners/5"
JIT = "POST /repos/acme/shop/actions/runners/generate-jitconfig"
RUNNER = Answer(200, {"id": 5, "name": "r", "os": "linux", "status": "online", "busy": False, "labels": []})
MADE = Answer(201, {"runner": {"id": 9, "name": "r-1"}, "encoded_jit_config": "c2VjcmV0"})
DOWN = Answer(503, {"message": "Unicorn!"})
LIMITED = Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "7"})


@contextmanager
def raw() -> Iterator[tuple[HttpStub, HttpTransport]]:
    with http_stub() as stub, HttpTransport("test/1", environment=False) as transport:
        yield stub, transport


@attrs.define
class Scripted:
    """A transport that plays its script and counts."""

    script: list[Reply | PaddockError]
    sent: int = 0
    closed: bool = False

    def send(self, request: Request) -> Reply:  # noqa: ARG002 - the script knows
        """The next line; the last one stays."""
        self.sent += 1
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(line, PaddockError):
            raise line
        return line

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def retrying(
    script: list[Reply | PaddockError], chance: Chance, limits: RetryLimits | None = None
) -> tuple[Scripted, RetryingTransport, RecordingSleeper]:
    clock = ManualClock(NOON)
    sleeper = RecordingSleeper(clock)
    inner = Scripted(script)
    outer = RetryingTransport(inner, clock=clock, sleeper=sleeper, chance=chance, limits=limits or RetryLimits())
    return inner, outer, sleeper


def test_pauses_double_up_to_the_cap_and_are_drawn_below() -> None:
    """Full jitter: with the highest dice the ceilings show, with the lowest there is no pause at all."""
    limits = RetryLimits(attempts=7, total=MINUTE)
    request = Request("GET", "https://x/y")
    _, outer, sleeper = retrying([Unavailable("down")], Highest(), limits)
    with pytest.raises(Unavailable, match="down"):
        outer.send(request)
    assert [span // MILLISECOND for span in sleeper.slept] == [500, 1000, 2000, 4000, 8000, 8000]
    inner, outer, sleeper = retrying([Unavailable("down")], Lowest(), limits)
    with pytest.raises(Unavailable):
        outer.send(request)
    assert (inner.sent, sum(sleeper.slept)) == (7, 0)


def test_the_total_span_bounds_repetition() -> None:
    """A pause that would end beyond the span is not begun."""
    limits = RetryLimits(attempts=100, total=4 * SECOND)
    inner, outer, sleeper = retrying([Reply(502)], Highest(), limits)
    assert outer.send(Request("GET", "https://x/y")).status == 502
    assert sum(sleeper.slept) <= 4 * SECOND
    assert inner.sent == len(sleeper.slept) + 1 == 4


def test_a_clock_set_back_does_not_unbound_repetition() -> None:
    """What was slept counts, whatever the clock says."""
    clock = ManualClock(NOON)

    class Backwards:
        """Each sleep sets the clock back."""

        def __init__(self) -> None:
            self.slept = 0

        def sleep(self, span: int) -> None:
            """An hour back."""
            self.slept += span
            clock.advance(-60 * MINUTE)

    sleeper = Backwards()
    limits = RetryLimits(attempts=1000, total=10 * SECOND)
    inner = Scripted([Reply(503)])
    outer = RetryingTransport(inner, clock=clock, sleeper=sleeper, chance=Highest(), limits=limits)
    assert outer.send(Request("GET", "https://x/y")).status == 503
    assert sleeper.slept <= 10 * SECOND


@pytest.mark.parametrize(
    ("method", "repeatable", "failure", "tries"),
    [
        ("GET", False, Reply(503), 2),
        ("DELETE", False, Reply(500), 2),
        ("POST", False, Reply(503), 1),
        ("POST", True, Reply(503), 2),
        ("POST", False, Reply(429), 1),
        ("POST", False, Reply(429, {"retry-after": "3"}), 2),
        ("GET", False, Unavailable("lost"), 2),
        ("POST", False, Unavailable("lost"), 1),
        ("POST", True, Unavailable("lost"), 2),
        ("POST", False, Unreached("refused"), 2),
        ("GET", False, Reply(501), 1),
        ("GET", False, Reply(404), 1),
        ("GET", False, Reply(403), 1),
        ("PATCH", False, Reply(500), 1),
    ],
)
def test_only_what_is_safe_is_repeated(
    method: str,
    repeatable: bool,  # noqa: FBT001 - a table's column
    failure: Reply | PaddockError,
    tries: int,
) -> None:
    """A POST comes again only if GitHub cannot have acted: no connection, or a refusal for speed."""
    inner, outer, _ = retrying([failure, Reply(200)], Lowest())
    request = Request(method, "https://x/y", repeatable=repeatable)
    if tries == 2:
        assert outer.send(request).status == 200
    elif isinstance(failure, Reply):
        assert outer.send(request) == failure
    else:
        with pytest.raises(Unavailable):
            outer.send(request)
    assert inner.sent == tries


def test_retry_after_is_the_least_wait() -> None:
    """What GitHub asked for is waited in full, with the jitter on top."""
    _, outer, sleeper = retrying([Reply(503, {"retry-after": "7"}), Reply(200)], Highest())
    outer.send(Request("GET", "https://x/y"))
    assert sleeper.slept == [7 * SECOND + 500 * MILLISECOND]


def test_decorators_close_what_they_hold() -> None:
    """Closing the outermost transport lets the connections go."""
    inner, outer, _ = retrying([Reply(200)], Lowest())
    ConditionalTransport(outer).close()
    assert inner.closed


def test_a_secondary_limit_is_waited_for_even_by_a_post() -> None:
    """GitHub refused before it acted, and said when to come back."""
    with world() as at:
        at.on(JIT, LIMITED, MADE)
        assert at.github.runners.jit_config(SHOP, "r-1", ["paddock"], 1).runner_id == 9
        assert at.sleeper.slept == [7 * SECOND]


def test_a_limit_that_is_far_off_is_raised_at_once() -> None:
    """The budget is spent for half an hour: nothing hangs, and the caller learns for how long."""
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOON // SECOND + 1800)}
    with world() as at:
        at.on(GET, Answer(403, {"message": "API rate limit exceeded for installation"}, spent))
        with pytest.raises(Throttled) as caught:
            at.github.runners.get(SHOP, 5)
        assert caught.value.retry_after == 1801 * SECOND
        assert at.sleeper.slept == []
        assert len(at.to(GET)) == 1


def test_a_limit_that_lifts_soon_is_waited_for() -> None:
    """The primary limit's reset is honoured, to the second after it."""
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOON // SECOND + 10)}
    with world() as at:
        at.on(GET, Answer(429, {"message": "API rate limit exceeded"}, spent), RUNNER)
        assert at.github.runners.get(SHOP, 5) is not None
        assert at.sleeper.slept == [11 * SECOND]


def test_a_lost_reply_to_jit_config_is_not_repeated() -> None:
    """The runner may exist: the same name again would get "already exists". The caller takes a fresh one."""
    with world() as at:
        at.on(JIT, LOST, MADE)
        with pytest.raises(Unavailable, match="whether GitHub acted on it is unknown"):
            at.github.runners.jit_config(SHOP, "r-1", ["paddock"], 1)
        assert len(at.to(JIT)) == 1


def test_a_server_error_to_jit_config_is_not_repeated() -> None:
    """A 503 may come from in front of a GitHub that acted."""
    with world() as at:
        at.on(JIT, DOWN, MADE)
        with pytest.raises(Unavailable, match=r"503 Unicorn!"):
            at.github.runners.jit_config(SHOP, "r-1", ["paddock"], 1)
        assert len(at.to(JIT)) == 1


def test_a_lost_reply_to_a_get_is_repeated() -> None:
    """Reading twice does no harm; neither do two server errors in a row."""
    with world() as at:
        at.on(GET, LOST, DOWN, RUNNER)
        assert at.github.runners.get(SHOP, 5) is not None
        assert len(at.to(GET)) == 3


def test_how_github_answers_is_told_once_for_each_call() -> None:
    """What is left with each reply; a failure only if no repetition helped; an App's exchange of tokens counts too."""
    left: list[int] = []
    failed: list[str] = []
    with world(watch=Watch(left.append, failed.append)) as at:
        headers = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4998", "x-ratelimit-resource": "core"}
        at.on(GET, LOST, DOWN, attrs.evolve(RUNNER, headers=headers))
        at.github.runners.get(SHOP, 5)
        assert (left, failed) == ([4998], [])
        at.on(GET, DOWN)
        with pytest.raises(Unavailable):
            at.github.runners.get(SHOP, 5)
        assert (left, failed) == ([4998], ["503"])
    with world(app(7), watch=Watch(left.append, failed.append)) as at:
        at.on("POST /app/installations/7/access_tokens", Answer(401, {"message": "Bad credentials"}))
        with pytest.raises(AccessDenied):
            at.github.runners.get(SHOP, 5)
    assert failed == ["503", "401"]


def test_connections_are_used_again() -> None:
    """Ten calls, one connection: no handshake per call."""
    with world() as at:
        at.on(GET, RUNNER)
        for _ in range(10):
            at.github.runners.get(SHOP, 5)
        assert len({request.peer for request in at.to(GET)}) == 1


def test_nobody_listening_is_unreached() -> None:
    """A refused connection is known not to have been acted upon, and says what to check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        # Bound but not listening: connections are refused as long as this block lasts.
        with (
            HttpTransport("test/1", environment=False) as transport,
            pytest.raises(Unreached, match="check the network"),
        ):
            transport.send(Request("POST", f"http://127.0.0.1:{port}/x"))


def test_a_reply_that_does_not_come_is_unavailable_and_not_unreached() -> None:
    """A time-out while reading leaves open whether GitHub acted."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        port = silent.getsockname()[1]
        timeouts = Timeouts(connect=SECOND, read=50 * MILLISECOND)
        with HttpTransport("test/1", environment=False, timeouts=timeouts) as transport:
            with pytest.raises(Unavailable, match="no reply in time") as caught:
                transport.send(Request("POST", f"http://127.0.0.1:{port}/x"))
            assert not isinstance(caught.value, Unreached)
            assert caught.value.__cause__ is None


def test_a_url_that_is_none_is_invalid_input() -> None:
    """It names the URL without its query."""
    with HttpTransport("test/1") as transport, pytest.raises(InvalidInput, match=r"github\.url = 'gopher://x'"):
        transport.send(Request("GET", "gopher://x?secret"))


def test_cookies_are_not_kept() -> None:
    """A load balancer's cookie does not tie later requests to it."""
    with raw() as (stub, transport):
        stub.on("GET /x", Answer(200, headers={"Set-Cookie": "a=b"}))
        transport.send(Request("GET", f"{stub.url}/x"))
        transport.send(Request("GET", f"{stub.url}/x"))
        assert [request.headers.get("cookie") for request in stub.seen] == [None, None]


def test_what_has_not_changed_is_not_sent_again() -> None:
    """The ETag goes along, a 304 stands for the reply before, and a change is seen."""
    busy = {**dict(RUNNER.body), "busy": True} if isinstance(RUNNER.body, dict) else {}
    with world() as at:
        at.on(
            GET,
            attrs.evolve(RUNNER, headers={"ETag": '"one"'}),
            Answer(304, headers={"ETag": '"one"'}),
            Answer(200, busy, {"ETag": '"two"'}),
            Answer(304),
        )
        found = [at.github.runners.get(SHOP, 5) for _ in range(4)]
        assert [runner and runner.busy for runner in found] == [False, False, True, True]
        tags = [request.headers.get("if-none-match") for request in at.to(GET)]
        assert tags == [None, '"one"', '"one"', '"two"']


def test_what_is_gone_is_not_remembered() -> None:
    """After a 404 the old reply cannot come back."""
    with world() as at:
        at.on(GET, attrs.evolve(RUNNER, headers={"ETag": '"one"'}), Answer(404, {"message": "Not Found"}))
        assert at.github.runners.get(SHOP, 5) is not None
        assert at.github.runners.get(SHOP, 5) is None
        assert at.github.runners.get(SHOP, 5) is None
        assert [request.headers.get("if-none-match") for request in at.to(GET)] == [None, '"one"', None]


def _large(size: int) -> Callable[[Request], Reply]:
    return lambda request: Reply(200, {"etag": request.url}, b"x" * size)


@pytest.mark.parametrize(
    ("size", "bounds", "kept"),
    [
        (10, {"entries": 3}, 3),
        (10, {"total_bytes": 40}, 4),
        (10, {"entry_bytes": 9}, 0),
    ],
)
def test_the_memory_of_replies_is_bounded(size: int, bounds: dict[str, int], kept: int) -> None:
    """By number, by bytes in all, and by the size of one: the most recently used stay."""

    class Tagging:
        """Counts the conditional requests it gets."""

        def __init__(self) -> None:
            self.tagged: list[str] = []

        def send(self, request: Request) -> Reply:
            """A reply with an ETag, always."""
            if "If-None-Match" in request.headers:
                self.tagged.append(request.url)
            return _large(size)(request)

        def close(self) -> None:
            """Nothing to close."""

    inner = Tagging()
    transport: Transport = ConditionalTransport(inner, **bounds)
    urls = [f"https://x/{number}" for number in range(10)]
    for url in urls:
        transport.send(Request("GET", url, conditional=True))
    for url in reversed(urls):
        transport.send(Request("GET", url, conditional=True))
    assert inner.tagged == list(reversed(urls[10 - kept :]))


def test_a_renamed_repository_is_followed_on_the_same_host() -> None:
    """GitHub answers 301 to a new place: method, body and credentials go there."""
    moved = Answer(307, headers={"Location": "{url}" + f"{API}/repositories/1/jit"})
    with world() as at:
        at.on(JIT, moved)
        at.on("POST /repositories/1/jit", MADE)
        assert at.github.runners.jit_config(SHOP, "r-1", ["paddock"], 1).runner_id == 9
        (request,) = at.to("POST /repositories/1/jit")
        assert request.json["name"] == "r-1"
        assert request.bearer == "ghp_test"


def test_credentials_do_not_follow_to_another_host() -> None:
    """A redirect elsewhere is refused, named, and the other host hears nothing."""
    with world() as at, http_stub() as other:
        at.on(GET, Answer(302, headers={"Location": f"{other.url}/steal"}))
        with pytest.raises(AccessDenied, match=r"points to 127\.0\.0\.1, where these credentials must not go"):
            at.github.runners.get(SHOP, 5)
        assert other.seen == []


def test_a_circle_of_redirects_ends() -> None:
    """Three hops, then an error."""
    with world() as at:
        at.on(GET, Answer(301, headers={"Location": "{url}" + API + GET.removeprefix("GET ")}))
        with pytest.raises(Unavailable, match="301"):
            at.github.runners.get(SHOP, 5)
        assert len(at.to(GET)) == 3


def test_a_next_page_on_another_host_is_refused() -> None:
    """Neither may a Link header lead credentials astray."""
    with world() as at, http_stub() as other:
        page = {"total_count": 0, "runners": []}
        link = {"Link": f'<{other.url}/x>; rel="next"'}
        at.on("GET /repos/acme/shop/actions/runners", Answer(200, page, link))
        with pytest.raises(Unavailable, match="another host"):
            list(at.github.runners.registered(SHOP))
        assert other.seen == []


def test_a_reply_that_is_no_json_is_a_passing_fault() -> None:
    """A captive portal says 200 with a page: that is no runner."""
    with world() as at:
        at.on(GET, Answer(200, b"<html>Welcome to the hotel</html>"))
        with pytest.raises(Unavailable, match="not what this endpoint sends"):
            at.github.runners.get(SHOP, 5)


def test_a_name_that_could_change_the_path_is_not_sent() -> None:
    """A hostile name is unknown, and GitHub is not asked."""
    with world() as at:
        with pytest.raises(NotFound):
            at.github.runners.get(Scope("acme", "../../user"), 5)
        assert at.lines == []


def test_the_stub_does_not_act_on_half_a_request() -> None:
    """Its sender was killed while it was sent: no server would have taken it, so no test may count it."""
    with http_stub() as stub:
        port = int(stub.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
            sender.shutdown(socket.SHUT_WR)
            assert sender.recv(100) == b""
        assert list(stub.seen) == []
