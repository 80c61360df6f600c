"""The task ``pool_sizing``: each day the targets of pools that follow their demand (`Pool.auto`) are found anew.

It only writes them down, on the pool's record. The task ``pools`` brings the pool there, as it would to any targets.
"""

from paddock.core.errors import Conflict
from paddock.core.pools.pool import Pool
from paddock.core.pools.standing import PoolStanding, StandingChange, StandingIs
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.sizing.advice import Sizing, in_words, sizing
from paddock.core.task import EVERY, TaskReport
from paddock.core.units import DAY, Span
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.pools.demand import Looked, PoolDemand
from paddock.core.usecases.pools.keep import in_force

LOOKED_BACK: Span = 28 * DAY
"""So much is looked at, if there is as much: then each day of the week stands for itself."""


class SizePools:
    """Sizes the pools whose targets follow demand; the others are left alone."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        clock: Clock,
        several: Several = IN_TURN,
        demand: PoolDemand | None = None,
    ) -> None:
        """Args: what the operator decided, and the ports. `demand` is by default read within the usual bounds."""
        self._pools = [pool for pool in settings.pools.values() if pool.auto]
        self._interval = settings.housekeeping.get("pools", EVERY["pools"])
        self._table = table
        self._clock = clock
        self._demand = demand or PoolDemand(table=table, several=several)

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:  # noqa: ARG002 - it looks at all
        """One run over all pools, each on its own. It counts those that change and those that stay. See `Work`.

        Raises:
            PaddockError: the table did not answer.
        """
        done = Round(dry_run=dry_run)
        known: dict[str, PoolStanding] = {}
        for pool in self._pools:
            standing = self._table.pools.get(pool.name)
            if standing is None:
                done.left += 1
                done.acts.append(f"pool {pool.name}: the fleet has not looked at it yet")
            else:
                known[pool.name] = standing
        demands = self._demand([*known.values()], LOOKED_BACK, self._clock.now(), DAY) if known else {}
        for pool in self._pools:
            if pool.name in known:
                try:
                    self._one(pool, known[pool.name], demands[pool.name], done)
                except Exception as error:  # noqa: BLE001 - one pool's fault must not stop the others
                    done.kinds["pool"] += 1
                    done.failed(f"pool {pool.name}", error)
        return done.report()

    def _one(self, pool: Pool, standing: PoolStanding, looked: Looked, done: Round) -> None:
        if looked.demand is None:
            done.acts.append(f"pool {pool.name}: {'; '.join(looked.remarks)}")
            return
        now = self._clock.now()
        found = sizing(in_force(pool, standing), looked.demand, standing.boot, self._interval, now, looked.remarks)
        change = StandingChange(evidence=found.settled.evidence, sized_at=now)
        if found.changes:
            change["targets"], change["schedule"] = found.settled.targets, found.settled.schedule
        done.kinds["changed" if found.changes else "unchanged"] += 1
        if done.dry_run:
            done.acts += [_told(pool, found), *(f"  {reason}" for reason in found.settled.evidence)]
        else:
            done.does(_told(pool, found), lambda: self._written(standing, change))

    def _written(self, standing: PoolStanding, change: StandingChange) -> PoolStanding | None:
        """The record as it is then; None if another run has sized the pool meanwhile."""
        try:
            return self._table.pools.update(standing.key, StandingIs(sized_at=standing.sized_at), change)
        except Conflict:
            return None


def _told(pool: Pool, found: Sizing) -> str:
    return f"pool {pool.name}: {'from now on' if found.changes else 'as before,'} {'; '.join(in_words(found.settled))}"
