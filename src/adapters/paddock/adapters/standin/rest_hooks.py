"""REST: a repository's webhooks. The stand-in sends to one place: that of the newest webhook, while there is one."""

from collections.abc import Iterator

import attrs
from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.standin.app import API, Route, error, page, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.people import Json, Place
from paddock.adapters.standin.webhooks import WebhookSender
from paddock.core.units import rfc3339

EVENTS = frozenset(
    {"*", "check_run", "ping", "pull_request", "push", "workflow_dispatch", "workflow_job", "workflow_run"}
)
_REPOSITORY = f"{API}/repos/<owner>/<name>"
_SCHEMES = ("http://", "https://")


@attrs.frozen
class _Hook:
    id: int
    repository: str
    url: str
    events: tuple[str, ...]
    at: int


class HookRoutes:
    """The endpoints below ``/repos/{owner}/{repo}/hooks``, for a person's token."""

    def __init__(self, model: MemoryGitHub, place: Place, credentials: Credentials, sender: WebhookSender) -> None:
        self._model, self._place, self._credentials, self._sender = model, place, credentials, sender
        self._hooks: dict[int, _Hook] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        guard = self._credentials.require_person
        yield Route("GET", f"{_REPOSITORY}/hooks", "hooks", self.hooks, guard)
        yield Route("POST", f"{_REPOSITORY}/hooks", "create-hook", self.create, guard)
        yield Route("DELETE", f"{_REPOSITORY}/hooks/<int:hook_id>", "delete-hook", self.delete, guard)

    def hooks(self, request: Request, owner: str, name: str) -> Response:
        """``GET …/hooks``."""
        home = self._model.state.repository(f"{owner}/{name}").full_name
        shown, headers = page(request, [one for one in self._hooks.values() if one.repository == home])
        return reply([self._payload(one) for one in shown], headers=headers)

    def create(self, request: Request, owner: str, name: str) -> Response:
        """``POST …/hooks``."""
        home = self._model.state.repository(f"{owner}/{name}").full_name
        body = request.get_json()
        config = body.get("config") or {}
        url, events = str(config.get("url", "")), body.get("events", ["push"])
        if body.get("name", "web") != "web" or not url.startswith(_SCHEMES):
            return error(
                422, "Validation Failed", [{"resource": "Hook", "code": "custom", "message": "url is invalid"}]
            )
        if not events or not set(events) <= EVENTS:
            return error(
                422, "Validation Failed", [{"resource": "Hook", "code": "custom", "message": "events are invalid"}]
            )
        if any(one.repository == home and one.url == url for one in self._hooks.values()):
            told = {"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}
            return error(422, "Validation Failed", [told])
        made = _Hook(1 + max(self._hooks, default=500), home, url, tuple(events), self._model.state.clock.now())
        self._hooks[made.id] = made
        self._sender.redirect(url, str(config.get("secret", "")), self._credentials.app_id)
        return reply(self._payload(made), 201)

    def delete(self, _: Request, owner: str, name: str, hook_id: int) -> Response:
        """``DELETE …/hooks/{hook_id}``."""
        home = self._model.state.repository(f"{owner}/{name}").full_name
        found = self._hooks.get(hook_id)
        if found is None or found.repository != home:
            return error(404, "Not Found")
        del self._hooks[hook_id]
        self._sender.redirect(None, "", self._credentials.app_id)
        return reply(None, 204)

    def _payload(self, hook: _Hook) -> Json:
        url = f"{self._place.repository_api(hook.repository)}/hooks/{hook.id}"
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": True,
            "events": list(hook.events),
            "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": hook.url},
            "updated_at": rfc3339(hook.at),
            "created_at": rfc3339(hook.at),
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": {"code": None, "status": "unused", "message": None},
        }
