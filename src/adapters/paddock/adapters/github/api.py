"""One call of GitHub's REST interface: credentials, redirects, a second try after a 401, errors in our words."""

import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlencode, urljoin, urlsplit

import attrs
import msgspec

from paddock.adapters.github.auth import Authority, headers_for
from paddock.adapters.github.endpoints import same_origin
from paddock.adapters.github.errors import describe, error_of, throttle_of, unexpected
from paddock.adapters.github.transport import Reply, Request, Transport
from paddock.core.errors import AccessDenied, PaddockError
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Clock

_UNAUTHORIZED = 401
_REDIRECTS = frozenset({301, 302, 307, 308})
_HOPS = 3
_NEXT = re.compile(r'<([^<>]*)>[^<>]*;\s*rel="?next"?')
_PAGE = 100  # GitHub's largest


@attrs.frozen
class Answer:
    """A reply with the request it answers, for whoever must explain it."""

    request: Request
    reply: Reply

    @property
    def status(self) -> int:
        """The reply's status."""
        return self.reply.status


class Api:
    """Calls by path. ``account`` says for whom: its installation's token is used; None is the App itself."""

    def __init__(self, base: str, transport: Transport, authority: Authority, clock: Clock) -> None:
        """Args: the base URL (no slash at its end), what sends, who gives credentials, and the time."""
        self._base = base
        self._transport = transport
        self._authority = authority
        self._clock = clock

    def get(self, path: str, account: Scope | None, *, accept: Collection[int] = (), polled: bool = True) -> Answer:
        """GET `path`. See `call` for `accept`; `polled` requests are conditional."""
        return self._exchange(Request("GET", self._base + path, conditional=polled), account, accept, AccessDenied)

    def call(
        self,
        method: str,
        path: str,
        account: Scope | None,
        body: object = None,
        *,
        accept: Collection[int] = (),
        refusal: type[PaddockError] = AccessDenied,
        repeatable: bool = False,
    ) -> Answer:
        """Send `method` with `body` as JSON.

        Args:
            method: POST, DELETE …
            path: below the base URL.
            account: for whom.
            body: what can be made JSON; None for none.
            accept: statuses of 400 and more that the caller wants to see (unless they are a rate limit).
            refusal: what a reply that calls the request wrong is to be called.
            repeatable: doing it twice does no harm.

        Raises:
            PaddockError: what the reply stands for, see `errors`.
        """
        content = None if body is None else msgspec.json.encode(body)
        request = Request(method, self._base + path, body=content, repeatable=repeatable)
        return self._exchange(request, account, accept, refusal)

    def pages(self, path: str, account: Scope | None, query: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """GET every page of a listing, by its Link header."""
        url = f"{self._base}{path}?{urlencode({'per_page': _PAGE, **(query or {})})}"
        seen: set[str] = set()
        while url and url not in seen:
            seen.add(url)
            answer = self._exchange(Request("GET", url, conditional=True), account, (), AccessDenied)
            yield answer
            url = next_page(answer.reply)
            if url and not same_origin(url, self._base):
                raise unexpected(answer.request, answer.reply, "its next page is on another host")

    def _exchange(
        self, request: Request, account: Scope | None, accept: Collection[int], refusal: type[PaddockError]
    ) -> Answer:
        for last in (False, True):
            bearer = self._authority.bearer(account)
            answer = self._follow(request, headers_for(bearer))
            # A 401 is said before anything is done, so even a POST may come again, once, with a new token.
            if last or answer.status != _UNAUTHORIZED or not self._authority.renounce(account, bearer):
                break
        status, now = answer.status, self._clock.now()
        if status < 300 or (status in accept and throttle_of(answer.reply, now) is None):  # noqa: PLR2004 - HTTP's own
            return answer
        raise error_of(answer.request, answer.reply, now, refusal)

    def _follow(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Send it; if the thing was renamed, send it again to its new place (method and body kept, host checked)."""
        if request.body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        request = attrs.evolve(request, headers=headers)
        for _ in range(_HOPS):
            reply = self._transport.send(request)
            if reply.status not in _REDIRECTS or not reply.header("location"):
                return Answer(request, reply)
            target = urljoin(request.url, reply.header("location"))
            if not same_origin(target, self._base):
                host = urlsplit(target).hostname
                raise AccessDenied(
                    f"{describe(request, reply)}: it points to {host}, where these credentials must not go; "
                    "configure github.url as the host that answers"
                )
            request = attrs.evolve(request, url=target)
        return Answer(request, reply)


def next_page(reply: Reply) -> str:
    """The URL marked ``rel="next"`` in the Link header (RFC 8288), "" on the last page."""
    found = _NEXT.search(reply.header("link"))
    return found[1] if found else ""
