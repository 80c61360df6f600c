"""GitHub's events as the messages that intake makes of its webhooks."""

from typing import TypeAlias

from paddock.adapters.memory.github.values import Event, JobRecord, Repository
from paddock.core.job import JobFacts
from paddock.core.messages import JobObserved, JobRequested, Observed, RunCompleted
from paddock.core.units import Moment

GitHubWord: TypeAlias = JobRequested | JobObserved | RunCompleted

_OBSERVED = {observed.value: observed for observed in Observed}


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
    """The message in a webhook that arrives now; None for one that concerns no fleet."""
    job, run = event.job, event.run
    if job is None:
        if event.action != "completed":
            return None
        return RunCompleted(
            run.id,
            run.attempt,
            run.repository,
            run.conclusion,
            head_branch=run.head_branch,
            workflow_id=run.workflow_id,
            received_at=now,
            delivery=event.guid,
        )
    facts = facts_of(job, event.repository)
    if event.action == "queued":
        return JobRequested(facts, now, event.guid)
    observed = _OBSERVED.get(event.action)
    if observed is None:
        return None
    return JobObserved(
        facts,
        observed,
        now,
        conclusion=job.conclusion,
        runner_id=job.runner_id,
        runner_name=job.runner_name,
        started_at=job.started_at,
        completed_at=job.completed_at,
        delivery=event.guid,
    )
