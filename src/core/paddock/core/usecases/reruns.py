"""Re-running what the cloud interrupted: marked when it happens, asked of GitHub when the run is complete."""

from collections.abc import Iterable
from itertools import islice

from paddock.core.errors import Conflict, NotFound, PaddockError, Rejected
from paddock.core.job import Job
from paddock.core.messages import RunCompleted
from paddock.core.paging import pages
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, WorkflowRun
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.rerun import Rerun, RerunChange, RerunIs, RerunPolicy, RerunState
from paddock.core.spec import RetryMode
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.rerun_verdict import Ask, Later, Leave, decide

MOST_CONSIDERED = 20  # in one sweep: each costs GitHub one call or more
_ATTEMPTS = 4


class Reruns:
    """Every run that lost a job."""

    def __init__(
        self, *, policy: RerunPolicy, table: Table, github: GitHub, decisions: Decisions, clock: Clock
    ) -> None:
        self._policy = policy
        self._jobs = table.jobs
        self._reruns = table.reruns
        self._workflows = github.workflows
        self._record = Recorder(decisions, clock, "reruns")

    def forces(self, job: Job) -> bool:
        """True if the job is of an attempt that we asked for: the next machine must not be taken away as well."""
        if job.facts.run_attempt == 1:
            return False
        rerun = self._reruns.get(str(job.facts.run_id))
        return rerun is not None and rerun.times > 0 and job.facts.run_attempt > rerun.attempt

    def suspect(self, job: Job) -> None:
        """The machine on which the job ran was warned or taken. Repeating it changes nothing."""
        if job.spec is not None and job.spec.retry is RetryMode.NEVER:
            self._record.job(job.id, "no_rerun", "its machine is taken back, and its labels say retry=false")
            return
        rerun = self._marked(job)
        if rerun is not None and rerun.open and not job.live:
            self._consider(rerun)

    def completed(self, message: RunCompleted) -> None:
        """A run is complete: if it lost jobs, this is the moment to re-run them.

        Raises:
            PaddockError: GitHub or a store did not answer; the message must come back.
        """
        rerun = self._reruns.get(str(message.run_id))
        if rerun is not None and rerun.open:
            self._consider(rerun)

    def sweep(self) -> list[str]:
        """Look again at every run that is not decided: its webhook may be lost. The errors met."""
        errors: list[str] = []
        waiting: Iterable[Rerun] = pages(lambda cursor: self._reruns.page("open", "open", cursor=cursor))
        for rerun in list(islice(waiting, MOST_CONSIDERED)):
            try:
                self._consider(rerun)
            except PaddockError as error:
                errors.append(f"run {rerun.run_id}: {type(error).__name__}: {error}")
        return errors

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
            change = RerunChange(suspects=(*known.suspects, job.id), state=RerunState.MARKED)
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
        try:
            now = self._workflows.run(rerun.repository, rerun.run_id)
        except NotFound:
            self._leave(rerun, "GitHub no longer knows the run")
            return
        jobs = [job for job in (self._jobs.get(str(number)) for number in rerun.suspects) if job is not None]
        verdict = decide(rerun, jobs, now, None, self._policy)
        if isinstance(verdict, Ask) and now.workflow_id is not None:
            newest = self._workflows.newest_run(rerun.repository, now.workflow_id, now.head_branch)
            verdict = decide(rerun, jobs, now, newest, self._policy)
        match verdict:
            case Later():
                return
            case Leave(reason):
                self._leave(rerun, reason)
            case Ask(reason):
                self._ask(rerun, now, reason)

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
        except Rejected as error:
            again = self._workflows.run(rerun.repository, rerun.run_id)
            if again.run_attempt == now.run_attempt:
                self._leave(rerun, f"GitHub would not re-run it: {error}")
                return
        self._finish(rerun, RerunState.DONE, reason)
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
