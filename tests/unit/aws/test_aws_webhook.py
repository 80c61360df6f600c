"""The webhook function: what GitHub sends to its URL, and what it is told, whatever happens."""

import base64
import json
from collections.abc import Iterator, Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws_http.secrets import Remembered
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.memory.system import ManualClock
from paddock.core.errors import PaddockError, Unavailable
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.settings import FleetSettings
from paddock.core.units import SECOND
from paddock.core.usecases.intake import Intake
from paddock.entrypoints.aws_lambda import webhook
from paddock.entrypoints.aws_lambda.logs import start_logging
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.webhook import WebhookFunction
from paddock.entrypoints.webhook import WebhookEndpoint
from tests.aws.invocations import STACK, Context, lines, logging_kept, url_event
from tests.strategies import NOON
from tests.threads import race
from tests.webhooks import GUID, NEW_SECRET, OLD_SECRET, FailingQueue, encoded, headers, queued

BODY = encoded(queued()).decode()


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is as it was, and the module as it is after a cold start."""
    with logging_kept():
        webhook.FUNCTION._made.clear()
        yield
        webhook.FUNCTION._made.clear()


@attrs.define
class Stage:
    """A function and what stands behind it. ``secrets`` may be rotated, ``error`` keeps them from being read."""

    jobs: MemoryQueue[JobMessage]
    clock: ManualClock = attrs.field(factory=lambda: ManualClock(NOON))
    secrets: tuple[str, ...] = (OLD_SECRET,)
    error: PaddockError | None = None
    reads: int = 0

    def read(self) -> Sequence[str]:
        """The secrets, or the error."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.secrets

    def function(self) -> WebhookFunction:
        """The function after a cold start."""
        events: MemoryQueue[EventMessage] = MemoryQueue(self.clock)
        intake = Intake(
            settings=FleetSettings(),
            jobs=self.jobs,
            events=events,
            decisions=MemoryDecisions(),
            clock=self.clock,
        )
        remembered = Remembered(self.read, self.clock)
        return WebhookFunction(WebhookEndpoint(secrets=remembered, intake=intake, clock=self.clock), remembered)


@pytest.fixture
def stage() -> Stage:
    """A fresh one."""
    return Stage(MemoryQueue(ManualClock(NOON)))


def signed(secret: str) -> dict[str, str]:
    return headers(BODY.encode(), secret=secret)


@pytest.mark.parametrize("encoding", [False, True], ids=["as text", "in base64"])
def test_a_delivery_is_taken_in(stage: Stage, encoding: bool) -> None:  # noqa: FBT001 - pytest
    """Whichever way Lambda hands the body over: the signature is over its bytes."""
    body = base64.b64encode(BODY.encode()).decode() if encoding else BODY
    reply = stage.function()(url_event(body, signed(OLD_SECRET), encoded=encoding))
    assert (reply.status, reply.text) == (202, "taken in")
    assert stage.jobs.depth().waiting == 1


def test_both_secrets_of_a_rotation_are_valid(stage: Stage) -> None:
    """GitHub may still sign with the one before."""
    stage.secrets = (NEW_SECRET, OLD_SECRET)
    function = stage.function()
    assert [function(url_event(BODY, signed(each))).status for each in (NEW_SECRET, OLD_SECRET)] == [202, 202]
    assert stage.reads == 1


def test_a_rotation_needs_no_new_start(stage: Stage) -> None:
    """The first delivery signed with a secret that is not known yet is accepted: they are read anew for it."""
    function = stage.function()
    assert function(url_event(BODY, signed(OLD_SECRET))).status == 202
    stage.clock.advance(31 * SECOND)
    stage.secrets = (NEW_SECRET, OLD_SECRET)
    assert function(url_event(BODY, signed(NEW_SECRET))).status == 202
    assert stage.reads == 2


def test_a_wrong_signature_is_refused_and_costs_little(stage: Stage) -> None:
    """Many of them in a row have the secrets read anew once."""
    function = stage.function()
    assert function(url_event(BODY, signed(OLD_SECRET))).status == 202
    stage.clock.advance(31 * SECOND)
    assert {function(url_event(BODY, signed("guessed"))).status for _ in range(50)} == {401}
    assert stage.reads == 2
    assert stage.jobs.depth().waiting == 1


def test_secrets_that_cannot_be_read_are_an_outage(stage: Stage) -> None:
    """GitHub sees a failure, so that the delivery can be repeated; the next one tries again."""
    stage.error = Unavailable("away")
    function = stage.function()
    assert function(url_event(BODY, signed(OLD_SECRET))).status == 503
    stage.error = None
    assert function(url_event(BODY, signed(OLD_SECRET))).status == 202


def test_a_queue_that_takes_nothing_is_an_outage() -> None:
    """So that GitHub's log shows it."""
    stage = Stage(FailingQueue(Unavailable("away")))
    assert stage.function()(url_event(BODY, signed(OLD_SECRET))).status == 503


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_only_posts_are_webhooks(stage: Stage, method: str) -> None:
    """Whoever opens the URL is told so, and nothing is read for him."""
    assert stage.function()(url_event("", {}, method=method)).status == 405
    assert stage.reads == 0


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        ("é not base64", True, 400),
        ("=", True, 400),
        ("\ud800", False, 400),
        ("", False, 401),
        ("x" * 1_048_577, False, 413),
    ],
)
def test_bodies_that_are_none(stage: Stage, body: str, encoding: bool, status: int) -> None:  # noqa: FBT001 - pytest
    """None of them is a fault of ours."""
    assert stage.function()(url_event(body, signed(OLD_SECRET), encoded=encoding)).status == status


def test_an_event_without_headers_or_body(stage: Stage) -> None:
    """Lambda leaves out what was not sent."""
    event = url_event("", {})
    del event["headers"], event["body"], event["isBase64Encoded"]
    assert stage.function()(event).status == 401


# -- the handler -----------------------------------------------------------------------------------------------------


def test_a_failed_start_recovers_by_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without settings GitHub is answered 503 and the log says why; with them the very next delivery is served."""
    for name in STACK:
        monkeypatch.delenv(name, raising=False)
    answer = webhook.handler(url_event(BODY, signed(OLD_SECRET)), Context("r-1"))
    assert answer["statusCode"] == 503
    assert "PADDOCK" not in str(answer["body"])
    (line,) = lines(capsys)
    assert (line["level"], line["request"]) == ("ERROR", "r-1")
    assert "PADDOCK_JOBS_URL" in line["traceback"]
    for name, value in STACK.items():
        monkeypatch.setenv(name, value)
    answer = webhook.handler(url_event("", {}, method="GET"), Context("r-2"))
    assert answer["statusCode"] == 405
    assert json.loads(json.dumps(answer))["headers"] == {"content-type": "text/plain; charset=utf-8"}


def test_a_start_reads_and_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys, no network: it is built all the same, and only a delivery needs them."""
    for name, value in STACK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    assert webhook.handler(url_event(BODY, signed(OLD_SECRET)), Context())["statusCode"] == 503


@pytest.mark.parametrize(
    "event", [{}, {"requestContext": None}, {"requestContext": {"http": {"method": "POST"}}, "body": 5}]
)
def test_no_event_raises(event: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that Lambda never sends: a fault of ours is an answer, and a line of the log."""
    for name, value in STACK.items():
        monkeypatch.setenv(name, value)
    assert webhook.handler(event, None)["statusCode"] in {405, 500}


NAMES = st.sampled_from(["headers", "body", "isBase64Encoded", "requestContext", "http", "method", "x-github-event"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("POST"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, ANYTHING, max_size=5))
def test_whatever_is_handed_over_is_answered(event: dict[str, object]) -> None:
    """No event makes the handler raise, and none without a signature is taken in."""
    stage = Stage(MemoryQueue(ManualClock(NOON)))
    webhook.FUNCTION._made[:] = [stage.function()]
    assert webhook.handler(event, None)["statusCode"] in {400, 401, 405, 500}
    assert stage.jobs.depth().waiting == 0


def test_every_line_bears_the_delivery(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """So that one can be followed from GitHub's log to ours."""
    stage.error = Unavailable("away")
    webhook.FUNCTION._made.append(stage.function())
    start_logging()
    webhook.handler(url_event(BODY, signed(OLD_SECRET)), Context("r-3"))
    assert [(line["delivery"], line["request"]) for line in lines(capsys)] == [(GUID, "r-3")]


def test_what_is_built_once_is_built_once() -> None:
    """By one of several threads; a building that failed is tried again."""
    tries: list[int] = []

    def build() -> object:
        tries.append(len(tries))
        if len(tries) == 1:
            raise Unavailable("away")
        return object()

    once = Once(build)
    with pytest.raises(Unavailable):
        once()
    assert len({id(made) for made in race(4, lambda _: once())}) == 1
    assert tries == [0, 1]
