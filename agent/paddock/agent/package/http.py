"""One download by HTTP(S): redirects followed by hand, resumed where it ended, nothing trusted that the server says.

What a server may do and what comes of it: it lies about the length (truncated, or cut at the bound), never ends (cut at
the bound), drips (the watchdog), ignores the range (from the beginning), leads in circles or elsewhere (refused).
"""

import http.client
import socket
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from paddock.agent.package.bounds import Bounds
from paddock.agent.package.places import Place
from paddock.agent.package.room import write_all
from paddock.agent.package.watchdog import Watchdog

_CHUNK = 1 << 20
_LONGEST_ETAG = 200
_OK, _PARTIAL, _RANGE = 200, 206, 416
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Refused(OSError):  # noqa: N818 - named for what happened
    """The server's answer, and asking it again will bring the same."""


class Failed(OSError):  # noqa: N818 - named for what happened
    """The server or the way to it failed; it may be better soon."""


class Misfit(OSError):  # noqa: N818 - named for what happened
    """The rest that was sent does not continue what is there: it has to be fetched from the beginning."""


def fetch(
    place: Place, file: BinaryIO, *, etag: str, bounds: Bounds, started: Callable[[str, int | None], None]
) -> None:
    """Download into `file`, which may hold a beginning already.

    Args:
        place: whom to ask.
        file: open for writing; what it holds is continued if `etag` is given and the server agrees.
        etag: the strong ETag of the answer that the beginning came from, or empty.
        bounds: time, speed and size.
        started: told the new answer's ETag (empty if there is no strong one) and how many bytes are to come, before
            any of them is written; what was in `file` is gone then, unless it is continued.

    Raises:
        Refused: a final answer; `Misfit`: the beginning is of no use; `Failed`: anything that may pass.
        OSError: the disk is full or failing.
    """
    have = file.seek(0, 2) if etag else 0
    headers = {"User-Agent": "paddock-agent", "Accept-Encoding": "identity", **place.headers}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": etag}
    with Watchdog(deadline=bounds.deadline, window=bounds.window, min_speed=bounds.min_speed) as watchdog:
        try:
            with _open(place, headers, bounds, watchdog) as answer:
                _receive(answer, file, have, bounds, started, watchdog)
        except Failed:
            if watchdog.bitten:
                raise Failed(watchdog.bitten) from None
            raise


def _receive(
    answer: http.client.HTTPResponse,
    file: BinaryIO,
    have: int,
    bounds: Bounds,
    started: Callable[[str, int | None], None],
    watchdog: Watchdog,
) -> None:
    if answer.status == _PARTIAL:
        if not have or not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
            raise Misfit("the server sent another part than the one asked for")
    else:
        have = 0
        file.seek(0)
        file.truncate()
    wanted = answer.length
    if wanted is not None and have + wanted > bounds.max_bytes:
        raise Refused(f"{have + wanted} bytes are announced, more than {bounds.max_bytes}")
    started(strong(answer.headers.get("ETag", "")), wanted)
    came = 0
    while chunk := _read(answer):
        came += len(chunk)
        watchdog.progress(len(chunk))
        if have + came > bounds.max_bytes:
            raise Refused(f"more than {bounds.max_bytes} bytes came")
        write_all(file, chunk)
    if watchdog.bitten:
        raise Failed(watchdog.bitten)
    if wanted is not None and came != wanted:
        raise Failed(f"{came} of {wanted} bytes came")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(_words(error)) from error


def _open(place: Place, headers: Mapping[str, str], bounds: Bounds, watchdog: Watchdog) -> http.client.HTTPResponse:
    """The answer to the first request that is not redirected: 200 or 206."""
    url, sent = place.url, dict(headers)
    opener = _opener(watchdog)
    for _ in range(bounds.redirects + 1):
        request = urllib.request.Request(url, headers=sent)  # noqa: S310 - http or https: the assignment's and _next's rule
        answer: http.client.HTTPResponse
        try:
            answer = opener.open(request, timeout=bounds.silence)
        except (OSError, http.client.HTTPException) as error:
            raise Failed(_words(error)) from error
        if answer.status in (_OK, _PARTIAL):
            return answer
        answer.close()
        if answer.status == _RANGE:
            raise Misfit("the server has not that many bytes")
        if answer.status not in _REDIRECTS:
            raise (Refused if _final(answer.status) else Failed)(f"HTTP {answer.status}")
        following = _next(url, answer.headers.get("Location", ""))
        if _origin(following) != _origin(url):
            sent = {name: value for name, value in sent.items() if name not in place.headers}
        url = following
    raise Refused(f"more than {bounds.redirects} redirects")


def _next(url: str, location: str) -> str:
    """Where a redirect leads; never to another scheme than http and https, and never from https to http."""
    try:
        following = urljoin(url, location)
        parts = urlsplit(following)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        raise Refused("redirected to what is no address") from None
    if not location or parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Refused(f"redirected to {parts.scheme[:20] or 'nowhere'}://…, which is not followed")
    if parts.scheme == "http" and urlsplit(url).scheme == "https":
        raise Refused("redirected from https to http, which is not followed")
    if not following.isascii() or any(letter <= " " for letter in following):
        raise Refused("redirected to what is no address")
    return following


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _opener(watchdog: Watchdog) -> urllib.request.OpenerDirector:
    """Proxies from the environment, http and https; no other scheme, and no redirect is followed by itself."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watchdog.watch(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watchdog.watch(self.sock)

    plain: Any = Plain  # typeshed wants a protocol of its own here
    secure: Any = Secure

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(secure, req)

    director = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), PlainHandler(), SecureHandler(), urllib.request.UnknownHandler()):
        director.add_handler(handler)
    return director


def _final(status: int) -> bool:
    """True if the server's answer will not change by asking again."""
    return 300 <= status < 500 and status not in (408, 425, 429)  # noqa: PLR2004 - HTTP's own numbers


def strong(etag: str) -> str:
    """The ETag if it may be used to continue a download: a weak one says nothing about bytes."""
    sound = etag.isascii() and etag.isprintable() and len(etag) <= _LONGEST_ETAG
    return etag if sound and etag.startswith('"') and etag.endswith('"') else ""


def _words(error: BaseException) -> str:
    """The error in words, without the address: it may carry a signature."""
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, socket.gaierror):
        return f"the name cannot be resolved: {reason.strerror}"
    text = getattr(reason, "strerror", None) or (reason if isinstance(reason, str) else "")
    return f"{type(reason).__name__}: {text}"[:200].rstrip(": ")
