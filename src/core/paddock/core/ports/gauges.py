"""The port to whoever is told how high things stand: machines, waiting jobs, what is left of a limit."""

from collections.abc import Mapping
from typing import Protocol


class Gauges(Protocol):
    """Levels of the fleet, as they are at this moment."""

    def tell(self, levels: Mapping[str, int]) -> None:
        """Take in levels by their names in the catalogue of metrics: counts, spans in microseconds, micro-dollars.

        What is not among them is not known now, which is not the same as zero. Raises nothing.
        """


class Untold:
    """Nobody is told: where there are no metrics."""

    def tell(self, levels: Mapping[str, int]) -> None:
        """See `Gauges.tell`."""


UNTOLD: Gauges = Untold()
