"""Ending a machine: its agent, everything below it, and everything that ran away from it."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import psutil

from paddock.adapters.process.layout import MachineFiles, read_json, remove_file, write_json
from paddock.adapters.process.liveness import AgentProcess, ProcessFacts, bury, living_agent, process, processes
from paddock.core.errors import Unavailable

PATIENCE = 10.0  # seconds for the kernel to take its dead
MARKER = "PADDOCK_MACHINE"  # as in paddock.agent.job.environment; a test holds the two together


def end_machine(files: MachineFiles) -> None:
    """Kill everything of the machine and remove its work and its secrets. Idempotent.

    The agent is stopped first, so that it starts nothing more, and killed last: it is the reaper of its descendants,
    and as long as it is there, whoever loses a parent stays below it.

    Raises:
        Unavailable: something of it still runs after some seconds.
        OSError: the directory cannot be written.
    """
    write_json(files.ended, {"ended": True})  # first: a launch that is repeated must not start it again
    agent = living_agent(files)
    deadline = time.monotonic() + PATIENCE
    if agent is not None:
        _signal(agent.pid, agent.started, signal.SIGSTOP)
    while left := _belongings(files.id, agent):
        for facts in left:
            _signal(facts.pid, facts.started, signal.SIGKILL)
        _wait_a_moment(deadline, files.id)
    if agent is not None:
        while agent.alive:
            _signal(agent.pid, agent.started, signal.SIGKILL)
            _wait_a_moment(deadline, files.id)
        bury(agent.pid)
    while strays := _belongings(files.id, None):  # what was born while its parents died
        for facts in strays:
            _signal(facts.pid, facts.started, signal.SIGKILL)
        _wait_a_moment(deadline, files.id)
    scrub(files)


def scrub(files: MachineFiles) -> None:
    """Remove what an agent that was killed could not: the job's work, and the secret of an assignment."""
    _remove_work(files.work)
    for path in (files.assignment, files.taken):
        data = read_json(path)
        if isinstance(data, dict) and "jit_config" in data:
            kept = {name: data.get(name) for name in ("machine", "runner_name", "runner_id")}
            write_json(files.taken, kept)
            if path != files.taken:
                remove_file(path)


def _belongings(machine: str, agent: AgentProcess | None) -> list[ProcessFacts]:
    """The living processes of the machine, its agent left out: below it, in its sessions, or carrying its mark."""
    everybody = {facts.pid: facts for facts in processes() if not facts.zombie}
    mine = {pid for pid in everybody if _carries(pid, machine)}
    if agent is not None:
        with contextlib.suppress(psutil.Error):
            mine |= {child.pid for child in psutil.Process(agent.pid).children(recursive=True)}
    sessions = {everybody[pid].session for pid in mine if pid in everybody}
    if agent is not None:
        sessions.add(agent.pid)
    own = os.getsid(0)
    mine |= {pid for pid, facts in everybody.items() if facts.session in sessions and facts.session not in {0, own}}
    mine -= {os.getpid(), 1} | ({agent.pid} if agent is not None else set())
    return [everybody[pid] for pid in sorted(mine) if pid in everybody]


def _carries(pid: int, machine: str) -> bool:
    try:
        environment = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:  # gone meanwhile, or somebody else's
        return False
    return f"{MARKER}={machine}".encode() in environment.split(b"\0")


def _signal(pid: int, started: int, number: signal.Signals) -> None:
    """Signal this very process, not one that has its id by now."""
    facts = process(pid)
    if facts is None or facts.started != started:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _wait_a_moment(deadline: float, machine: str) -> None:
    if time.monotonic() > deadline:
        raise Unavailable(f"machine {machine}: something of it still runs after {PATIENCE:.0f} s of killing")
    time.sleep(0.005)


def _remove_work(work: Path) -> None:
    """Links are not followed; directories that the job locked are opened."""
    if work.is_symlink() or work.is_file():
        work.unlink()
        return
    shutil.rmtree(work, ignore_errors=True)
    if not work.exists():
        return
    with contextlib.suppress(OSError):
        work.chmod(0o700)
    for directory, names, _ in os.walk(work):
        for name in names:
            path = Path(directory, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(work)
