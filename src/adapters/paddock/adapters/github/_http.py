"""The one place that imports httpx.

httpx sees its last releases, and a fork under another name goes on: the swap must be this one file.
"""

import attrs
import httpx

from paddock.adapters.closing import Closing
from paddock.adapters.github.transport import Reply, Request, Unreached
from paddock.core.errors import InvalidInput, PaddockError, Unavailable
from paddock.core.units import SECOND, Span

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NO_SUCH_URL = (httpx.UnsupportedProtocol, httpx.InvalidURL)
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)


@attrs.frozen
class Timeouts:
    """How long to wait: for a connection, and for the next bytes of a reply.

    Making a JIT configuration takes GitHub about a second, and up to eleven when it is about to fail. With the limits
    of repetition these bound what a GitHub that stalls costs a function: tests hold them to the template's time-outs.
    """

    connect: Span = 3 * SECOND
    read: Span = 15 * SECOND


class HttpTransport(Closing):
    """A `Transport` over pooled connections.

    ``environment``: heed the proxy variables (``HTTPS_PROXY`` …); never wanted for a host on this machine.
    """

    def __init__(
        self, user_agent: str, *, timeouts: Timeouts = Timeouts(), environment: bool = True, connections: int = 20
    ) -> None:
        """Args: the User-Agent header, the time-outs, whether proxies count, and how many connections at once."""
        read = timeouts.read / SECOND
        self._client = httpx.Client(
            timeout=httpx.Timeout(connect=timeouts.connect / SECOND, read=read, write=read, pool=read),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"User-Agent": user_agent},
            follow_redirects=False,
            trust_env=environment,
        )

    def send(self, request: Request) -> Reply:
        """See `Transport.send`."""
        try:
            response = self._client.request(
                request.method, request.url, headers=dict(request.headers), content=request.body
            )
        except _FAILURES as failure:
            # "from None": httpx's errors hold the request, and with it the Authorization header.
            raise failure_of(failure, request) from None
        # Cookies would tie later requests to this one; GitHub's interface needs none.
        self._client.cookies.clear()
        return Reply(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            response.content,
        )

    def close(self) -> None:
        """See `Transport.close`."""
        self._client.close()


def failure_of(failure: Exception, request: Request) -> PaddockError:
    """What httpx's exception means in our words. Its text is used only where it cannot quote a header."""
    what = f"{request.method} {request.path}: {type(failure).__name__}"
    if isinstance(failure, _NO_SUCH_URL):
        return InvalidInput("github.url", request.url.partition("?")[0], "must be a URL like https://github.com")
    if isinstance(failure, _NEVER_SENT):
        host = httpx.URL(request.url).netloc.decode("ascii", "replace")
        return Unreached(f"{what}: no connection to {host} ({failure}): check the network, DNS and proxy settings")
    if isinstance(failure, httpx.TimeoutException):
        return Unavailable(f"{what}: no reply in time; whether GitHub acted on it is unknown")
    return Unavailable(f"{what}: the connection broke; whether GitHub acted on it is unknown")
