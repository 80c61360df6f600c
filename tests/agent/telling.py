"""Other sides for what a machine tells: they take, fail, refuse and dawdle as a test wants, and remember everything."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from paddock.agent.telling.log import Log
from paddock.agent.telling.report import Event, Report

NOON = 1_795_348_800_000_000
PATIENCE = 30.0


class Ticking:
    """A clock that moves on by one millisecond each time it is asked."""

    def __init__(self, now: int = NOON) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> int:
        """Microseconds since the epoch."""
        with self._lock:
            self._now += 1_000
            return self._now


def a_log(directory: Path, **options: int) -> Log:
    """A log in the directory."""
    return Log(directory / "agent.log", Ticking(), **options)


def a_report(event: Event = Event.HEARTBEAT, at: int = NOON, **fields: object) -> Report:
    """A report of machine m-1."""
    names = {"machine": "m-1", "job_id": 17, "launch": 1, "runner_name": "paddock--m-1--x"}
    return Report(event=event, at=at, **{**names, **fields})  # type: ignore[arg-type]  # fields are the test's own


class Script:
    """What the other side does with each call: an error to raise (after taking, if so told), or nothing.

    While `open` is not set, calls hang.
    """

    def __init__(self, *errors: Exception | None, takes_before_failing: bool = False) -> None:
        self.errors = list(errors)
        self.down: Exception | None = None  # raised by every call while it is set
        self.takes_before_failing = takes_before_failing
        self.open = threading.Event()
        self.open.set()
        self.calls = 0

    def answer(self, take: Callable[[], object]) -> None:
        """Take, fail, or both."""
        self.calls += 1
        self.open.wait(PATIENCE)
        error = self.down or (self.errors.pop(0) if self.errors else None)
        if error is None or self.takes_before_failing:
            take()
        if error is not None:
            raise error


class ToldTransport(Script):
    """A control plane that remembers reports."""

    def __init__(self, *errors: Exception | None, takes_before_failing: bool = False) -> None:
        super().__init__(*errors, takes_before_failing=takes_before_failing)
        self.told: list[dict[str, object]] = []

    def send(self, data: dict[str, object]) -> None:
        """As the port says."""
        self.answer(lambda: self.told.append(data))

    @property
    def events(self) -> list[object]:
        """What was told, in order."""
        return [data["event"] for data in self.told]


class ToldStore(Script):
    """A store of log lines that remembers them."""

    def __init__(self, *errors: Exception | None, takes_before_failing: bool = False) -> None:
        super().__init__(*errors, takes_before_failing=takes_before_failing)
        self.batches: list[list[tuple[int, str]]] = []

    def append(self, lines: Sequence[tuple[int, str]]) -> None:
        """As the port says."""
        self.answer(lambda: self.batches.append(list(lines)))

    @property
    def words(self) -> list[str]:
        """What the lines of output said, in order."""
        return [text.split(" ", 2)[2] for batch in self.batches for _, text in batch if text.split(" ")[1] == "stdout"]
