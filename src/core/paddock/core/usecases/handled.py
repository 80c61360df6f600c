"""What becomes of a message that a use-case has looked at."""

from typing import TypeAlias

import attrs

from paddock.core.errors import PaddockError, Throttled
from paddock.core.units import MINUTE, SECOND, Span

_RETRY: Span = 5 * SECOND
_LONGEST_RETRY: Span = 15 * MINUTE


@attrs.frozen
class Done:
    """The message may be deleted: the record carries the job from here."""


@attrs.frozen
class Again:
    """The message must come back after `delay`."""

    delay: Span
    reason: str


@attrs.frozen
class Left:
    """The message can never be handled: it is left to its queue, which gives it up as a dead letter in the end."""

    reason: str


Handled: TypeAlias = Done | Again


def again(error: Exception) -> Again:
    """When to try again after the error: when the other side said so, soon after a passing fault, else later.

    An error outside the tree is a fault of ours: its message comes back until the queue gives it up as a dead letter.
    """
    passing = isinstance(error, PaddockError) and error.retryable
    delay = error.retry_after if isinstance(error, Throttled) else 5 * SECOND if passing else 60 * SECOND
    return Again(delay, f"{type(error).__name__}: {error}")


def longer(delay: Span, receives: int) -> Span:
    """Four times as long with each time: the other side may be away for minutes before the message is given up.

    Args:
        delay: how long the message stays away after its first loan.
        receives: how often it has been lent, this time included.
    """
    return max(delay, min(delay << max(0, 2 * (receives - 1)), _LONGEST_RETRY))


def delay_after(error: PaddockError, receives: int) -> Span:
    """When a message may come back: never sooner than the other side asked for, and later each time.

    A side that asks for seconds may do so for minutes; and a message that was lent too often is a dead letter.
    """
    return longer(error.retry_after if isinstance(error, Throttled) else _RETRY, receives)
