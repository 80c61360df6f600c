"""Apps that were made of manifests: what they may do, where they are installed, where their webhooks go."""

import threading
from collections.abc import Mapping

import attrs

from paddock.adapters.memory.github.ports import INSTALLATION_ID
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.people import Json, Place, account_id, user
from paddock.core.ports.system import Clock, Ids
from paddock.core.units import HOUR, Moment, rfc3339

CODE_LIFE = HOUR
NEEDS: Mapping[str, tuple[str, str]] = {
    "create-check-run": ("checks", "write"),
    "cancel-run": ("actions", "write"),
    "rerun-failed-jobs": ("actions", "write"),
    **dict.fromkeys(("runs", "run", "run-jobs", "workflow-runs", "job", "job-logs"), ("actions", "read")),
    **dict.fromkeys(("repository", "installation-repositories", "org-repositories"), ("metadata", "read")),
    **dict.fromkeys(("org-runner-groups", "org-runner-group"), ("organization_self_hosted_runners", "read")),
    **{
        f"{kind}-{name}": (permission, level)
        for kind, permission in (("repo", "administration"), ("org", "organization_self_hosted_runners"))
        for name, level in (
            ("runners", "read"),
            ("runner", "read"),
            ("runner-downloads", "read"),
            ("generate-jitconfig", "write"),
            ("registration-token", "write"),
            ("remove-token", "write"),
            ("delete-runner", "write"),
        )
    },
}
"""What an endpoint, by its route's name, wants of an App. Source: each one's page, "Fine-grained access tokens"."""


@attrs.define
class MadeApp:
    """One App. ``installed`` are the owners that have it; its secrets are left out of `repr`."""

    id: int
    name: str
    owner: str
    owner_type: str
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    made_at: Moment
    pem: str = attrs.field(repr=False)
    webhook_secret: str = attrs.field(repr=False)
    webhook_url: str | None
    active: bool
    installed: list[str] = attrs.field(factory=list)

    @property
    def slug(self) -> str:
        """Its name, as addresses have it."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.name.casefold()).split())

    def allows(self, route: str) -> bool:
        """True if its permissions are enough for what this route does."""
        permission, level = NEEDS.get(route, ("", ""))
        return not permission or self.permissions.get(permission) in ({level, "write"})


class MadeApps:
    """All of them, and the codes for which they are given out. Safe for threads."""

    def __init__(self, place: Place, credentials: Credentials, clock: Clock, ids: Ids) -> None:
        self._place, self._credentials, self._clock, self._ids = place, credentials, clock, ids
        self._lock = threading.Lock()
        self._codes: dict[str, tuple[MadeApp, Moment]] = {}
        self.by_id: dict[int, MadeApp] = {}

    def make(self, manifest: Json, owner: str, owner_type: str) -> str:
        """Make what the manifest says; the code for it."""
        hook = manifest.get("hook_attributes") or {}
        with self._lock:
            number = self._credentials.app_id + len(self.by_id) + 1
            app = MadeApp(
                id=number,
                name=manifest["name"],
                owner=owner,
                owner_type=owner_type,
                permissions={"metadata": "read", **manifest.get("default_permissions", {})},
                events=tuple(manifest.get("default_events", ())),
                made_at=self._clock.now(),
                pem=self._credentials.add_app(number),
                webhook_secret=self._ids.token(),
                webhook_url=hook.get("url"),
                active=bool(hook) and hook.get("active", True),
            )
            code = f"{self._ids.token()}{self._ids.token()[:8]}"
            self.by_id[number] = app
            self._codes[code] = app, self._clock.now() + CODE_LIFE
            return code

    def redeem(self, code: str) -> MadeApp | None:
        """The App of a code, once and within the hour."""
        with self._lock:
            app, until = self._codes.pop(code, (None, 0))
            return app if self._clock.now() < until else None

    def named(self, name: str) -> MadeApp | None:
        """The App of this name or slug: no two Apps of GitHub's have one."""
        wanted = name.casefold()
        with self._lock:
            return next((app for app in self.by_id.values() if wanted in (app.name.casefold(), app.slug)), None)

    def refused(self, header: str, route: str) -> bool:
        """True if the header's token is one of such an App, and what the route does is beyond its permissions."""
        app = self.by_id.get(self._credentials.app_of_token(header) or 0)
        return app is not None and not app.allows(route)

    def body(self, app: MadeApp) -> Json:
        """The App as ``GET /app`` shows it."""
        made = rfc3339(app.made_at)
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": f"A_{app.id:012x}",
            "client_id": f"Iv1.{app.id:016x}",
            "owner": user(self._place, app.owner, app.owner_type),
            "name": app.name,
            "description": "",
            "external_url": self._place.web,
            "html_url": f"{self._place.web}/apps/{app.slug}",
            "created_at": made,
            "updated_at": made,
            "permissions": dict(app.permissions),
            "events": list(app.events),
            "installations_count": len(app.installed),
        }

    def installation(self, app: MadeApp, owner: str) -> Json | None:
        """Its installation on an owner's account, None if there is none."""
        if owner.casefold() not in (one.casefold() for one in app.installed):
            return None
        number, made = self.installation_id(app, owner), rfc3339(app.made_at)
        account = user(self._place, owner, app.owner_type)
        return {
            "id": number,
            "account": account,
            "repository_selection": "all",
            "access_tokens_url": f"{self._place.api}/app/installations/{number}/access_tokens",
            "repositories_url": f"{self._place.api}/installation/repositories",
            "html_url": f"{self._place.web}/organizations/{owner}/settings/installations/{number}",
            "app_id": app.id,
            "app_slug": app.slug,
            "target_id": account["id"],
            "target_type": app.owner_type,
            "permissions": dict(app.permissions),
            "events": list(app.events),
            "created_at": made,
            "updated_at": made,
            "single_file_name": None,
            "suspended_by": None,
            "suspended_at": None,
        }

    @staticmethod
    def installation_id(app: MadeApp, owner: str) -> int:
        """The installation's id: another for each App and owner."""
        return INSTALLATION_ID + app.id * 1_000 + account_id(owner) % 1_000
