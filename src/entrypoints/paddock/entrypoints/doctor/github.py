"""The checks of what GitHub knows of a fleet: its App or token, where that may be used, its webhook, its runner."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Final

import attrs

from paddock.adapters.config import Config
from paddock.adapters.github import health
from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import AnonymousAuthority, AppAuthority, AppCredentials, Credentials, TokenAuthority
from paddock.adapters.github.client import user_agent
from paddock.adapters.github.deliveries import Hook as HookAt
from paddock.adapters.github.endpoints import PUBLIC_API, Endpoints, endpoints_of
from paddock.adapters.github.identity import identify
from paddock.adapters.github.releases import RestReleases
from paddock.adapters.github.transport import Request, Transport
from paddock.core.errors import AccessDenied, InvalidInput, PaddockError, Rejected, Unavailable
from paddock.core.health.clock import judge_clock
from paddock.core.health.finding import Check, Finding, Once, Unseen, failure, fine
from paddock.core.health.runner_age import RUNNER, judge_runner, newest
from paddock.core.health.webhook import (
    DELIVERIES,
    ENDPOINT,
    SETTINGS,
    Hook,
    judge_answer,
    judge_deliveries,
    judge_hook,
)
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Clock
from paddock.core.settings import GLOBS, ScopeKind
from paddock.core.spec import Arch
from paddock.core.units import SECOND
from paddock.core.usecases.assign import scopes_of
from paddock.entrypoints.local.greeting import targets_of

CREDENTIALS: Final = "GitHub credentials"
CLOCK: Final = "clock, by GitHub"
_TIMEOUTS: Final = Timeouts(connect=5 * SECOND, read=15 * SECOND)
_KEY: Final = (
    "compare github.app.id and the private key with the App's settings at GitHub, and this machine's clock with "
    "others; a new key is made at GitHub under 'Private keys'"
)
_TOKEN: Final = "see at GitHub, under Settings, Developer settings, that the token is there and may still be used"  # noqa: S105 - words about one
_NO_KEY: Final = "put the secret there, or have paddock.yml name where it is"
_GITHUB: Final = "see https://www.githubstatus.com, and that this machine reaches GitHub"
_NEWER: Final = "GitHub's list of packages for your organisation is behind: see its policies, and ask again in a day"
_NEWER_PIN: Final = "take `local.runner` out of paddock.yml, or pin the newest version and its SHA-256"
_HOOKS: Final = "name the webhook in paddock.yml: github.hooks: [{target: owner/name, id: 123}]; docs/operating.md"


@attrs.frozen(kw_only=True)
class Known:
    """What is known of a fleet from elsewhere, each had when it is first needed.

    ``url`` is where GitHub is to send; empty: that is not known, and what GitHub has is believed. ``pinned`` is the
    runner's version if the fleet installs no other. ``env`` is the stack's environment; empty: the fleet has no stack.
    """

    config: Callable[[], Config]
    credentials: Callable[[], Credentials]
    url: Callable[[], str]
    clock: Clock
    pinned: Callable[[], str] = lambda: ""
    env: str = ""


class GitHubSide:
    """Asks GitHub, over connections that are open while ``opened`` is."""

    def __init__(self, known: Known, opened: ExitStack) -> None:
        """Args: what is known, and what is closed in the end."""
        self._known = known
        self._opened = opened
        self._api = Once("GitHub's credentials", self._signed_in)
        self._app = Once("the App", lambda: self._asked().app())
        self._missing: set[str] = set()
        self._hook: Once[tuple[Hook | None, Sequence[str] | None]] = Once("the webhook", lambda: self._asked().hook())

    def checks(self) -> list[Check]:
        """All of them. What is an App's alone finds nothing where the fleet has a token."""
        return [
            Check(CREDENTIALS, self._who, _KEY),
            Check(health.PERMISSIONS, self._permissions, _KEY),
            Check(health.EVENTS, self._events, _KEY),
            Check(health.INSTALLATION, self._installations, _KEY),
            Check(SETTINGS, self._settings, _GITHUB),
            Check(DELIVERIES, self._deliveries, _GITHUB),
            Check(ENDPOINT, self._endpoint, _GITHUB),
            Check(health.RATE, self._rate, _GITHUB),
            Check(health.GROUP, self._groups, "name a group that there is: github.runner_group"),
            Check(RUNNER, self._runner, _GITHUB),
        ]

    # -- whom we speak as ---------------------------------------------------------------------------------------------

    def _endpoints(self) -> Endpoints:
        return endpoints_of(self._known.config().github.url)

    def _transport(self) -> Transport:
        local = self._endpoints().local
        made = HttpTransport(user_agent(), timeouts=_TIMEOUTS, environment=not local, connections=1)
        self._opened.callback(made.close)
        return made

    def _credentials(self) -> Credentials:
        try:
            return self._known.credentials()
        except InvalidInput as error:
            if not getattr(error, "__notes__", ()):
                error.add_note(_NO_KEY)  # GitHub was not asked: there is nothing to compare
            raise

    def _signed_in(self) -> tuple[Api, Transport]:
        where, credentials, transport = self._endpoints(), self._credentials(), self._transport()
        if isinstance(credentials, AppCredentials):
            authority = AppAuthority(credentials, where.api, transport, self._known.clock)
            return Api(where.api, transport, authority, self._known.clock), transport
        return Api(where.api, transport, TokenAuthority(credentials), self._known.clock), transport

    def _hook_at(self) -> HookAt | None:
        """A webhook that paddock.yml names, for whoever has a token; the App's own otherwise."""
        github = self._known.config().github
        if github.app is not None:
            return None
        if not github.hooks:
            refused = AccessDenied("with a token the webhook is known by its id alone, and paddock.yml names none")
            refused.add_note(_HOOKS)
            raise refused
        owner, _, name = github.hooks[0].target.partition("/")
        return HookAt(Scope(owner, name), github.hooks[0].id)

    def _asked(self) -> health.Asked:
        """Whoever asks about the App and its webhook."""
        return health.Asked(self._api()[0], self._hook_at())

    def _free(self) -> health.Asked:
        """Whoever asks about anything but webhooks."""
        return health.Asked(self._api()[0])

    def _who(self) -> Iterator[Finding]:
        app = self._known.config().github.app
        if app is None:
            yield from self._whose()
            return
        try:
            itself, theirs = self._app()
        except AccessDenied as error:
            yield failure(CREDENTIALS, f"GitHub does not take it for App {app.id}: {error}", _KEY)
            return
        except Unavailable as error:
            error.add_note(_GITHUB)  # it said nothing of the key
            raise
        yield fine(CREDENTIALS, f"App {app.id} ({itself.slug or 'unnamed'}) at {self._endpoints().web}")
        yield judge_clock(CLOCK, self._known.clock.now(), theirs, "GitHub")

    def _whose(self) -> Iterator[Finding]:
        config = self._known.config()
        credentials, clock = self._credentials(), self._known.clock
        try:
            found = identify(self._endpoints(), credentials, targets_of(config), config.settings.scope, clock)
        except PaddockError as error:
            error.add_note(_GITHUB if error.retryable else _TOKEN)
            raise
        for wrong in found.wrong:
            yield failure(CREDENTIALS, wrong, "make such a token, and put it where github.token says")
        if not found.wrong:
            yield fine(CREDENTIALS, f"{found.who}; what a fine-grained one may, shows when it is used")

    def _has_app(self) -> bool:
        return self._known.config().github.app is not None

    def _permissions(self) -> Iterator[Finding]:
        if self._has_app():
            app, _ = self._app()
            yield from health.judge_permissions(app, self._known.config().settings.scope, self._endpoints().web)

    def _events(self) -> Iterator[Finding]:
        if self._has_app():
            app, _ = self._app()
            yield from health.judge_events(app.events, f"{app.settings(self._endpoints().web)}/permissions")

    def _installations(self) -> Iterator[Finding]:
        if not self._has_app():
            return
        config = self._known.config()
        app, _ = self._app()
        page = f"{app.settings(self._endpoints().web)}/installations"
        targets = _all_targets(config)
        if not targets:
            yield fine(health.INSTALLATION, "paddock.yml names nobody but by patterns: wherever the App is installed")
        for target in targets:
            found = self._asked().installation(target)
            if found is None:
                self._missing.add(target.owner.casefold())
            yield from health.judge_installation(target, found, config.settings.scope, page)

    def _check_installed(self, target: Scope) -> None:
        if target.owner.casefold() in self._missing:
            raise Unseen(f"the App's installation on {target.owner}")

    # -- the webhook --------------------------------------------------------------------------------------------------

    def _page(self) -> str:
        """Where people set the webhook, and read its log."""
        web, github = self._endpoints().web, self._known.config().github
        if github.app is None:
            return f"{web}/{github.hooks[0].target}/settings/hooks/{github.hooks[0].id}"
        return self._app()[0].settings(web)

    def _settings(self) -> Iterator[Finding]:
        hook, events = self._hook()
        given = f"--env {self._known.env}" if self._known.env else "--webhook-url https://…/webhook"
        yield from judge_hook(hook, self._known.url(), self._page(), f"`paddock github webhook {given}`")
        if events is not None:
            yield from health.judge_events(events, self._page())

    def _deliveries(self) -> Iterator[Finding]:
        found = self._asked().deliveries()
        yield judge_deliveries(found, self._known.clock.now(), self._log())

    def _log(self) -> str:
        return self._page() + ("/advanced" if self._known.config().github.app is not None else "")

    def _endpoint(self) -> Iterator[Finding]:
        url = self._known.url()
        if not url:
            hook, _ = self._hook()
            url = "" if hook is None else hook.url
        if not url:
            raise Unseen("the webhook's URL")
        yield probed(url, f"`paddock stack deploy --env {self._known.env}`" if self._known.env else "")

    # -- the rest -----------------------------------------------------------------------------------------------------

    def _rate(self) -> Iterator[Finding]:
        targets = _all_targets(self._known.config())
        if not targets:
            yield fine(health.RATE, "each owner's installation has its own; paddock.yml names none to ask about")
        for target in {one.owner.casefold(): one for one in targets}.values():
            self._check_installed(target)
            found = health.judge_rate(self._free().rate(target))
            yield attrs.evolve(found, found=f"{target.owner}: {found.found}")

    def _groups(self) -> Iterator[Finding]:
        settings = self._known.config().settings
        owners = sorted({one.owner for one in targets_of(self._known.config())}, key=str.casefold)
        if settings.scope is not ScopeKind.ORGANIZATION:
            yield fine(health.GROUP, "runners are repositories' own")
            return
        for owner in owners:
            self._check_installed(Scope(owner))
            page = f"{self._endpoints().web}/organizations/{owner}/settings/actions/runner-groups"
            yield health.judge_group(
                owner, settings.runner_group, self._free().group(owner, settings.runner_group), page
            )

    def _runner(self) -> Iterator[Finding]:
        known, config = self._known, self._known.config()
        api, transport = self._api()
        where = self._endpoints()
        # Releases lie on github.com, whichever GitHub the fleet is of.
        elsewhere = not (where.public or where.local)
        public = Api(PUBLIC_API, transport, AnonymousAuthority(), known.clock) if elsewhere else None
        scopes = scopes_of(config.settings)
        target = scopes[0] if scopes else next(iter(_all_targets(config)), Scope("actions", "runner"))
        self._check_installed(target)
        releases = health.Asked(public or api).releases(target)
        pinned = known.pinned()
        if not pinned and not scopes:
            said = "machines get what GitHub names for their repository, which patterns alone do not tell"
            yield fine(RUNNER, f"{said}; the newest is {newest(releases).version}")
            return
        try:
            version = pinned or RestReleases(api, clock=known.clock, public=public).package(scopes[0], Arch.X64).version
        except Rejected as error:
            yield failure(RUNNER, str(error), "no machine takes such a package: see docs/operating.md on its digests")
            return
        yield judge_runner(version, releases, known.clock.now(), _NEWER_PIN if pinned else _NEWER)


def _all_targets(config: Config) -> Sequence[Scope]:
    """Every repository that is named as it is, and every owner that is named with a pattern; each once."""
    found: dict[str, Scope] = {}
    for glob in config.settings.repositories:
        owner, _, name = glob.partition("/")
        if not set(owner) & GLOBS:
            scope = Scope(owner, "" if set(name) & GLOBS else name)
            found.setdefault(str(scope).casefold(), scope)
    return tuple(found.values())


def probed(url: str, deploy: str) -> Finding:
    """What answers where GitHub is to send, to a delivery that nobody signed: nothing comes of it.

    Args:
        url: where it sends.
        deploy: the command that deploys the fleet's stack; empty: it has none.
    """
    headers: Mapping[str, str] = {"X-GitHub-Event": "ping", "Content-Type": "application/json"}
    with HttpTransport(user_agent(), timeouts=_TIMEOUTS, connections=1) as transport:
        try:
            reply = transport.send(Request("POST", url, headers, b"{}"))
        except PaddockError as error:
            return judge_answer(url, None, str(error))
    return judge_answer(url, reply.status, deploy=deploy)


__all__ = ["CLOCK", "CREDENTIALS", "GitHubSide", "Known", "probed"]
