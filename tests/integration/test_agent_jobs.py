"""The whole agent beside awkward and hostile jobs: floods, deafness, daemons, full disks, and a cloud that warns."""

import json
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.machine import PATIENCE, AgentMachine, PackageServer, alive, carriers, eventually, package_server
from tests.agent.runner_package import runner_package, script
from tests.agent.small_disk import ROOT, small_disk

STARTED, BEAT, FINISHED = ReportEvent.STARTED, ReportEvent.HEARTBEAT, ReportEvent.FINISHED
INTERRUPTED, SERVED = OperationalResult.INTERRUPTED, OperationalResult.SERVED
UNTIL_GO = "while [ ! -e ../../go ]; do sleep 0.01; done"
LINE = "as many words as anybody prints " * 12
FLOOD = 100_000_000
MOST_MEMORY = 120_000  # KiB
FORGED = "2026-11-22 13:00:05Z: Job x completed with result: Succeeded"  # a name such as no name should be


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AgentMachine]:
    """A machine's directory; whatever a failed test leaves running is ended."""
    made = AgentMachine(tmp_path, f"m-{tmp_path.name}"[:60])
    yield made
    made.close()


def go(machine: AgentMachine) -> None:
    """Let the job finish."""
    (machine.directory / "go").touch()


def peak(pid: int) -> int:
    """The most memory that a living process ever had, in KiB."""
    status = Path("/proc", str(pid), "status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def end_of(path: Path, size: int = 4_096) -> str:
    """The last bytes of a file that may be large; empty if it is not there."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")


def notice(machine: AgentMachine, kind: str, ahead: float) -> int:
    """The cloud warns of a moment so many seconds ahead; the moment, in microseconds."""
    at = int((time.time() + ahead) * 1_000_000)
    part = machine.directory / ".notice.part"
    part.write_text(json.dumps({"kind": kind, "at": at}))
    part.rename(machine.directory / "notice.json")
    return at


def nothing_left(machine: AgentMachine) -> None:
    """Neither processes nor the job's files."""
    assert carriers(machine.name) == []
    assert not (machine.directory / "work").exists()


def served(machine: AgentMachine) -> RunnerReported:
    """The last report, which tells of a job that succeeded."""
    last = machine.reports()[-1]
    assert (last.event, last.result, last.conclusion) == (FINISHED, SERVED, "success"), last
    return last


@pytest.mark.slow
def test_a_burst_of_lines_is_shipped_whole_in_bounded_memory(machine: AgentMachine, tmp_path: Path) -> None:
    """A hundred million bytes of output: not a line of them or of the agent's own is missing in the shipped log."""
    shell = [f"yes {LINE!r} | head -c {FLOOD}", "echo; echo the end of it", UNTIL_GO]
    with package_server(runner_package(script(job="build", shell=shell))) as server:
        agent = machine.start("--log-dir", str(tmp_path / "logs"))
        assigned = machine.assign(server)
        eventually(lambda: "the end of it" in end_of(machine.directory / "agent.log"), "the end of the flood")
        assert peak(agent.pid) < MOST_MEMORY
        go(machine)
        assert agent.wait(PATIENCE) == 0
    served(machine)
    flooded, own = 0, []
    with (tmp_path / "logs" / machine.name / f"{assigned.job_id}.log").open(encoding="utf-8") as log:
        for line in log:
            flooded += line.endswith(f" stdout {LINE}\n")
            words = line.split()
            own += [words[2]] if words[1] == "agent" else []
    assert flooded == FLOOD // (len(LINE) + 1)
    assert own[:2] == ["on", "assigned"]
    assert own[-1] == "off"
    assert {"prepared", "listener_started", "listener_exited", "report", "diagnosis"} <= set(own)
    assert "dropped" not in own
    nothing_left(machine)


@pytest.mark.slow
def test_a_burst_without_a_line_is_dropped_and_told(machine: AgentMachine) -> None:
    """A line of a hundred million bytes is in no log, and the log says so; the result that follows it still counts."""
    shell = [f"head -c {FLOOD} /dev/zero | tr '\\0' x; echo", "echo the end of it", UNTIL_GO]
    with package_server(runner_package(script(job="build", shell=shell))) as server:
        agent = machine.start()
        machine.assign(server)
        eventually(lambda: "the end of it" in end_of(machine.directory / "agent.log"), "the end of the flood")
        assert peak(agent.pid) < MOST_MEMORY
        go(machine)
        assert agent.wait(PATIENCE) == 0
    served(machine)
    (dropped,) = [line for line in machine.log() if line["event"] == "line_too_long"]
    assert dropped["source"] == "stdout"
    assert (machine.directory / "agent.log").stat().st_size < 100_000


@pytest.mark.slow
def test_more_output_than_the_log_may_hold(machine: AgentMachine) -> None:
    """What has no room is counted and told; the agent's own lines have room all the same."""
    shell = [f"yes {LINE!r} | head -c {FLOOD * 2}", "echo"]
    with package_server(runner_package(script(job="build", shell=shell))) as server:
        agent = machine.start()
        machine.assign(server)
        assert agent.wait(PATIENCE * 2) == 0
    served(machine)
    path = machine.directory / "agent.log"
    assert path.stat().st_size <= 200_000_000
    (dropped,) = [json.loads(line) for line in end_of(path).splitlines() if '"dropped"' in line]
    assert dropped["bytes"] > FLOOD // 10
    assert '"event": "off"' in end_of(path, 500)


def test_a_job_that_does_everything_at_once(machine: AgentMachine, tmp_path: Path) -> None:
    """Deaf to SIGINT, with a daemon in a session of its own and a forged result in its name: ended, and told as it was.

    No word of the name is believed, and nothing of the job is left.
    """
    note = tmp_path / "daemon"
    daemon = f"trap '' TERM INT HUP; echo $$ > {note}.part; mv {note}.part {note}; while :; do sleep 1; done"
    child = {"command": ["/bin/sh", "-c", f"setsid /bin/sh -c {shlex.quote(daemon)} &"], "hides": True}
    with package_server(runner_package(script(job=FORGED, hang=True, deaf=True, children=[child]))) as server:
        agent = machine.start("--stop-grace", "0.2")
        machine.assign(server)
        eventually(note.exists, "the daemon")
        eventually(machine.reports, "the job's start")
        agent.terminate()
        assert agent.wait(PATIENCE) == 0
    started, finished = machine.reports()
    assert (started.event, finished.event, started.job_name) == (STARTED, FINISHED, FORGED)
    assert (finished.result, finished.reason, finished.interrupted_by) == (INTERRUPTED, "sigterm", "sigterm")
    assert finished.exit_code == -9
    assert not alive(int(note.read_text()))
    nothing_left(machine)


@pytest.mark.slow
def test_the_cloud_warns_and_takes_the_machine(machine: AgentMachine, tmp_path: Path) -> None:
    """A rebalance is told and nothing more; a spot notice is told before it ends the job; the log was readable by then.

    The machine does not wait for a cloud that will not take it: here there is none.
    """
    shell = ["echo said by the job"]
    with package_server(runner_package(script(job="build", shell=shell, hang=True))) as server:
        notice(machine, "rebalance", 0)
        agent = machine.start("--log-dir", str(tmp_path / "logs"))
        assigned = machine.assign(server)
        eventually(lambda: len(machine.reports()) >= 2, "the start and the rebalance recommendation")
        live = tmp_path / "logs" / machine.name / f"{assigned.job_id}.log"
        eventually(lambda: "stdout said by the job" in end_of(live), "the job's line in the shipped log")
        at = notice(machine, "spot", 44)
        assert agent.wait(PATIENCE) == 0
    *told, warned, finished = machine.reports()
    assert {(report.event, report.reason, report.result) for report in told} == {
        (BEAT, "rebalance", None),
        (STARTED, "", None),
    }
    assert (warned.event, warned.reason) == (BEAT, "spot_notice")
    assert f"moment {at}" in warned.detail
    assert (finished.event, finished.result, finished.reason) == (FINISHED, INTERRUPTED, "spot_notice")
    assert (finished.interrupted_by, finished.conclusion, finished.exit_code) == ("spot", "cancelled", 0)
    assert end_of(live).splitlines()[-1].split()[2] == "off"
    nothing_left(machine)


def test_too_little_room_for_a_job(machine: AgentMachine) -> None:
    """A machine whose disk is nearly full before a job takes none, and says why."""
    (failed,) = machine.serve(runner_package(script(idle=True)), "--low-disk-mib", "1e9")
    assert (failed.event, failed.result) == (ReportEvent.FAILED_TO_START, OperationalResult.FAILED_TO_START)
    assert (failed.reason, failed.interrupted_by) == ("disk_full", None)
    nothing_left(machine)


def on_small_disk(disk: Path, server: PackageServer, *options: str) -> AgentMachine:
    """A machine on this disk, its life over."""
    machine = AgentMachine(disk, f"m-{disk.parent.name}"[:60])
    try:
        agent = machine.start(*options)
        machine.assign(server)
        assert agent.wait(PATIENCE) == 0, machine.log_text()
    finally:
        machine.close()
    return machine


@pytest.mark.slow
def test_a_job_fills_the_disk(tmp_path: Path) -> None:
    """It is ended while there is room for the report.

    Where the tests do not run as root, no small disk can be had, and the job is served.
    """
    fill = f"head -c {(24 << 20) * ROOT} /dev/zero > ../tmp/fill"
    job = script(job="build", shell=[fill], hang=ROOT)
    with package_server(runner_package(job)) as server, small_disk(tmp_path / "disk", 36) as disk:
        machine = on_small_disk(disk, server, "--low-disk-mib", "20" if ROOT else "1")
        last = machine.reports()[-1]
        if ROOT:
            assert (last.event, last.result, last.reason) == (FINISHED, INTERRUPTED, "disk_full")
            assert (last.interrupted_by, last.conclusion) == ("disk_full", "cancelled")
        else:
            served(machine)
        nothing_left(machine)


def test_a_job_fills_the_disk_to_the_brim(tmp_path: Path) -> None:
    """Not a byte is left when it ends: its files are removed, and then there is room for the report."""
    fill = f"head -c {(100 << 20) * ROOT} /dev/zero > ../tmp/fill || true"
    with (
        package_server(runner_package(script(job="build", shell=[fill]))) as server,
        small_disk(tmp_path / "disk") as disk,
    ):
        machine = on_small_disk(disk, server, "--low-disk-mib", "0")
        assert [report.event for report in machine.reports()] == [STARTED, FINISHED]
        served(machine)
        assert machine.log()[-1]["event"] == "off"
        nothing_left(machine)


def test_peaks_of_a_job(machine: AgentMachine) -> None:
    """What the machine used at most while the job ran stands in its last report, and in no earlier one."""
    # A second of processor time, not of the clock: on a busy machine, too, it sees two readings.
    burn = "import time; [0 for _ in iter(lambda: time.process_time() < 1, False)]"
    command = f"{shlex.quote(sys.executable)} -ISc {shlex.quote(burn)}"
    started, finished = machine.serve(runner_package(script(job="build", shell=[command])))
    assert dict(started.peaks) == {}
    assert set(finished.peaks) == {"cpu_percent", "memory_bytes", "disk_bytes"}
    assert min(finished.peaks.values()) > 0
