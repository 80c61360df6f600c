"""What demand says of each pool's targets, by the fleet's table alone: for a terminal, which changes nothing."""

from collections.abc import Mapping, Sequence

import attrs

from paddock.core.errors import NotFound
from paddock.core.paging import pages
from paddock.core.pools.pool import Pool
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.sizing.advice import Sizing, sizing
from paddock.core.task import EVERY
from paddock.core.units import HOUR, Span
from paddock.core.usecases.pools.demand import Looked, PoolDemand


@attrs.frozen
class PoolAdvice:
    """One pool. ``pool`` is as the fleet saw it last, with the targets that hold, None if it never did.

    ``sizing`` is None without that, and where there is less than a day to look at.
    """

    standing: PoolStanding
    pool: Pool | None
    looked: Looked
    sizing: Sizing | None = None


class AdvisePools:
    """Sizes the pools of a fleet, whoever sets their targets, and writes nothing."""

    def __init__(
        self, *, table: Table, clock: Clock, several: Several = IN_TURN, demand: PoolDemand | None = None
    ) -> None:
        self._table = table
        self._clock = clock
        self._demand = demand or PoolDemand(table=table, several=several)

    def __call__(self, span: Span, pool: str | None = None) -> Sequence[PoolAdvice]:
        """Each pool, or this one, by name; by its demand up to the last whole hour, for `span` at most.

        Raises:
            NotFound: there is no such pool, or no fleet has looked at it.
            PaddockError: the table did not answer.
        """
        found = pages(lambda cursor: self._table.pools.page("all", "all", cursor=cursor))
        standings = sorted((one for one in found if pool in {None, one.name}), key=lambda one: one.name)
        if not standings:
            if pool is not None:
                raise NotFound(f"there is no pool {pool!r}, or no fleet has looked at it yet")
            return ()
        demands = self._demand(standings, span, self._clock.now(), HOUR)
        task = self._table.tasks.get("pools")
        interval = task.every if task is not None and task.every else EVERY["pools"]
        return [self._of(one, demands, interval) for one in standings]

    def _of(self, standing: PoolStanding, demands: Mapping[str, Looked], interval: Span) -> PoolAdvice:
        pool, looked = as_seen(standing), demands[standing.name]
        if pool is None or looked.demand is None:
            return PoolAdvice(standing, pool, looked)
        now = self._clock.now()
        found = sizing(pool, looked.demand, standing.boot, interval, now, looked.remarks)
        return PoolAdvice(standing, pool, looked, found)


def as_seen(standing: PoolStanding) -> Pool | None:
    """The pool as its fleet saw it last, with the targets that held; None if it never looked."""
    aim = standing.aim
    if aim is None:
        return None
    return Pool(
        name=standing.name,
        spec=aim.machine,
        hot=aim.usual.hot,
        stopped=aim.usual.stopped,
        schedule=aim.schedule,
        most=aim.most,
        auto=aim.auto,
        bounds=aim.bounds,
    )
