"""REST: branches, files on them, and workflows that are started by a push or by hand. For a person's token alone."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping

from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.standin.app import API, Route, error, page, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.people import Json, Place
from paddock.adapters.standin.workflow_files import UnknownWorkflow, Workflow, read_workflow

_REPOSITORY = f"{API}/repos/<owner>/<name>"
_HEADS = "refs/heads/"
_WORKFLOWS = ".github/workflows/"


class AuthorRoutes:
    """What authors do. Of a repository's content it knows what was put there by these endpoints, and no more."""

    def __init__(self, model: MemoryGitHub, place: Place, credentials: Credentials) -> None:
        self._model, self._place, self._credentials = model, place, credentials
        self._branches: dict[str, dict[str, dict[str, str]]] = {}  # repository, branch, path: text
        self._heads: dict[tuple[str, str], str] = {}

    def routes(self) -> Iterator[Route]:
        """All of them."""
        guard = self._credentials.require_person
        contents, ref = f"{_REPOSITORY}/contents/<path:path>", f"{_REPOSITORY}/git/refs/heads/<path:branch>"
        yield Route("GET", contents, "contents", self.contents, guard)
        yield Route("PUT", contents, "put-contents", self.put, guard)
        yield Route("GET", f"{_REPOSITORY}/git/ref/heads/<path:branch>", "ref", self.ref, guard)
        matching = f"{_REPOSITORY}/git/matching-refs/heads/<path:prefix>"
        yield Route("GET", matching, "matching-refs", self.matching, guard)
        yield Route("POST", f"{_REPOSITORY}/git/refs", "create-ref", self.create_ref, guard)
        yield Route("DELETE", ref, "delete-ref", self.delete_ref, guard)
        dispatches = f"{_REPOSITORY}/actions/workflows/<file>/dispatches"
        yield Route("POST", dispatches, "dispatch-workflow", self.dispatch, guard)

    def contents(self, request: Request, owner: str, name: str, path: str) -> Response:
        """``GET …/contents/{path}``."""
        home, branches = self._of(owner, name)
        branch = request.args.get("ref") or self._model.state.repository(home).default_branch
        text = branches.get(branch, {}).get(path)
        return error(404, "Not Found") if text is None else reply(self._file(home, path, text))

    def put(self, request: Request, owner: str, name: str, path: str) -> Response:
        """``PUT …/contents/{path}``: a commit, and so a push, which starts what the file says."""
        home, branches = self._of(owner, name)
        body = request.get_json()
        if not body.get("message") or "content" not in body:
            return error(422, 'Invalid request.\n\n"message", "content" weren\'t supplied.')
        branch = body.get("branch") or self._model.state.repository(home).default_branch
        if branch not in branches:
            return error(404, f"Branch {branch} not found")
        if path in branches[branch] and not body.get("sha"):
            return error(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        text = b64decode(body["content"], validate=True).decode()
        branches[branch][path] = text
        sha = self._heads[home, branch] = hashlib.sha1(  # noqa: S324 - as git names commits
            f"{self._heads[home, branch]} {path} {text}".encode()
        ).hexdigest()
        if path.startswith(_WORKFLOWS):
            try:
                workflow = read_workflow(text)
                if workflow.starts_on_push(branch, path):
                    self._start(home, workflow, "push", branch, {})
            except UnknownWorkflow as problem:
                return error(422, f"the stand-in cannot run {path}: {problem}")
        return reply({"content": self._file(home, path, text), "commit": {"sha": sha, "message": body["message"]}}, 201)

    def ref(self, _: Request, owner: str, name: str, branch: str) -> Response:
        """``GET …/git/ref/heads/{branch}``."""
        home, branches = self._of(owner, name)
        return reply(self._reference(home, branch)) if branch in branches else error(404, "Not Found")

    def matching(self, request: Request, owner: str, name: str, prefix: str) -> Response:
        """``GET …/git/matching-refs/heads/{prefix}``."""
        home, branches = self._of(owner, name)
        shown, headers = page(request, [one for one in branches if one.startswith(prefix)])
        return reply([self._reference(home, branch) for branch in shown], headers=headers)

    def create_ref(self, request: Request, owner: str, name: str) -> Response:
        """``POST …/git/refs``."""
        home, branches = self._of(owner, name)
        body = request.get_json()
        ref, sha = str(body.get("ref", "")), body.get("sha")
        branch = ref.removeprefix(_HEADS)
        source = next((one for one in branches if self._heads[home, one] == sha), None)
        if not ref.startswith(_HEADS) or not branch:
            return error(422, "Reference name must start with 'refs/' and contain at least two slashes.")
        if branch in branches:
            return error(422, "Reference already exists")
        if source is None:
            return error(422, "Object does not exist")
        branches[branch], self._heads[home, branch] = dict(branches[source]), str(sha)
        return reply(self._reference(home, branch), 201)

    def delete_ref(self, _: Request, owner: str, name: str, branch: str) -> Response:
        """``DELETE …/git/refs/heads/{branch}``."""
        home, branches = self._of(owner, name)
        if branch not in branches:
            return error(422, "Reference does not exist")
        del branches[branch], self._heads[home, branch]
        return reply(None, 204)

    def dispatch(self, request: Request, owner: str, name: str, file: str) -> Response:
        """``POST …/actions/workflows/{file}/dispatches``: only of workflows that the default branch has."""
        home, branches = self._of(owner, name)
        body = request.get_json()
        path, branch = f"{_WORKFLOWS}{file}", str(body.get("ref", ""))
        if path not in branches[self._model.state.repository(home).default_branch]:
            return error(404, "Not Found")
        if branch not in branches:
            return error(422, f"No ref found for: {branch}")
        inputs = body.get("inputs") or {}
        try:
            workflow = read_workflow(branches[branch].get(path, ""))
            wrong = _against(workflow, inputs)
            if not wrong:
                self._start(home, workflow, "workflow_dispatch", branch, inputs)
        except UnknownWorkflow as problem:
            wrong = f"the stand-in cannot run {path}: {problem}"
        return error(422, wrong) if wrong else reply(None, 204)

    def _start(self, home: str, workflow: Workflow, event: str, branch: str, inputs: Mapping[str, str]) -> None:
        self._model.runs.start(
            home,
            workflow.scripts(inputs),
            workflow=workflow.name,
            event=event,
            head_branch=branch,
            head_sha=self._heads[home, branch],
            title=workflow.run_name(inputs),
        )

    def _of(self, owner: str, name: str) -> tuple[str, dict[str, dict[str, str]]]:
        """The repository's own name, and its branches: at first the default one, which is empty."""
        home = self._model.state.repository(f"{owner}/{name}")
        if home.full_name not in self._branches:
            self._branches[home.full_name] = {home.default_branch: {}}
            first = hashlib.sha1(home.full_name.encode()).hexdigest()  # noqa: S324 - as above
            self._heads[home.full_name, home.default_branch] = first
        return home.full_name, self._branches[home.full_name]

    def _reference(self, home: str, branch: str) -> Json:
        api, sha = self._place.repository_api(home), self._heads[home, branch]
        return {
            "ref": f"{_HEADS}{branch}",
            "node_id": f"REF_{sha[:12]}",
            "url": f"{api}/git/{_HEADS}{branch}",
            "object": {"sha": sha, "type": "commit", "url": f"{api}/git/commits/{sha}"},
        }

    def _file(self, home: str, path: str, text: str) -> Json:
        url = f"{self._place.repository_api(home)}/contents/{path}"
        sha = hashlib.sha1(f"blob {len(text.encode())}\0{text}".encode()).hexdigest()  # noqa: S324 - as git names blobs
        return {
            "type": "file",
            "encoding": "base64",
            "size": len(text.encode()),
            "name": path.rpartition("/")[2],
            "path": path,
            "content": b64encode(text.encode()).decode(),
            "sha": sha,
            "url": url,
            "git_url": None,
            "html_url": None,
            "download_url": None,
            "_links": {"self": url, "git": None, "html": None},
        }


def _against(workflow: Workflow, inputs: Mapping[str, str]) -> str:
    """What speaks against a dispatch with these inputs; "" if nothing."""
    if workflow.dispatch is None:
        return "Workflow does not have 'workflow_dispatch' trigger"
    if unexpected := sorted(set(inputs) - set(workflow.dispatch)):
        return f"Unexpected inputs provided: {unexpected}"
    missing = [name for name, required in workflow.dispatch.items() if required and not inputs.get(name)]
    return f"Required input '{missing[0]}' not provided" if missing else ""
