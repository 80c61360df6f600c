"""Tasks: what keeps the house clean, each on its own schedule. One record per task: who is at it, and how it went.

That a task never ran, or ran and achieved nothing, must be seen by whoever looks: the record says both.
"""

from collections.abc import Mapping
from typing import TypedDict

import attrs

from paddock.core.units import Moment

MOST_LINES = 20  # of what a run did, or would do, that its record keeps


@attrs.frozen
class TaskReport:
    """What a run did.

    ``left`` was seen and left to the next run, ``by_kind`` counts what was attempted, each of ``errors`` is a thing
    that failed. ``acts`` says in words what was done, or what would be, where nothing was to be changed. ``cursor`` is
    where the next run goes on; "" at the beginning.
    """

    attempted: int = 0
    succeeded: int = 0
    failed: int = 0
    left: int = 0
    by_kind: Mapping[str, int] = attrs.field(factory=dict)
    errors: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    cursor: str = ""


@attrs.frozen
class Ask:
    """An operator's wish for a run now. ``by`` is another word each time; with ``dry_run`` nothing is changed."""

    by: str
    dry_run: bool = False


@attrs.frozen
class Task:
    """One task's record.

    ``run`` names the run that is under way until ``until``, or was the last one; ``ask`` is a wish that no run has
    taken up. ``began_at`` and ``ended_at`` are None before there was any; an end before the beginning means that the
    last run was cut off, or goes on. ``report`` is of the last run that ended, ``error`` what stopped it (None:
    nothing), ``dry_run`` what it was. ``achieved_at`` is the end of the last run that changed something or found
    nothing to do, and failed in nothing. ``answers`` is the last wish that was granted. ``cursor`` is where the next
    run goes on.
    """

    name: str
    run: str = ""
    until: Moment = 0
    ask: Ask | None = None
    began_at: Moment | None = None
    ended_at: Moment | None = None
    report: TaskReport | None = None
    error: str | None = None
    dry_run: bool = False
    achieved_at: Moment | None = None
    answers: str = ""
    cursor: str = ""

    @property
    def key(self) -> str:
        """The record's key: the task's name."""
        return self.name


class TaskIs(TypedDict, total=False):
    """A condition on the record."""

    run: str
    ask: Ask | None


class TaskChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    run: str
    until: Moment
    ask: Ask | None
    began_at: Moment
    ended_at: Moment
    report: TaskReport
    error: str | None
    dry_run: bool
    achieved_at: Moment
    answers: str
    cursor: str
