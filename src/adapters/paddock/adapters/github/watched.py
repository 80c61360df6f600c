"""Telling how GitHub answers: what is left of the hour's limit, and each request that it did not serve.

A request that was repeated until it was served is no failure. What GitHub says of a thing (it is not there, it is busy,
it exists already) is an answer. Limits other than the main one (``x-ratelimit-resource: core``) are not told.
"""

from collections.abc import Callable
from http import HTTPStatus

import attrs

from paddock.adapters.github.thrift import number_in
from paddock.adapters.github.transport import Reply, Request, Transport
from paddock.core.errors import Unavailable

_REFUSED = frozenset({401, 402, 403, 407, 408, 429, 451})
_CORE = ("", "core")


@attrs.frozen
class Watch:
    """Who is told: ``left`` how many requests are left, ``failed`` the status of a failure, or the error's name."""

    left: Callable[[int], object]
    failed: Callable[[str], object]


class WatchedTransport:
    """A `Transport` that tells how it goes."""

    def __init__(self, inner: Transport, watch: Watch) -> None:
        """Args: what sends, with its repetitions; who is told."""
        self._inner = inner
        self._watch = watch

    def send(self, request: Request) -> Reply:
        """See `Transport.send`."""
        try:
            reply = self._inner.send(request)
        except Unavailable as failure:
            self._watch.failed(type(failure).__name__)
            raise
        left = number_in(reply, "remaining")
        if left is not None and reply.header("x-ratelimit-resource") in _CORE:
            self._watch.left(left)
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in _REFUSED:
            self._watch.failed(str(reply.status))
        return reply

    def close(self) -> None:
        """See `Transport.close`."""
        self._inner.close()
