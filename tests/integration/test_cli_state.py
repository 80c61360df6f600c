"""What commands do to a fleet's state, to files and to closed streams: those that only look leave all as it is."""

import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from paddock.core.job import Job, JobFacts
from paddock.core.switch import PAUSED
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, empty_state
from tests.strategies import NOON

CONFIG = """\
version: 1
github:
  webhook_secret: {env: PADDOCK_TEST_SECRET}
  token: {env: PADDOCK_TEST_SECRET}
  repositories: [acme/*]
"""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that knows one job."""
    root = empty_state(tmp_path)
    with closing(open_state(Places(root))) as opened:
        opened.table.jobs.add(Job(JobFacts(4711, 7, "acme/shop", ("paddock",), name="lint", created_at=NOON)))
    return root


LOOKING = (
    *(("jobs",), ("explain", "4711"), ("pools",), ("pools", "recommend"), ("cost",), ("circuit", "list")),
    *(("housekeeping", "status"), ("release", "--dry-run")),
)
CHANGING = (
    *(("pause",), ("resume",), ("release", "4711"), ("circuit", "open", "any", "x", "--zone", "a")),
    *(("circuit", "close", "any", "--zone", "a"), ("housekeeping", "run", "sweep"), ("pools", "plan")),
)


@pytest.mark.parametrize("words", [*LOOKING, *CHANGING], ids=" ".join)
@pytest.mark.parametrize("tables", ["", "CREATE TABLE bookmarks (url TEXT)"], ids=["empty", "foreign"])
def test_a_state_whose_file_holds_no_records(call: Caller, tmp_path: Path, words: tuple[str, ...], tables: str) -> None:
    """An empty file, or another program's: named, with what to do, and left as it is."""
    file = tmp_path / "fleet.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(tables)
    before = file.read_bytes()
    said = call(*words, "--state", str(tmp_path))
    assert (said.code, said.out) == (1, "")
    assert f"database = '{file}': is " in said.err
    assert "name the state directory with --state" in said.err
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (before, [file])


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_who_looks_changes_nothing(call: Caller, state: Path, words: tuple[str, ...]) -> None:
    """Not a byte of the file, and nothing stays beside it."""
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    assert call(*words, "--state", str(state)).code == 0
    assert {file.name: file.read_bytes() for file in state.iterdir()} == before


def test_a_fleet_beside_another_programs_file(call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``paddock local`` takes no database over that is not its own."""
    monkeypatch.setenv("PADDOCK_TEST_SECRET", "hush-hush")
    config = tmp_path / "paddock.yml"
    config.write_text(f"{CONFIG}local: {{listen: '127.0.0.1:0', state: ./state}}\n", encoding="utf-8")
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "fleet.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 1")
    before = file.read_bytes()
    said = call("local", "--config", str(config))
    assert (said.code, said.out) == (1, "")
    assert f"database = '{file}': is not a Paddock database, but another program's" in said.err
    assert "hush" not in said.err
    assert file.read_bytes() == before


@pytest.mark.parametrize("words", [("explain",), ("release",)], ids=" ".join)
@pytest.mark.parametrize("more", ["", "/", "/attempts/2", "?pr=3"])
def test_the_address_of_a_run_is_not_taken_for_a_jobs(
    call: Caller, state: Path, words: tuple[str, ...], more: str
) -> None:
    """Its number is the run's: what it is is told, and which address to copy."""
    address = f"https://github.com/acme/shop/actions/runs/4711{more}"
    said = call(*words, address, "--state", str(state))
    assert (said.code, said.out) == (1, "")
    assert f"job = '{address}': is the address of a run: open the job on its page" in said.err
    assert "/job/29679449" in said.err


@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_streams_that_are_closed(state: Path, closed: str) -> None:
    """``paddock resume >&-``: it does what it is to do, nobody is shouted at, and no record is written over."""
    command = [sys.executable, "-m", "paddock.entrypoints.cli.app", "resume", "--state", str(state)]
    wrapped = f"exec {' '.join(map(shlex.quote, command))} {' '.join(f'{number}>&-' for number in closed.split())}"
    done = subprocess.run(
        ["sh", "-c", wrapped], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    said = "resumed: 1 waiting job woken\n" if "1" not in closed else ""
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    with closing(open_state(Places(state))) as kept:
        switch = kept.table.switches.get(PAUSED)
    assert switch is not None
    assert not switch.on


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("day.png", "must end in .svg: an SVG is all that it draws; name it day.svg"),
        ("day", "must end in .svg: an SVG is all that it draws; name it day.svg"),
        ("none/day.svg", "there is no directory"),
        ("folder.svg", "is a folder"),
    ],
)
def test_a_drawing_that_cannot_be_made(call: Caller, tmp_path: Path, name: str, told: str) -> None:
    """It is an SVG, whatever the name wants to be; nothing is drawn before that is told."""
    (tmp_path / "folder.svg").mkdir()
    said = call("dashboard", str(tmp_path / name))
    assert (said.code, said.out) == (1, "")
    assert f"OUT = '{tmp_path / name}': {told}" in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["folder.svg"]
