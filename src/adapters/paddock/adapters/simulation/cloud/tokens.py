"""What EC2 remembers of launches by their client tokens, so that none starts anything twice."""

from collections import deque

import attrs

from paddock.core.errors import TokenReused
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest
from paddock.core.units import Moment, Span


@attrs.frozen
class _Launched:
    """What became of a token: the request in short, and the outcome at that time."""

    request: int
    outcome: LaunchOutcome


class Tokens:
    """Outcomes by token, for as long as EC2 remembers."""

    def __init__(self, memory: Span) -> None:
        """Args: how long that is."""
        self._memory = memory
        self._launches: dict[str, _Launched] = {}
        self._order: deque[tuple[Moment, str]] = deque()

    def __len__(self) -> int:
        return len(self._launches)

    def find(self, request: LaunchRequest) -> LaunchOutcome | None:
        """What the token brought; None if it is new.

        Raises:
            TokenReused: it was used with other parameters.
        """
        known = self._launches.get(request.token)
        if known is None:
            return None
        if known.request != _in_short(request):
            raise TokenReused(f"token {request.token!r} was used with other parameters: a new request needs a new one")
        return known.outcome

    def keep(self, request: LaunchRequest, outcome: LaunchOutcome, now: Moment) -> None:
        """Remember what it brought."""
        self._launches[request.token] = _Launched(_in_short(request), outcome)
        self._order.append((now, request.token))

    def drop(self, now: Moment) -> None:
        """Let go of what EC2 no longer remembers."""
        while self._order and self._order[0][0] + self._memory <= now:
            del self._launches[self._order.popleft()[1]]


def _in_short(request: LaunchRequest) -> int:
    """A request's parameters as a number that tells it from others: whole requests would be kept for days."""
    tags = tuple(sorted(request.tags.items()))
    asked = (request.count, request.spec, request.market, request.disk, tags, request.without, request.stock)
    return hash(asked)
