"""The task ``pool_audit``: each day what every pool did for its money on the day before, told and put into the archive.

It is an account of bills, and changes nothing about a pool. Who runs it twice gets the same report, with what is there
by then.
"""

import hashlib
import io
from collections.abc import Iterator

from paddock.core.costs.ledger import Bill, Rates
from paddock.core.errors import PaddockError
from paddock.core.pools.account import account_of
from paddock.core.pools.audit import AuditedPool, PoolAudit
from paddock.core.pools.pool import Pool
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports.objects import Objects
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, Moment, rfc3339
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.pools.bills import MOST_BILLS, PoolBills, pool_bills
from paddock.core.usecases.pools.look import counted

_WEEK = 7 * DAY
_ASLEEP = (RunnerState.STOPPED, RunnerState.STOPPING)


class AuditPools:
    """Audits the pools that are configured. Without an archive its report alone tells of them."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        objects: Objects | None,
        clock: Clock,
        rates: Rates = Rates(),
        most_bills: int = MOST_BILLS,
    ) -> None:
        self._pools = settings.pools
        self._table = table
        self._objects = objects
        self._clock = clock
        self._rates = rates
        self._most_bills = most_bills

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:  # noqa: ARG002 - it looks at all
        """One run. It counts pools and files, and tells of each pool in a sentence. See `Work`.

        A week of which not all bills could be read begins later, at a midnight, and says so.

        Raises:
            PaddockError: the table did not answer.
        """
        done = Round(dry_run=dry_run)
        now = self._clock.now()
        midnight = now // DAY * DAY
        read = pool_bills(self._table, midnight - _WEEK, now, self._most_bills)
        bills = read.all(now, self._rates)
        audited: list[AuditedPool] = []
        for pool in self._pools.values():
            done.kinds["audited"] += 1
            one = done.tries(f"pool {pool.name}", lambda pool=pool: self._one(pool, read, bills, midnight))  # type: ignore[misc]
            if one is not None:
                audited.append(one)
                done.acts.append(one.sentence)
        if self._objects is not None and audited:
            audit = PoolAudit(midnight - DAY, now, audited)
            for ending, text in (("md", audit.markdown), ("json", audit.json)):
                self._put(self._objects, audit.key(ending), text, done)
        return done.report()

    def _one(self, pool: Pool, read: PoolBills, bills: list[Bill], midnight: Moment) -> AuditedPool:
        if read.since > midnight - DAY:
            said = f"more than {self._most_bills:,} machines ended since {rfc3339(midnight - DAY)}"
            raise PaddockError(f"{said}: so many bills are not read in a run, and that day has no account")
        spares, taken = counted(self._table, pool.name, read.live)
        stopped = sum(spares.get(state, 0) for state in _ASLEEP)
        idle = sum(spares.values()) - stopped
        standing = self._table.pools.get(pool.name) or PoolStanding(pool.name)
        day = account_of(pool.name, bills, midnight - DAY, midnight)
        week = account_of(pool.name, bills, read.since, midnight)
        notes = [*_notes(standing)]
        if week.unpriced:
            notes.append(f"of {week.unpriced} intervals of the seven days the price is not known")
        if read.since > midnight - _WEEK:
            notes.append(f"the seven days are counted from {rfc3339(read.since)} on: there are too many bills")
        return AuditedPool(
            name=pool.name,
            wanted=None if standing.aim is None else standing.aim.targets,
            running=idle + taken,
            idle=idle,
            stopped=stopped,
            day=day,
            week=week,
            notes=tuple(notes),
        )

    def _put(self, objects: Objects, key: str, text: str, done: Round) -> None:
        if done.dry_run:
            done.acts.append(f"put {key}")
            return
        done.kinds["written"] += 1
        content = text.encode()
        put = done.tries(key, lambda: objects.put(key, io.BytesIO(content), hashlib.sha256(content).hexdigest()))
        done.left += put is None  # what is left is tried again before the day is over


def _notes(standing: PoolStanding) -> Iterator[str]:
    if standing.aim is None:
        yield "the fleet has not looked at it yet"
    elif standing.aim.barred:
        yield standing.aim.barred
    if standing.failures:
        yield f"{standing.failures} of its machines in a row never came up"
