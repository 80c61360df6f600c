"""What the agent accepts as its assignment: all that the core writes, and nothing that is wrong."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.assignment import Assignment, parse_assignment
from paddock.agent.reasons import AgentFailure, Reason
from paddock.core.codec import message_from_data, message_to_data, to_data
from tests.agent.runner_package import SECRET, assignment, jit_config

GOLDEN = Path(__file__).parents[2] / "golden"


def data(**fields: object) -> dict[str, Any]:
    """A good assignment as the core writes it, with some fields changed."""
    return {**message_to_data(assignment("m-1", "http://127.0.0.1/x", b"x")), **fields}


def refusal(given_data: object) -> str:
    with pytest.raises(AgentFailure) as caught:
        parse_assignment(given_data)
    assert caught.value.reason is Reason.BAD_ASSIGNMENT
    return caught.value.detail


def fields_of(parsed: Assignment) -> dict[str, Any]:
    """The agent's value as the core's plain data."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(parsed)))
    return data


def test_reads_what_the_core_writes() -> None:
    """Every field of the core's assignment arrives, so that none is silently missing on one side."""
    given_assignment = assignment("m-1", "https://example.test/x.tar.gz", b"x", setup_info="a box", created_at=5)
    parsed = parse_assignment(message_to_data(given_assignment))
    assert fields_of(parsed) == json.loads(json.dumps(to_data(given_assignment)))
    assert {field.name for field in attrs.fields(type(given_assignment))} == set(fields_of(parsed))


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_reads_the_golden_messages_of_both_versions(version: str) -> None:
    """The published examples of this version and the one before mean to the agent what they mean to the core."""
    golden = json.loads((GOLDEN / f"assignment.{version}.json").read_text())
    assert fields_of(parse_assignment(golden)) == json.loads(json.dumps(to_data(message_from_data(golden))))


def test_fills_in_what_may_be_left_out() -> None:
    """Optional fields have the core's defaults."""
    short = data()
    for name in ("max_runtime", "idle_timeout", "setup_info", "created_at"):
        del short[name]
    parsed = parse_assignment(short)
    expected = message_from_data(short)
    assert (parsed.max_runtime, parsed.idle_timeout) == (expected.max_runtime, expected.idle_timeout)
    assert (parsed.setup_info, parsed.created_at) == ("", 0)


def test_ignores_fields_it_does_not_know() -> None:
    """A newer fleet may say more."""
    assert parse_assignment(data(colour="green")) == parse_assignment(data())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "job_requested"),
        ("kind", None),
        ("version", 2),
        ("version", "1"),
        ("version", True),
        ("machine", ""),
        ("machine", "../m-1"),
        ("machine", "m/1"),
        ("machine", 7),
        ("job_id", 0),
        ("job_id", "12"),
        ("job_id", True),
        ("launch", -1),
        ("launch", 1.0),
        ("repository", "shop"),
        ("repository", "acme/shop/x"),
        ("labels", "paddock"),
        ("labels", []),
        ("labels", [""]),
        ("labels", ["x", 1]),
        ("labels", ["x"] * 101),
        ("runner_name", "x" * 65),
        ("runner_name", "a b"),
        ("runner_id", 0),
        ("package", None),
        ("jit_config", ""),
        ("jit_config", 5),
        ("jit_config", "x" * 70_000),
        ("max_runtime", 0),
        ("max_runtime", None),
        ("idle_timeout", "5"),
        ("setup_info", 5),
        ("created_at", -1),
    ],
)
def test_refuses_a_wrong_field_and_names_it(field: str, value: object) -> None:
    """The refusal names the field, and says what would be right."""
    text = refusal(data(**{field: value}))
    assert text.startswith(f"{field}: found ")
    assert "wanted" in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "latest"),
        ("url", "file:///etc/passwd"),
        ("url", "ftp://example.test/x"),
        ("url", "http://user:pass@example.test/x"),
        ("url", "http:///x"),
        ("url", "http://[x"),
        ("url", None),
        ("sha256", "abc"),
        ("sha256", "g" * 64),
        ("filename", "../x.tar.gz"),
        ("filename", "x.zip"),
        ("digests", "github"),
        ("digests", {"release notes": "abc"}),
        ("digests", {"release notes": 1}),
    ],
)
def test_refuses_a_wrong_field_of_the_package(field: str, value: object) -> None:
    """Where bytes come from and what they hash to is looked at as closely."""
    package = {**data()["package"], field: value}
    assert refusal(data(package=package)).startswith(f"package.{field}: found ")


def test_a_digest_may_be_written_in_capitals() -> None:
    """Hexadecimal digits mean the same either way; the agent compares lower-case ones."""
    package = {**data()["package"], "sha256": "ABCDEF01" * 8}
    assert parse_assignment(data(package=package)).package.sha256 == "abcdef01" * 8


def test_the_secret_stays_out_of_sight() -> None:
    """Neither the value's repr nor a refusal shows the configuration or an address with credentials."""
    secret = jit_config()
    assert secret not in repr(parse_assignment(data(jit_config=secret)))
    assert SECRET not in refusal(data(jit_config=SECRET * 4_000))
    assert "pass" not in refusal(data(package={**data()["package"], "url": "http://user:pass@example.test/x"}))


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
        max_leaves=8,
    ),
    st.sampled_from(sorted(data())),
)
def test_any_data_is_parsed_or_refused(value: object, field: str) -> None:
    """Whatever stands in whichever field, the answer is a value or a refusal, never another error."""
    verdict: Assignment | AgentFailure
    try:
        verdict = parse_assignment(data(**{field: value}))
    except AgentFailure as failure:
        verdict = failure
    assert isinstance(verdict, Assignment) or verdict.reason is Reason.BAD_ASSIGNMENT
