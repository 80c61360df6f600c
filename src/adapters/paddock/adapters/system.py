"""The machine's own clock, sleep, identities and chance."""

import secrets
import time

from paddock.core.units import SECOND, Moment, Span


class SystemClock:
    """The machine's wall clock. It steps when somebody sets it: never measure a wait with it."""

    def now(self) -> Moment:
        """Microseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000


class SystemSleeper:
    """Blocks the calling thread."""

    def sleep(self, span: Span) -> None:
        """Return after about `span` microseconds; at once if it is not positive."""
        if span > 0:
            time.sleep(span / SECOND)


class RandomIds:
    """Identities from the operating system's entropy."""

    def token(self) -> str:
        """32 lower-case hexadecimal digits, 128 bits that nobody can guess."""
        return secrets.token_hex(16)


class SystemChance:
    """Chance from the operating system's entropy."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1.

        Raises:
            ValueError: `bound` is below 1: there is no such number.
        """
        return secrets.randbelow(bound)
