"""What GitHub knows of the fleet's App or token and of its webhook: asked, and judged.

Each request is sent once: somebody waits for the answer. Source: docs.github.com, "REST API endpoints for GitHub
Apps", "… for GitHub App webhooks", "… for repository webhooks", "… for rate limits", "… for releases".
"""

from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

from paddock.adapters.github.api import Answer, Api
from paddock.adapters.github.deliveries import Hook as HookAt
from paddock.adapters.github.manifest import NO_URL
from paddock.adapters.github.needed import lacking, unheard
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id, Stamp
from paddock.core.errors import NotFound
from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.health.runner_age import Release
from paddock.core.health.webhook import Delivered, Hook
from paddock.core.ports.github import Scope
from paddock.core.settings import DEFAULT_GROUP, ScopeKind
from paddock.core.units import Moment, moment_of

PERMISSIONS: Final = "App permissions"
EVENTS: Final = "App events"
INSTALLATION: Final = "App installation"
RATE: Final = "GitHub's budget"
GROUP: Final = "runner group"
FEW: Final = 500
"""Requests left in this hour below which there is a word about it, as of the alarm ``github-budget``."""

_NOT_FOUND = 404
_SHOWN = 100
_RELEASES = "/repos/actions/runner/releases"


@attrs.frozen
class _Owner:
    login: str = ""
    type: str = ""


@attrs.frozen
class App:
    """An App by its own word. ``date`` is GitHub's clock."""

    slug: str | None = None
    owner: _Owner | None = None
    permissions: dict[str, str] = attrs.field(factory=dict)
    events: tuple[str, ...] = ()

    def settings(self, web: str) -> str:
        """The address of its settings page."""
        slug = self.slug or ""
        if self.owner is not None and self.owner.type == "Organization":
            return f"{web}/organizations/{self.owner.login}/settings/apps/{slug}"
        return f"{web}/settings/apps/{slug}"


@attrs.frozen
class Installation:
    """An App's installation on an account."""

    id: Id
    account: _Owner
    repository_selection: str = "all"
    permissions: dict[str, str] = attrs.field(factory=dict)
    events: tuple[str, ...] = ()
    suspended_at: str | None = None
    html_url: str = ""


@attrs.frozen
class Rate:
    """The hour's requests."""

    limit: int
    remaining: int


@attrs.frozen
class _Rates:
    rate: Rate


@attrs.frozen
class _Release:
    tag_name: str
    published_at: Stamp | None = None
    draft: bool = False
    prerelease: bool = False


@attrs.frozen
class _HookConfig:
    url: str | None = None
    content_type: str = "form"  # GitHub's default
    insecure_ssl: str | int = "0"
    secret: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class _OwnHook:
    config: _HookConfig
    active: bool = True
    events: tuple[str, ...] = ()


@attrs.frozen
class _Delivery:
    guid: str
    delivered_at: Stamp
    status_code: int


@attrs.frozen
class _Group:
    name: str
    visibility: str = "all"
    allows_public_repositories: bool = False


class Asked:
    """Asks. `hook` is a webhook of a repository or an organisation; None: the App's own."""

    def __init__(self, api: Api, hook: HookAt | None = None) -> None:
        """Args: the calls, and the webhook."""
        self._api = api
        self._hook = hook

    def app(self) -> tuple[App, Moment | None]:
        """The App itself, and what time GitHub has."""
        answer = self._api.get("/app", None, polled=False)
        return decoded(App, answer.request, answer.reply), told_time(answer)

    def user(self, target: Scope) -> tuple[str, Moment | None]:
        """Whose a token is, and what time GitHub has."""
        answer = self._api.get("/user", target, polled=False)
        return decoded(_Owner, answer.request, answer.reply).login, told_time(answer)

    def installation(self, target: Scope) -> Installation | None:
        """The App's installation that covers this repository or owner; None: none does."""
        paths = [f"{account_path(target)}/installation"]
        if not target.name:  # a person's account is no organisation
            paths.append(f"/users/{target.owner}/installation")
        for path in paths:
            answer = self._api.get(path, None, accept={_NOT_FOUND}, polled=False)
            if answer.status != _NOT_FOUND:
                return decoded(Installation, answer.request, answer.reply)
        return None

    def hook(self) -> tuple[Hook | None, Sequence[str] | None]:
        """The webhook, None if there is none; and the events that it tells, None where the App says that."""
        where, scope = self._place()
        answer = self._api.get(f"{where}/config" if self._hook is None else where, scope, accept={_NOT_FOUND})
        if answer.status == _NOT_FOUND:
            return None, None
        if self._hook is None:
            return _hook(decoded(_HookConfig, answer.request, answer.reply), None), None
        found = decoded(_OwnHook, answer.request, answer.reply)
        return _hook(found.config, found.active), found.events

    def deliveries(self) -> Sequence[Delivered]:
        """The newest hundred."""
        where, scope = self._place()
        answer = self._api.get(f"{where}/deliveries?per_page={_SHOWN}", scope, polled=False)
        found = decoded(tuple[_Delivery, ...], answer.request, answer.reply)
        return tuple(Delivered(one.guid, moment_of(one.delivered_at), one.status_code) for one in found)

    def rate(self, target: Scope) -> Rate | None:
        """The requests of this hour, which costs none; None: this GitHub counts none, as an Enterprise Server may."""
        answer = self._api.get("/rate_limit", target, accept={_NOT_FOUND}, polled=False)
        return None if answer.status == _NOT_FOUND else decoded(_Rates, answer.request, answer.reply).rate

    def releases(self, target: Scope) -> Sequence[Release]:
        """The runner's newest releases, a hundred at most: some years of them.

        Raises:
            NotFound: there is none.
        """
        answer = self._api.get(f"{_RELEASES}?per_page={_SHOWN}", target, polled=False)
        found = tuple(
            Release(one.tag_name.removeprefix("v"), moment_of(one.published_at))
            for one in decoded(tuple[_Release, ...], answer.request, answer.reply)
            if one.published_at is not None and not one.draft and not one.prerelease
        )
        if not found:
            raise NotFound(f"GitHub lists no release below {_RELEASES}")
        return found

    def group(self, owner: str, group: int) -> _Group | None:
        """A runner group of an organisation; None: there is none of that id."""
        path = f"{account_path(Scope(owner))}/actions/runner-groups/{group:d}"
        answer = self._api.get(path, Scope(owner), accept={_NOT_FOUND}, polled=False)
        return None if answer.status == _NOT_FOUND else decoded(_Group, answer.request, answer.reply)

    def _place(self) -> tuple[str, Scope | None]:
        if self._hook is None:
            return "/app/hook", None
        return f"{account_path(self._hook.scope)}/hooks/{self._hook.id:d}", self._hook.scope


def _hook(config: _HookConfig, active: bool | None) -> Hook:  # noqa: FBT001 - as GitHub has it
    return Hook(
        url="" if config.url in (None, NO_URL) else config.url,
        content_type=config.content_type,
        active=active,
        secret=bool(config.secret),
        verified=str(config.insecure_ssl) == "0",
    )


def told_time(answer: Answer) -> Moment | None:
    """GitHub's clock, by the ``Date`` header."""
    try:
        return moment_of(parsedate_to_datetime(answer.reply.header("date")))
    except (ValueError, OverflowError):
        return None


# -- judgements -------------------------------------------------------------------------------------------------------


def judge_permissions(app: App, scope: ScopeKind, web: str) -> Iterator[Finding]:
    """Whether the App asks for what the fleet needs."""
    page = f"{app.settings(web)}/permissions"
    missing = list(lacking(app.permissions, scope))
    for one in missing:
        fix = f"at {page}: grant {one.told}, and accept it where the App is installed"
        said = f"{one.told} is missing, to {one.why}"
        yield (failure if one.vital else warning)(PERMISSIONS, said, fix)
    if not missing:
        yield fine(PERMISSIONS, "the App asks for all that is needed")


def judge_events(events: Sequence[str], page: str) -> Iterator[Finding]:
    """Whether the webhook tells what the fleet wants to hear."""
    missing = list(unheard(events))
    for one in missing:
        said = f"{one.words} is not subscribed to, which tells that {one.why}"
        yield warning(EVENTS, said, f"at {page}: subscribe to the event {one.words}")
    if not missing:
        yield fine(EVENTS, ", ".join(sorted(events)))


def judge_installation(target: Scope, found: Installation | None, scope: ScopeKind, page: str) -> Iterator[Finding]:
    """Whether the App is installed where it is needed, may be used, and has been granted what it asks for.

    Args:
        target: what paddock.yml names; an owner alone, if it has a pattern for the repositories.
        found: the installation that covers it.
        scope: where runners are registered.
        page: where Apps are installed.
    """
    if found is None:
        what = str(target) if target.name else f"what begins with {target}/"
        fix = f"at {page}: install the App on {target.owner}, with access to {what}; or take {what} out of "
        fix += "github.repositories in paddock.yml"
        yield failure(INSTALLATION, f"the App is not installed on {target}", fix)
        return
    settings = found.html_url or page
    wrong = []
    if found.suspended_at is not None:
        wrong.append(failure(INSTALLATION, f"it is suspended on {target.owner}", f"at {settings}: unsuspend it"))
    for one in lacking(found.permissions, scope):
        said = f"{target.owner} has not granted {one.told}, to {one.why}"
        wrong.append(
            (failure if one.vital else warning)(INSTALLATION, said, f"at {settings}: review and accept the permissions")
        )
    if not target.name and found.repository_selection != "all":
        said = f"on {target.owner} it covers selected repositories alone, and paddock.yml has a pattern"
        wrong.append(warning(INSTALLATION, said, f"at {settings}: see that every repository meant is selected"))
    yield from wrong or [fine(INSTALLATION, f"on {target} (installation {found.id})")]


def judge_rate(rate: Rate | None) -> Finding:
    """Whether requests are left in this hour. None: nobody counts them."""
    if rate is None:
        return fine(RATE, "this GitHub limits no requests")
    said = f"{rate.remaining:,} of {rate.limit:,} requests are left in this hour"
    fix = "see whether another program uses the same credentials; the budget is full again within the hour"
    if not rate.remaining:
        return failure(RATE, said, fix)
    return warning(RATE, said, fix) if rate.remaining < FEW else fine(RATE, said)


def judge_group(owner: str, number: int, group: "_Group | None", page: str) -> Finding:
    """Whether the runner group is there, and no one else's."""
    if group is None:
        fix = f"at {page}: make one, and name it as github.runner_group: its number is in its page's address"
        return failure(GROUP, f"{owner} has no runner group {number}: runners cannot be registered", fix)
    if number == DEFAULT_GROUP or group.visibility == "all":
        said = f"{owner}: the group {group.name} is open to every repository"
        fix = f"at {page}: make a group for the fleet's repositories alone, and name it as github.runner_group"
        return warning(GROUP, said, fix)
    return fine(GROUP, f"{owner}: {group.name}, for {group.visibility} repositories")
