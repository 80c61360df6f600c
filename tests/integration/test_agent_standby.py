"""Pool machines of the one-machine fleet as real processes: ready, idle for as long as need be, and then of use."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.adapters.memory import MemoryQueue
from paddock.adapters.process import FileAssignments, LocalMachines, Mailbox, box_arch
from paddock.adapters.system import SystemClock
from paddock.core.errors import Unsupported
from paddock.core.messages import EventMessage, ReportEvent, RunnerReported
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import OperationalResult
from tests.agent.machine import FAST, AgentMachine, carriers, eventually, package_server
from tests.agent.runner_package import SECRET, assignment, runner_package, script

READY, STARTED, FINISHED = ReportEvent.READY, ReportEvent.STARTED, ReportEvent.FINISHED


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AgentMachine]:
    """A machine's directory; whatever a failed test leaves running is ended."""
    made = AgentMachine(tmp_path, f"m-{tmp_path.name}"[:60])
    yield made
    made.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[LocalMachines]:
    """A fleet without machines, whose agents wait for orders no longer than a moment if they are for a job."""
    options = (*FAST, "--assignment-deadline", "0.001")
    machines = LocalMachines(tmp_path, SystemClock(), agent_options=options)
    yield machines
    with contextlib.suppress(FileNotFoundError):
        machines.terminate([path.name for path in (tmp_path / "machines").iterdir()])


def launched(fleet: LocalMachines, stock: Stock | None) -> Machine:
    """One machine, kept as that."""
    request = LaunchRequest(f"t-{stock}", 1, RunnerSpec(arch=box_arch()), Market.ON_DEMAND, 40, stock=stock)
    return fleet.launch(request).machines[0]


def heard(mailbox: Mailbox, queue: MemoryQueue[EventMessage]) -> list[RunnerReported]:
    """What has come in since the last time."""
    mailbox.collect()
    found = [received.message for received in queue.receive(10)]
    assert all(isinstance(message, RunnerReported) for message in found)
    return [message for message in found if isinstance(message, RunnerReported)]


def test_a_spare_waits_until_it_gets_a_job_and_serves_it(tmp_path: Path, fleet: LocalMachines) -> None:
    """Launched for a pool it says that it is ready, without a job or a name; orders that come later are served.

    A machine for a job, launched by the same fleet, has given up by then.
    """
    queue: MemoryQueue[EventMessage] = MemoryQueue(SystemClock())
    mailbox = Mailbox(tmp_path, queue)
    spare, other = launched(fleet, Stock.HOT), launched(fleet, None)
    eventually(lambda: not fleet.describe([other.id])[other.id].alive, "the end of a machine that nobody wanted")
    first: list[RunnerReported] = []

    def all_said() -> bool:
        first.extend(heard(mailbox, queue))
        return {report.machine for report in first} == {spare.id, other.id}

    eventually(all_said, "a word of each")
    told = [(report.machine, report.event, report.job_id, report.launch, report.runner_name) for report in first]
    assert sorted(told) == sorted([(spare.id, READY, 0, 0, ""), (other.id, ReportEvent.FAILED_TO_START, 0, 0, "")])
    assert fleet.describe([spare.id])[spare.id].alive
    with package_server(runner_package(script(job="build"))) as server:
        FileAssignments(tmp_path).put(assignment(spare.id, server.url, server.data))
        eventually(lambda: not fleet.describe([spare.id])[spare.id].alive, "the spare's end")
    served = [report for report in heard(mailbox, queue) if report.machine == spare.id]
    assert [report.event for report in served] == [STARTED, FINISHED]
    assert (served[-1].result, served[-1].job_id) == (OperationalResult.SERVED, 12345)
    assert served[-1].phases["assignment"] > 0


def test_a_spare_cannot_sleep_here(fleet: LocalMachines) -> None:
    """Whatever it is kept as: a process is ended, not stopped."""
    spare = launched(fleet, Stock.STOPPED)
    for ask in (fleet.stop, fleet.start):
        with pytest.raises(Unsupported, match="end them instead"):
            ask([spare.id])


def test_it_says_again_and_again_that_it_is_ready(machine: AgentMachine) -> None:
    """So that one word that is lost does no harm; and no more once it has a job."""
    agent = machine.start("--standby", "--heartbeat", "0.05")
    eventually(lambda: len(machine.reports()) > 2, "three words")
    with package_server(runner_package(script(job="build"))) as server:
        machine.assign(server)
        assert agent.wait(30) == 0, machine.log_text()
    events = [report.event for report in machine.reports()]
    words = events.count(READY)
    assert events[:words] == [READY] * words
    assert events[words:].count(STARTED) == 1


def test_told_to_stop_while_it_waits_it_leaves_without_a_word(machine: AgentMachine) -> None:
    """That is no failure. But a machine here lives once, so orders that lie there lose their secret."""
    with package_server(runner_package()) as server:
        agent = machine.start("--standby")
        eventually(lambda: (machine.directory / "outbox").is_dir() and machine.reports(), "its word")
        (taker,) = agents_children(agent.pid)
        os.kill(taker, signal.SIGSTOP)
        eventually(lambda: of_process(taker, "State").startswith("T"), "where the orders are looked for at rest")
        machine.assign(server)
        os.kill(agent.pid, signal.SIGTERM)
        eventually(lambda: is_told_to_stop(taker), "word of it where the orders are looked for")
        os.kill(taker, signal.SIGCONT)
        assert agent.wait(30) == 0
    assert [report.event for report in machine.reports()] == [READY]
    assert carriers(machine.name) == []
    assert not any(SECRET in path.read_text() for path in machine.directory.rglob("*") if path.is_file())
    assert not (machine.directory / "assignment.json").exists()


def agents_children(pid: int) -> list[int]:
    """The processes that it has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def of_process(pid: int, what: str) -> str:
    """What the system says of it."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())[what]


def is_told_to_stop(pid: int) -> bool:
    """True if SIGTERM waits for it."""
    return bool(int(of_process(pid, "ShdPnd"), 16) >> (signal.SIGTERM - 1) & 1)
