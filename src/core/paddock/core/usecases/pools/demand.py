"""What was asked of pools, from the ledger, the machines that live, and as far as that is cheap the jobs' own records.

::

    bills of whole days ──┐
                          ├──> one `Demand` for each pool, from when on the pool is known
    machines that live ───┤
                          │
    jobs' records ────────┘    only for when they were queued: those that started cold first, the newest first

Bounds: `pool_bills.MOST_BILLS` bills, newest days first; `MOST_ASKED` jobs' records for all pools together. A job whose
record is not asked for counts as queued when its machine began it: for one that found a machine that is seconds too
late, for one that started cold a boot.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import attrs

from paddock.core.costs.ledger import Bill, Phase
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.sizing.demand import Demand, demand_of
from paddock.core.units import DAY, Moment, Span, rfc3339, span_text
from paddock.core.usecases.pools.bills import MOST_BILLS, PoolBills, pool_bills

MOST_ASKED: Final = 2_000
"""Jobs' records that are read in a run: one request each, several at once."""


@attrs.frozen
class Looked:
    """A pool's demand, and in sentences what was not looked at; ``demand`` is None if less than a day can be."""

    demand: Demand | None
    remarks: tuple[str, ...] = ()


class PoolDemand:
    """Reads demand from a fleet's table."""

    def __init__(
        self, *, table: Table, several: Several = IN_TURN, most_bills: int = MOST_BILLS, most_asked: int = MOST_ASKED
    ) -> None:
        self._table = table
        self._several = several
        self._most_bills = most_bills
        self._most_asked = most_asked

    def __call__(self, standings: Sequence[PoolStanding], span: Span, now: Moment, step: Span) -> dict[str, Looked]:
        """The demand of these pools up to the last whole `step` (an hour, a day), for `span` at most; by their names.

        A pool is looked at from the first whole step on after its fleet first looked at it.

        Raises:
            PaddockError: the table did not answer.
        """
        until = now // step * step
        read = pool_bills(self._table, until - span, now, self._most_bills)
        share = self._most_asked // max(1, len(standings))
        return {one.name: self._of(one, read, span, until, share, step) for one in standings}

    def _of(self, standing: PoolStanding, read: PoolBills, span: Span, until: Moment, share: int, step: Span) -> Looked:
        since, remarks = max(until - span, read.since), list[str]()
        if since > until - span:
            remarks.append(f"more than {self._most_bills:,} machines ended since {rfc3339(until - span)}")
        known = -(-(standing.first_at or 0) // step) * step  # rounded up
        if known > since:
            since = known
            remarks.append(f"the pool is known since {rfc3339(standing.first_at or 0)}")
        if until - since < DAY:
            remarks.append(f"less than a day to look at: {span_text(max(0, until - since))}")
            return Looked(None, tuple(remarks))
        jobs = _jobs(standing.name, read.closed, read.live, since)
        queued = self._queued(jobs[:share])
        if len(queued) < len(jobs):
            remarks.append(
                f"when it was queued is known of {len(queued)} of {len(jobs)} jobs: the others count from when their "
                "machines began them"
            )
        demand = demand_of(standing.name, read.closed, since, until, read.live, queued)
        return Looked(demand, tuple(remarks))

    def _queued(self, jobs: Sequence[int]) -> Mapping[int, Moment]:
        """When these were queued, as far as there are records of them."""
        found: dict[int, Moment] = {}
        for outcome in self._several([partial(self._table.jobs.get, str(job)) for job in jobs]):
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not None:
                found[outcome.id] = outcome.facts.created_at
        return found


def _jobs(pool: str, closed: Iterable[Bill], live: Iterable[Runner], since: Moment) -> list[int]:
    """The jobs that machines of the pool, or of its overflow, began since then; those that started cold first."""
    began: list[tuple[bool, Moment, int]] = []
    for bill in closed:
        if bill.pool == pool and bill.job_id is not None:
            starts = [entry.start for entry in bill.entries if entry.phase is Phase.JOB and entry.end > since]
            began += [(bill.stock is not None, -start, bill.job_id) for start in starts]
    for runner in live:
        job = runner.assigned_job if runner.served_job is None else runner.served_job
        if runner.pool == pool and runner.busy_at is not None and job is not None:
            began.append((runner.stock is not None, -runner.busy_at, job))
    return list(dict.fromkeys(job for _, _, job in sorted(began)))
