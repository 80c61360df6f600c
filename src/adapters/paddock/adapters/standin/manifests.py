"""Making Apps of manifests: the pages where people agree, the exchange of codes, the App's webhook and installation."""

import json
from collections.abc import Iterator
from html import escape
from urllib.parse import urlencode, urlsplit

from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.standin.app import API, Route, error, page, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.made_apps import MadeApp, MadeApps
from paddock.adapters.standin.manifest_rules import problems_of
from paddock.adapters.standin.people import Json
from paddock.adapters.standin.webhooks import WebhookSender
from paddock.core.errors import NotFound

PERSON = "octocat"
"""Who is signed in."""

_LONGEST_NAME = 34


class ManifestRoutes:
    """The whole way of an App from its manifest to its installation. Whoever opens a page is signed in already."""

    def __init__(self, model: MemoryGitHub, apps: MadeApps, credentials: Credentials, webhooks: WebhookSender) -> None:
        self._model, self._apps, self._credentials, self._webhooks = model, apps, credentials, webhooks

    def routes(self) -> Iterator[Route]:
        """All of them."""
        app = self._credentials.require_app
        yield Route("POST", "/settings/apps/new", "new-app", self.agree, None)
        yield Route("POST", "/organizations/<org>/settings/apps/new", "new-org-app", self.agree, None)
        yield Route("POST", "/settings/apps/manifest", "agreed", self.agreed, None)
        yield Route("GET", "/apps/<slug>/installations/new", "install", self.install_page, None)
        yield Route("POST", "/apps/<slug>/installations", "installed", self.installed, None)
        yield Route("POST", f"{API}/app-manifests/<code>/conversions", "conversions", self.convert, None)
        yield Route("GET", f"{API}/app", "app", self.about, app)
        yield Route("GET", f"{API}/app/installations", "installations", self.installations, app)
        yield Route("GET", f"{API}/app/hook/config", "hook-config", self.hook, app)
        yield Route("PATCH", f"{API}/app/hook/config", "set-hook-config", self.set_hook, app)

    # -- pages ---------------------------------------------------------------------------------------------------------

    def agree(self, request: Request, org: str = "") -> Response:
        """The page that shows what is asked for, with one button."""
        if org and org.casefold() not in (name.casefold() for name in self._owners()):
            raise NotFound(org)
        state, text = request.values.get("state", ""), request.form.get("manifest", "")
        wrong = problems_of(text)
        if wrong:
            said = " ".join(escape(one) for one in wrong)
            return _html(
                f"<h1>Invalid GitHub App configuration</h1><p>The configuration does not appear to be a valid GitHub "
                f"App manifest.</p><p id=error>{said}</p>",
                422,
            )
        manifest: Json = json.loads(text)
        hidden = {"manifest": text, "state": state, "org": org}
        fields = "".join(f'<input type=hidden name={key} value="{escape(value)}">' for key, value in hidden.items())
        name = escape(manifest.get("name", ""))
        return _html(
            f"<h1>Create GitHub App for {escape(org or PERSON)}</h1><form method=post action=/settings/apps/manifest>"
            f'{fields}<input id=name name=name value="{name}"><button id=agree>Create GitHub App</button></form>'
        )

    def agreed(self, request: Request) -> Response:
        """The button was pressed: the App is made, and the code goes back."""
        form = request.form
        wrong = problems_of(form["manifest"])
        manifest: Json = {**json.loads(form["manifest"]), "name": form.get("name", "").strip()}
        if wrong or not 0 < len(manifest["name"]) <= _LONGEST_NAME or self._apps.named(manifest["name"]):
            return _html("<h1>Name is already taken, or too long</h1>", 422)
        org = form.get("org", "")
        code = self._apps.make(manifest, org or PERSON, "Organization" if org else "User")
        query = {"code": code, **({"state": form["state"]} if form.get("state") else {})}
        separator = "&" if urlsplit(manifest["redirect_url"]).query else "?"
        target = f"{manifest['redirect_url']}{separator}{urlencode(query)}"
        return Response(status=302, headers={"Location": target})

    def install_page(self, _: Request, slug: str) -> Response:
        """Where its owner installs it."""
        app = self._by_slug(slug)
        return _html(
            f"<h1>Install {escape(app.name)} on {escape(app.owner)}</h1><form method=post "
            f"action=/apps/{escape(slug)}/installations><button id=install>Install</button></form>"
        )

    def installed(self, _: Request, slug: str) -> Response:
        """It is installed."""
        app = self._by_slug(slug)
        if app.owner not in app.installed:
            app.installed.append(app.owner)
        return _html(f"<h1>Okay, {escape(app.name)} was installed on {escape(app.owner)}.</h1>")

    # -- REST ----------------------------------------------------------------------------------------------------------

    def convert(self, _: Request, code: str) -> Response:
        """``POST /app-manifests/{code}/conversions``: once, and within the hour."""
        app = self._apps.redeem(code)
        if app is None:
            raise NotFound("code")
        self._follow(app)
        secrets = {"client_secret": "f" * 40, "webhook_secret": app.webhook_secret, "pem": app.pem}
        return reply({**self._apps.body(app), **secrets}, 201)

    def about(self, request: Request) -> Response:
        """``GET /app``."""
        return reply(self._apps.body(self._caller(request)))

    def installations(self, request: Request) -> Response:
        """``GET /app/installations``."""
        app = self._caller(request)
        shown, headers = page(request, app.installed)
        return reply([self._apps.installation(app, owner) for owner in shown], headers=headers)

    def hook(self, request: Request) -> Response:
        """``GET /app/hook/config``."""
        return reply(_hook(self._caller(request)))

    def set_hook(self, request: Request) -> Response:
        """``PATCH /app/hook/config``. Whether the webhook is active is beyond it, as it is at GitHub."""
        app, body = self._caller(request), request.get_json()
        url = body.get("url", app.webhook_url)
        if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
            return error(422, "Validation Failed", [{"resource": "Hook", "field": "url", "code": "invalid"}])
        app.webhook_url, app.webhook_secret = url, body.get("secret", app.webhook_secret)
        self._follow(app)
        return reply(_hook(app))

    def _follow(self, app: MadeApp) -> None:
        """The newest App is the one whose webhooks are sent."""
        self._webhooks.redirect(app.webhook_url if app.active else None, app.webhook_secret, app.id)

    def _caller(self, request: Request) -> MadeApp:
        app = self._apps.by_id.get(self._credentials.app_of(request.headers.get("Authorization", "")))
        if app is None:
            raise NotFound("the first App was made by hand, and shows nothing of itself")
        return app

    def _by_slug(self, slug: str) -> MadeApp:
        app = self._apps.named(slug)
        if app is None:
            raise NotFound(slug)
        return app

    def _owners(self) -> set[str]:
        with self._model.state.change():
            return {one.owner for one in self._model.state.repositories.values()}


def _hook(app: MadeApp) -> Json:
    return {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": app.webhook_url}


def _html(body: str, status: int = 200) -> Response:
    return Response(
        f"<!doctype html><meta charset=utf-8><link rel=icon href=data:,><title>GitHub</title>{body}",
        status,
        mimetype="text/html",
    )
