"""How many spares a pool has, against what it wants: for long it has neither more nor fewer."""

from collections.abc import Callable, Sequence

from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.protocols import SimulatedCloud
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.pools.plan import MOST_REPLACED, ONE_IN, wanted
from paddock.core.pools.pool import Pool
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.states import RISING, RunnerState
from paddock.core.switch import PAUSED
from paddock.core.units import MINUTE, Moment, Span, span_text

_SLOW: Span = 20 * MINUTE
"""How long a pool may take for what its settings do not let it wait for: machines boot, fail, and are started anew."""

_AHEAD: Span = 3 * MINUTE
_WORDS = {
    "hot": "too many that run",
    "many": "too many",
    "few": "too few",
    "old": "too old",
    "awake": "that should sleep, and run",
}
_FURTHEST: Span = 10 * MINUTE  # that a pool looks ahead: a boot and a minute
_UP = RISING | {RunnerState.READY}


class PoolLevels:
    """Remembers since when each pool has had too many, or too few."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        cloud: SimulatedCloud,
        table: Table,
        findings: Findings,
        since: Callable[[Moment], Span] | None,
    ) -> None:
        """Args: what there is to look at; `since` tells for how long tasks have failed since a moment.

        None: nothing makes them fail.
        """
        self._timeline = timeline
        self._cloud = cloud
        self._table = table
        self._findings = findings
        self._hindered_since = since or (lambda _: 0)
        self._since: dict[tuple[str, str], Moment] = {}

    def restart(self) -> None:
        """Other pools are wanted: what was counted does not count any more."""
        self._since.clear()

    def lacks(self, pool: str) -> None:
        """The cloud had no machine for the pool."""
        self._since[pool, "few"] = self._timeline.now()

    def launched(self, pool: Pool, spares: Sequence[Runner], new: int, there: int) -> None:
        """New machines besides the `spares`, of so many that are `there` now: no more than are wanted.

        Outdated ones need not count. Only where nobody acts on what was so a while ago.
        """
        now = self._timeline.now()
        wish = wanted(pool, now, _FURTHEST)
        number = new + sum(one.digest == pool.digest and now - one.launched_at < pool.max_age for one in spares)
        most = wish.hot + wish.stopped + min(MOST_REPLACED, max(1, there // ONE_IN))
        if number > most:
            said = f"pool {pool.name} has {number} spares with those just launched, and wants {most} at most"
            self._findings.fault("a pool launches what it lacks", said, self._story(pool))

    def look(self, pool: Pool, spares: Sequence[Runner], there: int) -> None:
        """Count. `there` are all machines of the pool that live."""
        now = self._timeline.now()
        wish, soon = wanted(pool, now, 0), wanted(pool, now, _AHEAD)
        hot = sum(one.state in _UP for one in spares)
        replaced = min(MOST_REPLACED, max(1, there // ONE_IN))
        most_hot = soon.hot + replaced
        # Those that are on their way to sleep, and those that are to be put to sleep, are up for a while.
        self._judge(pool, "hot", hot - most_hot - max(0, soon.stopped - (len(spares) - hot)), pool.idle_timeout)
        self._judge(pool, "many", len(spares) - soon.hot - soon.stopped - replaced, pool.idle_timeout)
        least = wish.hot + wish.stopped
        if pool.most is not None:
            least = min(least, pool.most - (there - len(spares)))
        paused, standing = self._table.switches.get(PAUSED), self._table.pools.get(pool.name)
        if (paused is not None and paused.on) or (standing is not None and standing.paused_until > now):
            self.lacks(pool.name)
        # While stopped ones are replaced there are a few less.
        self._judge(pool, "few", least - replaced - len(spares), 0)
        asleep = sum(one.state in {RunnerState.STOPPING, RunnerState.STOPPED} for one in spares)
        ready = sum(one.state is RunnerState.READY for one in spares)
        self._judge(pool, "awake", min(ready - most_hot, wish.stopped - asleep), 0)
        old = sum(now - one.launched_at > pool.max_age for one in spares)
        self._judge(pool, "old", 0 if (pool.name, "few") in self._since else old, len(spares) * _SLOW)

    def _judge(self, pool: Pool, kind: str, number: int, patience: Span) -> None:
        place, now = (pool.name, kind), self._timeline.now()
        if number <= 0:
            self._since.pop(place, None)
            return
        since = self._since.setdefault(place, now)
        long = now - since
        key = f"pool {pool.name} {kind} {since}"
        if long - self._hindered_since(since) > patience + _SLOW and key not in self._findings.told:
            self._findings.told.add(key)
            said = f"pool {pool.name} has {number} spares {_WORDS[kind]} for {span_text(long)}"
            self._findings.fault("a pool has what it wants", said, self._story(pool))

    def _story(self, pool: Pool) -> list[str]:
        now = self._timeline.now()
        found = self._table.runners.page("spare", pool.name, limit=1_000).items
        return [
            f"wanted now: {wanted(pool, now, 0)}, most {pool.most}; record: {self._table.pools.get(pool.name)}",
            *(f"{one.machine} {one.state} for {span_text(now - (one.since or one.launched_at))}" for one in found),
        ]
