"""``paddock local`` refuses to start, in words, what could not work; and keeps what it makes to its owner."""

from pathlib import Path

import pytest

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
    path = written(tmp_path, repositories="octo-org/*")
    problem, _count = call("config", "validate", str(path)).err.splitlines()
    assert "github.repositories[0] = 'octo-org/*': is the example's" in problem
    assert call("local", "--config", str(path)) == Said(1, "", f"paddock: {problem}\n")
    assert not (tmp_path / "state").exists()
