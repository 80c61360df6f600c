"""What becomes of a message that a use-case has looked at."""

from typing import TypeAlias

import attrs

from paddock.core.errors import PaddockError, Throttled
from paddock.core.units import SECOND, Span


@attrs.frozen
class Done:
    """The message may be deleted: the record carries the job from here."""


@attrs.frozen
class Again:
    """The message must come back after `delay`."""

    delay: Span
    reason: str


Handled: TypeAlias = Done | Again


def again(error: Exception) -> Again:
    """When to try again after the error: when the other side said so, soon after a passing fault, else later.

    An error outside the tree is a fault of ours: its message comes back until the queue gives it up as a dead letter.
    """
    passing = isinstance(error, PaddockError) and error.retryable
    delay = error.retry_after if isinstance(error, Throttled) else 5 * SECOND if passing else 60 * SECOND
    return Again(delay, f"{type(error).__name__}: {error}")
