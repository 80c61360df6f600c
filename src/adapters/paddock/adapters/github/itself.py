"""What an App asks and says about itself: where it is installed, and where its webhooks go.

Source: docs.github.com, "REST API endpoints for GitHub Apps", "… for GitHub App webhooks".
"""

import attrs

from paddock.adapters.closing import Closing
from paddock.adapters.github._http import HttpTransport, Timeouts
from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import AppAuthority, AppCredentials
from paddock.adapters.github.client import user_agent
from paddock.adapters.github.endpoints import Endpoints
from paddock.adapters.github.history import RestHistory
from paddock.adapters.github.manifest import Owner
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.retry import RetryingTransport
from paddock.adapters.github.wire import Id
from paddock.core.errors import Rejected
from paddock.core.ports.system import Chance, Clock, Sleeper
from paddock.core.units import SECOND

_HOOK = "/app/hook/config"


@attrs.frozen
class Installation:
    """Where it is installed. ``repository_selection`` is ``all`` or ``selected``."""

    id: Id
    account: Owner
    repository_selection: str = "selected"
    suspended_at: str | None = None


@attrs.frozen
class About:
    """The App, as it sees itself."""

    slug: str
    owner: Owner


@attrs.frozen
class _Hook:
    url: str | None = None


class AppItself(Closing):
    """The App's own calls, over a connection of its own that is closed in the end."""

    def __init__(
        self, endpoints: Endpoints, credentials: AppCredentials, *, clock: Clock, sleeper: Sleeper, chance: Chance
    ) -> None:
        """Args: where, who, and the ports.

        Raises:
            InvalidInput: the key is none.
        """
        timeouts = Timeouts(connect=5 * SECOND, read=20 * SECOND)
        raw = HttpTransport(user_agent(), timeouts=timeouts, environment=not endpoints.local, connections=1)
        try:
            self._transport = RetryingTransport(raw, clock=clock, sleeper=sleeper, chance=chance)
            authority = AppAuthority(credentials, endpoints.api, self._transport, clock)
            self._api = Api(endpoints.api, self._transport, authority, clock)
        except BaseException:
            raw.close()
            raise

    def about(self) -> About:
        """Its name and its owner."""
        answer = self._api.get("/app", None, polled=False)
        return decoded(About, answer.request, answer.reply)

    def installations(self) -> list[Installation]:
        """Everywhere it is installed, in GitHub's order."""
        found: list[Installation] = []
        for answer in self._api.pages("/app/installations", None):
            found += decoded(tuple[Installation, ...], answer.request, answer.reply)
        return found

    def repositories(self, owner: str) -> list[str]:
        """The repositories of an owner that it may see, as ``owner/name``, sorted."""
        return sorted(RestHistory(self._api, app=True).repositories(owner), key=str.casefold)

    def webhook_url(self) -> str:
        """Where its webhooks go; empty if nowhere."""
        answer = self._api.get(_HOOK, None, polled=False)
        return decoded(_Hook, answer.request, answer.reply).url or ""

    def set_webhook(self, url: str = "", *, secret: str = "") -> str:
        """Change where its webhooks go, or what signs them; what is empty stays. Where they go then.

        Whether it sends any cannot be changed by this interface: that is a box on the App's page.

        Raises:
            Rejected: GitHub does not take the URL.
        """
        body = {"url": url, "secret": secret, "content_type": "json"}
        sent = {name: value for name, value in body.items() if value}
        answer = self._api.call("PATCH", _HOOK, None, sent, refusal=Rejected, repeatable=True)
        return decoded(_Hook, answer.request, answer.reply).url or ""

    def close(self) -> None:
        """Let the connection go."""
        self._transport.close()
