"""GitHub's history as a load: what was asked of the runners, apart from how long it then waited for them.

::

    created ─────────────── started ───────────────── completed
       │   the wait: the        │   the duration: what     │
       │   simulation's affair  │   a machine has to give  │
       at ──────────────────────┴──────────────────────────┴─ cancelled_after, if somebody cancelled the run

A job that waits for others (``needs``) is created when they are done, and one that was re-run when somebody asked for
it; so a run comes in as many parts as its jobs were created at times.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import count
from typing import Protocol, TypeAlias

import attrs

from paddock.adapters.github.history import PastRun
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.workloads.cells import CONCLUSIONS
from paddock.core.errors import NotFound
from paddock.core.ports.github import GitHubJob
from paddock.core.units import SECOND, Moment

_TOGETHER = 10 * SECOND  # GitHub makes the jobs of a large matrix over some seconds
_OTHER_WORDS = {"neutral": "success"}  # anything else that a runner ended counts as a failure

Wanted: TypeAlias = Callable[[Sequence[str]], bool]


class History(Protocol):
    """Where runs and jobs of the past come from, see `paddock.adapters.github.history.RestHistory`."""

    def runs(self, repository: str, since: Moment, until: Moment) -> Iterator[PastRun]:
        """The completed runs created in this time, oldest first."""

    def jobs(self, repository: str, run_id: int) -> Iterator[GitHubJob]:
        """The run's jobs, of every attempt."""


@attrs.define
class Tally:
    """What was seen so far.

    ``jobs`` are those that were taken, ``others`` those whose labels are not wanted (``labels`` counts them),
    ``never_ran`` were skipped or are not completed, ``gone`` are repositories that GitHub would not show.
    """

    runs: int = 0
    jobs: int = 0
    others: int = 0
    never_ran: int = 0
    gone: list[str] = attrs.field(factory=list)
    labels: dict[tuple[str, ...], int] = attrs.field(factory=dict)


def recorded(
    history: History,
    repositories: Collection[str],
    since: Moment,
    until: Moment,
    wanted: Wanted,
    tally: Tally,
    tell: Callable[[], None],
) -> Iterator[tuple[int, RunLoad]]:
    """The load of all repositories with each run's id, in the order of time.

    Runs that were created before `since` are not looked at, also if an attempt of theirs falls into the time.

    Args:
        history: where it comes from.
        repositories: ``owner/name`` each.
        since: from when on.
        until: before when.
        wanted: which labels a job must have.
        tally: is kept up to date meanwhile.
        tell: is called after each run that was looked at.
    """

    def stream(repository: str) -> Iterator[tuple[int, RunLoad]]:
        """One repository's load, in the order of time: a part waits until no earlier one can come."""
        waiting: list[tuple[Moment, int, int, RunLoad]] = []
        order = count()
        try:
            for run in history.runs(repository, since, until):
                while waiting and waiting[0][0] < run.created_at:
                    yield heapq.heappop(waiting)[2:]
                tally.runs += 1
                for load in loads(run, _chosen(_jobs(history, run), wanted, tally)):
                    if since <= load.at < until:
                        tally.jobs += len(load.jobs)
                        heapq.heappush(waiting, (load.at, next(order), run.run_id, load))
                tell()
        except NotFound:
            tally.gone.append(repository)
        while waiting:
            yield heapq.heappop(waiting)[2:]

    streams = [stream(name) for name in sorted(repositories)]
    return heapq.merge(*streams, key=lambda found: found[1].at)


def _jobs(history: History, run: PastRun) -> Iterator[GitHubJob]:
    try:
        yield from history.jobs(run.repository, run.run_id)
    except NotFound:
        return  # somebody deleted the run meanwhile


def _chosen(jobs: Iterable[GitHubJob], wanted: Wanted, tally: Tally) -> Iterator[GitHubJob]:
    for job in jobs:
        if job.completed_at is None or job.conclusion == "skipped" or not job.facts.labels:
            tally.never_ran += 1
        elif wanted(job.facts.labels):
            yield job
        else:
            tally.others += 1
            if len(tally.labels) < 1_000 or job.facts.labels in tally.labels:  # noqa: PLR2004 - enough to name the commonest
                tally.labels[job.facts.labels] = tally.labels.get(job.facts.labels, 0) + 1


def loads(run: PastRun, jobs: Iterable[GitHubJob]) -> Iterator[RunLoad]:
    """The run's parts, oldest first.

    A job that GitHub lists again with a later attempt, because it was not run again, counts once. A job that was
    cancelled before a runner had it has the time until then as its duration: longer it would not have run.
    """
    seen: set[tuple[object, ...]] = set()
    part: list[GitHubJob] = []
    for job in sorted(jobs, key=lambda job: (job.facts.created_at, job.facts.job_id)):
        same = (job.facts.name, job.started_at, job.completed_at, job.runner_id)
        if job.started_at is not None and same in seen:
            continue
        seen.add(same)
        if part and job.facts.created_at - part[0].facts.created_at > _TOGETHER:
            yield _part(run, part)
            part = []
        part.append(job)
    if part:
        yield _part(run, part)


def _part(run: PastRun, jobs: Sequence[GitHubJob]) -> RunLoad:
    at = jobs[0].facts.created_at
    cancelled = [
        job.completed_at - at for job in jobs if job.conclusion == "cancelled" and job.completed_at is not None
    ]
    return RunLoad(
        at=at,
        repository=run.repository,
        workflow=run.workflow or jobs[0].facts.workflow or "ci",
        jobs=tuple(_job(job) for job in jobs),
        branch=run.branch or "main",
        cancelled_after=max(0, *cancelled) if run.conclusion == "cancelled" and cancelled else None,
    )


def _job(job: GitHubJob) -> JobLoad:
    began = job.facts.created_at if job.started_at is None else job.started_at
    conclusion = job.conclusion or "failure"
    if conclusion not in CONCLUSIONS:
        conclusion = _OTHER_WORDS.get(conclusion, "failure")
    return JobLoad(job.facts.name or "job", job.facts.labels, max(0, (job.completed_at or began) - began), conclusion)
