"""What the machine tells: the message ``runner_reported``, version 1, field by field."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

VERSION = 1


class Event(StrEnum):
    """The moments a machine speaks of. ``READY``: it was started for no job, and waits for orders."""

    READY = "ready"
    STARTED = "started"
    HEARTBEAT = "heartbeat"
    FINISHED = "finished"
    FAILED_TO_START = "failed_to_start"


class Result(StrEnum):
    """How the machine did, apart from how the job's own steps did."""

    SERVED = "served"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed_out"
    FAILED_TO_START = "failed_to_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report. Moments are microseconds since the epoch, phases are spans in microseconds.

    ``conclusion`` is the job's end as the Listener printed it, in GitHub's words; after an interruption GitHub may have
    been told ``failure`` where the Listener prints ``cancelled``.
    """

    event: Event
    machine: str
    job_id: int
    launch: int
    runner_name: str
    at: int
    job_name: str = ""
    conclusion: str | None = None
    result: Result | None = None
    exit_code: int | None = None
    ready_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    reason: str = ""
    detail: str = ""
    interrupted_by: str | None = None
    phases: Mapping[str, int] = field(default_factory=dict)
    peaks: Mapping[str, int] = field(default_factory=dict)
    runner_id: int | None = None
    repository: str = ""
    run_id: int | None = None
    run_attempt: int | None = None

    def to_data(self) -> dict[str, object]:
        """Plain data for JSON, with the message's kind and version."""
        return {"kind": "runner_reported", "version": VERSION, **asdict(self)}
