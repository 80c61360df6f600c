"""A supervisor that does with a unit file what systemd would, as far as a machine's end depends on it.

It starts ``ExecStart``, waits for ``READY=1`` and then for signs of life, ends what is silent, and runs every
``ExecStopPost`` with the variables that systemd.exec(5) promises: in every case, also when nothing could be started.
"""

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0


@dataclass
class Life:
    """What became of one start of the service."""

    result: str  # SERVICE_RESULT
    exit_code: str  # EXIT_CODE: exited, killed or dumped; empty if it was never started
    exit_status: str  # EXIT_STATUS
    told: list[str] = field(default_factory=list)  # what the service notified
    after: list[int] = field(default_factory=list)  # how each ExecStopPost ended
    refused: bool = False  # an ExecStopPost without "-" failed, so that those behind it were not run


class Unit:
    """A unit file, with the paths of this system in place of a machine's."""

    def __init__(self, text: str, places: Mapping[str, str]) -> None:
        """Args: the file's text; what to put in place of each path that begins with a key."""
        self._text = text
        self._places = places

    def values(self, name: str) -> list[str]:
        """All values of a directive, in order."""
        lines = [line.partition("=") for line in self._text.splitlines() if not line.startswith("#")]
        return [value for key, _, value in lines if key == name]

    def commands(self, name: str) -> list[tuple[bool, list[str]]]:
        """The command lines of a directive, each with whether its failure is let pass."""
        return [
            (line.startswith("-"), [self._here(w) for w in shlex.split(line.lstrip("-"))]) for line in self.values(name)
        ]

    def _here(self, word: str) -> str:
        for there, here in self._places.items():
            if word.startswith(there):
                return here + word[len(there) :]
        return word


def live(
    unit: Unit,
    environment: Mapping[str, str],
    runtime: Path,
    *,
    start: float = PATIENCE,
    silence: float = PATIENCE,
    act: Callable[[int], None] | None = None,
) -> Life:
    """One life of the service.

    ``start``: seconds until READY; ``silence``: seconds between two signs of life. ``act`` is called once, with the
    main process's id, when the service is ready.
    """
    name = runtime / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(name))
        notify.settimeout(0.05)
        main = {**environment, "NOTIFY_SOCKET": str(name)}
        ((_, command),) = unit.commands("ExecStart")
        try:
            process = subprocess.Popen(command, env=main, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError:
            life = Life("exit-code", "exited", "203")
        else:
            try:
                life = _watch(process, notify, start, silence, act)
            finally:  # also if the test's own act failed
                _end_group(process)
                process.wait(PATIENCE)
    name.unlink()
    words = {"SERVICE_RESULT": life.result, "EXIT_CODE": life.exit_code, "EXIT_STATUS": life.exit_status}
    for lenient, command in unit.commands("ExecStopPost"):
        life.after.append(_run(command, {**environment, **words}))
        if life.after[-1] != 0 and not lenient:
            life.refused = True
            break
    return life


def _watch(
    process: subprocess.Popen[bytes],
    notify: socket.socket,
    start: float,
    silence: float,
    act: Callable[[int], None] | None,
) -> Life:
    told: list[str] = []
    heard = time.monotonic()
    ended = ""
    while process.poll() is None:
        if words := _hear(notify):
            told += words
            heard = time.monotonic()
            if act is not None and "READY=1" in told:
                act(process.pid)
                act = None
        elif time.monotonic() - heard > (silence if "READY=1" in told else start):
            ended = "watchdog" if "READY=1" in told else "timeout"
            process.send_signal(signal.SIGABRT if ended == "watchdog" else signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # as systemd does: a process that was stopped would hear of neither
            process.wait(PATIENCE)
    while words := _hear(notify):  # what it said last
        told += words
    code = process.wait()
    ready = "READY=1" in told
    result = ended or ("signal" if code < 0 else "exit-code" if code else "success" if ready else "protocol")
    return Life(result, *_exit(code), told)


def _hear(notify: socket.socket) -> list[str]:
    try:
        return notify.recv(4096).decode().splitlines()
    except TimeoutError:
        return []


def _exit(code: int) -> tuple[str, str]:
    if code >= 0:
        return "exited", str(code)
    return ("dumped" if -code == signal.SIGABRT else "killed"), signal.Signals(-code).name.removeprefix("SIG")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """KillMode=mixed: what is left when the main process has gone is killed at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    except OSError:
        return 203
    return done.returncode
