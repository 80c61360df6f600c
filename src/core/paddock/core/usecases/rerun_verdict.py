"""Are a run's lost jobs run again? A pure decision from the records and GitHub's word."""

from collections.abc import Sequence

import attrs

from paddock.core.job import Job
from paddock.core.ports.github import WorkflowRun
from paddock.core.rerun import Rerun, RerunPolicy, RerunState
from paddock.core.spec import RetryMode
from paddock.core.states import OperationalResult

COMPLETED = "completed"
_LOST = frozenset({"failure", "cancelled", "timed_out"})


@attrs.frozen
class Ask:
    """Ask GitHub to run the run's failed jobs again."""

    reason: str


@attrs.frozen
class Leave:
    """Do not; why."""

    reason: str


@attrs.frozen
class Later:
    """It cannot be decided yet; why."""

    reason: str


def lost(job: Job) -> bool:
    """True if it ended badly because its machine was taken, by the machine's evidence: GitHub's word cannot tell."""
    return job.conclusion in _LOST and job.result is OperationalResult.INTERRUPTED


def decide(  # noqa: PLR0911 - one return per reason reads best
    rerun: Rerun, jobs: Sequence[Job], now: WorkflowRun, newest: WorkflowRun | None, policy: RerunPolicy
) -> Ask | Leave | Later:
    """What is to become of the run's lost jobs.

    Args:
        rerun: the record.
        jobs: the suspects' records, as far as there are any.
        now: the run as GitHub knows it.
        newest: the newest run of the same workflow and branch, if GitHub knows one.
        policy: what is allowed.
    """
    if now.run_attempt > rerun.attempt:
        return Leave(f"attempt {now.run_attempt} is there already")
    if now.status != COMPLETED:
        return Later("the run still runs, and GitHub re-runs only complete ones")
    if any(job.live for job in jobs):
        return Later("a job of it is still open here")
    gone = [job for job in jobs if lost(job)]
    if not gone:
        return Leave("all of its jobs ended by themselves, in time or by somebody's word")
    if rerun.times - (rerun.state is RerunState.ASKED) >= policy.most:  # one that was asked for counts already
        return Leave(f"it was re-run {rerun.times} times, and {policy.most} is the limit")
    wanting = [job for job in gone if job.spec is None or job.spec.retry is RetryMode.WHEN_INTERRUPTED]
    if not wanting:
        return Leave("its labels say retry=false")
    if not policy.deployments and any(job.facts.deployment for job in gone):
        return Leave("a job of it deploys to an environment: those are re-run only if the configuration says so")
    if newest is not None and newest.run_id > now.run_id:
        return Leave(f"run {newest.run_id} of the same workflow and branch is newer")
    names = ", ".join(str(job.id) for job in gone)
    return Ask(f"the cloud took the machines of {names} while they ran")
