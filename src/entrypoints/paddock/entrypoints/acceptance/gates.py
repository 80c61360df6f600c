"""The gates: each is one thing that must be true of what was seen, judged by a pure function.

A gate that could not be looked at is *not verified*, which is not the same as passed.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

import attrs

from paddock.adapters.report.figures import percentile
from paddock.core.costs.ledger import Bill
from paddock.core.runner import Runner, machine_of
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND, Span, money_text, span_text
from paddock.entrypoints.acceptance.measures import (
    AGAIN,
    REMOVED,
    bills_text,
    hopeless,
    jobs_of,
    launches,
    left_out,
    lingered,
    named,
    no_machine,
    no_queue,
    not_interrupted,
    not_removed,
    nothing_ran,
    served,
    spans_text,
    taken_back,
    unplayed,
    waits,
    what_of,
)
from paddock.entrypoints.acceptance.values import Observed


class Verdict(StrEnum):
    """What became of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_VERIFIED = "not verified"


@attrs.frozen(kw_only=True)
class Thresholds:
    """What is asked of an environment.

    ``launch``: from a machine's launch to its job's start, 95 of 100 of them. ``wait_p50`` and ``wait_p95``: from
    GitHub's queueing to the start. ``gone``: from a job's end to its machine's. ``seen``: from the order to interrupt
    to our own record of it.
    """

    launch: Span = 60 * SECOND
    wait_p50: Span = 90 * SECOND
    wait_p95: Span = 180 * SECOND
    gone: Span = 5 * MINUTE
    seen: Span = 5 * MINUTE


@attrs.frozen(kw_only=True)
class Judged:
    """A gate with its verdict. ``measured`` is what was found, in words; ``findings`` are what is wrong or missing."""

    gate: str
    verdict: Verdict
    measured: str
    findings: tuple[str, ...] = ()


TOLD: Final = frozenset({"queued", "launched", "running", "finished"})
"""What `explain` must tell of each job that a machine served; and of its machine's end, besides."""
MACHINE_TOLD: Final = "gone"


def judge(seen: Observed, thresholds: Thresholds) -> tuple[Judged, ...]:
    """Every gate but those that `left_out` names."""
    missing = left_out(seen)
    return tuple(
        _judged(name, tuple(gate(seen, thresholds)), measured(seen), unlooked(seen))
        for name, gate, measured, unlooked in _GATES
        if name not in missing
    )


def _judged(name: str, wrong: tuple[str, ...], measured: str, missing: tuple[str, ...]) -> Judged:
    verdict = Verdict.FAILED if wrong else Verdict.NOT_VERIFIED if missing else Verdict.PASSED
    return Judged(gate=name, verdict=verdict, measured=measured, findings=(*wrong, *missing))


# -- the gates --------------------------------------------------------------------------------------------------------


def conclusions(seen: Observed, _: Thresholds) -> Iterator[str]:
    """Every job ended as its scenario says, and GitHub and our records agree on it."""
    yield from seen.problems
    for played in seen.played:
        if hopeless(played) and not played.problem:
            continue
        if played.problem:
            yield f"{played.scenario.name}: {played.problem}"
        for expected in played.scenario.jobs:
            job = named(played, expected)
            words = f"{played.scenario.name}: {expected.name}, attempt {expected.attempt},"
            if job is None:
                yield f"{words} is not there"
            elif job.conclusion not in expected.conclusions:
                yield f"{words} should be {' or '.join(expected.conclusions)}, and is {job.conclusion or job.status}"
    for job in jobs_of(seen):
        record = seen.books.jobs.get(job.facts.job_id)
        if record is None:
            yield f"{what_of(job)} is unknown to the fleet"
        elif (record.live, record.conclusion) != (False, job.conclusion):
            yield f"{what_of(job)}: GitHub says {job.conclusion}, our record {record.state} {record.conclusion}"


def one_machine(seen: Observed, _: Thresholds) -> Iterator[str]:
    """Each job that ran had one machine, each machine one job, and each has a record."""
    machines_of: dict[int, list[str]] = {}
    for machine, runner in sorted(seen.books.runners.items()):
        if runner.served_job is not None:
            machines_of.setdefault(runner.served_job, []).append(machine)
        else:
            purpose = "nobody" if runner.assigned_job is None else f"job {runner.assigned_job}"
            yield f"{machine} served nobody; it was launched for {purpose}"
    for job in served(seen):
        machines = machines_of.get(job.facts.job_id, [])
        if len(machines) != 1:
            yield f"{what_of(job)} had {len(machines)} machines: {', '.join(machines) or 'none is on record'}"
    names = [machine_of(job.runner_name) or str(job.runner_name) for job in served(seen)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} served {names.count(name)} jobs"
    for instance in seen.books.instances:
        if instance.id not in seen.books.runners:
            yield f"{instance.id} has no record that a job of these leads to"


def gone(seen: Observed, thresholds: Thresholds) -> Iterator[str]:
    """Each machine ended soon after its job."""
    for job in served(seen):
        machine = machine_of(job.runner_name) or ""
        runner = seen.books.runners.get(machine)
        if runner is None or job.completed_at is None:
            yield f"{what_of(job)}: when its machine ended is unknown"
        elif runner.gone_at is None:
            yield f"{machine} has not ended, as far as its record says"
        elif runner.gone_at - job.completed_at > thresholds.gone:
            late = span_text(runner.gone_at - job.completed_at)
            yield f"{machine} ended {late} after its job, at most {span_text(thresholds.gone)} are allowed"


def starts(seen: Observed, thresholds: Thresholds) -> Iterator[str]:
    """Jobs start soon."""
    limits = (
        ("from queueing to start, p50", waits(seen), 50, thresholds.wait_p50),
        ("from queueing to start, p95", waits(seen), 95, thresholds.wait_p95),
        ("from launch to start, p95", launches(seen), 95, thresholds.launch),
    )
    for what, spans, per_cent, most in limits:
        found = percentile(spans, per_cent)
        if found is not None and found > most:
            yield f"{what}: {span_text(found)}, at most {span_text(most)} are allowed"


def interruption(seen: Observed, thresholds: Thresholds) -> Iterator[str]:
    """The machine that was taken back was noticed, and the job was run again on demand, and served."""
    for played in seen.played:
        order = played.interruption
        if order is None or not order.done:
            continue
        runner = seen.books.runners.get(order.machine)
        if runner is None or runner.interrupted_at is None:
            yield f"{order.machine}: its record does not say that it was taken back"
        elif runner.interrupted_at - (order.asked_at or 0) > thresholds.seen:
            yield f"{order.machine}: noticed only after {span_text(runner.interrupted_at - (order.asked_at or 0))}"
        again = next((job for job in played.jobs if job.facts.run_attempt > 1), None)
        if again is None or again.conclusion != "success":
            yield f"{played.scenario.name}: the job was not run again to success"
            continue
        second = seen.books.runners.get(machine_of(again.runner_name) or "")
        if second is None or second.market is not Market.ON_DEMAND:
            bought = "unknown" if second is None else second.market.value
            yield f"{what_of(again)}: it was to be run again on demand, and its machine is {bought}"


def ledger(seen: Observed, _: Thresholds) -> Iterator[str]:
    """Each machine has one closed bill, without a gap, whose parts add up and are all priced."""
    for machine in sorted({*seen.books.runners, *(one.id for one in seen.books.instances)}):
        bill = seen.books.bills.get(machine)
        runner = seen.books.runners.get(machine)
        if bill is None:
            yield f"{machine} has no bill"
            continue
        entries = bill.entries
        if runner is not None and (bill.start != runner.launched_at or entries[-1].end < (runner.gone_at or 0)):
            yield f"{machine}: its bill does not cover its life"
        if any(one.start >= one.end for one in entries):
            yield f"{machine}: its bill has an interval without length"
        if bill.total is None:
            yield f"{machine}: the price of {bill.instance_type} is unknown"
        elif runner is not None and runner.price is not None:
            yield from _does_not_add_up(runner, bill)


def _does_not_add_up(runner: Runner, bill: Bill) -> Iterator[str]:
    """Its compute is its rate times its time; each interval may have lost less than a micro-dollar to rounding.

    What AWS took back in the first hour costs nothing.
    """
    rate, span = runner.price or 0, bill.entries[-1].end - bill.start
    most = -(-rate * span // HOUR) + len(bill.entries)
    found = sum(one.compute or 0 for one in bill.entries)
    least = 0 if runner.taken else rate * span // HOUR - len(bill.entries)
    if not least <= found <= most:
        right = money_text(rate * span // HOUR)
        yield f"{runner.machine}: its bill has {money_text(found)} of compute, its rate and its time make {right}"


def orphans(seen: Observed, _: Thresholds) -> Iterator[str]:
    """No machine lives when all jobs have ended."""
    for instance in seen.books.instances:
        if instance.live:
            yield f"{instance.id} is {instance.state}"
    for machine, runner in sorted(seen.books.runners.items()):
        if runner.live:
            yield f"{machine}: its record still says {runner.state}"


def registrations(seen: Observed, _: Thresholds) -> Iterator[str]:
    """GitHub has no runner left of the fleet's machines."""
    mine = {*seen.books.runners, *(one.id for one in seen.books.instances)}
    for name in seen.books.registrations:
        if machine_of(name) in mine:
            yield f"GitHub still has the runner {name}"


def dead_letters(seen: Observed, _: Thresholds) -> Iterator[str]:
    """No message was given up."""
    for queue, count in sorted(seen.books.dead.items()):
        if count:
            yield f"{queue} has {count} {'message' if count == 1 else 'messages'}"


def explained(seen: Observed, _: Thresholds) -> Iterator[str]:
    """`explain` tells each job's story from its queueing to its machine's end."""
    for job in jobs_of(seen):
        told = set(seen.books.verdicts.get(job.facts.job_id, ()))
        record = seen.books.jobs.get(job.facts.job_id)
        wanted: set[str] = set()
        if job in served(seen):
            wanted = {*TOLD, MACHINE_TOLD}
        elif record is not None and record.state is not JobState.REJECTED:
            wanted = {"queued"}
        for verdict in sorted(wanted - told):
            yield f"{what_of(job)}: nothing is told of {verdict!r}"


def nothing_left(seen: Observed, _: Thresholds) -> Iterator[str]:
    """After the removal nothing of the environment is there."""
    for thing in seen.left or ():
        yield f"{thing} is still there"


_Gate = Callable[[Observed, Thresholds], Iterator[str]]
_Words = Callable[[Observed], str]
_Missing = Callable[[Observed], tuple[str, ...]]
_GATES: Final[tuple[tuple[str, _Gate, _Words, _Missing], ...]] = (
    ("every job ended as it should", conclusions, lambda seen: f"{len(jobs_of(seen))} jobs", unplayed),
    ("one machine per job", one_machine, lambda seen: f"{len(seen.books.instances)} machines", nothing_ran),
    ("machines end with their jobs", gone, lambda seen: spans_text(lingered(seen)), nothing_ran),
    ("jobs start soon", starts, lambda seen: f"queued to started: {spans_text(waits(seen))}", nothing_ran),
    (AGAIN, interruption, taken_back, not_interrupted),
    ("every machine's bill is closed", ledger, bills_text, no_machine),
    ("no machine is orphaned", orphans, lambda seen: f"{len(seen.books.instances)} looked at", no_machine),
    ("no registration is stale", registrations, lambda seen: f"{len(seen.books.registrations)} at GitHub", nothing_ran),
    ("no message was given up", dead_letters, lambda seen: f"{len(seen.books.dead)} queues asked", no_queue),
    ("explain tells each story", explained, lambda seen: f"{len(seen.books.verdicts)} stories", nothing_ran),
    (REMOVED, nothing_left, lambda seen: f"{len(seen.left or ())} things", not_removed),
)
