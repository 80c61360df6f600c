"""One run of a task, as it goes: what was attempted, what of that failed, and what was done, or would have been."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import attrs

from paddock.core.task import TaskReport

T = TypeVar("T")


@attrs.define
class Round:
    """Collects what a run does. ``kinds`` counts what was attempted, what failed included.

    ``acts`` says what was done; with ``dry_run`` what would be, and nothing is. ``tried`` counts what is bounded.
    """

    dry_run: bool = False
    left: int = 0
    kinds: Counter[str] = attrs.field(factory=Counter[str])
    tried: Counter[str] = attrs.field(factory=Counter[str])
    errors: list[str] = attrs.field(factory=list)
    acts: list[str] = attrs.field(factory=list)

    def does(self, act: str, call: Callable[[], T]) -> T | None:
        """What the call gives; None if it failed, which is noted, or if nothing is to be done."""
        if self.dry_run:
            self.acts.append(act)
            return None
        answer = self.tries(act, call)
        if answer is not None:
            self.acts.append(act)
        return answer

    def tries(self, what: str, call: Callable[[], T]) -> T | None:
        """What the call gives, None if it failed, which is noted: a fault in one thing must not stop the others."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - even one of ours
            self.failed(what, error)
            return None

    def failed(self, what: str, error: Exception) -> None:
        """Note that it failed."""
        self.errors.append(f"{what}: {type(error).__name__}: {error}")

    def report(self, *, cursor: str = "") -> TaskReport:
        """All of it. Every failure must have been counted among the kinds."""
        attempted = self.kinds.total()
        return TaskReport(
            attempted=attempted,
            succeeded=attempted - len(self.errors),
            failed=len(self.errors),
            left=self.left,
            by_kind=dict(self.kinds),
            errors=tuple(self.errors),
            acts=tuple(self.acts),
            cursor=cursor,
        )
