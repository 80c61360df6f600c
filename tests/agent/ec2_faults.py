"""Faults for a whole EC2 machine: its phases as moments, its processes as victims, and its services cut off."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from paddock.core.codec import message_from_data
from paddock.core.messages import RunnerReported
from tests.agent.ec2_machine import Ec2Machine
from tests.agent.machine import eventually
from tests.contracts import breaches

EVER = float("inf")


def said(machine: Ec2Machine, *texts: str) -> bool:
    """True once the machine's log has all of them."""
    path = machine.directory / "agent.log"
    content = path.read_bytes() if path.exists() else b""
    return all(text.encode() in content for text in texts)


def program(machine: Ec2Machine, words: str) -> int:
    """The id of a process of the machine's runner whose command line ends in these words; 0 if there is none."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if line.endswith(words) and f"{machine.directory}/work/runner/" in line:
                return int(entry.name)
    return 0


def asked(machine: Ec2Machine, operation: str) -> bool:
    """True once the machine has asked for the operation."""
    return operation in machine.aws.front.operations()


def spooled(machine: Ec2Machine, where: str = "spool") -> list[RunnerReported]:
    """The reports that its disk still has, in order; those that were refused are in ``spool/bad``."""
    found = []
    for path in sorted((machine.directory / where).glob("*.json")):
        data = json.loads(path.read_text())
        assert breaches("runner_reported", data) == []
        report = message_from_data(data)
        assert isinstance(report, RunnerReported)
        found.append(report)
    return found


PHASES: dict[str, Callable[[Ec2Machine], object]] = {
    "assignment": lambda machine: asked(machine, "GetItem"),
    "standby": lambda machine: asked(machine, "GetItem"),
    "download": lambda machine: machine.server.requests,
    "preflight": lambda machine: program(machine, "bin/Runner.Listener --version"),
    "listening": lambda machine: said(machine, "Listening for Jobs"),
    "job": lambda machine: said(machine, '"what": "started"'),  # and noted: a death from here on is a lost job
    "after the job": lambda machine: said(machine, '"what": "started"', "completed with result"),
    "leaving": lambda machine: said(machine, '"event": "listener_exited"'),
    "off": lambda machine: said(machine, '"event": "off"'),
}
"""How one sees from outside that a machine's agent has got so far."""


def reach(machine: Ec2Machine, phase: str) -> None:
    """Wait until the machine's agent has got so far."""
    eventually(lambda: PHASES[phase](machine), phase)


class Victim:
    """A process that is known for sure: no other gets its signals, though it be gone and its id used again."""

    def __init__(self, pid: int) -> None:
        self._handle = os.pidfd_open(pid)

    def strike(self, number: signal.Signals) -> bool:
        """Send a signal; False if the process is gone."""
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            return False
        return True

    def rest(self, seconds: float) -> None:
        """Stop it for a while."""
        if self.strike(signal.SIGSTOP):
            time.sleep(seconds)
            self.strike(signal.SIGCONT)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def kill(pid: int) -> None:
    """The out-of-memory killer, or a job with sudo."""
    os.kill(pid, signal.SIGKILL)


def kill_program(machine: Ec2Machine, words: str) -> None:
    """Kill the job's process of this command line, as soon as there is one."""
    kill(eventually(lambda: program(machine, words), words))


class Cuts:
    """Which operations nobody can be reached for, and until when; ``*`` is all of them."""

    def __init__(self, machine: Ec2Machine) -> None:
        self._until: dict[str, float] = {}
        machine.aws.front.cut = self.stands

    def cut(self, operations: Iterable[str], seconds: float = EVER) -> None:
        """Cut them off, for so long."""
        for operation in operations:
            self._until[operation] = time.monotonic() + seconds

    def mend(self) -> None:
        """All can be reached again."""
        self._until.clear()

    def stands(self, operation: str) -> bool:
        """True if it is cut off now."""
        now = time.monotonic()
        return any(now < self._until.get(name, 0.0) for name in (operation, "*"))
