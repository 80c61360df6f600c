"""The ports to what a pure program must not have: the clock, identity and chance."""

from typing import Protocol

from paddock.core.units import Moment, Span


class Clock(Protocol):
    """What time it is."""

    def now(self) -> Moment:
        """Microseconds since 1970-01-01T00:00:00Z. May step backwards when the machine's clock is set."""


class Sleeper(Protocol):
    """How to wait. Only adapters and entrypoints wait; use-cases never do."""

    def sleep(self, span: Span) -> None:
        """Return after about this span."""


class Ids(Protocol):
    """Where new identities come from."""

    def token(self) -> str:
        """A fresh identity: 32 lower-case hexadecimal digits that nobody can guess."""


class Chance(Protocol):
    """Where randomness comes from."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1, each as likely as any other."""
