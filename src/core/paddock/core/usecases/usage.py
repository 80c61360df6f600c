"""Observing what the fleet uses, as far as the configured limits need to know."""

from collections import Counter
from collections.abc import Iterator

import attrs

from paddock.core.catalogue import fitting
from paddock.core.costs.bill import awake
from paddock.core.costs.ledger import day_of
from paddock.core.paging import pages
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.settings import Limits
from paddock.core.states import JobState
from paddock.core.units import DAY, HOUR, MINUTE, MicroDollars, Moment
from paddock.core.usecases.admission import Usage
from paddock.core.usecases.listing import jobs_in, live_runners

_OFF_BY = 2 * MINUTE  # as `Deadlines.drain`: whoever takes longer is ended by the sweep


@attrs.frozen
class UsageMeter:
    """Reads usage from the records. A limit that is not set costs no read.

    Limits bound what jobs start. A pool has its own size: its machines count once a job has claimed them.
    """

    table: Table
    clock: Clock

    def read(self, limits: Limits) -> Usage:
        """The usage now. Exact with one dispatcher; several at once may overshoot a limit by their batches."""
        now = self.clock.now()
        counted = limits.machines, limits.vcpu, limits.machines_per_repository
        usage = self._machines() if any(limit is not None for limit in counted) else Usage()
        if limits.launches_per_minute is not None:
            usage = attrs.evolve(usage, launches_last_minute=self._launches_since(now - MINUTE, now))
        if limits.spend_per_day is not None:
            usage = attrs.evolve(usage, spent_today=self._spent(now))
        return usage

    def _machines(self) -> Usage:
        machines, vcpu, repositories = 0, 0, Counter[str]()
        for runner in live_runners(self.table):
            if _kept(runner):
                continue
            machines += 1
            vcpu += runner.vcpu
            repositories[runner.repository] += 1
        # A job whose machine is being asked for has no machine record yet, but takes its place already.
        for job in jobs_in(self.table, JobState.DISPATCHING):
            types = fitting(job.spec) if job.spec is not None else ()
            machines += 1
            vcpu += types[0].vcpu if types else 0
            repositories[job.facts.repository] += 1
        return Usage(machines, vcpu, dict(repositories))

    def _launches_since(self, since: Moment, now: Moment) -> int:
        minutes = range(since // MINUTE, now // MINUTE + 1)
        launched = (runner for minute in minutes for runner in self._launched_in(str(minute)))
        return sum(runner.launched_at > since and not _kept(runner) for runner in launched)

    def _launched_in(self, minute: str) -> Iterator[Runner]:
        return pages(lambda cursor: self.table.runners.page("minute", minute, cursor=cursor))

    def _spent(self, now: Moment) -> MicroDollars:
        """What was spent since midnight: by machines that ended today, and so far by those that have not ended.

        Spares count: what they cost is spent. Sleep is not priced: it costs the disk alone, which only bills count.
        One that has ended is billed at once; its record may stay open for longer, while GitHub is away.
        """
        midnight = now // DAY * DAY
        bills = pages(lambda cursor: self.table.ledger.page("day", day_of(now), cursor=cursor))
        return sum(bill.since(midnight) for bill in bills) + sum(
            (runner.price or 0) * awake(runner, midnight, min(now, _until(runner, now))) // HOUR
            for runner in live_runners(self.table)
            if runner.gone_at is None
        )


def _kept(runner: Runner) -> bool:
    """True if a pool keeps it, and no job has claimed it."""
    return runner.stock is not None and runner.assigned_job is None


def _until(runner: Runner, now: Moment) -> Moment:
    """Until when it costs: one whose work is over is off within minutes; its record may be closed later than that."""
    return now if runner.idle_at is None else runner.idle_at + _OFF_BY
