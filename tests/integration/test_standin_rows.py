"""The runner stand-in, row by row: what the real Listener's exit codes, lines and answers to signals are."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from _pytest.mark import ParameterSet

from paddock.adapters.standin import Failure, GitHubStandIn, JobScript, RunnerFaults, Step
from paddock.core.units import SECOND
from tests.agent.standin_runner import (
    LABELS,
    REPOSITORY,
    RunnerProcess,
    eventually,
    registration,
    runner,
    session_members,
    the_job,
    token_registration,
    unpack,
    worker_of,
)

pytestmark = pytest.mark.slow

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
LONG = (Step("Sleep", "sleep 600"),)
GOOD = (Step("Good", "true"),)
NOBODY = ()
Act = Callable[["Scene"], None]


@attrs.frozen
class Scene:
    """A Listener at work: what a row acts upon."""

    standin: GitHubStandIn
    listener: RunnerProcess
    run_id: int | None

    def in_step(self) -> None:
        """Wait until a step of the job really runs."""
        eventually(lambda: "Processing step" in self.listener.diag("Worker"), "the step")

    def listening(self) -> None:
        """Wait until the Listener listens, and its poll is held."""
        self.listener.says("Listening for Jobs")
        eventually(lambda: self.standin.held_polls == 1, "the poll")


@attrs.frozen
class Row:
    """A row: the scenario, what is done meanwhile, and what must come of it. The texts are regular expressions."""

    code: int
    faults: RunnerFaults = attrs.field(factory=RunnerFaults)
    steps: tuple[Step, ...] = NOBODY
    act: Act = lambda scene: None  # noqa: ARG005 - most rows only watch
    env: dict[str, str] = attrs.field(factory=dict)
    before: Callable[[GitHubStandIn, Path], None] = lambda standin, folder: None  # noqa: ARG005 - as above
    out: str = ""
    err: str = ""
    command: tuple[str, ...] = ("bin/Runner.Listener", "run")
    encoded: str | None = None
    ephemeral: bool = True
    conclusion: str | None = None


@pytest.fixture(name="standin")
def _standin() -> Iterator[GitHubStandIn]:
    with GitHubStandIn(scale=0.01) as standin:
        standin.add_repository(REPOSITORY)
        yield standin


def play(row: Row, standin: GitHubStandIn, folder: Path) -> Scene:
    """Let the row happen; the scene when the Listener has ended."""
    run_id = None
    if row.steps:
        script = JobScript("build", LABELS, row.steps, faults=row.faults)
        run_id = standin.start_run(REPOSITORY, [script]).run_id
    standin.fault_next_registration(row.faults)
    unpack(folder)
    if not row.ephemeral:
        token_registration(standin, folder, ephemeral=False)
    encoded = row.encoded if row.encoded is not None or not row.ephemeral else registration(standin)
    row.before(standin, folder)
    with runner(folder, encoded or None, command=row.command, env=row.env) as listener:
        scene = Scene(standin, listener, run_id)
        row.act(scene)
        assert listener.ends() == row.code, (listener.out, listener.err)
    assert re.search(row.out, listener.out, re.MULTILINE), listener.out
    assert re.search(row.err, listener.err, re.MULTILINE), listener.err
    if row.conclusion is not None:
        assert run_id is not None
        assert standin.run(run_id).conclusion == row.conclusion
    return scene


def sigint_idle(scene: Scene) -> None:
    scene.listening()
    scene.listener.signal(signal.SIGINT)


def sigterm_idle(scene: Scene) -> None:
    scene.listening()
    scene.listener.signal(signal.SIGTERM)


def sigint_busy(scene: Scene) -> None:
    scene.in_step()
    scene.listener.signal(signal.SIGINT)


def sigterm_busy(scene: Scene) -> None:
    scene.in_step()
    scene.listener.signal(signal.SIGTERM)


def cancel(scene: Scene) -> None:
    scene.in_step()
    assert scene.run_id is not None
    assert scene.standin.cancel_run(REPOSITORY, scene.run_id)


def delete_idle(scene: Scene) -> None:
    scene.listening()
    scene.standin.model.runners.delete(scene.standin.runners()[0].id)


def lose_assignment(scene: Scene) -> None:
    scene.listening()
    scene.listener.signal(signal.SIGSTOP)
    run_id = scene.standin.start_run(REPOSITORY, [JobScript("build", LABELS)]).run_id
    eventually(lambda: scene.standin.held_polls == 0, "the message on its way")
    scene.standin.cancel_run(REPOSITORY, run_id)
    scene.listener.signal(signal.SIGCONT)


def kill_worker(scene: Scene) -> None:
    scene.in_step()
    os.kill(worker_of(scene.listener), signal.SIGKILL)


def delete_before(standin: GitHubStandIn, _: Path) -> None:
    standin.model.runners.delete(standin.runners()[0].id)


def work_in_the_way(_: GitHubStandIn, folder: Path) -> None:
    (folder / "_work").write_text("a file where the directory should be", encoding="utf-8")


def fail_polls(standin: GitHubStandIn, _: Path) -> None:
    standin.fail_next("runner-message", Failure(503), times=10)


def fail_some_polls(standin: GitHubStandIn, _: Path) -> None:
    standin.fail_next("runner-message", Failure(503), times=3)


HOSTED = {"ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED": "1"}
OPTED = {"ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "true"}
ENDED = r"^.*: Job build completed with result: {}$".format

A4 = {
    "0 job succeeded": Row(0, steps=GOOD, out=ENDED("Succeeded"), conclusion="success"),
    "0 job failed": Row(0, steps=(Step("Bad", "exit 9"),), out=ENDED("Failed"), conclusion="failure"),
    "0 job cancelled": Row(0, steps=LONG, act=cancel, out=ENDED("Canceled"), conclusion="cancelled"),
    "0 job's worker crashed": Row(0, steps=LONG, act=kill_worker, out=ENDED("Failed"), conclusion="failure"),
    "0 job lost its lease": Row(0, RunnerFaults(network_cut=True), LONG, out=ENDED("Abandoned")),
    "0 worker hung": Row(0, RunnerFaults(worker_hang=True), GOOD, out="Running job: build"),
    "0 SIGINT": Row(0, act=sigint_idle, out="^Exiting...$"),
    "0 deleted while listening": Row(0, act=delete_idle, err="^The runner no longer exists on the server"),
    "0 deleted while idle": Row(0, RunnerFaults(delete_while_idle_after=SECOND // 10), err="no longer exists"),
    "0 assignment gone": Row(0, act=lose_assignment, out="Listening for Jobs\n$"),
    "0 token revoked": Row(0, RunnerFaults(refused="token_revoked"), out="Listening for Jobs\n$"),
    "0 --version": Row(0, command=("bin/Runner.Listener", "--version"), out=r"\A2\.336\.0\n\Z"),
    "0 warmup": Row(0, command=("bin/Runner.Listener", "warmup"), out=r"\A\Z"),
    "1 not configured": Row(1, encoded="", err="^Runner is not configured"),
    "1 registration deleted": Row(1, before=delete_before, err="registration has been deleted from the server"),
    "1 fatal authentication": Row(1, RunnerFaults(refused="access_denied"), err="^An error occurred: "),
    "1 bad blob": Row(1, encoded="bm8=", err="^An error occurred: "),
    "1 work directory": Row(1, before=work_in_the_way, err="^An error occurred: "),
    "1 version too old": Row(1, RunnerFaults(version_too_old=True), err="is deprecated and cannot receive messages"),
    "1 clock": Row(1, RunnerFaults(clock_skew=True), err="clock may be out of sync with the server time by more"),
    "1 broker says never": Row(1, RunnerFaults(refused="fatal"), err="^An error occurred: "),
    "2 unhandled": Row(2, RunnerFaults(refused="unhandled"), err="^An error occurred: "),
    "2 ten errors": Row(2, before=fail_polls, err="^An error occurred: "),
    "2 after a cancel": Row(2, RunnerFaults(exit_2_on_cancel=True), LONG, cancel, out=ENDED("Canceled")),
    "3 updating": Row(3, RunnerFaults(update_requested=True), out="^Runner update process finished.$", ephemeral=False),
    "4 updating, one job": Row(4, RunnerFaults(update_requested=True), out="^Runner update process finished.$"),
    "5 session conflict": Row(5, RunnerFaults(session_conflict=True), err="^Stop retry on SessionConflictException"),
    "7 version too old": Row(7, RunnerFaults(version_too_old=True), env=OPTED, err="is deprecated and cannot"),
    "100 Succeeded": Row(100, steps=GOOD, env=HOSTED),
    "101 SucceededWithIssues": Row(101, RunnerFaults(result="success_with_issues"), GOOD, env=HOSTED),
    "102 Failed": Row(102, steps=(Step("Bad", "false"),), env=HOSTED),
    "103 Canceled": Row(103, steps=LONG, act=cancel, env=HOSTED),
    "104 Skipped": Row(104, RunnerFaults(result="skipped"), GOOD, env=HOSTED),
    "143 SIGTERM": Row(143, act=sigterm_idle, out="^Exiting...$"),
    "a crash before the session": Row(-signal.SIGABRT, RunnerFaults(crash_before_session=True), err="ICU"),
}
"""What the Listener exits with, by what happened. 6 never leaves the process; 105 would need GitHub to be reached."""


def rows_of(table: dict[str, Row]) -> list[ParameterSet]:
    """The rows by name; a Listener tries a wrong clock for half an hour, and be it a scaled one."""
    return [pytest.param(row, id=name, marks=[pytest.mark.slow] * ("clock" in name)) for name, row in table.items()]


@pytest.mark.parametrize("row", rows_of(A4))
def test_exit_codes(row: Row, standin: GitHubStandIn, tmp_path: Path) -> None:
    """Every exit code of the Listener, each with the line that goes with it and with what GitHub then says."""
    play(row, standin, tmp_path)


A5 = {
    "connected": Row(0, steps=GOOD, out=r"\A\n√ Connected to GitHub\n\nCurrent runner version: '2\.336\.0'\n"),
    "listening": Row(0, steps=GOOD, out=rf"^{STAMP}: Listening for Jobs$"),
    "running": Row(0, steps=GOOD, out=rf"^{STAMP}: Running job: build$"),
    "Succeeded": Row(0, steps=GOOD, out=rf"^{STAMP}: Job build completed with result: Succeeded$"),
    "SucceededWithIssues": Row(
        0, RunnerFaults(result="success_with_issues"), GOOD, out=ENDED("SucceededWithIssues"), conclusion="success"
    ),
    "Failed": Row(0, RunnerFaults(result="failure"), GOOD, out=ENDED("Failed"), conclusion="failure"),
    "Canceled": Row(0, RunnerFaults(result="cancelled"), GOOD, out=ENDED("Canceled"), conclusion="cancelled"),
    "Skipped": Row(0, RunnerFaults(result="skipped"), GOOD, out=ENDED("Skipped")),
    "Abandoned": Row(0, RunnerFaults(network_cut=True), LONG, out=ENDED("Abandoned")),
    "removed": Row(0, steps=GOOD, out=r"^√ Removed \.credentials\n√ Removed \.runner\n\Z"),
    "exiting": Row(0, act=sigint_idle, out=r"^Exiting\.\.\.\n\Z"),
    "update": Row(
        4,
        RunnerFaults(update_requested=True),
        out=r"^Runner update in progress, do not shutdown runner\.\nDownloading 9\.999\.0 runner\n"
        r"Waiting for current job finish running\.\nGenerate and execute update script\.\n"
        r"Runner will exit shortly for update, should be back online within 10 seconds\.\n"
        r"Runner update process finished\.\n\Z",
    ),
    "connect error": Row(
        0,
        steps=GOOD,
        before=fail_some_polls,
        err=rf"\A{STAMP}: Runner connect error: .*\. Retrying until reconnected\.\n\Z",
        out=rf"^{STAMP}: Runner reconnected\.$",
    ),
    "registration deleted": Row(
        1,
        before=delete_before,
        err=r"\AFailed to create a session\. The runner registration has been deleted from the server, "
        r"please re-configure\. ",
    ),
    "session conflict": Row(
        5,
        RunnerFaults(session_conflict=True),
        err=r"\A(A session for this runner already exists\.\n)+"
        r"Stop retry on SessionConflictException after retried for 240 seconds\.\n\Z",
    ),
    "no longer exists": Row(
        0, act=delete_idle, err=r"\AThe runner no longer exists on the server\. Cleaning up local configuration\.\n\Z"
    ),
    "clock": Row(
        1,
        RunnerFaults(clock_skew=True),
        err=r"\AThe local machine's clock may be out of sync with the server time by more than five minutes\. ",
    ),
    "deprecated": Row(
        1,
        RunnerFaults(version_too_old=True),
        err=r"\AAn error occurred: Runner version v2\.336\.0 is deprecated and cannot receive messages\.\n\Z",
    ),
}
"""What the Listener prints, by its line's name; everything else than these lines stays away."""


@pytest.mark.parametrize("row", rows_of(A5))
def test_lines(row: Row, standin: GitHubStandIn, tmp_path: Path) -> None:
    """Every line of the Listener that an agent may look for, on its stream, in its form."""
    play(row, standin, tmp_path)


CLEANUP = Step("Clean up", "true", always=True)
SCRIPT = ("run.sh",)
FORWARD = {"RUNNER_MANUALLY_TRAP_SIG": "1"}


def sigint_group(scene: Scene) -> None:
    scene.listening()
    os.killpg(scene.listener.process.pid, signal.SIGINT)


def sigint_script_alone(scene: Scene) -> None:
    """To run.sh alone it means nothing: it waits for its child, which works on."""
    scene.listening()
    scene.listener.signal(signal.SIGINT)
    scene.standin.start_run(REPOSITORY, [JobScript("build", LABELS)])
    scene.listener.says("Job build completed with result: Succeeded")


A9 = {
    "run.sh SIGTERM": Row(-signal.SIGTERM, act=sigterm_idle, command=SCRIPT),
    "run.sh SIGINT": Row(0, act=sigint_script_alone, command=SCRIPT, out="Succeeded"),
    "run.sh SIGINT to its group": Row(0, act=sigint_group, command=SCRIPT, out="^Exiting...$"),
    "run.sh forwards SIGTERM": Row(143, act=sigterm_idle, command=SCRIPT, env=FORWARD, out="^Exiting...$"),
    "run.sh forwards SIGINT": Row(130, act=sigint_idle, command=SCRIPT, env=FORWARD, out="^Exiting...$"),
    "Listener SIGINT": Row(0, act=sigint_idle, out="^Exiting...$"),
    "Listener SIGTERM": Row(143, act=sigterm_idle, out="^Exiting...$"),
    "job SIGINT": Row(0, steps=(*LONG, CLEANUP), act=sigint_busy, out=ENDED("Canceled"), conclusion="failure"),
    "job SIGTERM": Row(143, steps=(*LONG, CLEANUP), act=sigterm_busy, out=ENDED("Canceled"), conclusion="failure"),
    "job ignores SIGINT": Row(
        0, RunnerFaults(ignore_sigint=True), LONG, sigint_busy, out=ENDED("Canceled"), conclusion="failure"
    ),
    "cancel": Row(0, steps=(*LONG, CLEANUP), act=cancel, out=ENDED("Canceled"), conclusion="cancelled"),
}
"""What signals do, and what GitHub's cancel does instead."""
CLEANED = {"job SIGINT": "skipped", "job SIGTERM": "skipped", "cancel": "success"}
ORPHANED = frozenset({"run.sh SIGTERM"})


@pytest.mark.parametrize("name", A9)
def test_signals(name: str, standin: GitHubStandIn, tmp_path: Path) -> None:
    """Every signal to every program: its exit code, the fate of the job's ``always()`` step, and what is left alive."""
    row = A9[name]

    def act(scene: Scene) -> None:
        row.act(scene)
        scene.listener.ends()
        left = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in session_members(scene.listener.process.pid)]
        assert any(b"Runner.Listener" in command for command in left) == (name in ORPHANED)

    play(attrs.evolve(row, act=act), standin, tmp_path)
    if name in CLEANED:
        assert {step.name: step.conclusion for step in the_job(standin).steps}["Clean up"] == CLEANED[name]


def test_the_inherited_ignore_of_sigint_is_kept(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A shell starts its background children with SIGINT ignored; such a Listener does not hear it at all."""
    unpack(tmp_path)
    script = "bin/Runner.Listener run & wait $!"
    (tmp_path / "background.sh").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (tmp_path / "background.sh").chmod(0o755)
    with runner(tmp_path, registration(standin), command=("background.sh",)) as shell:
        shell.says("Listening for Jobs")
        listeners = [
            pid
            for pid in session_members(shell.process.pid)
            if b"Runner.Listener" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        for pid in listeners:
            os.kill(pid, signal.SIGINT)
        standin.start_run(REPOSITORY, [JobScript("build", LABELS)])
        assert shell.ends() == 0
    assert "Exiting..." not in shell.out
    assert "Job build completed with result: Succeeded" in shell.out


RUN_SH = ("0 job failed", "1 fatal authentication", "5 session conflict", "a crash before the session")


@pytest.mark.parametrize("name", RUN_SH)
def test_run_sh_says_0(name: str, standin: GitHubStandIn, tmp_path: Path) -> None:
    """Whatever the Listener exits with, its script exits with 0."""
    play(attrs.evolve(A4[name], code=0, command=SCRIPT), standin, tmp_path)


def test_run_sh_refuses_root_with_0(standin: GitHubStandIn, tmp_path: Path) -> None:
    """As root, without leave, it starts nothing and says 0; as anybody else it does its work."""
    with runner(tmp_path, registration(standin), command=SCRIPT, env={"RUNNER_ALLOW_RUNASROOT": ""}) as script:
        if os.geteuid() == 0:
            assert script.ends() == 0
            assert "Must not run interactively with sudo" in script.out
            assert "Listening" not in script.out
        else:
            script.says("Listening for Jobs")


def test_run_sh_splits_words(standin: GitHubStandIn, tmp_path: Path) -> None:
    """An argument with blanks reaches the Listener in pieces."""
    standin.fault_next_registration(RunnerFaults(version_too_old=True))
    with runner(tmp_path, registration(standin), command=("run.sh", "--one two --three")) as script:
        assert script.ends() == 0
    assert re.findall("arguments: '(.*?)'", script.err) == ["one", "three"]
