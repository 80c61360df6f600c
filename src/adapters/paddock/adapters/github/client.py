"""Everything put together: the four ports, and GitHub's history, over one connection pool."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import attrs

from paddock.adapters.closing import Closing
from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import (
    AnonymousAuthority,
    AppAuthority,
    AppCredentials,
    Authority,
    Credentials,
    TokenAuthority,
)
from paddock.adapters.github.conditional import ConditionalTransport
from paddock.adapters.github.deliveries import Hook, RestDeliveries
from paddock.adapters.github.endpoints import PUBLIC_API, Endpoints
from paddock.adapters.github.releases import RestReleases
from paddock.adapters.github.retry import RetryingTransport, RetryLimits
from paddock.adapters.github.runners import RestRunners
from paddock.adapters.github.thrift import ThriftyTransport
from paddock.adapters.github.transport import Transport
from paddock.adapters.github.watched import Watch, WatchedTransport
from paddock.adapters.github.workflows import RestWorkflows
from paddock.core.ports.system import Chance, Clock, Sleeper

if TYPE_CHECKING:
    from paddock.adapters.github.history import RestHistory


@attrs.frozen
class GitHub(Closing):
    """GitHub behind the core's ports, and ``api`` for what no port has.

    ``deliveries`` is None if a token is used and no hook was named.
    """

    runners: RestRunners
    workflows: RestWorkflows
    releases: RestReleases
    deliveries: RestDeliveries | None
    api: Api = attrs.field(repr=False)
    transport: Transport = attrs.field(repr=False)
    app: bool
    """Whether it speaks for an App; else for a token's owner."""

    @property
    def history(self) -> "RestHistory":
        """What was, for whoever records a workload."""
        from paddock.adapters.github.history import RestHistory  # noqa: PLC0415 - no function asks for it

        return RestHistory(self.api, app=self.app)

    def close(self) -> None:
        """Let all connections go."""
        self.transport.close()


def connect(  # noqa: PLR0913 - what it is made of, each by its name
    endpoints: Endpoints,
    credentials: Credentials,
    *,
    clock: Clock,
    sleeper: Sleeper,
    chance: Chance,
    hooks: Sequence[Hook] = (),
    pins: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
    retry: RetryLimits | None = None,
    left: int = 0,
    watch: Watch | None = None,
) -> GitHub:
    """The client for one GitHub and one set of credentials. Nothing is sent yet; safe to use from several threads.

    Args:
        endpoints: where, see `endpoints_of`.
        credentials: an App's or a token.
        clock: for the life of tokens and the span of retries.
        sleeper: waits between retries.
        chance: spreads them.
        hooks: the webhooks whose deliveries are read; for an App none, as it has its own.
        pins: our own digests of runner packages, by file name.
        timeouts: of connections and replies.
        retry: how far repetition goes.
        left: how many per cent of the hour's rate limit are left to others.
        watch: who is told how GitHub answers.

    Raises:
        InvalidInput: the credentials cannot be used as they are.
    """
    raw = HttpTransport(user_agent(), timeouts=timeouts or Timeouts(), environment=not endpoints.local)
    try:
        thrifty: Transport = raw
        if left:
            thrifty = ThriftyTransport(raw, clock=clock, sleeper=sleeper, left=left)
        limits = retry or RetryLimits()
        again: Transport = RetryingTransport(thrifty, clock=clock, sleeper=sleeper, chance=chance, limits=limits)
        if watch is not None:
            again = WatchedTransport(again, watch)
        transport = ConditionalTransport(again)
        authority: Authority
        app = isinstance(credentials, AppCredentials)
        if isinstance(credentials, AppCredentials):
            authority = AppAuthority(credentials, endpoints.api, again, clock)
        else:
            authority = TokenAuthority(credentials)
        api = Api(endpoints.api, transport, authority, clock)
        elsewhere = not (endpoints.public or endpoints.local)
        public = Api(PUBLIC_API, transport, AnonymousAuthority(), clock) if elsewhere else None
        deliveries = None
        if hooks or app:
            deliveries = RestDeliveries(api, hooks or None)
        releases = RestReleases(api, clock=clock, public=public, pins=pins)
        runners = RestRunners(api, endpoints.web, clock)
        return GitHub(runners, RestWorkflows(api), releases, deliveries, api, transport, app)
    except BaseException:
        raw.close()
        raise


def user_agent() -> str:
    """``paddock/<version>``: GitHub refuses requests without one, and asks that it name the program."""
    try:
        return f"paddock/{version('paddock')}"
    except PackageNotFoundError:  # run from a bundle without metadata
        return "paddock/0"
