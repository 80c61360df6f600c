"""Who we are for GitHub, asked once when a fleet starts: a few cheap calls, and what is wrong in words.

An App: its installation per owner (which tells its permissions and events), then the rate limit, which costs nothing.
A token: whose it is, with its scopes and its rate limit in the headers of the reply.
Source: docs.github.com, "REST API endpoints for GitHub Apps", "… for users", "… for rate limits".
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs

from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.api import Answer, Api
from paddock.adapters.github.auth import AppAuthority, AppCredentials, Credentials, TokenAuthority
from paddock.adapters.github.client import user_agent
from paddock.adapters.github.endpoints import Endpoints
from paddock.adapters.github.errors import describe
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Clock
from paddock.core.settings import ScopeKind
from paddock.core.units import SECOND

MOST_OWNERS = 10
_OK, _UNAUTHORIZED, _ABSENT = 200, 401, 404
_SEEN = frozenset({401, 403, 404})
_NEEDED: Mapping[ScopeKind, tuple[str, str]] = {
    ScopeKind.REPOSITORY: ("administration", "Administration"),
    ScopeKind.ORGANIZATION: ("organization_self_hosted_runners", "Self-hosted runners"),
}
_SCOPES: Mapping[ScopeKind, tuple[str, ...]] = {
    ScopeKind.REPOSITORY: ("repo",),
    ScopeKind.ORGANIZATION: ("admin:org", "manage_runners:org"),
}
_EVENT = "workflow_job"


@attrs.frozen
class Identity:
    """What GitHub says of us. With ``wrong`` the fleet cannot work; ``lacking`` is what it can do without."""

    who: str
    wrong: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@attrs.frozen
class _Account:
    login: str


@attrs.frozen
class _Installation:
    id: int
    account: _Account
    app_slug: str = ""
    permissions: dict[str, str] = attrs.field(factory=dict)
    events: tuple[str, ...] = ()
    suspended_at: str | None = None


@attrs.frozen
class _App:
    slug: str | None = None
    permissions: dict[str, str] = attrs.field(factory=dict)
    events: tuple[str, ...] = ()


@attrs.frozen
class _Rate:
    limit: int
    remaining: int


@attrs.frozen
class _Rates:
    rate: _Rate


def identify(
    endpoints: Endpoints, credentials: Credentials, targets: Sequence[Scope], scope: ScopeKind, clock: Clock
) -> Identity:
    """Ask GitHub who we are and whether we may register runners. Sends each request once: somebody waits for it.

    Args:
        endpoints: where.
        credentials: an App's or a token.
        targets: the owners (or single repositories) to be served, without globs; possibly none.
        scope: where runners are to be registered.
        clock: the time.

    Raises:
        Unavailable, Throttled: GitHub cannot be asked now.
        InvalidInput: the credentials cannot be used as they are.
    """
    timeouts = Timeouts(connect=3 * SECOND, read=10 * SECOND)
    with HttpTransport(user_agent(), timeouts=timeouts, environment=not endpoints.local, connections=1) as transport:
        if isinstance(credentials, AppCredentials):
            authority = AppAuthority(credentials, endpoints.api, transport, clock)
            return _app(Api(endpoints.api, transport, authority, clock), credentials, targets, scope)
        return _token(Api(endpoints.api, transport, TokenAuthority(credentials), clock), scope)


# -- an App -----------------------------------------------------------------------------------------------------------


def _app(api: Api, credentials: AppCredentials, targets: Sequence[Scope], scope: ScopeKind) -> Identity:
    app = f"App {credentials.app_id}"
    if not targets:
        answer = api.get("/app", None, accept=_SEEN, polled=False)
        if answer.status != _OK:
            return _refused(app, answer)
        itself = decoded(_App, answer.request, answer.reply)
        wrong, lacking = _held_against(itself.permissions, itself.events, scope)
        return Identity(f"{app} ({itself.slug or 'unnamed'})", tuple(wrong), tuple(lacking))
    found: list[_Installation] = []
    wrong, lacking = [], []
    for target in targets[:MOST_OWNERS]:
        answer = _installation(api, target)
        if answer.status == _OK:
            found.append(decoded(_Installation, answer.request, answer.reply))
        elif answer.status == _ABSENT:
            step = "no job of it can be served until it is; `paddock doctor` says where"
            lacking.append(f"{app} is not installed on {target}: {step}")
        else:
            return _refused(app, answer)
    if not found:
        return Identity(app, wrong=tuple(lacking) or (f"{app} is installed nowhere",))
    for one in found:
        if one.suspended_at is not None:
            wrong.append(f"its installation on {one.account.login} is suspended: unsuspend it at GitHub")
        denied, missing = _held_against(one.permissions, one.events, scope)
        wrong += [text for text in denied if text not in wrong]
        lacking += [text for text in missing if text not in lacking]
    where = ", ".join(f"{one.account.login} (installation {one.id})" for one in found)
    left = "" if wrong else _rate(api, targets, found)
    return Identity(
        f"{app} ({found[0].app_slug or 'unnamed'}), installed on {where}{left}", tuple(wrong), tuple(lacking)
    )


def _installation(api: Api, target: Scope) -> Answer:
    answer = api.get(f"{account_path(target)}/installation", None, accept=_SEEN, polled=False)
    if answer.status == _ABSENT and not target.name:  # a person's account is no organisation
        return api.get(f"/users/{target.owner}/installation", None, accept=_SEEN, polled=False)
    return answer


def _refused(app: str, answer: Answer) -> Identity:
    why = (
        "the private key is not one of this App's (github.app.private_key), the id is another App's (github.app.id), "
        "or this machine's clock is off by a minute or more: compare them with the App's settings at GitHub"
        if answer.status == _UNAUTHORIZED
        else "compare github.app.id with the App's settings at GitHub"
    )
    return Identity(
        app, wrong=(f"GitHub does not take it for {app}: {why} ({describe(answer.request, answer.reply)})",)
    )


def _held_against(
    permissions: Mapping[str, str], events: Sequence[str], scope: ScopeKind
) -> tuple[list[str], list[str]]:
    wrong, lacking = [], []
    name, words = _NEEDED[scope]
    kind = "organisation" if scope is ScopeKind.ORGANIZATION else "repository"
    if permissions.get(name) != "write":
        wrong.append(f"it may not register runners: grant it the {kind} permission {words}: read and write")
    if "actions" not in permissions:
        wrong.append("it may not read jobs: grant it the repository permission Actions: read and write")
    elif permissions["actions"] != "write":
        lacking.append("it may not re-run or cancel: grant it the repository permission Actions: read and write")
    if permissions.get("checks") != "write":
        lacking.append("authors are not told what is wrong with their labels: grant it Checks: read and write")
    if _EVENT not in events:
        lacking.append(
            "it is not subscribed to the event Workflow job: jobs are found by asking GitHub alone, which takes longer"
        )
    return wrong, lacking


def _rate(api: Api, targets: Sequence[Scope], found: Sequence[_Installation]) -> str:
    owner = found[0].account.login.casefold()
    target = next((one for one in targets if one.owner.casefold() == owner), targets[0])
    answer = api.get("/rate_limit", target, accept={_ABSENT}, polled=False)
    if answer.status == _ABSENT:  # an Enterprise Server that limits nobody
        return ""
    rate = decoded(_Rates, answer.request, answer.reply).rate
    return f"; {rate.remaining:,} of {rate.limit:,} calls left this hour"


# -- a token ----------------------------------------------------------------------------------------------------------


def _token(api: Api, scope: ScopeKind) -> Identity:
    anyone = Scope("any")
    answer = api.get("/user", anyone, accept=_SEEN, polled=False)
    who = "a token"
    if answer.status == _OK:
        who = f"a token of {decoded(_Account, answer.request, answer.reply).login}"
    elif answer.status != _UNAUTHORIZED:  # an installation's token has no user
        answer = api.get("/rate_limit", anyone, accept=_SEEN, polled=False)
    if answer.status == _UNAUTHORIZED:
        said = describe(answer.request, answer.reply)
        return Identity(who, wrong=(f"GitHub does not know the token (github.token): make a new one ({said})",))
    left, most = (answer.reply.header(f"x-ratelimit-{name}") for name in ("remaining", "limit"))
    rate = f"; {int(left):,} of {int(most):,} calls left this hour" if left.isdecimal() and most.isdecimal() else ""
    return Identity(f"{who}{rate}", wrong=tuple(_lacking_scopes(answer, scope)))


def _lacking_scopes(answer: Answer, scope: ScopeKind) -> Iterator[str]:
    """Only classic tokens tell their scopes; what a fine-grained one may, shows when it is used."""
    scopes = {word.strip() for word in answer.reply.header("x-oauth-scopes").split(",")} - {""}
    if scopes and not scopes.intersection(_SCOPES[scope]):
        wanted, has = " or ".join(_SCOPES[scope]), ", ".join(sorted(scopes))
        yield f"the token may not register runners: give it the scope {wanted} (it has {has})"
