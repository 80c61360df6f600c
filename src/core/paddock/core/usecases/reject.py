"""Rejection: a job that will never run here ends at once, and its author is told why.

GitHub would let it hang for a day, and give it to any runner that fits. A job whose code must not run here is therefore
taken out of GitHub's queue before its record is closed.
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

    def __call__(self, job: Job, verdict: str, reason: str, *, unsafe: bool = False) -> None:
        """End the job as rejected, unless it has moved on meanwhile; if it is `unsafe`, its run is cancelled first.

        Raises:
            Unavailable, Throttled: the run could not be cancelled yet. The job stays open: repeat it.
        """
        stays = self._cancel(job) if unsafe else None
        change = JobChange(state=JobState.REJECTED, reason=reason, finished_at=self._clock.now(), lease_until=0)
        try:
            self._jobs.update(job.key, JobIs(state=job.state, launch=job.launch), change)
        except (Conflict, NotFound):
            if not (unsafe and self._echoed(job, reason)):
                return
        # The author first: nothing else tells people, and a log that is away must not keep them from hearing.
        ours = self._settings.allows(job.facts.repository)
        trouble = self._tell_author(job, reason) if ours else None
        if ours and not unsafe and self._settings.cancel_run_on_reject:
            stays = self._try_to_cancel(job)
        self._record.job(job.id, verdict, reason)
        if stays is not None:
            left = f"it stays in GitHub's queue, where a runner of its labels may be given it: {stays}"
            self._record.job(job.id, "run_not_cancelled", left)
        if trouble is not None:
            self._record.job(job.id, "author_not_told", f"GitHub was not told, or did not take it: {trouble}")

    def _echoed(self, job: Job, reason: str) -> bool:
        """True if GitHub's word of the cancellation came first: the job keeps that end, and gets our reason for it."""
        try:
            when = JobIs(state=JobState.CANCELLED, launch=job.launch)
            self._jobs.update(job.key, when, JobChange(reason=reason))
        except (Conflict, NotFound):
            return False
        return True

    def _cancel(self, job: Job) -> PaddockError | None:
        """Cancel the job's run; the error if GitHub will never do so."""
        try:
            self._workflows.cancel_run(job.facts.repository, job.facts.run_id)
        except NotFound:
            return None  # there is nothing left to be run
        except PaddockError as error:
            if error.retryable:
                raise
            return error
        return None

    def _try_to_cancel(self, job: Job) -> PaddockError | None:
        """Cancel the job's run, once; the error if that did not work. Its record says already that it is rejected."""
        try:
            return self._cancel(job)
        except PaddockError as error:
            return error

    def _tell_author(self, job: Job, reason: str) -> PaddockError | None:
        """The fleet's own word is the record; that the author hears of it is worth trying, not failing for."""
        try:
            title = f"{job.facts.name or job.id}: no runner will come"
            self._workflows.report_rejection(job.facts.repository, job.facts.head_sha, title, reason)
        except PaddockError as error:
            return error
        return None
