"""The platform of the one-machine fleet: a machine is a directory, and its agent's life is the machine's.

::

    machine.lock            held by the agent as long as it lives
    process.json            which process that is
    assignment.json         put by the fleet ...
    assignment.taken.json   ... renamed by the agent, then at once without its secret
    outbox/000001-started.json, ...   reports, collected and deleted by the fleet
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
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.log import Log
from paddock.agent.telling.report import Report

POLL = 100_000  # microseconds between two looks, on average
MAX_BYTES = 1_000_000

MACHINE_LOCK = "machine.lock"
PROCESS = "process.json"
ASSIGNMENT = "assignment.json"
TAKEN = "assignment.taken.json"
OUTBOX = "outbox"


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


class Outbox:
    """Reports as numbered files, whole or not there."""

    def __init__(self, directory: Path, log: Log) -> None:
        """Args: the machine's directory; told what could not be written."""
        self._directory = directory / OUTBOX
        self._log = log
        self._number = 0
        self._waiting: list[tuple[str, dict[str, object]]] = []

    def send(self, report: Report) -> None:
        """See `ports.ReportSink`."""
        self._number += 1
        data = {**report.to_data(), "detail": self._log.blot(report.detail)}
        self._waiting.append((f"{self._number:06}-{report.event.value}.json", data))
        self._log.write("report", what=report.event.value, result=report.result, reason=report.reason)
        self.flush()

    def flush(self) -> bool:
        """See `ports.ReportSink`."""
        while self._waiting:
            name, data = self._waiting[0]
            try:
                self._directory.mkdir(mode=0o700, exist_ok=True)
                write_json(self._directory / name, data)
            except OSError as error:
                self._log.write("report_not_written", file=name, error=str(error.strerror))
                return False
            del self._waiting[0]
        return True


class NoPower:
    """The machine is the agent's process: it is off when the agent has ended."""

    def off(self) -> None:
        """Nothing is left to do."""


def write_json(path: Path, data: object) -> None:
    """Write a file as a whole: readers see the old one or the new one. Mode 0600.

    Raises:
        OSError: the disk is full or failing; then the old file, if any, still stands.
    """
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _receipt(data: object, machine: str) -> dict[str, object]:
    """What remains of an assignment once it is taken: enough to see whose it was."""
    found = data if isinstance(data, dict) else {}
    name, number = found.get("runner_name"), found.get("runner_id")
    return {
        "machine": machine,
        "runner_name": name if isinstance(name, str) else "",
        "runner_id": number if type(number) is int else 0,
    }
