"""Re-running what the cloud interrupted: marked when it happens, asked of GitHub when the run is complete."""

from collections.abc import Iterator
from itertools import islice

from paddock.core.circuit import Interruption, InterruptionChange, InterruptionIs
from paddock.core.errors import AccessDenied, Conflict, NotFound, PaddockError, Rejected
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.messages import RunCompleted
from paddock.core.paging import pages
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, WorkflowRun
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.records import hour_of
from paddock.core.rerun import Rerun, RerunChange, RerunIs, RerunState
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.states import OperationalResult
from paddock.core.units import HOUR, MINUTE, Moment
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.rerun_verdict import COMPLETED, Ask, Asked, Later, Leave, cut_short, decide, lost, too_early

MOST_CONSIDERED = 20  # in one sweep: each costs GitHub one call or more
MOST_LOOKED_AT = 1000  # of the machines taken in an hour, in one sweep
HOURS_LOOKED_BACK = 6  # GitHub may be silent on a job for as long as it is away
_HEARD_BY = 2 * HOUR  # that a machine served somebody is heard of while it runs, or never
_MOST_OPEN = 1000
_PRIME = 7919  # runs come at whole minutes, often the same number of them apart
_ATTEMPTS = 4


class Reruns:
    """Every run that lost a job."""

    def __init__(
        self, *, settings: FleetSettings, table: Table, github: GitHub, decisions: Decisions, clock: Clock
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._runners = table.runners
        self._reruns = table.reruns
        self._interruptions = table.interruptions
        self._workflows = github.workflows
        self._clock = clock
        self._record = Recorder(decisions, clock, "reruns")

    def forces(self, job: Job) -> bool:
        """True if the job is of an attempt that we asked for: the next machine must not be taken away as well."""
        if job.facts.run_attempt == 1:
            return False
        rerun = self._reruns.get(str(job.facts.run_id))
        return rerun is not None and rerun.times > 0  # whichever attempt it lost jobs in last

    def suspect(self, job: Job) -> bool:
        """The machine on which the job runs, or ran, was warned or taken. Repeating it changes nothing.

        False if the run could not be marked, because its record did not keep still: say it again.
        """
        if not job.live and job.result is not None and not lost(job):
            return True  # it was served in time
        rerun = self._marked(job)
        if rerun is None or not rerun.open or job.live:
            return rerun is not None
        try:
            self._consider(rerun)
        except PaddockError as error:
            # It is marked, so the sweep looks again; a machine's books are not kept open for it.
            self._record.job(job.id, "undecided", f"whether it is re-run: {type(error).__name__}: {error}")
        return True

    def lost(self, runner: Runner, gone_at: Moment) -> bool:
        """The machine was taken at `gone_at`: the job it served was interrupted, unless that was over by then.

        Repeating it changes nothing. True if the job has ended, so that nothing is left to be done for it.
        """
        for _ in range(_ATTEMPTS):
            job = self._served(runner)
            if job is None:
                return False
            if job.result is None and cut_short(job, gone_at):
                when = JobIs(state=job.state, launch=job.launch, machine=job.machine, result=None)
                try:
                    job = self._jobs.update(job.key, when, JobChange(result=OperationalResult.INTERRUPTED))
                except Conflict:
                    continue
                self._record.job(job.id, "interrupted", f"its machine {job.machine} was taken back while it ran")
            marked = job.result is not OperationalResult.INTERRUPTED or self.suspect(job)
            return marked and not job.live
        return False

    def completed(self, message: RunCompleted) -> None:
        """A run is complete: if it lost jobs, this is the moment to re-run them.

        One that succeeded lost nothing, and most do: that costs no read. If it is marked, the sweep decides.

        Raises:
            PaddockError: GitHub or a store did not answer; the message must come back.
        """
        if message.conclusion == "success":
            return
        rerun = self._reruns.get(str(message.run_id))
        if rerun is not None and rerun.open:
            self._consider(rerun)

    def sweep(self) -> list[str]:
        """Look again at what may have been overlooked, and at runs that are not decided. The errors met.

        Each run of it begins elsewhere, so that those which cannot be decided do not keep the others from being looked
        at.
        """
        errors: list[str] = []
        try:
            self._overlooked(errors)
        except PaddockError as error:
            errors.append(f"machines taken lately: {type(error).__name__}: {error}")
        waiting = list(islice(pages(lambda cursor: self._reruns.page("open", "open", cursor=cursor)), _MOST_OPEN))
        turns = -(-len(waiting) // MOST_CONSIDERED)
        first = (self._clock.now() // MINUTE * _PRIME % turns) * MOST_CONSIDERED if turns else 0
        for rerun in (*waiting[first:], *waiting[:first])[:MOST_CONSIDERED]:
            try:
                self._consider(rerun)
            except PaddockError as error:
                errors.append(f"run {rerun.run_id}: {type(error).__name__}: {error}")
        return errors

    def _overlooked(self, errors: list[str]) -> None:
        """Whom a machine served may be learnt after it was taken, from GitHub's late word or by asking.

        What is settled is marked: a sweep that is cut off has done something, and the next one has less to do.
        """
        now = self._clock.now()
        for back in range(HOURS_LOOKED_BACK):
            for hit in self._unsettled(hour_of(now - back * HOUR)):
                try:
                    if self._settles(hit):
                        self._interruptions.update(hit.key, InterruptionIs(), InterruptionChange(settled=True))
                except PaddockError as error:  # it keeps none of the others from being looked at
                    errors.append(f"{hit.machine}: {type(error).__name__}: {error}")

    def _settles(self, hit: Interruption) -> bool:
        """See to the job of the machine that was taken; True if nothing is left to be done for it."""
        runner = self._runners.get(hit.machine)
        if runner is None or runner.gone_at is None or not _interrupted(runner):
            return False
        if runner.served_job is None:
            return self._clock.now() - runner.gone_at > _HEARD_BY
        job = self._served(runner)  # one that is open here may have ended in time: GitHub's word on it is to come
        return job is not None and not job.live and self.lost(runner, runner.gone_at)

    def _served(self, runner: Runner) -> Job | None:
        """The job that the machine served, as far as both records say so."""
        job = None if runner.served_job is None else self._jobs.get(str(runner.served_job))
        return job if job is not None and job.machine == runner.machine else None

    def _unsettled(self, hour: str) -> Iterator[Interruption]:
        taken = pages(lambda cursor: self._interruptions.page("hour", hour, cursor=cursor))
        return islice((hit for hit in islice(taken, 4 * MOST_LOOKED_AT) if not hit.settled), MOST_LOOKED_AT)

    def _marked(self, job: Job) -> Rerun | None:
        facts = job.facts
        fresh = Rerun(facts.run_id, facts.repository, facts.run_attempt, (job.id,))
        for _ in range(_ATTEMPTS):
            if self._reruns.add(fresh):
                self._record.job(job.id, "marked", f"its machine is taken back: run {facts.run_id} may lose it")
                return fresh
            known = self._reruns.get(fresh.key)
            if known is None:
                continue
            if job.id in known.suspects or facts.run_attempt < known.attempt:
                return known
            # One that was asked for stays so: whether GitHub has done it is still to be seen.
            state = known.state if known.state is RerunState.ASKED else RerunState.MARKED
            change = RerunChange(suspects=(*known.suspects, job.id), state=state)
            if facts.run_attempt > known.attempt:
                change = RerunChange(suspects=(job.id,), attempt=facts.run_attempt, state=RerunState.MARKED)
            when = RerunIs(state=known.state, attempt=known.attempt, suspects=known.suspects)
            try:
                marked = self._reruns.update(fresh.key, when, change)
            except Conflict:
                continue
            self._record.job(job.id, "marked", f"its machine is taken back: run {facts.run_id} may lose it")
            return marked
        return None

    def _consider(self, rerun: Rerun) -> None:
        jobs = [job for job in (self._jobs.get(str(number)) for number in rerun.suspects) if job is not None]
        if too_early(jobs, self._at_work(jobs)) is not None:
            return
        try:
            now = self._workflows.run(rerun.repository, rerun.run_id)
        except NotFound:
            self._leave(rerun, "GitHub no longer knows the run")
            return
        verdict = decide(rerun, jobs, now, None, self._settings)
        if isinstance(verdict, Ask):
            verdict = decide(rerun, jobs, now, self._newest(rerun, now), self._settings)
        match verdict:
            case Later():
                return
            case Leave(reason):
                self._leave(rerun, reason)
            case Asked(reason):
                self._done(rerun, reason)
            case Ask(reason):
                self._ask(rerun, now, reason)

    def _at_work(self, jobs: list[Job]) -> set[str]:
        """Of the machines of jobs that have ended and of which no machine has told: those that still may."""
        machines = {job.machine for job in jobs if not job.live and job.result is None and job.machine is not None}
        runners = [self._runners.get(machine) for machine in sorted(machines)]
        return {runner.machine for runner in runners if runner is not None and runner.live}

    def _newest(self, rerun: Rerun, now: WorkflowRun) -> WorkflowRun | None:
        if now.workflow_id is None:
            return None
        try:
            return self._workflows.newest_run(rerun.repository, now.workflow_id, now.head_branch)
        except NotFound:
            return None

    def _ask(self, rerun: Rerun, now: WorkflowRun, reason: str) -> None:
        if rerun.state is RerunState.MARKED:
            when = RerunIs(state=RerunState.MARKED, times=rerun.times, suspects=rerun.suspects)
            try:
                rerun = self._reruns.update(
                    rerun.key, when, RerunChange(state=RerunState.ASKED, times=rerun.times + 1, reason=reason)
                )
            except (Conflict, NotFound):
                return
        try:
            self._workflows.rerun_failed_jobs(rerun.repository, rerun.run_id)
        except NotFound:
            self._leave(rerun, "GitHub no longer knows the run")
        except (Rejected, AccessDenied) as error:
            again = self._workflows.run(rerun.repository, rerun.run_id)
            if again.run_attempt > now.run_attempt:
                self._done(rerun, reason)  # the answer to an earlier call was lost, or another process was faster
            elif again.status == COMPLETED:
                self._leave(rerun, f"GitHub would not re-run it: {error}")
        else:
            self._done(rerun, reason)

    def _done(self, rerun: Rerun, reason: str) -> None:
        if self._finish(rerun, RerunState.DONE, reason):
            for job_id in rerun.suspects:
                self._record.job(job_id, "rerun", f"{reason}: run {rerun.run_id} is re-run, on demand")

    def _leave(self, rerun: Rerun, reason: str) -> None:
        done = RerunState.DONE if rerun.state is RerunState.ASKED else RerunState.LEFT
        if self._finish(rerun, done, reason):
            for job_id in rerun.suspects:
                self._record.job(job_id, "no_rerun", reason)

    def _finish(self, rerun: Rerun, state: RerunState, reason: str) -> bool:
        when = RerunIs(state=rerun.state, suspects=rerun.suspects)
        try:
            self._reruns.update(rerun.key, when, RerunChange(state=state, reason=reason))
        except (Conflict, NotFound):
            return False
        return True


def _interrupted(runner: Runner) -> bool:
    """True if the cloud took it; or if its agent stopped its job for that, and we ended it first."""
    return runner.taken or runner.result is OperationalResult.INTERRUPTED
