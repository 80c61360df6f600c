"""The service behind ``config.sh``: registrations by token, and their end."""

from collections.abc import Iterator

from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub, RunnerRecord
from paddock.adapters.standin.app import Route, reply
from paddock.core.errors import Busy, NotFound, Rejected
from paddock.core.ports.github import Scope
from paddock.core.units import HOUR, Moment

TOKEN_LIFE = HOUR
_PATH = "/_runner/register"
_TAKEN, _NO_GROUP = 409, 410


class Registrations:
    """The tokens given out, and what is done with them. A token is good for its scope, for an hour, over and over."""

    def __init__(self, model: MemoryGitHub) -> None:
        self._model = model
        self._tokens: dict[str, tuple[Scope, Moment]] = {}
        self._by_token: set[int] = set()

    def note(self, token: str, scope: Scope) -> Moment:
        """A token was given out; when it expires."""
        expires = self._model.state.clock.now() + TOKEN_LIFE
        self._tokens[token] = scope, expires
        return expires

    def routes(self) -> Iterator[Route]:
        """All of them; each checks the token."""
        yield Route("POST", _PATH, "runner-register", self.register, None)
        yield Route("DELETE", _PATH, "runner-remove", self.remove, None)

    def _scope(self, request: Request) -> Scope:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        scope, expires = self._tokens.get(token, (None, 0))
        if scope is None or expires <= self._model.state.clock.now():
            raise NotFound("an unknown token and an expired one are the same to whoever asks")
        return scope

    def register(self, request: Request) -> Response:
        """``config.sh``: a registration by token instead of by JIT configuration."""
        scope, body = self._scope(request), request.get_json()
        if str(scope).casefold() != str(body["scope"]).casefold():
            raise NotFound(str(body["scope"]))
        group = self._group(scope, str(body.get("group", "")))
        if group is None:
            return reply({"message": "no such group"}, _NO_GROUP)
        with self._model.state.change():
            old = self._named(scope, body["name"])
            replaced = old is not None and bool(body.get("replace"))
            if old is not None and not replaced:
                return reply({"message": "Already exists"}, _TAKEN)
            if old is not None:
                self._model.runners.forget(old)
            try:
                runner = self._model.runners.register(
                    scope, body["name"], body["labels"], group=group, ephemeral=bool(body.get("ephemeral"))
                )
            except Rejected as refused:
                return reply({"message": str(refused)}, 422)
        self._by_token.add(runner.id)
        return reply({"configuration": self._model.jit_config(runner), "replaced": replaced})

    def remove(self, request: Request) -> Response:
        """``config.sh remove``. A runner that was registered just in time cannot be removed like this."""
        self._scope(request)
        runner_id = request.get_json()["runner"]
        if runner_id not in self._by_token:
            raise Forbidden("The runner is not yours to remove.")
        try:
            self._model.runners.delete(runner_id)
        except Busy as refused:
            return reply({"message": str(refused)}, 422)
        return reply({})

    def _group(self, scope: Scope, name: str) -> int | None:
        """The runner group's number; None if there is none of the name. With one group only, nobody asks for a name."""
        groups = {} if scope.name else self._model.runners.groups(scope.owner)
        if len(groups) <= 1 or not name:
            return 1
        return next((number for number, known in groups.items() if known.casefold() == name.casefold()), None)

    def _named(self, scope: Scope, name: str) -> RunnerRecord | None:
        return next(
            (r for r in self._model.all_runners() if r.scope == scope and r.name.casefold() == name.casefold()), None
        )
