"""The slack function against real HTTP servers: what the topics say reaches the channel, and the secret nobody else."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.roles import ROLES, SLACK
from paddock.adapters.aws.watching.alarms import alarms, definitions
from paddock.adapters.aws.watching.targets import Targets
from paddock.adapters.aws_http.connection import Connection
from paddock.core.errors import InvalidInput, NotFound, Unavailable
from paddock.entrypoints.aws_lambda import slack
from paddock.entrypoints.aws_lambda.logs import start_logging
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment
from paddock.entrypoints.aws_lambda.slack import SlackFunction, function_of, slack_settings
from tests.aws.invocations import Context, logging_kept
from tests.http_stub import Answer, HttpStub, http_stub
from tests.world.watched import NAMES

LEAST = {"AWS_REGION": "eu-west-1", "PADDOCK_SLACK_SECRET": "paddock-ci/slack"}
PATH = "/services/T0/B0/hush"


@attrs.frozen
class Channel:
    """A channel, and Secrets Manager, which has the address of its webhook."""

    stub: HttpStub
    function: SlackFunction

    def told(self) -> list[str]:
        """What was posted."""
        return [seen.json["text"] for seen in self.stub.seen if seen.path == PATH]

    def secret(self, address: str) -> None:
        """Put an address into the secret."""
        self.stub.on("POST /", Answer(200, {"Name": "paddock-ci/slack", "SecretString": address}))


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """It takes what it is told."""
    with http_stub() as stub, logging_kept():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        start_logging()
        settings = slack_settings({**LEAST, "PADDOCK_SLACK_BASE": f"{stub.url}/services/"})
        connection = Connection(stub.url)
        made = Channel(stub, function_of(settings, connection))
        made.secret(f"{stub.url}{PATH}")
        stub.on(f"POST {PATH}", Answer(200, b"ok"))
        yield made
        connection.close()


def sns(message: str, subject: str | None = None) -> dict[str, Any]:
    """An event as Lambda's developer guide shows it."""
    told: dict[str, Any] = {
        "SignatureVersion": "1",
        "Timestamp": "2026-11-22T12:00:00.000Z",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "Message": message,
        "MessageAttributes": {},
        "Type": "Notification",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:paddock-ci-notices",
        "Subject": subject,
    }
    return {"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": told}]}


def alarm(state: str = "ALARM", before: str = "OK", name: str = "paddock-ci-faults", about: str = "A bug.") -> str:
    """What CloudWatch publishes."""
    return json.dumps(
        {
            "AlarmName": name,
            "AlarmDescription": about,
            "AWSAccountId": "123456789012",
            "NewStateValue": state,
            "NewStateReason": "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0).",
            "StateChangeTime": "2026-11-22T12:00:00.000+0000",
            "Region": "EU (Ireland)",
            "OldStateValue": before,
            "Trigger": {"Metrics": []},
        }
    )


def test_every_alarm_is_told_with_its_next_step_and_its_page(channel: Channel) -> None:
    """State and name first, then what it means, what to do, where to read on, and the reason."""
    function = channel.function
    base = "https://git.example.com/ci/docs/runbook"
    made = alarms(NAMES, runbook=base)
    for known, properties in zip(definitions(Targets()), made, strict=True):
        function(sns(alarm(name=properties["AlarmName"], about=properties["AlarmDescription"])))
        first, *rest = channel.told()[-1].split("\n")
        assert first == f"*ALARM: {properties['AlarmName']}*"
        assert rest == [
            f"{known.means} {known.then} Runbook: {base}/{known.name}.md",
            "Why now: Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0).",
        ]


def test_that_an_alarm_is_over_is_told_and_that_one_is_new_is_not(channel: Channel) -> None:
    """A stack's alarms are all well some minutes after they were made: that is no news."""
    function = channel.function
    function(sns(alarm("OK", "ALARM")))
    function(sns(alarm("OK", "INSUFFICIENT_DATA")))
    (text,) = channel.told()
    assert text.startswith("*OK: paddock-ci-faults*\nIt is over: Threshold Crossed")


def test_the_report_and_the_budget_are_told_as_they_stand(channel: Channel) -> None:
    """They are no alarms; names in them call nobody, and nothing is fetched from addresses in them."""
    function = channel.function
    function(sns("# Costs\n\n| <!channel> | $1 |", "paddock-ci: $1"))
    function(sns('"just a text"'))
    posted = [seen.json for seen in channel.stub.seen if seen.path == PATH]
    assert {(one["unfurl_links"], one["unfurl_media"]) for one in posted} == {(False, False)}
    assert channel.told() == ["*paddock-ci: $1*\n# Costs\n\n| &lt;!channel&gt; | $1 |", '*Paddock*\n"just a text"']


def test_what_could_not_be_told_is_tried_again(channel: Channel, capsys: pytest.CaptureFixture[str]) -> None:
    """By Lambda, which calls once more what failed; the address is read anew, for it may be another by then."""
    channel.stub.on(f"POST {PATH}", Answer(503, b"away"), Answer(200, b"ok"))
    function = channel.function
    with pytest.raises(Unavailable):
        function(sns(alarm()))
    function(sns(alarm()))
    assert len(channel.told()) == 2
    said = capsys.readouterr().out
    assert "it is tried again" in said
    assert "hush" not in said


@pytest.mark.parametrize("address", ["https://hooks.slack.com/services/hush", "hush", "http://127.0.0.1:1/hush"])
def test_an_address_that_is_none_is_told_and_nothing_is_sent(
    address: str, channel: Channel, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what begins as was configured; the error says where to set it, and never what it is."""
    channel.secret(address)
    with pytest.raises(InvalidInput, match=r"slack\.webhook = ") as refused:
        channel.function(sns(alarm()))
    said = capsys.readouterr().out
    assert channel.told() == []
    assert "`paddock stack deploy`" in said
    assert "hush" not in f"{said}{refused.value}"


def test_a_webhook_that_was_removed_is_told(channel: Channel, capsys: pytest.CaptureFixture[str]) -> None:
    """Slack says so by its status: the next step stands in the log."""
    channel.stub.on(f"POST {PATH}", Answer(404, b"no_service"))
    with pytest.raises(NotFound, match=r"make another, and put its address where slack\.webhook says"):
        channel.function(sns(alarm()))
    assert "`paddock stack deploy` again" in capsys.readouterr().out


@pytest.mark.parametrize("event", [{}, {"Records": [{}]}, {"Records": [{"Sns": {"Message": "x"}}]}, {"Records": None}])
def test_what_is_no_event_of_sns_is_refused(event: dict[str, Any], channel: Channel) -> None:
    """The function is wired to something else: an error that Lambda counts."""
    with pytest.raises(InvalidInput, match="SNS"):
        channel.function(event)
    assert channel.stub.seen == []


def test_the_settings_are_checked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret stands in them, and no beginning that is not a whole host over TLS."""
    with pytest.raises(InvalidEnvironment) as refused:
        slack_settings({"PADDOCK_SLACK_BASE": "http://hooks.slack.com/"})
    assert [one.field for one in refused.value.problems] == ["AWS_REGION", "PADDOCK_SLACK_SECRET", "PADDOCK_SLACK_BASE"]
    for name in (*LEAST, "PADDOCK_SLACK_BASE"):
        monkeypatch.delenv(name, raising=False)
    with logging_kept(), pytest.raises(InvalidEnvironment):
        slack.handler(sns(alarm()), Context())
    assert slack_settings(LEAST).base == "https://hooks.slack.com/"


def test_it_may_read_its_secret_and_write_its_log_and_starts_without_boto3() -> None:
    """No table, no queue, no machine."""
    actions = {action for one in ROLES[SLACK] for action in one["Action"]}
    assert actions == {"logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue"}
    asked = "import sys, paddock.entrypoints.aws_lambda.slack; print([m for m in sys.modules if 'boto' in m])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert re.sub(r"\s", "", done.stdout) == "[]"
