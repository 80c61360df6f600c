"""How much time an invocation has left for its work, so that its answer comes before Lambda cuts it off.

Lambda's word counts: what its context says remains. An invocation belongs to one thread of one process.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from paddock.adapters.aws_http.service import unhurried
from paddock.core.units import MILLISECOND, SECOND, Span

ANSWER: Final[Span] = 2 * SECOND
"""Kept of an invocation's time: for the start of the function, which GitHub waits for and Lambda does not count, the
pause that work may be in, and the answer's way."""

_LEFT: Final[ContextVar[Callable[[], Span]]] = ContextVar("left", default=unhurried)


@contextmanager
def answered_in_time(context: object) -> Iterator[None]:
    """Inside the block `time_left` is what this invocation's context says, less `ANSWER`; without one, no bound."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        yield
        return
    token = _LEFT.set(lambda: int(remaining()) * MILLISECOND - ANSWER)
    try:
        yield
    finally:
        _LEFT.reset(token)


def time_left() -> Span:
    """For what is asked next; not positive if there is none."""
    return _LEFT.get()()
