"""The platform of the one-machine fleet: a machine is a directory, and its agent's life is the machine's.

::

    machine.lock            held by the agent as long as it lives
    process.json            which process that is
    assignment.json         put by the fleet ...
    assignment.taken.json   ... renamed by the agent, then at once without its secret
    outbox/000001-started.json, ...   the spool of reports: here the fleet itself collects and deletes them
    agent.log  diag/        what is kept
    work/                   the runner and its job; gone when the agent is
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from paddock.agent.machine.processes import start_ticks
from paddock.agent.ports import Clock
from paddock.agent.reasons import AgentFailure, Reason, Stopped
from paddock.agent.telling.files import write_json

POLL = 100_000  # microseconds between two looks, on average
MAX_BYTES = 1_000_000

MACHINE_LOCK = "machine.lock"
PROCESS = "process.json"
ASSIGNMENT = "assignment.json"
TAKEN = "assignment.taken.json"
OUTBOX = "outbox"
KNOWN = frozenset(
    {
        *(MACHINE_LOCK, PROCESS, ASSIGNMENT, TAKEN, OUTBOX),
        *("machine.json", "ended.json"),  # the fleet's own
        *("agent.log", "shipped.json", "notice.json", "diag", "scratch", "work", "work.claim"),
    }
)
"""What may lie in a machine's directory."""


class MachineLock:
    """One agent per machine directory, and one life per machine."""

    def __init__(self, directory: Path) -> None:
        """Args: the machine's directory."""
        self._directory = directory
        self._lock = -1

    def acquire(self) -> bool:
        """Become this machine's agent; False if it has one, or had one: then nothing was touched."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self._directory / MACHINE_LOCK, flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        if (self._directory / PROCESS).exists():
            os.close(lock)
            return False
        self._lock = lock  # open, and so locked, until this process ends
        write_json(self._directory / PROCESS, {"pid": os.getpid(), "started": start_ticks()})
        return True


class FileAssignmentSource:
    """Polls for the assignment file, with jitter so that a hundred agents do not look in step."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        below: Callable[[int], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Args: the machine's directory; the clock; a random whole number below its argument; how to wait (seconds)."""
        self._put = directory / ASSIGNMENT
        self._taken = directory / TAKEN
        self._machine = directory.name
        self._clock = clock
        self._below = below
        self._sleep = sleep

    def take(self, patience: int) -> object | None:
        """See `ports.AssignmentSource`."""
        deadline = self._clock.now() + patience
        while True:
            try:
                self._put.rename(self._taken)
                break
            except FileNotFoundError:
                if self._clock.now() >= deadline:
                    return None
                self._sleep((POLL // 2 + self._below(POLL)) / 1_000_000)
        try:
            return self._read_and_scrub()
        except Stopped:  # told to stop, which happens once: what was taken must be answered for
            return self._read_and_scrub()

    def discard(self) -> None:
        """See `ports.AssignmentSource`."""
        with contextlib.suppress(OSError, AgentFailure):
            self._put.rename(self._taken)
            self._read_and_scrub()

    def _read_and_scrub(self) -> object:
        data: object = None
        try:
            with self._taken.open("rb") as file:
                data = json.loads(file.read(MAX_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            detail = f"assignment: {type(error).__name__}, wanted a file of JSON"
            raise AgentFailure(Reason.BAD_ASSIGNMENT, detail) from None
        finally:
            write_json(self._taken, _receipt(data, self._machine))
        return data


class NoPower:
    """The machine is the agent's process: it is off when the agent has ended."""

    def off(self) -> None:
        """Nothing is left to do."""


def _receipt(data: object, machine: str) -> dict[str, object]:
    """What remains of an assignment once it is taken: enough to see whose it was."""
    found = data if isinstance(data, dict) else {}
    name, number = found.get("runner_name"), found.get("runner_id")
    return {
        "machine": machine,
        "runner_name": name if isinstance(name, str) else "",
        "runner_id": number if type(number) is int else 0,
    }
