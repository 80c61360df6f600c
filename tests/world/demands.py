"""Demands as people know them, for tests of sizing: a week of office hours, of nightly bursts, of a constant drip."""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from paddock.core.pools.pool import Bounds, Pool
from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.sizing.demand import Demand, Taken, demand_between
from paddock.core.spec import RunnerSpec
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from tests.strategies import NOON

MONDAY: Moment = NOON + 12 * HOUR
"""The beginning of a Monday in UTC: 2026-11-23."""

AHEAD = 90 * SECOND
POOL = Pool("web", RunnerSpec(), bounds=Bounds(most=Targets(100, 100)))


def job(queued_at: Moment, lasts: Span = 10 * MINUTE, wait: Span = 30 * SECOND) -> Taken:
    """A job that began after a while."""
    return Taken(queued_at, queued_at + wait, queued_at + wait + lasts)


def demand(jobs: Iterable[Taken], since: Moment = MONDAY, looked: Span = 7 * DAY) -> Demand:
    """The demand of a week from Monday on."""
    return demand_between(jobs, since, since + looked)


def each_day(days: Iterable[int], *clock: Span, lasts: Span = 10 * MINUTE) -> list[Taken]:
    """Jobs on days of the week (Monday is 0), queued at these times of the day."""
    return [job(MONDAY + day * DAY + at, lasts) for day in days for at in clock]


def every(step: Span, begins: Span, ends: Span) -> Sequence[Span]:
    """Times of the day, one after the other."""
    return range(begins, ends, step)


def pool(zone: str = "UTC", **other: Any) -> Pool:  # noqa: ANN401 - any fields
    """A pool whose bounds allow a hundred of each, with a schedule in this zone."""
    return attrs.evolve(POOL, **{"schedule": Schedule(zone), **other})


@st.composite
def takens(draw: st.DrawFn, since: Moment = MONDAY, looked: Span = 2 * DAY) -> Taken:
    """Jobs on whole seconds, some of them together, some of them at the edges of what is looked at."""
    at = draw(st.integers(-60, looked // SECOND + 60) | st.sampled_from([0, 59, 60, 3_599, 3_600]))
    wait = draw(st.integers(0, 300))
    return job(since + at * SECOND, draw(st.integers(0, 4 * 3_600)) * SECOND, wait * SECOND)
