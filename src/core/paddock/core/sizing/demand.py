"""What was asked of a pool: the jobs on record that machines of it served, or of its overflow.

Demand is counted from evidence alone. A job counts where a machine ran it, from the moment at which it was queued, for
as long as it had the machine, and not beyond the end of the time that was looked at. A record without an end does not
count until now, for then demand looks twice its size.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import attrs

from paddock.core.costs.ledger import Bill, Phase
from paddock.core.runner import Runner
from paddock.core.units import HOUR, MINUTE, Moment, Span

UNKNOWN_END: Final[Span] = 2 * HOUR
"""For so long at most a machine counts as occupied if nobody knows when its job ended."""

_NONE: Final[Mapping[int, Moment]] = {}

_Served: TypeAlias = tuple[int | None, Moment, Moment]
"""A job's id, if it is known, and from when until when it had the machine."""


@attrs.frozen
class Taken:
    """A job: when it was queued, and the span in which it occupied a machine; the end of that is excluded."""

    queued_at: Moment
    machine_from: Moment
    machine_until: Moment


@attrs.frozen
class Demand:
    """The jobs that were queued from ``since`` on and before ``until``, oldest first. `demand_between` makes one."""

    jobs: tuple[Taken, ...]
    since: Moment
    until: Moment

    def arrivals(self, ahead: Span) -> list[tuple[Moment, Moment]]:
        """For each job the span in which the spare that it took is not replaced yet, if that takes `ahead`."""
        return [(job.queued_at, job.queued_at + ahead) for job in self.jobs]

    def claims(self, ahead: Span) -> list[tuple[Moment, Moment]]:
        """For each job the span in which it is in flight: as long as it had a machine, and `ahead` at the least.

        From its queueing on: with a spare there it would have begun then, however long it waited in truth.
        """
        return [
            (job.queued_at, job.queued_at + max(ahead, min(job.machine_until, self.until) - job.machine_from))
            for job in self.jobs
        ]

    def peaks(self, spans: Iterable[tuple[Moment, Moment]]) -> list[tuple[int, int]]:
        """For each minute from ``since`` on, the last one cut short, how many of the spans hold one moment of it.

        The most at any moment, and the most in a moment in which one of them begins, 0 if none does. Spans begin at
        ``since`` or later, and their ends are excluded.
        """
        edges = sorted(edge for begins, ends in spans for edge in ((begins, 1), (ends, -1)) if begins < ends)
        found: list[tuple[int, int]] = []
        at = level = 0
        for minute in range(self.since, self.until, MINUTE):
            while at < len(edges) and edges[at] <= (minute, 0):  # what ends in this moment is over
                level, at = level + edges[at][1], at + 1
            before, begun, end = level, 0, min(minute + MINUTE, self.until)
            while at < len(edges) and edges[at][0] < end:
                if edges[at][1] > 0:
                    begun = max(begun, level + 1)
                level, at = level + edges[at][1], at + 1
            found.append((max(before, begun), begun))
        return found


def demand_between(jobs: Iterable[Taken], since: Moment, until: Moment) -> Demand:
    """The demand of this time: what was queued in it, and nothing counted after its end."""
    here = (
        Taken(job.queued_at, job.machine_from, max(job.machine_from, min(job.machine_until, until)))
        for job in jobs
        if since <= job.queued_at < until
    )
    order = sorted(here, key=lambda job: (job.queued_at, job.machine_from, job.machine_until))
    return Demand(tuple(order), since, until)


def occupied_until(machine_from: Moment, ended: Moment | None) -> Moment:
    """Until when a machine counts as occupied; `ended` is None if nobody knows."""
    return machine_from + UNKNOWN_END if ended is None else max(machine_from, ended)


def demand_of(
    pool: str,
    bills: Iterable[Bill],
    since: Moment,
    until: Moment,
    runners: Iterable[Runner] = (),
    queued: Mapping[int, Moment] = _NONE,
) -> Demand:
    """The demand of the pool of this name.

    `bills` are of machines that are gone, of any pools: each phase ``job`` of one of this pool is a job, whoever's it
    was. `runners` are machines that may not have a bill yet; of those that have one the bill counts. `queued` is by
    the job's id when GitHub created it (`JobFacts.created_at`), as far as that is known; a job of which it is not (0 is
    unknown, too) counts as queued when its machine began it, which for a cold start is some time too late.
    """
    spans: dict[str, list[_Served]] = {}
    for bill in bills:
        spans[bill.machine] = _billed(bill) if bill.pool == pool else []
    for runner in runners:
        if runner.machine not in spans:
            spans[runner.machine] = _served(runner) if runner.pool == pool else []
    return demand_between((_taken(*one, queued) for found in spans.values() for one in found), since, until)


def _billed(bill: Bill) -> list[_Served]:
    """The bill's job, and from when until when it had the machine."""
    return [(bill.job_id, entry.start, entry.end) for entry in bill.entries if entry.phase is Phase.JOB]


def _served(runner: Runner) -> list[_Served]:
    """The same of a machine that has no bill yet."""
    if runner.busy_at is None:
        return []
    job = runner.assigned_job if runner.served_job is None else runner.served_job
    ended = runner.gone_at if runner.idle_at is None else runner.idle_at
    return [(job, runner.busy_at, occupied_until(runner.busy_at, ended))]


def _taken(job: int | None, begins: Moment, ends: Moment, queued: Mapping[int, Moment]) -> Taken:
    at = 0 if job is None else queued.get(job, 0)
    return Taken(min(at or begins, begins), begins, ends)
