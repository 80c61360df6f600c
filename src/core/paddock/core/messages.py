"""The messages that travel between the parts. Each has a JSON Schema of the same name in ``paddock.contracts``.

Commands are imperatives or requests, events are past participles. Times are moments (microseconds, UTC).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import attrs

from paddock.core.job import JobFacts
from paddock.core.states import OperationalResult
from paddock.core.units import SECOND, Moment, Span


@attrs.frozen
class JobRequested:
    """GitHub queued a job of ours: it wants a machine."""

    job: JobFacts
    received_at: Moment
    delivery: str = ""


class Observed(StrEnum):
    """GitHub's ``status`` of a job that has left its queue."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@attrs.frozen
class JobObserved:
    """GitHub's own word on a job: which runner took it, or how it ended.

    ``conclusion`` is GitHub's, None until completed; unknown values are kept as they are.
    """

    job: JobFacts
    status: Observed
    received_at: Moment
    conclusion: str | None = None
    runner_id: int | None = None
    runner_name: str | None = None
    started_at: Moment | None = None
    completed_at: Moment | None = None
    delivery: str = ""

    @property
    def began(self) -> Moment:
        """When the job started, as exactly as can be told."""
        return within_its_second(self.started_at, self.received_at)

    @property
    def ended(self) -> Moment:
        """When the job ended, as exactly as can be told."""
        return within_its_second(self.completed_at, self.received_at)


def within_its_second(told: Moment | None, heard: Moment) -> Moment:
    """GitHub cuts its times to whole seconds; if word of it came within that second, that is the better time."""
    return heard if told is None or told <= heard < told + SECOND else told


@attrs.frozen
class RunCompleted:
    """A workflow run ended: only now can its failed jobs be re-run."""

    run_id: int
    run_attempt: int
    repository: str
    conclusion: str | None
    head_branch: str = ""
    workflow_id: int | None = None
    received_at: Moment = 0
    delivery: str = ""


class ReportEvent(StrEnum):
    """What a machine tells."""

    STARTED = "started"
    HEARTBEAT = "heartbeat"
    FINISHED = "finished"
    FAILED_TO_START = "failed_to_start"


@attrs.frozen
class RunnerReported:
    """A machine's report. ``machine`` is who sent it (the transport's word, not the text's).

    ``job_id`` and ``launch`` name the job it was launched for; GitHub may have given it another. ``conclusion`` is the
    job's end as the runner saw it; ``result`` is how the machine did; ``phases`` are spans by phase name.
    """

    event: ReportEvent
    machine: str
    job_id: int
    launch: int
    runner_name: str
    at: Moment
    job_name: str = ""
    conclusion: str | None = None
    result: OperationalResult | None = None
    exit_code: int | None = None
    ready_at: Moment | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    reason: str = ""
    detail: str = ""
    interrupted_by: str | None = None
    phases: Mapping[str, Span] = attrs.field(factory=dict)


@attrs.frozen
class RunnerPackage:
    """Where the official runner comes from and what its bytes must hash to.

    ``sources`` name the independent places that published this digest; the agent refuses a package that does not match.
    """

    version: str
    url: str
    sha256: str
    filename: str
    sources: tuple[str, ...] = ()


@attrs.frozen
class Assignment:
    """What a machine is to do: one runner registration, for one job's label set.

    ``jit_config`` is a secret (it holds the runner's private key) and is left out of `repr`.
    """

    machine: str
    job_id: int
    launch: int
    repository: str
    labels: tuple[str, ...]
    runner_name: str
    runner_id: int
    package: RunnerPackage
    jit_config: str = attrs.field(repr=False)
    max_runtime: Span = 6 * 3600 * 1_000_000
    idle_timeout: Span = 5 * 60 * 1_000_000
    setup_info: str = ""
    created_at: Moment = 0


JobMessage: TypeAlias = JobRequested
"""What the jobs queue carries."""

EventMessage: TypeAlias = JobObserved | RunCompleted | RunnerReported
"""What the reports queue carries."""
