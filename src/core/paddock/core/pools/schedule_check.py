"""What is wrong with a schedule, all of it at once, and what would be right."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import combinations
from typing import Final

from paddock.core.errors import InvalidInput
from paddock.core.pools.schedule import DAYS, Schedule, Window
from paddock.core.units import Moment, datetime_of, rfc3339
from paddock.core.wallclock import MIDNIGHT, zone_of

MOST: Final = 5_000
"""More machines than this are no target but a slip of the pen: it is as many as housekeeping is held to."""

_DAYS: Final = range(date(2025, 12, 4).toordinal(), date(2038, 1, 1).toordinal())
"""Where windows of two zones are looked at: as far as the database of zones lists changes one by one.

The first is a Thursday, and its week therefore looked at from Monday on.
"""

_FAR: Final = 3
"""Two that meet begin at most so many days apart: one lasts a day, and zones are a bit more than one apart."""

_WEEKS: Final = _DAYS[len(DAYS) : -len(DAYS) - _FAR : len(DAYS)]


def problems(schedule: Schedule) -> tuple[InvalidInput, ...]:
    """All that is wrong with the schedule, in its order; then which of its sound windows meet.

    Fields are paths as files have them: ``zone``, ``windows[0].from``. Windows of one priority must not meet: those of
    one zone by their hours, those of two zones in any week until the end of 2037.
    """
    found = [*_zone("zone", schedule.zone)]
    zoneless = bool(found)
    sound: list[int] = []
    for index, window in enumerate(schedule.windows):
        field = f"windows[{index}]"
        wrong = [*_name(f"{field}.name", window, schedule.windows[:index])]
        if window.zone is not None:
            wrong += _zone(f"{field}.zone", window.zone)
        wrong += [*_days(f"{field}.days", window), *_numbers(field, window)]
        found += wrong
        if not wrong and not (zoneless and window.zone is None):
            sound.append(index)
    for one, other in combinations(sound, 2):
        found += _meetings(schedule, schedule.windows[one], schedule.windows[other], f"windows[{other}]")
    return tuple(found)


def _zone(field: str, name: str) -> Iterator[InvalidInput]:
    try:
        zone_of(name)
    except InvalidInput as error:
        yield InvalidInput(field, name, error.remedy)


def _name(field: str, window: Window, before: Sequence[Window]) -> Iterator[InvalidInput]:
    if not window.name:
        yield InvalidInput(field, window.name, "must not be empty")
    elif any(other.name == window.name for other in before):
        yield InvalidInput(field, window.name, "is the name of a window before it: each needs one of its own")


def _days(field: str, window: Window) -> Iterator[InvalidInput]:
    for index, day in enumerate(window.days):
        if day not in DAYS:
            remedy = f"of window {window.name!r} must be one of {', '.join(DAYS)}"
            yield InvalidInput(f"{field}[{index}]", day, remedy)
        elif day in window.days[:index]:
            yield InvalidInput(f"{field}[{index}]", str(day), f"of window {window.name!r} is there already")


def _numbers(field: str, window: Window) -> Iterator[InvalidInput]:
    whose = f"of window {window.name!r}"
    for name, value, most, right in (
        ("from", window.begins, MIDNIGHT - 1, "minutes of the day, 0 (00:00) to 1439 (23:59)"),
        ("to", window.ends, MIDNIGHT, "minutes of the day, 0 (00:00) to 1440 (24:00)"),
        ("hot", window.hot, MOST, f"0 to {MOST} machines"),
        ("stopped", window.stopped, MOST, f"0 to {MOST} machines"),
    ):
        if type(value) is not int or not 0 <= value <= most:
            yield InvalidInput(f"{field}.{name}", value, f"{whose} must be {right}")
    if type(window.priority) is not int:
        yield InvalidInput(f"{field}.priority", window.priority, f"{whose} must be a whole number: the highest wins")


def _meetings(schedule: Schedule, one: Window, other: Window, field: str) -> Iterator[InvalidInput]:
    """That two windows of one priority meet, if they do. `field` is the later one's."""
    zones = schedule.zone_name(one), schedule.zone_name(other)
    met = _meeting(one, other, zones) if one.priority == other.priority else None
    if met is None:
        return
    if zones[0] == zones[1]:
        begins, ends = map(datetime_of, met)
        when = f"from {DAYS[begins.weekday()]} {begins:%H:%M} to {ends:%H:%M}"
    else:
        when = f"for example from {rfc3339(met[0])} to {rfc3339(met[1])}"
    yield InvalidInput(
        field,
        other.name,
        f"{other.describe(schedule.zone)} meets window {one.name!r}, {one.describe(schedule.zone)}, {when}, and both "
        f"have priority {one.priority}: give the one that shall win a higher one, or let one end as the other begins",
    )


def _meeting(one: Window, other: Window, zones: tuple[str, str]) -> tuple[Moment, Moment] | None:
    """From when to when both are in force, at the first time that is found; None if they never are.

    Windows of one zone meet if they do by a clock that is never put forward or back, because their edges keep their
    order: any week shows it. Of two zones all weeks are looked at that differ in how far these are from UTC.
    """
    here, there = (UTC, UTC) if zones[0] == zones[1] else (zone_of(zones[0]), zone_of(zones[1]))
    for week in _weeks(here, there):
        days = range(week - _FAR, week + len(DAYS))
        others = other.stretches(there, days)
        for a in one.stretches(here, days):
            for b in others:
                if a.begins < b.ends and b.begins < a.ends:
                    return max(a.begins, b.begins), min(a.ends, b.ends)
    return None


@lru_cache(maxsize=32)
def _weeks(here: tzinfo, there: tzinfo) -> tuple[int, ...]:
    """One of all weeks that are alike: at the noons of their days, and some around, the zones are as far from UTC."""
    alike: dict[object, int] = {}
    for week in _WEEKS:
        around = slice(week - _DAYS[0] - _FAR - 1, week - _DAYS[0] + len(DAYS) + _FAR)
        alike.setdefault((_offsets(here)[around], _offsets(there)[around]), week)
    return tuple(alike.values())


@lru_cache(maxsize=32)
def _offsets(zone: tzinfo) -> tuple[timedelta | None, ...]:
    """How far from UTC the zone's clock is at each day's noon."""
    return tuple(zone.utcoffset(datetime.combine(date.fromordinal(day), time(12))) for day in _DAYS)
