"""A supervisor as a real process: what ends a job from outside, and what must not."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.machine import alive, carriers, eventually
from tests.agent.runner_package import runner_package, script
from tests.agent.supervised import S, Supervised

GHOST = "[2026-11-22 13:00:05Z WARN Runner] Skipping message Job. Job message not found 'x'."
WORKER_BEGAN = "until [ -e _diag/Worker_1.log ]; do sleep 0.01; done"
UNTIL_GO = "while [ ! -e ../../go ]; do sleep 0.01; done"


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Supervised]:
    """A directory for one life; whatever a failed test leaves running is ended."""
    made = Supervised(tmp_path)
    yield made
    made.close(carriers)


def began(life: Supervised) -> None:
    """Wait for the job."""
    eventually(lambda: "Running job: " in life.log(), "a running job")


def listens(life: Supervised) -> None:
    """Wait for an idle Listener."""
    eventually(lambda: "Listening for Jobs" in life.log(), "an idle Listener")


def go(life: Supervised) -> None:
    """Let the job finish."""
    (life.directory / "go").touch()


def nothing_left(life: Supervised, result: dict[str, object]) -> None:
    """Neither threads nor descriptors nor processes outlive the supervisor."""
    assert (result["threads"], result["descriptors"], result["left"]) == (["MainThread"], -3, 0)
    assert carriers(life.directory.name) == []


@pytest.mark.parametrize("deaf", [False, True], ids=["obedient", "deaf"])
def test_the_machine_is_taken_during_a_job(life: Supervised, *, deaf: bool) -> None:
    """Told first, then stopped in time, by force if need be; then the machine would wait for AWS."""
    life.start(runner_package(script(job="build", hang=True, deaf=deaf)), spot_kill=S, spot_least=S // 10)
    began(life)
    at = life.notice("spot", 1.5)
    result = life.wait()
    assert (result["event"], result["result"], result["reason"]) == ("finished", "interrupted", "spot_notice")
    assert (result["interrupted_by"], result["wait_until"]) == ("spot", at + 300 * S)
    assert result["told"] == ["TELL_STARTED", "TELL_NOTICE"]
    assert (result["exit_code"], result["conclusion"]) == ((-9, None) if deaf else (0, "cancelled"))
    nothing_left(life, result)


def test_a_job_is_left_alone_until_the_last_moments(life: Supervised) -> None:
    """A short one finishes after the notice, and was served."""
    life.start(runner_package(script(job="build", shell=[UNTIL_GO], result="Failed")))
    began(life)
    at = life.notice("spot", 3_600)
    eventually(lambda: life.events("notice"), "the notice")
    go(life)
    result = life.wait()
    assert (result["result"], result["reason"], result["conclusion"]) == ("served", None, "failure")
    assert (result["told"], result["wait_until"]) == (["TELL_STARTED", "TELL_NOTICE"], at + 300 * S)
    nothing_left(life, result)


def test_the_machine_is_taken_while_idle(life: Supervised) -> None:
    """There is nothing to finish: it leaves at once, though the moment is far."""
    life.start(runner_package(script(idle=True)))
    listens(life)
    life.notice("spot", 3_600)
    result = life.wait()
    assert (result["event"], result["reason"], result["interrupted_by"]) == ("failed_to_start", "spot_notice", "spot")
    assert result["told"] == ["TELL_NOTICE"]
    nothing_left(life, result)


def test_a_rebalance_recommendation_is_told_and_no_more(life: Supervised) -> None:
    """The idle Listener goes on listening; a spot notice that follows is acted upon."""
    life.start(runner_package(script(idle=True)))
    listens(life)
    life.notice("rebalance", 0)
    eventually(lambda: life.events("notice"), "the recommendation")
    assert life.process.poll() is None
    life.notice("spot", 3_600)
    result = life.wait()
    assert result["told"] == ["TELL_NOTICE", "TELL_NOTICE"]
    assert [notice["kind"] for notice in life.events("notice")] == ["rebalance", "spot"]


@pytest.mark.parametrize("deaf", [False, True], ids=["obedient", "deaf"])
def test_a_job_fills_the_disk(life: Supervised, *, deaf: bool) -> None:
    """It is ended while there is room for the report."""
    life.start(runner_package(script(job="build", hang=True, deaf=deaf)), stop_grace=S // 5 if deaf else 20 * S)
    began(life)
    life.play("reading.json", {"disk_free": (500 << 20) - 1})
    result = life.wait()
    assert (result["result"], result["reason"], result["interrupted_by"]) == ("interrupted", "disk_full", "disk_full")
    assert result["exit_code"] == (-9 if deaf else 0)
    nothing_left(life, result)


def test_a_full_disk_before_a_job(life: Supervised) -> None:
    """The machine says that it cannot serve."""
    life.start(runner_package(script(idle=True)))
    life.play("reading.json", {"disk_free": 0})
    result = life.wait()
    assert (result["event"], result["reason"], result["interrupted_by"]) == ("failed_to_start", "disk_full", None)


def test_short_memory_is_written_down(life: Supervised) -> None:
    """Which processes use it stands in the log, once a minute; the job goes on and is served."""
    life.start(runner_package(script(job="build", shell=[UNTIL_GO])))
    began(life)
    life.play("reading.json", {"memory_available": 1})
    (warning,) = eventually(lambda: life.events("memory_low"), "the warning")
    go(life)
    assert life.wait()["result"] == "served"
    assert len(life.events("memory_low")) == 1
    assert 1 <= len(warning["largest"]) <= 5
    assert all(line.split()[0].isdigit() and line.split()[-1].isdigit() for line in warning["largest"])


def test_peaks_of_a_job(life: Supervised) -> None:
    """Memory and disk of the machine, and the cores that the job kept busy, as far as they were read."""
    burn = f"{shlex.quote(sys.executable)} -ISc 'import time; end = time.monotonic() + 1; [0 for _ in iter(lambda: time.monotonic() < end, False)]'"  # noqa: E501 - one command
    life.start(runner_package(script(job="build", shell=[burn])), rhythm={"resources": S // 4})
    peaks = life.wait()["peaks"]
    assert set(peaks) == {"cpu_percent", "memory_bytes", "disk_bytes"}
    assert 10 <= peaks["cpu_percent"] <= 100 * (os.cpu_count() or 1) + 20
    assert min(peaks["memory_bytes"], peaks["disk_bytes"]) > 0


def test_a_ghost_is_not_waited_for(life: Supervised) -> None:
    """The line in the Listener's own log is all there is to see of it."""
    life.start(runner_package(script(idle=True)))
    listens(life)
    with (life.runner / "_diag" / "Runner_1.log").open("a") as log:
        log.write(f"[2026-11-22 13:00:05Z INFO Terminal] WRITE LINE: Skipping message Job.\n{GHOST}\n")
    result = life.wait()
    assert (result["event"], result["reason"], result["exit_code"]) == ("failed_to_start", "ghost", 0)
    nothing_left(life, result)


def test_a_job_cannot_pass_for_a_ghost(life: Supervised) -> None:
    """It may write into the log whatever it likes."""
    life.start(
        runner_package(script(job="build", shell=[f"echo {shlex.quote(GHOST)} >> _diag/Runner_1.log", UNTIL_GO]))
    )
    began(life)
    readings = life.events("deed")
    go(life)
    assert life.wait()["result"] == "served"
    assert [line["deed"] for line in readings] == ["tell_started"]


def test_a_job_without_a_worker(life: Supervised) -> None:
    """The Listener says that it runs one, and nothing does."""
    life.start(runner_package(script(job="build", hang=True)), worker_patience=S // 2)
    result = life.wait()
    assert (result["event"], result["result"]) == ("failed_to_start", "failed_to_start")
    assert (result["reason"], result["conclusion"]) == ("orphan", None)
    nothing_left(life, result)


def with_worker(life: Supervised, *shell: str, hang: bool = True) -> int:
    """Start a life whose job has a Worker, which has begun its log before the job's steps run; its process id."""
    children = [{"command": ["./bin/Runner.Worker", "spawnclient"]}]
    package = runner_package(script(job="build", hang=hang, children=children, shell=(WORKER_BEGAN, *shell)))
    life.start(package, worker_patience=S // 2)

    def find() -> int:
        for pid in carriers(life.directory.name):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"./bin/Runner.Worker" in words:
                return pid
        return 0

    return eventually(find, "the Worker")


def test_a_silent_worker_is_at_work(life: Supervised) -> None:
    """A step may say nothing for hours: as long as the process is there, the job is."""
    worker = with_worker(life, "sleep 1.5", hang=False)
    result = life.wait()
    assert (result["result"], result["reason"]) == ("served", None)
    assert not alive(worker)


def test_a_worker_is_killed(life: Supervised) -> None:
    """The Listener does not care: the job had begun, and is interrupted."""
    worker = with_worker(life)
    eventually(lambda: life.events("worker_seen"), "its first sign of life")
    os.kill(worker, signal.SIGKILL)
    result = life.wait()
    assert (result["result"], result["reason"]) == ("interrupted", "worker_died")
    nothing_left(life, result)


def test_the_listener_is_killed(life: Supervised) -> None:
    """The Worker that it leaves behind is ended with everything else."""
    worker = with_worker(life, UNTIL_GO, "kill -9 $PPID")
    go(life)
    result = life.wait()
    assert (result["result"], result["reason"], result["exit_code"]) == ("interrupted", "listener_died", -9)
    assert not alive(worker)
    nothing_left(life, result)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_that_a_deaf_job_left(life: Supervised, number: signal.Signals) -> None:
    """Its own session, no mark in its environment, deaf itself: the kill at the ladder's end finds it."""
    daemon = "trap '' TERM INT HUP; echo $$ > ../../daemon; while :; do sleep 1; done"
    children = [{"command": ["/bin/sh", "-c", f"setsid /bin/sh -c {shlex.quote(daemon)} & "], "hides": True}]
    life.start(runner_package(script(job="build", hang=True, deaf=True, children=children)), stop_grace=S // 5)
    file = life.directory / "daemon"
    daemon_pid = eventually(lambda: int(file.read_text() or "0") if file.exists() else 0, "the daemon")
    life.process.send_signal(number)
    result = life.wait()
    assert (result["reason"], result["exit_code"]) == ("sigterm", -9)
    assert not alive(daemon_pid)
    nothing_left(life, result)


@pytest.mark.parametrize(
    "spoil",
    [
        "mv _diag gone && ln -s /etc _diag",
        "mv _diag gone && mkfifo _diag",
        "mv _diag gone && touch _diag",
        "mv _diag gone",
        "cd _diag && rm -f * && mkfifo Runner_1.log Worker_1.log && ln -s /dev/zero Worker_2.log && mkdir Worker_3.log",
        "cd _diag && seq -f 'Worker_%g.log' 5000 | xargs touch",
        "chmod 0 _diag",
    ],
    ids=["link", "pipe", "file", "gone", "odd entries", "many entries", "locked"],
)
def test_a_job_spoils_its_diagnosis(life: Supervised, spoil: str) -> None:
    """Whatever stands there instead, the watch neither hangs nor ends the job for it.

    It is moved away: a directory into which its runner writes at this moment cannot be removed.
    """
    worker = with_worker(life, spoil, "sleep 0.5", hang=False)
    result = life.wait()
    assert (result["result"], result["reason"]) == ("served", None)
    assert len(life.events("probe_fails")) <= 1
    assert not alive(worker)


@pytest.mark.parametrize("source", ['yes "$(printf %0200d 0)"', "tr '\\0' x < /dev/zero"], ids=["lines", "one line"])
def test_a_burst_of_output(life: Supervised, source: str) -> None:
    """A hundred million bytes pass through in bounded memory, and what follows them is still understood."""
    life.start(runner_package(script(job="build", shell=[f"{source} | head -c 100000000", "echo"])))
    result = life.wait()
    assert (result["result"], result["conclusion"]) == ("served", "success")
    assert result["memory_kib"] < 10_000
    nothing_left(life, result)


def test_the_service_manager_hears_of_us(life: Supervised) -> None:
    """At once, and again before its patience ends."""
    life.start(runner_package(script(job="build")))
    assert life.wait()["heard"] >= 1
