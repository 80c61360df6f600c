"""``paddock local`` refuses to start, in words, what could not work; and keeps what it makes to its owner."""

import io
import os
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest

from paddock.adapters.config import load
from paddock.adapters.files import FileObjects
from paddock.adapters.memory.system import ManualClock
from paddock.entrypoints.cli.local import serve
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, Said

SECRET = "hush-hush"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Calls the command where the secret is that `written` names."""
    monkeypatch.setenv("PADDOCK_TEST_SECRET", SECRET)
    return Caller(capsys)


def written(folder: Path, *, repositories: str = "acme/*", listen: str = "127.0.0.1:0") -> Path:
    """A paddock.yml of a GitHub that never answers."""
    path = folder / "paddock.yml"
    path.write_text(
        f"""\
version: 1
github:
  url: http://127.0.0.1:9
  webhook_secret: {{env: PADDOCK_TEST_SECRET}}
  token: {{env: PADDOCK_TEST_SECRET}}
  repositories: [{repositories}]
local: {{listen: "{listen}", state: ./state}}
""",
        encoding="utf-8",
    )
    return path


def test_a_name_that_cannot_be_looked_up(call: Caller, tmp_path: Path) -> None:
    """Nothing but its own address can be listened on: told like a port in use. No server is asked for this."""
    said = call("local", "--config", str(written(tmp_path, listen="no..host:8080")))
    assert said.code == 1
    assert "paddock: local.listen = 'no..host:8080': cannot be looked up: write an address of this machine" in said.err
    assert SECRET not in said.err + said.out
    Places(tmp_path / "state").hold().close()


def test_a_file_that_was_not_finished_starts_no_fleet(call: Caller, tmp_path: Path) -> None:
    """``local`` refuses what ``config validate`` refuses, in the same words, before anything is made."""
    path = written(tmp_path, repositories="octo-org/*", listen="no..host:8080")  # so that none starts in any case
    problem, _count = call("config", "validate", str(path)).err.splitlines()
    assert "github.repositories[0] = 'octo-org/*': is the example's" in problem
    assert call("local", "--config", str(path)) == Said(1, "", f"paddock: {problem}\n")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("mode", [0o755, 0o700], ids=oct)
@pytest.mark.usefixtures("call")
def test_what_a_fleet_makes_is_its_owners(tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int) -> None:
    """Whatever the mask says; and a state directory that was there before, for others to look into, is told."""
    root = tmp_path / "state"
    root.mkdir()
    root.chmod(mode)
    (root / "fleet.log").touch(0o644)  # a version before left it so
    stop = Event()
    stop.set()
    mask = os.umask(0)
    try:
        serve(load(written(tmp_path)), stop)
        FileObjects(Places(root).archive, ManualClock()).put("jobs/2026/x", io.BytesIO(b"x"), sha256(b"x").hexdigest())
    finally:
        os.umask(mask)
    found = {str(path.relative_to(root)): path.stat().st_mode & 0o077 for path in root.rglob("*")}
    assert {"fleet.db", "fleet.log", "running.lock", "machines", "archive/jobs/2026/x"} < set(found)
    assert {name for name, others in found.items() if others} == set()
    told = capsys.readouterr().out
    assert (f"          but others may look into it: `chmod 700 {root}`\n" in told) is (mode != 0o700)
    assert root.stat().st_mode & 0o777 == mode, "it is not ours to change: others may have put something else there"
