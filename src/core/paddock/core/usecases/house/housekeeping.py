"""Housekeeping: every task on its schedule, one run of it at a time, and what came of it for everybody to see.

::

    due? ──> the record is taken (its run's name is the arbiter) ──> the work ──> the report is written
               └─ another run has it: left alone                         └─ cut off: the lease ends, it is due again

A lease is as long as the time between two runs, within bounds. It keeps runs from doing the same twice and is no lock:
what a task does is safe beside another run of it, with one exception (`LONG`).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from paddock.core.errors import Conflict, NotFound, PaddockError
from paddock.core.ports.stores import TaskStore
from paddock.core.ports.system import Clock, Ids
from paddock.core.task import EVERY, MOST_CHARACTERS, MOST_LEASED, Task, TaskChange, TaskIs, TaskReport, TaskRun
from paddock.core.units import MINUTE, Span

LONG = frozenset({"old_jobs"})  # of two runs at once the slower could put a smaller piece in place of a larger one

MENDS: Mapping[str, str] = {
    "sweep": "orphaned machines, stale assignments, stuck jobs: leases run out, launched but silent, running but over",
    "sweep_github": "lost webhooks: failed deliveries, queued jobs without a record, jobs that GitHub forgot; re-runs",
    "pools": "spares that are missing, too many, too old, silent or asleep at the wrong time",
    "dead_letters": "messages that were given up; poison is put aside",
    "stale_registrations": "offline runners of ours whose machines are gone for longer than an hour",
    "quarantined": "jobs whose launches failed, and which GitHub still has in its queue: they wait to be released",
    "mirror": "copies of the runner that are missing or old",
    "old_jobs": "records of old jobs, which go to the archive",
    "pool_audit": "nothing; it reports what each pool did for its money on the day before",
    "pool_sizing": "the targets of pools that follow demand",
    "cost_report": "nothing; it reports what each day cost; on AWS it writes down what machines cost, for launches",
}
"""What each task sees to, in words: every kind of thing that may be left over is some task's."""


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

    def when_due(self, name: str) -> TaskRun | None:
        """Do the task if it is due or was asked for; the run, None if there was none.

        Raises:
            NotFound: there is no such task.
            Exception: what stopped the run; its record tells of it.
        """
        known = self._known(name)
        now = self._clock.now()
        if known.leased(now) or not (known.asked or known.is_due(now, self._every[name])):
            return None
        return self._run(known, grants=known.asked, dry_run=bool(known.asked) and known.asked_dry)

    def run(self, name: str) -> TaskRun | None:
        """Do the task now, due or not, whoever has it; the run, None if another began at this moment.

        Raises:
            NotFound, Exception: as `when_due`.
        """
        known = self._known(name)
        return self._run(known, grants="" if known.asked_dry else known.asked, dry_run=False)

    def _known(self, name: str) -> Task:
        if name not in self._works:
            raise NotFound(f"there is no task {name!r}: it must be one of {', '.join(self.names)}")
        return self._tasks.get(name) or Task(name)

    def _run(self, known: Task, *, grants: str, dry_run: bool) -> TaskRun | None:
        if not known.run:
            self._tasks.add(known)
        try:
            mine = self._tasks.update(
                known.key, TaskIs(run=known.run, asked=known.asked), self._taken(known, grants, dry_run=dry_run)
            )
        except Conflict:
            return None  # another one was faster, or somebody wished for a run at this moment: next time
        try:
            report = self._works[mine.name](dry_run=dry_run, cursor=mine.cursor)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            if not isinstance(error, PaddockError):
                said = f"a fault of ours: {said}"
            said = said[:MOST_CHARACTERS]
            with suppress(PaddockError):  # what stopped the run says more
                nothing = TaskReport(attempted=1, failed=1, errors=(said,), cursor=mine.cursor)
                self._ended(mine, nothing, said, grants, dry_run=dry_run)
            raise
        self._ended(mine, report, None, grants, dry_run=dry_run)
        return TaskRun(mine.name, report, dry_run)

    def _taken(self, known: Task, grants: str, *, dry_run: bool) -> TaskChange:
        """The record as this run's. A wish is tried once: one whose run dies must not keep the task from its own."""
        now, every = self._clock.now(), self._every[known.name]
        lease = MOST_LEASED if known.name in LONG else min(max(every, MINUTE), MOST_LEASED)
        change = TaskChange(run=self._ids.token(), until=now + lease)
        if grants:
            change["asked"] = ""
        if not dry_run:
            change["every"], change["began_at"] = every, now
            if known.first_at is None:
                change["first_at"] = now
        return change

    def _ended(self, mine: Task, report: TaskReport, error: str | None, grants: str, *, dry_run: bool) -> None:
        """Write down what the run said. Of a dry run the record has nothing but the answer."""
        now, short = self._clock.now(), report.short
        change = TaskChange()
        if grants:
            change["answered"], change["answer"] = grants, short
        if not dry_run:
            change["ended_at"], change["report"] = now, short
            change["error"], change["cursor"] = error, report.cursor
            if report.succeeded or not report.failed:
                change["achieved_at"] = now
        try:
            self._tasks.update(mine.key, TaskIs(run=mine.run), TaskChange(**change, until=0))
        except Conflict:
            # It took longer than its lease, and another run has it: that one's lease stays, what this one did is told.
            self._tasks.update(mine.key, TaskIs(), change)
