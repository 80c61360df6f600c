"""The port to AWS's own bill."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from paddock.core.units import MicroDollars


class RealCosts(Protocol):
    """What AWS charged for whatever bears the fleet's tag, by days of UTC. Asking costs money."""

    def of_days(self, first: date, last: date) -> Mapping[date, MicroDollars]:
        """The days from `first` to `last`, both included; one that AWS says nothing of is missing.

        What is younger than two days may grow still. Without the tag being activated for costs, every day is nothing.

        Raises:
            Unavailable, Throttled, AccessDenied, Rejected: AWS did not say.
        """
