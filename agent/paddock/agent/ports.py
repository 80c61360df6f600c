"""What the agent needs of its platform. The one-machine fleet's is in `local`, a cloud's will stand beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from paddock.agent.telling.report import Report


class Clock(Protocol):
    """The time."""

    def now(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; never runs backwards while the agent lives."""


class AssignmentSource(Protocol):
    """Where the machine's one assignment comes from."""

    def take(self, patience: int) -> object | None:
        """Wait up to `patience` (microseconds) and take the assignment, so that nobody can take it again.

        Returns its plain data, unchecked, or None if none came. The secret in it is gone from where it lay.

        Raises:
            AgentFailure: it is there and cannot be read.
        """

    def discard(self) -> None:
        """The machine ends: an assignment that was never taken loses its secret too. Never raises."""


class ReportSink(Protocol):
    """Where reports go."""

    def send(self, report: Report) -> None:
        """Hand the report over, in order. What cannot be handed over now is kept for `flush`; never raises."""

    def flush(self) -> bool:
        """Try again what could not be handed over; True if nothing is left. Never raises."""


class Power(Protocol):
    """The machine's switch."""

    def off(self) -> None:
        """Switch the machine off, for good. The last thing the agent does."""


class Child(Protocol):
    """A process of ours: its id, and the descriptors to read its output from."""

    @property
    def pid(self) -> int:
        """The process's id; also that of its session and group."""

    @property
    def stdout(self) -> int:
        """A non-blocking descriptor."""

    @property
    def stderr(self) -> int:
        """A non-blocking descriptor."""

    def close(self) -> None:
        """Close both descriptors. Idempotent."""


class Processes(Protocol):
    """The processes of this machine that are ours to start and to end."""

    def spawn(self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str]) -> Child:
        """Start `command` in a session of its own, with this environment and nothing else of ours.

        Raises:
            OSError: it cannot be executed.
        """

    def exit_code(self, pid: int) -> int | None:
        """How the child ended (negative: by that signal), or None while it runs."""

    def interrupt(self, pid: int) -> None:
        """SIGINT to this one process. Nothing happens if it has ended."""

    def kill_all(self, marker: str) -> int:
        """End all descendants, and every process that carries `marker` in its environment.

        Returns how many could not be ended within some seconds; 0 is the rule.
        """
