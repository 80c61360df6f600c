"""The other sweep: GitHub against our records. It finds what webhooks lost, within a bounded number of calls.

* A delivery that GitHub logged as failed is asked for again.
* A queued job of ours that no record knows is taken in as if its webhook had come: in every repository that is named
  without globs, has a live job, or had a machine within the last hour.
* A job that our records call live and GitHub no longer lists as unfinished is asked about.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from paddock.core.errors import NotFound
from paddock.core.job import Job
from paddock.core.messages import JobMessage, JobRequested, Observed
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, GitHubJob, HookDelivery
from paddock.core.ports.queues import Queue
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.routing import is_elsewhere, is_ours
from paddock.core.runner import machine_of
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.task import EVERY, TaskReport
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.life import Life
from paddock.core.usecases.listing import launched_for, live_jobs, worth_asking
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reruns import Reruns

MOST_QUESTIONS = 50
MOST_REDELIVERIES = 50
MOST_ADOPTED = 2_000  # each is two calls and a decision
MOST_REPOSITORIES = 40  # five calls each, and one for each run: those that GitHub answers with 304 count for nothing
MOST_ATTEMPTS = 4  # of one delivery, the first included
_LOOK_BACK: Span = HOUR
_LATE: Span = 5 * MINUTE  # GitHub's log may be behind: so usually each delivery is read twice
_SETTLED: Span = 30 * SECOND


def in_turn(repositories: Sequence[str], now: Moment, every: Span) -> Sequence[str]:
    """As many as one run may ask about. If there are more, the next ones each time that the task is due.

    So all of them are asked about within as many runs as it takes, if one is done each time, and they stay the same.
    """
    if len(repositories) <= MOST_REPOSITORIES:
        return repositories
    first = now // every * MOST_REPOSITORIES % len(repositories)
    return [*repositories, *repositories][first : first + MOST_REPOSITORIES]


class SweepGitHub:
    """Compares GitHub's word with ours."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        jobs: Queue[JobMessage],
        github: GitHub,
        completion: Completion,
        life: Life,
        reruns: Reruns,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._every = settings.housekeeping.get("sweep_github", EVERY["sweep_github"])
        self._table = table
        self._queue = jobs
        self._github = github
        self._completion = completion
        self._life = life
        self._reruns = reruns
        self._clock = clock
        self._record = Recorder(decisions, clock, "sweep_github")

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run. Neither a part of it nor a repository that fails keeps the others from being done. See `Work`.

        ``by_kind`` counts the ``repositories`` compared, deliveries ``redelivered``, jobs ``adopted`` and ``asked``
        about, and what ``failed``: any of these, or a listing that could not be read. Its parts take turns at being
        first: where runs are cut off, all of them are done in the end.

        ``cursor`` is the moment after which the log of deliveries is read by the next run, an hour ago at the earliest.
        ``left`` are jobs that may be lost, beyond the bound of this run.
        """
        run = Round(dry_run, kinds=Counter(dict.fromkeys(("repositories", "redelivered", "adopted", "asked"), 0)))
        settled = [cursor]
        parts: list[tuple[str, Callable[[], object]]] = [
            ("hook deliveries", lambda: settled.append(self._redeliver(run, cursor))),
            ("re-runs", lambda: self._look_at_reruns(run)),
            ("repositories", lambda: self._repositories(run)),
        ]
        now = self._clock.now()
        first = (now // MINUTE + now // HOUR) % len(parts)  # whatever the time between two runs
        for what, part in (*parts[first:], *parts[:first]):
            run.tries(what, part)
        run.kinds["failed"] = len(run.errors)
        return run.report(cursor=settled[-1])

    def _look_at_reruns(self, run: Round) -> None:
        if run.dry_run:
            run.acts.append("runs that lost jobs are looked at, and re-run if they are complete")
        else:
            run.errors.extend(self._reruns.sweep())

    def _repositories(self, run: Round) -> None:
        """Compare those that are worth it, as many as there is time for."""
        live = live_jobs(self._table)
        now = self._clock.now()
        launched = partial(launched_for, self._table, self._settings, now - _LOOK_BACK, now)
        recent = run.tries("recent machines", launched) or []
        worth = worth_asking([*self._settings.named, *(job.facts.repository for job in live), *recent])
        known: dict[str, list[Job]] = {}
        for job in live:
            known.setdefault(job.facts.repository.casefold(), []).append(job)
        for repository in in_turn(worth, now, self._every):
            call = partial(self._compare, repository, known.get(repository.casefold(), ()), run)
            run.kinds["repositories"] += run.tries(repository, call) or 0

    def _redeliver(self, run: Round, cursor: str) -> str:
        """Ask again for deliveries of which no attempt succeeded; the moment up to which nothing is to be read again.

        It lies before the first attempt of each that may still be asked for, so that attempts are always counted whole.
        """
        now = self._clock.now()
        newest = since = _since(cursor, now)
        taken: set[str] = set()
        failed: dict[str, list[HookDelivery]] = {}
        for delivery in self._github.deliveries.since(since):
            newest = max(newest, delivery.delivered_at)
            if delivery.ok:
                taken.add(delivery.guid)
            elif delivery.event in {"workflow_job", "workflow_run"}:
                failed.setdefault(delivery.guid, []).append(delivery)
        untaken = [tries for guid, tries in failed.items() if guid not in taken]
        again = (tries[0] for tries in untaken if len(tries) < MOST_ATTEMPTS)
        lost = [delivery for delivery in again if delivery.delivered_at < now - _SETTLED]
        for delivery in lost[:MOST_REDELIVERIES]:
            run.kinds["redelivered"] += run.does(f"delivery {delivery.guid}", partial(self._again, delivery)) or 0
        return str(max(since, min([newest - _LATE, *(tries[-1].delivered_at - 1 for tries in untaken)])))

    def _again(self, delivery: HookDelivery) -> int:
        self._github.deliveries.redeliver(delivery.id)
        self._record.delivery(delivery.guid, "redelivered", "no attempt to deliver it succeeded")
        return 1

    def _compare(self, repository: str, known: Sequence[Job], run: Round) -> int:
        """Take in what is unknown, ask about what is not listed. One job's trouble keeps none of the others from it.

        Returns how many repositories were compared: this one.
        """
        try:
            unfinished = {job.facts.job_id: job for job in self._github.workflows.unfinished_jobs(repository)}
        except NotFound:
            unfinished = {}  # deleted or renamed: each of its jobs is asked about
        live = {job.id for job in known}
        strangers = [job for number, job in unfinished.items() if number not in live and self._concerns_us(job)]
        for stranger in strangers:
            if run.tried["adopted"] >= MOST_ADOPTED:
                run.left += 1
                continue
            what = f"{repository}, job {stranger.facts.job_id}"
            if run.tries(what, partial(self._is_unknown, stranger)):
                run.tried["adopted"] += 1
                run.kinds["adopted"] += run.does(what, partial(self._adopt, stranger)) or 0
        for job in known:
            now = unfinished.get(job.id)
            vanished = now is None and self._clock.now() - job.received_at > _SETTLED
            unheard = now is not None and now.status == "in_progress" and job.state is not JobState.RUNNING
            if (vanished or unheard) and run.tried["questions"] < MOST_QUESTIONS:
                run.tried["questions"] += 1
                run.kinds["asked"] += run.does(f"{repository}, job {job.id}", partial(self._asked, job)) or 0
        return 1

    def _asked(self, job: Job) -> int:
        if self._completion.ask(job) is None:
            self._life.forgotten(job)
        return 1

    def _concerns_us(self, job: GitHubJob) -> bool:
        """True if it waits for a machine of ours, or is on one, on which others count."""
        if job.status == "queued":
            return is_ours(job.facts.labels, self._settings)
        if not _runs_here(job) or is_elsewhere(job.facts.labels, self._settings):
            return False
        return self._settings.environments.unnamed or self._is_our_machine(job.runner_name)

    def _is_our_machine(self, runner_name: str | None) -> bool:
        """True if the runner's machine has a record here: runners of all fleets bear names of one kind."""
        machine = machine_of(runner_name)
        return machine is not None and self._table.runners.get(machine) is not None

    def _is_unknown(self, job: GitHubJob) -> bool:
        return self._table.jobs.get(str(job.facts.job_id)) is None

    def _adopt(self, job: GitHubJob) -> bool:
        if _runs_here(job):
            self._completion.seen(job)
            return True
        self._queue.send([JobRequested(job.facts, self._clock.now())])
        reason = "GitHub lists it as queued, and no webhook of it had been taken up"
        self._record.job(job.facts.job_id, "adopted", reason)
        return True


def _runs_here(job: GitHubJob) -> bool:
    return job.status == Observed.IN_PROGRESS and machine_of(job.runner_name) is not None


def _since(cursor: str, now: Moment) -> Moment:
    """From when on the log of deliveries is read: a cursor that cannot be read, or is of the future, says nothing."""
    settled = int(cursor) if cursor.isascii() and cursor.isdigit() else 0
    return max(now - _LOOK_BACK, settled if settled <= now else 0)
