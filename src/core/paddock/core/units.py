"""Units: time and money are integers, so that sums are exact and two runs compare equal.

* A *moment* is a count of microseconds since 1970-01-01T00:00:00Z; a *span* is a count of microseconds.
* *Money* is a count of micro-dollars (a millionth of a US dollar).
"""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Moment: TypeAlias = int
Span: TypeAlias = int
MicroDollars: TypeAlias = int

MICROSECOND: Span = 1
MILLISECOND: Span = 1_000
SECOND: Span = 1_000_000
MINUTE: Span = 60 * SECOND
HOUR: Span = 60 * MINUTE
DAY: Span = 24 * HOUR

DOLLAR: MicroDollars = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(stamp: datetime) -> Moment:
    """The moment of an aware datetime; a naive one is refused, because nobody knows what it means."""
    if stamp.tzinfo is None:
        raise ValueError(f"stamp {stamp!r} has no time zone: say which one, e.g. datetime(..., tzinfo=UTC)")
    return (stamp - _EPOCH) // timedelta(microseconds=1)


def datetime_of(moment: Moment) -> datetime:
    """The moment as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=moment)


def rfc3339(moment: Moment) -> str:
    """The moment as GitHub and AWS write it: ``2026-11-22T13:00:05Z`` (whole seconds, UTC)."""
    return datetime_of(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def span_text(span: Span) -> str:
    """A span for people: ``850 ms``, ``4.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if span < 0:
        return "-" + span_text(-span)
    if span < SECOND:
        return f"{span // MILLISECOND} ms"
    if span < MINUTE:
        tenths = span * 10 // SECOND
        return f"{tenths // 10}.{tenths % 10} s"
    if span < HOUR:
        return f"{span // MINUTE} min {span % MINUTE // SECOND:02} s"
    return f"{span // HOUR} h {span % HOUR // MINUTE:02} min"


def money_text(amount: MicroDollars) -> str:
    """Money for people, to a hundredth of a cent: ``$1.2034``."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    hundredths = (amount + 50) // 100
    return f"{sign}${hundredths // 10_000}.{hundredths % 10_000:04}"
