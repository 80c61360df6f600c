"""Decisions in lists, one per subject."""

from collections.abc import Sequence
from threading import Lock

from paddock.core.decision import Decision


class MemoryDecisions:
    """All decisions since the start, in the order in which they were appended. Safe for threads."""

    def __init__(self) -> None:
        """Empty at first."""
        self._about: dict[str, list[Decision]] = {}
        self._lock = Lock()

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep the decisions, in this order."""
        with self._lock:
            for decision in decisions:
                self._about.setdefault(decision.subject, []).append(decision)

    def about(self, subject: str, *, limit: int = 200) -> Sequence[Decision]:
        """The newest `limit` decisions about the subject, oldest first."""
        with self._lock:
            known = self._about.get(subject, [])
            return tuple(known[max(0, len(known) - max(0, limit)) :])

    def forget(self, subject: str) -> Sequence[Decision]:
        """Drop all decisions about the subject and hand them over: for a simulation that streams its jobs out."""
        with self._lock:
            return tuple(self._about.pop(subject, ()))
