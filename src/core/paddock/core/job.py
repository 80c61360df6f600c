"""The job record: the only arbiter of a job's life.

A job's record is changed only by conditional writes on its state, launch and machine, so that duplicate, late and
reordered messages change nothing.
"""

from collections.abc import Set as AbstractSet
from typing import TypedDict

import attrs

from paddock.core.spec import RunnerSpec
from paddock.core.states import JOB_LIFE, JobState, OperationalResult
from paddock.core.units import Moment, Span


@attrs.frozen
class JobFacts:
    """What GitHub said of the job when it was queued, kept whole and verbatim: every retry copies it.

    ``repository`` is ``owner/name``; ``labels`` are as the workflow wrote them; ``created_at`` is GitHub's clock.
    ``private`` is False also where GitHub did not say: whose code it is must then be asked. ``deployment`` is True if
    the job deploys to an environment; only webhooks say so.
    Source: the ``workflow_job`` object of GitHub's webhooks and REST API.
    """

    job_id: int
    run_id: int
    repository: str
    labels: tuple[str, ...]
    run_attempt: int = 1
    name: str = ""
    workflow: str = ""
    head_sha: str = ""
    head_branch: str = ""
    private: bool = False
    installation_id: int | None = None
    created_at: Moment = 0
    deployment: bool = False

    @property
    def owner(self) -> str:
        """The organisation or user that the repository belongs to."""
        return self.repository.partition("/")[0]


@attrs.frozen
class Job:
    """One GitHub job (one attempt of it: a re-run has another id).

    ``launch`` counts the launches made for it, ``displaced`` those of them that are not held against it: no machine
    could be had, or its machine served another job. ``machine`` is the machine that serves it, or that was launched
    for it; ``inherited`` says that it was launched for another job, which has this one's instead. ``conclusion`` is
    GitHub's word, else the runner's; ``result`` is how we did. ``reason`` says why it stands where it stands,
    ``failure`` why its last launch came to nothing (waiting in between does not wipe it). ``on_demand`` forces it onto
    the market where nothing is taken back. ``missing_at`` is since when GitHub says that it does not know the job,
    ``wakes`` how often its message was sent again since a dispatcher last decided about it. While it is dispatching,
    ``not_before`` is when it may be sent once more.
    """

    facts: JobFacts
    state: JobState = JobState.QUEUED
    received_at: Moment = 0
    spec: RunnerSpec | None = None
    launch: int = 0
    displaced: int = 0
    launch_id: str | None = None
    machine: str | None = None
    runner_name: str | None = None
    not_before: Moment = 0
    lease_until: Moment = 0
    launched_at: Moment | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    conclusion: str | None = None
    result: OperationalResult | None = None
    reason: str = ""
    failure: str = ""
    on_demand: bool = False
    inherited: bool = False
    missing_at: Moment | None = None
    wakes: int = 0

    @property
    def id(self) -> int:
        """GitHub's id of the job."""
        return self.facts.job_id

    @property
    def key(self) -> str:
        """The record's key: the id as text."""
        return str(self.facts.job_id)

    @property
    def subject(self) -> str:
        """What decisions about this job are filed under."""
        return job_subject(self.facts.job_id)

    @property
    def live(self) -> bool:
        """True until the job has ended."""
        return self.state not in JOB_LIFE.ends

    @property
    def wait(self) -> Span | None:
        """From GitHub's queueing to the start of the run; None while it waits or if it never ran."""
        return None if self.started_at is None else max(0, self.started_at - self.facts.created_at)

    @property
    def duration(self) -> Span | None:
        """How long it ran; None if it has not both started and finished."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0, self.finished_at - self.started_at)


class JobIs(TypedDict, total=False):
    """A condition on the record: every given field must match (a set matches any of its members)."""

    state: JobState | AbstractSet[JobState]
    launch: int
    launch_id: str | None
    machine: str | None
    lease_until: Moment
    conclusion: str | None
    result: OperationalResult | None
    missing_at: Moment | None
    wakes: int


class JobChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    state: JobState
    spec: RunnerSpec | None
    launch: int
    displaced: int
    launch_id: str | None
    machine: str | None
    runner_name: str | None
    not_before: Moment
    lease_until: Moment
    launched_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    conclusion: str | None
    result: OperationalResult | None
    reason: str
    failure: str
    on_demand: bool
    inherited: bool
    missing_at: Moment | None
    wakes: int


def job_subject(job_id: int) -> str:
    """What decisions about the job of this id are filed under."""
    return f"job:{job_id}"


def as_written(current: object, change: JobChange) -> Job | None:
    """The record that a conflict tells of, if it is as this very change leaves it; else None.

    A write whose answer was lost is repeated below us, and then its condition holds no more.
    """
    if isinstance(current, Job) and all(getattr(current, name) == value for name, value in change.items()):
        return current
    return None
