"""The port `Deliveries`: GitHub's log of what it sent, and whether it arrived.

An App has one hook for all its installations; with a token there is a hook per repository or organisation, and its id
has to be configured.
"""

import heapq
from collections.abc import Iterator, Sequence

import attrs

from paddock.adapters.github.api import Api
from paddock.adapters.github.paths import account_path
from paddock.adapters.github.replies import decoded
from paddock.adapters.github.wire import Id, Stamp
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.ports.github import HookDelivery, Scope
from paddock.core.units import Moment, moment_of

_NOT_FOUND = 404
_REMEMBERED = 10_000


@attrs.frozen
class Hook:
    """A webhook of a repository or an organisation, by the id that its settings page has in its URL."""

    scope: Scope
    id: int


@attrs.frozen
class _Delivery:
    id: Id
    guid: str
    delivered_at: Stamp
    redelivery: bool
    status_code: int
    event: str
    action: str | None = None

    def delivery(self) -> HookDelivery:
        return HookDelivery(
            id=self.id,
            guid=self.guid,
            event=self.event,
            action=self.action,
            delivered_at=moment_of(self.delivered_at),
            ok=200 <= self.status_code < 300,  # noqa: PLR2004 - HTTP's own numbers; 0 is "no reply"
            redelivery=self.redelivery,
        )


class RestDeliveries:
    """`Deliveries` by REST, of the App's hook or of the hooks named."""

    def __init__(self, api: Api, hooks: Sequence[Hook] | None = None) -> None:
        """Args: the calls, and the hooks; None for the App's own (App credentials only).

        Raises:
            InvalidInput: an empty list of hooks: there would be no log to read.
        """
        if hooks is not None and not hooks:
            raise InvalidInput("github.hooks", [], "with a token, name the hooks: [{repository: owner/name, id: 123}]")
        self._api = api
        self._logs: list[tuple[str, Scope | None]] = (
            [("/app/hook/deliveries", None)]
            if hooks is None
            else [(f"{account_path(hook.scope)}/hooks/{hook.id:d}/deliveries", hook.scope) for hook in hooks]
        )
        self._log_of: dict[int, int] = {}

    def since(self, moment: Moment) -> Iterator[HookDelivery]:
        """See `Deliveries.since`. Several hooks' logs are merged by time."""
        return heapq.merge(
            *(self._read(number, moment) for number in range(len(self._logs))),
            key=lambda delivery: delivery.delivered_at,
            reverse=True,
        )

    def redeliver(self, delivery_id: int) -> None:
        """See `Deliveries.redeliver`. Which hook it was is remembered from `since`, else every hook is asked."""
        known = self._log_of.get(delivery_id)
        for number in range(len(self._logs)) if known is None else (known,):
            path, scope = self._logs[number]
            answer = self._api.call(
                "POST", f"{path}/{delivery_id:d}/attempts", scope, accept={_NOT_FOUND}, refusal=NotFound
            )
            if answer.status != _NOT_FOUND:
                return
        raise NotFound(f"no webhook of ours has a delivery {delivery_id} (GitHub keeps them for three days)")

    def _read(self, number: int, moment: Moment) -> Iterator[HookDelivery]:
        path, scope = self._logs[number]
        seen: set[int] = set()
        for answer in self._api.pages(path, scope):
            for found in decoded(tuple[_Delivery, ...], answer.request, answer.reply):
                delivery = found.delivery()
                if delivery.delivered_at <= moment:
                    return
                if delivery.id not in seen:
                    seen.add(delivery.id)
                    self._remember(delivery.id, number)
                    yield delivery

    def _remember(self, delivery_id: int, number: int) -> None:
        if len(self._logs) > 1:
            if len(self._log_of) >= _REMEMBERED:
                self._log_of.clear()  # only a short cut: every hook is asked then
            self._log_of[delivery_id] = number
