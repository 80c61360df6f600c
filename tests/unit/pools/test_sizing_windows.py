"""A week of targets as a few windows: the same targets in each hour, or more where windows would be too many."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.pools.schedule import Day, Schedule, Targets, Window
from paddock.core.pools.schedule_check import problems
from paddock.core.sizing.windows import MOST_WINDOWS, Pattern, both, cells, fit
from paddock.core.units import DAY, HOUR
from tests.world.demands import MONDAY

pytestmark = pytest.mark.slow

NONE, FEW, MANY = Targets(), Targets(0, 2), Targets(3, 4)
WORKDAYS, WEEKEND, ALL = (0, 1, 2, 3, 4), (5, 6), (0, 1, 2, 3, 4, 5, 6)

small = st.builds(Targets, hot=st.integers(0, 2), stopped=st.integers(0, 2))
day = st.lists(small, min_size=24, max_size=24) | st.tuples(small, small, st.integers(0, 23), st.integers(1, 24)).map(
    lambda drawn: hours(drawn[0], (min(drawn[2:]), max(drawn[2:]), drawn[1]))
)
weeks = st.lists(day, min_size=7, max_size=7) | st.tuples(day, day).map(lambda two: [*[two[0]] * 5, *[two[1]] * 2])


def hours(usual: Targets, *others: tuple[int, int, Targets]) -> list[Targets]:
    """The 24 hours of a day, some of them from one to another with other targets."""
    found = [usual] * 24
    for begins, ends, targets in others:
        found[begins:ends] = [targets] * (ends - begins)
    return found


def fitted(*patterns: tuple[Sequence[int], Sequence[Targets]]) -> tuple[Targets, list[tuple[str, Targets]]]:
    """The targets, and the windows by their names."""
    targets, schedule = fit([Pattern(tuple(days), tuple(one)) for days, one in patterns], "UTC")
    assert problems(schedule) == ()
    return targets, [(window.name, window.targets) for window in schedule.windows]


def shown(targets: Targets, schedule: Schedule) -> Mapping[tuple[int, int], Targets]:
    """What the schedule says in each hour of a week."""
    return {
        (day, hour): schedule.targets(MONDAY + day * DAY + hour * HOUR, targets)
        for day in range(7)
        for hour in range(24)
    }


def test_a_flat_week_needs_no_window() -> None:
    """The pool's own targets say it all."""
    assert fitted((WORKDAYS, hours(FEW)), (WEEKEND, hours(FEW))) == (FEW, [])


def test_hours_that_follow_one_another_are_one_window_and_days_that_are_alike_too() -> None:
    """What most hours have needs none."""
    office = hours(NONE, (9, 17, MANY))
    assert fitted((WORKDAYS, office), (WEEKEND, hours(NONE))) == (NONE, [("mon-fri 09:00-17:00", MANY)])
    assert fitted((WORKDAYS, office), (WEEKEND, office)) == (NONE, [("daily 09:00-17:00", MANY)])
    short = hours(NONE, (9, 17, MANY), (11, 14, FEW))
    assert fitted((WORKDAYS, short), (WEEKEND, office)) == (
        NONE,
        [
            ("mon-fri 09:00-11:00", MANY),
            ("mon-fri 11:00-14:00", FEW),
            ("mon-fri 14:00-17:00", MANY),
            ("sat-sun 09:00-17:00", MANY),
        ],
    )


def test_windows_of_the_same_hours_are_one_although_the_days_differ_otherwise() -> None:
    """The evening is on all days; the morning on some."""
    evening = hours(NONE, (18, 20, FEW))
    assert fitted((WORKDAYS, hours(NONE, (9, 12, MANY), (18, 20, FEW))), (WEEKEND, evening)) == (
        NONE,
        [("mon-fri 09:00-12:00", MANY), ("daily 18:00-20:00", FEW)],
    )


def test_what_goes_on_after_midnight_is_one_window() -> None:
    """On all days, and also where the next days are not the same ones."""
    assert fitted((ALL, hours(NONE, (22, 24, MANY), (0, 2, MANY)))) == (NONE, [("daily 22:00-02:00", MANY)])
    mornings = ((1,), hours(NONE, (0, 2, MANY)))
    assert fitted(((0,), hours(NONE, (22, 24, MANY))), mornings, ((2, 3, 4, 5, 6), hours(NONE))) == (
        NONE,
        [("mon 22:00-02:00", MANY)],
    )


def test_what_goes_on_after_midnight_on_other_days_is_two_windows() -> None:
    """Friday's night would go into Saturday, and nothing is wanted there."""
    nights = hours(NONE, (22, 24, MANY), (0, 2, MANY))
    _, windows = fitted((WORKDAYS, nights), (WEEKEND, hours(NONE)))
    assert windows == [("mon-fri 00:00-02:00", MANY), ("mon-fri 22:00-24:00", MANY)]


def test_hours_and_days_that_differ_little_are_put_together_with_the_most_of_each() -> None:
    """A quieter noon is not worth a window, nor are seven days that differ a bit; a burst of one is not spread."""
    office = hours(NONE, (9, 17, MANY))
    assert fitted((WORKDAYS, hours(NONE, (9, 17, MANY), (12, 13, FEW))), (WEEKEND, office)) == (
        NONE,
        [("daily 09:00-17:00", MANY)],
    )
    assert fitted((ALL, hours(MANY, (12, 13, FEW)))) == (MANY, [])
    week = [((day,), hours(NONE, (9, 17, Targets(2, 6 + day % 3)))) for day in ALL]
    week[2] = ((2,), hours(NONE, (9, 17, Targets(2, 6)), (20, 21, Targets(50))))
    assert fitted(*week) == (NONE, [("daily 09:00-17:00", Targets(2, 8)), ("wed 20:00-21:00", Targets(50))])


def test_there_are_no_more_windows_than_can_be_read() -> None:
    """Each hour of the day differs much from the one before it, and each day from the others."""
    week = [((day,), hours(NONE, *((at, at + 1, Targets(0, 9 << day)) for at in range(1, 24, 2)))) for day in ALL]
    _, windows = fitted(*week)
    assert len(windows) == MOST_WINDOWS


def test_what_is_put_together_costs_least_over_the_whole_week() -> None:
    """Little more on each of five days is more than twice as much on one: of hours, and of days."""
    bumps = [(at, at + 1) for at in (1, 5, 9, 13)]
    five = hours(NONE, *((*bump, Targets(0, 1)) for bump in bumps))
    one = hours(NONE, *((begins + 1, ends + 1, Targets(0, 2)) for begins, ends in bumps[:3]))
    _, windows = fitted((WORKDAYS, five), ((5,), one), ((6,), hours(NONE)))
    assert [name for name, _ in windows] == [
        *(f"mon-fri {begins:02}:00-{ends:02}:00" for begins, ends in bumps),
        "sat 02:00-07:00",
        "sat 10:00-11:00",
    ]

    def stretches(lasts: int) -> list[Targets]:
        return hours(NONE, *((begins, begins + lasts, Targets(0, 60)) for begins in (1, 9, 17)))

    _, windows = fitted((WORKDAYS, stretches(2)), ((5,), stretches(3)), ((6,), stretches(4)))
    assert [name for name, _ in windows] == [
        f"{days} {begins:02}:00-{begins + lasts:02}:00"
        for days, lasts in (("mon-fri", 2), ("sat-sun", 4))
        for begins in (1, 9, 17)
    ]


@given(weeks)
@settings(max_examples=settings().max_examples // 2)
def test_no_hour_has_less_than_it_asks_for_and_windows_are_few_and_sound(week: list[list[Targets]]) -> None:
    """Whatever the week; and where there would be few windows anyway, the week costs a tenth more at most."""
    targets, schedule = fit([Pattern((day,), tuple(one)) for day, one in enumerate(week)], "UTC")
    assert problems(schedule) == ()
    assert len(schedule.windows) <= MOST_WINDOWS
    found = shown(targets, schedule)
    for (number, hour), given_there in found.items():
        asked = week[number][hour]
        assert given_there.hot >= asked.hot
        assert given_there.hot + given_there.stopped >= asked.hot + asked.stopped
        assert given_there.hot <= max(one.hot for day in week for one in day)
        assert given_there.stopped <= max(one.stopped for day in week for one in day)
    runs = sum(one != other for day in week for one, other in pairwise(day))
    if runs + len({tuple(day) for day in week}) <= MOST_WINDOWS:
        before, after = (sum(map(cost, some)) for some in ([one for day in week for one in day], found.values()))
        assert 100 * after <= 110 * before


def cost(targets: Targets) -> int:
    """Twenty that sleep cost what a hot one does."""
    return 20 * targets.hot + targets.stopped


@given(weeks)
@settings(max_examples=settings().max_examples // 4)
def test_the_cells_of_windows_are_the_hours_in_which_they_are_in_force(week: list[list[Targets]]) -> None:
    """Against the schedule itself, which is asked in the midst of each hour."""
    _, schedule = fit([Pattern((day,), tuple(one)) for day, one in enumerate(week)], "UTC")
    named = {cell: window for window in schedule.windows for cell in cells(window)}
    for number in ALL:
        for hour in range(24):
            active = schedule.active(MONDAY + number * DAY + hour * HOUR + HOUR // 2)
            assert named.get((number, hour)) == active


def test_the_cells_of_a_window_across_midnight_are_of_two_days() -> None:
    """Sunday's goes into Monday."""
    night = Window("night", 23 * 60, 60, days=(Day.SUNDAY,))
    assert list(cells(night)) == [(6, 23), (0, 0)]


@pytest.mark.parametrize(
    ("one", "other", "does"),
    [
        (Targets(0, 5), Targets(5, 0), Targets(5, 0)),
        (Targets(2, 3), Targets(1, 7), Targets(2, 6)),
        (Targets(2, 3), Targets(1, 1), Targets(2, 3)),
    ],
)
def test_a_hot_machine_does_for_a_stopped_one(one: Targets, other: Targets, does: Targets) -> None:
    """Five that sleep by night and five that are hot by day are five machines, not ten."""
    assert both(one, other) == both(other, one) == does
