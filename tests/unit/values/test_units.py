"""Moments, spans and money: exact in both directions, and readable."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.units import (
    DAY,
    DOLLAR,
    HOUR,
    MICROSECOND,
    MILLISECOND,
    MINUTE,
    SECOND,
    datetime_of,
    moment_of,
    money_text,
    rfc3339,
    span_text,
)

_YEAR_2200 = moment_of(datetime(2200, 1, 1, tzinfo=UTC))


@given(st.integers(-_YEAR_2200, _YEAR_2200))
def test_a_moment_survives_the_way_to_a_datetime_and_back(moment: int) -> None:
    """To the microsecond, before 1970 too: no float is involved."""
    assert moment_of(datetime_of(moment)) == moment


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001 - the zone is added
    st.integers(-14 * 60, 14 * 60),
)
def test_the_zone_of_a_datetime_does_not_change_its_moment(naive: datetime, minutes: int) -> None:
    """The same instant written in another zone is the same moment."""
    aware = naive.replace(tzinfo=UTC)
    elsewhere = aware.astimezone(timezone(timedelta(minutes=minutes)))
    assert moment_of(elsewhere) == moment_of(aware)
    assert datetime_of(moment_of(elsewhere)) == aware


def test_a_datetime_without_a_zone_is_refused() -> None:
    """Nobody knows which instant it means, so the error asks for a zone."""
    with pytest.raises(ValueError, match="has no time zone"):
        moment_of(datetime(2026, 11, 22, 13, 0))  # noqa: DTZ001 - that is the point


def test_the_epoch_is_zero_and_seconds_are_a_million() -> None:
    """The units are what their names say."""
    assert moment_of(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert moment_of(datetime(1970, 1, 2, 0, 0, 1, 2, tzinfo=UTC)) == DAY + SECOND + 2 * MICROSECOND
    assert (SECOND, MINUTE, HOUR, DAY) == (1_000 * MILLISECOND, 60 * SECOND, 60 * MINUTE, 24 * HOUR)


def test_a_moment_is_written_as_github_writes_it() -> None:
    """UTC, whole seconds, a Z."""
    assert rfc3339(moment_of(datetime(2026, 11, 22, 13, 0, 5, 999_999, tzinfo=UTC))) == "2026-11-22T13:00:05Z"


@given(st.integers(0, _YEAR_2200))
def test_what_is_written_can_be_read_back_to_the_second(moment: int) -> None:
    """Nothing but the fraction of the second is lost."""
    assert moment_of(datetime.fromisoformat(rfc3339(moment))) == moment // SECOND * SECOND


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0 ms"),
        (999, "0 ms"),
        (850 * MILLISECOND, "850 ms"),
        (SECOND - 1, "999 ms"),
        (SECOND, "1.0 s"),
        (4_290 * MILLISECOND, "4.2 s"),
        (MINUTE - 1, "59.9 s"),
        (MINUTE, "1 min 00 s"),
        (185 * SECOND, "3 min 05 s"),
        (HOUR - 1, "59 min 59 s"),
        (130 * MINUTE, "2 h 10 min"),
        (25 * HOUR, "25 h 00 min"),
        (-185 * SECOND, "-3 min 05 s"),
    ],
)
def test_a_span_is_written_for_people(span: int, text: str) -> None:
    """In the unit that fits its size, cut and not rounded: nothing ever reads ``60.0 s``."""
    assert span_text(span) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.0000"),
        (49, "$0.0000"),
        (50, "$0.0001"),
        (1_203_400, "$1.2034"),
        (1_203_450, "$1.2035"),
        (12 * DOLLAR, "$12.0000"),
        (999_999, "$1.0000"),
        (-1_203_400, "-$1.2034"),
    ],
)
def test_money_is_written_to_a_hundredth_of_a_cent(amount: int, text: str) -> None:
    """Rounded to the nearest, with a sign in front of the dollar."""
    assert money_text(amount) == text


@given(st.integers(-(10**15), 10**15))
def test_written_money_is_within_half_of_its_last_digit(amount: int) -> None:
    """Whatever the amount: what people read is never off by more than fifty micro-dollars."""
    digits = money_text(amount).replace("$", "").replace(".", "")
    assert abs(int(digits) * 100 - amount) <= 50
