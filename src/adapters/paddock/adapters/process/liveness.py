"""Is a machine alive? Told from its directory and the process table alone, so a restarted fleet knows it at once."""

import os
from pathlib import Path

import attrs

from paddock.adapters.process.layout import MachineFiles, read_json
from paddock.core.ports.machines import MachineState
from paddock.core.units import Moment, Span

_PROC = Path("/proc")


@attrs.frozen
class AgentProcess:
    """A process by its id and its start (clock ticks since boot), which together are never given twice."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """True while it runs. A zombie is dead; one that is ours to bury is buried."""
        found = process(self.pid)
        if found is None or found.started != self.started:
            return False
        if found.zombie:
            bury(self.pid)
            return False
        return True


@attrs.frozen
class ProcessFacts:
    """What ``/proc/<pid>/stat`` says."""

    pid: int
    started: int
    parent: int
    session: int
    zombie: bool


def process(pid: int) -> ProcessFacts | None:
    """The process of this id, or None. A name with blanks and brackets in it does not confuse this."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    if not fields:
        return None
    return ProcessFacts(pid, int(fields[19]), int(fields[1]), int(fields[3]), fields[0] in {"Z", "X"})


def processes() -> list[ProcessFacts]:
    """Every process there is."""
    names = os.listdir(_PROC)  # noqa: PTH208 - names alone; this runs over every process of the machine
    found = (process(int(name)) for name in names if name.isdigit())
    return [facts for facts in found if facts is not None]


def bury(pid: int) -> None:
    """Collect the exit status of a child of ours; nothing happens if it is not one, or still runs."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def agent_of(files: MachineFiles) -> AgentProcess | None:
    """The process that is, or was, the machine's agent, by its own word; None while it has not given it."""
    data = read_json(files.process)
    if not isinstance(data, dict):
        return None
    pid, started = data.get("pid"), data.get("started")
    return AgentProcess(pid, started) if type(pid) is int and type(started) is int else None


def nascent_agent(files: MachineFiles) -> AgentProcess | None:
    """The agent that runs and has not yet written its process file: found by its command line."""
    wanted = [b"--machine-dir", os.fsencode(files.directory.absolute())]
    for facts in processes():
        if facts.zombie:
            continue
        try:
            command = (_PROC / str(facts.pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"paddock.agent" in command and any(command[i : i + 2] == wanted for i in range(len(command))):
            return AgentProcess(facts.pid, facts.started)
    return None


def living_agent(files: MachineFiles) -> AgentProcess | None:
    """The machine's agent if it runs."""
    agent = agent_of(files) or nascent_agent(files)
    return agent if agent is not None and agent.alive else None


def state_of(files: MachineFiles, launched_at: Moment, now: Moment, grace: Span) -> MachineState:
    """Pending until the agent has said who it is, running while it lives, terminated after that or without it.

    An agent that has not shown itself `grace` after the launch never will, unless it is seen to run.
    """
    agent = agent_of(files)
    if agent is not None:  # also if it was to be terminated: it is not until its agent is dead
        return MachineState.RUNNING if agent.alive else MachineState.TERMINATED
    if files.ended.exists():
        return MachineState.TERMINATED
    if now - launched_at < grace or nascent_agent(files) is not None:
        return MachineState.PENDING
    # Between the two looks it may have written its file.
    agent = agent_of(files)
    return MachineState.RUNNING if agent is not None and agent.alive else MachineState.TERMINATED
