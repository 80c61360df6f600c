"""Dispatch: requests become machines.

::

    requests ──> records ──> admission ──> groups ──> launch record ──> cloud ──> assignment
                    │            │
                    │            └─ refused: told to the author; must wait: stays queued with a reason
                    └─ known already: resumed if its dispatcher's lease ran out, else left alone
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs

from paddock.core.errors import AccessDenied, Conflict, NotFound, PaddockError, Rejected, Throttled, TokenReused
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.launch import Launch, LaunchChange, LaunchIs
from paddock.core.messages import JobMessage
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.run import Run
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState
from paddock.core.switch import PAUSED, Switch
from paddock.core.units import SECOND, Span
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.admission import Admit, Refuse, Usage, Verdict, Wait, admit, needs_run
from paddock.core.usecases.assign import Assign
from paddock.core.usecases.life import Life
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.retire import Retire
from paddock.core.usecases.usage import UsageMeter

_SOON: Span = 2 * SECOND


@attrs.frozen
class Done:
    """The message may be deleted: the record carries the job from here."""


@attrs.frozen
class Again:
    """The message must come back after `delay`."""

    delay: Span
    reason: str


Handled: TypeAlias = Done | Again


class Dispatch:
    """Turns requests into machines, at most one launch at a time for each job."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        github: GitHub,
        assign: Assign,
        adopt: Adopt,
        retire: Retire,
        life: Life,
        decisions: Decisions,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._launches = table.launches
        self._runs = table.runs
        self._switches = table.switches
        self._usage = UsageMeter(table, clock)
        self._machines = machines
        self._workflows = github.workflows
        self._assign = assign
        self._adopt = adopt
        self._retire = retire
        self._life = life
        self._clock = clock
        self._ids = ids
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(self, requests: Sequence[JobMessage]) -> Sequence[Handled]:
        """Handle a batch; for each request, in order, whether it is done.

        One request's trouble never fails another one's.
        """
        handled: dict[int, Handled] = {}
        fresh: dict[int, Job] = {}
        for request in requests:
            job_id = request.job.job_id
            if job_id in handled or job_id in fresh:
                continue
            try:
                known = self._known(request)
            except PaddockError as error:
                handled[job_id] = _again(error)
                continue
            if isinstance(known, Job):
                fresh[job_id] = known
            else:
                handled[job_id] = known
        try:
            handled.update(self._launch_all(self._admitted(fresh.values(), handled)))
        except PaddockError as error:
            handled.update({job_id: _again(error) for job_id in fresh if job_id not in handled})
        return [handled[request.job.job_id] for request in requests]

    # -- records ------------------------------------------------------------------------------------------------

    def _known(self, request: JobMessage) -> Job | Handled:
        """The job if it is to be launched now; otherwise what is to become of its message."""
        job = Job(request.job, received_at=request.received_at)
        if self._jobs.add(job):
            self._record.job(job.id, "queued", f"GitHub queued it with {', '.join(job.facts.labels)}")
            return job
        current = self._jobs.get(job.key)
        if current is None:
            return Again(_SOON, "its record vanished while it was read")
        now = self._clock.now()
        if current.state is JobState.QUEUED:
            # One that waits is woken by the sweep, in its turn; its message is acknowledged.
            return current if current.not_before <= now else Done()
        if current.state is JobState.DISPATCHING:
            if current.lease_until > now:
                return Again(current.lease_until - now, "another dispatcher holds it")
            return self._resume(current)
        if request.delivery:
            self._record.job(job.id, "duplicate", f"queued again by delivery {request.delivery}: it is {current.state}")
        return Done()

    def _resume(self, job: Job) -> Handled:
        """The job's dispatcher died: go on with its very launch, under a new lease."""
        launch = None if job.launch_id is None else self._launches.get(job.launch_id)
        if launch is None or job.id not in launch.jobs:
            self._life.launch_failed(job, "its dispatcher died before asking for a machine")
            return Done()
        lease = self._clock.now() + self._settings.deadlines.lease
        try:
            job = self._jobs.update(
                job.key,
                JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until),
                JobChange(lease_until=lease),
            )
        except (Conflict, NotFound):
            return Done()
        self._record.job(job.id, "resumed", "its dispatcher died; its launch goes on with the same token")
        return self._fulfil(launch, [job], resumed=True).get(job.id, Done())

    # -- admission ----------------------------------------------------------------------------------------------

    def _admitted(self, jobs: Iterable[Job], handled: dict[int, Handled]) -> list[tuple[Job, RunnerSpec]]:
        admitted: list[tuple[Job, RunnerSpec]] = []
        queue = sorted(jobs, key=lambda job: (job.facts.created_at, job.id))
        if not queue:
            return admitted
        usage: Usage = self._usage.read(self._settings.limits)
        paused = self._switches.get(PAUSED)
        for job in queue:
            try:
                verdict = self._verdict(job, usage, paused)
                if isinstance(verdict, Admit):
                    usage = usage.plus(job.facts.repository, verdict.vcpu)
                    admitted.append((job, verdict.spec))
                elif isinstance(verdict, Refuse):
                    handled[job.id] = self._refuse(job, verdict)
                elif isinstance(verdict, Wait):
                    handled[job.id] = self._wait(job, verdict)
                else:
                    self._life.forgotten(job)
                    handled[job.id] = Done()
            except PaddockError as error:
                handled[job.id] = _again(error)
        return admitted

    def _verdict(self, job: Job, usage: Usage, paused: Switch | None) -> Verdict | None:
        """What admission says; None if GitHub knows nothing of the job's run."""
        try:
            run = self._run_of(job) if needs_run(job, self._settings) else None
        except NotFound:
            return None
        return admit(job, run=run, settings=self._settings, usage=usage, paused=paused, now=self._clock.now())

    def _run_of(self, job: Job) -> Run:
        known = self._runs.get(str(job.facts.run_id))
        if known is not None:
            return known
        seen = self._workflows.run(job.facts.repository, job.facts.run_id)
        fork = seen.head_repository.casefold() != seen.repository.casefold()
        run = Run(seen.run_id, seen.repository, fork=fork, event=seen.event, head_repository=seen.head_repository)
        self._runs.add(run)
        return run

    def _refuse(self, job: Job, verdict: Refuse) -> Handled:
        change = JobChange(state=JobState.REJECTED, reason=verdict.reason, finished_at=self._clock.now())
        try:
            self._jobs.update(job.key, JobIs(state=JobState.QUEUED, launch=job.launch), change)
        except (Conflict, NotFound):
            return Done()
        self._record.job(job.id, verdict.verdict, verdict.reason)
        if self._settings.allows(job.facts.repository):
            self._tell_author(job, verdict.reason)
        return Done()

    def _tell_author(self, job: Job, reason: str) -> None:
        """The fleet's own word is the record; that the author hears of it is worth trying, not failing for."""
        try:
            title = f"{job.facts.name or job.id}: no runner will come"
            self._workflows.report_rejection(job.facts.repository, job.facts.head_sha, title, reason)
            if self._settings.cancel_run_on_reject:
                self._workflows.cancel_run(job.facts.repository, job.facts.run_id)
        except PaddockError as error:
            self._record.job(job.id, "author_not_told", f"GitHub did not take the message: {error}")

    def _wait(self, job: Job, verdict: Wait) -> Handled:
        try:
            self._jobs.update(
                job.key,
                JobIs(state=JobState.QUEUED, launch=job.launch),
                JobChange(not_before=verdict.until, reason=verdict.reason),
            )
        except (Conflict, NotFound):
            return Done()
        if job.reason != verdict.reason:
            self._record.job(job.id, verdict.verdict, f"it waits: {verdict.reason}")
        return Done()

    # -- launch -------------------------------------------------------------------------------------------------

    def _launch_all(self, admitted: Sequence[tuple[Job, RunnerSpec]]) -> dict[int, Handled]:
        groups: dict[tuple[RunnerSpec, Market], list[Job]] = {}
        handled: dict[int, Handled] = {}
        for job, spec in admitted:
            try:
                groups.setdefault((spec, self._market(job, spec)), []).append(job)
            except PaddockError as error:
                handled[job.id] = _again(error)
        for (spec, market), group in groups.items():
            handled.update(self._launch(spec, market, group))
        return handled

    def _market(self, job: Job, spec: RunnerSpec) -> Market:
        """Spot, if the job takes spot; on demand, and so on in turn, if its last try found no spot machine."""
        last = None if job.launch_id is None else self._launches.get(job.launch_id)
        if spec.market is Market.SPOT and last is not None and last.market is Market.SPOT:
            return Market.ON_DEMAND
        return spec.market

    def _launch(self, spec: RunnerSpec, market: Market, group: Sequence[Job]) -> dict[int, Handled]:
        """One launch for jobs that want the same machine."""
        launch = Launch(self._ids.token(), spec, market, tuple(job.id for job in group), self._clock.now())
        handled: dict[int, Handled] = {job.id: Done() for job in group}
        held: list[Job] = []
        try:
            self._launches.add(launch)
            for job in group:
                try:
                    mine = self._hold(job, launch)
                except PaddockError as error:
                    handled[job.id] = _again(error)
                else:
                    held.extend([mine] if mine is not None else [])
            if held:
                handled.update(self._fulfil(self._sealed(launch, held), held, resumed=False))
        except PaddockError as error:
            handled.update({job.id: _again(error) for job in group})
        return handled

    def _hold(self, job: Job, launch: Launch) -> Job | None:
        """Take the job under a lease; None if somebody else was faster."""
        change = JobChange(
            state=JobState.DISPATCHING,
            spec=launch.spec,
            launch=job.launch + 1,
            launch_id=launch.id,
            machine=None,
            lease_until=self._clock.now() + self._settings.deadlines.lease,
        )
        try:
            return self._jobs.update(job.key, JobIs(state=JobState.QUEUED, launch=job.launch), change)
        except Conflict:
            return None

    def _sealed(self, launch: Launch, held: Sequence[Job]) -> Launch:
        """The launch, for exactly the jobs that are ours: asking for others' machines would pay for idle ones.

        A crash before this write leaves the larger launch, whose surplus machine the sweep ends.
        """
        ids = tuple(job.id for job in held)
        if launch.jobs == ids:
            return launch
        return self._launches.update(launch.key, LaunchIs(machines=None), LaunchChange(jobs=ids))

    def _fulfil(self, launch: Launch, held: Sequence[Job], *, resumed: bool) -> dict[int, Handled]:
        """Ask the cloud and assign. `held` are those of the launch's jobs whose lease is ours."""
        request = LaunchRequest(
            token=launch.token,
            count=len(launch.jobs),
            spec=launch.spec,
            market=launch.market,
            disk=launch.spec.disk or self._settings.default_disk,
        )
        try:
            outcome = self._machines.launch(request)
        except TokenReused as error:
            return self._failed(held, str(error))
        except PaddockError as error:
            return {job.id: self._later(job, error) for job in held}
        pairs = self._paired(launch, outcome)
        handled: dict[int, Handled] = {}
        for job in held:
            machine = pairs.get(job.id)
            if machine is None:
                handled[job.id] = self._without_machine(job, outcome)
            else:
                handled[job.id] = self._give(job, machine, launch, resumed=resumed)
        return handled

    def _paired(self, launch: Launch, outcome: LaunchOutcome) -> dict[int, Machine]:
        """Which job gets which machine: by the order in which the cloud first named them, however it names them now."""
        machines = {machine.id: machine for machine in outcome.machines}
        if launch.machines is None:
            change = LaunchChange(machines=tuple(machines), errors=outcome.errors)
            try:
                launch = self._launches.update(launch.key, LaunchIs(machines=None), change)
            except Conflict as conflict:
                if not isinstance(conflict.current, Launch):
                    raise
                launch = conflict.current
        pairs = zip(launch.jobs, launch.machines or (), strict=False)
        return {job_id: machines[machine] for job_id, machine in pairs if machine in machines}

    def _give(self, job: Job, machine: Machine, launch: Launch, *, resumed: bool) -> Handled:
        try:
            if not machine.alive:
                self._adopt(machine, "it ended before it got its orders")
                self._life.launch_failed(job, f"its machine {machine.id} ended before it got its orders")
            elif self._assign(job, machine, launch, resumed=resumed) is None:
                why = "the job moved on while its machine was started"
                self._retire.surplus(self._adopt(machine, why), job, why)
        except (AccessDenied, NotFound, Rejected) as error:
            # GitHub's no is final for this machine: it must not idle while the job tries again.
            why = f"GitHub would not register it: {error}"
            self._retire.surplus(self._adopt(machine, why), job, why)
            self._life.launch_failed(job, f"GitHub refused the registration: {error}")
        except PaddockError as error:
            return self._later(job, error)
        return Done()

    def _without_machine(self, job: Job, outcome: LaunchOutcome) -> Handled:
        reason = "; ".join(outcome.errors) or "the cloud gave no machine and no reason"
        if not outcome.permanent:
            self._life.no_capacity(job, reason)
            return Done()
        change = JobChange(state=JobState.REJECTED, reason=reason, finished_at=self._clock.now())
        try:
            self._jobs.update(job.key, JobIs(state=JobState.DISPATCHING, launch=job.launch), change)
        except (Conflict, NotFound):
            return Done()
        self._record.job(job.id, "unsupported", reason)
        self._tell_author(job, reason)
        return Done()

    def _failed(self, jobs: Iterable[Job], reason: str) -> dict[int, Handled]:
        handled: dict[int, Handled] = {}
        for job in jobs:
            self._life.launch_failed(job, reason)
            handled[job.id] = Done()
        return handled

    def _later(self, job: Job, error: PaddockError) -> Handled:
        """Nobody knows what came of it: the lease ends when the next try is due, which resumes this very launch."""
        again = _again(error)
        try:
            self._jobs.update(
                job.key,
                JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until),
                JobChange(lease_until=self._clock.now() + again.delay),
            )
        except (Conflict, NotFound):
            return Done()
        self._record.job(job.id, "delayed", f"{type(error).__name__}: {error}", delay_s=again.delay // SECOND)
        return again


def _again(error: PaddockError) -> Again:
    delay = error.retry_after if isinstance(error, Throttled) else 5 * SECOND if error.retryable else 60 * SECOND
    return Again(delay, f"{type(error).__name__}: {error}")
