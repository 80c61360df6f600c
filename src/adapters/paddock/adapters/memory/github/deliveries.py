"""GitHub's log of webhook deliveries. It sends nothing by itself: whoever listens to the events delivers them."""

from bisect import bisect_right
from collections.abc import Callable, Iterator

import attrs

from paddock.adapters.memory.github.state import State
from paddock.adapters.memory.github.values import Delivery, Event
from paddock.core.errors import NotFound
from paddock.core.ports.github import HookDelivery
from paddock.core.units import Moment


class DeliveryLog:
    """Every attempt to deliver, as the one who delivered it recorded it."""

    def __init__(self, state: State, redeliver: Callable[[Event], None]) -> None:
        """Args: the model's state, and what is to be done with an event that is asked for again."""
        self._state, self._redeliver = state, redeliver
        self._log: list[Delivery] = []
        self._hooks: list[HookDelivery] = []  # the same, as the port shows them

    def record(self, event: Event, status_code: int) -> Delivery:
        """Log an attempt and the receiver's answer (0: none came)."""
        with self._state.change():
            number, now = self._state.next_id("delivery"), self._state.clock.now()
            delivery = Delivery(number, event, now, status_code, event.redelivery)
            self._log.append(delivery)
            hook = HookDelivery(number, event.guid, event.event, event.action, now, delivery.ok, event.redelivery)
            self._hooks.append(hook)
            return delivery

    def newest_first(self) -> list[Delivery]:
        """The whole log."""
        with self._state.lock:
            return self._log[::-1]

    def since(self, moment: Moment) -> Iterator[HookDelivery]:
        """The attempts after the moment, newest first: as the log stands when this is called."""
        with self._state.lock:
            first = bisect_right(self._hooks, moment, key=lambda hook: hook.delivered_at)
            return reversed(self._hooks[first:])

    def forget(self, until: Moment, taken: Moment) -> None:
        """Drop the attempts up to `until`, and of those up to `taken` that succeeded what was sent.

        GitHub keeps them for a few days, a simulation as long as they matter: what was taken in, nobody asks for again.
        """
        with self._state.lock:
            old = bisect_right(self._hooks, until, key=lambda hook: hook.delivered_at)
            if old * 2 > len(self._hooks):  # so that each entry is moved but once, on average
                self._hooks = self._hooks[old:]
            old = bisect_right(self._log, taken, key=lambda delivery: delivery.delivered_at)
            if old * 2 > len(self._log):
                failed = [one for one in self._log[:old] if not one.ok and one.delivered_at > until]
                self._log = failed + self._log[old:]

    def get(self, delivery_id: int) -> Delivery:
        """One attempt.

        Raises:
            NotFound: the log has no such entry.
        """
        with self._state.lock:
            for delivery in reversed(self._log):
                if delivery.id == delivery_id:
                    return delivery
        raise NotFound(f"delivery {delivery_id}: not found")

    def redeliver(self, delivery_id: int) -> None:
        """Have the event of this entry sent again, under the same GUID.

        Raises:
            NotFound: the log has no such entry.
        """
        event = attrs.evolve(self.get(delivery_id).event, redelivery=True)
        with self._state.change():
            self._redeliver(event)
