"""Secrets in text: blotted out as they are, as they are encoded, and in pieces; and nothing else is touched."""

import base64
import json
import re
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.telling.redaction import BLOT, Redactor

BASE64 = string.ascii_letters + string.digits + "+/"
secrets = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=8, max_size=60)
around = st.text(max_size=40)


def a_redactor(*hidden: str) -> Redactor:
    redactor = Redactor()
    for secret in hidden:
        redactor.hide(secret)
    return redactor


@given(secret=secrets, before=around, after=around)
def test_a_secret_is_never_in_the_text(secret: str, before: str, after: str) -> None:
    """Whatever the secret is and wherever it stands."""
    assert secret not in a_redactor(secret).blot(f"{before}{secret}{after}{secret}")


@given(hidden=st.lists(secrets, min_size=2, max_size=4), before=around)
def test_no_secret_saves_another(hidden: list[str], before: str) -> None:
    """Several secrets, also ones that hold each other, are all gone."""
    redactor = a_redactor(*hidden, hidden[0] + hidden[1])
    blotted = redactor.blot(before + " ".join([*hidden, hidden[0] + hidden[1]]))
    assert [secret for secret in hidden if secret in blotted] == []


ENCODINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda secret: quote(secret, safe=""),
    "lower percent": lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret, safe="")),
    "form": quote_plus,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoded_secret_is_blotted_out(encoding: str) -> None:
    """As URLs, JSON, base64 and hexadecimal carry it; of base64, the padding may remain."""
    secret = 'gh/s_A1+b2 C3"d4=e5~f6\\g7ä'
    shown = ENCODINGS[encoding](secret)
    blotted = a_redactor(secret).blot(f"token={shown}&x=1")
    assert shown.rstrip("=")[:-1] not in blotted
    assert len(blotted) <= len("token=&x=1") + len(BLOT) + 3


@given(
    secret=st.text(string.ascii_letters + string.digits, min_size=12, max_size=40),
    before=st.binary(max_size=10),
    after=st.binary(max_size=10),
)
def test_a_secret_inside_something_in_base64_is_blotted_out(secret: str, before: bytes, after: bytes) -> None:
    """A header such as ``user:secret`` in base64: what remains of it does not decode to the secret."""
    shown = base64.b64encode(before + secret.encode() + after).decode()
    blotted = a_redactor(secret).blot(f"Authorization: Basic {shown}")
    assert BLOT in blotted
    assert shown not in blotted


@given(
    secret=st.text(BASE64, min_size=300, max_size=2_000),
    at=st.integers(0, 200),
    length=st.integers(32, 90),
)
def test_a_piece_of_a_long_secret_is_blotted_out(secret: str, at: int, length: int) -> None:
    """A program that wraps its lines prints a long secret in pieces, none of which is the secret."""
    piece = secret[at : at + length]
    assert piece not in a_redactor(secret).blot(f"config: {piece} .")


@given(text=st.text(string.ascii_letters + string.digits + " .:/-_", max_size=200))
def test_other_text_is_left_alone(text: str) -> None:
    """What is no secret stays as it is."""
    assert a_redactor("Zq7/ghs_16C7e42F292c6912E7710c838347Ae178B4a").blot(text) == text


def test_a_secret_of_several_lines_is_found_line_by_line() -> None:
    """The log is written by lines: a private key never comes in one piece."""
    redactor = a_redactor("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nabcdefghijklm\n")
    assert redactor.blot("abcdefghijklm") == BLOT
    assert redactor.blot("x MIIEpAIBAAKCAQEA y") == f"x {BLOT} y"


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_what_is_too_short_to_be_a_secret_is_none(secret: str) -> None:
    """An empty field or a single letter would blot out every line."""
    assert a_redactor(secret).blot("abc abc") == "abc abc"
