"""The port `Downloads` by HTTP(S), into a temporary file."""

import http.client
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO
from urllib.parse import urlsplit

from paddock.adapters.os_errors import error_of
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.units import SECOND, Span

_CHUNK = 1 << 20
_STATUSES: dict[int, type[PaddockError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    410: NotFound,
    429: Throttled,
}
_SCHEMES = frozenset({"http", "https"})


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Ten at most (urllib's own rule), over http and https only, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in _SCHEMES or (before == "https" and after == "http"):
            raise Rejected(f"redirected from {before} to {after[:20]}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class HttpDownloads:
    """`Downloads` by urllib: proxies are taken from the environment."""

    def __init__(self, *, deadline: Span = 600 * SECOND, silence: Span = 30 * SECOND) -> None:
        """Args: how long a whole file, and how long a server that says nothing, is waited for."""
        self._deadline = deadline / SECOND
        self._silence = silence / SECOND
        self._opener = urllib.request.build_opener(_Redirects)

    @contextmanager
    def fetch(self, url: str, largest: int) -> Iterator[BinaryIO]:
        """See `Downloads.fetch`."""
        if urlsplit(url).scheme not in _SCHEMES:
            raise Rejected("the address is not http or https")
        with tempfile.TemporaryFile() as file:
            try:
                self._load(url, largest, file)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise download_error(error) from error
            file.seek(0)
            yield file

    def _load(self, url: str, largest: int, file: IO[bytes]) -> None:
        give_up = time.monotonic() + self._deadline
        request = urllib.request.Request(url, headers={"User-Agent": "paddock"})  # noqa: S310 - http(s), checked above
        with self._opener.open(request, timeout=self._silence) as answer:
            wanted, size = answer.length, 0
            while chunk := answer.read1(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise Rejected(f"it is larger than {largest} bytes")
                if time.monotonic() > give_up:
                    raise TimeoutError(f"gave up after {size} bytes")
                file.write(chunk)
        if wanted is not None and wanted != size:
            raise ConnectionError(f"{size} of {wanted} bytes came")


def download_error(error: Exception) -> PaddockError:
    """The core's error for one of urllib's, http.client's or the operating system's. Without the address."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        passing = error.code >= 500 or error.code in (408, 425)  # noqa: PLR2004 - HTTP's own numbers
        return _STATUSES.get(error.code, Unavailable if passing else Rejected)(f"HTTP {error.code}")
    if isinstance(error, urllib.error.URLError):
        return Unavailable(f"the server cannot be reached: {type(error.reason).__name__}")
    if isinstance(error, ConnectionError | TimeoutError | http.client.HTTPException):
        return Unavailable(f"the download failed: {type(error).__name__}")
    if isinstance(error, OSError):
        return error_of(error)
    return Rejected("the address cannot be asked")
