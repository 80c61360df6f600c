"""REST: the App and its installation, the webhook's deliveries, the rate limit, the runner's releases."""

from collections.abc import Callable, Iterator

from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import Delivery, MemoryGitHub
from paddock.adapters.memory.github.ports import INSTALLATION_ID
from paddock.adapters.standin import payloads
from paddock.adapters.standin.app import API, Route, error, link, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.made_apps import MadeApp, MadeApps
from paddock.adapters.standin.people import Json, Place, user
from paddock.core.errors import NotFound
from paddock.core.ports.github import Scope
from paddock.core.units import rfc3339

HOOK_ID = 456_789
_RELEASES = f"{API}/repos/actions/runner/releases"
_HOOKS = {
    "app": f"{API}/app/hook",
    "org": f"{API}/orgs/<owner>/hooks/<int:hook_id>",
    "repo": f"{API}/repos/<owner>/<name>/hooks/<int:hook_id>",
}
_PERMISSIONS = {
    "actions": "write",
    "administration": "write",
    "checks": "write",
    "metadata": "read",
    "organization_self_hosted_runners": "write",
}


class AppRoutes:
    """The endpoints that are about nobody's repository."""

    def __init__(self, model: MemoryGitHub, place: Place, credentials: Credentials, apps: MadeApps) -> None:
        self._model, self._place, self._credentials, self._apps = model, place, credentials, apps
        self.packages: dict[str, bytes] = {}
        self.rate: Callable[[], Json] = dict

    def routes(self) -> Iterator[Route]:
        """All of them."""
        app, token = self._credentials.require_app, self._credentials.require_token
        yield Route("GET", f"{API}/repos/<owner>/<name>/installation", "repo-installation", self.installation, app)
        yield Route("GET", f"{API}/orgs/<owner>/installation", "org-installation", self.installation, app)
        yield Route("GET", f"{API}/users/<owner>/installation", "user-installation", self.installation, app)
        path = f"{API}/app/installations/<int:installation>/access_tokens"
        yield Route("POST", path, "access-tokens", self.access_token, app)
        for kind, base in _HOOKS.items():
            guard = app if kind == "app" else token
            yield Route("GET", f"{base}/deliveries", f"{kind}-deliveries", self.deliveries, guard)
            one = f"{base}/deliveries/<int:delivery_id>"
            yield Route("GET", one, f"{kind}-delivery", self.delivery, guard)
            yield Route("POST", f"{one}/attempts", f"{kind}-redeliver", self.redeliver, guard)
        yield Route("GET", f"{API}/rate_limit", "rate-limit", self.rate_limit, None)
        # Public: anybody may read the runner's releases.
        yield Route("GET", _RELEASES, "releases", self.releases, None)
        yield Route("GET", f"{_RELEASES}/latest", "release-latest", self.release, None)
        yield Route("GET", f"{_RELEASES}/tags/<tag>", "release-tag", self.release, None)
        yield Route("GET", "/actions/runner/releases/download/<tag>/<filename>", "download", self.download, None)

    def installation(self, request: Request, owner: str, name: str = "") -> Response:
        """``GET …/installation``. The App that was there from the beginning is installed everywhere."""
        app = self._made(request)
        if app is not None:
            body = self._apps.installation(app, owner)
            return error(404, "Not Found") if body is None else reply(body)
        self._model.state.check_scope(Scope(owner, name))
        now = rfc3339(self._model.state.clock.now())
        account = user(self._place, owner, "Organization")
        return reply(
            {
                "id": INSTALLATION_ID,
                "account": account,
                "repository_selection": "all",
                "access_tokens_url": f"{self._place.api}/app/installations/{INSTALLATION_ID}/access_tokens",
                "repositories_url": f"{self._place.api}/installation/repositories",
                "html_url": f"{self._place.web}/organizations/{owner}/settings/installations/{INSTALLATION_ID}",
                "app_id": self._credentials.app_id,
                "app_slug": "paddock",
                "target_id": account["id"],
                "target_type": "Organization",
                "permissions": _PERMISSIONS,
                "events": ["workflow_job", "workflow_run"],
                "created_at": now,
                "updated_at": now,
                "single_file_name": None,
                "suspended_by": None,
                "suspended_at": None,
            }
        )

    def access_token(self, request: Request, installation: int) -> Response:
        """``POST /app/installations/{installation_id}/access_tokens``."""
        app = self._made(request)
        if app is not None:
            if installation not in (self._apps.installation_id(app, owner) for owner in app.installed):
                raise NotFound(f"installation {installation}")
            token, expires = self._credentials.new_token(app.id)
            stamp, granted = rfc3339(expires), dict(app.permissions)
            return reply({"token": token, "expires_at": stamp, "permissions": granted}, 201)
        if installation != INSTALLATION_ID:
            raise NotFound(f"installation {installation}")
        token, expires = self._credentials.new_token()
        body = {
            "token": token,
            "expires_at": rfc3339(expires),
            "permissions": _PERMISSIONS,
            "repository_selection": "all",
        }
        return reply(body, 201)

    def _made(self, request: Request) -> MadeApp | None:
        return self._apps.by_id.get(self._credentials.app_of(request.headers.get("Authorization", "")))

    def deliveries(self, request: Request, **_: object) -> Response:
        """``GET …/deliveries``, newest first, paged by a cursor."""
        size = min(100, max(1, request.args.get("per_page", 30, int)))
        cursor = request.args.get("cursor", "")
        found = [
            d for d in self._model.deliveries.newest_first() if not cursor or d.id < int(cursor.removeprefix("v1_"))
        ]
        shown = found[:size]
        more = {"Link": link(request, "next", cursor=f"v1_{shown[-1].id}")} if len(found) > size else {}
        return reply([self._item(one) for one in shown], headers=more)

    def delivery(self, _: Request, delivery_id: int, **__: object) -> Response:
        """``GET …/deliveries/{delivery_id}``."""
        found = self._model.deliveries.get(delivery_id)
        body = self._item(found)
        payload = payloads.webhook(self._place, found.event)
        body.update(url="", request={"headers": {}, "payload": payload}, response={"headers": {}, "payload": None})
        return reply(body)

    def redeliver(self, _: Request, delivery_id: int, **__: object) -> Response:
        """``POST …/deliveries/{delivery_id}/attempts``."""
        self._model.deliveries.redeliver(delivery_id)
        return reply({}, 202)

    def _item(self, found: Delivery) -> Json:
        return {
            "id": found.id,
            "guid": found.event.guid,
            "delivered_at": rfc3339(found.delivered_at),
            "redelivery": found.redelivery,
            "duration": 0.1,
            "status": "OK"
            if found.ok
            else "failed to connect to host"
            if not found.status_code
            else "Invalid HTTP Response",
            "status_code": found.status_code,
            "event": found.event.event,
            "action": found.event.action,
            "installation_id": INSTALLATION_ID,
            "repository_id": found.event.repository.id,
            "throttled_at": None,
        }

    def rate_limit(self, _: Request) -> Response:
        """``GET /rate_limit``."""
        rate = self.rate()
        return reply({"resources": {"core": rate, "search": rate}, "rate": rate})

    def release(self, _: Request, tag: str = "") -> Response:
        """``GET /repos/actions/runner/releases/…``."""
        packages = list(self._model.packages.values())
        if not packages or tag not in ("", f"v{packages[0].version}"):
            return error(404, "Not Found")
        return reply(self._release())

    def releases(self, _: Request) -> Response:
        """``GET /repos/actions/runner/releases``: there is one at most."""
        return reply([self._release()] if self._model.packages else [])

    def _release(self) -> Json:
        packages = list(self._model.packages.values())
        version, now = packages[0].version, rfc3339(self._model.state.clock.now())
        url = f"{self._place.api}/repos/actions/runner/releases/1"
        marks = "\n".join(
            f"- linux-{p.arch} <!-- BEGIN SHA linux-{p.arch} -->{p.notes_sha256}<!-- END SHA linux-{p.arch} -->"
            for p in packages
            if p.notes_sha256 is not None
        )
        assets = [
            {
                "url": f"{url}/assets/{number}",
                "browser_download_url": package.url,
                "id": number,
                "node_id": f"RA_{number:012x}",
                "name": package.filename,
                "label": "",
                "state": "uploaded",
                "content_type": "application/x-gzip",
                "size": package.size,
                "digest": None if package.asset_sha256 is None else f"sha256:{package.asset_sha256}",
                "download_count": 0,
                "created_at": now,
                "updated_at": now,
                "uploader": user(self._place, "github-actions[bot]", "Bot"),
            }
            for number, package in enumerate(packages, 1)
        ]
        return {
            "url": url,
            "html_url": f"{self._place.web}/actions/runner/releases/tag/v{version}",
            "assets_url": f"{url}/assets",
            "upload_url": f"{url}/assets{{?name,label}}",
            "tarball_url": None,
            "zipball_url": None,
            "id": 1,
            "node_id": "RE_000000000001",
            "tag_name": f"v{version}",
            "target_commitish": "main",
            "name": f"v{version}",
            "body": f"## SHA-256 Checksums\n\n{marks}\n",
            "draft": False,
            "prerelease": False,
            "created_at": now,
            "published_at": now,
            "author": user(self._place, "github-actions[bot]", "Bot"),
            "assets": assets,
        }

    def download(self, _: Request, tag: str, filename: str) -> Response:
        """The package itself."""
        content = self.packages.get(f"{tag}/{filename}")
        if content is None:
            raise NotFound(filename)
        return Response(content, content_type="application/octet-stream")
