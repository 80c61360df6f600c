"""The port `Runners`: registrations of self-hosted runners."""

from collections.abc import Iterator, Sequence

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.errors import describe
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id
from paddock.core.errors import Busy, Rejected
from paddock.core.ports.github import JitConfig, RegisteredRunner, Scope

_NOT_FOUND = 404
_UNPROCESSABLE = 422
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


class RestRunners:
    """`Runners` by REST."""

    def __init__(self, api: Api) -> None:
        """Args: the calls."""
        self._api = api

    def jit_config(self, scope: Scope, name: str, labels: Sequence[str], group: int) -> JitConfig:
        """See `Runners.jit_config`. A lost reply is `Unavailable`: the runner may exist, so take a fresh name.

        GitHub gives exactly these labels: ``self-hosted``, system and architecture are not added.
        """
        body = {"name": name, "runner_group_id": group, "labels": list(labels), "work_folder": _WORK_FOLDER}
        answer = self._api.call("POST", f"{_runners(scope)}/generate-jitconfig", scope, body, refusal=Rejected)
        found = decoded(_JitReply, answer.request, answer.reply)
        return JitConfig(found.runner.id, found.runner.name, found.encoded_jit_config)

    def registration_token(self, scope: Scope) -> str:
        """See `Runners.registration_token`."""
        answer = self._api.call("POST", f"{_runners(scope)}/registration-token", scope, repeatable=True)
        return decoded(_TokenReply, answer.request, answer.reply).token

    def get(self, scope: Scope, runner_id: int) -> RegisteredRunner | None:
        """See `Runners.get`."""
        answer = self._api.get(f"{_runners(scope)}/{runner_id:d}", scope, accept={_NOT_FOUND})
        if answer.status == _NOT_FOUND:
            return None
        return decoded(_Runner, answer.request, answer.reply).registered()

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
