"""What `paddock jobs` and `paddock explain` give to pipes and scripts."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from paddock.core.decision import Decision
from paddock.core.job import Job, JobFacts
from paddock.entrypoints.cli.app import main
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.strategies import NOON

LONG = "its repository " + "has very many machines already and " * 8 + "so it waits"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that knows one job, which waits for a long reason."""
    places = Places(tmp_path / "state")
    places.make()
    with closing(open_state(places)) as opened:
        facts = JobFacts(4711, 7, "acme/shop", ("paddock",), name="lint", created_at=NOON)
        opened.table.jobs.add(Job(facts, reason=LONG, not_before=NOON + 1))
        opened.explain.decisions.append([Decision("job:4711", NOON, "dispatch", "repository_limit", LONG, {"used": 8})])
    return places.root


def piped(*words: str, **environment: str) -> str:
    """What a pipe gets."""
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-m", "paddock.entrypoints.cli.app", *words],
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("words", [("jobs",), ("explain", "4711")], ids=" ".join)
def test_a_pipe_is_not_wrapped(state: Path, words: tuple[str, ...]) -> None:
    """A long reason stays on its line and whole, so that grep finds it; COLUMNS still says how wide it may be."""
    assert LONG in piped(*words, "--state", str(state))
    narrow = piped(*words, "--state", str(state), COLUMNS="100")
    assert LONG not in narrow
    assert max(map(len, narrow.splitlines())) <= 100


@pytest.mark.parametrize(
    "words",
    [("jobs",), ("explain", "4711"), ("housekeeping", "status"), ("pools",), ("cost",), ("workload", "show")],
    ids=" ".join,
)
@pytest.mark.parametrize("columns", [{}, {"COLUMNS": "80"}], ids=["pipe", "80"])
def test_a_pipe_gets_no_blanks_behind_a_line(state: Path, words: tuple[str, ...], columns: dict[str, str]) -> None:
    """What fills a terminal's lines up is nobody's business elsewhere."""
    of_it = () if "workload" in words else ("--state", str(state))
    lines = piped(*words, *of_it, **columns).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert any(lines)


def test_jobs_as_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The listing and nothing else; a pause is in it, not a line beside it."""
    assert main(["pause", "new disk", "--state", str(state)]) == 0
    capsys.readouterr()
    assert main(["jobs", "--json", "--state", str(state)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["paused"], data["paused_reason"]) == (True, "new disk")
    assert [(job["id"], job["name"], job["state"]) for job in data["jobs"]] == [(4711, "lint", "queued")]


def test_an_explanation_as_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer, the record and the decision as it was written."""
    assert main(["explain", "4711", "--json", "--state", str(state)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["answer"].startswith("Job 4711 is waiting because its repository")
    assert [(one["verdict"], one["facts"]) for one in data["decisions"]] == [("repository_limit", {"used": 8})]
