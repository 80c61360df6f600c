"""Leases: who launches for a job holds it for a while, and nobody ever locks it."""

from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job, JobChange, JobIs, as_written
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState


class Leases:
    """Takes queued jobs for a launch, by the launch's name."""

    def __init__(self, *, settings: FleetSettings, table: Table, clock: Clock) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._clock = clock

    def hold(self, job: Job, launch: str, spec: RunnerSpec) -> Job | None:
        """Take the job under a lease; None if somebody else was faster."""
        change = self.held(job, launch, spec)
        try:
            return self._jobs.update(job.key, JobIs(state=JobState.QUEUED, launch=job.launch), change)
        except Conflict as conflict:
            return as_written(conflict.current, change)
        except NotFound:
            return None

    def held(self, job: Job, launch: str, spec: RunnerSpec) -> JobChange:
        """What becomes of a job's record that this launch takes under a lease."""
        return JobChange(
            state=JobState.DISPATCHING,
            spec=spec,
            launch=job.launch + 1,
            launch_id=launch,
            machine=None,
            lease_until=self._clock.now() + self._settings.deadlines.lease,
            reason="",
            missing_at=None,
            wakes=0,
            not_before=0,
        )
