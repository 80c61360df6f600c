"""Quarantine: jobs that were given up because their launches failed, while GitHub still has them in its queue.

Nothing launches for them again by itself: what failed word for word twice fails a third time, and each try costs a
machine. A person who has mended the cause releases them (`Operate.release`); GitHub gives up what waits for a day.

::

    given up ──hourly──> GitHub: still queued? ──yes──> told, and left: someone is to release it
                                 ├─ not known: asked again the next time, and believed then
                                 └─ running, concluded: noted, and never asked about again
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import attrs

from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.messages import Observed
from paddock.core.paging import pages
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, GitHubJob
from paddock.core.ports.stores import JobStore, Table
from paddock.core.ports.system import Clock
from paddock.core.records import GIVEN_UP
from paddock.core.states import JobState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, Moment, Span
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.life import HEARSAY
from paddock.core.usecases.record import Recorder

TOO_OLD: Span = DAY  # GitHub lets no job wait for longer
MOST_ASKED = 50  # calls to GitHub a run, one for each job
MOST_PAGES = 20  # of a hundred jobs


@attrs.frozen
class _Place:
    """Where the listing is read from, and the job after which GitHub is asked.

    What is before ``base`` is too old. ``page`` is where the last run had read enough; None: it came to the end.
    """

    base: str | None = None
    page: str | None = None
    after: tuple[Moment, str] = (0, "")

    @classmethod
    def read(cls, cursor: str) -> "_Place":
        """What a cursor holds; the beginning if it cannot be read."""
        try:
            data = json.loads(cursor)
            base, page = (None if data[name] is None else str(data[name]) for name in ("base", "page"))
            created_at, key = data["after"]
            return cls(base, page, (int(created_at), str(key)))
        except (ValueError, TypeError, KeyError):
            return cls()

    @property
    def text(self) -> str:
        """The cursor."""
        return "" if self == _Place() else json.dumps(attrs.asdict(self), separators=(",", ":"))


def waits_at_github(job: Job) -> bool:
    """True if GitHub may have the job in its queue, as far as its record tells: it never ran, and was not concluded."""
    return job.started_at is None and job.conclusion is None and not _forgotten(job)


def _forgotten(job: Job) -> bool:
    """True if GitHub said twice that it does not know the job: so when it was given up, or when that was settled."""
    return job.missing_at is not None and job.missing_at < (job.finished_at or 0)


def refusal(job: Job, now: Moment) -> str:
    """Why the job cannot be released; empty if it can."""
    if job.state is not JobState.ABANDONED:
        return f"it is {job.state}, and only a job that was given up can be released"
    if job.started_at is not None:
        return "it ran: GitHub runs such a job again only when its run is re-run there"
    if job.conclusion is not None or _forgotten(job):
        return f"GitHub does not wait for it any more ({job.conclusion or 'it is not known there'}): re-run it there"
    if now - job.facts.created_at > TOO_OLD:
        return "it is older than a day, and GitHub lets no job wait for longer: re-run it there"
    return ""


def quarantined(jobs: JobStore, now: Moment) -> list[Job]:
    """The jobs that can be released, oldest first, as far as our records know."""
    given_up = pages(lambda cursor: jobs.page("live", GIVEN_UP, cursor=cursor))
    return [job for job in given_up if not refusal(job, now)]


class Quarantine:
    """Looks after what is in quarantine."""

    def __init__(self, *, table: Table, github: GitHub, decisions: Decisions, clock: Clock) -> None:
        self._jobs = table.jobs
        self._workflows = github.workflows
        self._clock = clock
        self._record = Recorder(decisions, clock, "quarantined")

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run, over those that may wait at GitHub, beginning after the last that was asked about. See `Work`.

        ``by_kind`` counts those ``waiting`` at GitHub, those ``settled``, with which GitHub is done, and those about
        which it did not answer. ``left`` are those that wait, and those that were not come to.
        """
        run = Round(dry_run)
        place = _Place.read(cursor)
        place, found = self._found(place)
        later = [job for job in found if _at(job) > place.after]
        turn = [*later, *(job for job in found if _at(job) <= place.after)]
        for job in turn[:MOST_ASKED]:
            run.tries(f"job {job.id}", partial(self._ask, job, run))
            place = attrs.evolve(place, after=_at(job))
        run.left += len(turn[MOST_ASKED:])
        return run.report(cursor=cursor if dry_run else place.text)

    def _found(self, place: _Place) -> tuple[_Place, Sequence[Job]]:
        """Those that may be released, on so many pages, and where the next run begins to read."""
        now, found, cursor = self._clock.now(), list[Job](), place.page or place.base
        for _ in range(MOST_PAGES):
            page = self._jobs.page("live", GIVEN_UP, cursor=cursor)
            found += [job for job in page.items if not refusal(job, now)]
            old = all(now - job.facts.created_at > 2 * TOO_OLD for job in page.items)
            if old and cursor == place.base:  # no job that old is given up from now on
                place = attrs.evolve(place, base=page.cursor or cursor)
            cursor = page.cursor
            if cursor is None:
                break
        return attrs.evolve(place, page=cursor), found

    def _ask(self, job: Job, run: Round) -> None:
        """Ask GitHub about it, and write down if it is done with the job."""
        kind = "unanswered"
        try:
            now = self._at_github(job)
            if now is None and self._is_hearsay(job):
                run.left += 1
                run.acts.append(f"job {job.id} is not known to GitHub: it is asked again")
                self._change(job, JobChange(missing_at=job.missing_at or self._clock.now()), run)
                return
            if now is not None and now.status not in set(Observed):
                kind = "waiting"
                run.left += 1
                run.acts.append(f"job {job.id} of {job.facts.repository} waits to be released: {job.reason}")
                if job.missing_at is not None:
                    self._change(job, JobChange(missing_at=None), run)
                return
            kind = "settled"
            self._settle(job, now, run)
        finally:
            run.kinds[kind] += 1

    def _is_hearsay(self, job: Job) -> bool:
        """True if GitHub says for the first time that it does not know the job: its copies may not have heard of it."""
        return job.missing_at is None or self._clock.now() - job.missing_at < HEARSAY

    def _at_github(self, job: Job) -> GitHubJob | None:
        try:
            return self._workflows.job(job.facts.repository, job.id)
        except NotFound:
            return None

    def _settle(self, job: Job, now: GitHubJob | None, run: Round) -> None:
        if now is None:
            change, what = JobChange(finished_at=self._clock.now()), "it is not known there any more"
        elif now.status == Observed.COMPLETED:
            change, what = JobChange(conclusion=now.conclusion), f"GitHub concluded it: {now.conclusion}"
        else:
            change, what = JobChange(started_at=now.started_at or self._clock.now()), "it runs on another runner"
        run.acts.append(f"settle job {job.id}: {what}")
        if self._change(job, change, run):
            self._record.job(job.id, "settled", what)

    def _change(self, job: Job, change: JobChange, run: Round) -> bool:
        if run.dry_run:
            return False
        with suppress(Conflict, NotFound):  # somebody released it, or GitHub told of it, at this moment
            self._jobs.update(job.key, JobIs(state=JobState.ABANDONED, conclusion=None), change)
            return True
        return False


def _at(job: Job) -> tuple[Moment, str]:
    return job.facts.created_at, job.key
