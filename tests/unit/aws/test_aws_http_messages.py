"""What the webhook function writes is what everybody else reads."""

import json

from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws_http.messages import VERSION, message_text
from paddock.core import codec
from paddock.core.messages import EventMessage, JobRequested, RunCompleted
from tests.strategies import events, job_requests


@given(st.one_of(events, job_requests))
def test_it_is_the_codecs_own_text(message: EventMessage | JobRequested) -> None:
    """Every message, whatever is in it: the same data, read back as an equal one, in ASCII on one line."""
    text = message_text(message)
    assert json.loads(text) == json.loads(json.dumps(codec.message_to_data(message)))
    assert codec.message_from_data(json.loads(text)) == message
    assert text.isascii()
    assert "\n" not in text


def test_characters_that_sqs_refuses_are_escaped() -> None:
    """A branch may be named by anybody."""
    text = message_text(RunCompleted(1, 1, "acme/api", None, head_branch="\x00\uffff\U0001f600ä"))
    assert r'"\u0000\uffff\ud83d\ude00\u00e4"' in text


def test_the_version_is_the_codecs() -> None:
    """A new version must be written here too."""
    assert VERSION == codec.VERSION
