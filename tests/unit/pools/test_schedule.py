"""Windows of wall clocks as people write them: days, midnights, clocks put forward and back, and what is refused."""

from datetime import UTC, date, datetime

import pytest

from paddock.core.codec import from_data, to_data
from paddock.core.errors import InvalidInput
from paddock.core.pools.schedule import DAYS, HORIZON, Change, Day, Schedule, Targets, Window
from paddock.core.pools.schedule_check import problems
from paddock.core.units import DAY, HOUR, MICROSECOND, MINUTE, Moment, Span, moment_of, rfc3339
from paddock.core.wallclock import clock_text, minutes_of, moment_at, zone_of

WEEKDAYS = DAYS[:5]
NONE = Targets()


def at(text: str) -> Moment:
    """The moment of a time in UTC such as ``2026-03-29T01:00``."""
    return moment_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


def window(hours: str, *days: Day, name: str = "w", hot: int = 1, zone: str | None = None, priority: int = 0) -> Window:
    """A window of hours such as ``08:00-18:00``."""
    begins, _, ends = hours.partition("-")
    return Window(name, minutes_of(begins), minutes_of(ends), hot, 0, days, zone, priority)


def stretch(zone: str, day: str, hours: str) -> str | None:
    """From when to when a window that begins on the day is in force, in UTC; None if it never is."""
    one = window(hours)
    found = one.stretches(zone_of(zone), [date.fromisoformat(day).toordinal()])
    return f"{rfc3339(found[0].begins)[:-4]} to {rfc3339(found[0].ends)[:-4]}" if found else None


def hours_in_force(schedule: Schedule, since: str, until: str) -> Span:
    """For how long any window is in force, in hours, seen from one change to the next."""
    steps = [*schedule.steps(at(since), at(until)), (at(until), None)]
    held = sum(steps[i + 1][0] - moment for i, (moment, active) in enumerate(steps[:-1]) if active is not None)
    return held // HOUR


def test_a_window_holds_from_its_first_moment_to_the_last_before_its_end() -> None:
    """To the microsecond: its beginning is in it, its end is not."""
    schedule = Schedule("Europe/Berlin", (window("08:00-18:00", *WEEKDAYS),))
    monday = at("2026-11-30T00:00")
    assert schedule.active(monday + 7 * HOUR - MICROSECOND) is None
    assert schedule.active(monday + 7 * HOUR) == schedule.windows[0]
    assert schedule.active(monday + 17 * HOUR - MICROSECOND) == schedule.windows[0]
    assert schedule.active(monday + 17 * HOUR) is None
    assert schedule.active(monday - DAY + 12 * HOUR) is None, "nobody works on a Sunday"


def test_a_window_across_midnight_belongs_to_the_day_on_which_it_began() -> None:
    """Friday's night goes on into Saturday, and Friday's early morning is Thursday's, which there is none of."""
    schedule = Schedule(windows=(window("22:00-06:00", Day.FRIDAY),))
    assert schedule.active(at("2026-11-27T05:59")) is None
    assert schedule.active(at("2026-11-27T22:00")) is not None
    assert schedule.active(at("2026-11-28T05:59")) is not None
    assert schedule.active(at("2026-11-28T06:00")) is None
    assert schedule.active(at("2026-11-28T22:00")) is None


def test_no_days_mean_all_days() -> None:
    """A window without days begins on each of them."""
    assert hours_in_force(Schedule(windows=(window("08:00-10:00"),)), "2026-11-02T00:00", "2026-11-30T00:00") == 56


@pytest.mark.parametrize(("hours", "begins"), [("00:00-24:00", 0), ("00:00-00:00", 0), ("09:00-09:00", 9)])
def test_from_a_time_to_the_same_time_is_a_whole_day(hours: str, begins: int) -> None:
    """One day's window holds for 24 hours, and that of every day without a gap and without a change."""
    one = Schedule(windows=(window(hours, Day.TUESDAY),))
    assert hours_in_force(one, "2026-11-02T00:00", "2026-11-30T00:00") == 4 * 24
    assert one.next_change(at("2026-11-23T12:00"), NONE) == Change(
        at("2026-11-24T00:00") + begins * HOUR, Targets(1), one.windows[0]
    )
    every = Schedule(windows=(window(hours),))
    assert every.next_change(at("2026-11-23T12:00"), NONE) is None
    since = at("2026-11-23T12:00")
    assert [*every.steps(since, since + 30 * DAY)] == [(since, every.windows[0])]


def test_years_end_and_have_leap_days_like_other_days() -> None:
    """The week goes on over New Year, and on the 29th of February."""
    nights = Schedule("Europe/Berlin", (window("22:00-06:00", Day.THURSDAY),))
    assert nights.active(at("2026-12-31T23:30")) is not None, "it is half past midnight of 2027 in Berlin"
    assert nights.active(at("2027-01-01T05:00")) is None
    leap = Schedule(windows=(window("23:00-01:00", Day.TUESDAY),))
    assert [rfc3339(moment) for moment, _ in leap.steps(at("2028-02-28T00:00"), at("2028-03-02T00:00"))] == [
        "2028-02-28T00:00:00Z",
        "2028-02-29T23:00:00Z",
        "2028-03-01T01:00:00Z",
    ]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "expected"),
    [
        # 02:00 becomes 03:00 at 01:00 UTC.
        ("Europe/Berlin", "2026-03-29", "01:30-02:30", "2026-03-29T00:30 to 2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29", "02:30-04:00", "2026-03-29T01:00 to 2026-03-29T02:00"),
        ("Europe/Berlin", "2026-03-29", "02:15-02:45", None),
        ("Europe/Berlin", "2026-03-29", "02:00-03:00", None),
        ("Europe/Berlin", "2026-03-28", "22:00-06:00", "2026-03-28T21:00 to 2026-03-29T04:00"),
        ("Europe/Berlin", "2026-03-28", "02:30-02:30", "2026-03-28T01:30 to 2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29", "02:30-02:30", "2026-03-29T01:00 to 2026-03-30T00:30"),
        # 03:00 becomes 02:00 at 01:00 UTC.
        ("Europe/Berlin", "2026-10-25", "01:30-02:30", "2026-10-24T23:30 to 2026-10-25T00:30"),
        ("Europe/Berlin", "2026-10-25", "02:30-04:00", "2026-10-25T00:30 to 2026-10-25T03:00"),
        ("Europe/Berlin", "2026-10-25", "02:15-02:45", "2026-10-25T00:15 to 2026-10-25T00:45"),
        ("Europe/Berlin", "2026-10-25", "02:00-03:00", "2026-10-25T00:00 to 2026-10-25T02:00"),
        ("Europe/Berlin", "2026-10-24", "22:00-06:00", "2026-10-24T20:00 to 2026-10-25T05:00"),
        ("America/New_York", "2026-03-08", "02:30-08:00", "2026-03-08T07:00 to 2026-03-08T12:00"),
        ("America/New_York", "2026-11-01", "01:30-08:00", "2026-11-01T05:30 to 2026-11-01T13:00"),
        # Half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
        ("Australia/Lord_Howe", "2026-10-04", "02:15-03:00", "2026-10-03T15:30 to 2026-10-03T16:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:00-02:30", None),
        ("Australia/Lord_Howe", "2026-04-05", "01:30-02:00", "2026-04-04T14:30 to 2026-04-04T15:30"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45-02:15", "2026-04-04T14:45 to 2026-04-04T15:45"),
        # The 30th was skipped, at 10:00 UTC of it.
        ("Pacific/Apia", "2011-12-30", "08:00-18:00", None),
        ("Pacific/Apia", "2011-12-30", "00:00-24:00", None),
        ("Pacific/Apia", "2011-12-30", "22:00-06:00", "2011-12-30T10:00 to 2011-12-30T16:00"),
        ("Pacific/Apia", "2011-12-29", "22:00-06:00", "2011-12-30T08:00 to 2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-29", "08:00-18:00", "2011-12-29T18:00 to 2011-12-30T04:00"),
        ("Pacific/Apia", "2011-12-31", "08:00-18:00", "2011-12-30T18:00 to 2011-12-31T04:00"),
        # 00:00 becomes 01:00, and 00:00 becomes 23:00 of the day before.
        ("America/Sao_Paulo", "2018-11-04", "00:00-06:00", "2018-11-04T03:00 to 2018-11-04T08:00"),
        ("America/Sao_Paulo", "2018-11-03", "23:00-00:00", "2018-11-04T02:00 to 2018-11-04T03:00"),
        ("America/Sao_Paulo", "2018-11-03", "23:30-00:30", "2018-11-04T02:30 to 2018-11-04T03:00"),
        ("America/Sao_Paulo", "2018-11-04", "00:15-00:45", None),
        ("America/Sao_Paulo", "2018-02-17", "22:00-24:00", "2018-02-18T00:00 to 2018-02-18T03:00"),
        ("America/Sao_Paulo", "2018-02-17", "23:30-00:30", "2018-02-18T01:30 to 2018-02-18T03:30"),
        ("America/Sao_Paulo", "2018-02-18", "00:00-06:00", "2018-02-18T03:00 to 2018-02-18T09:00"),
        # 00:01 becomes 23:01 of the day before: Sunday has begun, and is not ended by a second Saturday.
        ("America/St_Johns", "2010-11-07", "00:00-06:00", "2010-11-07T02:30 to 2010-11-07T09:30"),
        # Back for Ramadan: 03:00 becomes 02:00.
        ("Africa/Casablanca", "2026-02-15", "02:30-04:00", "2026-02-15T01:30 to 2026-02-15T04:00"),
        ("Africa/Casablanca", "2026-03-22", "02:30-04:00", "2026-03-22T02:00 to 2026-03-22T03:00"),
        # Two hours at once.
        ("Antarctica/Troll", "2026-03-29", "01:30-03:30", "2026-03-29T01:00 to 2026-03-29T01:30"),
        ("Antarctica/Troll", "2026-10-25", "01:30-02:30", "2026-10-24T23:30 to 2026-10-25T00:30"),
    ],
)
def test_edges_are_the_first_moments_of_their_times(zone: str, day: str, hours: str, expected: str | None) -> None:
    """A skipped time is the moment of the change, and one that exists twice is its first occurrence."""
    assert stretch(zone, day, hours) == expected


def test_what_has_begun_goes_on_where_the_clock_is_put_back_over_midnight() -> None:
    """It is Saturday once more, but Sunday's window has begun, and is in force."""
    schedule = Schedule("America/St_Johns", (window("00:00-06:00", Day.SUNDAY),))
    assert schedule.active(at("2010-11-07T02:29")) is None
    assert schedule.active(at("2010-11-07T03:00")) is not None, "23:30 of Saturday, for the second time"


def test_the_highest_priority_wins() -> None:
    """A freeze in the midst of the office hours, from its first to its last moment."""
    office, freeze = window("08:00-18:00", hot=5), window("12:00-13:00", name="freeze", hot=0, priority=1)
    for windows in ((office, freeze), (freeze, office)):
        found = [*Schedule(windows=windows).steps(at("2026-11-30T07:00"), at("2026-11-30T18:00"))]
        assert [(rfc3339(moment)[11:16], active and active.name) for moment, active in found] == [
            ("07:00", None),
            ("08:00", "w"),
            ("12:00", "freeze"),
            ("13:00", "w"),
            ("18:00", None),
        ]


def test_of_equal_priorities_the_first_in_the_list_wins() -> None:
    """It is refused, but what comes of it does not depend on luck."""
    pair = (window("08:00-10:00", name="b"), window("08:00-10:00", name="a", hot=9))
    assert [Schedule(windows=w).active(at("2026-11-30T09:00")) for w in (pair, pair[::-1])] == list(pair)


def test_a_window_may_have_a_zone_of_its_own() -> None:
    """Each begins by its own clock."""
    schedule = Schedule("Europe/Berlin", (window("08:00-09:00"), window("08:00-09:00", zone="Asia/Tokyo", hot=2)))
    assert schedule.next_change(at("2026-11-29T12:00"), NONE) == Change(
        at("2026-11-29T23:00"), Targets(2), schedule.windows[1]
    )
    assert schedule.next_change(at("2026-11-30T00:00"), NONE) == Change(
        at("2026-11-30T07:00"), Targets(1), schedule.windows[0]
    )


def test_a_change_is_one_of_targets() -> None:
    """A window after another with the same targets is none, nor is one with those that hold anyway."""
    schedule = Schedule(windows=(window("08:00-12:00"), window("12:00-18:00", name="later")))
    morning = at("2026-11-30T09:00")
    assert schedule.next_change(morning, NONE) == Change(at("2026-11-30T18:00"), NONE, None)
    assert schedule.next_change(morning, Targets(1)) is None
    assert Schedule().next_change(morning, NONE) is None


def test_what_is_hidden_all_week_never_changes_anything() -> None:
    """A window below another of all hours: the search ends, with nothing."""
    below, above = window("08:00-12:00", hot=7), window("00:00-24:00", name="all", priority=1)
    assert Schedule("Europe/Berlin", (below, above)).next_change(at("2026-11-30T09:00"), NONE) is None


def test_a_change_that_comes_in_two_weeks_of_a_year_is_found() -> None:
    """Two clocks are an hour closer when only one is put back: what a window hid by then shows for an hour."""
    below = window("14:00-15:00", zone="America/New_York", hot=2)
    above = window("20:00-19:00", zone="Europe/Berlin", name="all", priority=1)
    rest = window("19:00-20:00", zone="Europe/Berlin", name="rest")
    schedule = Schedule(windows=(below, above, rest))
    found = schedule.next_change(at("2026-04-01T00:00"), Targets(1))
    assert found == Change(at("2026-10-25T18:00"), Targets(2), below)


def test_machines_are_started_ahead_of_a_window_and_none_are_missing_before_it_ends() -> None:
    """The most of now and soon: more is there from the boot's time before the window on, less only after it."""
    schedule = Schedule(windows=(Window("office", 480, 1080, 4, 1),))
    default, boot = Targets(1, 3), 90 * 1_000_000
    day = at("2026-11-30T00:00")

    def there(moment: Moment) -> tuple[int, int]:
        found = schedule.targets(moment, default, boot)
        return found.hot, found.stopped

    assert there(day + 8 * HOUR - boot - MICROSECOND) == (1, 3)
    assert there(day + 8 * HOUR - boot) == (4, 3)
    assert there(day + 8 * HOUR) == (4, 1)
    assert there(day + 18 * HOUR - boot - MICROSECOND) == (4, 1)
    assert there(day + 18 * HOUR - boot) == (4, 3), "the stopped ones of the night are made ready"
    assert there(day + 18 * HOUR) == (1, 3)
    assert schedule.targets(day + 18 * HOUR - MICROSECOND, default) == Targets(4, 1)


def test_a_window_that_begins_and_ends_within_the_time_ahead_counts() -> None:
    """Nobody would be ready for it otherwise; and one that is hidden by a higher priority does not."""
    short = window("08:00-08:05", hot=9)
    before = at("2026-11-30T07:50")
    assert Schedule(windows=(short,)).targets(before, NONE, 20 * MINUTE) == Targets(9)
    hidden = Schedule(windows=(short, window("07:00-09:00", name="above", hot=2, priority=1)))
    assert hidden.targets(before, NONE, 20 * MINUTE) == Targets(2)


def test_nobody_can_start_machines_in_the_past() -> None:
    """A negative time ahead is a mistake of the caller."""
    with pytest.raises(ValueError, match="ahead = -1: must be 0 or more"):
        Schedule().targets(0, NONE, -1)


def test_a_window_reads_as_people_write_it() -> None:
    """Days in runs, hours, and the zone by which they go."""
    assert window("08:00-18:00", *WEEKDAYS).describe("Europe/Berlin") == "mon-fri 08:00-18:00 Europe/Berlin"
    assert window("22:00-06:00", zone="Asia/Tokyo").describe("UTC") == "daily 22:00-06:00 Asia/Tokyo"
    days = (Day.SUNDAY, Day.MONDAY, Day.THURSDAY, Day.WEDNESDAY)
    assert window("00:00-00:00", *days).describe("UTC") == "mon, wed-thu, sun 00:00-24:00 UTC"
    assert window("20:00-00:00", *DAYS).describe("UTC") == "daily 20:00-24:00 UTC"
    assert window("09:30-09:30").describe("UTC") == "daily 09:30-09:30 UTC"


def test_times_of_day_are_read_and_written() -> None:
    """All minutes of a day, and its end."""
    assert [minutes_of(clock_text(minutes)) for minutes in range(1441)] == list(range(1441))
    assert clock_text(minutes_of("08:05")) == "08:05"


@pytest.mark.parametrize(
    "text", ["", "8:00", "24:01", "12:60", "12", "12:00:00", "-1:00", "1200", "\u0660\u0668:30", "08:0a"]
)
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    """The error shows what one looks like."""
    with pytest.raises(InvalidInput, match="must be a time of day from 00:00 to 24:00"):
        minutes_of(text)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Mars/Olympus", None),
        ("PST", None),
        ("", None),
        ("Europe", None),
        ("../etc/passwd", None),
        ("/etc/localtime", None),
        ("localtime", None),
        ("right/Europe/Berlin", "Europe/Berlin"),
        ("UTC\0", "UTC"),
        ("x" * 5_000, None),
    ],
)
def test_a_zone_that_is_not_known_is_refused_with_one_that_may_be_meant(name: str, near: str | None) -> None:
    """By a slip of the pen or by its city; what only some systems have is none, nor is any path."""
    with pytest.raises(InvalidInput) as caught:
        zone_of(name)
    hint = "write an IANA name such as Europe/Berlin, or UTC" if near is None else f"did you mean {near}?"
    assert caught.value.remedy == f"is no time zone that this system knows: {hint}"


def told(schedule: Schedule) -> list[tuple[str, str]]:
    """The fields of the problems, and what would be right."""
    return [(problem.field, problem.remedy) for problem in problems(schedule)]


@pytest.mark.parametrize(
    ("one", "field", "remedy"),
    [
        (Window("", 0, 60), "name", "must not be empty"),
        (Window("n", 1440, 60), "from", "of window 'n' must be minutes of the day, 0 (00:00) to 1439 (23:59)"),
        (Window("n", -1, 60), "from", "of window 'n' must be minutes of the day, 0 (00:00) to 1439 (23:59)"),
        (Window("n", 0, 1441), "to", "of window 'n' must be minutes of the day, 0 (00:00) to 1440 (24:00)"),
        (Window("n", 0, ends=True), "to", "of window 'n' must be minutes of the day, 0 (00:00) to 1440 (24:00)"),
        (Window("n", 0, 60, hot=-1), "hot", "of window 'n' must be 0 to 5000 machines"),
        (Window("n", 0, 60, stopped=5001), "stopped", "of window 'n' must be 0 to 5000 machines"),
        (Window("n", 0, 60, priority=1.5), "priority", "of window 'n' must be a whole number: the highest wins"),  # type: ignore[arg-type] # the point
        (Window("n", 0, 60, days=(Day.MONDAY, Day.MONDAY)), "days[1]", "of window 'n' is there already"),
        (
            Window("n", 0, 60, days=("mo",)),  # type: ignore[arg-type] # the point
            "days[0]",
            "of window 'n' must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday",
        ),
        (
            Window("n", 0, 60, zone="Berlin"),
            "zone",
            "is no time zone that this system knows: did you mean Europe/Berlin?",
        ),
    ],
)
def test_each_thing_that_is_wrong_with_a_window_is_told(one: Window, field: str, remedy: str) -> None:
    """The field by its place in the list, the window by its name, and what would be right."""
    assert told(Schedule(windows=(Window("sound", 300, 360), one))) == [(f"windows[1].{field}", remedy)]


def test_the_bounds_themselves_are_allowed() -> None:
    """The first and last minutes, none and the most machines, and any priority."""
    assert told(Schedule(windows=(Window("a", 0, 1440, 5_000, 5_000, priority=-9), Window("b", 1439, 0)))) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Also a name that is there twice, and a schedule's zone; what is wrong is not compared."""
    windows = (window("08:00-18:00"), window("08:00-18:00"), Window("x", -5, 2_000, zone=""))
    assert [field for field, _ in told(Schedule("Nowhere", windows))] == [
        "zone",
        "windows[1].name",
        "windows[2].zone",
        "windows[2].from",
        "windows[2].to",
    ]
    tokyo = window("08:00-18:00", name="tokyo", zone="Asia/Tokyo")
    assert [field for field, _ in told(Schedule("Nowhere", (window("08:00-18:00"), tokyo)))] == ["zone"]
    kyoto = window("17:00-19:00", name="kyoto", zone="Asia/Tokyo")
    assert [field for field, _ in told(Schedule("Nowhere", (tokyo, kyoto)))] == ["zone", "windows[1]"]


def test_windows_of_one_priority_that_meet_are_refused() -> None:
    """The text names both, the time, and two ways out; with another priority all is well."""
    office = window("08:00-18:00", *WEEKDAYS, name="office")
    late = window("17:00-20:00", *WEEKDAYS, name="late")
    (problem,) = problems(Schedule("Europe/Berlin", (office, late)))
    assert str(problem) == (
        "windows[1] = 'late': mon-fri 17:00-20:00 Europe/Berlin meets window 'office', mon-fri 08:00-18:00 "
        "Europe/Berlin, from monday 17:00 to 18:00, and both have priority 0: give the one that shall win a higher "
        "one, or let one end as the other begins"
    )
    assert told(Schedule("Europe/Berlin", (office, window("17:00-20:00", *WEEKDAYS, name="late", priority=1)))) == []


@pytest.mark.parametrize(
    ("one", "other", "when"),
    [
        (window("22:00-06:00", Day.SUNDAY), window("05:00-07:00", Day.MONDAY), "from monday 05:00 to 06:00"),
        (window("22:00-06:00", Day.SUNDAY), window("05:00-07:00", Day.SUNDAY), None),
        (window("22:00-06:00"), window("06:00-22:00"), None),
        (window("09:00-09:00", Day.MONDAY), window("08:59-09:01", Day.TUESDAY), "from tuesday 08:59 to 09:00"),
        (window("09:00-09:00", Day.MONDAY), window("09:00-10:00", Day.TUESDAY), None),
        (window("00:00-24:00", Day.MONDAY), window("00:00-24:00", Day.TUESDAY), None),
        (window("02:15-02:30"), window("02:30-02:45"), None),
    ],
)
def test_windows_of_one_zone_are_compared_around_the_week(one: Window, other: Window, when: str | None) -> None:
    """Across midnight and from Sunday to Monday; the end of one may be the beginning of the other."""
    other = Window("other", other.begins, other.ends, days=other.days)
    found = [remedy for _, remedy in told(Schedule("Europe/Berlin", (one, other)))]
    assert len(found) == (when is not None)
    assert when is None or when in found[0]


@pytest.mark.parametrize(
    ("here", "there", "when"),
    [
        # Always one hour apart, for their clocks are put forward at the same moment.
        (window("08:00-18:00", zone="Europe/Berlin"), window("17:00-20:00", zone="Europe/London"), None),
        (window("08:00-18:00", zone="Europe/Berlin"), window("16:59-20:00", zone="Europe/London"), "T16:59:00Z"),
        # Six hours apart but for some weeks, in which it is five.
        (window("08:00-18:00", zone="Europe/Berlin"), window("12:00-18:00", zone="America/New_York"), "2026-03-0"),
        (window("08:00-18:00", zone="Europe/Berlin"), window("13:00-18:00", zone="America/New_York"), None),
        # Two names of one zone, and 02:00 to 03:00 that lasts two hours in Berlin once a year.
        (window("02:00-03:00", zone="Europe/Berlin"), window("03:00-04:00", zone="Arctic/Longyearbyen"), None),
        (window("02:50-03:00", zone="Europe/Berlin"), window("02:20-02:30", zone="Africa/Lagos"), "2026-10-25T01:20"),
    ],
)
def test_windows_of_two_zones_are_compared_by_their_moments(here: Window, there: Window, when: str | None) -> None:
    """In all weeks that their clocks make different; the text has one time at which they meet."""
    found = [
        remedy for _, remedy in told(Schedule("UTC", (here, Window("x", there.begins, there.ends, zone=there.zone))))
    ]
    assert len(found) == (when is not None)
    assert when is None or when in found[0]


def test_a_schedule_is_written_down_and_read_again() -> None:
    """As a pool's record will hold it."""
    schedule = Schedule("Europe/Berlin", (window("08:00-18:00", *WEEKDAYS, zone="Asia/Tokyo", priority=-1),))
    assert from_data(to_data(schedule), Schedule) == schedule


def test_a_zone_that_is_not_known_is_told_when_it_is_needed() -> None:
    """A record from elsewhere may name one; it is read all the same."""
    schedule = Schedule("Mars/Olympus", (window("08:00-18:00"),))
    with pytest.raises(InvalidInput, match=r"zone = 'Mars/Olympus'"):
        schedule.active(0)
    assert Schedule("Mars/Olympus").active(0) is None


def test_a_time_more_than_a_day_after_midnight_is_one_of_the_next_day() -> None:
    """As the ends of windows across midnight are."""
    berlin = zone_of("Europe/Berlin")
    assert moment_at(date(2026, 3, 28), 1440 + 150, berlin) == moment_at(date(2026, 3, 29), 150, berlin)
    assert HORIZON > 366 * DAY, "what comes once a year is found"
