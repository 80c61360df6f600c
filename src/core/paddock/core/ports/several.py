"""The port to whoever makes several calls for one caller: one after the other, or at once."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Several(Protocol):
    """Calls that do not depend on each other."""

    def __call__(self, calls: Sequence[Callable[[], T]]) -> Sequence[T | Exception]:
        """Make all of them; for each, in order, what it returned or the error that it raised. All have ended then."""


class InTurn:
    """One after the other, in their order: where the next one could not wait for itself, and in simulations."""

    def __call__(self, calls: Sequence[Callable[[], T]]) -> Sequence[T | Exception]:
        """See `Several`."""
        return [_outcome(call) for call in calls]


def _outcome(call: Callable[[], T]) -> T | Exception:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - it is the caller's to look at, whatever it is
        return error


IN_TURN: Several = InTurn()
