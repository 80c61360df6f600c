"""Machines that are processes of this box: their lives, a fleet that restarts, and their thorough end."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import psutil
import pytest

from paddock.adapters.memory import ManualClock, MemoryQueue
from paddock.adapters.os_errors import error_of
from paddock.adapters.process import FileAssignments, LocalMachines, Mailbox, box_arch
from paddock.adapters.process.execution import MARKER
from paddock.adapters.process.spawn import agent_environment
from paddock.adapters.system import SystemClock
from paddock.agent.job import environment
from paddock.core.catalogue import fitting
from paddock.core.errors import AccessDenied, InvalidInput, TokenReused, Unavailable
from paddock.core.messages import EventMessage, ReportEvent, RunnerReported
from paddock.core.ports.machines import LaunchRequest, Machine, MachineState
from paddock.core.spec import Arch, Market, RunnerSpec
from paddock.core.units import DAY, MINUTE, SECOND
from tests.agent.machine import FAST, alive, all_machines, carriers, eventually, package_server
from tests.agent.runner_package import assignment, runner_package, script

SPEC = RunnerSpec(arch=box_arch())
OTHER_ARCH = Arch.ARM64 if box_arch() is Arch.X64 else Arch.X64


def asked(token: str = "t-1", count: int = 1, spec: RunnerSpec = SPEC, market: Market = Market.SPOT) -> LaunchRequest:
    return LaunchRequest(token, count, spec, market, 40, {"paddock": "test"})


def open_fleet(root: Path, slots: int = 4) -> LocalMachines:
    return LocalMachines(root, SystemClock(), slots=slots, agent_options=FAST)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[LocalMachines]:
    """A fleet without machines; whatever it still has afterwards is ended."""
    machines = open_fleet(tmp_path)
    yield machines
    with contextlib.suppress(FileNotFoundError):
        machines.terminate([path.name for path in (tmp_path / "machines").iterdir()])


def launched(fleet: LocalMachines, token: str = "t-1") -> Machine:
    """One machine whose agent runs."""
    (machine,) = fleet.launch(asked(token)).machines
    return running(fleet, machine.id)


def running(fleet: LocalMachines, machine: str) -> Machine:
    eventually(lambda: fleet.describe([machine])[machine].state is MachineState.RUNNING, "a running machine")
    return fleet.describe([machine])[machine]


def agent_pid(root: Path, machine: str) -> int:
    pid: int = json.loads((root / "machines" / machine / "process.json").read_text())["pid"]
    return pid


def agents_of(root: Path) -> list[int]:
    """The living agents of machines below `root`, by their command lines; not their children that wait for orders."""
    found: dict[int, int] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if "paddock.agent" in command and str(root / "machines") in " ".join(command) and alive(process.pid):
                found[process.pid] = process.ppid()
    return [pid for pid, parent in found.items() if parent not in found]


def test_a_machine_stands_for_the_cheapest_type_that_fits(fleet: LocalMachines) -> None:
    """So that what it would have cost elsewhere can be told: type, size and price are the catalogue's."""
    kind = fitting(SPEC)[0]
    (spot,) = fleet.launch(asked("spot")).machines
    (on_demand,) = fleet.launch(asked("on-demand", market=Market.ON_DEMAND)).machines
    assert (spot.instance_type, spot.vcpu, spot.arch, spot.disk) == (kind.name, kind.vcpu, kind.arch, 40)
    assert (spot.price, on_demand.price) == (kind.price(Market.SPOT), kind.on_demand)


def test_more_than_there_are_slots(tmp_path: Path, fleet: LocalMachines) -> None:
    """What can be had is had, the rest is said to be a lack of capacity; a slot that is free again can be taken."""
    outcome = fleet.launch(asked("t-1", 6))
    assert len(outcome.machines) == 4
    assert outcome.errors[0].startswith("InsufficientInstanceCapacity: ")
    assert not outcome.permanent
    assert fleet.launch(asked("t-2")).machines == ()
    fleet.terminate([outcome.machines[0].id])
    assert len(fleet.launch(asked("t-3")).machines) == 1
    assert fleet.launch(asked("t-2")).machines == (), "a token that came to nothing comes to nothing again"
    assert len(agents_of(tmp_path)) == 4


def test_another_architecture_can_never_be_had(fleet: LocalMachines) -> None:
    """The outcome is permanent and says which architecture this box has."""
    outcome = fleet.launch(asked(spec=RunnerSpec(arch=OTHER_ARCH)))
    assert outcome.permanent
    assert f"this box is {box_arch()}" in outcome.errors[0]


def test_an_image_can_never_be_had(fleet: LocalMachines) -> None:
    """Machines that are processes have none: the job is told so instead of running in whatever is here."""
    outcome = fleet.launch(asked(spec=RunnerSpec(arch=box_arch(), image="ubuntu-22")))
    assert (outcome.permanent, outcome.machines) == (True, ())
    assert "'ubuntu-22': leave it out" in outcome.errors[0]


def test_no_slots_is_a_mistake(tmp_path: Path) -> None:
    """A fleet without room could only refuse everything."""
    with pytest.raises(InvalidInput, match="slots = 0"):
        open_fleet(tmp_path, slots=0)


def test_a_machine_whose_agent_ends_is_terminated(tmp_path: Path, fleet: LocalMachines) -> None:
    """Its death is seen without anybody reporting it, and its zombie is buried, whoever started it."""
    machine = launched(fleet)
    pid = agent_pid(tmp_path, machine.id)
    os.kill(pid, signal.SIGKILL)
    adopter = open_fleet(tmp_path)
    eventually(lambda: not adopter.describe([machine.id])[machine.id].alive, "the machine's end")
    assert all_machines(adopter) == []
    eventually(lambda: not Path("/proc", str(pid)).exists(), "the zombie's burial")


def test_a_process_with_the_agents_id_is_not_the_agent(tmp_path: Path, fleet: LocalMachines) -> None:
    """Ids come back after a while: the start time tells one process from the other, and nobody else is killed."""
    machine = launched(fleet)
    path = tmp_path / "machines" / machine.id / "process.json"
    truth = path.read_text()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        path.write_text(json.dumps({"pid": stranger.pid, "started": 1}))
        assert fleet.describe([machine.id])[machine.id].state is MachineState.TERMINATED
        path.write_text(truth)
        assert fleet.describe([machine.id])[machine.id].state is MachineState.RUNNING
        path.write_text(json.dumps({"pid": stranger.pid, "started": 1}))
        fleet.terminate([machine.id])
        assert stranger.poll() is None
    finally:
        path.write_text(truth)
        stranger.communicate(b"\n")
    fleet.terminate([machine.id])
    assert agents_of(tmp_path) == []


def test_a_restarted_fleet_adopts_its_machines(tmp_path: Path, fleet: LocalMachines) -> None:
    """Everything it needs stands in the directories: it describes them as before, and can end them."""
    machine = launched(fleet)
    restarted = open_fleet(tmp_path)
    assert restarted.describe([machine.id]) == {machine.id: machine}
    assert restarted.launch(asked()).machines == (machine,)
    assert agents_of(tmp_path) == [agent_pid(tmp_path, machine.id)]
    restarted.terminate([machine.id])
    assert agents_of(tmp_path) == []
    assert all_machines(fleet) == []


def test_an_agent_that_has_not_written_its_file_is_found_by_its_command_line(
    tmp_path: Path, fleet: LocalMachines
) -> None:
    """Without process.json, long after the grace, it is pending and not dead; and it can be ended."""
    machine = launched(fleet)
    (tmp_path / "machines" / machine.id / "process.json").unlink()
    late = LocalMachines(tmp_path, ManualClock(SystemClock().now() + DAY), agent_options=FAST)
    assert late.describe([machine.id])[machine.id].state is MachineState.PENDING
    assert late.launch(asked()).machines[0].id == machine.id
    assert len(agents_of(tmp_path)) == 1
    late.terminate([machine.id])
    assert agents_of(tmp_path) == []


def test_a_launch_that_crashed_is_resumed(tmp_path: Path, fleet: LocalMachines) -> None:
    """After the record, after the directory, after the facts: the same machine is made, and once."""
    machine = launched(fleet)
    directory = tmp_path / "machines" / machine.id
    fleet.terminate([machine.id])
    for crash in ("before the directory", "before the facts", "before the agent"):
        if crash == "before the agent":
            for path in directory.iterdir():
                if path.name != "machine.json":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            shutil.rmtree(directory)
        if crash == "before the facts":
            directory.mkdir()
        again = open_fleet(tmp_path)
        assert again.describe([machine.id]).get(machine.id) is None or crash == "before the agent"
        (resumed,) = again.launch(asked()).machines
        assert (resumed.id, resumed.state) == (machine.id, MachineState.PENDING)
        running(again, machine.id)
        assert len(agents_of(tmp_path)) == 1
        again.terminate([machine.id])


def test_a_machine_that_never_came_to_life_is_given_up(tmp_path: Path, fleet: LocalMachines) -> None:
    """Pending for the grace, terminated after it; a repeated launch of the same token may still start it."""
    (machine,) = fleet.launch(asked()).machines
    fleet.terminate([machine.id])
    directory = tmp_path / "machines" / machine.id
    for path in directory.iterdir():
        if path.name != "machine.json":
            path.unlink()
    clock = ManualClock(machine.launched_at + 29 * SECOND)
    late = LocalMachines(tmp_path, clock, agent_options=FAST)
    assert late.describe([machine.id])[machine.id].state is MachineState.PENDING
    clock.advance(2 * SECOND)
    assert late.describe([machine.id])[machine.id].state is MachineState.TERMINATED
    assert late.page().items == ()
    assert late.launch(asked()).machines[0].state is MachineState.PENDING
    running(late, machine.id)


def test_a_used_token_with_another_market_is_refused_after_a_restart(tmp_path: Path, fleet: LocalMachines) -> None:
    """The parameters are remembered with the token, not in memory."""
    fleet.launch(asked())
    with pytest.raises(TokenReused):
        open_fleet(tmp_path).launch(asked(market=Market.ON_DEMAND))


def test_the_agent_has_nothing_of_the_fleets_environment(tmp_path: Path, fleet: LocalMachines) -> None:
    """No variable but those that are meant, no descriptor but its own; lower priority, no core dumps."""
    machine = launched(fleet)
    pid = agent_pid(tmp_path, machine.id)
    process = psutil.Process(pid)
    assert set(process.environ()) <= {"PATH", "LANG", "LC_CTYPE", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    assert process.cwd() == "/"
    assert [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)] == ["/dev/null"] * 3
    assert process.nice() > psutil.Process().nice()
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert os.getsid(pid) == pid


def test_only_what_python_needs_is_kept() -> None:
    """Secrets of the fleet stay with it; what was asked for explicitly comes along."""
    fleets = {"GITHUB_TOKEN": "secret", "PYTHONPATH": "/x", "HOME": "/root", "PADDOCK_MACHINE": "m-0"}
    kept = agent_environment(fleets, {"https_proxy": "http://proxy"})
    assert set(kept) == {"PATH", "LANG", "PYTHONPATH", "https_proxy"}


def test_both_sides_know_the_mark() -> None:
    """What the agent writes into the environment is what the fleet looks for."""
    assert environment.MARKER == MARKER


def test_terminate_kills_whoever_ran_away(tmp_path: Path, fleet: LocalMachines) -> None:
    """Daemons in sessions of their own die with their machine, marked or not; those of others live."""
    notes = [tmp_path / name for name in ("marked", "unmarked")]
    children = []
    for note, hides in zip(notes, (False, True), strict=True):
        daemon = f"(setsid sh -c 'trap \"\" TERM INT HUP; echo $$ > {note}.part; mv {note}.part {note}; sleep 600' &)"
        children.append({"command": ["/bin/sh", "-c", daemon], "hides": hides})
    other = launched(fleet, "other")
    machine = launched(fleet)
    with package_server(runner_package(script(job="build", hang=True, deaf=True, children=children))) as server:
        FileAssignments(tmp_path).put(assignment(machine.id, server.url, server.data))
        eventually(lambda: all(note.exists() for note in notes), "two daemons")
        assert len(carriers(machine.id)) >= 2
        fleet.terminate([machine.id])
    assert [alive(int(note.read_text())) for note in notes] == [False, False]
    assert carriers(machine.id) == []
    assert not (tmp_path / "machines" / machine.id / "work").exists()
    assert fleet.describe([other.id])[other.id].state is MachineState.RUNNING


def test_terminate_finds_orphans_of_an_agent_that_is_dead(tmp_path: Path, fleet: LocalMachines) -> None:
    """If the agent was killed from outside, its job lives on until the machine is terminated."""
    machine = launched(fleet)
    with package_server(runner_package(script(job="build", hang=True))) as server:
        FileAssignments(tmp_path).put(assignment(machine.id, server.url, server.data))
        eventually((tmp_path / "machines" / machine.id / "outbox").is_dir, "the job's start")
    os.kill(agent_pid(tmp_path, machine.id), signal.SIGKILL)
    eventually(lambda: not fleet.describe([machine.id])[machine.id].alive, "the agent's death")
    assert carriers(machine.id)
    fleet.terminate([machine.id])
    assert carriers(machine.id) == []


def test_terminate_leaves_no_secret(tmp_path: Path, fleet: LocalMachines) -> None:
    """An assignment that was never taken, or whose agent died over it, is reduced to its receipt."""
    machine = launched(fleet)
    os.kill(agent_pid(tmp_path, machine.id), signal.SIGSTOP)
    assignments = FileAssignments(tmp_path)
    assigned = assignment(machine.id, "http://127.0.0.1:9/x", b"x")
    assignments.put(assigned)
    fleet.terminate([machine.id])
    receipt = assignments.get(machine.id)
    assert receipt is not None
    assert (receipt.runner_name, receipt.taken) == (assigned.runner_name, True)
    for path in (tmp_path / "machines" / machine.id).rglob("*"):
        assert path.is_dir() or assigned.jit_config not in path.read_text()


def test_a_machines_whole_life(tmp_path: Path, fleet: LocalMachines) -> None:
    """Launched, assigned, served, reported, swept: through the ports alone."""
    queue: MemoryQueue[EventMessage] = MemoryQueue(SystemClock())
    mailbox = Mailbox(tmp_path, queue)
    (machine,) = fleet.launch(asked()).machines
    with package_server(runner_package(script(job="build"))) as server:
        FileAssignments(tmp_path).put(assignment(machine.id, server.url, server.data))
        eventually(lambda: not fleet.describe([machine.id])[machine.id].alive, "the machine's end")
    assert mailbox.sweep(0, SystemClock().now()) == (), "it still has something to say"
    sent = mailbox.collect().sent
    reports = [received.message for received in queue.receive(10)]
    assert all(isinstance(report, RunnerReported) and report.machine == machine.id for report in reports)
    told = [report.event for report in reports if isinstance(report, RunnerReported)]
    # Of a job that is over between two looks of the agent its end alone is told.
    assert sorted(told) in ([ReportEvent.FINISHED], [ReportEvent.FINISHED, ReportEvent.STARTED])
    assert sent == len(told)
    assert mailbox.sweep(MINUTE, SystemClock().now()) == (), "it is too young"
    assert mailbox.sweep(0, SystemClock().now()) == (machine.id,)
    assert (tmp_path / "logs" / f"{machine.id}.log").read_text().count('"event": "off"') == 1
    assert fleet.describe([machine.id]) == {}
    assert [again.alive for again in fleet.launch(asked()).machines] == [False], "swept machines are not made again"
    assert agents_of(tmp_path) == []


@pytest.mark.parametrize("code", sorted(errno.errorcode), ids=lambda code: errno.errorcode[code])
def test_every_error_of_the_system_has_a_place_in_the_tree(code: int) -> None:
    """What needs somebody's hand is denied, everything else may pass."""
    denied = code in {errno.EACCES, errno.EPERM, errno.EROFS}
    assert type(error_of(OSError(code, os.strerror(code)))) is (AccessDenied if denied else Unavailable)


def test_a_broken_disk_is_not_the_callers_exception(tmp_path: Path, fleet: LocalMachines) -> None:
    """The operating system's errors stop at the adapter."""
    (tmp_path / "fleet.lock").mkdir()
    with pytest.raises(Unavailable):
        fleet.launch(asked())


def test_the_machine_is_as_it_was_launched(tmp_path: Path, fleet: LocalMachines) -> None:
    """machine.json holds the facts, readable by whoever comes later."""
    machine = launched(fleet)
    facts = json.loads((tmp_path / "machines" / machine.id / "machine.json").read_text())
    assert facts == {**attrs.asdict(machine), "state": "pending", "arch": machine.arch.value, "market": "spot"}
