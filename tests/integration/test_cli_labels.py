"""The command ``labels``: what a runs-on asks for, or what is wrong with it."""

from pathlib import Path

import pytest

from tests.calls import Caller

CONFIG = """\
version: 1
github:
  webhook_secret: {env: HOOK}
  token: {env: TOKEN}
  repositories: [acme/*]
runners: {big: {cpu: 8}}
pools: {web: {machine: {runner: big}, hot: 2}}
"""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


def test_labels_say_what_is_asked_for(call: Caller) -> None:
    """Both forms of runs-on are understood, and the types that fit are listed by price."""
    said = call("labels", "paddock/cpu=4/arch=arm64")
    assert said.code == 0
    assert "instance types that fit" in said.out
    assert said.out == call("labels", "paddock", "cpu=4", "arch=arm64").out


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "does not name Paddock"),
        (["ubuntu-latest"], "does not name Paddock"),
        (["paddock/cpus=4"], "did you mean cpu=4"),
        (["paddock/cpu=x"], "cpu = 'x'"),
        (["paddock/cpu=0"], "cpu = '0'"),
        (["paddock/cpu=4/cpu=8"], "cpu"),
        (["paddock/arch=mips"], "arch = 'mips'"),
        (["paddock/runner=huge"], "runner = 'huge'"),
        (["paddock/spot=maybe"], "spot = 'maybe'"),
        (["paddock/region=eu"], "region"),
        (["paddock/cpu"], "cpu"),
        (["paddock/cpu="], "cpu"),
        (["paddock,cpu=4"], "paddock,cpu=4"),
        (["paddock/x-a=" + "y" * 300], "256"),
        (["paddock/family=z99"], "no instance type"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)
def test_labels_with_mistakes(call: Caller, labels: list[str], words: str) -> None:
    """Each kind of mistake: exit code 1, and a message with the key, the value and what would be right."""
    said = call("labels", *labels)
    assert said.code == 1
    assert words in said.err + said.out
    assert len((said.err + said.out).split()) >= 6


def test_on_demand_machines_have_no_spot_price(call: Caller) -> None:
    """What a job does not take is not offered."""
    assert "spot $" in call("labels", "paddock").out
    said = call("labels", "paddock/spot=false")
    assert said.code == 0
    assert "on demand $" in said.out
    assert "spot" not in said.out


def test_labels_by_the_names_of_a_configuration(call: Caller, tmp_path: Path) -> None:
    """``--config`` brings its named runners and pools along; one that cannot be read is an error of its own."""
    path = tmp_path / "paddock.yml"
    path.write_text(CONFIG, encoding="utf-8")
    assert "8 to 16 vCPU" in call("labels", "paddock/runner=big", "--config", str(path)).out
    warm = call("labels", "paddock/pool=WEB", "--config", str(path)).out
    assert warm.startswith("asks for: 8 to 16 vCPU, x64, pool web, spot\npool web keeps such machines, on demand;")
    unnamed = call("labels", "paddock/pool=web").err
    assert "is no pool of this fleet: none is configured" in unnamed
    assert "paddock labels … --config paddock.yml" in unnamed
    said = call("labels", "paddock", "--config", str(tmp_path / "none.yml"))
    assert (said.code, "none.yml" in said.err) == (1, True)


def test_a_family_that_is_never_used_is_told(call: Caller) -> None:
    """Beside others, and alone with those that there are."""
    said = call("labels", "paddock/family=c7a+t3")
    assert (said.code, "of this family: t3" in said.out, "c7a.large" in said.out) == (0, True, True)
    alone = call("labels", "paddock/family=t3")
    assert (alone.code, "of x64 there are the families c7i," in alone.out) == (1, True)


def test_labels_in_the_notation_of_workflows(call: Caller) -> None:
    """An array pasted from a workflow is read as one."""
    assert "asks for: 4 to 8 vCPU" in call("labels", "[paddock, 'cpu=4']").out
    assert "asks for: 4 to 8 vCPU" in call("labels", "[paddock,", "cpu=4]").out  # a shell's words, without quotes
    half = call("labels", "[paddock, cpu=4")
    assert (half.code, "runs-on = '[paddock, cpu=4': has one bracket of two: write '[" in half.err) == (1, True)
