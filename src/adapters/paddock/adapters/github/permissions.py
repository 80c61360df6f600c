"""What each of our requests needs a GitHub App to be allowed: one table, from which all else about permissions follows.

A row is an endpoint, the permission that GitHub names for it, and how much of it. Rows without a permission are asked
by the App about itself, or by anybody. What is asked with a token alone (``/user``, webhooks of repositories) is not
here.

Source: docs.github.com, "Permissions required for GitHub Apps", and each endpoint's page.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

import attrs

from paddock.core.settings import ScopeKind

_PART = re.compile(r"\{(\w+)\}")
_NAMES = frozenset({"owner", "repo", "org", "user", "tag", "code"})  # the other parts are numbers


class Level(StrEnum):
    """How much of a permission: write is read, too."""

    READ = "read"
    WRITE = "write"


@attrs.frozen
class Endpoint:
    """One endpoint that is called. ``scope`` None: wherever runners are registered."""

    method: str
    path: str
    permission: str = ""
    level: Level = Level.READ
    scope: ScopeKind | None = None

    def serves(self, method: str, path: str) -> bool:
        """True if a request of this method and path, below the interface's base, is one to it."""
        pattern = _PART.sub(lambda part: r"[^/]+" if part[1] in _NAMES else r"\d+", self.path)
        return method == self.method and re.fullmatch(pattern, path) is not None


def _runner_rows(scope: ScopeKind, account: str, permission: str) -> Iterator[Endpoint]:
    base = f"{account}/actions/runners"
    for method, path, level in (
        ("GET", base, Level.READ),
        ("GET", f"{base}/{{runner}}", Level.READ),
        ("GET", f"{base}/downloads", Level.READ),
        ("POST", f"{base}/generate-jitconfig", Level.WRITE),
        ("POST", f"{base}/registration-token", Level.WRITE),
        ("DELETE", f"{base}/{{runner}}", Level.WRITE),
    ):
        yield Endpoint(method, path, permission, level, scope)


_ORG = "organization_self_hosted_runners"
_RUNS = "/repos/{owner}/{repo}/actions/runs"

ENDPOINTS: tuple[Endpoint, ...] = (
    # The App itself, by its own JWT: no permission is needed, and none could be given.
    Endpoint("POST", "/app-manifests/{code}/conversions"),
    Endpoint("GET", "/app"),
    Endpoint("GET", "/app/installations"),
    Endpoint("GET", "/repos/{owner}/{repo}/installation"),
    Endpoint("GET", "/orgs/{org}/installation"),
    Endpoint("GET", "/users/{user}/installation"),
    Endpoint("POST", "/app/installations/{installation}/access_tokens"),
    Endpoint("GET", "/app/hook/config"),
    Endpoint("PATCH", "/app/hook/config"),
    Endpoint("GET", "/app/hook/deliveries"),
    Endpoint("POST", "/app/hook/deliveries/{delivery}/attempts"),
    # Public, whoever asks.
    Endpoint("GET", "/rate_limit"),
    Endpoint("GET", "/repos/actions/runner/releases"),
    Endpoint("GET", "/repos/actions/runner/releases/tags/{tag}"),
    # Its installations.
    Endpoint("GET", "/installation/repositories", "metadata"),
    Endpoint("GET", "/repos/{owner}/{repo}/actions/jobs/{job}", "actions"),
    Endpoint("GET", _RUNS, "actions"),
    Endpoint("GET", f"{_RUNS}/{{run}}", "actions"),
    Endpoint("GET", f"{_RUNS}/{{run}}/jobs", "actions"),
    Endpoint("GET", "/repos/{owner}/{repo}/actions/workflows/{workflow}/runs", "actions"),
    Endpoint("POST", f"{_RUNS}/{{run}}/rerun-failed-jobs", "actions", Level.WRITE),
    Endpoint("POST", f"{_RUNS}/{{run}}/cancel", "actions", Level.WRITE),
    Endpoint("POST", "/repos/{owner}/{repo}/check-runs", "checks", Level.WRITE),
    Endpoint("GET", "/orgs/{org}/actions/runner-groups/{group}", _ORG, Level.READ, ScopeKind.ORGANIZATION),
    *_runner_rows(ScopeKind.REPOSITORY, "/repos/{owner}/{repo}", "administration"),
    *_runner_rows(ScopeKind.ORGANIZATION, "/orgs/{org}", _ORG),
)

PURPOSES: Mapping[str, tuple[str, str]] = {
    "actions": ("Actions", "read jobs and runs; re-run what a spot machine took with it; cancel refused runs"),
    "administration": ("Administration", "register and remove runners of repositories (GitHub has no smaller one)"),
    "checks": ("Checks", "tell authors what is wrong with their labels"),
    "metadata": ("Metadata", "list the repositories it is installed on; GitHub gives it to every App"),
    "organization_self_hosted_runners": ("Self-hosted runners", "register and remove the organisation's runners"),
}
"""By GitHub's word for a permission: its name on GitHub's pages, and what we want it for."""

EVENTS: Mapping[str, str] = {
    "workflow_job": "a job is queued, begins, ends",
    "workflow_run": "a run has ended, so that its lost jobs may be re-run",
}
"""The events that we heed, and what they tell us. `webhook.decode` takes these and no others."""


def permissions_of(scope: ScopeKind) -> dict[str, str]:
    """The least an App must be allowed where runners are registered like this: GitHub's words, in their order."""
    found: dict[str, str] = {}
    for row in ENDPOINTS:
        if row.permission and row.scope in (None, scope) and found.get(row.permission) != Level.WRITE:
            found[row.permission] = row.level.value
    return dict(sorted(found.items()))
