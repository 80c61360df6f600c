"""The log of functions: one JSON object per line, with what it is about, and without secrets."""

import base64
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import LoggedDecisions, ToldDecisions
from paddock.adapters.telemetry.logs import FACTS, JsonLines, about, about_each, subjects, without_secrets
from paddock.core.decision import Decision, Fact
from paddock.core.errors import Unsupported
from paddock.core.messages import EventMessage, JobRequested
from paddock.core.units import SECOND
from paddock.entrypoints.aws_lambda.logs import invocation, start_logging
from tests.aws.invocations import Context, lines, logging_kept
from tests.strategies import MESSAGES, NOON
from tests.threads import race

SECRETS = {
    "a token of an installation": "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
    **{f"a token that begins with {each}": f"gh{each}_16C7e42F292c6912E7710c838347Ae178B4a" for each in "opru"},
    "a personal token": "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ012345",
    "a JSON web token": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSJ9.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4",
    "a just-in-time configuration": base64.b64encode(b'{".runner":"e30=",".credentials":"e30=","x":"+/"}').decode(),
    "a file of a just-in-time configuration": base64.b64encode(b'{"d":"of-the-key+/","dp":"of-the-key"}').decode(),
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "the address of a webhook of Slack": "https://hooks.slack.com/services/T0123456/B0123456/AbCdEfGhIjKlMnOpQrStUvWx",
    "half a private key": "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA",
}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is as it was."""
    with logging_kept():
        yield


def line_of(
    message: str, *args: object, extra: dict[str, Any] | None = None, error: Exception | None = None
) -> dict[str, Any]:
    """The line that the formatter makes."""
    logger = logging.getLogger("paddock.tests")
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logger.makeRecord(logger.name, logging.INFO, __file__, 1, message, args, info, extra=extra)
    text = JsonLines().format(made)
    assert "\n" not in text
    assert text.isascii()
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_says_who_what_and_when() -> None:
    """Level, logger, message, time in microseconds; and no more where nothing is known."""
    line = line_of("%d machines of %s", 3, "acme/äpi")
    assert line.pop("at") > 1_700_000_000 * SECOND
    assert line == {"level": "INFO", "logger": "paddock.tests", "message": "3 machines of acme/äpi"}


def test_a_line_bears_what_it_is_about() -> None:
    """Blocks lie within blocks; after them nothing of it is left."""
    with about(request="r-1"):
        with about(job=5, delivery="guid"):
            line = line_of("x")
            assert (line["request"], line["job"], line["delivery"]) == ("r-1", 5, "guid")
        assert "job" not in line_of("x")
    assert "request" not in line_of("x")


def test_what_a_line_is_about_cannot_pass_for_something_else() -> None:
    """A field of ours is never replaced."""
    with about(level="DEBUG", message="all is well"):
        line = line_of("all is lost")
    assert (line["level"], line["message"]) == ("INFO", "all is lost")


def test_threads_do_not_mix_up_what_they_are_about() -> None:
    """Each has its own."""

    def work(number: int) -> bool:
        with about(job=number):
            return all(line_of("x")["job"] == number for _ in range(50))

    assert all(race(4, work))


@given(st.one_of(*MESSAGES.values()))
def test_every_message_says_what_it_is_about(message: EventMessage | JobRequested) -> None:
    """Job, attempt, machine, delivery, run: those that it has; nothing is empty, and all of it can be written."""
    found = subjects(message)
    assert set(found) <= {"job", "attempt", "machine", "delivery", "run"}
    assert not {"", None} & set(found.values())
    for field, name in (("run_id", "run"), ("run_attempt", "attempt")):
        assert found.get(name) == getattr(message, field, found.get(name))
    with about(**found):
        line = line_of("x")
    assert {name: line[name] for name in found} == dict(found)


def test_facts_of_a_call_are_in_a_field_of_their_own() -> None:
    """So none can pass for something else."""
    line = line_of("x", extra={FACTS: {"attempted": 3, "level": "DEBUG"}})
    assert line["facts"] == {"attempted": 3, "level": "DEBUG"}
    assert line["level"] == "INFO"


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_secret_gets_into_a_line(secret: str) -> None:
    """Wherever in it: the message, its arguments, the facts, what it is about, the words of an error."""
    with about(delivery=secret):
        line = line_of(f"said {secret} and %s", secret, extra={FACTS: {"token": secret}}, error=ValueError(secret))
    assert line["message"].startswith("said [secret]")
    assert line["facts"]["token"].startswith("[secret]")
    assert line["traceback"].startswith("ValueError: [secret]")
    for part in re.findall(r"[A-Za-z0-9_-]{16,}", secret):
        assert part not in json.dumps(line)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_secret_gets_into_a_line_by_what_is_no_text(secret: str) -> None:
    """Names, lists, objects, and what stands after the end of a line of its own."""
    line = line_of(
        "x\n" + secret, extra={FACTS: {f"a {secret}": 1, "deep": [{"x": (secret,)}], "o": ValueError(secret)}}
    )
    assert line["message"].startswith("x\n[secret]")
    for part in re.findall(r"[A-Za-z0-9_-]{16,}", secret):
        assert part not in json.dumps(line)


def test_headers_of_signed_requests_are_secrets() -> None:
    """A signature and a session's token are good for a while."""
    text = f"Credential=ASIAEXAMPLE/x, Signature={'ab' * 32} and X-Amz-Security-Token: IQoJb3JpZ2luX2VjEXAMPLE"
    shown = without_secrets(text)
    assert "abab" not in shown
    token, header = "X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE", "Authorization: Bearer of-the-news"
    for one in (text, token, header, "Signature=" + "cd" * 32, token.lower(), header.lower()):
        assert "iqoj" not in line_of(one)["message"].lower()
        assert "of-the-news" not in line_of(one)["message"]
        assert line_of(one)["message"] == without_secrets(one) != one
    assert without_secrets("without a secret stays") == "without a secret stays"


BEARER = "Bearer of-the-news"
QUOTED = {
    "a dict": repr({"Host": "h", "Authorization": BEARER, "After": "stays"}),
    "a dict of bytes": repr({b"authorization": b"token of-the-news", b"After": b"stays"}),
    "a dict of lists": repr({"Authorization": [BEARER], "After": "stays"}),
    "pairs": repr([("Authorization", BEARER), ("After", "stays")]),
    "JSON": json.dumps({"authorization": BEARER, "After": "stays"}),
    "JSON without blanks": json.dumps({"authorization": BEARER, "After": "stays"}, separators=(",", ":")),
    "JSON in JSON": json.dumps({"body": json.dumps({"AUTHORIZATION": BEARER, "After": "stays"})}),
    "JSON in JSON in JSON": json.dumps([json.dumps([json.dumps({"Authorization": BEARER, "After": "stays"})])]),
    "quotes in quotes": json.dumps({"authorization": 'Digest a="b", response="of-the-news"', "After": "stays"}),
    "a proxy's": repr({"Proxy-Authorization": BEARER, "After": "stays"}),
    "a session's token": repr({"SessionToken": "of-the-news", "After": "stays"}),
    "a session's token in JSON": json.dumps({"sessionToken": "of-the-news", "After": "stays"}),
    "a session's token in XML": "<SessionToken>of-\nthe-news==</SessionToken><After>stays</After>",
    "an argument": "Credentials(aws_session_token='of-the-news', after='stays')",
    "a key": repr({"SecretAccessKey": "of-the-news", "After": "stays"}),
    "a signed request's token": repr({"x-amz-Security-token": "of-the-news", "After": "stays"}),
    "a header in mixed case": "x-amz-Security-token: of-the-news stays",
}


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED)
def test_what_is_secret_by_its_name_is_hidden_and_what_comes_after_it_stays(text: str) -> None:
    """In a message, a fact, and an error; the line says what the text alone would."""
    line = line_of("%s", text, extra={FACTS: {"x": text}}, error=ValueError(text))
    for shown in (line["message"], line["facts"]["x"], line["traceback"]):
        assert "news" not in shown
        assert "[secret]" in shown
        assert "stays" in shown
    assert line["message"] == without_secrets(text)


@pytest.mark.parametrize(
    "text", ["AUTHORIZATION: Bearer of-the-news", "authorization:of-the-news", "Authorization=Bearer of-the-news"]
)
def test_a_header_is_a_secret_in_whatever_spelling(text: str) -> None:
    """To its end, which nobody knows: it may be of several words."""
    assert "news" not in line_of(text)["message"]


def test_a_fact_that_is_named_like_a_secret_is_one() -> None:
    """Its value alone looks like nothing. What is not there is no secret."""
    headers = {"Authorization": "Basic news", "x-amz-security-TOKEN": ["news"], "SessionToken": None, "Host": "stays"}
    assert line_of("x", extra={FACTS: {"headers": headers}})["facts"]["headers"] == {
        "Authorization": "[secret]",
        "x-amz-security-TOKEN": "[secret]",
        "SessionToken": None,
        "Host": "stays",
    }


@pytest.mark.parametrize(
    "text",
    [
        "SessionToken is missing",
        "{'SessionToken': None}",
        "AuthorizationError: no",
        "the KeyId eyJ0eXAi",
        "<SessionToken/>",
    ],
)
def test_what_only_sounds_like_a_secret_stays(text: str) -> None:
    """A name without a value, and what is too short to be a configuration."""
    assert line_of(text)["message"] == text


def test_functions_write_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Paddock's own words from INFO on, others' from warnings on; each bears the request's id."""
    start_logging()
    start_logging()
    with invocation(Context("r-7")):
        logging.getLogger("paddock.somewhere").info("told")
        logging.getLogger("paddock.somewhere").debug("not told")
        logging.getLogger("botocore").info("not told")
        logging.getLogger("botocore").warning("told, too")
    with invocation(None):
        logging.getLogger("paddock.somewhere").info("without an id")
    found = [(line["message"], line.get("request")) for line in lines(capsys)]
    assert found == [("told", "r-7"), ("told, too", "r-7"), ("without an id", None)]


def test_the_runtimes_own_handler_goes(capsys: pytest.CaptureFixture[str]) -> None:
    """Else every line would be there twice, and once as text."""
    handler = type("Handler", (logging.StreamHandler,), {"__module__": "awslambdaric.bootstrap"})(io.StringIO())
    logging.getLogger().addHandler(handler)
    start_logging()
    logging.getLogger("paddock").info("once")
    assert len(lines(capsys)) == 1
    assert handler.stream.getvalue() == ""


def test_decisions_that_nobody_keeps_are_lines_all_the_same() -> None:
    """The same lines as those of a fleet that keeps them; to look them up there is no way but the log."""
    decisions = [
        Decision("delivery:guid", NOON, "intake", "ignored", "not ours"),
        Decision("job:1", NOON, "x", "y", "z"),
    ]
    told: list[str] = []
    kept: list[str] = []
    logged = LoggedDecisions(told.append, catalogue(), "paddock-ci")
    logged.append(decisions)
    ToldDecisions(MemoryDecisions(), kept.append, catalogue(), "paddock-ci").append(decisions)
    assert told == kept
    assert json.loads(told[0])["WebhooksIgnored"] == 1
    with pytest.raises(Unsupported, match="job:1"):
        logged.about("job:1")


def test_a_line_about_several_that_are_handled_together_names_them_all() -> None:
    """An answer to a common launch is nobody's alone; what is about one of them is not about the others."""
    handled: list[dict[str, Fact]] = [
        {"job": 7, "attempt": 1, "delivery": "d-7"},
        {"job": 8, "attempt": 2, "delivery": "d-8"},
    ]
    with about_each(handled):
        assert line_of("EC2 answered")["batch"] == handled
        with about(job=7):
            assert "batch" not in line_of("one of them")
    assert "batch" not in line_of("afterwards")
