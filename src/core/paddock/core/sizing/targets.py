"""Sizing: how many machines a pool should keep warm, and when, from the jobs that were asked of it.

What a hot spare must cover is not how many jobs run, but how many come within the time that it takes to replace a
spare: its boot, and what passes until the pool's task looks. Who comes in that time and finds no hot one wakes a
stopped one, as long as there are some::

    queued      queued  queued                   `ahead` later: the first one's spare is replaced
      │───────────│───────│────────────────────────│
      3 hot ones serve all three; with 2 the third wakes a stopped one

Both are counted for each hour of the week, by the clock of the schedule's zone, minute by minute (`Slot`). What is
seldom is not paid for: what one minute in ten exceeds is left to the stopped ones and to cold starts. A stopped one
costs its disk alone, so of these there are also as many as most days had at once when a job came, however short that
was (a nightly burst); and one at least for `ACTIVE_FOR` after any job: a pool that falls to zero in the first quiet
hour starts cold again and again.

More demand never means less for an hour: neither fewer hot ones, nor fewer machines. (A stopped one may become a hot
one, and the days that are taken together depend on how long was looked at, never on the jobs.)
"""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from paddock.core.pools.pool import Bounds, Pool
from paddock.core.pools.schedule import DAYS, Schedule, Targets
from paddock.core.pools.schedule_check import MOST
from paddock.core.sizing.demand import Demand
from paddock.core.sizing.slots import ACTIVE_FOR, DAYS_APART_FROM, WEEK, Days, Slot, slots
from paddock.core.sizing.windows import MOST_WINDOWS, Pattern, cells, fit
from paddock.core.units import DAY, HOUR, Moment, Span, rfc3339, span_text

LEAST_JOBS: Final = 20
"""With fewer jobs in the last `WEEK` no machine is kept hot."""

_UNBOUNDED: Final = Bounds(most=Targets(MOST, MOST))


@attrs.frozen
class Recommendation:
    """Targets and schedule for a pool, and in sentences for people where they come from."""

    targets: Targets
    schedule: Schedule
    evidence: tuple[str, ...] = ()


def recommend(demand: Demand, pool: Pool, now: Moment, ahead: Span) -> Recommendation:
    """What the pool should keep warm for demand such as this.

    `ahead` is how long it takes to replace a spare: its boot, and the interval at which the pool's task looks. The
    schedule is in the zone of the pool's, and has `MOST_WINDOWS` windows at most. Targets stay within `Pool.bounds`
    and `Pool.most`.

    Raises:
        ValueError: less than a day was looked at, or some time that is not over, or `ahead` is not more than 0.
        InvalidInput: the schedule is in a zone that this system does not know.
    """
    if demand.until - demand.since < DAY:
        looked = span_text(demand.until - demand.since)
        raise ValueError(f"demand is of {looked}: look at a day or more, for each hour of the day is sized by itself")
    if demand.until > now:
        raise ValueError(f"demand is until {rfc3339(demand.until)}: look at nothing after now, {rfc3339(now)}")
    week = slots(demand, pool.schedule.zone, ahead)
    recent = sum(job.queued_at >= demand.until - WEEK for job in demand.jobs)
    hot = recent >= LEAST_JOBS
    patterns = [Pattern(one.days, tuple(asked(slot, pool, hot=hot) for slot in one.slots)) for one in week]
    targets, schedule = fit(patterns, pool.schedule.zone)
    found = Recommendation(targets, schedule)
    reasons = (
        *_sample(demand, week, recent),
        *_windows(week, found, ahead),
        *_bounded(week, pool, hot=hot),
        *_together(patterns, found),
    )
    return attrs.evolve(found, evidence=reasons)


def asked(slot: Slot, pool: Pool, *, hot: bool = True) -> Targets:
    """What is wanted in the slot, within the pool's bounds; no hot ones, if there is too little evidence for any."""
    return within(pool, slot.arrivals if hot else 0, slot.machines)


def within(pool: Pool, hot: int, machines: int) -> Targets:
    """So many hot ones, and stopped ones up to so many machines, as far as the pool's bounds allow, and ask for.

    Bounds are for pools whose targets follow demand: one without both is bounded by its limit (`Pool.most`) alone. That
    has to have room for one more than the hot ones.
    """
    bounds = pool.bounds if pool.auto or pool.bounds != Bounds() else _UNBOUNDED
    least, most = bounds.least, bounds.most
    limit = MOST if pool.most is None else min(MOST, pool.most)
    hot = min(max(hot, least.hot), most.hot, max(0, limit - 1))
    stopped = min(max(machines - hot, least.stopped), most.stopped, limit - hot)
    return Targets(hot, max(0, stopped))


def _sample(demand: Demand, week: Sequence[Days], recent: int) -> Iterator[str]:
    """What was looked at, and how."""
    looked = demand.until - demand.since
    days, hours = divmod(looked // HOUR, DAY // HOUR)
    span = f"{_count(days, 'day')} and {_count(hours, 'hour')}" if hours else _count(days, "day")
    last = "" if looked == WEEK else f", {recent} of them in the last 7 days"
    yield f"{_count(len(demand.jobs), 'job')} in {span}{last}"
    if recent < LEAST_JOBS:
        yield f"fewer than {LEAST_JOBS} jobs in 7 days: no machine is kept hot for them"
    if len(week) == 1:
        yield "all days count as one: less than 7 days were looked at"
    elif len(week) < len(DAYS):
        few = DAYS_APART_FROM // DAY
        yield f"Monday to Friday count as one day, Saturday and Sunday as another: less than {few} days were looked at"


def _windows(week: Sequence[Days], found: Recommendation, ahead: Span) -> Iterator[str]:
    """Why there is so much in each window, and outside."""
    rest = {(day, hour): slot for days in week for day in days.days for hour, slot in enumerate(days.slots)}
    for window in found.schedule.windows:
        here = [rest.pop(cell) for cell in cells(window)]
        yield f"{window.name}: {_targets(window.targets)}, for {_need(here, ahead)}"
    other = "at other times" if found.schedule.windows else "at all times"
    yield f"{other}: {_targets(found.targets)}, for {_need(list(rest.values()), ahead)}"


def _need(slots: Sequence[Slot], ahead: Span) -> str:
    """What was seen in these slots, in the neediest of them."""
    arrivals, claims, usual = (max(one) for one in zip(*((s.arrivals, s.claims, s.usual) for s in slots), strict=True))
    if not any(slot.machines for slot in slots):
        return f"no job came, nor in the {ACTIVE_FOR // HOUR} hours before"
    text = f"nine in ten minutes had at most {_count(arrivals, 'arrival')} within {span_text(ahead)}, and "
    text += f"at most {_count(claims, 'job')} in flight"
    if usual > claims:
        text += f"; most days had {usual} at once as a job came"
    if any(slot.machines > max(slot.arrivals, slot.claims, slot.usual) for slot in slots):
        text += f"; one at least, for a job came in the hour or in the {ACTIVE_FOR // HOUR} before it"
    return text


def _bounded(week: Sequence[Days], pool: Pool, *, hot: bool) -> Iterator[str]:
    """That the pool's bounds made a difference."""
    free = attrs.evolve(pool, most=None, bounds=_UNBOUNDED)
    wishes = [
        (asked(slot, free, hot=hot), asked(slot, pool, hot=hot), len(one.days)) for one in week for slot in one.slots
    ]
    changed = sum(days for wish, bounded, days in wishes if wish != bounded)
    if changed:
        most = Targets(max(wish.hot for wish, _, _ in wishes), max(wish.stopped for wish, _, _ in wishes))
        yield (
            f"the pool's bounds make a difference in {_count(changed, 'hour')} of the week; without them there would "
            f"be at most {_targets(most)}"
        )


def _together(patterns: Sequence[Pattern], found: Recommendation) -> Iterator[str]:
    """That hours got more than they need."""
    given = {cell: window.targets for window in found.schedule.windows for cell in cells(window)}
    wanted = {(day, hour): one for days in patterns for day in days.days for hour, one in enumerate(days.hours)}
    more = sum(given.get(cell, found.targets) != targets for cell, targets in wanted.items())
    if more:
        yield (
            f"{_count(more, 'hour')} of the week got more than needed: those that differ least were put together, for "
            f"no more than {MOST_WINDOWS} windows"
        )


def _targets(targets: Targets) -> str:
    return f"{targets.hot} hot and {targets.stopped} stopped"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
