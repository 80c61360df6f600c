"""Turns: a job that EC2's and GitHub's limits leave no room for waits in its record, and is asked for when there is.

::

    admitted ──> room now? ──> launch
                    └─ its turn: written down ──> a message that comes then ──> the old one is acknowledged

A message that waited on its queue would be counted as received each time, and be given up in the end.
"""

from collections.abc import Iterable, Sequence

import attrs

from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job, JobChange, JobIs, as_written
from paddock.core.messages import JobMessage, JobRequested
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.queues import Queue
from paddock.core.ports.starts import Starts
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import Limits
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState
from paddock.core.units import MINUTE, SECOND, Moment, Span, span_text
from paddock.core.usecases.listing import oldest_queued
from paddock.core.usecases.record import Recorder

MOST_AHEAD = 20
_ON_ITS_WAY: Span = 30 * SECOND  # so long is a message that comes by itself left to come
_LONGEST: Span = 15 * MINUTE  # that a queue keeps a message back
_WHY = "as many are started as EC2 and GitHub allow: it comes in its turn"


class Turns:
    """Parts the admitted jobs into those that are started now and those that are told their turn."""

    def __init__(
        self,
        *,
        limits: Limits,
        table: Table,
        queue: Queue[JobMessage],
        starts: Starts,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._limits = limits
        self._jobs = table.jobs
        self._queue = queue
        self._starts = starts
        self._clock = clock
        self._record = Recorder(decisions, clock, "dispatch")

    def waited(self) -> bool:
        """True if jobs are known to wait for their turn. Asks nobody."""
        return self._starts.waited()

    def __call__(self, jobs: Sequence[tuple[Job, RunnerSpec]]) -> Sequence[Moment | None]:
        """For each job, in order: None if it may be started now, or else its turn; see `Starts.ask`."""
        return self._starts.ask(jobs) if jobs else ()

    def ahead_of(self, fresh: Sequence[Job]) -> list[Job]:
        """Jobs that wait for a limit and are older than some of `fresh`: whatever is free now is theirs first."""
        if self._limits == Limits() and not self._starts.waited():
            return []
        here = {job.id for job in fresh}
        newest = max(job.facts.created_at for job in fresh)
        oldest = oldest_queued(self._jobs, MOST_AHEAD)
        waiting = [job for job in oldest if job.not_before and job.launch_id is None]  # not those that lack a machine
        return [job for job in waiting if job.facts.created_at <= newest and job.id not in here]

    def waits(self, job: Job, turn: Moment, *, unwritten: bool) -> bool:
        """Write down that the job waits until then; False if its record has changed meanwhile, and nothing was done.

        Its message is still to be sent: `call`. Where a crash comes between, the sweep finds it half a minute late.
        """
        told = JobChange(not_before=turn, lease_until=turn + _ON_ITS_WAY, wakes=0, reason=_WHY)
        if unwritten:
            if not self._jobs.add(attrs.evolve(job, **told)):
                return False
            self._record.queued(job)
        elif not self._changed(job, JobIs(), told):
            return False
        if job.reason != _WHY:
            self._record.job(job.id, "in_turn", f"it waits {span_text(turn - self._clock.now())}: {_WHY}")
        return True

    def call(self, jobs: Iterable[tuple[Job, Moment]]) -> None:
        """Send the messages of jobs that wait, each to come at its turn. Those of one turn share requests.

        Raises:
            Unavailable: some are not sent. Whoever sends all of them again does no harm.
            Throttled: as above.
        """
        by_turn: dict[Moment, list[Job]] = {}
        for job, turn in jobs:
            by_turn.setdefault(turn, []).append(job)
        for turn, those in by_turn.items():
            now = self._clock.now()
            messages = [JobRequested(job.facts, now) for job in those]
            self._queue.send(messages, delay=min(max(0, turn - now), _LONGEST))

    def come(self, job: Job, *, called: bool) -> bool:
        """True if the queued job need not wait any more.

        Args:
            job: as it stands written.
            called: it is a message of ours that came. Too soon, where its turn is further off than a queue keeps a
                message back: then it is sent once more.
        """
        if job.not_before <= self._clock.now():
            return True
        if called and job.reason == _WHY and self._changed(job, JobIs(wakes=job.wakes), JobChange(wakes=job.wakes + 1)):
            self.call([(job, job.not_before)])
        return False

    def _changed(self, job: Job, when: JobIs, change: JobChange) -> bool:
        still = JobIs(state=JobState.QUEUED, launch=job.launch)
        try:
            self._jobs.update(job.key, JobIs(**still, **when), change)
        except Conflict as conflict:
            return as_written(conflict.current, change) is not None
        except NotFound:
            return False
        return True
