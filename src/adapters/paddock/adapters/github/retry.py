"""Repetition, where it is safe.

::

    what happened                        GET, DELETE, repeatable    POST
    no connection was made               again                      again
    GitHub said: too fast (403, 429)     again, when it said        again, when it said
    the reply was lost, or 5xx           again                      no: GitHub may have acted

A POST that makes a runner has made it even if the reply is lost; asking again with the same name gets "409 already
exists". So that is for the caller, who takes a fresh name.
"""

import attrs

from paddock.adapters.github.errors import retry_after, throttle_of
from paddock.adapters.github.transport import Reply, Request, Transport, Unreached
from paddock.core.errors import Unavailable
from paddock.core.ports.system import Chance, Clock, Sleeper
from paddock.core.units import MILLISECOND, SECOND, Moment, Span

_SAFE = frozenset({"GET", "HEAD", "DELETE"})
_PASSING = frozenset({408, 500, 502, 503, 504})


@attrs.frozen
class RetryLimits:
    """How far repetition goes: ``attempts`` in all, and ``total`` from the first request to the last one's start.

    ``base`` is the ceiling of the first pause, doubled each time up to ``cap``; the pause itself is drawn below it.
    """

    attempts: int = 4
    total: Span = 20 * SECOND
    base: Span = 500 * MILLISECOND
    cap: Span = 8 * SECOND


class RetryingTransport:
    """A `Transport` that repeats. A wait that would go beyond the limits is not begun: the failure goes up at once."""

    def __init__(
        self, inner: Transport, *, clock: Clock, sleeper: Sleeper, chance: Chance, limits: RetryLimits = RetryLimits()
    ) -> None:
        """Args: what sends, time, waiting, the dice for the pauses, and the limits."""
        self._inner = inner
        self._clock = clock
        self._sleeper = sleeper
        self._chance = chance
        self._limits = limits

    def send(self, request: Request) -> Reply:
        """See `Transport.send`. The reply returned is the last one, which may still be a refusal."""
        started = self._clock.now()
        repeatable = request.repeatable or request.method in _SAFE
        slept: Span = 0
        attempt = 1
        while True:
            reply: Reply | None = None
            try:
                reply = self._inner.send(request)
                pause = self._pause_after(reply, attempt, repeatable=repeatable)
            except Unavailable as failure:
                pause = self._jitter(attempt) if repeatable or isinstance(failure, Unreached) else None
                if pause is None or not self._affords(attempt, pause, started, slept):
                    raise
            else:
                if pause is None or not self._affords(attempt, pause, started, slept):
                    return reply
            self._sleeper.sleep(pause)
            slept += pause
            attempt += 1

    def close(self) -> None:
        """See `Transport.close`."""
        self._inner.close()

    def _pause_after(self, reply: Reply, attempt: int, *, repeatable: bool) -> Span | None:
        now = self._clock.now()
        asked = throttle_of(reply, now)
        if asked is None:
            if not repeatable or reply.status not in _PASSING:
                return None
            asked = retry_after(reply, now)
        # What GitHub asks for is the least; the dice keep those who were told the same moment from meeting again.
        return self._jitter(attempt) + (asked or 0)

    def _jitter(self, attempt: int) -> Span:
        ceiling = min(self._limits.cap, self._limits.base << min(attempt - 1, 30))
        return self._chance.below(ceiling + 1)

    def _affords(self, attempt: int, pause: Span, started: Moment, slept: Span) -> bool:
        # The clock may have been set back while we worked; what we slept ourselves is certain.
        elapsed = max(self._clock.now() - started, slept)
        return attempt < self._limits.attempts and elapsed + pause <= self._limits.total
