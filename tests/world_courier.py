"""The way of GitHub's webhooks to a fleet: on time, late, twice, or never."""

from collections.abc import Callable, Sequence

from paddock.adapters.memory.github import Event, MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord, Repository
from paddock.core.job import JobFacts
from paddock.core.messages import JobObserved, JobRequested, Observed, RunCompleted
from paddock.core.ports.system import Clock
from paddock.core.units import Moment, Span

GitHubWord = JobRequested | JobObserved | RunCompleted
Fate = Callable[[object], Sequence[Span]]
"""What becomes of a message: the delays of its copies; none if it is lost."""


def on_time(_: object) -> Sequence[Span]:
    """One copy, at once."""
    return (0,)


def facts_of(job: JobRecord, repository: Repository) -> JobFacts:
    """The job as a webhook describes it."""
    return JobFacts(
        job_id=job.id,
        run_id=job.run_id,
        repository=job.repository,
        labels=job.labels,
        run_attempt=job.attempt,
        name=job.name,
        workflow=job.workflow,
        head_sha=job.head_sha,
        head_branch=job.head_branch,
        private=repository.private,
        created_at=job.created_at,
    )


def word_of(event: Event, now: Moment) -> GitHubWord | None:
    """The message in a webhook; None for one that concerns no fleet."""
    job, run = event.job, event.run
    if job is None:
        if event.action != "completed":
            return None
        return RunCompleted(run.id, run.attempt, run.repository, run.conclusion, received_at=now, delivery=event.guid)
    facts = facts_of(job, event.repository)
    if event.action == "queued":
        return JobRequested(facts, now, event.guid)
    if event.action not in set(Observed):
        return None
    return JobObserved(
        facts,
        Observed(event.action),
        now,
        conclusion=job.conclusion,
        runner_id=job.runner_id,
        runner_name=job.runner_name,
        started_at=job.started_at,
        completed_at=job.completed_at,
        delivery=event.guid,
    )


class Courier:
    """Carries events; `fate` decides what becomes of each. A lost one is not even in GitHub's log."""

    def __init__(self, clock: Clock, fate: Fate) -> None:
        self._clock = clock
        self.fate = fate
        self._bag: list[tuple[Moment, Event]] = []

    def __call__(self, event: Event) -> None:
        """GitHub's listener: take the event along."""
        self._bag.extend((self._clock.now() + delay, event) for delay in self.fate(event))

    def deliver(self, github: MemoryGitHub, receive: Callable[[GitHubWord], bool]) -> None:
        """Deliver what is due; `receive` says whether it was taken, and GitHub logs that."""
        now = self._clock.now()
        due = [event for moment, event in self._bag if moment <= now]
        self._bag = [(moment, event) for moment, event in self._bag if moment > now]
        for event in due:
            word = word_of(event, now)
            taken = word is None or receive(word)
            github.deliveries.record(event, 200 if taken else 500)

    @property
    def next_due(self) -> Moment | None:
        """When the next delivery is due."""
        return min((moment for moment, _ in self._bag), default=None)
