"""What targets would have meant for a demand: a replay, and whether the difference is worth a change.

It is cheap and rough: each job takes a hot spare, or else a stopped one, or starts cold; what it took is there again
`Waits.ahead` later, as what it was; and where a window begins its machines are there. The simulator does the same with
machines that boot, sleep and end.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import attrs

from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Targets
from paddock.core.sizing.demand import Demand
from paddock.core.sizing.targets import Recommendation, within
from paddock.core.units import MINUTE, Moment, Span, span_text

HITS_PER_CENT: Final = 5
IDLE_PER_CENT: Final = 10
"""A change is worth it from so many of 100 jobs on that would start otherwise, or so much more or less idle time."""


@attrs.frozen
class Waits:
    """How long a job waits for its machine, by how that starts; and the interval at which the pool's task looks."""

    hot: Span
    stopped: Span
    cold: Span
    interval: Span = MINUTE

    @property
    def ahead(self) -> Span:
        """How long it takes to replace a spare: until it is missed, and until another has booted."""
        return self.interval + self.cold


@attrs.frozen
class Expected:
    """How the jobs of a demand would have started, and for how long hot spares would have waited for them, in sum.

    Stopped ones cost their disks alone: their time is no idle time. ``waited`` is the jobs' own waiting, in sum.
    """

    hits_hot: int
    hits_stopped: int
    cold: int
    idle_machine_time: Span
    waited: Span

    def describe(self) -> str:
        """For people, in a sentence's part."""
        return (
            f"{self.hits_hot} of {self.hits_hot + self.hits_stopped + self.cold} jobs get a hot machine, "
            f"{self.hits_stopped} a stopped one, {self.cold} a cold start, and hot ones wait for "
            f"{span_text(self.idle_machine_time)} in sum"
        )


def present(pool: Pool) -> Recommendation:
    """What the pool keeps warm now, to be compared."""
    return Recommendation(pool.targets, pool.schedule)


def expected(recommendation: Recommendation, demand: Demand, waits: Waits) -> Expected:
    """What these targets would have meant for the demand.

    Raises:
        InvalidInput: the schedule is in a zone that this system does not know.
    """
    steps = _steps(recommendation, demand)
    _, targets = next(steps)
    hot, stopped = _Spares(targets.hot, demand.since), _Spares(targets.stopped, demand.since)
    later = next(steps, None)
    hits_hot = hits_stopped = 0
    for job in demand.jobs:
        while later is not None and later[0] <= job.queued_at:
            hot.aim(later[0], later[1].hot)
            stopped.aim(later[0], later[1].stopped)
            later = next(steps, None)
        if hot.take(job.queued_at, waits.ahead):
            hits_hot += 1
        elif stopped.take(job.queued_at, waits.ahead):
            hits_stopped += 1
    while later is not None:
        hot.aim(later[0], later[1].hot)
        later = next(steps, None)
    hot.pass_to(demand.until)
    cold = len(demand.jobs) - hits_hot - hits_stopped
    waited = hits_hot * waits.hot + hits_stopped * waits.stopped + cold * waits.cold
    return Expected(hits_hot, hits_stopped, cold, hot.idle, waited)


def settled(proposed: Recommendation, pool: Pool, demand: Demand, waits: Waits) -> Recommendation:
    """The proposal with what it would change; or what the pool has now, if the difference is not worth a change.

    `pool` has the targets that hold now.

    It is not if less than `HITS_PER_CENT` of the jobs would have started in another way, and the idle time would have
    changed by less than `IDLE_PER_CENT`. What the pool has now but its bounds do not allow does not stay.

    Raises:
        InvalidInput: a schedule is in a zone that this system does not know.
    """
    now = present(pool)
    before, after = expected(now, demand, waits), expected(proposed, demand, waits)
    replayed = f"replayed, {after.describe()}; now {before.describe()}"
    if _within_bounds(pool) and _alike(before, after, len(demand.jobs)):
        same = f"no change: less than {HITS_PER_CENT} % of the jobs and less than {IDLE_PER_CENT} % of the idle time"
        return attrs.evolve(now, evidence=(*proposed.evidence, replayed, same))
    return attrs.evolve(proposed, evidence=(*proposed.evidence, replayed))


def _alike(before: Expected, after: Expected, jobs: int) -> bool:
    hits = max(abs(after.hits_hot - before.hits_hot), abs(after.hits_stopped - before.hits_stopped))
    idle = abs(after.idle_machine_time - before.idle_machine_time)
    return _less(hits, jobs, HITS_PER_CENT) and _less(idle, before.idle_machine_time, IDLE_PER_CENT)


def _less(part: int, whole: int, per_cent: int) -> bool:
    """True if it is nothing, or less than so many % of the whole."""
    return part == 0 or 100 * part < per_cent * whole


def _within_bounds(pool: Pool) -> bool:
    asked = [pool.targets, *(window.targets for window in pool.schedule.windows)]
    return all(within(pool, one.hot, one.hot + one.stopped) == one for one in asked)


def _steps(recommendation: Recommendation, demand: Demand) -> Iterator[tuple[Moment, Targets]]:
    """From when on which targets hold; the first are those at the beginning."""
    for at, window in recommendation.schedule.steps(demand.since, demand.until):
        yield at, recommendation.targets if window is None else window.targets


class _Spares:
    """Spares of one kind: how many are there, and when others will be."""

    def __init__(self, count: int, at: Moment) -> None:
        self.free, self.at, self.idle = count, at, 0
        self.due: deque[Moment] = deque()

    def take(self, at: Moment, ahead: Span) -> bool:
        """True if there is one: it is gone, and its successor is due."""
        self.pass_to(at)
        if not self.free:
            return False
        self.free -= 1
        self.due.append(at + ahead)
        return True

    def aim(self, at: Moment, count: int) -> None:
        """So many are wanted from now on: others are there at once; what is too many and not there yet never comes."""
        self.pass_to(at)
        more = count - self.free - len(self.due)
        while more < 0 and self.due:
            self.due.pop()
            more += 1
        self.free += more

    def pass_to(self, at: Moment) -> None:
        """Let time pass, and count what it was idle."""
        while self.due and self.due[0] <= at:
            self._wait(self.due.popleft())
            self.free += 1
        self._wait(at)

    def _wait(self, until: Moment) -> None:
        self.idle += self.free * (until - self.at)
        self.at = until
