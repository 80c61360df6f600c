"""Housekeeping: every task on its schedule, one run of it at a time, and what came of it for everybody to see.

::

    due? ──> the record is taken (its run's name is the arbiter) ──> the work ──> the report is written
               └─ another run has it: left alone                         └─ cut off: the lease ends, it is due again

A lease is as long as the time between two runs, within bounds. It keeps runs from doing the same twice and is no lock:
what a task does is safe beside another run of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import attrs

from paddock.core.errors import Conflict, NotFound, PaddockError
from paddock.core.ports.stores import TaskStore
from paddock.core.ports.system import Clock, Ids
from paddock.core.task import Task, TaskChange, TaskIs, TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, Span

MOST_LEASED: Span = 15 * MINUTE  # as long as a function of Lambda may run
EVERY: Mapping[str, Span] = {
    "sweep": MINUTE,
    "sweep_github": 5 * MINUTE,
    "dead_letters": 5 * MINUTE,
    "stale_registrations": HOUR,
    "mirror": HOUR,
    "old_jobs": DAY,
}
"""How often each task is due, unless an operator says otherwise. A day begins at midnight UTC."""


class Work(Protocol):
    """A task: what one run of it does."""

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One bounded run, from where the last one stopped; with `dry_run` it changes nothing and says what it would.

        Raises:
            PaddockError: it could not even be begun; nothing was done.
        """


class Housekeeping:
    """The tasks of one fleet. ``names`` are those it has, in the order in which they are done."""

    def __init__(
        self,
        *,
        works: Mapping[str, Work],
        every: Mapping[str, Span] = EVERY,
        tasks: TaskStore,
        clock: Clock,
        ids: Ids,
    ) -> None:
        """Args: what each task does, how often it is due, their records, the time, and names for runs."""
        self._works = works
        self._every = every
        self._tasks = tasks
        self._clock = clock
        self._ids = ids
        self.names: Sequence[str] = tuple(works)

    def when_due(self, name: str) -> Task | None:
        """Do the task if it is due or was asked for; its record after the run, None if there was none.

        Raises:
            NotFound: there is no such task.
            Exception: what stopped the run; its record tells of it.
        """
        known = self._known(name)
        now = self._clock.now()
        if now < known.until or not (known.asked or now >= known.due_at(self._every[name])):
            return None
        return self._run(known, grants=known.asked, dry_run=bool(known.asked) and known.asked_dry)

    def run(self, name: str, *, dry_run: bool = False) -> Task | None:
        """Do the task now, due or not, whoever has it; its record after the run, None if another began at this moment.

        Raises:
            NotFound, Exception: as `when_due`.
        """
        return self._run(self._known(name), grants="", dry_run=dry_run)

    def _known(self, name: str) -> Task:
        if name not in self._works:
            raise NotFound(f"there is no task {name!r}: it must be one of {', '.join(self.names)}")
        return self._tasks.get(name) or Task(name)

    def _run(self, known: Task, *, grants: str, dry_run: bool) -> Task | None:
        now = self._clock.now()
        if not known.run:
            self._tasks.add(known)
        every = self._every[known.name]
        until = now + min(max(every, MINUTE), MOST_LEASED)
        change = TaskChange(every=every, run=self._ids.token(), until=until, began_at=now, dry_run=dry_run)
        if not dry_run:
            change["worked_at"] = now
            if known.first_at is None:
                change["first_at"] = now
        try:
            mine = self._tasks.update(known.key, TaskIs(run=known.run), change)
        except Conflict:
            return None  # another one was faster
        try:
            report = self._works[mine.name](dry_run=dry_run, cursor=mine.cursor)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            if not isinstance(error, PaddockError):
                said = f"a fault of ours: {said}"
            with suppress(PaddockError):  # what stopped the run says more
                nothing = TaskReport(attempted=1, failed=1, errors=(said,), cursor=mine.cursor)
                self._ended(mine, nothing, said, grants)
            raise
        return self._ended(mine, report, None, grants)

    def _ended(self, mine: Task, report: TaskReport, error: str | None, grants: str) -> Task:
        """Its record with all that the run said; the stored one keeps less."""
        now = self._clock.now()
        change = TaskChange(until=0, ended_at=now, report=report.short, error=error)
        if not mine.dry_run:
            change["cursor"] = report.cursor
            if not report.failed:
                change["achieved_at"] = now
        if grants:
            change["answered"] = grants
            with suppress(Conflict):  # somebody wished for another run meanwhile: that wish stays
                return self._written(mine, TaskIs(run=mine.run, asked=grants), TaskChange(**change, asked=""), report)
        with suppress(Conflict):
            return self._written(mine, TaskIs(run=mine.run), change, report)
        # It took longer than its lease, and another run has it.
        return attrs.evolve(attrs.evolve(mine, **change), report=report)

    def _written(self, mine: Task, when: TaskIs, change: TaskChange, report: TaskReport) -> Task:
        return attrs.evolve(self._tasks.update(mine.key, when, change), report=report)
