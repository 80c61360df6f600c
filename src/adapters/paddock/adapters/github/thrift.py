"""Leaving calls to others: a fleet that lives on the same credentials needs its part of the hour's rate limit.

GitHub tells with each reply how many calls are left until when (``x-ratelimit-…``; docs.github.com, "Rate limits for
the REST API"). A reply without them, as Enterprise Server sends where no limit is set, holds nobody up.
"""

from paddock.adapters.github.transport import Reply, Request, Transport
from paddock.core.ports.system import Clock, Sleeper
from paddock.core.units import HOUR, SECOND, Moment

_LONGEST = HOUR + SECOND
_DIGITS = 12  # enough for any Unix time


class ThriftyTransport:
    """A `Transport` that waits for the next hour once only so much of the limit is left."""

    def __init__(self, inner: Transport, *, clock: Clock, sleeper: Sleeper, left: int) -> None:
        """Args: what sends, time, waiting, and how many per cent of the limit are for others."""
        self._inner = inner
        self._clock = clock
        self._sleeper = sleeper
        self._left = left
        self._resume: Moment | None = None

    def send(self, request: Request) -> Reply:
        """See `Transport.send`."""
        resume, self._resume = self._resume, None
        if resume is not None:
            wait = resume - self._clock.now()
            if wait > 0:
                self._sleeper.sleep(min(wait, _LONGEST))
        reply = self._inner.send(request)
        limit, remaining, reset = (number_in(reply, name) for name in ("limit", "remaining", "reset"))
        if limit is not None and remaining is not None and reset is not None and remaining * 100 < limit * self._left:
            self._resume = (reset + 1) * SECOND
        return reply

    def close(self) -> None:
        """See `Transport.close`."""
        self._inner.close()


def number_in(reply: Reply, name: str) -> int | None:
    """What the reply says of the rate limit (``limit``, ``remaining``, ``reset``); None if that cannot be read."""
    text = reply.header(f"x-ratelimit-{name}")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
