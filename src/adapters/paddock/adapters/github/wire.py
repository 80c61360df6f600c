"""GitHub's JSON, as far as Paddock reads it: the objects that webhooks and REST replies share.

Readers are tolerant: unknown fields are skipped, words GitHub may add to (status, conclusion, action) are plain
strings, and whatever GitHub sends as null may be null here. Source: the schemas of ``workflow_job``, ``workflow_run``
and ``job`` in GitHub's OpenAPI description.
"""

from datetime import datetime
from typing import Annotated

import attrs
from msgspec import Meta

from paddock.core.job import JobFacts
from paddock.core.units import Moment, moment_of

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
MaybeId = Annotated[int, Meta(ge=0, le=2**63 - 1)] | None
Attempt = Annotated[int, Meta(ge=1, le=2**31)] | None
Stamp = Annotated[datetime, Meta(tz=True)]


@attrs.frozen
class WireRepository:
    """A repository, as ``owner/name``. ``private`` is None where GitHub does not say."""

    full_name: str
    private: bool | None = None


@attrs.frozen
class WireJob:
    """A workflow job, by webhook or by REST."""

    id: Id
    run_id: Id
    labels: tuple[str, ...]
    status: str
    name: str | None = None
    workflow_name: str | None = None
    run_attempt: Attempt = None
    head_sha: str | None = None
    head_branch: str | None = None
    conclusion: str | None = None
    runner_id: MaybeId = None
    runner_name: str | None = None
    created_at: Stamp | None = None
    started_at: Stamp | None = None
    completed_at: Stamp | None = None

    def facts(
        self, repository: str, *, private: bool = False, installation: int | None = None, deployment: bool = False
    ) -> JobFacts:
        """The job's facts; the repository's are not in the job object, so they come along."""
        return JobFacts(
            job_id=self.id,
            run_id=self.run_id,
            repository=repository,
            labels=self.labels,
            run_attempt=self.run_attempt or 1,
            name=self.name or "",
            workflow=self.workflow_name or "",
            head_sha=self.head_sha or "",
            head_branch=self.head_branch or "",
            private=private,
            installation_id=installation,
            created_at=moment(self.created_at) or 0,
            deployment=deployment,
        )

    @property
    def taken_by(self) -> int | None:
        """The id of the runner that took it. A job that never had one comes with null, or with 0 and an empty name."""
        return self.runner_id or None

    @property
    def began(self) -> Moment | None:
        """When it started on a runner. GitHub fills ``started_at`` of jobs that never started with another time."""
        return moment(self.started_at) if self.status == "in_progress" or self.taken_by is not None else None


def moment(stamp: datetime | None) -> Moment | None:
    """The stamp as microseconds since 1970."""
    return None if stamp is None else moment_of(stamp)
