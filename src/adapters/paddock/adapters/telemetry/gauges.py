"""Levels, and requests that failed, as lines of the log that CloudWatch reads metrics from."""

from collections.abc import Callable, Mapping

from paddock.adapters.telemetry.catalogue import Catalogue
from paddock.adapters.telemetry.lines import metrics_line
from paddock.core.ports.system import Clock
from paddock.core.units import MINUTE, Moment, Span


class LoggedGauges:
    """`Gauges`: a line for all that is told at once."""

    def __init__(self, write: Callable[[str], object], metrics: Catalogue, stack: str, clock: Clock) -> None:
        """Args: takes a line with its end; the metrics; whose they are; the time."""
        self._write = write
        self._metrics = metrics
        self._stack = stack
        self._clock = clock

    def tell(self, levels: Mapping[str, int]) -> None:
        """See `Gauges.tell`.

        Raises:
            KeyError: the catalogue has no such level, which is a fault of ours.
        """
        told = self._metrics.told_by(levels)
        if told:
            line = metrics_line(told, self._metrics.namespace, self._stack, self._clock.now(), message="levels")
            self._write(line + "\n")

    def failed(self, service: str, what: str) -> None:
        """A request to this service of the catalogue failed; `what` is its answer's code, or the error's name."""
        counted = [(self._metrics.failure_of(service), 1)]
        now = self._clock.now()
        said = f"{service} answered {what}"
        line = metrics_line(counted, self._metrics.namespace, self._stack, now, level="WARNING", message=said)
        self._write(line + "\n")


class Sparing:
    """Passes a level on if it was not told for a while, or is lower than what was: of a limit, what is left counts."""

    def __init__(self, tell: Callable[[Mapping[str, int]], object], clock: Clock, every: Span = MINUTE) -> None:
        """Args: who is told; the time; how often, unless it falls by a tenth."""
        self._tell = tell
        self._clock = clock
        self._every = every
        self._told: dict[str, tuple[Moment, int]] = {}

    def __call__(self, name: str, level: int) -> None:
        """The level is so high now."""
        now = self._clock.now()
        at, last = self._told.get(name, (now - self._every, level))
        if not 0 <= now - at < self._every or level * 10 < last * 9:
            self._told[name] = (now, level)
            self._tell({name: level})
