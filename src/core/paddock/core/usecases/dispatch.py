"""Dispatch: requests become machines.

::

    requests ──> records ──> admission ──> groups ──> launch record ──> cloud ──> assignment
                    │            │
                    │            └─ refused: told to the author; must wait: stays queued with a reason
                    └─ known already: resumed if its dispatcher's lease ran out, else left alone
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.messages import JobMessage, Observed
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.run import Run
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState
from paddock.core.switch import PAUSED, Switch
from paddock.core.units import SECOND, Moment, Span
from paddock.core.usecases.admission import Admit, Refuse, Usage, Verdict, Wait, admit, needs_run
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.handled import Again, Done, Handled, again
from paddock.core.usecases.launching import Launching
from paddock.core.usecases.life import Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reject import Reject
from paddock.core.usecases.turns import Turns
from paddock.core.usecases.usage import UsageMeter

_SOON: Span = 2 * SECOND
_UNKNOWN: Span = 15 * SECOND


class Dispatch:
    """Turns requests into machines, at most one launch at a time for each job."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        github: GitHub,
        launching: Launching,
        reject: Reject,
        completion: Completion,
        life: Life,
        decisions: Decisions,
        clock: Clock,
        turns: Turns,
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._runs = table.runs
        self._switches = table.switches
        self._usage = UsageMeter(table, clock)
        self._workflows = github.workflows
        self._launching = launching
        self._reject = reject
        self._completion = completion
        self._life = life
        self._clock = clock
        self._turns = turns
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(self, requests: Sequence[JobMessage]) -> Sequence[Handled]:
        """Handle a batch; for each request, in order, whether it is done.

        One request's trouble never fails another one's.
        """
        handled: dict[int, Handled] = {}
        firsts: dict[int, JobMessage] = {}
        for request in requests:
            job_id = request.job.job_id
            if firsts.setdefault(job_id, request) is not request:
                try:
                    self._told_twice(request, firsts[job_id].received_at, "asked for in the same batch")
                except Exception as error:  # noqa: BLE001 - even a fault of ours concerns its own request alone
                    handled.setdefault(job_id, self._trouble(job_id, error))
        # Nearly all are news: those are admitted before they are written down, which takes one request and not two.
        # Where jobs wait for their turn, many come back, and none must stand in the line twice.
        news = {} if self._turns.waited() else {key: request for key, request in firsts.items() if request.delivery}
        fresh = {job_id: Job(request.job, received_at=request.received_at) for job_id, request in news.items()}
        self._round(fresh, news, handled)
        self._round({}, {job_id: one for job_id, one in firsts.items() if job_id not in handled}, handled)
        return [handled[request.job.job_id] for request in requests]

    def _round(
        self, unwritten: dict[int, Job], requests: Mapping[int, JobMessage], handled: dict[int, Handled]
    ) -> None:
        """Admit and launch for these requests. Of the `unwritten`, those that are no news after all are left over."""
        fresh = dict(unwritten)
        for job_id, request in requests.items():
            if job_id not in unwritten and job_id not in handled:
                self._look(request, fresh, handled)
        try:
            admitted = self._admitted(fresh.values(), unwritten, handled)
            handled.update(self._launching(admitted, frozenset(unwritten)))
        except Exception as error:  # noqa: BLE001 - as above
            left = [job_id for job_id in fresh if job_id not in handled and job_id not in unwritten]
            handled.update({job_id: self._trouble(job_id, error) for job_id in left})

    def _look(self, request: JobMessage, fresh: dict[int, Job], handled: dict[int, Handled]) -> None:
        """The job of a request as it stands written, among the `fresh` ones if it is to be launched now."""
        job_id = request.job.job_id
        try:
            known = self._known(request)
        except Exception as error:  # noqa: BLE001 - as above
            known = self._trouble(job_id, error)
        if isinstance(known, Job):
            fresh[job_id] = known
        else:
            handled[job_id] = known

    def _trouble(self, job_id: int, error: Exception) -> Again:
        self._record.fault(job_id, error)
        return again(error)

    # -- records ------------------------------------------------------------------------------------------------

    def _known(self, request: JobMessage) -> Job | Handled:
        """The job if it is to be launched now; otherwise what is to become of its message."""
        job = Job(request.job, received_at=request.received_at)
        if self._jobs.add(job):
            self._record.queued(job)
            return job
        current = self._jobs.get(job.key)
        if current is None:
            return Again(_SOON, "its record vanished while it was read")
        now = self._clock.now()
        self._told_twice(request, current.received_at, current.state)
        if current.state is JobState.QUEUED:
            # One that waits is woken by the sweep, or has a message on its way; this one is acknowledged.
            return current if self._turns.come(current, called=not request.delivery) else Done()
        if current.state is JobState.DISPATCHING:
            if current.lease_until > now:
                return Again(current.lease_until - now, "another dispatcher holds it")
            over = self._over(current)
            return over if over is not None else self._launching.resume(current)
        return Done()

    def _told_twice(self, request: JobMessage, first: Moment, now: str) -> None:
        """Write down that GitHub queued a job again; a message of ours that came back is no news."""
        if request.delivery and request.received_at != first:
            reason = f"queued again by delivery {request.delivery}: it is {now}"
            self._record.job(request.job.job_id, "duplicate", reason)

    # -- admission ----------------------------------------------------------------------------------------------

    def _admitted(
        self,
        jobs: Iterable[Job],
        unwritten: dict[int, Job],
        handled: dict[int, Handled],
    ) -> list[tuple[Job, RunnerSpec]]:
        admitted: list[tuple[Job, RunnerSpec]] = []
        fresh = list(jobs)
        if not fresh:
            return admitted
        queue = sorted([*fresh, *self._turns.ahead_of(fresh)], key=lambda job: (job.facts.created_at, job.id))
        usage: Usage = self._usage.read(self._settings.limits)
        paused = self._switches.get(PAUSED)
        for job in queue:
            try:
                verdict = self._verdict(job, usage, paused)
                if isinstance(verdict, Admit):
                    usage = usage.plus(job.facts.repository, verdict.vcpu)
                    admitted.append((job, verdict.spec))
                elif job.id in unwritten:
                    del unwritten[job.id]  # it is written down first, and judged again as it then stands
                elif isinstance(verdict, Refuse):
                    self._reject(job, verdict.verdict, verdict.reason, unsafe=verdict.unsafe)
                    handled[job.id] = Done()
                elif isinstance(verdict, Wait):
                    handled[job.id] = self._wait(job, verdict)
                else:
                    handled[job.id] = verdict
            except Exception as error:  # noqa: BLE001 - as above
                if unwritten.pop(job.id, None) is None:  # its message alone would be given up in the end
                    handled[job.id] = self._trouble(job.id, error)
        return self._in_turn(admitted, {job.id for job in fresh}, unwritten, handled)

    def _in_turn(
        self,
        admitted: list[tuple[Job, RunnerSpec]],
        here: AbstractSet[int],
        unwritten: dict[int, Job],
        handled: dict[int, Handled],
    ) -> list[tuple[Job, RunnerSpec]]:
        """Those that may be started now. The others are told their turn, and their messages come again then."""
        turns = self._turns(admitted)
        waiting: list[tuple[Job, Moment]] = []
        for (job, _), turn in zip(admitted, turns, strict=True):
            if turn is None or job.id not in here:
                continue
            is_news = unwritten.pop(job.id, None) is not None
            try:
                waits = self._turns.waits(job, turn, unwritten=is_news)
            except Exception as error:  # noqa: BLE001 - as above
                handled[job.id] = self._trouble(job.id, error)
                continue
            if waits:
                waiting.append((job, turn))
            if waits or not is_news:
                handled[job.id] = Done()
        try:
            self._turns.call(waiting)
        except Exception as error:  # noqa: BLE001 - as above
            handled.update({job.id: self._trouble(job.id, error) for job, _ in waiting})
        return [one for one, turn in zip(admitted, turns, strict=True) if turn is None]

    def _verdict(self, job: Job, usage: Usage, paused: Switch | None) -> Verdict | Handled:
        """What admission says; if there is nothing to be admitted, what is to become of the job's message."""
        over = self._over(job)
        if over is not None:
            return over
        try:
            run = self._run_of(job) if needs_run(job, self._settings) else None
        except NotFound:
            return self._unknown(job)
        return admit(job, run=run, settings=self._settings, usage=usage, paused=paused, now=self._clock.now())

    def _over(self, job: Job) -> Handled | None:
        """What is to become of the message of a job that GitHub has ended; None if it may still be launched.

        GitHub is asked only about one older than its own patience: its request may have lain among the dead letters,
        or the fleet may have been switched off.
        """
        if self._clock.now() - job.facts.created_at <= self._settings.deadlines.queue:
            return None
        seen = self._completion.ask(job)
        if seen is None:
            return self._unknown(job)
        return Done() if seen.status in set(Observed) else None

    def _unknown(self, job: Job) -> Handled:
        gone = self._life.forgotten(job)
        return Done() if gone else Again(_UNKNOWN, "GitHub does not know it, or not its run")

    def _run_of(self, job: Job) -> Run:
        known = self._runs.get(str(job.facts.run_id))
        if known is not None:
            return known
        seen = self._workflows.run(job.facts.repository, job.facts.run_id)
        fork = seen.head_repository.casefold() != seen.repository.casefold()
        run = Run(seen.run_id, seen.repository, fork=fork, event=seen.event, head_repository=seen.head_repository)
        self._runs.add(run)
        return run

    def _wait(self, job: Job, verdict: Wait) -> Handled:
        try:
            self._jobs.update(
                job.key,
                JobIs(state=JobState.QUEUED, launch=job.launch),
                # The message is used up, so nothing is on its way any more: the sweep may wake it once it is time.
                JobChange(not_before=verdict.until, lease_until=0, wakes=0, reason=verdict.reason),
            )
        except (Conflict, NotFound):
            return Done()
        if job.reason != verdict.reason:
            self._record.job(job.id, verdict.verdict, f"it waits: {verdict.reason}")
        return Done()
