"""How CloudWatch judges an alarm: the tables of its page on missing data, row by row, and windows that slide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.watching.definition import Alarm, Missing
from paddock.adapters.aws.watching.evaluation import FURTHER, State, judged, replay
from paddock.adapters.aws.watching.names import Query
from paddock.adapters.aws.watching.samples import LATENCY, Samples, statistic
from paddock.core.errors import InvalidInput
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.strategies import NOON
from tests.world.watched import NAMES, Metrics

OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.INSUFFICIENT_DATA
KEPT = None  # "Retain current state"
POINTS = {"0": False, "X": True, "-": None}


def points(row: str) -> list[bool | None]:
    """The points of a row of AWS's tables."""
    return [POINTS[sign] for sign in row.split()]


# (points, M) and the state for missing, ignore, breaching, notBreaching. N is 3, and 5 points are looked at.
# Source: "Configuring how CloudWatch alarms treat missing data", both tables, and the text on premature transitions.
TABLES = [
    ("0 - X - X", 3, OK, OK, OK, OK),
    ("0 - - - -", 3, OK, OK, OK, OK),
    ("- - - - -", 3, UNKNOWN, KEPT, ALARM, OK),
    ("0 X X - X", 3, ALARM, ALARM, ALARM, ALARM),
    ("- - - - X", 3, UNKNOWN, KEPT, ALARM, OK),
    ("- - - X -", 3, UNKNOWN, KEPT, ALARM, OK),
    ("- - X - -", 3, ALARM, KEPT, ALARM, OK),
    ("X - - - -", 3, ALARM, KEPT, ALARM, OK),
    ("0 - X - X", 2, ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", 2, ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", 2, OK, OK, ALARM, OK),
    ("- - - - 0", 2, OK, OK, ALARM, OK),
    ("- - - - X", 2, UNKNOWN, KEPT, ALARM, OK),
    ("- - - X -", 2, ALARM, KEPT, ALARM, OK),
]


@pytest.mark.parametrize("current", State)
@pytest.mark.parametrize("row", TABLES, ids=lambda row: f"{row[0]} ({row[1]} of 3)")
def test_the_tables_of_aws(row: tuple[str, int, State, State | None, State, State], current: State) -> None:
    """Every row, for each way to treat what is missing, whatever the state was."""
    signs, needed, *expected = row
    ways = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)
    for way, state in zip(ways, expected, strict=True):
        found = judged(points(signs), of=3, needed=needed, missing=way, current=current)
        assert found is (current if state is None else state), way


@given(
    st.lists(st.sampled_from([True, False]), min_size=3, max_size=9),
    st.sampled_from(Missing),
    st.sampled_from(State),
    st.integers(1, 3),
)
def test_with_enough_points_only_the_newest_count(
    real: list[bool], missing: Missing, current: State, needed: int
) -> None:
    """N of them; how missing ones are treated is never asked then."""
    found = judged(real, of=3, needed=needed, missing=missing, current=current)
    assert found is (ALARM if sum(real[-3:]) >= needed else OK)


def alarm(**fields: object) -> Alarm:
    """An alarm on more than five forged reports."""
    queries = (Query("m", "ReportsForged", "Sum"),)
    return Alarm(**{"name": "a", "means": "", "then": "", "queries": queries, "threshold": 5, **fields})  # type: ignore[arg-type]  # each as its field wants it


def test_a_window_slides_and_a_value_is_seen_after_two_minutes() -> None:
    """Six events in six minutes go into no five; six in five do, and are seen once the last is two minutes old."""
    five = alarm(period=5 * MINUTE + LATENCY, expression="FILL(m, 0)")
    spread, dense = Metrics(), Metrics()
    for number in range(6):
        spread.tell(NOON + number * 60 * SECOND, "ReportsForged")
        dense.tell(NOON + number * 50 * SECOND, "ReportsForged")
    assert [one.state for one in replay([five], NAMES, spread.samples, NOON, NOON + HOUR)] == [OK]
    changes = list(replay([five], NAMES, dense.samples, NOON, NOON + HOUR))
    assert [one.state for one in changes] == [OK, ALARM, OK]
    assert changes[1].at == NOON + 5 * MINUTE + LATENCY


def test_without_fill_an_alarm_goes_off_again_as_its_last_window_slides() -> None:
    """CloudWatch judges the last window that has something, and each minute that is another one."""
    dense = Metrics()
    for number in range(6):
        dense.tell(NOON + number * 50 * SECOND, "ReportsForged")
    changes = list(replay([alarm(period=5 * MINUTE + LATENCY)], NAMES, dense.samples, NOON, NOON + HOUR))
    assert [one.state for one in changes].count(ALARM) > 1


def test_an_alarm_on_the_table_ignores_what_is_missing_whatever_it_says() -> None:
    """As AWS does for its namespace DynamoDB: the last state stays."""
    throttled = alarm(queries=(Query("m", "ReadThrottleEvents", "Sum", of="table"),), missing=Missing.NOT_BREACHING)
    metrics = Metrics()
    metrics.tell(NOON, "ReadThrottleEvents", 6, of="table")
    changes = list(replay([throttled], NAMES, metrics.samples, NOON, NOON + HOUR))
    assert [one.state for one in changes] == [ALARM]


def test_an_alarm_resolves_only_when_its_last_points_are_out_of_range() -> None:
    """CloudWatch judges the last points it has again and again: with a period of a minute for two minutes more."""
    metrics = Metrics()
    metrics.tell(NOON, "ReportsForged", 6)
    changes = list(replay([alarm()], NAMES, metrics.samples, NOON - MINUTE, NOON + HOUR))
    assert [(one.at - NOON, one.state) for one in changes] == [
        (-MINUTE, OK),
        (3 * MINUTE, ALARM),
        ((1 + 1 + FURTHER) * MINUTE, OK),
    ]


@pytest.mark.parametrize(
    ("stat", "value"),
    [("Sum", 10), ("Maximum", 4), ("Minimum", 1), ("Average", 2.5), ("SampleCount", 4), ("p50", 2), ("p99", 4)],
)
def test_statistics(stat: str, value: float) -> None:
    """Of one to four; of nothing there is none."""
    assert statistic(stat, [4, 1, 3, 2]) == value
    assert statistic(stat, []) is None


@pytest.mark.parametrize("stat", ["", "sum", "p100", "p0", "px", "TM(10%:90%)"])
def test_an_unknown_statistic_is_refused(stat: str) -> None:
    """It is none of CloudWatch's, or none that is used here."""
    with pytest.raises(InvalidInput, match=r"^stat = "):
        statistic(stat, [1.0])


def test_lines_without_metrics_are_passed_over() -> None:
    """Most lines of a log have none."""
    samples = Samples()
    samples.read(['{"message": "x"}', '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": []}}'])
    assert samples.keys == ()
