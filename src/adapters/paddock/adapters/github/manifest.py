"""A GitHub App from a manifest: what we ask GitHub to make, and what it gives for the code that it hands back.

::

    our page --form: manifest--> GitHub: its owner agrees --code--> our page --POST the code--> id, key, secret

The code is good for an hour, and once. Source: docs.github.com, "Registering a GitHub App from a manifest".
"""

import re
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import attrs

from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import AnonymousAuthority, AppCredentials
from paddock.adapters.github.client import user_agent
from paddock.adapters.github.endpoints import Endpoints, is_loopback
from paddock.adapters.github.permissions import EVENTS, permissions_of
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.retry import RetryingTransport
from paddock.adapters.github.wire import Id
from paddock.core.errors import InvalidInput, NotFound, PaddockError, Rejected, Throttled
from paddock.core.ports.system import Chance, Clock, Sleeper
from paddock.core.settings import ScopeKind
from paddock.core.units import SECOND

LONGEST_NAME: Final = 34
"""Characters: GitHub takes no longer name of an App."""

NO_URL: Final = "https://example.com/paddock-webhook-url-is-not-known-yet"
"""Stands in a manifest whose webhook has no address yet: GitHub wants one there, though it is told to send nothing."""

_ORG: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,98}[A-Za-z0-9])?")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_DESCRIPTION: Final = "Runs GitHub Actions jobs on machines of your own: one machine per job, gone when the job ends."


@attrs.frozen(kw_only=True)
class Wanted:
    """The App to be made. ``org`` empty: of whoever agrees; ``webhook_url`` empty: not known yet."""

    endpoints: Endpoints
    scope: ScopeKind
    name: str = attrs.field()
    org: str = attrs.field(default="")
    webhook_url: str = ""

    @name.validator
    def _name(self, _: object, value: str) -> None:
        if not 0 < len(value.strip()) <= LONGEST_NAME:
            raise InvalidInput("--name", value, f"must have 1 to {LONGEST_NAME} characters")

    @org.validator
    def _org(self, _: object, value: str) -> None:
        if value and not _ORG.fullmatch(value):
            raise InvalidInput("--org", value, "must be an organisation's name, as its page at GitHub has it")

    def form(self, state: str) -> str:
        """Where the manifest is posted. ``state`` comes back with the code."""
        place = f"/organizations/{quote(self.org)}" if self.org else ""
        return f"{self.endpoints.web}{place}/settings/apps/new?{urlencode({'state': state})}"

    def manifest(self, redirect_url: str) -> dict[str, Any]:
        """The manifest. ``redirect_url`` is where GitHub sends whoever has agreed.

        No ``secret`` may stand in ``hook_attributes``, and without a ``url`` there GitHub refuses the whole.
        """
        return {
            "name": self.name,
            "url": f"{self.endpoints.web}/{self.org}" if self.org else self.endpoints.web,
            "description": _DESCRIPTION,
            "public": False,
            "redirect_url": redirect_url,
            "hook_attributes": {"url": self.webhook_url or NO_URL, "active": bool(self.webhook_url)},
            "default_permissions": permissions_of(self.scope),
            "default_events": list(EVENTS),
        }


@attrs.frozen
class Owner:
    """Whose it is."""

    login: str
    type: str = "User"


@attrs.frozen
class NewApp:
    """What GitHub made. ``webhook_secret`` None: it made none.

    The client's secret, which GitHub sends along, is not even read: nobody needs it.
    """

    id: Id
    slug: str
    html_url: str
    owner: Owner
    pem: str = attrs.field(repr=False)
    webhook_secret: str | None = attrs.field(default=None, repr=False)

    @property
    def install_url(self) -> str:
        """Where its owner installs it."""
        return f"{self.html_url}/installations/new"

    @property
    def credentials(self) -> AppCredentials:
        """It, as the client takes it."""
        return AppCredentials(str(self.id), self.pem)


def settings_url(endpoints: Endpoints, owner: Owner, slug: str) -> str:
    """Where an App's owner changes it: its keys, its webhook."""
    place = f"/organizations/{owner.login}" if owner.type == "Organization" else ""
    return f"{endpoints.web}{place}/settings/apps/{slug}"


def checked_webhook(url: str) -> str:
    """The URL, if GitHub can send webhooks to it.

    Raises:
        InvalidInput: it is none, or one that GitHub cannot reach.
    """
    try:
        split = urlsplit(url)
        fits = split.scheme == "https" and bool(split.hostname) and split.username is None
    except ValueError:
        fits = False
    if not fits:
        raise InvalidInput("--webhook-url", url, "must be an address such as https://ci.example.com/webhook")
    if is_loopback(split.hostname or ""):
        raise InvalidInput("--webhook-url", url, "must be an address by which GitHub reaches this machine from outside")
    return url


def convert(endpoints: Endpoints, code: str, *, clock: Clock, sleeper: Sleeper, chance: Chance) -> NewApp:
    """Exchange the code for the App. It is asked for once: GitHub gives it once.

    Raises:
        InvalidInput: this is no code.
        NotFound: the code was used, or is older than an hour.
        PaddockError: GitHub did not answer; the App may have been made, and its key may be lost. No error has the code.
    """
    if not _CODE.fullmatch(code):
        raise InvalidInput("code", "(hidden)", "must be the code that GitHub puts into the address")
    timeouts = Timeouts(connect=5 * SECOND, read=30 * SECOND)
    with HttpTransport(user_agent(), timeouts=timeouts, environment=not endpoints.local, connections=1) as raw:
        # It repeats what was never sent, and what GitHub was too busy for; a POST whose reply was lost is not repeated.
        transport = RetryingTransport(raw, clock=clock, sleeper=sleeper, chance=chance)
        api = Api(endpoints.api, transport, AnonymousAuthority(), clock)
        try:
            answer = api.call("POST", f"/app-manifests/{code}/conversions", None, refusal=Rejected)
            return decoded(NewApp, answer.request, answer.reply)
        except NotFound:
            raise NotFound(
                "GitHub does not know the code that it gave (any more): codes are good once, and for an hour. If the "
                "App stands in your settings at GitHub, delete it there, and begin again"
            ) from None
        except PaddockError as error:
            hidden = _without(code, error)
            hidden.add_note(
                "If the App stands in your settings at GitHub now, its key is lost: delete it there, and begin again"
            )
            raise hidden from None


def _without(code: str, error: PaddockError) -> PaddockError:
    """The error again, of its kind. It names the request's path, and the code in it may still be good."""
    if isinstance(error, InvalidInput):
        return InvalidInput(error.field, str(error.value).replace(code, "…"), error.remedy.replace(code, "…"))
    text = str(error).replace(code, "…")
    return Throttled(text, error.retry_after) if isinstance(error, Throttled) else type(error)(text)
