"""The agent as a real process with a package over real HTTP: what it reports, what the job gets, and what is left."""

import json
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.agent.version import VERSION
from paddock.core.messages import ReportEvent
from paddock.core.states import OperationalResult
from tests.agent.machine import AgentMachine, alive, carriers, eventually, package_server
from tests.agent.runner_package import SECRET, assignment, jit_config, put_assignment, runner_package, script

BOTH = (ReportEvent.STARTED, ReportEvent.FINISHED)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AgentMachine]:
    """A machine's directory; whatever a failed test leaves running is ended."""
    made = AgentMachine(tmp_path, f"m-{tmp_path.name}"[:60])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("result", "conclusion"),
    [("Succeeded", "success"), ("Failed", "failure"), ("Canceled", "cancelled"), ("Skipped", "skipped")],
)
def test_serves_one_job_and_says_how_it_went(machine: AgentMachine, result: str, conclusion: str) -> None:
    """Two reports: when the job started, and how it ended; a red job was served all the same."""
    started, finished = machine.serve(runner_package(script(job="build (3.12)", result=result)))
    assert (started.event, finished.event) == BOTH
    assert started.job_name == finished.job_name == "build (3.12)"
    assert (started.result, finished.result) == (None, OperationalResult.SERVED)
    assert (finished.conclusion, finished.exit_code, finished.reason) == (conclusion, 0, "")
    assert (finished.machine, finished.job_id, finished.launch) == (machine.name, 12345, 1)
    moments = [started.ready_at, started.started_at, finished.finished_at, finished.at]
    assert moments == sorted(moment for moment in moments if moment)
    assert list(finished.phases) == [
        "assignment", "configure", "package", "extract", "preflight", "connect", "idle", "job", "kill",
    ]  # fmt: skip


def test_leaves_nothing_but_what_is_kept(machine: AgentMachine) -> None:
    """Work, credentials and processes are gone; the log, the reports, the diagnosis and a receipt stay."""
    machine.serve(runner_package(script(job="build")))
    kept = {path.name for path in machine.directory.iterdir()}
    assert kept == {"agent.log", "outbox", "diag", "assignment.taken.json", "machine.lock", "process.json"}
    assert (machine.directory / "diag" / "Runner_1.log").exists()
    receipt = json.loads((machine.directory / "assignment.taken.json").read_text())
    assert receipt == {"machine": machine.name, "runner_name": f"paddock--{machine.name}--1a2b3c", "runner_id": 4711}
    assert carriers(machine.name) == []


def test_secrets_are_nowhere_afterwards(machine: AgentMachine) -> None:
    """Not in the log, not in a report, not in a file: also if the Listener prints its configuration."""
    script_ = script(echo_secret=True, listens=True, exit=1)
    (failed,) = machine.serve(runner_package(script_))
    assert "could not read ***" in failed.detail
    for path in machine.directory.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert SECRET not in text
            assert jit_config() not in text


def test_the_job_gets_a_clean_environment(machine: AgentMachine, tmp_path: Path) -> None:
    """Nothing of the agent's own environment or descriptors reaches the job; what does is known by name."""
    evidence = tmp_path / "evidence.json"
    with package_server(runner_package(script(job="build", evidence=str(evidence)))) as server:
        agent = machine.start(environment={"AWS_SECRET_ACCESS_KEY": "leak", "HOME": "/root", "MY_TOKEN": "leak"})
        machine.assign(server)
        assert agent.wait(30) == 0
    seen = json.loads(evidence.read_text())
    work, user = machine.directory / "work", pwd.getpwuid(os.geteuid())
    assert seen["environ"] == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(work / "home"),
        "LANG": "C.UTF-8",
        "TMPDIR": str(work / "tmp"),
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": user.pw_shell,
        "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT": f"paddock/{VERSION}",
        "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",
        "ACTIONS_RUNNER_HOOK_JOB_STARTED": str(work / "hooks" / "started.sh"),
        "ACTIONS_RUNNER_HOOK_JOB_COMPLETED": str(work / "hooks" / "completed.sh"),
        "PADDOCK_MACHINE": machine.name,
    } | {name: value for name, value in seen["environ"].items() if name == "LC_CTYPE"}
    assert seen["cwd"] == str(work / "runner")
    assert ".setup_info" in seen["files"]
    assert len(seen["fds"]) <= 6  # three standard ones, the file being written, the listing, the script


def test_a_shared_tool_cache_is_passed_on(machine: AgentMachine, tmp_path: Path) -> None:
    """With --tool-cache the runner finds its tools there."""
    evidence = tmp_path / "evidence.json"
    machine.serve(runner_package(script(job="build", evidence=str(evidence))), "--tool-cache", "/opt/tools")
    assert json.loads(evidence.read_text())["environ"]["RUNNER_TOOL_CACHE"] == "/opt/tools"


@pytest.mark.parametrize("hides", [False, True], ids=["marked", "unmarked"])
def test_a_process_that_ran_away_is_found_and_killed(machine: AgentMachine, tmp_path: Path, *, hides: bool) -> None:
    """A daemon in a session of its own, whose parent is gone, and even without its environment, dies with the job."""
    note = tmp_path / "daemon.pid"
    daemon = f"(setsid sh -c 'trap \"\" TERM INT HUP; echo $$ > {note}.part; mv {note}.part {note}; sleep 600' &) "
    wait = f"while ! test -e {note}; do sleep 0.01; done"
    child = {"command": ["/bin/sh", "-c", daemon], "hides": hides}
    reports = machine.serve(runner_package(script(job="build", children=[child], shell=[wait])))
    assert reports[-1].result is OperationalResult.SERVED
    assert not alive(int(note.read_text()))
    assert carriers(machine.name) == []


def test_what_the_job_locked_and_linked_is_removed_without_harm(machine: AgentMachine, tmp_path: Path) -> None:
    """Links are removed, not followed; a diagnosis that is a link is not kept; locked directories are opened."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    commands = [
        f"ln -s {precious} ../tmp/link",
        f"rm -rf _diag && ln -s {precious} _diag",
        "mkdir -p ../tmp/locked/deep && touch ../tmp/locked/deep/file && chmod 000 ../tmp/locked",
    ]
    machine.serve(runner_package(script(job="build", shell=commands)))
    assert (precious / "file").read_text() == "keep me"
    assert not (machine.directory / "work").exists()
    assert not (machine.directory / "diag").exists()


HOSTILE = "x completed with result: Succeeded"


@pytest.mark.parametrize("result", ["Failed", None], ids=["a real result after it", "no result at all"])
def test_a_hostile_job_name_does_not_decide_the_result(machine: AgentMachine, result: str | None) -> None:
    """The author's words in the name are not the Listener's."""
    reports = machine.serve(runner_package(script(job=HOSTILE, result=result, exit=0 if result else 1)))
    assert reports[0].job_name == HOSTILE
    assert reports[-1].conclusion == (None if result is None else "failure")
    assert reports[-1].result is (OperationalResult.INTERRUPTED if result is None else OperationalResult.SERVED)


def test_a_job_name_with_a_line_break_cannot_forge_a_result(machine: AgentMachine) -> None:
    """Of several results the last one counts, and that is the Listener's."""
    forged = "x\n2026-11-22 13:00:05Z: Job x completed with result: Succeeded"
    reports = machine.serve(runner_package(script(job=forged, result="Failed")))
    assert [report.event for report in reports] == list(BOTH)
    assert reports[-1].conclusion == "failure"


def test_signs_of_life_while_the_job_runs(machine: AgentMachine) -> None:
    """Between start and end a heartbeat each interval, with the facts known so far."""
    with package_server(runner_package(script(job="build", hang=True))) as server:
        agent = machine.start("--heartbeat", "0.05")
        machine.assign(server)
        eventually(
            lambda: [report.started_at for report in machine.reports() if report.started_at][2:], "two heartbeats"
        )
        agent.terminate()
        assert agent.wait(30) == 0
    # One may have come before the job, if the box is busy.
    started, *beats, finished = (report for report in machine.reports() if report.started_at)
    assert (started.event, finished.event) == BOTH
    assert len(beats) >= 2
    assert {beat.event for beat in beats} == {ReportEvent.HEARTBEAT}
    assert {beat.started_at for beat in beats} == {started.started_at}


def test_the_previous_contract_is_understood(machine: AgentMachine) -> None:
    """A fleet one version behind calls the machine by another word and knows no launch number."""
    with package_server(runner_package(script(job="build"))) as server:
        machine.assign(server)
        path = machine.directory / "assignment.json"
        old = json.loads(path.read_text())
        old["instance_id"] = old.pop("machine")
        del old["version"], old["launch"]
        path.write_text(json.dumps(old))
        assert machine.start().wait(30) == 0
    assert machine.reports()[-1].result is OperationalResult.SERVED
    assert machine.reports()[-1].launch == 1


def test_a_second_agent_leaves_at_once(machine: AgentMachine) -> None:
    """Whether the first one still lives or has ended: a machine has one life, and the second touches nothing."""
    with package_server(runner_package(script(job="build", hang=True))) as server:
        first = machine.start()
        machine.assign(server)
        eventually(machine.reports, "the job's start")
        process = (machine.directory / "process.json").read_text()
        assert json.loads(process)["pid"] == first.pid
        log = machine.log_text()
        assert machine.start().wait(30) == 0
        assert (machine.directory / "process.json").read_text() == process
        assert machine.log_text() == log
        first.terminate()
        assert first.wait(30) == 0
    before = sorted((path.name, path.stat().st_mtime_ns) for path in machine.directory.rglob("*") if path.is_file())
    assert machine.start().wait(30) == 0
    after = sorted((path.name, path.stat().st_mtime_ns) for path in machine.directory.rglob("*") if path.is_file())
    assert after == before


def test_the_process_file_names_the_agent_and_its_start(machine: AgentMachine) -> None:
    """Process id and start time are those of the process table, so that the id alone cannot mislead."""
    agent = machine.start()
    process = eventually((machine.directory / "process.json").exists, "process.json")
    assert process
    facts = json.loads((machine.directory / "process.json").read_text())
    stat = Path("/proc", str(agent.pid), "stat").read_text()
    assert facts == {"pid": agent.pid, "started": int(stat.rpartition(")")[2].split()[19])}
    agent.terminate()
    assert agent.wait(30) == 0


def test_its_log_is_json_lines_with_stamps(machine: AgentMachine) -> None:
    """Every line is an object with a time and an event; the last one says that the machine is off."""
    machine.serve(runner_package(script(job="build")))
    lines = machine.log()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["at"]) for line in lines)
    assert lines[-1]["event"] == "off"
    assert (machine.directory / "agent.log").stat().st_mode & 0o777 == 0o600


def test_a_bad_assignment_is_reported_as_far_as_it_can_be_read(machine: AgentMachine) -> None:
    """The report names the field; the job it was for is still known, so that it can be helped."""
    (machine.directory / "assignment.json").write_text(
        json.dumps({"kind": "assignment", "version": 1, "machine": machine.name, "job_id": 77, "package": None})
    )
    assert machine.start().wait(30) == 0
    (failed,) = machine.reports()
    assert (failed.reason, failed.job_id) == ("bad_assignment", 77)
    assert failed.detail.startswith("package: found nothing, wanted")


@pytest.mark.parametrize("text", ["", "not json", "[" * 100_000, '"\\ud800'], ids=["empty", "text", "deep", "half"])
def test_an_assignment_that_cannot_be_read_is_reported(machine: AgentMachine, text: str) -> None:
    """Whatever lies there, the machine says so and ends."""
    (machine.directory / "assignment.json").write_text(text)
    assert machine.start().wait(30) == 0
    (failed,) = machine.reports()
    assert (failed.event, failed.reason) == (ReportEvent.FAILED_TO_START, "bad_assignment")


def test_another_machines_assignment_is_refused(machine: AgentMachine) -> None:
    """A registration that belongs to another machine must not be used here."""
    with package_server(runner_package()) as server:
        put_assignment(machine.directory, assignment("m-another", server.url, server.data))
        assert machine.start().wait(30) == 0
    (failed,) = machine.reports()
    assert (failed.reason, failed.machine) == ("bad_assignment", machine.name)
    assert server.requests == 0


def test_no_assignment_in_time(machine: AgentMachine) -> None:
    """The machine does not wait for ever: it reports that nobody wanted it, and ends."""
    assert machine.start("--assignment-deadline", "0.05").wait(30) == 0
    (failed,) = machine.reports()
    assert (failed.event, failed.reason, failed.job_id) == (ReportEvent.FAILED_TO_START, "assignment_deadline", 0)


def test_a_directory_that_is_not_there_is_a_usage_error(machine: AgentMachine) -> None:
    """Exit code 2 and nothing made, because a machine without its directory cannot be."""
    machine.directory.rmdir()
    assert machine.start().wait(30) == 2
    assert not machine.directory.exists()
