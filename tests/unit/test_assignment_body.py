"""The body of a machine's item: packed by the control plane, unpacked by the agent."""

import base64
import json
import zlib
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.dynamodb.body import packed
from paddock.agent.aws.body import LIMIT, unpacked
from paddock.agent.reasons import AgentFailure, Reason
from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment
from tests.jit_secret import jit_config
from tests.runner_package import assignment
from tests.strategies import assignments

ORDERS = assignment("i-0123456789abcdef0", "https://example.test/runner.tar.gz", b"")
REAL = attrs.evolve(ORDERS, jit_config=jit_config(ORDERS.runner_name, ORDERS.runner_id))


def encoded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def parts_of(orders: Assignment) -> list[int]:
    """The lengths of the parts into which the configuration was taken; none if it stands in the message."""
    data = json.loads(zlib.decompress(packed(orders)[1:]).partition(b"\n")[0])
    lengths: list[int] = data.get("jit_parts", [])
    return lengths


inner = st.one_of(st.binary(max_size=80).map(encoded), st.text(max_size=20), st.text("AQgw+/=", max_size=60))
objects = st.dictionaries(st.text(max_size=4), inner, max_size=4)
configurations = st.one_of(
    st.text(max_size=40),
    st.text("AQgw+/=\n", max_size=90),
    st.binary(max_size=90).map(encoded),
    st.builds(
        lambda files, indent: encoded(json.dumps(files, indent=indent).encode()), objects, st.none() | st.just(2)
    ),
)


@given(orders=assignments, configuration=configurations)
def test_the_agent_gets_what_was_packed(orders: Assignment, configuration: str) -> None:
    """To the letter, whatever the configuration looks like."""
    orders = attrs.evolve(orders, jit_config=configuration)
    assert unpacked(packed(orders)) == message_to_data(orders)


def test_a_real_configuration_is_taken_apart_and_put_together() -> None:
    """Its three files are the parts that were base64; together with the rest they take less than half the room."""
    assert len(REAL.jit_config) > 4_096
    assert unpacked(packed(REAL)) == message_to_data(REAL)
    assert len(parts_of(REAL)) == 7
    assert len(packed(REAL)) < len(json.dumps(message_to_data(REAL))) // 2


@pytest.mark.parametrize(
    ("configuration", "parts"),
    [
        ("", 0),
        ("no base64 at all", 0),
        (encoded(b"x" * 90) + "\n", 0),
        ("QQ==QQ==", 0),
        ("QR==", 0),  # bits that do not count are set: put into base64 again it would be another text
        (encoded(b"any bytes"), 1),
        (encoded(b'{"a":"short="}'), 1),
        (encoded(json.dumps({"a": encoded(b"a" * 50)}).encode()), 3),
        (encoded(json.dumps({"a": encoded(b"a" * 49)[:-3] + "R=="}).encode()), 1),
    ],
)
def test_only_what_can_be_put_together_to_the_letter_is_taken_apart(configuration: str, parts: int) -> None:
    """Both layers of base64, or the outer one, or none."""
    orders = attrs.evolve(ORDERS, jit_config=configuration)
    assert len(parts_of(orders)) == parts
    assert unpacked(packed(orders)) == message_to_data(orders)


def test_the_shape_before_is_read() -> None:
    """A text is JSON, as a control plane that is not upgraded yet puts it."""
    assert unpacked(json.dumps(message_to_data(REAL))) == message_to_data(REAL)


def body(text: bytes, shape: int = 1) -> bytes:
    """A body with this in it."""
    return bytes([shape]) + zlib.compress(text)


def with_parts(parts: Any, rest: bytes = b"abc") -> bytes:  # noqa: ANN401 - whatever a wrong message may hold
    """A body whose message names these parts."""
    return body(json.dumps({"kind": "assignment", "jit_parts": parts}).encode() + b"\n" + rest)


WRONG: dict[str, tuple[str | bytes, str]] = {
    "nothing": (b"", "shape None in the item's body, wanted 1 or a text"),
    "a shape to come": (body(b"{}", shape=2), "shape 2 in the item's body, wanted 1 or a text"),
    "no zlib": (b"\x01secret", "wanted zlib's format"),
    "cut off": (packed(REAL)[:-9], "an end in the midst"),
    "nothing after the shape": (b"\x01", "an end in the midst"),
    "something after it": (body(b"{}") + b"secret", "a rest"),
    "a bomb": (body(b"0" * (LIMIT + 1)), f"of at most {LIMIT} bytes"),
    "no JSON": (body(b'{"jit_config": "secret"'), "wanted JSON"),
    "no text": (body(b'{"jit_config": "\xff"}'), "wanted JSON"),
    "deep": (body(b"[" * 100_000), "wanted JSON"),
    "an old shape that is no JSON": ('{"jit_config": "secret"', "wanted JSON"),
    "no list of parts": (with_parts("secret"), "wanted a list of whole numbers"),
    "no numbers of parts": (with_parts([True, 2]), "wanted a list of whole numbers"),
    "a negative part": (with_parts([4, -1]), "wanted a list of whole numbers"),
    "too few parts": (with_parts([1, 1]), "found 3 bytes after the message in the item's body, wanted 2"),
    "too many parts": (with_parts([1, 10**30]), "found 3 bytes after the message"),
    "parts of nothing": (with_parts([], b"secret"), "found 6 bytes after the message in the item's body, wanted 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_body_that_is_wrong_is_named(name: str) -> None:
    """It says what was found and what was wanted; nothing of the secret is quoted."""
    found, words = WRONG[name]
    with pytest.raises(AgentFailure) as caught:
        unpacked(found)
    assert caught.value.reason is Reason.BAD_ASSIGNMENT
    assert words in caught.value.detail
    assert "secret" not in caught.value.detail


@given(found=st.binary(max_size=200).map(lambda rest: b"\x01" + rest) | st.binary(max_size=200).map(body))
def test_any_bytes_are_read_or_refused(found: bytes) -> None:
    """With the one reason, and never otherwise."""
    try:
        unpacked(found)
    except AgentFailure as failure:
        assert failure.reason is Reason.BAD_ASSIGNMENT  # noqa: PT017 - it may be none


@pytest.mark.parametrize("text", [b"[]", b"7", b"null", b'"x"'])
def test_what_is_no_object_is_for_others_to_refuse(text: bytes) -> None:
    """It comes out as it is."""
    assert unpacked(body(text)) == json.loads(text)
