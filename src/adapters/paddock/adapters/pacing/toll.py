"""What a request to EC2 takes from a `Purse`."""

from collections.abc import Mapping
from typing import Final

from paddock.adapters.pacing.ceilings import (
    DESCRIBES,
    ENDED,
    ENDS,
    FLEETS,
    MACHINES,
    PAGES,
    STARTED,
    STARTS,
    STOPPED,
    STOPS,
)
from paddock.adapters.pacing.purse import Purse

_BY_MACHINES: Final[Mapping[str, tuple[str, str]]] = {
    "CreateFleet": (MACHINES, FLEETS),
    "TerminateInstances": (ENDED, ENDS),
    "StopInstances": (STOPPED, STOPS),
    "StartInstances": (STARTED, STARTS),
}
"""EC2's buckets of operations that have two: for machines, and for requests."""


class PurseToll:
    """Pays for each request to EC2 out of what the fleet's processes may ask together. Safe for threads.

    Other operations cost nothing: they have buckets of their own, and what they tell is remembered for hours.
    """

    def __init__(self, purse: Purse) -> None:
        """Args: what this process may ask."""
        self._purse = purse

    def __call__(self, operation: str, machines: int, *, listing: bool) -> None:
        """Take one request, and its machines: both or nothing.

        Raises:
            Throttled: there is too little left of the one or the other; it says when there will be.
            Unavailable: the table does not answer.
        """
        if operation == "DescribeInstances":
            self._purse.spend(PAGES if listing else DESCRIBES)
        elif operation in _BY_MACHINES:
            each, requests = _BY_MACHINES[operation]
            self._purse.spend_all({each: machines, requests: 1})
