"""Decisions that are told as they are made: by a decorator around whatever keeps them, or instead of keeping them."""

from collections.abc import Callable, Sequence

from paddock.adapters.telemetry.catalogue import Catalogue
from paddock.adapters.telemetry.lines import decision_line
from paddock.core.decision import Decision
from paddock.core.errors import Unsupported
from paddock.core.ports.decisions import Decisions


class ToldDecisions:
    """Keeps decisions where they are kept, and writes a line for each that was."""

    def __init__(self, inner: Decisions, write: Callable[[str], object], metrics: Catalogue, stack: str) -> None:
        """Args: where they are kept; takes a line with its end; which of them are counted; whose they are."""
        self._inner = inner
        self._write = write
        self._metrics = metrics
        self._stack = stack

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep the decisions, and tell them. What could not be kept is not told: it will be decided again."""
        self._inner.append(decisions)
        for decision in decisions:
            self._write(decision_line(decision, self._metrics, self._stack) + "\n")

    def about(self, subject: str, *, limit: int = 200) -> Sequence[Decision]:
        """The newest `limit` decisions about the subject, oldest first."""
        return self._inner.about(subject, limit=limit)


class LoggedDecisions:
    """Writes a line for each decision and keeps none: where a log is kept anyway, they are looked up there."""

    def __init__(self, write: Callable[[str], object], metrics: Catalogue, stack: str) -> None:
        """Args: takes a line with its end; which of them are counted; whose they are."""
        self._write = write
        self._metrics = metrics
        self._stack = stack

    def append(self, decisions: Sequence[Decision]) -> None:
        """Tell the decisions, in this order."""
        for decision in decisions:
            self._write(decision_line(decision, self._metrics, self._stack) + "\n")

    def about(self, subject: str, *, limit: int = 200) -> Sequence[Decision]:  # noqa: ARG002 - nothing is found here
        """Nothing can be said.

        Raises:
            Unsupported: always; "there are none" would be a lie.
        """
        raise Unsupported(f"decisions about {subject} are lines of the log, and are not read from there")
