"""Runner names: the machine can be read from the name, and nobody else's runner is taken for ours."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from paddock.core.runner import MAX_RUNNER_NAME, machine_of, runner_name
from tests.strategies import machine_ids, texts

suffixes = st.from_regex(r"[0-9a-f]{1,12}", fullmatch=True)


@given(machine_ids | st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True), suffixes)
@example("two--dashes", "x")
def test_the_machine_can_be_read_from_the_name(machine: str, suffix: str) -> None:
    """Also if the machine's own id has dashes, single or double."""
    name = runner_name(machine, suffix)
    assert machine_of(name) == machine
    assert len(name) <= MAX_RUNNER_NAME


@given(machine_ids, suffixes, suffixes)
def test_another_suffix_is_another_name(machine: str, one: str, other: str) -> None:
    """A registration that is made anew gets a name that GitHub has not seen."""
    assume(one != other)
    assert runner_name(machine, one) != runner_name(machine, other)


def test_an_ec2_id_and_a_suffix_of_twelve_fit() -> None:
    """The names in use stay well below GitHub's 64 characters."""
    assert runner_name("i-0123456789abcdef0", "a1b2c3d4e5f6") == "paddock--i-0123456789abcdef0--a1b2c3d4e5f6"


def test_a_name_that_github_would_refuse_is_refused() -> None:
    """Of exactly 64 characters it passes; one more is an error that counts them."""
    room = MAX_RUNNER_NAME - len("paddock----x")
    assert len(runner_name("m" * room, "x")) == MAX_RUNNER_NAME
    with pytest.raises(ValueError, match="65 characters, GitHub allows 64"):
        runner_name("m" * (room + 1), "x")


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "paddock",
        "paddock--",
        "paddock--i-1",
        "paddock----x",
        "runs-on--i-1--x",
        "Paddock--i-1--x",
        " paddock--i-1--x",
    ],
)
def test_anybody_elses_runner_has_no_machine_of_ours(name: str | None) -> None:
    """No name, another prefix, or nothing where the machine should be."""
    assert machine_of(name) is None


@given(texts)
def test_any_text_can_be_asked_about(name: str) -> None:
    """GitHub shows names that others chose: whatever they are, the answer is a machine or None."""
    machine = machine_of(name)
    assert machine is None or name.startswith(f"paddock--{machine}--")
