"""Jobs, and one job explained, as the JSON objects that ``paddock jobs --json`` and ``paddock explain --json`` print.

The conventions are `outcome`'s: keys never vanish, what is unknown is ``null``, spans are seconds, moments RFC 3339 in
UTC; moments of decisions have microseconds. ``version`` grows when a key goes or changes its meaning; new keys may
come at any time. docs/operating.md describes every key. Nothing is left out or merged, unlike in the story for people.
"""

from collections.abc import Sequence
from typing import Any

from paddock.adapters.report.figures import by_queueing, queued_at
from paddock.adapters.report.outcome import job_data, machine_data
from paddock.adapters.report.standing import answer, next_step
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.switch import Switch
from paddock.core.units import Moment, datetime_of, rfc3339
from paddock.core.usecases.explain import Explanation

VERSION = 1


def listing_data(jobs: Sequence[Job], paused: Switch | None) -> dict[str, Any]:
    """Jobs in the order of queueing, and whether the fleet is paused."""
    on = paused is not None and paused.on
    return {
        "version": VERSION,
        "paused": on,
        "paused_reason": paused.reason if on and paused is not None else None,
        "jobs": [_job(job) for job in by_queueing(jobs)],
    }


def explanation_data(told: Explanation, now: Moment) -> dict[str, Any]:
    """One job: the answer, what comes next, its record, its machines and every decision, oldest first."""
    return {
        "version": VERSION,
        "answer": answer(told.job, told.decisions, now),
        "next_step": next_step(told.job, told.decisions) or None,
        "job": _job(told.job),
        "machines": [_machine(runner) for runner in told.runners],
        "decisions": [_decision(decision) for decision in told.decisions],
    }


def _job(job: Job) -> dict[str, Any]:
    waits = job.live and job.not_before > queued_at(job)
    return {
        **job_data(job),
        "run_id": job.facts.run_id,
        "run_attempt": job.facts.run_attempt,
        "workflow": job.facts.workflow or None,
        "result": None if job.result is None else job.result.value,
        "queued_at": rfc3339(queued_at(job)),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
        "next_try_at": rfc3339(job.not_before) if waits else None,
    }


def _machine(runner: Runner) -> dict[str, Any]:
    """A machine without its cost, which the ledger knows and this story does not tell."""
    return {key: value for key, value in machine_data(runner, None).items() if key != "cost_usd"}


def _decision(decision: Decision) -> dict[str, Any]:
    kind, _, subject = decision.subject.partition(":")
    return {
        "at": datetime_of(decision.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "about": kind,
        "id": subject,
        "actor": decision.actor,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "facts": dict(decision.facts),
    }


def _moment(moment: Moment | None) -> str | None:
    return None if moment is None else rfc3339(moment)
