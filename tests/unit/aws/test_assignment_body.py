"""The body of a machine's item: packed by the control plane, unpacked by the agent."""

import base64
import hashlib
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
from paddock.contracts.assignment_body import DICTIONARY, SHAPE
from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment
from tests.agent.jit_secret import jit_config, key_file, prime, rsa
from tests.agent.runner_package import assignment
from tests.strategies import assignments

ORDERS = assignment("i-0123456789abcdef0", "https://example.test/runner.tar.gz", b"")
REAL = attrs.evolve(ORDERS, jit_config=jit_config(ORDERS.runner_name, ORDERS.runner_id))


def encoded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def message_of(orders: Assignment) -> dict[str, Any]:
    """What stands in the body before the parts of the configuration."""
    inflated = zlib.decompressobj(zdict=DICTIONARY).decompress(packed(orders)[1:])
    data: dict[str, Any] = json.loads(inflated.partition(b"\n")[0])
    return data


def parts_of(orders: Assignment) -> list[int]:
    """The lengths of the parts into which the configuration was taken; none if it stands in the message."""
    lengths: list[int] = message_of(orders).get("jit_parts", [])
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
    """Its three files are the parts that were base64, and of its key the primes are left: an item of one kilobyte."""
    assert len(REAL.jit_config) > 4_096
    assert unpacked(packed(REAL)) == message_to_data(REAL)
    assert len(parts_of(REAL)) == 7
    assert message_of(REAL)["jit_key"] == [5, 128, 65_537, 0]
    assert len(packed(REAL)) < 800  # bytes; key, receipt and times are 150


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


SMALL = 32  # bytes of a prime


def with_key(key: Any, indent: int | None = None) -> Assignment:  # noqa: ANN401 - any JSON
    """Orders whose configuration holds this file of a key."""
    files = {".runner": encoded(b'{"AgentName": "mine"}' * 9), ".key": encoded(json.dumps(key, indent=indent).encode())}
    return attrs.evolve(ORDERS, jit_config=encoded(json.dumps(files).encode()))


@pytest.mark.parametrize("product", [False, True])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_key_is_its_primes(product: bool, indent: int | None) -> None:  # noqa: FBT001 - a parameter of a test
    """However its maker reckoned ``d``, and wherever white space stands: it comes out to the letter."""
    orders = with_key(key_file(rsa(prime(3, SMALL), prime(4, SMALL), SMALL, product=product)), indent)
    assert message_of(orders)["jit_key"] == [3, SMALL, 65_537, int(product)]
    assert unpacked(packed(orders)) == message_to_data(orders)


KEY = key_file(rsa(prime(3, SMALL), prime(4, SMALL), SMALL))


@pytest.mark.parametrize(
    "key",
    [
        {**KEY, "dq": KEY["q"]},
        {**KEY, "d": "AAAA" + KEY["d"]},
        {**KEY, "p": KEY["q"]},
        {**KEY, "p": encoded(bytes(SMALL))},
        {**KEY, "p": encoded(bytes(SMALL - 1) + b"\x01"), "q": encoded(bytes(SMALL - 1) + b"\x01")},
        {**KEY, "q": ""},
        {**KEY, "exponent": encoded(bytes(3))},
        {**KEY, "exponent": encoded(b"\xff" * 9)},
        {**KEY, "modulus": None},
        {**KEY, "modulus": "no base64"},
        {name: number for name, number in KEY.items() if name != "inverseQ"},
        [KEY],
        "€" * 20,
    ],
)
def test_what_is_no_whole_key_is_left_as_it_is(key: Any) -> None:  # noqa: ANN401 - any JSON
    """Numbers that do not belong together, or are written otherwise, are sent as they stand."""
    orders = with_key(key)
    assert "jit_key" not in message_of(orders)
    assert unpacked(packed(orders)) == message_to_data(orders)


def test_a_shape_keeps_its_dictionary() -> None:
    """Function and machine may be of two versions: who changes it finds here that the shape needs another number."""
    digests = {2: "b468d7a879fcc38fe17f1c11c0011c03b6e787fbd940012bc28e00bedb740588"}
    assert packed(REAL)[0] == SHAPE
    assert digests[SHAPE] == hashlib.sha256(DICTIONARY).hexdigest()


def test_the_shapes_before_are_read() -> None:
    """A text is JSON; shape 1 has the key whole and no dictionary. A control plane that is not upgraded puts them."""
    told = message_to_data(REAL)
    assert unpacked(json.dumps(told)) == told
    whole = base64.b64decode(REAL.jit_config)
    before = json.dumps({**told, "jit_config": "", "jit_parts": [len(whole)]}).encode() + b"\n" + whole
    assert unpacked(body(before)) == told


def body(text: bytes, shape: int = 1) -> bytes:
    """A body with this in it."""
    return bytes([shape]) + zlib.compress(text)


def keyed(key: Any, rest: bytes = b"\x0b\x0d") -> bytes:  # noqa: ANN401 - whatever a wrong message may hold
    """A body whose one part is to be made a whole key."""
    return body(json.dumps({"jit_parts": [len(rest)], "jit_key": key}).encode() + b"\n" + rest)


def with_parts(parts: Any, rest: bytes = b"abc") -> bytes:  # noqa: ANN401 - whatever a wrong message may hold
    """A body whose message names these parts."""
    return body(json.dumps({"kind": "assignment", "jit_parts": parts}).encode() + b"\n" + rest)


OTHER = zlib.compressobj(zdict=b"another one")
WRONG: dict[str, tuple[str | bytes, str]] = {
    "nothing": (b"", "shape None in the item's body, wanted 1 or 2 or a text"),
    "a shape to come": (body(b"{}", shape=3), "shape 3 in the item's body, wanted 1 or 2 or a text"),
    "another dictionary": (b"\x02" + OTHER.compress(b"{}") + OTHER.flush(), "wanted zlib's format"),
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
    "no key": (keyed("secret"), "wanted 4 whole numbers"),
    "too few numbers of a key": (keyed([0, 1, 3]), "wanted 4 whole numbers"),
    "a key of no part": (keyed([1, 1, 3, 0]), "wanted 4 whole numbers, the first of them a part's"),
    "a key without primes": (keyed([0, 2, 3, 0]), "no primes and exponent"),
    "primes of one": (keyed([0, 1, 3, 0], b"\x01\x01"), "no primes"),
    "an exponent that fits neither": (keyed([0, 1, 2, 0]), "wanted two primes and an exponent"),
    "one prime twice": (keyed([0, 1, 3, 0], b"\x0b\x0b"), "wanted two primes and an exponent"),
    "a key of a million bits": (keyed([0, 50_000, 3, 0], bytes(100_000)), "no primes and exponent"),
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


numbers = st.lists(st.integers(0, 9), min_size=4, max_size=4)


@given(
    found=st.binary(max_size=200).map(lambda rest: b"\x01" + rest)
    | st.binary(max_size=200).map(body)
    | st.builds(keyed, numbers, st.binary(max_size=20))
)
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
