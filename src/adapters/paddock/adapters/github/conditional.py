"""Conditional requests: what is polled is sent again only if it changed.

A reply of 304 costs nothing of the primary rate limit (docs.github.com, "Best practices for using the REST API").
"""

from collections import OrderedDict
from http import HTTPStatus
from threading import Lock

import attrs

from paddock.adapters.github.transport import Reply, Request, Transport


class ConditionalTransport:
    """A `Transport` that remembers replies to conditional requests by their ETag, within bounds.

    The URL alone is the key: GitHub checks the credentials before it says 304, and another view has another ETag.
    """

    def __init__(
        self, inner: Transport, *, entries: int = 512, total_bytes: int = 8 << 20, entry_bytes: int = 1 << 20
    ) -> None:
        """Args: what sends, and the bounds: how many replies, their bytes in all, and the bytes of the largest."""
        self._inner = inner
        self._entries = entries
        self._total = total_bytes
        self._largest = entry_bytes
        self._kept: OrderedDict[str, Reply] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def send(self, request: Request) -> Reply:
        """See `Transport.send`. A 304 comes back as the reply it stands for."""
        if not (request.conditional and request.method == "GET"):
            return self._inner.send(request)
        with self._lock:
            known = self._kept.get(request.url)
            if known is not None:
                self._kept.move_to_end(request.url)
        if known is None:
            reply = self._inner.send(request)
        else:
            tagged = {**request.headers, "If-None-Match": known.header("etag")}
            reply = self._inner.send(attrs.evolve(request, headers=tagged))
            if reply.status == HTTPStatus.NOT_MODIFIED:
                # The new headers count (rate limit, request id), the old ones fill in (Link, Content-Type).
                return Reply(known.status, {**known.headers, **reply.headers}, known.body)
        if reply.status == HTTPStatus.OK and reply.header("etag") and len(reply.body) <= self._largest:
            self._keep(request.url, reply)
        elif known is not None and reply.status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            self._drop(request.url)
        return reply

    def close(self) -> None:
        """See `Transport.close`."""
        self._inner.close()

    def _keep(self, url: str, reply: Reply) -> None:
        with self._lock:
            self._forget(url)
            self._kept[url] = reply
            self._bytes += len(reply.body)
            while len(self._kept) > self._entries or self._bytes > self._total:
                self._forget(next(iter(self._kept)))

    def _drop(self, url: str) -> None:
        with self._lock:
            self._forget(url)

    def _forget(self, url: str) -> None:
        gone = self._kept.pop(url, None)
        if gone is not None:
            self._bytes -= len(gone.body)
