"""What a fleet did, as the JSON object that ``paddock demo --json`` prints.

Conventions: keys never vanish; what is unknown is ``null`` and never zero; spans are seconds, moments RFC 3339 in UTC
(whole seconds); money is US dollars as a JSON number with at most six decimals, which a micro-dollar fits exactly.
"""

from collections.abc import Sequence
from typing import Any

from paddock.adapters.report.figures import by_launch, by_queueing, figures, machine_costs
from paddock.core.costs.ledger import CostLedger
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.units import DOLLAR, SECOND, MicroDollars, Span, rfc3339


def outcome(jobs: Sequence[Job], runners: Sequence[Runner], ledger: CostLedger) -> dict[str, Any]:
    """The outcome as plain data, ready for `json.dumps`.

    ``jobs`` are in the order of queueing and ``machines`` in the order of launch. ``cost_usd`` is the sum of the bills
    that are known; ``summary.machines_unpriced`` says how many machines are missing from it.
    """
    costs = machine_costs(runners, ledger)
    numbers = figures(jobs, runners, ledger)
    return {
        "jobs": [job_data(job) for job in by_queueing(jobs)],
        "machines": [machine_data(runner, costs[runner.machine]) for runner in by_launch(runners)],
        "cost_usd": _dollars(numbers.total),
        "summary": {
            "jobs": numbers.jobs,
            "jobs_by_state": {state.value: count for state, count in numbers.by_state.items()},
            "wait_median_s": _seconds(numbers.wait_median),
            "wait_p95_s": _seconds(numbers.wait_p95),
            "machines": numbers.machines,
            "machines_unpriced": numbers.unpriced,
            "cost_estimated_usd": None if numbers.total is None else _dollars(numbers.estimated),
        },
    }


def job_data(job: Job) -> dict[str, Any]:
    """One job."""
    return {
        "id": job.id,
        "name": job.facts.name,
        "repository": job.facts.repository,
        "labels": list(job.facts.labels),
        "state": job.state.value,
        "conclusion": job.conclusion,
        "reason": job.reason,
        "wait_s": _seconds(job.wait),
        "duration_s": _seconds(job.duration),
        "machine": job.machine,
        "launches": job.launch,
    }


def machine_data(runner: Runner, cost: MicroDollars | None) -> dict[str, Any]:
    """One machine, and what it cost (None: unknown)."""
    ended = runner.gone_at
    return {
        "id": runner.machine,
        "instance_type": runner.instance_type or None,
        "vcpu": runner.vcpu or None,
        "arch": runner.arch.value,
        "market": runner.market.value,
        "launched": rfc3339(runner.launched_at),
        "ended": None if ended is None else rfc3339(ended),
        "lifetime_s": None if ended is None else _seconds(max(0, ended - runner.launched_at)),
        "job": runner.served_job,
        "result": None if runner.result is None else runner.result.value,
        "cost_usd": _dollars(cost),
    }


def _seconds(span: Span | None) -> float | None:
    return None if span is None else span / SECOND


def _dollars(amount: MicroDollars | None) -> float | None:
    return None if amount is None else amount / DOLLAR
