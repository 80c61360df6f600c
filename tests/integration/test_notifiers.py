"""Who tells people: an SNS topic on moto, and a Slack webhook that is a real HTTP server."""

import json
from collections.abc import Iterator
from typing import Any

import attrs
import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.sns.codes import CODES
from paddock.adapters.aws.sns.topic import MOST_BYTES, SnsNotifier, cut
from paddock.adapters.aws_codes import COMMON
from paddock.adapters.slack import SlackNotifier
from paddock.adapters.slack_address import BASE
from paddock.core.errors import (
    AccessDenied,
    InvalidInput,
    NotFound,
    PaddockError,
    Rejected,
    Throttled,
    Unavailable,
)
from paddock.core.units import SECOND
from tests.http_stub import Answer, Seen, http_stub


@attrs.frozen
class Topic:
    """A topic, and a queue behind it that shows what was published."""

    clients: Clients
    arn: str
    queue: str

    def published(self) -> dict[str, Any]:
        """The oldest message."""
        sqs: Any = self.clients.sqs
        (message,) = sqs.receive_message(QueueUrl=self.queue)["Messages"]
        found: dict[str, Any] = json.loads(message["Body"])
        return found


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topic]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    clients = Clients("eu-west-1", {"sns": url, "sqs": url})
    sns, sqs = clients.sns, clients.sqs
    arn = sns.create_topic(Name="notices")["TopicArn"]
    queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:seen")
    yield Topic(clients, arn, queue)
    clients.close()
    server.stop()


def test_a_report_reaches_the_topic(topic: Topic) -> None:
    """With a subject that an e-mail can have: one line of ASCII, however it is called."""
    SnsNotifier(topic.clients, topic.arn).tell("prod\n: $1 für " + "x" * 200, "# costs\n\nall of it")
    found = topic.published()
    assert found["Message"] == "# costs\n\nall of it"
    assert found["Subject"].isascii()
    assert len(found["Subject"]) <= 100
    assert "\n" not in found["Subject"]


def test_a_text_that_is_too_long_is_cut_and_says_so() -> None:
    """Within SNS's bounds in bytes, and no character is cut in two."""
    text = "ü" * MOST_BYTES
    assert len(cut(text, MOST_BYTES).encode()) <= MOST_BYTES
    assert "goes on" in cut(text, MOST_BYTES)
    assert cut("short", MOST_BYTES) == "short"


def test_a_topic_that_is_not_there_is_told(topic: Topic) -> None:
    """As one of our errors."""
    with pytest.raises(NotFound):
        SnsNotifier(topic.clients, topic.arn + "-gone").tell("a", "b")


def test_every_code_that_sns_documents_is_named() -> None:
    """None falls to its HTTP status, neither by the shape's name nor by the code on the wire."""
    model = botocore.session.get_session().get_service_model("sns").operation_model("Publish")
    for shape in model.error_shapes:
        code = shape.metadata.get("error", {}).get("code", shape.name)
        assert {shape.name, code} <= CODES.keys() | COMMON.keys()


def tell(status: int, headers: dict[str, str] | None = None) -> list[Seen]:
    """What Slack saw, answering so."""
    with http_stub() as stub:
        stub.on("POST /services/T0/B0/secret", Answer(status, b"ok" if status == 200 else b"no_service", headers or {}))
        notifier = SlackNotifier(lambda: f"{stub.url}/services/T0/B0/secret", f"{stub.url}/")
        notifier.tell("prod <!channel>", "a & <https://b|c> *d*")
    return stub.seen


def test_a_report_reaches_the_channel_and_calls_nobody() -> None:
    """What names say is text: no link, no mention."""
    (seen,) = tell(200)
    text = json.loads(seen.body)["text"]
    assert seen.path == "/services/T0/B0/secret"
    assert text == "*prod &lt;!channel&gt;*\na &amp; &lt;https://b|c&gt; *d*"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, AccessDenied), (404, NotFound), (410, NotFound), (400, Rejected), (429, Throttled), (500, Unavailable)],
)
def test_what_slack_refuses_is_one_of_our_errors_and_tells_no_address(status: int, kind: type[PaddockError]) -> None:
    """Whoever has the address can post: no error repeats it."""
    with pytest.raises(kind) as refused:
        tell(status, {"Retry-After": "7"})
    assert type(refused.value) is kind
    assert "secret" not in str(refused.value)
    if isinstance(refused.value, Throttled):
        assert refused.value.retry_after == 7 * SECOND


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hooks.slack.com/secret",
        "http://hooks.slack.com/services/secret",
        "https://hooks.slack.com/",
        "https://hooks.slack.com.example.com/secret",
        "https://u:secret@hooks/x",
        "https://hooks.slack.com/services/a secret",
        "https://hooks.slack.com/services/secret\r\nX-More: y",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_told(address: str) -> None:
    """Only where it is to be set, and what it must begin with; nothing is sent elsewhere."""
    with pytest.raises(InvalidInput, match=r"slack\.webhook .* https://hooks\.slack\.com/") as refused:
        SlackNotifier(lambda: address).tell("a", "b")
    assert "secret@" not in str(refused.value)
    assert not address or address not in str(refused.value).replace(BASE, "")
