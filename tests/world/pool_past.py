"""The past of a fleet with a pool: bills of its machines, records of their jobs, and what lives."""

import attrs

from paddock.adapters.memory import ManualClock
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.objects import MemoryObjects
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Rates
from paddock.core.job import Job, JobFacts
from paddock.core.pools.pool import Bounds, Pool, Stock
from paddock.core.pools.schedule import Targets
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState, RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from tests.world.demands import MONDAY

NOW: Moment = MONDAY + 28 * DAY + MINUTE
"""A minute after midnight, four weeks after a Monday began."""

AUTO = Pool("web", RunnerSpec(spot=False, pool="web"), stopped=1, auto=True, bounds=Bounds(most=Targets(9, 9)))
BY_HAND = Pool("big", RunnerSpec(spot=False, pool="big"), hot=1)


class Past:
    """A table in memory, which tests fill."""

    def __init__(self, *pools: Pool, table: Table | None = None, now: Moment = NOW) -> None:
        """Args: the pools; where it is written, by default memory; the present moment."""
        self.settings = FleetSettings(pools={pool.name: pool for pool in pools or (AUTO, BY_HAND)})
        self.clock = ManualClock(now)
        self.table = table or memory_table()
        self.objects = MemoryObjects(self.clock)
        for name in self.settings.pools:
            self.table.pools.add(PoolStanding(name, boots=(30 * SECOND,), first_at=now - 28 * DAY - MINUTE))
        self._number = 0

    def standing(self, pool: str) -> PoolStanding:
        """The pool's record as it is."""
        found = self.table.pools.get(pool)
        assert found is not None
        return found

    def machine(
        self, at: Moment, *, pool: str = "web", stock: Stock | None = Stock.HOT, idle: Span = 0, job: Span = 5 * MINUTE
    ) -> Runner:
        """One that was launched then, was up 30 seconds later, waited, and had a job for so long, if for any time."""
        self._number += 1
        up = at + 30 * SECOND
        began = up + idle if job else None
        runner = Runner(
            machine=f"i-{self._number}",
            repository="acme/app",
            labels=(),
            launch_id="l",
            state=RunnerState.GONE,
            pool=pool,
            stock=stock,
            price=96_000,
            disk=40,
            launched_at=at,
            ready_at=up,
            busy_at=began,
            idle_at=None if began is None else began + job,
            gone_at=up + idle + job,
            assigned_job=self._number if job else None,
            served_job=self._number if job else None,
        )
        self.table.ledger.add(bill_of(runner, None, Rates()))
        return runner

    def record(self, runner: Runner, queued: Moment) -> None:
        """The record of the machine's job."""
        assert runner.served_job is not None
        facts = JobFacts(runner.served_job, 1, "acme/app", ("paddock/pool=web",), created_at=queued)
        self.table.jobs.add(Job(facts, JobState.FINISHED, machine=runner.machine))

    def spare(self, state: RunnerState, *, pool: str = "web", since: Moment = NOW - HOUR) -> Runner:
        """One that waits, as its record is."""
        self._number += 1
        runner = Runner(
            machine=f"i-{self._number}",
            repository="",
            labels=(),
            launch_id="l",
            state=state,
            pool=pool,
            stock=Stock.HOT,
            spare_of=pool,
            price=96_000,
            launched_at=since,
            ready_at=since + 30 * SECOND,
        )
        self.table.runners.add(runner)
        return runner

    def taken(self, since: Moment = NOW - HOUR) -> Runner:
        """One with a job, a minute after its launch."""
        runner = attrs.evolve(
            self.spare(RunnerState.READY, pool="nobody's", since=since),
            machine="i-taken",
            pool="web",
            spare_of=None,
            state=RunnerState.BUSY,
            assigned_job=10_000,
            served_job=10_000,
            busy_at=since + MINUTE,
        )
        self.table.runners.add(runner)
        return runner

    def office_hours(self, days: int = 28) -> int:
        """Each of these days, up to the present one, a job every two minutes from nine to five; how many."""
        begin = self.clock.now() // DAY * DAY - days * DAY
        clock = range(9 * HOUR, 17 * HOUR, 2 * MINUTE)
        for day in range(days):
            for at in clock:
                self.machine(begin + day * DAY + at, stock=None, job=9 * MINUTE)
        return days * len(clock)
