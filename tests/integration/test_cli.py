"""The command line: help worth reading, and errors that name what is wrong and what to do; a traceback never."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cyclopts import App

from paddock.core.job import Job, JobFacts
from paddock.entrypoints.cli.app import FAULT, INTERRUPTED, command_line
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, Said
from tests.github_client import key_pair
from tests.strategies import NOON

KEY = "-----BEGIN PRIVATE KEY-----\nnot really\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a process of its own."""
    command = [sys.executable, "-m", "paddock.entrypoints.cli.app", *words]
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def commands(app: App, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command below `app`, by its words."""
    for name in app:
        if not name.startswith("-"):
            yield (*words, name)
            yield from commands(app[name], (*words, name))


COMMANDS = sorted(commands(command_line(())))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that knows one job."""
    places = Places(tmp_path / "state")
    places.make()
    opened = open_state(places)
    opened.table.jobs.add(Job(JobFacts(4711, 7, "acme/shop", ("paddock",), name="lint", created_at=NOON)))
    opened.close()
    return places.root


def written(folder: Path, **changes: str) -> Path:
    """A paddock.yml that can be used, but for `changes` of its lines by name."""
    lines = {
        "url": "  url: http://127.0.0.1:9",  # where nobody answers: these tests are not GitHub's
        "secret": "  webhook_secret: {env: PADDOCK_TEST_SECRET}",
        "credentials": "  token: {env: PADDOCK_TEST_SECRET}",
        "repositories": "  repositories: [acme/*]",
        "listen": "  listen: 127.0.0.1:0",
        "state": "  state: ./state",
        **changes,
    }
    github = "\n".join(lines[name] for name in ("url", "secret", "credentials", "repositories"))
    path = folder / "paddock.yml"
    path.write_text(f"version: 1\ngithub:\n{github}\nlocal:\n{lines['listen']}\n{lines['state']}\n", encoding="utf-8")
    return path


# -- help -----------------------------------------------------------------------------------------------------------


def test_the_commands_are_found() -> None:
    """The walk over the command line finds the nested commands too, so the tests below speak of all."""
    assert {("demo",), ("local",), ("config",), ("config", "validate"), ("explain",)} <= set(COMMANDS)


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_every_command_has_help_worth_reading(call: Caller, words: tuple[str, ...]) -> None:
    """``--help`` of each command: how to call it, what it does in a sentence at least, and each parameter explained."""
    said = call(*words, "--help")
    assert (said.code, said.err) == (0, "")
    usage, _, rest = said.out.partition("\n")
    assert usage.startswith(" ".join(("Usage: paddock", *words)))
    assert len(rest.split("╭")[0].split()) >= 4
    assert not re.search(r'default:\s+(""|\(\)|False|True|None)\]', rest)  # of these the words say more
    app = command_line(words)
    for word in words:
        app = app[word]
    if app.default_command is not None:
        for argument in app.assemble_argument_collection(parse_docstring=True):
            told = argument.parameter.help
            assert told is not None, f"{argument.name} is not documented"
            assert len(told.split()) >= 3, f"{argument.name} is documented in fewer than three words: {told!r}"
            assert told.split()[0].strip("`*") in said.out


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_every_command_is_listed_with_what_it_does(call: Caller, words: tuple[str, ...]) -> None:
    """A command's parent lists it with a sentence."""
    parent = call(*words[:-1], "--help").out
    if words:
        line = next(line for line in parent.splitlines() if line.startswith(f"│ {words[-1]} "))
        assert len(line.strip("│ ").split()) >= 4


def test_no_words_at_all_is_a_question_for_help(call: Caller) -> None:
    """``paddock`` alone shows the help."""
    assert call().out == call("--help").out


def test_the_version_is_told(call: Caller) -> None:
    """``--version`` prints the version and nothing else."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", call("--version").out)


def test_help_as_a_process(tmp_path: Path) -> None:
    """The same in a process of its own, as a person calls it."""
    done = run("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "paddock demo" in done.stdout


# -- asked wrongly --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told", "remedy"),
    [
        (["frobnicate"], '"frobnicate"', "paddock --help"),
        (["--verison"], "Unknown option: --verison. Did you mean --version?", "paddock --help"),
        (["config", "--hepl"], "Unknown option: --hepl. Did you mean --help?", "paddock config --help"),
        (["pause", "new", "disk"], "'disk': more words than this command takes: quote those", "paddock pause --help"),
        (["demos"], 'Did you mean "demo"', "paddock --help"),
        (["config", "valdiate"], 'Did you mean "validate"', "paddock config --help"),
        (["jobs", "--bogus"], "--bogus", "paddock jobs --help"),
        (["jobs", "extra"], "extra", "paddock jobs --help"),
        (["jobs", "--live=7"], '"7"', "paddock jobs --help"),
        (["jobs", "--state"], "--state", "paddock jobs --help"),
        (["explain"], "JOB", "paddock explain --help"),
        (["labels", "--config"], "--config", "paddock labels --help"),
        (["demo", "--directory"], "--directory", "paddock demo --help"),
        (["config", "validate", "a", "b"], "'b'", "paddock config validate --help"),
    ],
    ids=" ".join,
)
def test_a_call_that_makes_no_sense(call: Caller, words: Sequence[str], told: str, remedy: str) -> None:
    """Exit code 2, one line on stderr that names the word and the help that belongs to it."""
    said = call(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("paddock: ")
    assert told in said.err
    assert remedy in said.err
    assert said.err.count("\n") == 1


# -- configuration --------------------------------------------------------------------------------------------------


def test_the_example_can_be_used_once_it_is_filled_in(call: Caller, tmp_path: Path, secret: str) -> None:
    """``config validate`` names what is still the example's and each missing secret; then, nothing."""
    path = tmp_path / "paddock.yml"
    text = call("config", "example").out
    path.write_text(text, encoding="utf-8")
    said = call("config", "validate", str(path))
    assert (said.code, said.out) == (1, "")
    for words in (
        "github.app.id = 123456: is the example's",
        "github.repositories[0]",
        "export PADDOCK_WEBHOOK_SECRET",
    ):
        assert words in said.err
    assert "github.app.private_key" in said.err
    assert "{'" not in said.err
    (tmp_path / "paddock-app.pem").write_text(key_pair()[0], encoding="utf-8")
    filled = text.replace("123456", "99").replace("octo-org/*", "acme/*")
    path.write_text(filled.replace("PADDOCK_WEBHOOK_SECRET", "PADDOCK_TEST_SECRET"), encoding="utf-8")
    assert call("config", "validate", str(path)) == Said(0, f"{path}: all right\n", "")
    assert secret not in said.err


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("config", "validate"), "PATH"),
        (("local", "--config"), "--config PATH"),
        (("labels", "paddock", "--config"), "--config PATH"),
    ],
)
def test_a_missing_file_is_told_with_the_way_to_name_another(
    call: Caller, tmp_path: Path, command: tuple[str, ...], named: str
) -> None:
    """As that very command takes it: a positional argument is not called an option."""
    said = call(*command, str(tmp_path / "none.yml"))
    assert said.code == 1
    assert "there is no such file" in said.err
    assert f"{named}`" in said.err
    assert ("--config" in said.err) is (named == "--config PATH")


def test_every_problem_is_named_with_its_line(call: Caller, tmp_path: Path) -> None:
    """``config validate`` tells all at once, each with file, line and column."""
    path = written(tmp_path, listen="  listen: nowhere", repositories="  repository: [acme/*]")
    said = call("config", "validate", str(path))
    assert said.code == 1
    assert re.search(rf"{re.escape(str(path))}:\d+:\d+: .*listen", said.err)
    assert re.search(rf"{re.escape(str(path))}:\d+:\d+: .*repositor", said.err)


@pytest.mark.parametrize("command", [("config", "validate"), ("local", "--config"), ("labels", "paddock", "--config")])
@pytest.mark.parametrize(
    ("name", "words"),
    [("missing.yml", "no such file"), ("folder", "is a folder"), ("latin.yml", "UTF-8"), ("broken.yml", "broken.yml:")],
)
def test_configurations_that_cannot_be_read(
    call: Caller, tmp_path: Path, command: tuple[str, ...], name: str, words: str
) -> None:
    """Missing, a folder, not UTF-8, not YAML: exit code 1, the path and what to do."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.yml").write_bytes(b"version: 1 # caf\xe9\n")
    (tmp_path / "broken.yml").write_text("version: [1\n", encoding="utf-8")
    said = call(*command, str(tmp_path / name))
    assert said.code == 1
    assert name in said.err
    assert words in said.err


def test_a_configuration_that_the_system_will_not_read(call: Caller) -> None:
    """An error of the operating system's (here: a file that opens and cannot be read) is told in its words."""
    said = call("local", "--config", "/proc/self/mem")
    assert said.code == 1
    assert "/proc/self/mem" in said.err
    assert "cannot be read" in said.err


# -- state ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("jobs",), ("explain", "4711"), ("pause",), ("resume",), ("circuit", "list")], ids=" ".join
)
def test_a_state_directory_without_a_fleet(call: Caller, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Each command that needs a state says which directory holds none, and how to name another; none makes one."""
    said = call(*words, "--state", str(tmp_path / "none"))
    assert said.code == 1
    assert str(tmp_path / "none") in said.err
    assert "--state" in said.err
    assert not (tmp_path / "none").exists()


def test_a_state_that_is_no_database(call: Caller, tmp_path: Path) -> None:
    """A file of another kind in its place: told, with its path."""
    (tmp_path / "fleet.db").write_text("this is no database, and it is long enough to be looked at", encoding="utf-8")
    said = call("jobs", "--state", str(tmp_path))
    assert said.code == 1
    assert "fleet.db" in said.err


@pytest.mark.parametrize(
    "job",
    [
        "4711",
        "https://github.com/acme/shop/actions/runs/7/job/4711",
        "https://github.com/acme/shop/actions/runs/7/job/4711?pr=3#step:4:1",
        " https://github.example.com/acme/shop/actions/runs/7/job/4711/ ",
    ],
)
def test_a_job_by_its_id_or_its_address(call: Caller, state: Path, job: str) -> None:
    """What a person can copy from GitHub is understood, with whatever hangs on it."""
    said = call("explain", job, "--state", str(state))
    assert (said.code, said.err) == (0, "")
    assert "lint" in said.out
    assert "4711" in said.out


@pytest.mark.parametrize(
    "job", ["", "lint", "47x11", "-1", "²", "٤٧١١", "9" * 5000, "https://[", "https://github.com/acme/shop"]
)
def test_what_is_no_job_at_all(call: Caller, state: Path, job: str) -> None:
    """Anything else is told to be no job's id, before any state is looked at."""
    said = call("explain", "--state", str(state), "--", job)
    assert said.code == 1
    assert "must be a job's id" in said.err


def test_a_job_that_is_unknown(call: Caller, state: Path) -> None:
    """Why it may be unknown, and how to list those that are not; a run's address is one of the reasons."""
    said = call("explain", "7", "--state", str(state))
    assert said.code == 1
    assert "job 7 is unknown here" in said.err
    assert "the id is of a run" in said.err
    assert f"paddock jobs --state {state}" in said.err


def test_jobs_are_listed(call: Caller, state: Path) -> None:
    """The table has the job; with ``--live`` only what has not ended."""
    assert "lint" in call("jobs", "--state", str(state)).out
    assert "lint" in call("jobs", "--live", "--state", str(state)).out
    opened = open_state(Places(state))
    opened.table.jobs.add(Job(JobFacts(4712, 7, "acme/shop", ("paddock",), name="build", created_at=NOON)))
    opened.close()
    assert "build" in call("jobs", "--state", str(state)).out


def test_pause_and_resume(call: Caller, state: Path) -> None:
    """Pausing keeps the reason where admission reads it; resuming wakes what waits and counts it."""
    assert call("pause", "prices are high", "--state", str(state)).code == 0
    opened = open_state(Places(state))
    switch = opened.table.switches.get("paused")
    opened.close()
    assert switch is not None
    assert (switch.on, switch.reason) == (True, "prices are high")
    assert "the fleet is paused (prices are high)" in call("jobs", "--state", str(state)).out
    assert "1 waiting job woken" in call("resume", "--state", str(state)).out
    assert "paused" not in call("jobs", "--state", str(state)).out


@pytest.mark.parametrize(
    ("words", "sign"), [("config example", "version: 1"), ("jobs", "4711"), ("explain 4711", "lint")]
)
def test_a_place_that_is_not_utf8_gets_what_it_can_show(state: Path, words: str, sign: str) -> None:
    """A terminal or a file of another encoding: what it has no sign for is a question mark, and nothing ends early."""
    where = () if words.startswith("config") else ("--state", str(state))
    whole, spelled = (
        run(*words.split(), *where, cwd=state.parent, PYTHONIOENCODING=encoding) for encoding in ("utf-8", "ascii")
    )
    assert (spelled.returncode, spelled.stderr) == (whole.returncode, whole.stderr) == (0, "")
    assert len(spelled.stdout.splitlines()) == len(whole.stdout.splitlines())
    assert sign in spelled.stdout
    assert not whole.stdout.isascii()


@pytest.mark.parametrize("words", [("jobs", "--state", "state"), ("config", "example"), ("--help",)], ids=" ".join)
def test_a_reader_that_has_enough(state: Path, words: tuple[str, ...]) -> None:
    """``paddock jobs | head -0``: the pipe is closed, and nobody is shouted at."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "paddock.entrypoints.cli.app", *words]
    try:
        done = subprocess.run(
            command, stdout=write, stderr=subprocess.PIPE, cwd=state.parent, text=True, timeout=60, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


# -- local ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """The secret that `written` names is there."""
    monkeypatch.setenv("PADDOCK_TEST_SECRET", "hush-hush")
    return "hush-hush"


def test_a_busy_port(call: Caller, tmp_path: Path, secret: str) -> None:
    """The address is named, and the state is let go again: the next try with another port is not refused for it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        said = call("local", "--config", str(written(tmp_path, listen=f"  listen: 127.0.0.1:{port}")))
    assert said.code == 1
    assert f"local.listen = '127.0.0.1:{port}'" in said.err
    assert "choose another" in said.err
    assert secret not in said.err + said.out
    Places(tmp_path / "state").hold().close()


def test_a_pool_that_one_box_cannot_have(call: Caller, tmp_path: Path, secret: str) -> None:
    """Machines that are to sleep: the setting is named, nothing is asked of GitHub, and the state is let go again."""
    path = written(tmp_path)
    more = "pools: {web: {machine: {cpu: 2}, hot: 1, stopped: 2}}\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    said = call("local", "--config", str(path))
    assert (said.code, said.out) == (1, "")
    assert "pools.web.stopped = 2: machines of this fleet cannot sleep: leave it out" in said.err
    assert secret not in said.err
    Places(tmp_path / "state").hold().close()


def test_a_state_that_is_taken(call: Caller, tmp_path: Path, secret: str) -> None:
    """Another fleet's state directory: its process is named, and the setting to change."""
    places = Places(tmp_path / "state")
    places.make()
    with places.hold():
        said = call("local", "--config", str(written(tmp_path)))
    assert said.code == 1
    assert f"process {os.getpid()}" in said.err
    assert "local.state" in said.err
    assert secret not in said.err + said.out


def test_a_state_that_cannot_be_made(call: Caller, tmp_path: Path, secret: str) -> None:
    """A state directory below a file: field, value, and what would be right."""
    (tmp_path / "file").touch()
    said = call("local", "--config", str(written(tmp_path, state="  state: ./file/state")))
    assert said.code == 1
    assert "local.state" in said.err
    assert str(tmp_path / "file" / "state") in said.err
    assert secret not in said.err


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secret": "  webhook_secret: {env: PADDOCK_NO_SUCH}"}, "github.webhook_secret"),
        ({"credentials": "  token: {env: PADDOCK_NO_SUCH}"}, "github.token"),
        ({"credentials": "  app: {id: 1, private_key: {file: ./none.pem}}"}, "github.app.private_key"),
        (
            {"credentials": "  app: {id: 1, private_key: {file: ./bad.pem}}"},
            "/bad.pem}: must be the App's RSA private key in PEM (-----BEGIN RSA PRIVATE KEY----- …): this",
        ),
    ],
)
@pytest.mark.usefixtures("secret")
def test_secrets_that_are_not_there(call: Caller, tmp_path: Path, changes: dict[str, str], field: str) -> None:
    """A fleet that could check no webhook, or say nothing to GitHub, does not start; the setting is named."""
    (tmp_path / "bad.pem").write_text(KEY, encoding="utf-8")
    said = call("local", "--config", str(written(tmp_path, **changes)))
    assert said.code == 1
    assert field in said.err
    assert re.search(r"^paddock: .*paddock\.yml:\d+:\d+: github\.", said.err)
    assert "{'" not in said.err
    assert "not really" not in said.err


# -- demo -----------------------------------------------------------------------------------------------------------


def test_a_directory_that_no_demo_made(call: Caller, tmp_path: Path) -> None:
    """What lies there is left alone, and the option is named."""
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    said = call("demo", "--directory", str(tmp_path))
    assert said.code == 1
    assert str(tmp_path) in said.err
    assert "--directory" in said.err
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_demo_that_still_runs_is_left_alone(call: Caller, tmp_path: Path) -> None:
    """Its directory is in use: the other process is named, and nothing is removed."""
    (tmp_path / ".paddock-demo").touch()
    places = Places(tmp_path / "state")
    places.make()
    with places.hold():
        said = call("demo", "--directory", str(tmp_path))
    assert (said.code, f"process {os.getpid()}" in said.err) == (1, True)
    assert places.lock.exists()


def test_a_demo_where_nothing_can_be_written(call: Caller, tmp_path: Path) -> None:
    """A file in the place of the directory: the option is named."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "demo", tmp_path / "file"):
        said = call("demo", "--directory", str(place))
        assert (said.code, said.out) == (1, "")
        assert f"--directory = '{place}': cannot be made an empty directory (Not a directory): name one" in said.err


# -- faults ---------------------------------------------------------------------------------------------------------

FAULTY = """
import sys
from paddock.entrypoints.cli import {module}, app

def broken(*_, **__):
    raise {error}

{module}.{function} = broken
sys.exit(app.main({words!r}))
"""


def broken(tmp_path: Path, error: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``paddock labels paddock`` with a fault in it, in a process of its own."""
    code = FAULTY.format(module="labels", function="parse_labels", error=error, words=["labels", "paddock"])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_fault_of_our_own(tmp_path: Path) -> None:
    """Exit code 70, and in words: whose fault it is, where the traceback lies, what to do. The file is private."""
    done = broken(tmp_path, "KeyError('spam')")
    assert (done.returncode, done.stdout) == (FAULT, "")
    assert done.stderr.startswith("paddock: a fault of Paddock's own, not of yours: KeyError: 'spam'\n")
    assert "report" in done.stderr
    assert "Traceback" not in done.stderr
    (kept,) = tmp_path.glob("paddock-fault-*.txt")
    assert str(kept) in done.stderr
    assert kept.stat().st_mode & 0o777 == 0o600
    text = kept.read_text(encoding="utf-8")
    assert "called as: paddock labels paddock" in text
    assert "Traceback (most recent call last)" in text
    assert "in labels" in text


def test_a_fault_whose_traceback_cannot_be_kept(tmp_path: Path) -> None:
    """Without a place to write, the line where it happened is told instead."""
    code = "import tempfile; tempfile.tempdir = '/nonexistent'\n" + FAULTY
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code.format(module="labels", function="parse_labels", error="KeyError('spam')", words=["labels", "x"]),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == FAULT
    assert "<string>:7" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interruption_is_no_fault(tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, one word."""
    done = broken(tmp_path, "KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (INTERRUPTED, "paddock: interrupted\n")
    assert not list(tmp_path.iterdir())
