"""Rejection: a job that will never run here ends at once, and its author is told why.

GitHub would let it hang for a day.
"""

from paddock.core.errors import Conflict, NotFound, PaddockError
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.usecases.record import Recorder


class Reject:
    """Says no, once."""

    def __init__(
        self, *, settings: FleetSettings, table: Table, github: GitHub, decisions: Decisions, clock: Clock
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._workflows = github.workflows
        self._clock = clock
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(self, job: Job, verdict: str, reason: str) -> None:
        """End the job as rejected, unless it has moved on meanwhile."""
        change = JobChange(state=JobState.REJECTED, reason=reason, finished_at=self._clock.now(), lease_until=0)
        try:
            self._jobs.update(job.key, JobIs(state=job.state, launch=job.launch), change)
        except (Conflict, NotFound):
            return
        # The author first: nothing else tells people, and a log that is away must not keep them from hearing.
        trouble = self._tell_author(job, reason) if self._settings.allows(job.facts.repository) else None
        self._record.job(job.id, verdict, reason)
        if trouble is not None:
            self._record.job(job.id, "author_not_told", f"GitHub did not take the message: {trouble}")

    def _tell_author(self, job: Job, reason: str) -> PaddockError | None:
        """The fleet's own word is the record; that the author hears of it is worth trying, not failing for."""
        try:
            title = f"{job.facts.name or job.id}: no runner will come"
            self._workflows.report_rejection(job.facts.repository, job.facts.head_sha, title, reason)
            if self._settings.cancel_run_on_reject:
                self._workflows.cancel_run(job.facts.repository, job.facts.run_id)
        except PaddockError as error:
            return error
        return None
