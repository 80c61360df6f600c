"""The messages that travel between the parts. Each has a JSON Schema of the same name in ``paddock.contracts``.

Commands are imperatives or requests, events are past participles. Times are moments (microseconds, UTC).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import attrs

from paddock.core.job import JobFacts
from paddock.core.spec import MAX_DISK_GIB
from paddock.core.states import OperationalResult
from paddock.core.units import SECOND, Moment, Span

_GIB = 1 << 30


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


class WarningKind(StrEnum):
    """What the cloud warns of."""

    SPOT = "spot"  # it takes the machine back
    REBALANCE = "rebalance"  # it may soon


@attrs.frozen
class MachineWarned:
    """The cloud's warning. ``at`` is when it takes a spot machine: about two minutes after the warning.

    Source: EventBridge's ``EC2 Spot Instance Interruption Warning`` and ``EC2 Instance Rebalance Recommendation``, or
    the machine itself, which finds the same in its metadata.
    """

    machine: str
    warning: WarningKind
    at: Moment
    received_at: Moment


@attrs.frozen
class MachineChanged:
    """The cloud's word on a machine's state, in EC2's own words: ``shutting-down``, ``terminated``, ``stopped`` ...

    Source: EventBridge's ``EC2 Instance State-change Notification``.
    """

    machine: str
    state: str
    at: Moment
    received_at: Moment


class ReportEvent(StrEnum):
    """What a machine tells. ``READY``: it was started for no job, its agent is up, and waits for orders."""

    READY = "ready"
    STARTED = "started"
    HEARTBEAT = "heartbeat"
    FINISHED = "finished"
    FAILED_TO_START = "failed_to_start"


@attrs.frozen
class RunnerReported:
    """A machine's report. ``machine`` is who sent it (the transport's word, not the text's).

    ``job_id`` and ``launch`` name the job it was launched for; GitHub may have given it another. Without orders, as it
    is when it is `READY`, both are 0 and ``runner_name`` is empty. ``conclusion`` is the job's end as the runner saw
    it; ``result`` is how the machine did; ``phases`` are spans by phase name; ``peaks`` the most that was used of each
    resource. ``repository``, ``run_id`` and ``run_attempt`` are what the job's own hook told: text that the job could
    have forged, never evidence.
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
    peaks: Mapping[str, int] = attrs.field(factory=dict)
    runner_id: int | None = None
    repository: str = ""
    run_id: int | None = None
    run_attempt: int | None = None

    @property
    def disk_used(self) -> int | None:
        """The most of the machine's disk that was in use at once, in GiB, rounded up; None if it did not say.

        It is bounded, for a job may forge it.
        """
        found = self.peaks.get("disk_bytes")
        return None if found is None else min(max(1, -(-found // _GIB)), MAX_DISK_GIB)


@attrs.frozen
class RunnerPackage:
    """Where the official runner comes from and what its bytes must hash to.

    ``digests`` is what each place that publishes one said, by the place's name; the agent refuses a package that fewer
    than two of them vouch for, that any of them contradicts, or whose bytes do not match.
    """

    version: str
    url: str
    sha256: str
    filename: str
    digests: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Registration:
    """How a runner registers itself, where it could not be registered for it. ``token`` is a secret.

    ``url`` is that of the repository or organisation; ``group`` is the runner group's name, empty for the default one.
    """

    url: str
    token: str = attrs.field(repr=False)
    group: str = ""


@attrs.frozen
class Assignment:
    """What a machine is to do: one runner registration, for one job's label set.

    ``jit_config`` is a secret (it holds the runner's private key) and is left out of `repr`. Where it is empty, the
    runner registers itself by ``registration``, and ``runner_id`` is 0: GitHub gives the number when it does.
    """

    machine: str
    job_id: int
    launch: int
    repository: str
    labels: tuple[str, ...]
    runner_name: str
    runner_id: int
    package: RunnerPackage
    jit_config: str = attrs.field(default="", repr=False)
    registration: Registration | None = None
    max_runtime: Span = 6 * 3600 * 1_000_000
    idle_timeout: Span = 5 * 60 * 1_000_000
    setup_info: str = ""
    created_at: Moment = 0


JobMessage: TypeAlias = JobRequested
"""What the jobs queue carries."""

EventMessage: TypeAlias = JobObserved | RunCompleted | RunnerReported | MachineWarned | MachineChanged
"""What the events queue carries."""
