"""The agent's clock, and the stopwatch for its phases."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from paddock.agent.ports import Clock

SECOND = 1_000_000


class SteadyClock:
    """The wall clock as it stood at the start, moved on by the boot clock.

    One line of time serves deadlines and reports alike: a clock that is set while a job runs ends no job.
    """

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def now(self) -> int:
        """Microseconds since the epoch."""
        return (self._offset + time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1_000


class Phases:
    """Spans by phase name, in microseconds, in the order in which the phases ended."""

    def __init__(self, clock: Clock) -> None:
        """Args: the clock to measure with."""
        self._clock = clock
        self.spans: dict[str, int] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure what is inside, also when it fails."""
        start = self._clock.now()
        try:
            yield
        finally:
            self.note(name, self._clock.now() - start)

    def note(self, name: str, span: int) -> None:
        """Set down a span measured elsewhere."""
        self.spans[name] = max(0, span)
