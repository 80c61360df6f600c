"""``paddock demo`` as a person runs it: in a process of its own, and what it leaves on the disk."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.core.states import JobState
from tests.local_fleet import living_machines, processes_of, until

pytestmark = pytest.mark.slow

PROMISED = {"id", "state", "conclusion", "reason", "wait_s", "duration_s", "machine", "launches"}


def paddock(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "paddock.entrypoints.cli.app", *words]
    return subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


@attrs.frozen
class Demo:
    """A demo that was run, and where."""

    done: subprocess.CompletedProcess[str]
    cwd: Path

    @property
    def directory(self) -> Path:
        """Where its page and its state are."""
        return self.cwd / "shown"

    @property
    def outcome(self) -> Any:  # noqa: ANN401 - JSON
        """What it printed."""
        return json.loads(self.done.stdout)

    def job(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """The job of this name."""
        return next(job for job in self.outcome["jobs"] if job["name"] == name)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    cwd = tmp_path_factory.mktemp("demo")
    return Demo(paddock("demo", "--json", "--directory", "shown", cwd=cwd), cwd)


def test_it_goes_as_written(demo: Demo) -> None:
    """Exit code 0, which the judge gives only if every job ended as it should."""
    assert demo.done.returncode == 0, demo.done.stderr
    assert "not as it should be" not in demo.done.stderr


def test_standard_output_is_one_json_object(demo: Demo) -> None:
    """With every key that is promised for it, and of the types that are promised."""
    outcome = demo.outcome
    assert {"jobs", "machines", "cost_usd"} <= set(outcome)
    assert len(outcome["jobs"]) >= 12
    states = {state.value for state in JobState}
    for job in outcome["jobs"]:
        assert set(job) >= PROMISED
        assert isinstance(job["id"], int)
        assert job["state"] in states
        assert job["conclusion"] is None or isinstance(job["conclusion"], str)
        assert isinstance(job["reason"], str)
        for span in ("wait_s", "duration_s"):
            assert job[span] is None or (isinstance(job[span], int | float) and job[span] >= 0)
        assert job["launches"] >= 0
    assert {job["state"] for job in outcome["jobs"]} == {"finished", "cancelled", "rejected"}
    machines = {machine["id"] for machine in outcome["machines"]}
    assert {job["machine"] for job in outcome["jobs"] if job["state"] == "finished"} <= machines
    assert outcome["cost_usd"] > 0


def test_the_faults_were_really_played(demo: Demo) -> None:
    """The jobs that something happens to show it: a failure is a failure, a refusal has its reason."""
    assert demo.job("integration")["conclusion"] == "failure"
    assert demo.job("soak")["conclusion"] == "cancelled"
    assert demo.job("preview")["state"] == "cancelled"
    assert demo.job("flaky machine")["launches"] >= 2
    assert "did you mean cpu=4" in demo.job("typo")["reason"]
    assert "stranger/open" in demo.job("from a fork")["reason"]
    assert demo.job("unit")["duration_s"] >= 1


def test_progress_goes_to_standard_error(demo: Demo) -> None:
    """A line for each change of each job, while standard output is kept for the JSON."""
    lines = [line for line in demo.done.stderr.splitlines() if re.match(r" *\+", line)]
    assert len(lines) > 2 * len(demo.outcome["jobs"])
    for name in ("lint", "soak", "typo"):
        assert any(f" {name} (" in line for line in lines)


def test_the_page_stands_alone(demo: Demo) -> None:
    """One HTML file that loads nothing from anywhere, and knows every job."""
    text = (demo.directory / "timeline.html").read_text(encoding="utf-8")
    assert text.lstrip().lower().startswith("<!doctype html>")
    assert not re.findall(r"<(?:link|iframe|script[^>]*\bsrc|img[^>]*\bsrc=[\"'](?!data:))", text)
    assert not re.findall(r"(?:@import|url\((?![\"']?(?:data:|#)))", text)
    for job in demo.outcome["jobs"]:
        assert str(job["id"]) in text


def test_its_state_can_be_asked(demo: Demo) -> None:
    """``paddock jobs`` and ``paddock explain`` work on what it left."""
    state = ("--state", str(demo.directory / "state"))
    listed = paddock("jobs", *state, cwd=demo.cwd)
    assert listed.returncode == 0, listed.stderr
    assert "lint" in listed.stdout
    flaky = demo.job("flaky machine")
    told = paddock("explain", str(flaky["id"]), *state, cwd=demo.cwd)
    assert told.returncode == 0, told.stderr
    assert "flaky machine" in told.stdout
    assert "listener_failed" in told.stdout
    never = paddock(
        "explain",
        f"https://github.com/acme/docs/actions/runs/1/job/{demo.job('never told')['id']}",
        *state,
        cwd=demo.cwd,
    )
    assert "no webhook of it had been taken up" in " ".join(never.stdout.split())


def test_nothing_is_left_running(demo: Demo) -> None:
    """No machine, no process."""
    assert not living_machines(demo.directory / "state")
    assert not processes_of(demo.directory)


def test_no_secret_is_told(demo: Demo) -> None:
    """Neither the App's key nor the webhook's secret is in anything it printed or drew, or in its log."""
    secrets = [
        (demo.directory / "state" / name).read_text(encoding="utf-8").strip().splitlines()[-2:][0]
        for name in ("app.pem", "webhook.secret")
    ]
    assert all(len(secret) >= 10 for secret in secrets)
    texts = [demo.done.stdout, demo.done.stderr]
    texts += [(demo.directory / name).read_text(encoding="utf-8") for name in ("timeline.html", "state/fleet.log")]
    assert not [secret for secret in secrets for text in texts if secret in text]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_ended_early(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM leave nothing running; after kill -9 the next demo clears the stage, and plays."""
    command: Sequence[str] = (sys.executable, "-m", "paddock.entrypoints.cli.app", "demo", "--json", "-d", "shown")
    state = tmp_path / "shown" / "state"
    with (tmp_path / "err").open("wb") as err:
        running = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
    try:
        until(lambda: len(living_machines(state)) >= 2, "machines are at work")
        running.send_signal(number)
        code = running.wait(30)
    finally:
        running.kill()
        running.wait()
    if number is not signal.SIGKILL:
        assert code == 130
        assert "Traceback" not in (tmp_path / "err").read_text(encoding="utf-8")
        until(lambda: not processes_of(tmp_path), "nothing runs", 5)
        return
    again = paddock("demo", "--json", "--directory", "shown", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    until(lambda: not processes_of(tmp_path), "nothing runs", 5)
