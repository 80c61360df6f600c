"""What GitHub remembers: repositories, runs, jobs, runners, check runs, and the events it tells about them."""

from enum import StrEnum
from functools import lru_cache

import attrs

from paddock.adapters.memory.github.scripts import NO_RUNNER_FAULTS, JobScript, RunnerFaults
from paddock.core.ports.github import Scope
from paddock.core.spec import Arch
from paddock.core.units import DAY, HOUR, MINUTE, Moment, Span


@lru_cache(maxsize=4096)
def folded(labels: tuple[str, ...]) -> frozenset[str]:
    """Labels as they are matched: case-folded. There are few sets of them, and they come again and again."""
    return frozenset(label.casefold() for label in labels)


class Status(StrEnum):
    """GitHub's ``status`` of a job or run."""

    QUEUED = "queued"
    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@attrs.frozen
class Timings:
    """GitHub's own deadlines.

    ``queue``: a queued job is cancelled. ``assignment``: a job handed to a runner that never took it goes back to the
    queue. ``lease``: a job whose runner fell silent is concluded. ``unused``: a registration that never connected is
    deleted. ``session``: a runner that stopped polling counts as offline. ``rerun``: a run is too old to be re-run.
    """

    queue: Span = 24 * HOUR
    assignment: Span = 10 * MINUTE
    lease: Span = 10 * MINUTE
    unused: Span = DAY
    session: Span = MINUTE
    rerun: Span = 30 * DAY


@attrs.frozen
class Repository:
    """A repository; ``full_name`` is ``owner/name``."""

    id: int
    full_name: str
    private: bool = True
    allow_forking: bool = True
    default_branch: str = "main"

    @property
    def owner(self) -> str:
        """The organisation it belongs to."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name without the owner."""
        return self.full_name.partition("/")[2]


@attrs.frozen
class StepRecord:
    """A step as GitHub shows it; times are moments."""

    name: str
    number: int
    status: str = "completed"
    conclusion: str | None = "success"
    started_at: Moment | None = None
    completed_at: Moment | None = None


@attrs.frozen
class RunRecord:
    """A workflow run in its newest attempt; ``created_at`` is the first attempt's, ``started_at`` this one's.

    ``title`` is what its workflow has it called (``run-name``); empty: GitHub finds a title.
    """

    id: int
    repository: str
    workflow: str
    workflow_id: int
    event: str
    head_repository: str
    head_branch: str
    head_sha: str
    number: int
    created_at: Moment
    started_at: Moment
    updated_at: Moment
    status: Status = Status.QUEUED
    conclusion: str | None = None
    attempt: int = 1
    jobs: tuple[int, ...] = ()
    cancel_requested: bool = False
    title: str = ""


@attrs.frozen
class JobRecord:
    """A job in one attempt. ``assigned_to`` is the runner it was handed to; ``acquired`` once that runner took it.

    The ``runner_…`` fields are what GitHub shows, None until the job starts.
    """

    id: int
    run_id: int
    attempt: int
    repository: str
    script: JobScript
    head_sha: str
    head_branch: str
    workflow: str
    created_at: Moment
    status: Status = Status.QUEUED
    conclusion: str | None = None
    started_at: Moment | None = None
    completed_at: Moment | None = None
    runner_id: int | None = None
    runner_name: str | None = None
    runner_group: int | None = None
    steps: tuple[StepRecord, ...] = ()
    assigned_to: int | None = None
    acquired: bool = False
    cancel_requested: bool = False
    lease_until: Moment | None = None
    log: str = attrs.field(default="", repr=False)

    @property
    def name(self) -> str:
        """The name shown for it."""
        return self.script.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, verbatim."""
        return self.script.labels

    @property
    def wanted(self) -> frozenset[str]:
        """Its labels as they are matched: case-folded."""
        return folded(self.script.labels)

    @property
    def dispatchable(self) -> bool:
        """True while it waits for a runner."""
        return self.status is Status.QUEUED and self.assigned_to is None


@attrs.frozen
class RunnerRecord:
    """A runner registration. ``job_id`` is the job handed to it. ``token`` is its credential, a secret.

    ``session`` is the id of the connection that is open, None while offline.
    """

    id: int
    scope: Scope
    name: str
    labels: tuple[str, ...]
    created_at: Moment
    token: str = attrs.field(default="", repr=False)
    group: int = 1
    ephemeral: bool = True
    version: str = ""
    session: str | None = None
    connected_at: Moment | None = None
    seen_at: Moment | None = None
    job_id: int | None = None
    acquired: bool = False
    faults: RunnerFaults = NO_RUNNER_FAULTS

    @property
    def online(self) -> bool:
        """True while it holds a session."""
        return self.session is not None

    @property
    def busy(self) -> bool:
        """True once it took a job: a job that is only on its way to it does not count, as at GitHub."""
        return self.acquired

    @property
    def offered(self) -> frozenset[str]:
        """Its labels as they are matched: case-folded."""
        return folded(self.labels)


@attrs.frozen
class CheckRun:
    """A check run on a commit."""

    id: int
    repository: str
    head_sha: str
    name: str
    status: str
    conclusion: str | None
    title: str
    summary: str
    at: Moment


@attrs.frozen
class Event:
    """A webhook before it is rendered: the records as they were when it happened.

    ``event`` is ``workflow_job`` or ``workflow_run``; ``job`` is None for the latter. ``guid`` is shared with its
    redeliveries.
    """

    guid: str
    event: str
    action: str
    at: Moment
    repository: Repository
    run: RunRecord
    job: JobRecord | None = None
    redelivery: bool = False


@attrs.frozen
class Delivery:
    """One attempt to deliver an event; ``status_code`` is the receiver's answer, 0 if there was none."""

    id: int
    event: Event
    delivered_at: Moment
    status_code: int
    redelivery: bool

    @property
    def ok(self) -> bool:
        """True if the receiver accepted it."""
        return 200 <= self.status_code < 300  # noqa: PLR2004 - the range of HTTP's successes


@attrs.frozen
class PublishedPackage:
    """One platform's runner package and the places that publish its SHA-256 (lower-case hex, None: not published)."""

    arch: Arch
    version: str
    filename: str
    url: str
    downloads_sha256: str | None = None
    asset_sha256: str | None = None
    notes_sha256: str | None = None
    size: int = 0
