"""Tasks: what keeps the house clean, each on its own schedule. One record per task: who is at it, and how it went.

That a task never ran, or ran and achieved nothing, must be seen by whoever looks: the record says both.
"""

from collections.abc import Mapping
from typing import TypedDict

import attrs

from paddock.core.units import DAY, HOUR, MINUTE, Moment, Span

MOST_LINES = 20  # of what a run did, or would do, that its record keeps
MOST_CHARACTERS = 300  # of each of them
MOST_LEASED: Span = 15 * MINUTE  # as long as a function of Lambda may run
AGAIN: Span = 15 * MINUTE
_SEVERAL = 3

EVERY: Mapping[str, Span] = {
    "sweep": MINUTE,
    "sweep_github": 5 * MINUTE,
    "pools": MINUTE,
    "dead_letters": 5 * MINUTE,
    "stale_registrations": HOUR,
    "quarantined": HOUR,
    "mirror": HOUR,
    "old_jobs": DAY,
    "pool_audit": DAY,
    "pool_sizing": DAY,
    "cost_report": 15 * MINUTE,
}
"""How often each task is due, unless an operator says otherwise. A day begins at midnight UTC."""


@attrs.frozen
class TaskReport:
    """What a run did.

    ``left`` was seen and left to the next run, ``by_kind`` counts what was attempted, each of ``errors`` is a thing
    that failed. ``acts`` says in words what was done, or what would be, where nothing was to be changed; ``more`` of
    them are not shown. ``cursor`` is where the next run goes on; "" at the beginning.
    """

    attempted: int = 0
    succeeded: int = 0
    failed: int = 0
    left: int = 0
    by_kind: Mapping[str, int] = attrs.field(factory=dict)
    errors: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    cursor: str = ""
    more: int = 0

    @property
    def short(self) -> "TaskReport":
        """As much of it as a record keeps."""
        errors, acts = (tuple(one[:MOST_CHARACTERS] for one in said[:MOST_LINES]) for said in (self.errors, self.acts))
        return attrs.evolve(self, errors=errors, acts=acts, more=self.more + len(self.acts) - len(acts))


@attrs.frozen
class Task:
    """One task's record.

    ``every`` is how often it was due when it ran last. ``run`` names the run that is under way until ``until``, or was
    the last one.

    ``began_at`` and ``ended_at`` are None before there was a run that was to change something, of which ``first_at`` is
    the first; one that began after the last end goes on, or was cut off. ``report`` is of the last one that ended,
    ``error`` what stopped it (None: nothing). ``achieved_at`` is the end of the last one that did something or had
    nothing to do, ``cursor`` where the next one goes on.

    ``asked`` is an operator's wish for a run now, another word each time ("": there is none), ``asked_dry`` that it is
    to change nothing. ``answered`` is the last wish that was granted, and ``answer`` the report of that very run.
    """

    name: str
    every: Span = 0
    run: str = ""
    until: Moment = 0
    first_at: Moment | None = None
    began_at: Moment | None = None
    ended_at: Moment | None = None
    report: TaskReport | None = None
    error: str | None = None
    achieved_at: Moment | None = None
    cursor: str = ""
    asked: str = ""
    asked_dry: bool = False
    answered: str = ""
    answer: TaskReport | None = None

    @property
    def key(self) -> str:
        """The record's key: the task's name."""
        return self.name

    @property
    def under_way(self) -> bool:
        """True if a run began and did not end: it goes on, or was cut off."""
        return self.began_at is not None and (self.ended_at is None or self.ended_at < self.began_at)

    def leased(self, now: Moment) -> bool:
        """True if somebody has it. A lease longer than there are any was given by a clock that was set back since."""
        return now < self.until <= now + MOST_LEASED

    def due_at(self, every: Span) -> Moment:
        """When it is due if it is due so often: at the beginning of the next such span of time, counted from 1970.

        So however late a run begins in one span, the next is on time. A run that was cut off is repeated as soon as
        its lease is over; one that was stopped, or left something, after a quarter of an hour at the latest.
        """
        if self.began_at is None:
            return 0
        if self.under_way:
            return self.until
        due = (self.began_at // every + 1) * every
        incomplete = self.error is not None or (self.report is not None and self.report.left > 0)
        return min(due, self.began_at + AGAIN) if incomplete else due

    def is_due(self, now: Moment, every: Span) -> bool:
        """True if it is. What began in the future began before the clock was set back: nobody waits for that."""
        return self.began_at is None or self.began_at > now or now >= self.due_at(every)

    def achieves_nothing(self, now: Moment) -> bool:
        """True if several runs were due since the last one that achieved something, or since the first if none did."""
        since = self.first_at if self.achieved_at is None else self.achieved_at
        return since is not None and now - since > _SEVERAL * max(self.every, MINUTE)


@attrs.frozen
class TaskRun:
    """A run that ended: all that it said, of which the record keeps less."""

    name: str
    report: TaskReport
    dry_run: bool = False


class TaskIs(TypedDict, total=False):
    """A condition on the record."""

    run: str
    asked: str


class TaskChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    every: Span
    run: str
    until: Moment
    first_at: Moment
    began_at: Moment
    ended_at: Moment
    report: TaskReport
    error: str | None
    achieved_at: Moment
    cursor: str
    asked: str
    asked_dry: bool
    answered: str
    answer: TaskReport
