"""`paddock github` as people call it, against the stand-in for GitHub."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from paddock.adapters.config import load, validate
from paddock.adapters.github.manifest import NO_URL
from paddock.adapters.standin import GitHubStandIn
from paddock.contracts import example_config
from paddock.core.settings import ScopeKind
from tests.calls import Caller
from tests.integration.test_documented_commands import AT_GITHUB, commands
from tests.visitor import consent, fetch, follow, install

HOOK = "https://ci.example.com/webhook"
PATIENCE = 30


@pytest.fixture
def github() -> Iterator[GitHubStandIn]:
    """A GitHub with one organisation."""
    with GitHubStandIn() as standin:
        standin.add_repository("acme/app")
        yield standin


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """In a directory that is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    return Caller(capsys)


@attrs.define
class Running:
    """A setup that waits, as a process. ``url`` is its page."""

    process: subprocess.Popen[str]
    url: str = ""

    def line(self) -> str:
        """What it says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def ended(self) -> tuple[int, str, str]:
        """Its exit code, and the rest of what it said and complained of."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@contextmanager
def setup(home: Path, github: GitHubStandIn, *words: str) -> Iterator[Running]:
    """`paddock github setup` in a directory, until it shows its page."""
    command = [sys.executable, "-m", "paddock.entrypoints.cli.app", "github", "setup", "--no-browser"]
    process = subprocess.Popen(
        [*command, *(() if (home / "paddock.yml").exists() else ("--github", github.url)), *words],
        cwd=home,
        env={**os.environ, "COLUMNS": "1000", "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        running = Running(process)
        opened = running.line()
        assert opened.startswith("open http://127.0.0.1:"), process.communicate(timeout=PATIENCE)
        running.url = opened.removeprefix("open ")
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def test_from_nothing_to_a_configuration_that_is_whole(tmp_path: Path, github: GitHubStandIn, call: Caller) -> None:
    """--write makes a paddock.yml of the example that has no problem; later the webhook is told where to go."""
    with setup(tmp_path, github, "--org", "acme", "--write", "--scope", "organization") as running:
        page = follow(consent(fetch(running.url)))
        (app,) = github.apps.by_id.values()
        install(f"{github.url}/apps/{app.slug}/installations/new")
        while 'id="made"' in page.text:
            page = fetch(running.url)
        code, out, err = running.ended()
    assert (code, err) == (0, "")
    assert f"the App {app.slug} ({app.id}) of acme is made" in out
    assert "paddock.yml names it" in out
    assert "its webhook is switched off" in out
    assert "installed on acme" in out
    assert app.webhook_secret not in out
    assert "PRIVATE KEY" not in out
    assert validate(tmp_path / "paddock.yml", {}, finished=True) == []
    config = load(tmp_path / "paddock.yml")
    assert config.github.app is not None
    assert (config.github.url, config.settings.scope) == (github.url, ScopeKind.ORGANIZATION)
    assert (config.github.app.id, config.settings.repositories) == (str(app.id), ("acme/*",))
    assert config.github.app.private_key.read({}) == app.pem.strip()
    assert config.github.webhook_secrets[0].read({}) == app.webhook_secret
    assert "organization_self_hosted_runners" in app.permissions
    assert "administration" not in app.permissions
    assert stat.S_IMODE((tmp_path / "paddock-app.pem").stat().st_mode) == 0o600
    assert call("github", "webhook").out == "webhooks go nowhere yet\n"
    said = call("github", "webhook", "--webhook-url", HOOK)
    page_of_it = f"{github.url}/organizations/acme/settings/apps/{app.slug}"
    assert said.out.splitlines() == [
        f"webhooks go to {HOOK}; before: {NO_URL}",
        f"the App was made with its webhook switched off: tick Active under Webhook on {page_of_it}",
    ]
    assert app.webhook_url == HOOK
    assert call("github", "webhook").out == f"webhooks go to {HOOK}\n"
    again = call("github", "setup", "--no-browser", "--org", "acme")
    assert (again.code, again.out) == (1, "")
    assert "paddock-app.pem" in again.err
    assert "--replace" in again.err


def test_a_file_that_is_there_keeps_all_else_as_it_is(tmp_path: Path, github: GitHubStandIn) -> None:
    """The page's line, as it stands: comments, order, and the file's mode. What is not to be written is printed."""
    example = example_config().replace("  # url: https://github.com  ", f"  url: {github.url}  ")
    (tmp_path / "paddock.yml").write_text(example, encoding="utf-8")
    (tmp_path / "paddock.yml").chmod(0o640)
    (command,) = (line for line in commands() if line.startswith(AT_GITHUB) and "--env" not in line)
    github.add_repository("my-org/app")
    with setup(tmp_path, github, *command.split()[3:]) as running:
        page = follow(consent(fetch(running.url)))
        (app,) = github.apps.by_id.values()
        install(f"{github.url}/apps/{app.slug}/installations/new")
        while 'id="made"' in page.text:
            page = fetch(running.url)
        assert running.ended()[0] == 0
    assert (app.owner, app.webhook_url) == ("my-org", HOOK)
    written = (tmp_path / "paddock.yml").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "paddock.yml").stat().st_mode) == 0o640
    hidden = "{env: PADDOCK_WEBHOOK_SECRET}"
    expected = example.replace("id: 123456\n", f"id: {app.id}\n", 1).replace(hidden, "{file: ./paddock-webhook.secret}")
    assert written == expected
    with setup(tmp_path, github, "--replace", "--name", "second", "--org", "acme") as running:
        follow(consent(fetch(running.url)))
        said = [running.line() for _ in range(7)]
        running.process.send_signal(signal.SIGINT)
        assert running.ended()[0] == 130
    assert said[3:] == ["paddock.yml must say:", "github:", "  app:", f"    id: {max(github.apps.by_id)}"]
    assert (tmp_path / "paddock.yml").read_text(encoding="utf-8") == written


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path: Path, github: GitHubStandIn) -> None:
    """The App is made by then: its lines are printed instead, all that is left to do is told, and it goes on."""
    example = example_config().replace("  # url: https://github.com  ", f"  url: {github.url}  ")
    (tmp_path / "paddock.yml").write_text(example, encoding="utf-8")
    with setup(tmp_path, github, "--org", "acme", "--write") as running:
        (tmp_path / ".paddock.yml.new").mkdir()
        page = follow(consent(fetch(running.url)))
        (app,) = github.apps.by_id.values()
        install(f"{github.url}/apps/{app.slug}/installations/new")
        while 'id="made"' in page.text:
            page = fetch(running.url)
        code, out, err = running.ended()
    assert (code, err) == (0, "")
    told = out.splitlines()
    at = told.index("paddock.yml cannot be written (Is a directory)")
    assert told[at + 1] == "paddock.yml must say:"
    assert f"    id: {app.id}" in told[at:]
    assert any(line.startswith(f"now install it at {github.url}/apps/{app.slug}/") for line in told[at:])
    assert any(line.startswith("installed on acme") for line in told[at:])
    assert (tmp_path / "paddock.yml").read_text(encoding="utf-8") == example


def test_a_folder_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path, call: Caller) -> None:
    """With --write, and before all else, the key of another App too: a link may lead to a folder that is gone."""
    (tmp_path / "paddock.yml").symlink_to(tmp_path / "gone" / "paddock.yml")
    (tmp_path / "paddock-app.pem").touch()
    answer = call("github", "setup", "--no-browser", "--write")
    assert (answer.code, answer.out) == (1, "")
    assert "--config = 'paddock.yml': cannot be written" in answer.err
    assert "leave out --write" in answer.err


def test_breaking_off_says_what_is_left_to_do(tmp_path: Path, github: GitHubStandIn) -> None:
    """Ctrl-C before GitHub was asked: nothing was made. After it: the App is there, and where it is installed."""
    with setup(tmp_path, github, "--org", "acme") as running:
        running.process.send_signal(signal.SIGINT)
        code, _, err = running.ended()
    assert (code, err) == (
        130,
        "paddock: nothing was made: call `paddock github setup` again\npaddock: interrupted\n",
    )
    with setup(tmp_path, github, "--org", "acme") as running:
        follow(consent(fetch(running.url)))
        while not running.line().startswith("now install it at "):
            pass
        running.process.send_signal(signal.SIGINT)
        code, _, err = running.ended()
    (app,) = github.apps.by_id.values()
    assert code == 130
    assert f"install it at {github.url}/apps/{app.slug}/installations/new" in err
    assert (tmp_path / "paddock-app.pem").read_text(encoding="utf-8") == app.pem


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("setup", "--webhook-url", "http://ci.example.com/"), "--webhook-url"),
        (("setup", "--webhook-url", "https://localhost/x"), "from outside"),
        (("setup", "--scope", "everything"), "--scope"),
        (("setup", "--github", "http://github.example.com"), "must be https"),
        (("setup", "--minutes", "0"), "--minutes"),
        (("setup", "--org", "a/b"), "--org"),
        (("setup", "--name", "x" * 40), "--name"),
        (("webhook",), "`paddock github setup` makes one"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_happens(call: Caller, words: tuple[str, ...], said: str) -> None:
    """One message that names the option."""
    answer = call("github", *words)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err


def test_a_port_that_cannot_be_had_is_told_by_its_option(call: Caller) -> None:
    """One that there is not, and one that is taken; nothing is made."""
    said = call("github", "setup", "--no-browser", "--port", "65536")
    assert (said.code, said.err) == (1, "paddock: --port = 65536: must be from 0 (any free one) to 65535\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = call("github", "setup", "--no-browser", "--port", str(port))
    assert (said.code, said.out) == (1, "")
    assert f"--port = {port}: cannot be listened on" in said.err
    assert list(Path.cwd().iterdir()) == []
