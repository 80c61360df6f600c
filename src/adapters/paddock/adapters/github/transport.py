"""What the client needs of HTTP: requests, replies, and one protocol to exchange them.

Everything but ``_http`` is written against these, so another HTTP library is one new module. Cross-cutting work
(retries, conditional requests, counting) is a decorator: a `Transport` around a `Transport`.
"""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import attrs

from paddock.core.errors import Unavailable


class Unreached(Unavailable):
    """The request never reached the other side, so it cannot have acted on it: any method may be repeated."""


@attrs.frozen
class Request:
    """One HTTP request. ``headers`` (they carry the credentials) and ``body`` are left out of `repr`.

    ``repeatable``: doing it twice does no harm, so it may be repeated though its reply was lost.
    ``conditional``: it is polled, so ask only for what changed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    repeatable: bool = False
    conditional: bool = False

    @property
    def path(self) -> str:
        """The URL's path, without the query."""
        return urlsplit(self.url).path


@attrs.frozen
class Reply:
    """One HTTP reply, whatever its status. Header names are in lower case; ``body`` is left out of `repr`."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The header's value, "" if it is not there. `name` is in lower case."""
        return self.headers.get(name, "")


class Transport(Protocol):
    """Exchanges requests for replies. Safe to use from several threads."""

    def send(self, request: Request) -> Reply:
        """Send the request once (a decorator may: more often); the reply, whatever its status. Follows no redirect.

        Raises:
            Unreached: no connection could be made.
            Unavailable: the connection broke or timed out: whether the request was acted on is unknown.
            InvalidInput: the URL is none that HTTP knows.
        """

    def close(self) -> None:
        """Let all connections go. The transport is of no use afterwards."""
