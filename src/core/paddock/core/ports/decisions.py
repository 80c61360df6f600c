"""The port to the log of decisions."""

from collections.abc import Sequence
from typing import Protocol

from paddock.core.decision import Decision


class Decisions(Protocol):
    """Append-only. Every method may raise `Unavailable` or `Throttled`."""

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep the decisions, in this order."""

    def about(self, subject: str, *, limit: int = 200) -> Sequence[Decision]:
        """The newest `limit` decisions about the subject, oldest first."""
