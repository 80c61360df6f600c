"""The agent as a real process: time-outs, signals, exit codes, and a Listener that will not listen."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.machine import AgentMachine, carriers, eventually, package_server
from tests.agent.runner_package import runner_package, script

STARTED, FINISHED, FAILED = ReportEvent.STARTED, ReportEvent.FINISHED, ReportEvent.FAILED_TO_START


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AgentMachine]:
    """A machine's directory; whatever a failed test leaves running is ended."""
    made = AgentMachine(tmp_path, f"m-{tmp_path.name}"[:60])
    yield made
    made.close()


def events(reports: list[RunnerReported]) -> list[ReportEvent]:
    return [report.event for report in reports]


@pytest.mark.parametrize("deaf", [False, True], ids=["obedient", "deaf"])
def test_no_job_within_the_idle_time(machine: AgentMachine, *, deaf: bool) -> None:
    """SIGINT to the Listener, and if it does not care, everything is killed; the reason is no_job."""
    data = runner_package(script(idle=True, deaf=deaf))
    # Long enough for the Listener to be up: before that it cannot be told anything.
    (failed,) = machine.serve(data, "--stop-grace", "0.1" if deaf else "20", idle_timeout=1_500_000)
    assert (failed.event, failed.reason, failed.result) == (FAILED, "no_job", OperationalResult.FAILED_TO_START)
    assert failed.exit_code == (-9 if deaf else 0)
    assert failed.ready_at is not None
    assert carriers(machine.name) == []


@pytest.mark.parametrize("deaf", [False, True], ids=["obedient", "deaf"])
def test_a_job_that_runs_too_long(machine: AgentMachine, *, deaf: bool) -> None:
    """It is stopped, by force if need be, and reported as timed out."""
    data = runner_package(script(job="build", hang=True, deaf=deaf))
    reports = machine.serve(data, "--stop-grace", "0.1" if deaf else "20", max_runtime=200_000)
    assert events(reports) == [STARTED, FINISHED]
    assert (reports[-1].result, reports[-1].reason) == (OperationalResult.TIMED_OUT, "max_runtime")
    assert (reports[-1].exit_code, reports[-1].conclusion) == ((-9, None) if deaf else (0, "cancelled"))
    assert carriers(machine.name) == []


@pytest.mark.parametrize("deaf", [False, True], ids=["obedient", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_during_a_job(machine: AgentMachine, number: signal.Signals, *, deaf: bool) -> None:
    """The Listener gets SIGINT and its grace; the report says by what the job was interrupted."""
    with package_server(runner_package(script(job="build", hang=True, deaf=deaf))) as server:
        agent = machine.start("--stop-grace", "0.1" if deaf else "20")
        machine.assign(server)
        eventually(machine.reports, "the job's start")
        agent.send_signal(number)
        assert agent.wait(30) == 0
    reports = machine.reports()
    assert events(reports) == [STARTED, FINISHED]
    assert (reports[-1].result, reports[-1].interrupted_by) == (OperationalResult.INTERRUPTED, "sigterm")
    assert carriers(machine.name) == []
    assert not (machine.directory / "work").exists()


def test_told_to_stop_while_it_listens(machine: AgentMachine) -> None:
    """No job was lost; the control plane is told all the same, because it counts on this machine."""
    with package_server(runner_package(script(idle=True))) as server:
        agent = machine.start()
        machine.assign(server)
        eventually(lambda: "Listening for Jobs" in machine.log_text(), "a listening runner")
        agent.terminate()
        assert agent.wait(30) == 0
    (failed,) = machine.reports()
    assert (failed.event, failed.reason, failed.interrupted_by) == (FAILED, "sigterm", "sigterm")


def test_told_to_stop_while_it_waits(machine: AgentMachine) -> None:
    """Without an assignment there is nothing to tell, and nothing is left."""
    agent = machine.start()
    eventually(machine.log_text, "a waiting agent")
    agent.terminate()
    assert agent.wait(30) == 0
    assert machine.reports() == []
    assert machine.log()[-1]["event"] == "off"


def test_told_to_stop_while_it_downloads(machine: AgentMachine) -> None:
    """A download is left at once, without a file half written."""
    with package_server(runner_package(script(job="build"))) as server:
        server.hold.clear()
        agent = machine.start()
        machine.assign(server)
        eventually(lambda: server.requests, "the download's begin")
        agent.terminate()
        assert agent.wait(30) == 0
        server.hold.set()
    (failed,) = machine.reports()
    assert (failed.event, failed.reason) == (FAILED, "sigterm")
    assert [path.suffix for path in machine.cache.iterdir()] == [".lock"]


def test_sigint_works_although_the_agent_was_started_with_it_ignored(machine: AgentMachine) -> None:
    """What starts a program in the background of a shell makes it ignore SIGINT; the Listener must not inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with package_server(runner_package({"job": "build", "hang": True, "plain_sigint": True})) as server:
            agent = machine.start("--stop-grace", "20")
            machine.assign(server)
            eventually(machine.reports, "the job's start")
            agent.terminate()
            assert agent.wait(30) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert machine.reports()[-1].exit_code == -signal.SIGINT


CASES: Mapping[str, tuple[list[dict[str, Any]], str, int]] = {
    "terminated": ([script(exit=1)], "listener_failed", 1),
    "not configured": ([script(exit=1, complaints=["Runner is not configured."])], "not_configured", 1),
    "session conflict": (
        [script(exit=5, complaints=["A session for this runner already exists."], listens=False)],
        "session_conflict",
        5,
    ),
    "version too old": (
        [
            script(
                exit=1,
                complaints=["An error occurred: Runner version v2.1.0 is deprecated and cannot receive messages."],
            )
        ],
        "version_too_old",
        1,
    ),
    "version too old by code": ([script(exit=7)], "version_too_old", 7),
    "deleted while idle": (
        [script(exit=0, complaints=["The runner no longer exists on the server. Cleaning up local configuration."])],
        "registration_deleted",
        0,
    ),
    "let go": ([script(exit=0)], "exited_without_job", 0),
    "retries": ([script(exit=2)], "retries_exhausted", 2),
    "updates": ([script(exit=4, update=True)], "update_required", 4),
}


@pytest.mark.parametrize("name", CASES)
def test_an_end_before_any_job(machine: AgentMachine, name: str) -> None:
    """Each way to end without a job has its reason, and what was said on standard error goes with it."""
    runs, reason, code = CASES[name]
    (failed,) = machine.serve(runner_package(*runs))
    assert (failed.event, failed.reason, failed.exit_code) == (FAILED, reason, code)
    assert failed.result is OperationalResult.FAILED_TO_START
    assert failed.detail == "\n".join(runs[0].get("complaints", ()))


@pytest.mark.parametrize(
    ("runs", "starts"),
    [
        ([script(exit=2), script(exit=2), script(job="build")], 3),
        ([script(exit=4, update=True), script(job="build")], 2),
        ([script(exit=3, update=True), script(exit=2), script(job="build")], 3),
    ],
    ids=["retry twice", "update once", "both"],
)
def test_started_again_before_a_job(machine: AgentMachine, runs: list[dict[str, Any]], starts: int) -> None:
    """Passing troubles are overcome: the job is served by a later start."""
    reports = machine.serve(runner_package(*runs))
    assert events(reports) == [STARTED, FINISHED]
    assert reports[-1].result is OperationalResult.SERVED
    assert [line["event"] for line in machine.log()].count("listener_started") == starts


@pytest.mark.parametrize(
    ("code", "event", "reason", "result"),
    [
        (0, FAILED, "orphan", OperationalResult.FAILED_TO_START),
        (2, FINISHED, "listener_died", OperationalResult.INTERRUPTED),
        (4, FINISHED, "listener_died", OperationalResult.INTERRUPTED),
    ],
)
def test_an_end_without_a_result_is_never_tried_again(
    machine: AgentMachine, code: int, event: ReportEvent, reason: str, result: OperationalResult
) -> None:
    """Once a job was seen the Listener is not started again, whatever its exit code says."""
    reports = machine.serve(runner_package(script(job="build", result=None, exit=code)))
    assert events(reports) == [STARTED, event]
    assert (reports[-1].reason, reports[-1].result, reports[-1].conclusion) == (reason, result, None)
    assert [line["event"] for line in machine.log()].count("listener_started") == 1


def test_a_listener_that_is_killed_from_outside(machine: AgentMachine) -> None:
    """Out of memory looks like this: the job is interrupted, and the exit code names the signal."""
    reports = machine.serve(runner_package(script(job="build", hang=True, shell=["kill -9 $PPID"])))
    assert events(reports) == [STARTED, FINISHED]
    assert (reports[-1].exit_code, reports[-1].reason) == (-9, "listener_died")
