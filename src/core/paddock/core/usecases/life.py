"""What happens to a job's record when the world disagrees with the plan: one place, used by every use-case.

Order everywhere: flip the record, then send the message. A crash in between leaves a queued job without a message, and
the sweep sends it again; the other order would lose work.
"""

from paddock.core.decision import Fact
from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job, JobChange, JobIs, as_written
from paddock.core.messages import JobMessage, JobObserved, JobRequested
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import Shortfall
from paddock.core.ports.queues import Queue
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.retry import GiveUp, RetryPolicy
from paddock.core.runner import Runner, RunnerChange, RunnerIs, machine_of
from paddock.core.states import JobState, RunnerState
from paddock.core.units import MINUTE, SECOND, Moment, Span
from paddock.core.usecases.record import Recorder

WAITING_OR_LAUNCHED = frozenset({JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED})
ON_ITS_WAY = 30 * SECOND  # a message sent less long ago than this needs no repetition
NOT_BUSY = frozenset({RunnerState.BOOTING, RunnerState.READY})
AT_WORK = NOT_BUSY | {RunnerState.BUSY}
_MOST_ASLEEP, _MOST_UNLED = 15 * MINUTE, 4 * MINUTE  # between two wakes of a job that is queued, or dispatching
HEARSAY = 2 * MINUTE  # for so long may GitHub not know a job before it is believed
_SOONEST, _LATEST = 2 * SECOND, 5 * MINUTE  # between two tries to get a machine where there is none
_SHORT = {Shortfall.CAPACITY: "no_capacity", Shortfall.BUSY: "put_off", Shortfall.REFUSED: "denied"}


class Life:
    """Changes to job and machine records that several use-cases make, each conditioned and each with its decision."""

    def __init__(
        self,
        *,
        table: Table,
        queue: Queue[JobMessage],
        decisions: Decisions,
        clock: Clock,
        retry: RetryPolicy,
    ) -> None:
        self._jobs = table.jobs
        self._runners = table.runners
        self._queue = queue
        self._clock = clock
        self._retry = retry
        self._record = Recorder(decisions, clock, "life")

    def launch_failed(self, job: Job, reason: str) -> Job | None:
        """The job's launch came to nothing: back to the queue within the launch budget, else abandoned.

        Returns the record as it then is; None if the job had moved on meanwhile, and nothing was changed.
        """
        if job.inherited:
            return self._forfeited(job, reason)
        # The lease is part of the condition: a dispatcher that was too slow must not fail what another one resumed.
        when = JobIs(state=job.state, launch=job.launch, machine=job.machine, lease_until=job.lease_until)
        verdict = self._retry.after_failure(job, reason)
        if isinstance(verdict, GiveUp):
            ended = self._change(
                job, when, JobChange(state=JobState.ABANDONED, reason=verdict.reason, finished_at=self._clock.now())
            )
            if ended is not None:
                self._record.job(
                    job.id, "abandoned", verdict.reason, launch=job.launch, quarantined=verdict.quarantined
                )
            return ended
        return self._requeue(job, when, JobChange(reason=reason, failure=reason), verdict.delay, "relaunch", reason)

    def short(self, job: Job, reason: str, code: str = "", shortfall: Shortfall = Shortfall.CAPACITY) -> Job | None:
        """The cloud gave no machine for the job: nothing was started, so nothing is held against it. It tries again.

        The longer it has waited, the less often. `code` is the cloud's word for it. Unless the cloud was merely busy,
        the launch stays named on the record: its market was the wrong one, or perhaps alone is not allowed.
        """
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until)
        change = JobChange(displaced=job.displaced + 1, reason=reason)
        if shortfall is not Shortfall.BUSY:
            change["launch_id"] = job.launch_id
        return self._requeue(job, when, change, self._ever_longer(job), _SHORT[shortfall], reason, code=code)

    def falls_back(self, job: Job, change: JobChange, reason: str, code: str) -> Job | None:
        """Spot has no capacity for the job: its next launch, which goes on demand, takes it over at once.

        Nothing was started, so nothing is held against it. `change` names the next launch. Returns the record as it
        then is; None if the job had moved on meanwhile.
        """
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until)
        change = JobChange(**change, displaced=job.displaced + 1)
        moved: Job | None = None
        try:
            moved = self._jobs.update(job.key, when, change)
        except NotFound:
            pass
        except Conflict as conflict:
            moved = as_written(conflict.current, change)
        if moved is not None:
            self._record.job(job.id, _SHORT[Shortfall.CAPACITY], reason, launch=job.launch, delay_s=0, code=code)
        return moved

    def no_orders(self, job: Job, reason: str) -> Job | None:
        """The job's machine ended while we could give it no orders: that is held against neither. It tries again.

        GitHub's interface may be away for hours, so it tries less often the longer it has waited.
        """
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until)
        change = JobChange(displaced=job.displaced + 1, reason=reason)
        return self._requeue(job, when, change, self._ever_longer(job), "relaunch", reason)

    def never_asked(self, job: Job) -> Job | None:
        """The job's dispatcher died before it asked the cloud for anything, so nothing is held against the job."""
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until)
        reason = "its dispatcher died before asking for a machine"
        return self._requeue(job, when, JobChange(displaced=job.displaced + 1), 0, "relaunch", reason)

    def unclaimed(self, job: Job, reason: str) -> Job | None:
        """The machine that the job claimed of a pool cannot be had: nobody's failure. It tries again at once."""
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until)
        return self._requeue(job, when, JobChange(displaced=job.displaced + 1), 0, "unclaimed", reason)

    def released(self, job: Job, reason: str) -> Job | None:
        """The job was given up, and a person has it tried again: what failed before does not count any more."""
        when = JobIs(state=JobState.ABANDONED, launch=job.launch, machine=job.machine, conclusion=None)
        change = JobChange(displaced=job.launch, reason=reason, failure="", finished_at=None, result=None)
        return self._requeue(job, when, change, 0, "released", reason)

    def forgotten(self, job: Job) -> bool:
        """GitHub says that it does not know the job. It is given up when it says so again some time later; True then.

        One such answer is no evidence: its copies may not have heard yet of what its webhook has told us.
        """
        now = self._clock.now()
        when = JobIs(state=job.state, launch=job.launch, machine=job.machine)
        if job.missing_at is None:
            if self._change(job, when, JobChange(missing_at=now)) is not None:
                self._record.job(job.id, "missing", "GitHub does not know the job: it is asked again")
            return False
        if now - job.missing_at < HEARSAY:
            return False
        reason = "GitHub no longer knows the job"
        change = JobChange(state=JobState.ABANDONED, reason=reason, finished_at=now)
        if self._change(job, when, change) is not None:
            self._record.job(job.id, "abandoned", reason)
        return True

    def began(self, job: Job, at: Moment) -> None:
        """A job that was given up runs on some runner all the same: nobody needs to release it."""
        if job.state is JobState.ABANDONED and job.started_at is None:
            self._change(job, JobIs(state=JobState.ABANDONED), JobChange(started_at=at))

    def found(self, job: Job) -> Job:
        """GitHub knows the job (again); its record as it then is."""
        if job.missing_at is None:
            return job
        return self._change(job, JobIs(missing_at=job.missing_at), JobChange(missing_at=None)) or job

    def displaced(self, job: Job, by: int | None) -> Job | None:
        """The job's machine serves another job, and no other machine is free for it: it gets a new one.

        This is nobody's failure and does not count against the launch budget.
        """
        whom = "another job" if by is None else f"job {by}"
        reason = f"its machine {job.machine} serves {whom}, which GitHub gave it (runners are label capacity)"
        when = JobIs(state=JobState.LAUNCHED, launch=job.launch, machine=job.machine)
        return self._requeue(job, when, JobChange(displaced=job.displaced + 1), 0, "displaced", reason)

    def _forfeited(self, job: Job, reason: str) -> Job | None:
        """The machine that the job inherited will not serve it. Its own launch gave one that did serve: no failure."""
        when = JobIs(state=JobState.LAUNCHED, launch=job.launch, machine=job.machine)
        change = JobChange(displaced=job.displaced + 1)
        return self._requeue(job, when, change, 0, "displaced", f"the machine that it inherited is lost: {reason}")

    def taken(self, job: Job, reason: str) -> Job | None:
        """The cloud takes the job's machine before the job started: it gets another one at once, on demand.

        This is nobody's failure and does not count against the launch budget.
        """
        unbegun = {JobState.DISPATCHING, JobState.LAUNCHED}
        when = JobIs(state=unbegun, launch=job.launch, machine=job.machine, lease_until=job.lease_until)
        change = JobChange(displaced=job.displaced + 1, on_demand=True)
        return self._requeue(job, when, change, 0, "interrupted", f"{reason}, before it started: on demand from now on")

    def started(self, seen: JobObserved, job: Job) -> Job | None:
        """GitHub says which runner took the job: pair them, and settle who was meant for whom.

        The job's own record is flipped last: whoever repeats this after a crash repeats all of it. Returns the record
        as it then is; None if it changed meanwhile.
        """
        runner = self.pair(seen, job)
        change = JobChange(
            state=JobState.RUNNING,
            machine=None if runner is None else runner.machine,
            runner_name=seen.runner_name,
            started_at=seen.began,
            lease_until=0,
            reason="",
        )
        if runner is not None and runner.result is not None:
            change["result"] = runner.result  # its report overtook GitHub's word on whom it served
        when = JobIs(state=WAITING_OR_LAUNCHED, launch=job.launch, machine=job.machine)
        running = self._change(job, when, change)
        if running is not None:
            whose = "" if runner is not None else ", which is no machine of ours we know"
            machine = None if runner is None else runner.machine
            why = f"GitHub gave it to runner {seen.runner_name}{whose}"
            self._record.job(job.id, "running", why, machine=machine, waited=running.wait)
        return running

    def pair(self, seen: JobObserved, job: Job) -> Runner | None:
        """Note on the machine's record that it serves the job, and see to the job it was launched for.

        Returns the machine's record; None if the runner is no machine that we know. Repeating it changes nothing.
        """
        machine = machine_of(seen.runner_name)
        runner = self._runners.get(machine) if machine is not None else None
        if runner is None:
            return None
        if runner.served_job != job.id or runner.state in NOT_BUSY:
            runner = self.busy(runner, job.id, seen.began)
        if runner.assigned_job is not None and runner.assigned_job != job.id:
            self._swap(taken=runner, by=job, instead=runner.assigned_job)
        return runner

    def busy(self, runner: Runner, served: int | None, at: Moment) -> Runner:
        """The machine runs a job (`served`, where GitHub has said which); its record as it then is."""
        while True:
            change = RunnerChange() if served is None else RunnerChange(served_job=served)
            if runner.state in NOT_BUSY and runner.gone_at is None:
                change.update(RunnerChange(state=RunnerState.BUSY, busy_at=at))
            try:
                return self._runners.update(runner.key, RunnerIs(state=runner.state, gone_at=runner.gone_at), change)
            except Conflict as conflict:
                # Lives are short and go one way: this ends after as many turns as there are states.
                if not isinstance(conflict.current, Runner):
                    raise
                runner = conflict.current

    def _swap(self, *, taken: Runner, by: Job, instead: int) -> None:
        """`by` runs on the machine `taken`, launched for the job `instead`: that job inherits `by`'s own machine.

        If it can: the machine must still be at work, serve nobody, and be registered with all of the job's labels.
        """
        other = self._jobs.get(str(instead))
        if other is None or other.state is not JobState.LAUNCHED or other.machine != taken.machine:
            return
        free = self._runners.get(by.machine) if by.machine is not None and by.machine != taken.machine else None
        if (
            free is None
            or free.state not in AT_WORK
            or free.gone_at is not None
            or free.served_job is not None
            or not free.covers(other.facts.labels)
        ):
            self.displaced(other, by.id)
            return
        self.inherit(
            other, free, f"job {by.id} runs on {taken.machine}, so this one inherits its machine {free.machine}"
        )

    def inherit(self, job: Job, free: Runner, reason: str) -> None:
        """The job, whose machine serves another, is from now on the one that this machine is meant for."""
        inherits = self._change(
            job,
            JobIs(state=JobState.LAUNCHED, launch=job.launch, machine=job.machine),
            JobChange(machine=free.machine, runner_name=free.runner_name, inherited=True),
        )
        if inherits is not None:
            change = RunnerChange(assigned_job=job.id, repository=job.facts.repository, workflow=job.facts.workflow)
            self._runners.update(free.key, RunnerIs(), change)
            self._record.job(job.id, "swapped", reason, machine=free.machine)

    def wake(self, job: Job, reason: str) -> None:
        """Send the message of a job that is queued, or whose dispatcher died, again.

        A mark keeps the next sweeps from sending it once more while this message is on its way. It lasts longer each
        time: if the dispatchers are away, there are a few messages of a job when they come back, and not hundreds.
        """
        now = self._clock.now()
        most = _MOST_ASLEEP if job.state is JobState.QUEUED else _MOST_UNLED
        mark = now + min(ON_ITS_WAY << job.wakes, most)
        change = JobChange(wakes=job.wakes + 1, lease_until=mark, not_before=0)
        if job.state is JobState.DISPATCHING:  # there the lease is its dispatcher's
            change = JobChange(wakes=job.wakes + 1, not_before=mark)
        unsent = JobIs(state=job.state, lease_until=job.lease_until, wakes=job.wakes)
        if self._change(job, unsent, change) is None:
            return
        if reason:
            self._record.job(job.id, "woken", reason)
        self._queue.send([JobRequested(job.facts, now)])

    def _ever_longer(self, job: Job) -> Span:
        """How long a job waits that fails for reasons not its own."""
        return min(max((self._clock.now() - job.received_at) // 4, _SOONEST), _LATEST)

    def _requeue(
        self, job: Job, when: JobIs, change: JobChange, delay: int, verdict: str, reason: str, **facts: Fact
    ) -> Job | None:
        now = self._clock.now()
        back = JobChange(
            state=JobState.QUEUED,
            machine=None,
            runner_name=None,
            launch_id=None,
            lease_until=now + delay + ON_ITS_WAY,
            not_before=now + delay,
            wakes=0,
            inherited=False,
        )
        back.update(change)
        queued = self._change(job, when, back)
        if queued is not None:
            self._record.job(job.id, verdict, reason, launch=job.launch, delay_s=delay // 1_000_000, **facts)
            self._queue.send([JobRequested(job.facts, now)], delay=delay)
        return queued

    def _change(self, job: Job, when: JobIs, change: JobChange) -> Job | None:
        try:
            return self._jobs.update(job.key, when, change)
        except (Conflict, NotFound):
            return None
