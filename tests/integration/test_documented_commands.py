"""Every `paddock` command that a page shows in a block is run here as it stands, in a shell, and does what it says."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from paddock.adapters.memory.github import JobScript
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.simulation.workloads import GeneratorParameters, generated, read_trace, write_trace
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import SystemClock
from paddock.core.job import Job, JobFacts
from paddock.core.pools.pool import Bounds
from paddock.core.pools.standing import StandingChange, StandingIs
from paddock.core.ports.stores import Table
from paddock.core.units import HOUR, MINUTE, SECOND, moment_of
from paddock.core.usecases.pools.keep import aim_of
from paddock.entrypoints.cli.app import command_line, main
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.github_client import key_pair
from tests.world.pool_past import AUTO, Past

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ELSEWHERE = {
    "pip install . && paddock demo",  # test_demo.py runs the demo, each nox session installs the package
    "paddock local --config paddock.yml",  # below
    "paddock simulate last-month.csv --config paddock.yml --config hot.yml --out report.html",
    # below, with a GitHub that has such a month
    "paddock workload record --config paddock.yml --since 2026-11-01 --until 2026-12-01 --output month.jsonl.gz",
    # tests/integration/test_doctor_local.py and aws/test_doctor.py run these of fleets that are well
    "paddock doctor --config paddock.yml",
    "paddock doctor --env dev",
    "paddock doctor --env dev --json",
    "paddock agent --check",  # below: ends with 1 on a machine that lacks something
    "paddock agent local --machine-dir box-1 --cache-dir cache --assignment-deadline 1",  # below: without orders
}


IN_SENTENCES_ELSEWHERE = {
    "paddock demo --json": "test_demo.py",
    "paddock github webhook --env dev": "aws/test_github_setup_on_stack.py",
    "paddock github webhook --webhook-url URL": "test_cli_github.py",
    "paddock housekeeping run sweep": "test_cli_housekeeping.py",
    "paddock housekeeping run pool_audit": "test_cli_housekeeping.py",  # with another task, and so is the next
    "paddock housekeeping run pool_sizing --dry-run": "test_cli_housekeeping.py",
    "paddock pools plan": "test_cli_pools.py",
    "paddock release 29679449": "test_cli_release.py",
    "paddock stack destroy --env acceptance-7f3a": "aws/test_stack_on_moto.py",  # of another environment
}
"""Whole commands within sentences that no block shows, and the tests that run them or their like."""

MEANT = {"JOB": "29679449", "NAME": "dev", "TASK": "sweep"}
"""What stands for words in capitals."""


ON_STACKS = (
    "paddock stack deploy",
    "paddock stack diff",
    "paddock stack status",
    "paddock stack destroy",
    "paddock stack package",
)
"""Commands that make stacks: tests/integration/aws/test_stack_on_moto.py runs them against moto."""

AT_GITHUB = ("paddock github setup",)
"""Commands that wait for somebody at GitHub: test_cli_github.py and aws/test_github_setup_on_stack.py run them."""

ON_ACCEPTANCE = "paddock acceptance"
"""Commands that try a throw-away fleet: tests/integration/aws/test_acceptance_on_moto.py runs them against moto."""

ON_AWS = "--profile aws"
"""In commands that need a stack: tests/integration/aws/test_operator.py runs them against one."""


def commands() -> Iterator[str]:
    """The lines of all blocks that call `paddock`, without their comments."""
    for page in PAGES:
        # All blocks, so that the end of one in another language is not taken for the beginning of the next.
        for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            for line in block.splitlines() if kind in ("", "sh", "console") else ():
                command = line.partition("  #")[0].strip()
                if re.match(r"(pip install .* && )?paddock ", command):
                    yield command


def evaluated() -> set[str]:
    """Lines, in blocks or in sentences, by which a shell takes what a command prints: aws/test_stack_on_moto.py."""
    return {line for page in PAGES for line in re.findall(r'eval "\$\(paddock [^`\n]*\)"', page.read_text("utf-8"))}


def in_sentences() -> set[str]:
    """Commands in code marks within a page's text that no block shows, with what else it says or without it."""
    shown = [command.split() for command in commands()]
    found = set()
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for command in re.findall(r"`(paddock [a-z][^`]*)`", text):
            words = [MEANT.get(word, word) for word in command.split()]
            if not any(_within(words, one) for one in shown):
                found.add(" ".join(words))
    return found


def _within(words: list[str], shown: list[str]) -> bool:
    """Whether all of them stand in what is shown, in the same order."""
    rest = iter(shown)
    return all(word in rest for word in words)


def is_here(command: str) -> bool:
    """Whether it needs neither AWS nor somebody at GitHub."""
    return ON_AWS not in command and not command.startswith((*ON_STACKS, *AT_GITHUB, ON_ACCEPTANCE))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with what the pages take for granted: a configuration, a state with a job, `paddock` on the path."""
    places = Places(tmp_path / "paddock-state")
    places.make()
    with closing(open_state(places)) as state:
        state.table.jobs.add(Job(JobFacts(29679449, 1, "octo-org/octo-repo", ("paddock",), name="build", created_at=1)))
        busy_pool(state.table)
    example = run("paddock config example", tmp_path).stdout
    filled = example.replace("123456", "99").replace("octo-org/*", "acme/*")
    (tmp_path / "paddock.yml").write_text(filled, encoding="utf-8")
    (tmp_path / "paddock-app.pem").write_text(key_pair()[0], encoding="utf-8")
    write_trace(generated(GeneratorParameters(jobs_per_day=50), 1, 7), tmp_path / "week.jsonl")
    return tmp_path


def busy_pool(table: Table) -> None:
    """A pool that sleeps, of which a job is asked every ten minutes."""
    now = SystemClock().now()
    past = Past(attrs.evolve(AUTO, auto=False, bounds=Bounds()), table=table, now=now)
    for ago in range(HOUR, 7 * HOUR, 10 * MINUTE):
        past.machine(now - ago, stock=None)
    table.pools.update("web", StandingIs(), StandingChange(aim=aim_of(AUTO, now, "")))


def run(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The command's outcome, run by a shell as a person would."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=home,
        env={**os.environ, "PATH": path, "PADDOCK_WEBHOOK_SECRET": "hush"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", sorted({each for each in commands() if is_here(each)} - ELSEWHERE))
def test_the_command_works_as_it_stands(command: str, home: Path) -> None:
    """Exit code 0, something said, nothing complained of."""
    outcome = run(command, home)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    written = command.partition(">")[2].strip()
    assert outcome.stdout or (written and (home / written).stat().st_size)


def test_the_pages_show_the_commands_that_are_run_elsewhere() -> None:
    """So that a page that drops one, or a typo in the list above, is noticed."""
    assert set(commands()) >= ELSEWHERE


def test_commands_within_sentences_work_too(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that no block shows: each is run here or named above, and the command line knows its words."""
    monkeypatch.chdir(home)
    with (home / "paddock.yml").open("a", encoding="utf-8") as config:
        config.write("pools: {web: {machine: {cpu: 4}, hot: 1}}\n")
    found = in_sentences()
    assert found >= set(IN_SENTENCES_ELSEWHERE)
    here = sorted(found - set(IN_SENTENCES_ELSEWHERE))
    assert here
    for command in here:
        code = main(command.split()[1:])
        told = capsys.readouterr()
        assert (code, told.err, bool(told.out)) == (0, "", True), command
    for command, test in IN_SENTENCES_ELSEWHERE.items():
        words = command.split()[1:]
        command_line(words).parse_args(words, exit_on_error=False, print_error=False)
        assert (Path(__file__).parent / test).is_file()


def test_the_check_of_a_machine_prints_its_table(home: Path) -> None:
    """Whatever this machine lacks: a line for each thing, a verdict in the end, and the exit code that goes with it."""
    outcome = run("paddock agent --check", home)
    *_, verdict = outcome.stdout.splitlines()
    assert outcome.stderr == ""
    assert re.search(r"^✓ Python +3\.\d+$", outcome.stdout, re.MULTILINE)
    assert outcome.returncode == (0 if verdict == "all right" else 1)


def test_an_agent_by_hand_lives_its_life_in_a_directory(home: Path) -> None:
    """The page's two lines, as they stand: without orders it says so in its outbox, and ends."""
    outcome = run(
        "mkdir box-1 && paddock agent local --machine-dir box-1 --cache-dir cache --assignment-deadline 1", home
    )
    assert (outcome.returncode, outcome.stdout) == (0, "")
    assert outcome.stderr.startswith("paddock-agent: box-1: failed_to_start: assignment_deadline: no assignment came")
    (report,) = (home / "box-1" / "outbox").glob("*.json")
    assert json.loads(report.read_text(encoding="utf-8"))["reason"] == "assignment_deadline"


def test_a_month_is_recorded_as_the_page_says(tmp_path: Path) -> None:
    """The page's line, as it stands, against a GitHub where one run was cancelled in that month."""
    clock = ManualClock(moment_of(datetime(2026, 11, 24, 9, tzinfo=UTC)))
    with GitHubStandIn(clock=clock) as github:
        github.add_repository("acme/shop")
        run_id = github.start_run("acme/shop", [JobScript("build", ("paddock",))]).run_id
        clock.advance(90 * SECOND)
        github.cancel_run("acme/shop", run_id)
        (tmp_path / "token").write_text(github.credentials.personal_token, encoding="utf-8")
        (tmp_path / "paddock.yml").write_text(
            f"""\
version: 1
github:
  url: {github.url}
  webhook_secret: {{env: PADDOCK_WEBHOOK_SECRET}}
  token: {{file: token}}
  repositories: [acme/*]
local: {{listen: "127.0.0.1:0", state: state}}
""",
            encoding="utf-8",
        )
        (command,) = (command for command in ELSEWHERE if command.startswith("paddock workload record"))
        outcome = run(command, tmp_path)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "month.jsonl.gz: 1 jobs of 1 repositories" in outcome.stdout
    (recorded,) = read_trace(tmp_path / "month.jsonl.gz").runs()
    assert (recorded.at, recorded.cancelled_after) == (clock.now() - 90 * SECOND, 90 * SECOND)


def test_paddock_local_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """Configured as a person would: who it is at GitHub, where it listens (it does), and SIGTERM ends it with 0."""
    with GitHubStandIn() as github:
        github.add_repository("acme/shop")
        (tmp_path / "app.pem").write_text(github.credentials.private_key, encoding="utf-8")
        (tmp_path / "paddock.yml").write_text(
            f"""\
version: 1
github:
  url: {github.url}
  webhook_secret: {{env: SECRET}}
  app: {{id: {github.credentials.app_id}, private_key: {{file: app.pem}}}}
  repositories: [acme/*]
local: {{listen: "127.0.0.1:0", state: state}}
""",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "paddock.entrypoints.cli.app", "local", "--config", "paddock.yml"]
        fleet = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "SECRET": github.webhook_secret},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with fleet:
            try:
                assert fleet.stdout is not None
                assert re.match(
                    r"github:   http://.* as App 654321 \(paddock\), installed on acme \(installation \d+\); "
                    r"[\d,]+ of 5,000 calls left this hour$",
                    fleet.stdout.readline(),
                )
                told = re.match(r"webhooks: http://([^:]+):(\d+)/webhook", fleet.stdout.readline())
                assert told
                with closing(http.client.HTTPConnection(told[1], int(told[2]), timeout=10)) as connection:
                    connection.request("GET", "/health")
                    assert connection.getresponse().status == 200
            finally:
                fleet.send_signal(signal.SIGTERM)
            assert fleet.wait(30) == 0
