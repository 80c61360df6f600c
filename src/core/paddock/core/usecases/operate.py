"""Operate: what people change while the fleet runs."""

from collections.abc import Sequence

from paddock.core.errors import Conflict, InvalidInput, NotFound
from paddock.core.job import Job
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.states import JobState
from paddock.core.switch import PAUSED, Switch, SwitchChange, SwitchIs
from paddock.core.usecases.house.quarantine import quarantined, refusal
from paddock.core.usecases.life import Life
from paddock.core.usecases.listing import jobs_in
from paddock.core.usecases.record import Recorder


class Operate:
    """Pausing and resuming, and releasing what was given up."""

    def __init__(self, *, table: Table, life: Life, decisions: Decisions, clock: Clock) -> None:
        self._table = table
        self._life = life
        self._clock = clock
        self._record = Recorder(decisions, clock, "operate")

    def pause(self, reason: str) -> Switch:
        """Launch nothing more. Running jobs go on; queued ones wait and say why."""
        switch = self._turn(on=True, reason=reason)
        self._record.machine("fleet", "paused", reason or "no reason given")
        return switch

    def resume(self) -> tuple[Switch, int]:
        """Launch again; how many waiting jobs were woken."""
        switch = self._turn(on=False, reason="")
        self._record.machine("fleet", "resumed", "an operator resumed it")
        # Also those whose launch was begun: they wait with it.
        waiting = jobs_in(self._table, JobState.QUEUED, JobState.DISPATCHING)
        for job in waiting:
            self._life.wake(job, "the fleet was resumed")
        return switch, len(waiting)

    def quarantined(self) -> Sequence[Job]:
        """The jobs that can be released, oldest first."""
        return quarantined(self._table.jobs, self._clock.now())

    def release(self, job_id: int) -> Job:
        """Have a job tried again that was given up, with a fresh launch budget; its record as it then is.

        Raises:
            NotFound: no job of this id was ever seen here.
            InvalidInput: it was not given up, or nobody waits for it any more.
        """
        job = self._table.jobs.get(str(job_id))
        if job is None:
            raise NotFound(f"job {job_id} is unknown here")
        refused = refusal(job, self._clock.now())
        if refused:
            raise InvalidInput("job", job_id, refused)
        released = self._life.released(job, "an operator released it: it has a fresh launch budget")
        if released is None:
            raise InvalidInput("job", job_id, "its record changed at this very moment: look at it again")
        return released

    def _turn(self, *, on: bool, reason: str) -> Switch:
        switch = Switch(PAUSED, on=on, at=self._clock.now(), reason=reason)
        while not self._table.switches.add(switch):
            try:
                return self._table.switches.update(PAUSED, SwitchIs(), SwitchChange(on=on, at=switch.at, reason=reason))
            except Conflict:
                continue
        return switch
