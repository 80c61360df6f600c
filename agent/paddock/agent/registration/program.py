"""A program of the runner package, run to its end: bounded in time and in what is kept of its output."""

import os
import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Child, Clock, Processes
from paddock.agent.reasons import Stopped

MAX_TAIL = 8_000  # bytes of each stream's end
_NAP = SECOND // 20  # microseconds; its end is looked for so often, whoever holds its pipes
_GRACE = 2 * SECOND  # from SIGINT to the kill
_FINISH = 10 * SECOND  # to end by itself when the machine is told to stop


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended. ``exit_code`` is None if it had to be ended; ``output`` is the end of what it printed."""

    exit_code: int | None
    output: str


class Run(Protocol):
    """Runs a program to its end, as whatever user is in force."""

    def __call__(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], patience: int
    ) -> Ran:
        """Run `command` in `directory` with exactly this environment, for at most `patience` microseconds.

        Raises:
            OSError: it cannot be executed.
        """


class RunToEnd:
    """`Run` on the machine's processes."""

    def __init__(self, processes: Processes, clock: Clock, marker: str) -> None:
        """Args: who starts and ends processes, the clock, and the entry by which those of this machine are known."""
        self._processes = processes
        self._clock = clock
        self._marker = marker

    def __call__(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], patience: int
    ) -> Ran:
        """See `Run`. Nothing that the program started is left when its time was up."""
        name, _, value = self._marker.partition("=")
        child = self._processes.spawn(command, directory=directory, environment={**environment, name: value})
        try:
            streams = {stream: bytearray() for stream in (child.stdout, child.stderr)}
            open_streams = set(streams)

            def listen() -> None:
                _listen(streams, open_streams)

            try:
                code = self._wait(child, listen, patience)
            except Stopped:  # what it has begun at GitHub can be taken back only when it has noted it
                self._wait(child, listen, min(patience, _FINISH))
                raise
            if code is None:
                self._end(child, listen)
            listen()
            texts = [bytes(kept).decode("utf-8", "replace").strip() for kept in streams.values()]
            return Ran(code, "\n".join(text for text in texts if text))
        finally:
            child.close()

    def _wait(self, child: Child, listen: Callable[[], None], patience: int) -> int | None:
        deadline = self._clock.now() + patience
        while (code := self._processes.exit_code(child.pid)) is None and self._clock.now() < deadline:
            listen()
        return code

    def _end(self, child: Child, listen: Callable[[], None]) -> None:
        self._processes.interrupt(child.pid)
        self._wait(child, listen, _GRACE)
        self._processes.kill_all(self._marker)  # and what it started, which may be elsewhere by now


def _listen(streams: Mapping[int, bytearray], still_open: set[int]) -> None:
    """Read what is there, and wait a moment if nothing is."""
    readable = select.select(list(still_open), [], [], _NAP / SECOND)[0]
    for stream in readable:
        data = _read(stream)
        if data == b"":
            still_open.discard(stream)
        elif data is not None:
            streams[stream] += data
            del streams[stream][:-MAX_TAIL]


def _read(stream: int) -> bytes | None:
    try:
        return os.read(stream, 65_536)
    except BlockingIOError:
        return None
