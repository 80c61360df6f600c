"""On standby: what the agent of a pool's machine does beside waiting for orders, for as long as the machine lives."""

from collections.abc import Callable
from typing import Final

from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Clock, ServiceManager

FOR_EVER: Final = 100 * 366 * 86_400 * SECOND
"""How long orders are waited for: the pool ends its machine, not the machine itself."""

TURN: Final = 5 * SECOND
"""Between two signs of life to whoever watches the agent; half of what `ports.ServiceManager` allows."""


FIRST: Final = 2 * SECOND
"""Before the first word: whoever was woken for a job finds orders by then, and has no need to say that it waits."""


class Vigil:
    """Says that the machine is ready, once it waits and then now and again: one such word may be lost on its way."""

    def __init__(self, say: Callable[[], object], every: int, clock: Clock, service: ServiceManager) -> None:
        """Args: says it once; how often, in microseconds; the time; who watches the agent."""
        self._say = say
        self._every = every
        self._clock = clock
        self._service = service
        self._due: int | None = None

    def __call__(self) -> int:
        """One turn of the wait; in how many microseconds the next one is due."""
        self._service.alive()
        now = self._clock.now()
        if self._due is None:
            self._due = now + min(FIRST, self._every)
        elif now >= self._due:
            self._due = now + self._every
            self._say()
        return min(TURN, self._due - now)
