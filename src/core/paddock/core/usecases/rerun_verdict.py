"""Are a run's lost jobs run again? Pure decisions from the records and GitHub's word."""

from collections.abc import Collection, Sequence

import attrs

from paddock.core.job import Job
from paddock.core.label_values import InvalidLabel
from paddock.core.labels import parse_labels
from paddock.core.ports.github import WorkflowRun
from paddock.core.rerun import Rerun, RerunState
from paddock.core.settings import FleetSettings
from paddock.core.spec import RetryMode
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import MINUTE, Moment, Span

COMPLETED = "completed"
_LOST = frozenset({"failure", "cancelled", "timed_out"})
_STOPPED_AHEAD: Span = MINUTE  # an agent stops its job 45 seconds before its machine is taken


@attrs.frozen
class Ask:
    """Ask GitHub to run the run's failed jobs again."""

    reason: str


@attrs.frozen
class Asked:
    """GitHub was asked, and has done it."""

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


def cut_short(job: Job, gone_at: Moment) -> bool:
    """True if the job was on its machine when that was taken at `gone_at`, and not over before anybody stopped it."""
    if job.conclusion == "success":
        return False  # whatever became of its machine afterwards
    if job.state is JobState.RUNNING:
        return True
    ended = job.state is JobState.FINISHED and job.finished_at is not None
    return ended and (job.finished_at or 0) > gone_at - _STOPPED_AHEAD


def retry_of(job: Job, settings: FleetSettings) -> RetryMode:
    """What the job's labels say; a job that was never launched for has them unread."""
    if job.spec is not None:
        return job.spec.retry
    try:
        return parse_labels(job.facts.labels, settings.specs, settings.aliases, settings.pools).retry
    except InvalidLabel:
        return RetryMode.WHEN_INTERRUPTED


def too_early(jobs: Sequence[Job], at_work: Collection[str]) -> Later | None:
    """Why nothing can be decided yet, whatever GitHub says; None if it can.

    Args:
        jobs: the suspects' records, as far as there are any.
        at_work: the machines of theirs whose records are open.
    """
    if any(job.live for job in jobs):
        return Later("a job of it is still open here")
    if any(job.conclusion in _LOST and job.result is None and job.machine in at_work for job in jobs):
        return Later("a machine of it has not said yet how it ended")
    return None


def decide(  # noqa: PLR0911 - one return per reason reads best
    rerun: Rerun, jobs: Sequence[Job], now: WorkflowRun, newest: WorkflowRun | None, settings: FleetSettings
) -> Ask | Asked | Leave | Later:
    """What is to become of the run's lost jobs, once it is not too early.

    Args:
        rerun: the record.
        jobs: the suspects' records, as far as there are any.
        now: the run as GitHub knows it.
        newest: the newest run of the same workflow and branch, if GitHub knows one.
        settings: what is allowed, and what labels may refer to.
    """
    policy = settings.rerun
    if now.run_attempt > rerun.attempt:
        there = f"attempt {now.run_attempt} is there"
        return Asked(there) if rerun.state is RerunState.ASKED else Leave(f"{there} already")
    if now.status != COMPLETED:
        return Later("the run still runs, and GitHub re-runs only complete ones")
    gone = [job for job in jobs if lost(job)]
    if not gone:
        return Leave("all of its jobs ended by themselves, in time or by somebody's word")
    if rerun.times - (rerun.state is RerunState.ASKED) >= policy.most:  # one that was asked for counts already
        return Leave(f"it was re-run {rerun.times} times, and {policy.most} is the limit")
    if not any(retry_of(job, settings) is RetryMode.WHEN_INTERRUPTED for job in gone):
        return Leave("its labels say retry=false")
    if not policy.deployments and any(job.facts.deployment for job in gone):
        return Leave("a job of it deploys to an environment: those are re-run only if the configuration says so")
    if newest is not None and newest.run_id > now.run_id:
        return Leave(f"run {newest.run_id} of the same workflow and branch is newer")
    names = ", ".join(str(job.id) for job in gone)
    return Ask(f"the cloud took the machines of {names} while they ran")
