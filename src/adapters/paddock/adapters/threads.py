"""The port `Several` by threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from paddock.core.ports.several import IN_TURN

T = TypeVar("T")

MOST = 5
"""At once. GitHub wants no more than 100 requests of an App at a time, and five processes may dispatch."""


class Threads:
    """`Several` by threads of its own, which end with the calls. A call alone is made in the caller's thread."""

    def __init__(self, most: int = MOST) -> None:
        """Args: how many calls at once."""
        self._most = most

    def __call__(self, calls: Sequence[Callable[[], T]]) -> Sequence[T | Exception]:
        """See `Several`. What a log says of a call is about what the caller says is its subject."""
        if len(calls) < 2:  # noqa: PLR2004 - one, or none
            return IN_TURN(calls)
        with ThreadPoolExecutor(min(self._most, len(calls)), thread_name_prefix="several") as pool:
            made: list[Future[T]] = [pool.submit(copy_context().run, call) for call in calls]
        return IN_TURN([one.result for one in made])
