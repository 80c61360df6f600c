"""Old jobs: put into the archive, and then forgotten by the table's own time to live. Nothing is deleted here.

The walk goes over all jobs, oldest first, up to those that are too young, and the cursor says how far it has come::

    ── archived ────────────────────────│── next ──────────│── younger than a week ──> now
         │                           cursor
         └ some had not ended: they are passed, and their ids stand in the cursor until they have

What belongs into an object, and its key, follow from the jobs' places in the walk alone. So a run that died before its
cursor was saved is repeated under the same keys, whatever has ended meanwhile: no job is stored twice.

What is recorded only when the walk has passed its ``created_at`` is not archived: a job that GitHub queues more than a
week after it created it, as it may where somebody has to approve a deployment.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import attrs

from paddock.core.archive import ArchivedJob, archive_key, put_archive
from paddock.core.codec import from_data, to_data
from paddock.core.costs.ledger import Bill, day_of
from paddock.core.errors import InvalidInput
from paddock.core.job import Job
from paddock.core.ports.objects import Objects
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.task import TaskReport
from paddock.core.units import DAY, Moment, Span

AGE: Span = 7 * DAY  # a job waits for a day at most and runs for five: hardly one is still live
PATIENCE: Span = 35 * DAY  # GitHub lets no run last longer: what is live then is our fault, and no end will come
MOST_OBJECTS = 20
MOST_JOBS = 1_000
WAITING = "waiting"  # among the kinds: old, and not ended yet


@attrs.frozen
class _Place:
    """Where the walk stands: behind the job that was created then and has this key, or (None) before all.

    ``page`` leads to the page of the listing on which the next job stands, or the last one. ``waiting`` are the ids of
    jobs that were passed before they had ended.
    """

    page: str | None
    created_at: Moment | None
    key: str
    waiting: tuple[int, ...]

    def passed(self, job: Job) -> bool:
        """True if the walk has been there: as listings sort, by age and then by key."""
        return self.created_at is not None and (job.facts.created_at, job.key) <= (self.created_at, self.key)


_START = _Place(page=None, created_at=None, key="", waiting=())


@attrs.frozen
class _Piece:
    """Neighbours in the walk, of one day. ``place`` is where the walk stands behind them."""

    jobs: tuple[Job, ...]
    place: _Place


@attrs.define
class _Run:
    """What a run has come to."""

    place: _Place
    dry: bool
    objects: int = 0
    succeeded: int = 0
    left: int = 0
    kinds: Counter[str] = attrs.field(factory=Counter)
    errors: list[str] = attrs.field(factory=list)
    acts: list[str] = attrs.field(factory=list)

    def fail(self, what: str, error: Exception) -> None:
        self.errors.append(f"{what}: {type(error).__name__}: {error}")


class OldJobs:
    """Archives what is older than a week: at most 20 objects a run, each of at most 1,000 jobs, with their bills.

    A thousand jobs are 11 requests to DynamoDB for the records, one for each bill, and one to the store of objects.
    """

    def __init__(
        self,
        *,
        table: Table,
        objects: Objects,
        clock: Clock,
        several: Several = IN_TURN,
        age: Span = AGE,
        patience: Span = PATIENCE,
        most_objects: int = MOST_OBJECTS,
        most_jobs: int = MOST_JOBS,
    ) -> None:
        """Args: the ports; how bills are asked for; after what time since GitHub created it a job is old.

        `patience` is the time after which one that has not ended is archived as it stands. `most_objects` is two or
        more. `most_jobs` is how many an object holds, and how many may wait for their end before the walk waits for
        them.
        """
        self._table = table
        self._objects = objects
        self._clock = clock
        self._several = several
        self._age = age
        self._patience = patience
        self._most_objects = most_objects
        self._most_jobs = most_jobs

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run. It counts objects, and by kind the jobs: in which state they were archived, and how many wait.

        What cannot be put stops the walk before it, and the next run begins there. ``left`` is how many old jobs were
        seen behind the bound of this run; there may be more.

        Raises:
            InvalidInput: the cursor is none of this task.
        """
        run = _Run(_place(cursor), dry_run)
        now = self._clock.now()
        self._look_again(run, now)
        try:
            self._go_on(run, now - self._age)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was put is put, and the cursor says so
            run.fail("the walk", error)
        if run.place.waiting:
            run.kinds[WAITING] = len(run.place.waiting)
        return TaskReport(
            attempted=run.succeeded + len(run.errors),
            succeeded=run.succeeded,
            failed=len(run.errors),
            left=run.left,
            by_kind=dict(sorted(run.kinds.items())),
            errors=tuple(run.errors),
            acts=tuple(run.acts),
            cursor=cursor if dry_run else json.dumps(to_data(run.place), separators=(",", ":")),
        )

    def _go_on(self, run: _Run, before: Moment) -> None:
        for piece in self._pieces(run.place, before):
            if run.objects >= self._most_objects:
                run.left += len(piece.jobs)
                return
            waiting = *run.place.waiting, *(job.id for job in piece.jobs if job.live)
            if len(waiting) > self._most_jobs:
                # No piece has more: so it goes on at the latest when those that wait now are archived as they stand.
                run.errors.append(f"too many jobs have not ended: the walk waits before job {piece.jobs[0].id}")
                return
            ended = [job for job in piece.jobs if not job.live]
            if ended and not self._put(run, archive_key(piece.jobs[0]), ended):
                return
            run.place = attrs.evolve(piece.place, waiting=waiting)

    def _pieces(self, place: _Place, before: Moment) -> Iterator[_Piece]:
        jobs: list[Job] = []
        for page, job in self._walk(place, before):
            if len(jobs) == self._most_jobs or (jobs and _day(job) != _day(jobs[0])):
                yield _Piece(tuple(jobs), place)
                jobs = []
            jobs.append(job)
            place = _Place(page, job.facts.created_at, job.key, ())
        if jobs:
            yield _Piece(tuple(jobs), place)

    def _walk(self, place: _Place, before: Moment) -> Iterator[tuple[str | None, Job]]:
        """The jobs behind this place that were created before then, each with the ``page`` of the place behind it."""
        cursor = place.page
        while True:
            page = self._table.jobs.page("all", "all", limit=self._most_jobs, cursor=cursor)
            for job in page.items:
                if job.facts.created_at >= before:
                    return
                if not place.passed(job):
                    yield (page.cursor if job is page.items[-1] and page.cursor is not None else cursor), job
            if page.cursor is None:
                return
            cursor = page.cursor

    def _look_again(self, run: _Run, now: Moment) -> None:
        """See to those that were passed; with half of the run's objects, so that the walk goes on in any case."""
        waiting, failed = list[int](), list[int]()
        for job_id in run.place.waiting:
            told = len(run.errors)
            if run.objects >= self._most_objects // 2 or not self._settled(run, job_id, now):
                (waiting if len(run.errors) == told else failed).append(job_id)
        run.place = attrs.evolve(run.place, waiting=(*waiting, *failed))  # those that failed come last next time

    def _settled(self, run: _Run, job_id: int, now: Moment) -> bool:
        """True if nothing is left to do about the job."""
        try:
            job = self._table.jobs.get(str(job_id))
        except Exception as error:  # noqa: BLE001 - that one record cannot be read must not stop the others
            run.objects += 1
            run.fail(f"job {job_id}", error)
            return False
        if job is None:
            run.errors.append(f"job {job_id}: its record went before it had ended, so it is not in the archive")
            return True
        if not job.live:
            return self._put(run, archive_key(job, alone=True), [job])
        if job.facts.created_at > now - self._patience:
            return False
        return self._put(run, archive_key(job, alone=True), [job], f"archived as it stands, {job.state}")

    def _put(self, run: _Run, key: str, jobs: Sequence[Job], fault: str = "") -> bool:
        """Store the object, False if that failed. `fault`: what is to be told as a failure even if it is stored."""
        run.objects += 1
        if run.dry:
            run.acts.append(f"put {key}: {_count(jobs)}")
            run.left += len(jobs)
            return True
        run.kinds.update(job.state.value for job in jobs)
        try:
            put_archive(self._objects, key, self._with_bills(jobs))
        except Exception as error:  # noqa: BLE001 - see the run
            run.fail(key, error)
            return False
        run.acts.append(f"put {key}: {_count(jobs)}")
        if fault:
            run.errors.append(f"{key}: {fault}")
        else:
            run.succeeded += 1
        return True

    def _with_bills(self, jobs: Sequence[Job]) -> list[ArchivedJob]:
        machines = list(dict.fromkeys(job.machine for job in jobs if job.machine is not None))
        bills: dict[str | None, Bill] = {}
        for outcome in self._several([partial(self._table.ledger.get, machine) for machine in machines]):
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not None:
                bills[outcome.machine] = outcome
        found = [(job, bills.get(job.machine)) for job in jobs]
        # A machine that was launched for a job may have served another one, or none: its bill is not this job's.
        return [ArchivedJob(job, bill if bill is not None and bill.job_id == job.id else None) for job, bill in found]


def _place(cursor: str) -> _Place:
    if not cursor:
        return _START
    try:
        return from_data(json.loads(cursor), _Place)
    except (ValueError, InvalidInput) as error:
        raise InvalidInput("cursor", cursor, f"must be empty, or what a run of this task reported: {error}") from error


def _day(job: Job) -> str:
    return day_of(job.facts.created_at)


def _count(jobs: Sequence[Job]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
