"""Who we are for GitHub: an App with its installations, or somebody's token.

An App has two credentials that must never mix: a JWT signed with its private key, which only the App's own endpoints
take, and one token per installation, good for an hour, which everything else takes. Both are values here and are put on
each request by hand; nothing is shared that one could leave on the other's requests.
"""

from threading import Lock
from typing import Protocol, TypeAlias

import attrs

from paddock.adapters.github.app_jwt import private_key_of, signed
from paddock.adapters.github.errors import error_of, unexpected
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.transport import Reply, Request, Transport
from paddock.adapters.github.wire import Id, Stamp
from paddock.core.errors import AccessDenied, InvalidInput, NotFound
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Clock
from paddock.core.units import MINUTE, SECOND, Moment, moment_of

_BACKDATED = 60  # seconds: GitHub refuses a JWT from the future, and clocks differ
_JWT_LIFE = 9 * 60  # seconds; GitHub's limit is ten minutes
_UNAUTHORIZED = 401
_RENEW_BEFORE = 5 * MINUTE


def _one_line(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise InvalidInput(f"github.{attribute.name}", "(hidden)", "must be one line of text without blanks")


@attrs.frozen
class TokenCredentials:
    """Somebody's token (fine-grained, or classic with the scopes ``repo`` and ``admin:org``)."""

    token: str = attrs.field(repr=False, validator=_one_line)


@attrs.frozen
class AppCredentials:
    """A GitHub App. ``app_id`` is its id or its client id; ``private_key`` is PEM text.

    ``installation_id`` None: found for each owner. Set, it is used for every owner.
    """

    app_id: str = attrs.field(converter=str, validator=_one_line)
    private_key: str = attrs.field(repr=False)
    installation_id: int | None = None


Credentials: TypeAlias = TokenCredentials | AppCredentials


class Authority(Protocol):
    """Gives the bearer for a request. Safe to use from several threads."""

    def bearer(self, account: Scope | None) -> str:
        """The credential for requests about the account (None: as the App itself); "" for none at all."""

    def renounce(self, account: Scope | None, bearer: str) -> bool:
        """GitHub said 401 to this bearer: forget it. True if the next one will be another."""


class AnonymousAuthority:
    """No credentials: for public data on another GitHub than ours."""

    def bearer(self, account: Scope | None) -> str:  # noqa: ARG002 - the same for everybody
        """See `Authority.bearer`."""
        return ""

    def renounce(self, account: Scope | None, bearer: str) -> bool:  # noqa: ARG002 - as above
        """See `Authority.renounce`."""
        return False


class TokenAuthority:
    """One token for everything."""

    def __init__(self, credentials: TokenCredentials) -> None:
        """Args: the token."""
        self._token = credentials.token

    def bearer(self, account: Scope | None) -> str:
        """See `Authority.bearer`."""
        if account is None:
            raise AccessDenied("this needs a GitHub App: a token cannot speak for one; configure github.app")
        return self._token

    def renounce(self, account: Scope | None, bearer: str) -> bool:  # noqa: ARG002 - there is no other token
        """See `Authority.renounce`."""
        return False


@attrs.frozen
class _Token:
    token: str = attrs.field(repr=False)
    expires_at: Stamp


@attrs.frozen
class _Installation:
    id: Id


@attrs.define
class _Seat:
    """What is known of one owner's installation. ``lock`` is held while its token is minted: one mint at a time."""

    lock: Lock = attrs.field(factory=Lock)
    installation: int | None = None
    token: str = attrs.field(default="", repr=False)
    renew_at: Moment = 0


class AppAuthority:
    """An App: a JWT for itself, and a token for each installation, kept until five minutes before it ends."""

    def __init__(self, credentials: AppCredentials, api: str, transport: Transport, clock: Clock) -> None:
        """Args: the App, the REST interface's base URL, what sends (and repeats), and the time.

        Raises:
            InvalidInput: the key is none.
        """
        self._credentials = credentials
        self._key = private_key_of(credentials.private_key.replace("\\n", "\n").strip())
        self._api = api
        self._transport = transport
        self._clock = clock
        self._seats: dict[str, _Seat] = {}
        self._lock = Lock()

    def bearer(self, account: Scope | None) -> str:
        """See `Authority.bearer`."""
        if account is None:
            return self._jwt()
        seat = self._seat(account)
        with seat.lock:
            if not seat.token or self._clock.now() >= seat.renew_at:
                self._mint(seat, account)
            return seat.token

    def renounce(self, account: Scope | None, bearer: str) -> bool:
        """See `Authority.renounce`."""
        if account is None:
            return False
        seat = self._seat(account)
        with seat.lock:
            if seat.token == bearer:  # else another thread renewed it meanwhile
                seat.token = ""
        return True

    def _seat(self, account: Scope) -> _Seat:
        fixed = self._credentials.installation_id
        key = account.owner.casefold() if fixed is None else ""
        with self._lock:
            return self._seats.setdefault(key, _Seat(installation=fixed))

    def _mint(self, seat: _Seat, account: Scope) -> None:
        known = seat.installation
        if known is not None:
            try:
                self._mint_for(seat, known)
            except NotFound:
                if self._credentials.installation_id is not None:
                    raise
                # The App was taken out and installed anew: the installation has another id now.
                seat.installation = None
            else:
                return
        seat.installation = self._find(account)
        self._mint_for(seat, seat.installation)

    def _mint_for(self, seat: _Seat, installation: int) -> None:
        # A token nobody uses does no harm, so this POST may be repeated.
        path = f"/app/installations/{installation}/access_tokens"
        request, reply = self._sent("POST", path, repeatable=True)
        self._check(request, reply)
        found = decoded(_Token, request, reply)
        if not found.token:
            raise unexpected(request, reply, "the token is empty")
        seat.token = found.token
        # Where GitHub's clock is far ahead of ours, a token would look expired at once: keep it a moment all the same.
        seat.renew_at = max(moment_of(found.expires_at) - _RENEW_BEFORE, self._clock.now() + SECOND)

    def _find(self, account: Scope) -> int:
        paths = (
            (f"{account_path(account)}/installation",)
            if account.name
            else (f"{account_path(account)}/installation", f"/users/{account.owner}/installation")
        )
        for path in paths:
            request, reply = self._sent("GET", path)
            if reply.status == 404:  # noqa: PLR2004 - HTTP's own number
                continue
            self._check(request, reply)
            return decoded(_Installation, request, reply).id
        raise NotFound(f"the GitHub App {self._credentials.app_id} is not installed on {account}: install it there")

    def _sent(self, method: str, path: str, *, repeatable: bool = False) -> tuple[Request, Reply]:
        """The request as it was answered. If its JWT ran out while it waited for a rate limit, it gets a new one."""
        began = self._clock.now()
        request = self._request(method, path, repeatable=repeatable)
        reply = self._transport.send(request)
        if reply.status == _UNAUTHORIZED and self._clock.now() - began >= _JWT_LIFE * SECOND:
            request = self._request(method, path, repeatable=repeatable)
            reply = self._transport.send(request)
        return request, reply

    def _check(self, request: Request, reply: Reply) -> None:
        if reply.status >= 300:  # noqa: PLR2004 - HTTP's own number
            raise error_of(request, reply, self._clock.now())

    def _request(self, method: str, path: str, *, repeatable: bool = False) -> Request:
        return Request(method, self._api + path, headers_for(self._jwt()), repeatable=repeatable)

    def _jwt(self) -> str:
        now = self._clock.now() // SECOND
        issuer = self._credentials.app_id
        claims: dict[str, str | int] = {"iat": now - _BACKDATED, "exp": now + _JWT_LIFE, "iss": issuer}
        return signed(claims, self._key)


def headers_for(bearer: str) -> dict[str, str]:
    """The headers every request to GitHub bears."""
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    return headers
