"""Resumption: a dispatcher died, and somebody goes on with the launch of its job."""

from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.launch import Launch
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState
from paddock.core.switch import PAUSED
from paddock.core.usecases.fulfilment import Fulfilment
from paddock.core.usecases.handled import Done, Handled
from paddock.core.usecases.life import Life
from paddock.core.usecases.record import Recorder


class Resumption:
    """Takes a job that is held under a lease which has run out, and asks for exactly what was asked for."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        fulfil: Fulfilment,
        life: Life,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._launches = table.launches
        self._switches = table.switches
        self._fulfil = fulfil
        self._life = life
        self._clock = clock
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(self, job: Job) -> Handled:
        """The job's dispatcher died: go on with its very launch, under a new lease."""
        launch = self._standing(job)
        if launch is None or job.id not in launch.jobs:
            self._life.never_asked(job)
            return Done()
        paused = self._switches.get(PAUSED) if launch.machines is None else None
        if paused is not None and paused.on:
            return self._paused(job, paused.why)
        lease = self._clock.now() + self._settings.deadlines.lease
        try:
            job = self._jobs.update(
                job.key,
                JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until),
                JobChange(lease_until=lease, reason=""),
            )
        except (Conflict, NotFound):
            return Done()
        self._record.job(job.id, "resumed", "its dispatcher died; its launch goes on with the same token")
        return self._fulfil(launch, [job], resumed=True).get(job.id, Done())

    def _paused(self, job: Job, why: str) -> Handled:
        """Nobody knows of a machine, and none may be launched: it waits as it is, for its token may have been used.

        Its message is used up; it is woken when the fleet is resumed, or by the sweep, which looks again.
        """
        lease = self._clock.now() + self._settings.deadlines.retry_admission
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until)
        try:
            self._jobs.update(job.key, when, JobChange(lease_until=lease, reason=why))
        except (Conflict, NotFound):
            return Done()
        if job.reason != why:
            self._record.job(job.id, "paused", f"it waits: {why}")
        return Done()

    def _standing(self, job: Job) -> Launch | None:
        """The launch that holds the job. If none was written down, a blank one takes its place.

        The cloud is asked only under a launch that stands written, so nobody has asked it yet; and a dispatcher that
        was merely slow finds the blank one and asks for nothing.
        """
        if job.launch_id is None:
            return None
        blank = Launch(job.launch_id, job.spec or RunnerSpec(), Market.ON_DEMAND, (), self._clock.now(), machines=())
        found = self._launches.get(job.launch_id)
        return found if found is not None or self._launches.add(blank) else self._launches.get(job.launch_id)
