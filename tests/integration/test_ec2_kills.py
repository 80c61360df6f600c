"""Processes of a machine killed at each phase they exist in: one end, and a true one; nothing left; off, once."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from paddock.core.messages import ReportEvent
from paddock.core.states import OperationalResult
from tests.agent.ec2_faults import Cuts, Victim, kill, kill_program, reach, said
from tests.agent.ec2_machine import Ec2, Ec2Machine, ec2, one_end
from tests.agent.machine import eventually
from tests.agent.runner_package import runner_package, script
from tests.agent.zipapp import build

pytestmark = pytest.mark.slow

FINISHED, FAILED = ReportEvent.FINISHED, ReportEvent.FAILED_TO_START
SERVED, INTERRUPTED = OperationalResult.SERVED, OperationalResult.INTERRUPTED
LISTENER, VERSION, WORKER = "bin/Runner.Listener run", "bin/Runner.Listener --version", "bin/Runner.Worker"
RESULT = ("Succeeded", "Failed")
BUSY = script(job="build", hang=True, worker=True)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ec2]:
    """A cloud with the agent as a single file."""
    root = tmp_path_factory.mktemp("ec2")
    build(root / "agent.pyz")
    with ec2(root, root / "agent.pyz") as made:
        yield made


@dataclass(frozen=True)
class End:
    """What must be reported."""

    event: ReportEvent
    result: OperationalResult
    reason: str = ""
    conclusion: str | None = None
    interrupted_by: str | None = None


UNSTARTED = End(FAILED, OperationalResult.FAILED_TO_START, "agent_died", interrupted_by="agent_died")
CUT_SHORT = End(FINISHED, INTERRUPTED, "agent_died", interrupted_by="agent_died")
GREEN, RED = End(FINISHED, SERVED, conclusion="success"), End(FINISHED, SERVED, conclusion="failure")


def end_of(machine: Ec2Machine) -> End:
    """The one that was reported."""
    told = one_end(machine.reports())
    assert told.machine == machine.name
    assert told.result is not None
    return End(told.event, told.result, told.reason, told.conclusion, told.interrupted_by)


def gone(machine: Ec2Machine, *, diagnosis: bool) -> None:
    """Off, by one press; nothing of the job is left but its diagnosis, if a Listener ran."""
    assert machine.is_off
    assert machine.left() == []
    assert (f"diag/{machine.aws.user_id}/Runner_1.log.gz" in machine.archived()) is diagnosis


@dataclass(frozen=True)
class Death:
    """The agent's, in a phase."""

    phase: str
    end: End | None
    does: Mapping[str, Any] = field(default_factory=lambda: BUSY)
    job: int = 12345  # whose log it is
    diagnosis: bool = False


DEATHS = (
    Death("assignment", UNSTARTED, job=0),
    Death("standby", None),
    Death("download", UNSTARTED),
    Death("preflight", UNSTARTED),
    Death("listening", UNSTARTED, script(idle=True), diagnosis=True),
    Death("job", CUT_SHORT, diagnosis=True),
    Death("after the job", CUT_SHORT, script(job="build", lingers=True), diagnosis=True),
)


@pytest.mark.parametrize("row", DEATHS, ids=lambda row: row.phase)
def test_the_agent_is_killed(cloud: Ec2, tmp_path: Path, row: Death) -> None:
    """What comes after it says that it died, and whether a job had begun; a pool's idle machine has nothing to say."""
    slow = tmp_path / "never" if row.phase == "preflight" else None
    with cloud.machine(runner_package(row.does, slow=slow), standby=row.phase == "standby") as machine:
        if row.phase == "download":
            machine.server.hold.clear()
        if row.phase not in {"assignment", "standby"}:
            machine.assign()

        def act(pid: int) -> None:
            reach(machine, row.phase)
            kill(pid)

        life = machine.live(act)
        assert (life.result, life.exit_status, life.after) == ("signal", "KILL", [0, 0])
        if row.end is None:
            assert {report.event for report in machine.reports()} <= {ReportEvent.READY}
        else:
            assert end_of(machine) == row.end
            assert any(" agent last_words " in line for line in machine.shipped(row.job))
        gone(machine, diagnosis=row.diagnosis)


@pytest.mark.parametrize(
    ("operation", "sign"),
    [("SendMessage", "report_waits"), ("PUT", '"event": "report", "what": "finished"'), ("PutLogEvents", "log_waits")],
    ids=["its report under way", "the diagnosis under way", "the log under way"],
)
def test_the_agent_is_killed_while_it_leaves(cloud: Ec2, tmp_path: Path, operation: str, sign: str) -> None:
    """The end was decided, so it is that end which is told, if it still has to be; log and diagnosis are not lost."""
    go = tmp_path / "go"
    waits = f"while [ ! -e {go} ]; do sleep 0.01; done"
    failing = operation == "SendMessage"  # a success is no message
    with cloud.machine(runner_package(script(job="build", shell=[waits], result=RESULT[failing]))) as machine:
        machine.assign()
        cuts = Cuts(machine)

        def act(pid: int) -> None:
            reach(machine, "job")
            eventually(lambda: "heartbeat_at" in (machine.aws.item() or {}), "the job's start told")
            cuts.cut([operation])
            before = machine.aws.front.operations().count(operation)
            go.touch()
            eventually(lambda: said(machine, sign), sign)
            eventually(lambda: machine.aws.front.operations().count(operation) > before, operation)
            kill(pid)
            cuts.mend()

        machine.live(act)
        assert end_of(machine) == (RED if failing else GREEN)
        assert any(" stdout " in line and "completed with result" in line for line in machine.shipped())
        assert any(" agent gone " in line for line in machine.shipped())
        gone(machine, diagnosis=True)


def test_an_agent_that_dies_before_it_noted_anything_is_told_of(cloud: Ec2) -> None:
    """Killed in its first moment, with metadata still away: whoever waits for the machine hears that it failed."""
    with cloud.machine(runner_package(BUSY)) as machine:
        machine.aws.imds.hold.clear()
        machine.assign()

        def act(pid: int) -> None:
            kill(pid)
            machine.aws.imds.hold.set()

        machine.live(act)
        assert end_of(machine) == UNSTARTED
        gone(machine, diagnosis=False)


@pytest.mark.slow
def test_the_agent_hangs_while_a_job_runs(cloud: Ec2) -> None:
    """Its watchdog ends it; the job, which nobody watched any more, is ended and told as interrupted."""
    with cloud.machine(runner_package(BUSY)) as machine:
        machine.assign()

        def act(pid: int) -> None:
            reach(machine, "job")
            os.kill(pid, signal.SIGSTOP)

        life = machine.live(act, silence=7.0)
        assert (life.result, life.exit_status) == ("watchdog", "ABRT")
        assert end_of(machine) == CUT_SHORT
        assert any(" agent last_words " in line for line in machine.shipped())
        gone(machine, diagnosis=True)


def test_an_agent_that_rests_goes_on(cloud: Ec2) -> None:
    """Stopped for a moment while the job ends: what happened meanwhile is read afterwards, and told."""
    with cloud.machine(runner_package(script(job="build", lasts=0.3))) as machine:
        machine.assign()

        def act(pid: int) -> None:
            reach(machine, "job")
            agent = Victim(pid)
            agent.rest(1.0)
            agent.close()

        life = machine.live(act)
        assert life.result == "success"
        assert end_of(machine) == GREEN
        gone(machine, diagnosis=True)


@dataclass(frozen=True)
class Loss:
    """A process of the job's killed in a phase."""

    name: str
    victim: str
    phase: str
    end: End
    does: Mapping[str, Any] = field(default_factory=lambda: BUSY)
    diagnosis: bool = True


NOT_STARTED = OperationalResult.FAILED_TO_START
LINGERS = script(job="build", lasts=0.1, worker=True, lingers=True)
LOSSES = (
    Loss("Listener, pre-flight", VERSION, "preflight", End(FAILED, NOT_STARTED, "preflight_failed"), diagnosis=False),
    Loss("Listener, idle", LISTENER, "listening", End(FAILED, NOT_STARTED, "listener_failed"), script(idle=True)),
    Loss("Listener, job", LISTENER, "job", End(FINISHED, INTERRUPTED, "listener_died", None, "listener_died")),
    Loss("Listener, after the job", LISTENER, "after the job", GREEN, LINGERS),
    Loss("Worker, job", WORKER, "job", RED),
)


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_a_process_of_the_job_is_killed(cloud: Ec2, tmp_path: Path, row: Loss) -> None:
    """The agent sees it and says what it means; a job that had ended is not taken for a lost one."""
    slow = tmp_path / "never" if row.phase == "preflight" else None
    with cloud.machine(runner_package(row.does, slow=slow)) as machine:
        machine.assign()

        def act(_pid: int) -> None:
            reach(machine, row.phase)
            kill_program(machine, row.victim)

        life = machine.live(act)
        assert (life.result, life.after) == ("success", [0, 0])
        assert end_of(machine) == row.end
        assert any(" agent off " in line for line in machine.shipped())
        gone(machine, diagnosis=row.diagnosis)


ORPHANS: tuple[tuple[str, Mapping[str, Any], Callable[[Ec2Machine], object]], ...] = (
    ("the agent", BUSY, lambda _machine: None),
    ("the Listener", {**BUSY, "careless": True}, lambda machine: kill_program(machine, LISTENER)),
)


@pytest.mark.parametrize(("first", "does", "kills"), ORPHANS, ids=[row[0] for row in ORPHANS])
def test_more_than_one_is_killed(
    cloud: Ec2, first: str, does: Mapping[str, Any], kills: Callable[[Ec2Machine], object]
) -> None:
    """Worker and agent, or all three: the one end says that a job was lost; the survivors are ended."""
    with cloud.machine(runner_package(does)) as machine:
        machine.assign()

        def act(pid: int) -> None:
            reach(machine, "job")
            os.kill(pid, signal.SIGSTOP)
            kill_program(machine, WORKER)
            kills(machine)
            kill(pid)

        machine.live(act)
        assert end_of(machine) == CUT_SHORT, first
        gone(machine, diagnosis=True)


def test_a_worker_that_outlives_its_job_is_ended(cloud: Ec2) -> None:
    """The Listener is done and gone; the Worker goes with the machine, and the job keeps its end."""
    with cloud.machine(runner_package(script(job="build", lasts=0.2, worker=True))) as machine:
        machine.assign()
        machine.live()
        assert end_of(machine) == GREEN
        gone(machine, diagnosis=True)
