"""The port `Runners`: registrations of self-hosted runners."""

from collections.abc import Iterator, Sequence
from threading import Lock

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.errors import describe
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id, Stamp
from paddock.core.errors import Busy, Rejected
from paddock.core.messages import Registration
from paddock.core.ports.github import JitConfig, RegisteredRunner, Scope
from paddock.core.ports.system import Clock
from paddock.core.settings import DEFAULT_GROUP
from paddock.core.units import MINUTE, Moment, Span, moment_of

_NOT_FOUND = 404
_UNPROCESSABLE = 422
_LEFT: Span = 30 * MINUTE  # of its hour a token is still good when a machine is told of it
_WORK_FOLDER = "_work"


@attrs.frozen
class _Label:
    name: str


@attrs.frozen
class _Runner:
    id: Id
    name: str
    status: str
    busy: bool
    labels: tuple[_Label, ...] = ()

    def registered(self) -> RegisteredRunner:
        labels = tuple(label.name for label in self.labels)
        return RegisteredRunner(self.id, self.name, self.status, self.busy, labels)


@attrs.frozen
class _Page:
    runners: tuple[_Runner, ...]


@attrs.frozen
class _Named:
    id: Id
    name: str


@attrs.frozen
class _JitReply:
    runner: _Named
    encoded_jit_config: str = attrs.field(repr=False)


@attrs.frozen
class _TokenReply:
    token: str = attrs.field(repr=False)
    expires_at: Stamp


class RestRunners:
    """`Runners` by REST."""

    def __init__(self, api: Api, web: str, clock: Clock) -> None:
        """Args: the calls; where people open GitHub, without a slash at its end; the time."""
        self._api = api
        self._web = web
        self._clock = clock
        self._tokens: dict[tuple[Scope, int], tuple[Registration, Moment]] = {}
        self._asking = Lock()

    def jit_config(self, scope: Scope, name: str, labels: Sequence[str], group: int) -> JitConfig:
        """See `Runners.jit_config`. A lost reply is `Unavailable`: the runner may exist, so take a fresh name.

        GitHub gives exactly these labels: ``self-hosted``, system and architecture are not added.
        """
        body = {"name": name, "runner_group_id": group, "labels": list(labels), "work_folder": _WORK_FOLDER}
        answer = self._api.call("POST", f"{_runners(scope)}/generate-jitconfig", scope, body, refusal=Rejected)
        found = decoded(_JitReply, answer.request, answer.reply)
        return JitConfig(found.runner.id, found.runner.name, found.encoded_jit_config)

    def registration(self, scope: Scope, group: int) -> Registration:
        """See `Runners.registration`. One token is given for half an hour: one request, however many machines."""
        with self._asking:  # a whole launch asks at once
            kept, until = self._tokens.get((scope, group), (None, 0))
            if kept is not None and self._clock.now() < until:
                return kept
            name = self._group_name(scope, group)
            answer = self._api.call("POST", f"{_runners(scope)}/registration-token", scope, repeatable=True)
            found = decoded(_TokenReply, answer.request, answer.reply)
            made = Registration(f"{self._web}/{scope}", found.token, name)
            self._tokens[scope, group] = made, moment_of(found.expires_at) - _LEFT
            return made

    def _group_name(self, scope: Scope, group: int) -> str:
        """The group's name, by which a runner that registers itself asks for it; none for the default one."""
        if scope.name or group == DEFAULT_GROUP:
            return ""
        path = f"{account_path(scope)}/actions/runner-groups/{group:d}"
        answer = self._api.get(path, scope, accept={_NOT_FOUND})
        if answer.status == _NOT_FOUND:
            raise Rejected(f"runner_group = {group}: {scope} has no such runner group")
        return decoded(_Named, answer.request, answer.reply).name

    def get(self, scope: Scope, runner_id: int) -> RegisteredRunner | None:
        """See `Runners.get`."""
        answer = self._api.get(f"{_runners(scope)}/{runner_id:d}", scope, accept={_NOT_FOUND})
        if answer.status == _NOT_FOUND:
            return None
        return decoded(_Runner, answer.request, answer.reply).registered()

    def named(self, scope: Scope, name: str) -> RegisteredRunner | None:
        """See `Runners.named`. A GitHub that does not know the filter tells of all of them, page by page."""
        for answer in self._api.pages(_runners(scope), scope, {"name": name}):
            for runner in decoded(_Page, answer.request, answer.reply).runners:
                if runner.name == name:
                    return runner.registered()
        return None

    def registered(self, scope: Scope) -> Iterator[RegisteredRunner]:
        """See `Runners.registered`. A runner that moves between pages while they are read comes once."""
        seen: set[int] = set()
        for answer in self._api.pages(_runners(scope), scope):
            for runner in decoded(_Page, answer.request, answer.reply).runners:
                if runner.id not in seen:
                    seen.add(runner.id)
                    yield runner.registered()

    def delete(self, scope: Scope, runner_id: int) -> bool:
        """See `Runners.delete`. If the first reply was lost and the call repeated, False is said of our own doing."""
        path = f"{_runners(scope)}/{runner_id:d}"
        answer = self._api.call("DELETE", path, scope, accept={_NOT_FOUND, _UNPROCESSABLE})
        if answer.status == _UNPROCESSABLE:
            # The one meaning of 422 here; the text ("is currently running a job") may change, so it decides nothing.
            raise Busy(describe(answer.request, answer.reply))
        return answer.status != _NOT_FOUND


def _runners(scope: Scope) -> str:
    return f"{account_path(scope)}/actions/runners"
