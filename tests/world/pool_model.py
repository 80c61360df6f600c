"""A pool in a world of minutes, where machines boot, fall asleep and end, and jobs take them; and the plan's promises.

``checked`` asks the plan and holds whatever it answers against what it must never do, told in other words than its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from paddock.core.pools.plan import (
    EndMember,
    LaunchSpares,
    Member,
    PoolAct,
    StartMember,
    StopMember,
    plan,
    wanted,
)
from paddock.core.pools.pool import Pool, Stock
from paddock.core.pools.schedule import Targets
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import RUNNER_LIFE, RunnerState
from paddock.core.units import DAY, MINUTE, SECOND, Moment, Span
from tests.strategies import NOON

POOL = Pool("web", RunnerSpec(), digest="new", idle_timeout=10 * MINUTE, max_age=30 * DAY)
BOOT, WAKE, FALL = 100 * SECOND, 20 * SECOND, 70 * SECOND
REST = {RunnerState.READY: 3 * MINUTE, RunnerState.STOPPED: 90 * SECOND}
"""For how long a machine must have been what it is before it may be stopped or ended."""

SPARES = {RunnerState.REQUESTED, RunnerState.BOOTING, RunnerState.READY, RunnerState.STOPPING, RunnerState.STOPPED}


def member(name: str, state: RunnerState = RunnerState.READY, age: Span = DAY, **other: Any) -> Member:  # noqa: ANN401 - any fields
    """A machine that has been what it is since `age` before noon, and is of the pool's own making."""
    given: dict[str, Any] = {"since": NOON - age, "launched_at": NOON - age, "digest": "new", **other}
    return attrs.evolve(Member(name, state, NOON, NOON), **given)


def several(count: int, state: RunnerState = RunnerState.READY, age: Span = DAY, **other: Any) -> list[Member]:  # noqa: ANN401 - as above
    """Machines of one kind: ``ready-00``, ``ready-01``."""
    return [member(f"{state}-{number:02}", state, age, **other) for number in range(count)]


def stale(pool: Pool, now: Moment, one: Member) -> bool:
    """True if it is known to be of another making, or too old."""
    other = bool(pool.digest and one.digest and one.digest != pool.digest)
    return one.complete and (other or now - one.launched_at >= pool.max_age)


def within(pool: Pool, now: Moment, ahead: Span, members: Sequence[Member]) -> Targets:
    """What is wanted, as far as there is room for it beside machines that are of no use to the next job."""
    wish = wanted(pool, now, ahead)
    if pool.most is None:
        return wish
    room = max(0, pool.most - sum(one.state not in SPARES or one.assigned for one in ours(members)))
    return Targets(min(wish.hot, room), min(wish.stopped, room - min(wish.hot, room)))


def ours(members: Sequence[Member]) -> list[Member]:
    """Those of the pool that are there, without overflow."""
    return [one for one in members if one.market is Market.ON_DEMAND and one.state is not RunnerState.GONE]


def launched(acts: Sequence[PoolAct], *stocks: Stock) -> int:
    """How many machines are launched as any of these."""
    return sum(act.count for act in acts if isinstance(act, LaunchSpares) and act.stock in stocks)


def touched(acts: Sequence[PoolAct], *kinds: type[PoolAct]) -> list[str]:
    """The machines that these kinds of acts are about."""
    return [act.machine for act in acts if isinstance(act, kinds) and not isinstance(act, LaunchSpares)]


def checked(pool: Pool, now: Moment, ahead: Span, members: Sequence[Member]) -> tuple[PoolAct, ...]:
    """The plan, if it keeps its promises."""
    acts = plan(pool, now, ahead, members)
    assert all(act.reason for act in acts)
    _only_spares(now, members, acts)
    _counts(pool, now, ahead, members, acts)
    return acts


def _only_spares(now: Moment, members: Sequence[Member], acts: Sequence[PoolAct]) -> None:
    """Whatever is touched is a spare by all evidence, touched once, and at rest unless it is woken."""
    seen = {one.id: one for one in members}
    machines = [act for act in acts if not isinstance(act, LaunchSpares)]
    assert len({act.machine for act in machines}) == len(machines)
    for act in machines:
        one = seen[act.machine]
        assert one.complete
        assert not one.assigned
        assert one.market is Market.ON_DEMAND
        if isinstance(act, StartMember):
            assert one.state is RunnerState.STOPPED
        else:
            assert one.state in ({RunnerState.READY} if isinstance(act, StopMember) else set(REST))
            assert now - one.since >= REST[one.state]
        if isinstance(act, EndMember):
            assert act.state is one.state


def _counts(pool: Pool, now: Moment, ahead: Span, members: Sequence[Member], acts: Sequence[PoolAct]) -> None:
    """How many there are when all is done, and in what circles nothing may go."""
    wish = within(pool, now, ahead, members)
    there = ours(members)
    few = min(10, max(1, len(there) // 10))
    new = launched(acts, *Stock)
    kinds = ((StartMember, 50), (StopMember, 20), (EndMember, 20))
    assert all(len(touched(acts, kind)) <= most for kind, most in kinds)
    assert new <= 20
    assert not new or pool.most is None or len(there) + new <= pool.most
    spares = [one for one in there if one.state in SPARES and not one.assigned]
    old = {one.id for one in spares if stale(pool, now, one)}
    assert not new or new + len(spares) - len(old) <= wish.hot + wish.stopped, "more are launched than are wanted"
    full = new == 20 or (pool.most is not None and len(there) + new >= pool.most)
    left = len(spares) - len(touched(acts, EndMember))
    assert full or left + new >= wish.hot + wish.stopped, "some lack, and are not launched"
    ready = {one.id for one in spares if one.state is RunnerState.READY and one.complete}
    leaving = ready & {*touched(acts, StopMember, EndMember)}
    assert not leaving or len(ready - leaving) >= wish.hot, "the hot ones fall below the target"
    asleep = {one.id for one in spares if one.state is RunnerState.STOPPED and one.complete}
    ended = asleep & {*touched(acts, EndMember)}
    rest = len(asleep - {*touched(acts, StartMember, EndMember)})
    assert not ended or rest >= wish.stopped - few, "too many sleepers are replaced at once"
    assert not ended - old or rest >= wish.stopped
    assert len(old & ended) <= few
    falling = {one.id for one in spares if one.state is RunnerState.STOPPING}
    slept = {*touched(acts, StopMember)}
    assert not slept or rest + len(falling | slept) <= wish.stopped, "more are put to sleep than are wanted"
    assert len(old & leaving) <= few
    assert not old & {*touched(acts, StopMember)}, "it would wake up as what is to be replaced"
    if leaving - old:
        assert not touched(acts, StartMember)
        assert not launched(acts, Stock.HOT)
    if (leaving | ended) - old - {*touched(acts, StopMember)}:
        assert not new, "machines are ended as too many, and others launched"


@attrs.define
class World:
    """A pool and its machines from noon on; each `minute` is one run of the plan.

    ``chance`` draws a number below a bound: which spare a job takes, and whether a job ends in this minute (at 0).
    ``ahead`` is the time of a boot and of two runs, for a launch is due between two and seen to boot at the next.
    """

    pool: Pool
    members: dict[str, Member]
    chance: Callable[[int], int] = attrs.field(default=lambda _: 0)
    ahead: Span = BOOT + 2 * MINUTE
    now: Moment = NOON
    made: int = 0
    hot: set[str] = attrs.field(factory=set)

    def minute(self) -> tuple[PoolAct, ...]:
        """Let a minute pass, look, and act."""
        self.now += MINUTE
        for one in list(self.members.values()):
            self._live(one)
        acts = checked(self.pool, self.now, self.ahead, list(self.members.values()))
        for act in acts:
            self._do(act)
        return acts

    def minutes(self, count: int) -> list[PoolAct]:
        """All that was done in so many minutes."""
        return [act for _ in range(count) for act in self.minute()]

    def job(self) -> None:
        """A job takes one of the spares that are ready or asleep; the plan is not asked which."""
        free = [one for one in self.members.values() if one.state in REST and not one.assigned]
        if free:
            one = free[self.chance(len(free))]
            self._put(one, RunnerState.BUSY if one.state is RunnerState.READY else RunnerState.BOOTING, assigned=True)

    def of(self, *states: RunnerState) -> list[Member]:
        """The spares in these states."""
        return [one for one in self.members.values() if one.state in states and not one.assigned]

    def there(self) -> tuple[int, int, int]:
        """How many are hot, how many sleep, and how many there are in all."""
        return len(self.of(RunnerState.READY)), len(self.of(RunnerState.STOPPED)), len(self.members)

    def stale(self) -> list[str]:
        """Those that are to be replaced."""
        return [one.id for one in self.members.values() if stale(self.pool, self.now, one)]

    def _put(self, one: Member, state: RunnerState, **other: Any) -> None:  # noqa: ANN401 - as above
        assert RUNNER_LIFE.allows(one.state, state) or state is RunnerState.DRAINING  # one that sleeps ends, too
        self.members[one.id] = attrs.evolve(one, state=state, since=self.now, **other)

    def _live(self, one: Member) -> None:
        for_so_long = self.now - one.since
        match one.state:
            case RunnerState.REQUESTED:
                self._put(one, RunnerState.BOOTING)
            case RunnerState.READY if one.assigned:
                self._put(one, RunnerState.BUSY)
            case RunnerState.STOPPED if one.assigned:
                self._put(one, RunnerState.BOOTING)
            case RunnerState.BOOTING if for_so_long >= (WAKE if one.id in self.hot else BOOT):
                self._put(one, RunnerState.BUSY if one.assigned else RunnerState.READY)
            case RunnerState.STOPPING if for_so_long >= FALL:
                self._put(one, RunnerState.STOPPED)
            case RunnerState.BUSY if not self.chance(5):
                self._put(one, RunnerState.DRAINING)
            case RunnerState.DRAINING | RunnerState.GONE:
                del self.members[one.id]

    def _do(self, act: PoolAct) -> None:
        match act:
            case LaunchSpares():
                for _ in range(act.count):
                    self.made += 1
                    name = f"new-{self.made:03}"
                    self.members[name] = Member(
                        name, RunnerState.REQUESTED, self.now, self.now, act.stock, digest=self.pool.digest
                    )
            case StartMember():
                self.hot.add(act.machine)
                self._put(self.members[act.machine], RunnerState.BOOTING, stock=Stock.HOT)
            case StopMember():
                self._put(self.members[act.machine], RunnerState.STOPPING)
            case EndMember():
                self._put(self.members[act.machine], RunnerState.DRAINING)
