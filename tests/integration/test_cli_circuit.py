"""``paddock circuit``: the spot breaker by hand."""

from pathlib import Path

import pytest

from tests.calls import Caller, empty_state


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that has done nothing yet."""
    return empty_state(tmp_path)


def test_a_circuit_is_opened_listed_and_closed(call: Caller, state: Path) -> None:
    """By hand, with a reason; each command says what holds now."""
    where = ("--state", str(state))
    assert "no circuit was ever opened" in call("circuit", "list", *where).out
    said = call("circuit", "open", "m7i.large", "it is maintained", "--zone", "us-east-1a", "--for", "2h", *where)
    assert (said.code, said.err) == (0, "")
    assert "m7i.large in us-east-1a: open for" in said.out
    assert "(it is maintained)" in said.out
    assert call("circuit", "open", "any", "flood", "--zone", "us-east-1b", *where).code == 0
    listed = call("circuit", "list", *where).out.splitlines()
    assert [line.partition(":")[0] for line in listed] == ["m7i.large in us-east-1a", "every type in us-east-1b"]
    assert "closed" in call("circuit", "close", "m7i.large", "done", "--zone", "us-east-1a", *where).out
    again = call("circuit", "close", "m7i.large", "--zone", "us-east-1a", *where)
    assert (again.code, "is not open" in again.err, "paddock circuit list" in again.err) == (1, True, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("m7i.lage", "x"), "type = 'm7i.lage': is no instance type known here: did you mean m7i.large"),
        (("any", "x"), "needs --zone"),
        (("m7i.large", "x", "--for", "soon"), "--for = 'soon': must be a duration with its unit"),
        (("m7i.large", "x", "--for", "0s"), "--for = '0s': must be above nothing, such as 45m"),
    ],
)
def test_a_circuit_that_cannot_be_opened(call: Caller, state: Path, words: tuple[str, ...], told: str) -> None:
    """What is wrong is named, and what would be right."""
    said = call("circuit", "open", *words, "--state", str(state))
    assert said.code == 1
    assert told in said.err
