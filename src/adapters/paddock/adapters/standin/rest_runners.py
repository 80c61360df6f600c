"""REST: runner registrations and runner groups, of organisations and repositories."""

from collections.abc import Iterator

from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub, MemoryRunners
from paddock.adapters.standin import payloads
from paddock.adapters.standin.app import API, Route, error, page, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.people import Json, Place
from paddock.adapters.standin.registrations import Registrations
from paddock.core.errors import Busy, NotFound, Rejected
from paddock.core.ports.github import Scope
from paddock.core.settings import DEFAULT_GROUP
from paddock.core.units import rfc3339

_SCOPES = {"org": f"{API}/orgs/<owner>", "repo": f"{API}/repos/<owner>/<name>"}


class RunnerRoutes:
    """The endpoints below ``…/actions/runners``."""

    def __init__(
        self, model: MemoryGitHub, place: Place, credentials: Credentials, registrations: Registrations
    ) -> None:
        self._model, self._place, self._credentials = model, place, credentials
        self._port = MemoryRunners(model)
        self._registrations = registrations

    def routes(self) -> Iterator[Route]:
        """All of them."""
        guard = self._credentials.require_token
        for kind, base in _SCOPES.items():
            runners = f"{base}/actions/runners"
            yield Route("POST", f"{runners}/generate-jitconfig", f"{kind}-generate-jitconfig", self.jit_config, guard)
            yield Route("POST", f"{runners}/registration-token", f"{kind}-registration-token", self.token, guard)
            yield Route("POST", f"{runners}/remove-token", f"{kind}-remove-token", self.token, guard)
            yield Route("GET", f"{runners}/downloads", f"{kind}-runner-downloads", self.downloads, guard)
            yield Route("GET", runners, f"{kind}-runners", self.all, guard)
            yield Route("GET", f"{runners}/<int:runner_id>", f"{kind}-runner", self.one, guard)
            yield Route("DELETE", f"{runners}/<int:runner_id>", f"{kind}-delete-runner", self.delete, guard)
        groups = f"{_SCOPES['org']}/actions/runner-groups"
        yield Route("GET", groups, "org-runner-groups", self.groups, guard)
        yield Route("GET", f"{groups}/<int:number>", "org-runner-group", self.group, guard)

    def jit_config(self, request: Request, owner: str, name: str = "") -> Response:
        """``POST …/generate-jitconfig``."""
        body = request.get_json()
        labels = body.get("labels")
        if not isinstance(body.get("name"), str) or type(body.get("runner_group_id")) is not int:
            return error(422, "Invalid request.\n\nname must be a string and runner_group_id an integer.")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            return error(422, "Invalid request.\n\nlabels must be an array of strings.")
        try:
            runner = self._model.runners.register(
                Scope(owner, name), body["name"], labels, group=body["runner_group_id"]
            )
        except Rejected as refused:
            return error(409 if "already exists" in str(refused) else 422, str(refused))
        return reply({"runner": payloads.runner(runner), "encoded_jit_config": self._model.jit_config(runner)}, 201)

    def token(self, _: Request, owner: str, name: str = "") -> Response:
        """``POST …/registration-token``, and ``…/remove-token``: tokens of one kind, to the runner's service."""
        scope = Scope(owner, name)
        token = self._port.registration(scope, DEFAULT_GROUP).token
        return reply({"token": token, "expires_at": rfc3339(self._registrations.note(token, scope))}, 201)

    def downloads(self, _: Request, owner: str, name: str = "") -> Response:
        """``GET …/downloads``."""
        self._model.state.check_scope(Scope(owner, name))
        found: list[Json] = []
        for package in self._model.packages.values():
            entry: Json = {
                "os": "linux",
                "architecture": package.arch.value,
                "download_url": package.url,
                "filename": package.filename,
            }
            if package.downloads_sha256 is not None:
                entry["sha256_checksum"] = package.downloads_sha256
            found.append(entry)
        return reply(found)

    def all(self, request: Request, owner: str, name: str = "") -> Response:
        """``GET …/runners``."""
        scope = self._model.state.check_scope(Scope(owner, name))
        wanted = request.args.get("name")
        found = [r for r in self._model.all_runners() if r.scope == scope and wanted in (None, r.name)]
        shown, headers = page(request, found)
        return reply({"total_count": len(found), "runners": [payloads.runner(r) for r in shown]}, headers=headers)

    def one(self, _: Request, owner: str, runner_id: int, name: str = "") -> Response:
        """``GET …/runners/{runner_id}``."""
        if self._port.get(Scope(owner, name), runner_id) is None:
            raise NotFound(f"runner {runner_id}")
        return reply(payloads.runner(self._model.state.runner(runner_id)))

    def delete(self, _: Request, owner: str, runner_id: int, name: str = "") -> Response:
        """``DELETE …/runners/{runner_id}``."""
        try:
            if not self._port.delete(Scope(owner, name), runner_id):
                raise NotFound(f"runner {runner_id}")
        except Busy as refused:
            return error(422, str(refused))
        return Response(status=204)

    def groups(self, request: Request, owner: str) -> Response:
        """``GET /orgs/{org}/actions/runner-groups``."""
        found = self._groups(owner)
        shown, headers = page(request, found)
        return reply({"total_count": len(found), "runner_groups": list(shown)}, headers=headers)

    def group(self, _: Request, owner: str, number: int) -> Response:
        """``GET /orgs/{org}/actions/runner-groups/{runner_group_id}``."""
        found = next((each for each in self._groups(owner) if each["id"] == number), None)
        if found is None:
            raise NotFound(f"runner group {number}")
        return reply(found)

    def _groups(self, owner: str) -> list[Json]:
        scope = self._model.state.check_scope(Scope(owner))
        return [
            {
                "id": number,
                "name": name,
                "visibility": "all",
                "default": number == 1,
                "runners_url": f"{self._place.api}/orgs/{scope.owner}/actions/runner-groups/{number}/runners",
                "inherited": False,
                "allows_public_repositories": True,
                "restricted_to_workflows": False,
                "selected_workflows": [],
            }
            for number, name in self._model.runners.groups(scope.owner).items()
        ]
