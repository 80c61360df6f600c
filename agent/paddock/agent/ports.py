"""What the agent needs of its platform. The one-machine fleet's is in `local`, EC2's in `aws`.

Other systems than Linux need other processes, another service manager and another switch, and nothing else.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from paddock.agent.telling.report import Report


class Clock(Protocol):
    """The time."""

    def now(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; never runs backwards while the agent lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who and what this machine is. Empty where the platform does not know it."""

    machine: str
    instance_type: str = ""
    zone: str = ""
    region: str = ""
    market: str = ""  # spot or on-demand
    image: str = ""


class AssignmentSource(Protocol):
    """Where the machine's one assignment comes from."""

    def take(self, patience: int) -> object | None:
        """Wait up to `patience` (microseconds) and take the assignment, so that nobody can take it again.

        Returns its plain data, unchecked, or None if none came. The secret in it is gone from where it lay. Whoever is
        told to stop (`Stopped`) in the midst of taking it returns it: it must be answered for.

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


class NoticeKind(StrEnum):
    """What a cloud warns of."""

    SPOT = "spot"  # the machine will be taken at a known moment
    REBALANCE = "rebalance"  # it is at an elevated risk of being taken


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning. ``at`` is the moment the machine goes (spot) or the warning was given (rebalance), microseconds."""

    kind: NoticeKind
    at: int


class Notices(Protocol):
    """Where warnings come from."""

    def look(self) -> Notice | None:
        """The gravest warning that stands now; None if none does, or if it could not be asked. Returns within 2 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The machine's resources at one moment. Bytes; `cpu` is busy time since boot in microseconds, over all cores."""

    disk_free: int
    disk_used: int
    memory_available: int
    memory_used: int
    cpu: int
    cores: int


class Resources(Protocol):
    """What the machine has left."""

    def look(self) -> Reading:
        """The reading now.

        Raises:
            OSError: it cannot be read.
        """

    def largest(self, count: int) -> Sequence[str]:
        """The processes that use the most memory, one line for each: ``pid name MiB``. Hostile text."""


class LogStore(Protocol):
    """Where the machine's log is shipped to, live."""

    def append(self, lines: Sequence[tuple[int, str]]) -> None:
        """Store lines, each with its moment (microseconds), in order; all of them or none.

        At most 1 MB and 10,000 lines. A repetition after an error may store lines twice.

        Raises:
            OSError: not now; the same lines may be offered again.
        """


class Archive(Protocol):
    """Where whole files are kept after the machine is gone."""

    def put(self, name: str, file: Path) -> None:
        """Store the file under a name relative to this machine's own place.

        Raises:
            OSError: it was not stored.
        """


class PackageMirror(Protocol):
    """The fleet's own copies of runner packages; read-only to machines."""

    def request(self, version: str, platform: str, filename: str) -> tuple[str, Mapping[str, str]] | None:
        """The address of a copy and the headers to ask for it with; None if there is no mirror. Sends nothing.

        ``platform`` is ``linux-x64`` or ``linux-arm64``.
        """


class ServiceManager(Protocol):
    """Whoever watches over the agent itself (systemd)."""

    def ready(self) -> None:
        """The agent is up."""

    def alive(self) -> None:
        """The agent still turns. Called at least every 10 s; must not block and never raises."""

    def status(self, text: str) -> None:
        """One line for whoever asks how the agent is. Never a text that a job's author wrote."""

    def busy(self, limit: int) -> AbstractContextManager[None]:
        """While inside, `alive` is said for the caller, for `limit` microseconds at most."""

    def stopping(self, patience: int) -> None:
        """The agent ends, and may need so many microseconds more. Never raises."""

    def renew(self) -> None:
        """The machine's span of life counts from now: one of a pool has waited, and has all of its job's time to come.

        Never raises.
        """


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
