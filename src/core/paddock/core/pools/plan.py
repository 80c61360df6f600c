"""What a pool should do, as a pure function of what is there: levels, not edges.

The task of housekeeping `paddock.core.usecases.pools.keep` observes each pool every minute, asks `plan` what to do,
looks again at each machine that it is about to stop or end, and does it; ``paddock pools plan`` shows the same and
does nothing.

What is there counts twice. When it is asked what lacks, everything counts that is or will be of use: what boots, what
is on its way to sleep, what is too many and will be put to sleep, and what nothing certain is known of. So nothing is
launched twice, and a loss of evidence launches nothing. When it is asked what is too many, only that counts which is
ready or asleep by all evidence, and nobody has a claim on it.

Machines that are made of something else than the pool's are now, or are too old, are replaced a few at a time. A hot
one is ended when there is one more than the target, and one more is asked for meanwhile; a stopped one is ended first,
for its successor takes minutes to fall asleep, and no job waits for that.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs

from paddock.core.pools.pool import Pool, Stock
from paddock.core.pools.schedule import Targets
from paddock.core.spec import Market
from paddock.core.states import RISING, SPARE, RunnerState
from paddock.core.units import MINUTE, SECOND, Moment, Span, span_text

MOST_LAUNCHES: Final = 20
MOST_STARTS: Final = 50
MOST_STOPS: Final = 20
MOST_ENDS: Final = 20
"""Machines that one run of the plan may launch, start, stop or end: a mistake shall not cost a whole pool."""

MOST_REPLACED: Final = 10
ONE_IN: Final = 10
"""Of the hot and of the stopped ones so many are replaced at a time: one in ten of the pool, 1 to 10."""

READY_FOR: Final[Span] = 3 * MINUTE
ASLEEP_FOR: Final[Span] = 90 * SECOND
"""What is not ready, or asleep, for so long is neither stopped nor ended: word of a job may be under way."""


@attrs.frozen
class Member:
    """One machine of the pool as it was seen.

    ``since`` is when it came into its state. ``assigned`` is True if it has orders, a claim or a job, or ever had: then
    it is no spare any more, and somebody else's to end. ``stock`` is what it was launched or started for: one that is
    to sleep boots, gets itself ready, and is then stopped; until it is, it is as good as a hot one. ``digest`` is what
    it is made of (`Pool.digest`); empty if nobody knows. ``complete`` is False unless record, machine and orders were
    all looked for, and agree. One that is being terminated is draining, whatever it was before.
    """

    id: str
    state: RunnerState
    since: Moment
    launched_at: Moment
    stock: Stock = Stock.HOT
    assigned: bool = False
    market: Market = Market.ON_DEMAND
    digest: str = ""
    complete: bool = True

    @property
    def spare(self) -> bool:
        """True if it is, or will be, there for any job; as far as is known."""
        return self.state in SPARE and not self.assigned

    def settled(self, now: Moment) -> bool:
        """True if it may be stopped or ended: a spare by all evidence, and ready or asleep for long enough."""
        rest = {RunnerState.READY: READY_FOR, RunnerState.STOPPED: ASLEEP_FOR}.get(self.state)
        sure = self.complete and self.spare and self.market is Market.ON_DEMAND
        return sure and rest is not None and now - self.since >= rest


@attrs.frozen
class LaunchSpares:
    """Launch so many machines on demand: to be hot, or to be put to sleep once they are ready."""

    count: int
    stock: Stock
    reason: str


@attrs.frozen
class StartMember:
    """Wake it, to be hot."""

    machine: str
    reason: str


@attrs.frozen
class StopMember:
    """Put it to sleep."""

    machine: str
    reason: str


@attrs.frozen
class EndMember:
    """Terminate it. ``state`` is the state it was seen in: ready or stopped."""

    machine: str
    reason: str
    state: RunnerState


PoolAct: TypeAlias = LaunchSpares | StartMember | StopMember | EndMember


def wanted(pool: Pool, now: Moment, ahead: Span) -> Targets:
    """What is to be there, if machines take `ahead` to become ready.

    As many hot ones as anything asks for from now until `ahead` later; and with the stopped ones as many machines as
    anything asks for then. The most of each kind would be too many: where five sleep at night and five are hot by day,
    ten would be asked for as the one turns into the other, and five of them be ended again.

    Raises:
        ValueError: `ahead` is negative.
        InvalidInput: the schedule is in a zone that this system does not know.
    """
    hot = pool.schedule.targets(now, pool.targets, ahead).hot
    steps = pool.schedule.steps(now, now + ahead)
    asked = [pool.targets if window is None else window.targets for _, window in steps]
    return Targets(hot, max(targets.hot + targets.stopped for targets in asked) - hot)


def plan(pool: Pool, now: Moment, ahead: Span, members: Iterable[Member]) -> tuple[PoolAct, ...]:
    """What to do about the pool, in this order: starts, launches, stops, ends; of each kind the oldest machine first.

    `ahead` is how long a machine takes to become ready, as measured. `members` are the machines that belong to the
    pool, in any order; spot machines among them are overflow, and are let be.

    Raises:
        ValueError, InvalidInput: as `wanted`.
    """
    ours = [one for one in members if one.market is Market.ON_DEMAND and one.state is not RunnerState.GONE]
    ours.sort(key=lambda one: (one.launched_at, one.id))
    spares = [one for one in ours if one.spare]
    wish = _within(wanted(pool, now, ahead), pool.most, len(ours) - len(spares))
    return _Run(pool, now, wish, len(ours), spares).acts()


def _within(wish: Targets, most: int | None, taken: int) -> Targets:
    """As much of it as there is room for beside the machines that are `taken`; hot ones come first."""
    if most is None:
        return wish
    room = max(0, most - taken)
    hot = min(wish.hot, room)
    return Targets(hot, min(wish.stopped, room - hot))


def _of(members: Iterable[Member], *states: RunnerState) -> list[Member]:
    return [one for one in members if one.state in states]


class _Run:
    """One run of the plan. What is found out about the hot ones is needed for the stopped ones."""

    def __init__(self, pool: Pool, now: Moment, wish: Targets, there: int, spares: Sequence[Member]) -> None:
        self.pool, self.now, self.wish = pool, now, wish
        self.room = None if pool.most is None else max(0, pool.most - there)
        self.few = min(MOST_REPLACED, max(1, there // ONE_IN))
        self.stale = {one.id: reason for one in spares if (reason := self._stale(one))}
        self.up = _of(spares, RunnerState.READY, *RISING)
        self.ready = [one for one in _of(spares, RunnerState.READY) if one.complete]
        self.falling = _of(spares, RunnerState.STOPPING)
        self.asleep = _of(spares, RunnerState.STOPPED)
        stale_up = sum(one.id in self.stale for one in self.up)
        self.fresh_up = len(self.up) - stale_up
        # Stale ones do for hot ones, but for those few whose successors are due.
        self.fresh_hot = max(0, wish.hot + min(self.few, stale_up) - stale_up)

    def acts(self) -> tuple[PoolAct, ...]:
        """What to do, in order."""
        starts = self._starts()
        started = {act.machine for act in starts}
        sleepers = [one for one in self.asleep if one.complete and one.id not in started]
        replaced = self._replaced(sleepers)
        left = len(self.asleep) - len(starts) - sum(act.state is RunnerState.STOPPED for act in replaced)
        stops, surplus = self._too_many_hot(self.wish.stopped - left - len(self.falling))
        surplus += self._too_many_asleep(sleepers)
        launches = self._launches(len(starts), left)
        return (*starts[:MOST_STARTS], *launches, *stops[:MOST_STOPS], *(replaced + surplus)[:MOST_ENDS])

    def _stale(self, one: Member) -> str:
        """Why it should be replaced; empty if it should not, or if too little is known of it."""
        age, digest = self.now - one.launched_at, self.pool.digest
        if one.complete and digest and one.digest and one.digest != digest:
            return f"it is made of {one.digest}, and the pool of {digest}"
        if one.complete and age >= self.pool.max_age:
            return f"it is {span_text(age)} old, and none is kept for more than {span_text(self.pool.max_age)}"
        return ""

    def _starts(self) -> list[StartMember]:
        """All that could be woken for the hot ones that lack; a stale one not for one that is to be replaced."""
        lack, gap = self.fresh_hot - self.fresh_up, self.wish.hot - len(self.up)
        fresh = [one for one in self.asleep if one.complete and one.id not in self.stale]
        chosen = fresh[: max(0, lack)]
        chosen += [one for one in self.asleep if one.id in self.stale][: max(0, gap - len(chosen))]
        return [StartMember(one.id, self._hot_text()) for one in chosen]

    def _replaced(self, sleepers: Sequence[Member]) -> list[EndMember]:
        """Stale ones that are ended: hot ones down to the target, and stopped ones down to a few less than theirs."""
        hot = min(self.few, len(self.ready) - self.wish.hot)
        asleep = min(self.few, len(sleepers) + self.few - self.wish.stopped)
        return [
            EndMember(one.id, self.stale[one.id], one.state)
            for members, most in ((self.ready, hot), (sleepers, asleep))
            for one in [one for one in members if one.id in self.stale and one.settled(self.now)][: max(0, most)]
        ]

    def _too_many_hot(self, lack: int) -> tuple[list[StopMember], list[EndMember]]:
        """Those that are put to sleep, where `lack` stopped ones are to come; and those that nobody has use for."""
        fresh = [one for one in self.ready if one.id not in self.stale]
        spare, lack = max(0, len(fresh) - self.wish.hot), max(0, lack)
        found = [one for one in fresh if one.settled(self.now)]
        found.sort(key=lambda one: one.stock is not Stock.STOPPED)  # a stable sort: of each stock the oldest first
        reason = f"{len(self.ready)} are ready, {self.wish.hot} are wanted, and {lack} stopped ones lack"
        stops = [StopMember(one.id, reason) for one in found[: min(spare, lack)]]
        useless = [one for one in found[len(stops) :] if self._idle(one)][: max(0, spare - lack)]
        return stops, [self._surplus(one, f"{self.wish.hot} hot") for one in useless]

    def _too_many_asleep(self, sleepers: Sequence[Member]) -> list[EndMember]:
        fresh = [one for one in sleepers if one.id not in self.stale]
        found = [one for one in fresh if one.settled(self.now) and self._idle(one)]
        most = max(0, len(fresh) - self.wish.stopped)
        return [self._surplus(one, f"{self.wish.stopped} stopped") for one in found[:most]]

    def _idle(self, one: Member) -> bool:
        return self.now - one.since >= self.pool.idle_timeout

    def _surplus(self, one: Member, wanted: str) -> EndMember:
        """`wanted` is how many there should be, and of what."""
        since = span_text(self.now - one.since)
        return EndMember(one.id, f"{one.state} for {since}, and more than the {wanted} ones wanted", one.state)

    def _launches(self, starts: int, asleep: int) -> list[LaunchSpares]:
        """What lacks in all; hot ones first. `asleep` are those that stay so."""
        lack = max(0, self.fresh_hot + self.wish.stopped - self.fresh_up - len(self.falling) - asleep - starts)
        hot = min(lack, max(0, self.fresh_hot - self.fresh_up - starts))
        most = MOST_LAUNCHES if self.room is None else min(MOST_LAUNCHES, self.room)
        hot_now = min(hot, most)
        asked = (
            LaunchSpares(hot_now, Stock.HOT, self._hot_text()),
            LaunchSpares(min(lack - hot, most - hot_now), Stock.STOPPED, self._stopped_text(asleep)),
        )
        return [launch for launch in asked if launch.count]

    def _hot_text(self) -> str:
        stale = len(self.up) - self.fresh_up
        old = f", {stale} of them to be replaced" if stale else ""
        return f"of {self.wish.hot} hot ones wanted, {len(self.up)} are ready or boot{old}"

    def _stopped_text(self, asleep: int) -> str:
        more = max(0, self.fresh_up - self.fresh_hot)
        coming = len(self.falling) + more
        return f"of {self.wish.stopped} stopped ones wanted, {asleep} sleep and {coming} are on their way"
