"""The rows of the conformance suite: what happens to a runner, and what the agent must report of it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from paddock.adapters.standin import Failure, RunnerFaults
from paddock.core.messages import Assignment, ReportEvent
from paddock.core.states import OperationalResult
from paddock.core.units import SECOND
from tests.agent.conformance import RunnerWorld, Scenario
from tests.agent.conformance_standin import StandInWorld
from tests.agent.machine import AgentMachine

MINUTE = 60 * SECOND
FINISHED, UNSTARTED = ReportEvent.FINISHED, ReportEvent.FAILED_TO_START
SERVED, INTERRUPTED = OperationalResult.SERVED, OperationalResult.INTERRUPTED
LATE, NEVER = OperationalResult.TIMED_OUT, OperationalResult.FAILED_TO_START


@attrs.frozen
class Stage:
    """A machine at work, and what its row may do to it."""

    world: RunnerWorld
    machine: AgentMachine
    assigned: Assignment
    run_id: int | None

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for the condition."""
        deadline = time.monotonic() + self.world.patience
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}; {self.machine.log_text()[-2000:]}"
            time.sleep(0.02)

    def prints(self, text: str) -> None:
        """Wait until the Listener has printed the text."""
        self.until(lambda: text in self.machine.log_text(), repr(text))

    def in_step(self) -> None:
        """Wait until the job's script is running: its Worker has the page of its output."""
        pages = self.machine.directory / "work" / "runner" / "_diag" / "pages"
        self.until(lambda: any(_says(page, "scenario ") for page in pages.glob("*.log")), "the scenario's step")

    def stop(self) -> None:
        """Tell the agent to stop."""
        self.machine.agents[-1].send_signal(signal.SIGTERM)


def _says(page: Path, text: str) -> bool:
    with page.open("rb") as file:
        return text.encode() in file.read(100_000)


def watch(_: Stage) -> None:
    """Do nothing: what is to happen happens by itself."""


def cancel(stage: Stage) -> None:
    """The author cancels the run."""
    stage.in_step()
    assert stage.run_id is not None
    stage.world.cancel(stage.run_id)


def stop_idle(stage: Stage) -> None:
    """The machine is told to stop while its runner waits for a job."""
    stage.prints("Listening for Jobs")
    stage.stop()


def stop_busy(stage: Stage) -> None:
    """The machine is told to stop while its job runs."""
    stage.in_step()
    stage.stop()


def delete_idle(stage: Stage) -> None:
    """GitHub loses its patience with an idle runner."""
    stage.prints("Listening for Jobs")
    stage.world.delete(stage.assigned.runner_id)


def delete_before(stage: Stage) -> None:
    """GitHub deletes the registration before the runner connects: the agent is not yet started."""
    stage.world.delete(stage.assigned.runner_id)


def kill_listener(stage: Stage) -> None:
    """The job, or the kernel for want of memory, kills the Listener."""
    stage.in_step()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                ours = f"PADDOCK_MACHINE={stage.machine.name}".encode() in (entry / "environ").read_bytes()
            except OSError:
                continue
            if ours and b"Runner.Listener" in command:
                os.kill(int(entry.name), signal.SIGKILL)


def refuse_polls(stage: Stage) -> None:
    """Ten polls in a row fail: the Listener ends with 2, and is started again."""
    assert isinstance(stage.world, StandInWorld)
    stage.world.standin.fail_next("runner-message", Failure(503), times=10)


@attrs.frozen
class Case:
    """A row. ``only_standin`` says why a genuine GitHub cannot be made to do it; empty: it can.

    ``github`` is the job's conclusion there (None: not concluded, or no job). ``first`` is done before the agent
    starts, ``act`` while it runs.
    """

    event: ReportEvent
    result: OperationalResult
    reason: str = ""
    conclusion: str | None = None
    exit_code: int | None = None
    github: str | None = None
    scenario: Scenario | None = None
    title: str = "build"
    first: Callable[[Stage], None] = watch
    act: Callable[[Stage], None] = watch
    faults: RunnerFaults = attrs.field(factory=RunnerFaults)
    idle: int = MINUTE
    runtime: int = MINUTE
    interrupted_by: str | None = None
    said: str = ""
    only_standin: str = ""


UNASKED = "GitHub does this when it likes"
ONCE = "the stand-in does it on demand, a genuine runner only by its own misfortune"
OLD = "needs a runner version that GitHub refuses"
LIE = "build completed with result: Succeeded"
NOW = "2026-11-22 13:00:00Z"

EXIT_CODES = {
    "0 success": Case(FINISHED, SERVED, "", "success", 0, "success", Scenario.SUCCESS),
    "0 failure": Case(FINISHED, SERVED, "", "failure", 0, "failure", Scenario.FAILURE),
    "0 cancelled": Case(FINISHED, SERVED, "", "cancelled", 0, "cancelled", Scenario.LONG, act=cancel),
    "0 deleted while listening": Case(UNSTARTED, NEVER, "registration_deleted", exit_code=0, act=delete_idle),
    "0 token revoked": Case(
        UNSTARTED,
        NEVER,
        "exited_without_job",
        exit_code=0,
        faults=RunnerFaults(refused="token_revoked"),
        only_standin=UNASKED,
    ),
    "0 worker hung": Case(
        UNSTARTED,
        NEVER,
        "orphan",
        exit_code=0,
        scenario=Scenario.SUCCESS,
        faults=RunnerFaults(worker_hang=True),
        only_standin=ONCE,
    ),
    "0 lease lost": Case(
        FINISHED,
        INTERRUPTED,
        "abandoned",
        "failure",
        0,
        None,
        Scenario.LONG,
        faults=RunnerFaults(network_cut=True),
        interrupted_by="lost_lease",
        only_standin="needs the network to be cut",
    ),
    "0 full disk": Case(
        FINISHED,
        SERVED,
        "",
        "failure",
        0,
        "failure",
        Scenario.LONG,
        faults=RunnerFaults(disk_full=True),
        only_standin="would fill the disk of whoever runs it",
    ),
    "1 registration deleted": Case(UNSTARTED, NEVER, "registration_deleted", exit_code=1, first=delete_before),
    "1 authentication": Case(
        UNSTARTED,
        NEVER,
        "listener_failed",
        exit_code=1,
        faults=RunnerFaults(refused="access_denied"),
        only_standin=UNASKED,
    ),
    "7 version too old": Case(  # 7, not 1: the agent asks for it
        UNSTARTED,
        NEVER,
        "version_too_old",
        exit_code=7,
        faults=RunnerFaults(version_too_old=True),
        only_standin=OLD,
    ),
    "1 clock": Case(
        UNSTARTED,
        NEVER,
        "clock_skew",
        exit_code=1,
        faults=RunnerFaults(clock_skew=True),
        only_standin="needs the machine's clock to be set wrong",
    ),
    "1 broker says never": Case(
        UNSTARTED, NEVER, "listener_failed", exit_code=1, faults=RunnerFaults(refused="fatal"), only_standin=UNASKED
    ),
    "2 once, then served": Case(
        FINISHED,
        SERVED,
        "",
        "success",
        0,
        "success",
        Scenario.SUCCESS,
        faults=RunnerFaults(refused="unhandled"),
        said='"code": 2',
        only_standin=UNASKED,
    ),
    "2 for ten errors, then served": Case(
        FINISHED,
        SERVED,
        "",
        "success",
        0,
        "success",
        Scenario.SUCCESS,
        first=refuse_polls,
        said='"code": 2',
        only_standin="needs GitHub to be unreachable",
    ),
    "2 after a cancelled job": Case(
        FINISHED,
        SERVED,
        "",
        "cancelled",
        2,
        "cancelled",
        Scenario.LONG,
        act=cancel,
        faults=RunnerFaults(exit_2_on_cancel=True),
        only_standin=ONCE,
    ),
    "4 updated, then served": Case(
        FINISHED,
        SERVED,
        "",
        "success",
        0,
        "success",
        Scenario.SUCCESS,
        faults=RunnerFaults(update_requested=True),
        said="Current runner version: '9.999.0'",
        only_standin=OLD,
    ),
    "5 session conflict": Case(
        UNSTARTED,
        NEVER,
        "session_conflict",
        exit_code=5,
        faults=RunnerFaults(session_conflict=True),
        only_standin="would take four minutes and a second process of the same registration",
    ),
    "a crash": Case(
        UNSTARTED,
        NEVER,
        "listener_failed",
        exit_code=-signal.SIGABRT,
        faults=RunnerFaults(crash_before_session=True),
        only_standin="needs a system without its libraries",
    ),
    "killed with its job": Case(
        FINISHED,
        INTERRUPTED,
        "listener_died",
        exit_code=-signal.SIGKILL,
        scenario=Scenario.LONG,
        act=kill_listener,
        interrupted_by="listener_died",
    ),
}
"""Rows by exit code. 3 and 100 to 105 are not for one-job runners as the agent starts them, 6 never leaves the process,
7 is not asked for, and SIGTERM (143) the agent does not send."""

SIGNALS = {
    "idle, told to stop": Case(
        UNSTARTED, NEVER, "sigterm", exit_code=0, act=stop_idle, interrupted_by="sigterm", said="Exiting..."
    ),
    "idle for too long": Case(UNSTARTED, NEVER, "no_job", exit_code=0, idle=SECOND, said="Exiting..."),
    "busy, told to stop": Case(
        FINISHED,
        INTERRUPTED,
        "sigterm",
        "cancelled",
        0,
        "failure",
        Scenario.LONG,
        act=stop_busy,
        interrupted_by="sigterm",
        said="Exiting...",
    ),
    "busy and deaf to SIGINT": Case(
        FINISHED,
        INTERRUPTED,
        "sigterm",
        "cancelled",
        0,
        "failure",
        Scenario.IGNORES_SIGINT,
        act=stop_busy,
        interrupted_by="sigterm",
    ),
    "busy and deaf to all": Case(
        FINISHED,
        INTERRUPTED,
        "sigterm",
        "cancelled",
        0,
        "failure",
        Scenario.IGNORES_EVERYTHING,
        act=stop_busy,
        interrupted_by="sigterm",
    ),
    "busy for too long": Case(
        FINISHED, LATE, "max_runtime", "cancelled", 0, "failure", Scenario.LONG, runtime=2 * SECOND
    ),
}
"""Rows by what the machine's end does to the runner."""


def _named(title: str, scenario: Scenario = Scenario.FAILURE) -> Case:
    conclusion = "success" if scenario is Scenario.SUCCESS else "failure"
    return Case(FINISHED, SERVED, "", conclusion, 0, conclusion, scenario, title=title)


FORGERIES = {
    "a name that ends like a result": _named(LIE),
    "a name that fails and succeeds": _named("build completed with result: Failed", Scenario.SUCCESS),
    "a name like a whole line": _named(f"{NOW}: Job build completed with result: Succeeded"),
    "a name of two lines": attrs.evolve(
        _named(f"x\n{NOW}: Job {LIE}\n{NOW}: Running job: y"), only_standin="an input cannot hold a line's end"
    ),
    "a name with control characters": _named("\x1b]0;owned\x07\x1b[2J\u202eevil"),
    "a name as long as can be": _named("n" * 5_000),
    "writes into the Listener's output": _named("build", Scenario.FORGES),
    "floods the Listener's output": _named("build", Scenario.FLOODS),
    "leaves a process behind": _named("build", Scenario.DAEMONISES),
}
"""What a job's author may try. (The conclusion of a daemonising or flooding job is success.)"""
for _name in ("floods the Listener's output", "leaves a process behind"):
    FORGERIES[_name] = attrs.evolve(FORGERIES[_name], conclusion="success", github="success")
ALL = {**EXIT_CODES, **SIGNALS, **FORGERIES}
