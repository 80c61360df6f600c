"""Made-up days of a fleet, for tests of its cost reports."""

from typing import Any

import attrs

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.objects import MemoryObjects
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.report.costs import RENDERINGS
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Bill, Rates
from paddock.core.costs.policy import CostPolicy
from paddock.core.pools.pool import Stock
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import MINUTE, Moment
from paddock.core.usecases.costs.reports import CostReports


def served(number: int, at: Moment, minutes: int = 10, **fields: Any) -> Bill:  # noqa: ANN401 - a runner's fields
    """The bill of a spot machine that booted for a minute and had one job for so long."""
    runner = Runner(
        machine=f"i-{number:06}",
        repository="acme/api",
        labels=(),
        launch_id="l",
        state=RunnerState.GONE,
        assigned_job=number,
        served_job=number,
        instance_type="m7i.xlarge",
        market=Market.SPOT,
        price=110_880,
        disk=40,
        workflow="CI",
        launched_at=at,
        ready_at=at + MINUTE,
        busy_at=at + MINUTE,
        idle_at=at + (minutes + 1) * MINUTE,
        gone_at=at + (minutes + 1) * MINUTE,
    )
    return bill_of(attrs.evolve(runner, **fields), None, Rates())


def spare(number: int, at: Moment, hours: int, **fields: Any) -> Bill:  # noqa: ANN401 - as above
    """The bill of a hot machine of a pool that no job took."""
    idle: dict[str, Any] = {
        "assigned_job": None,
        "served_job": None,
        "busy_at": None,
        "idle_at": None,
        "repository": "",
    }
    end = at + hours * 60 * MINUTE
    pool: dict[str, Any] = {
        "pool": "web",
        "stock": Stock.HOT,
        "market": Market.ON_DEMAND,
        "price": 201_600,
        "workflow": "",
    }
    return served(number, at, **{**idle, **pool, "gone_at": end, **fields})


@attrs.define
class House:
    """A fleet's table and object store under a clock, and the task that reports its costs."""

    now: Moment
    policy: CostPolicy = CostPolicy()
    table: Table = attrs.field(factory=memory_table)
    clock: ManualClock = attrs.field(init=False)
    objects: MemoryObjects = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.clock = ManualClock(self.now)
        self.objects = MemoryObjects(self.clock)

    def book(self, *bills: Bill) -> None:
        """Write the bills."""
        for bill in bills:
            assert self.table.ledger.add(bill)

    def task(self, **more: Any) -> CostReports:  # noqa: ANN401 - as above
        """The task, with whatever else it is given."""
        return CostReports(
            stack="prod",
            table=self.table,
            objects=self.objects,
            clock=self.clock,
            renderings=RENDERINGS,
            policy=self.policy,
            **more,
        )

    def keys(self) -> list[str]:
        """What is stored."""
        return [listed.key for listed in self.objects.page("").items]

    def text(self, key: str) -> str:
        """A stored file."""
        with self.objects.open(key) as content:
            return content.read().decode()
