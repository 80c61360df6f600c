"""Schedules against a walk through time, minute by minute, with somebody who reads the clocks on the walls.

He knows nothing of edges and of changes: he reads each clock each minute, keeps the latest time that it has shown (a
clock that is put back stands still to him until it gets there again), and looks that up in the windows' days and hours.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import example, given, settings
from hypothesis import strategies as st

from paddock.core.pools.schedule import DAYS, Change, Day, Schedule, Targets, Window
from paddock.core.pools.schedule_check import problems
from paddock.core.units import DAY, MICROSECOND, MINUTE, Moment, moment_of
from paddock.core.wallclock import moment_at, zone_of

T = TypeVar("T")

ZONES = sorted(name for name in available_timezones() if name not in {"localtime", "Factory"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WARM_UP = 8 * 60
"""So many minutes before the first that counts a walk begins; no clock has been put back by more since 1973."""

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

ONE = timedelta(minutes=1)
HALF = settings().max_examples // 2
NONE = Targets()


def at(text: str) -> Moment:
    """The moment of a time in UTC such as ``2026-03-29T01:00``."""
    return moment_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


def read(moment: Moment, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows."""
    return (EPOCH + timedelta(microseconds=moment)).astimezone(zone).replace(tzinfo=None)


def latest(since: Moment, minutes: int, zone: ZoneInfo) -> list[datetime]:
    """The latest time that the clock has shown, at each of so many minutes from `since` on."""
    now = (EPOCH + timedelta(microseconds=since, minutes=-WARM_UP)).replace(tzinfo=zone)
    held, found = zone.fromutc(now), []
    for _ in range(WARM_UP + minutes):
        held = max(held, zone.fromutc(now))  # datetimes of one zone are compared by what they show
        found.append(held)
        now += ONE
    return found[WARM_UP:]


def holds(window: Window, shown: datetime) -> bool:
    """True if the window is in force when this is the latest time that its clock has shown."""
    minute = shown.hour * 60 + shown.minute
    today, yesterday = WEEK[shown.weekday()], WEEK[shown.weekday() - 1]
    if window.begins < window.ends:
        return window.begins <= minute < window.ends and (not window.days or today in window.days)
    if minute >= window.begins and (not window.days or today in window.days):
        return True
    return minute < window.ends and (not window.days or yesterday in window.days)


def walk(schedule: Schedule, since: Moment, minutes: int) -> list[Window | None]:
    """What is in force at each minute."""
    clocks = {
        name: latest(since, minutes, ZoneInfo(name))
        for name in {schedule.zone, *(window.zone for window in schedule.windows if window.zone)}
    }
    found: list[Window | None] = []
    for minute in range(minutes):
        best: Window | None = None
        for window in schedule.windows:
            if holds(window, clocks[window.zone or schedule.zone][minute]) and (
                best is None or window.priority > best.priority
            ):
                best = window
        found.append(best)
    return found


def by_minute(schedule: Schedule, since: Moment, minutes: int) -> list[Window | None]:
    """The same from the schedule's own steps."""
    found: list[Window | None] = []
    last: Window | None = None
    for moment, window in schedule.steps(since, since + (minutes - 1) * MINUTE):
        found += [last] * (-(-(moment - since) // MINUTE) - len(found))
        last = window
    return found + [last] * (minutes - len(found))


@cache
def changes(name: str, year: int) -> tuple[Moment, ...]:
    """When in the year the zone's clock is put forward or back."""
    zone, found = ZoneInfo(name), []

    def offset(moment: Moment) -> timedelta | None:
        return (EPOCH + timedelta(microseconds=moment)).astimezone(zone).utcoffset()

    first = at(f"{year}-01-01T00:00")
    for early, late in pairwise(range(first, first + 374 * DAY, 8 * DAY)):
        if offset(early) != offset(late):
            span = range(early, late)
            found.append(early + bisect_left(span, 1, key=lambda moment: offset(moment) != offset(span[0])))
    return tuple(found)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, Moment]:
    """A zone, and a moment in it: often a day or less before its clock is put forward or back."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(1973, 2060))
    near, often = changes(zone, year), draw(st.integers(0, 4)) > 0
    if near and often:
        change = near[draw(st.integers(0, len(near) - 1))]
        return zone, change - draw(st.integers(-2 * 60, 30 * 60)) * MINUTE
    return zone, at(f"{year}-01-01T00:00") + draw(st.integers(0, 365 * 24 * 60)) * MINUTE


@st.composite
def edges(draw: st.DrawFn, zone: str, moment: Moment) -> int:
    """A minute of the day: any, or one around which the zone's clock jumps soon after the moment."""
    soon = [change for change in changes(zone, read(moment, ZoneInfo(zone)).year) if 0 <= change - moment < 2 * DAY]
    if not soon or not draw(st.integers(0, 2)):
        return draw(st.integers(0, 1439) | st.sampled_from([0, 1, 1439, 8 * 60, 18 * 60]))
    jump = draw(st.sampled_from([read(soon[0] - MICROSECOND, ZoneInfo(zone)), read(soon[0], ZoneInfo(zone))]))
    return (jump.hour * 60 + jump.minute + draw(st.integers(-70, 70))) % 1440


def the_windows(zone: str, moment: Moment, other: str, most: int = 3) -> st.SearchStrategy[tuple[Window, ...]]:
    """Some windows, most of them of the zone, and some of another."""
    one = st.builds(
        Window,
        name=st.sampled_from("abc"),
        begins=edges(zone, moment),
        ends=edges(zone, moment),
        hot=st.integers(0, 3),
        stopped=st.integers(0, 2),
        days=st.one_of(st.just(()), st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple)),
        zone=st.sampled_from([None, None, None, other]),
        priority=st.integers(0, 2),
    )
    return st.lists(one, min_size=1, max_size=most).map(tuple)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, Moment]:
    """A schedule of any zone, and a moment, from which on something may happen to its clock."""
    (zone, moment), other = draw(places()), draw(st.sampled_from(ZONES))
    return Schedule(zone, draw(the_windows(zone, moment, other))), moment


def examples(function: Callable[..., T]) -> Callable[..., T]:
    """The days that are worth a look whatever else is tried: clocks put forward and back, and a day left out."""
    for zone, moment in [
        ("Europe/Berlin", "2026-03-28T12:00"),
        ("Europe/Berlin", "2026-10-24T12:00"),
        ("America/New_York", "2026-03-07T18:00"),
        ("America/New_York", "2026-10-31T18:00"),
        ("Australia/Lord_Howe", "2026-10-03T04:00"),
        ("Australia/Lord_Howe", "2026-04-04T04:00"),
        ("Pacific/Apia", "2011-12-29T20:00"),
        ("America/Sao_Paulo", "2018-11-03T14:00"),
        ("America/Sao_Paulo", "2018-02-17T14:00"),
        ("America/St_Johns", "2010-11-06T14:00"),
        ("Africa/Casablanca", "2026-02-14T14:00"),
        ("Africa/Casablanca", "2026-03-21T14:00"),
        ("UTC", "2028-02-28T12:00"),
        ("Asia/Kathmandu", "2026-12-30T20:00"),
    ]:
        windows = (
            Window("night", 22 * 60, 2 * 60 + 30, 1),
            Window("gap", 135, 165, 2, priority=1),
            Window("midnight", 0, 45, 3, priority=1),
            Window("weekend", 0, 1440, 1, 1, days=(DAYS[4], DAYS[5]), priority=-1),
        )
        function = example((Schedule(zone, windows), at(moment)))(function)
    return function


@examples
@given(schedules())
def test_what_is_in_force_is_what_the_clocks_say(case: tuple[Schedule, Moment]) -> None:
    """At each minute of a day and more, in any zone, with any days, nights, overlaps and priorities."""
    schedule, since = case
    walked = walk(schedule, since, 32 * 60)
    assert by_minute(schedule, since, len(walked)) == walked
    for minute in range(0, len(walked), 97):
        assert schedule.active(since + minute * MINUTE) == walked[minute]


@examples
@given(schedules())
def test_the_next_change_is_the_first(case: tuple[Schedule, Moment]) -> None:
    """Up to the microsecond before it nothing changes, and at it the targets become what was said."""
    schedule, since = case
    targets = [NONE if window is None else window.targets for window in walk(schedule, since, 30 * 60)]
    expected = next((minute for minute, one in enumerate(targets) if one != targets[0]), None)
    change = schedule.next_change(since, NONE)
    if expected is None:
        assert change is None or change.at > since + (len(targets) - 1) * MINUTE
    else:
        assert change is not None
        assert (change.at, change.targets) == (since + expected * MINUTE, targets[expected])
    if change is not None:
        assert schedule.targets(change.at - MICROSECOND, NONE) == targets[0] != change.targets
        assert schedule.targets(change.at, NONE) == change.targets
        window = schedule.active(change.at)
        assert change == Change(change.at, NONE if window is None else window.targets, window)


@settings(max_examples=HALF)
@given(schedules(), st.integers(0, 90), st.sampled_from([Targets(), Targets(1, 1), Targets(0, 2)]))
def test_ahead_of_a_window_its_machines_are_there_and_never_fewer_than_now(
    case: tuple[Schedule, Moment], ahead: int, default: Targets
) -> None:
    """The most of each kind over the minutes to come."""
    schedule, since = case
    targets = [default if window is None else window.targets for window in walk(schedule, since, ahead + 1)]
    expected = Targets(max(one.hot for one in targets), max(one.stopped for one in targets))
    assert schedule.targets(since, default, ahead * MINUTE) == expected
    assert schedule.targets(since, default) == targets[0] == targets[0].most(schedule.targets(since, default, 0))


@settings(max_examples=HALF)
@given(schedules(), st.integers(1, 40))
def test_a_window_begins_once_on_each_of_its_days(case: tuple[Schedule, Moment], weeks: int) -> None:
    """No more and no less often, but where all of its hours were skipped; one after the other, none in another."""
    schedule, since = case
    first = date(1970, 1, 1).toordinal() + since // DAY
    days = range(first, first + weeks * 7)
    for window in schedule.windows:
        zone = zone_of(window.zone or schedule.zone)
        found = window.stretches(zone, days)
        skipped = weeks * (len(window.days) or 7) - len(found)
        assert 0 <= skipped <= 2
        assert all(one.ends <= other.begins for one, other in pairwise(found))
        usual = sum(one.ends - one.begins == window.minutes * MINUTE for one in found)
        assert usual >= len(found) - 4, "all but those of days on which the clock is put forward or back"


def jumps() -> Iterator[tuple[str, Moment]]:
    """Each zone with one of the moments at which its clock is put forward or back, where it is."""
    for number, name in enumerate(ZONES):
        for year in (1975 + number % 50, 2026, 1987, 2011):
            if found := changes(name, year):
                yield name, found[number % len(found)]
                break


def test_in_every_zone_edges_are_first_moments_and_keep_their_order() -> None:
    """Around a change of each clock, each time is a moment at which it, or a later one, shows for the first time."""
    seen = 0
    for name, change in jumps():
        zone = ZoneInfo(name)
        before, after = read(change - MICROSECOND, zone), read(change, zone)
        low, high = min(before, after), max(before, after)
        first = (low - timedelta(minutes=7)).replace(second=0, microsecond=0)
        last = moment_of((first - timedelta(days=1)).replace(tzinfo=UTC)) - 14 * 60 * MINUTE
        step = max(1, int((high - low).total_seconds()) // 60 // 9)
        for minute in range(0, int((high - low).total_seconds()) // 60 + 15, step):
            wall = first + timedelta(minutes=minute)
            moment = moment_at(wall.date(), wall.hour * 60 + wall.minute, zone)
            assert last <= moment, (name, wall)
            assert read(moment, zone) == wall or (read(moment, zone) == after > wall and moment == change), (name, wall)
            assert read(moment - MICROSECOND, zone) < wall, (name, wall)
            assert moment < change or after >= before or wall > before, (name, wall, "the first of two")
            last = moment
        seen += 1
    assert seen > 300


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Window, Window, Moment]:
    """Windows of two zones, neither very long, and a moment after which the clock of one may be put forward or back."""
    zones = draw(st.sampled_from(ZONES)), draw(st.sampled_from(ZONES))
    near = [change for zone in zones for year in (2026, 2029) for change in changes(zone, year)]
    since = (near or [at("2027-06-06T00:00")])[draw(st.integers(0, 3)) % max(1, len(near))] - 30 * 60 * MINUTE
    hours = [(begins, (begins + draw(st.integers(1, 600))) % 1440) for begins in (draw(edges(z, since)) for z in zones)]
    here, there = (Window("ab"[number], *hours[number], zone=zones[number]) for number in (0, 1))
    return here, there, since


@settings(max_examples=HALF)
@given(pairs())
def test_windows_that_may_stand_together_are_never_in_force_together(case: tuple[Window, Window, Moment]) -> None:
    """By the clocks of any two zones: what meets is refused, and what is refused does meet when it is said to."""
    here, there, since = case
    found = problems(Schedule("UTC", (here, there)))

    def together(since: Moment, minutes: int) -> bool:
        clocks = [latest(since, minutes, ZoneInfo(window.zone or "UTC")) for window in (here, there)]
        return any(holds(here, one) and holds(there, other) for one, other in zip(*clocks, strict=True))

    assert found or not together(since, 2 * 24 * 60)
    if found and here.zone != there.zone:
        assert together(at(found[0].remedy.partition("for example from ")[2][:16]), 1)


@settings(max_examples=HALF // 2)
@given(st.sampled_from(ZONES), st.lists(st.sampled_from(DAYS), unique=True), st.data())
def test_windows_of_one_zone_meet_if_they_do_by_any_clock(zone: str, days: list[Day], data: st.DataObject) -> None:
    """All minutes of a week are looked at."""
    minutes = st.integers(0, 1439)
    one = Window("one", data.draw(minutes), data.draw(minutes), days=tuple(days))
    begins = data.draw(minutes | st.sampled_from([one.ends, (one.ends - 1) % 1440]))
    other = Window("other", begins, data.draw(minutes | st.just(one.begins)), days=(data.draw(st.sampled_from(DAYS)),))
    week = [datetime(2026, 11, 2) + minute * ONE for minute in range(7 * 1440)]  # noqa: DTZ001 - any clock's
    meet = any(holds(one, shown) and holds(other, shown) for shown in week)
    assert bool(problems(Schedule(zone, (one, other)))) == meet
