"""Clocks on walls: times of day in zones of people, as moments.

Rules of time zones are data, as prices are: `zoneinfo` reads them from the system or from the package tzdata, and asks
no clock. A process that runs while they change keeps the old ones.

Governments put clocks forward and back. Here a time of day is the *first* moment at which the zone's clock shows it or
a later time::

    put forward, 02:00 becomes 03:00    a time from 02:00 to 03:00 is the moment of the change
    put back, 03:00 becomes 02:00       a time from 02:00 on, and before 03:00, is its first occurrence

So a later time is never an earlier moment. If some times were taken for their first occurrence and some for their last,
it might be.
"""

from bisect import bisect_left
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches
from typing import Final

from paddock.core.errors import InvalidInput
from paddock.core.units import Moment, datetime_of, moment_of

MIDNIGHT: Final = 24 * 60
"""The minutes of a day by the wall clock."""

_NOT_OF_IANA: Final = ("localtime", "posixrules", "Factory", "posix/", "right/")
"""What systems offer besides: zones that differ from machine to machine, or count leap seconds."""


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as ``Europe/Berlin``.

    Raises:
        InvalidInput: there is no such zone, as far as this system knows.
    """
    if name == "UTC":
        return UTC  # also where there is no database of zones
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - most functions never ask for a zone

    if not name.startswith(_NOT_OF_IANA):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name)
    near = _nearest(name)
    hint = f"did you mean {near}?" if near else "write an IANA name such as Europe/Berlin, or UTC"
    raise InvalidInput("zone", name, f"is no time zone that this system knows: {hint}")


def _nearest(name: str) -> str | None:
    """The zone that was probably meant: by its city, or nearly by its name."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - as above

    wanted = name.casefold().replace(" ", "_")
    known = {zone.casefold(): zone for zone in sorted(available_timezones()) if not zone.startswith(_NOT_OF_IANA)}
    cities = [zone for folded, zone in known.items() if wanted in {folded, folded.rpartition("/")[2]}]
    return next(iter(cities or [known[near] for near in get_close_matches(wanted, list(known), n=1, cutoff=0.8)]), None)


def minutes_of(text: str) -> int:
    """The minutes of a time of day such as ``08:30``; ``24:00`` is the end of the day.

    Raises:
        InvalidInput: it is no such time.
    """
    hours, _, minutes = text.partition(":")
    if text.isascii() and hours.isdigit() and minutes.isdigit() and len(hours) == len(minutes) == len("00"):
        count = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and count <= MIDNIGHT:  # noqa: PLR2004 - an hour's
            return count
    raise InvalidInput("time", text, "must be a time of day from 00:00 to 24:00, with two digits each: 08:30")


def clock_text(minutes: int) -> str:
    """Minutes of the day as people write them: ``08:30``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def moment_at(day: date, minutes: int, zone: tzinfo) -> Moment:
    """The first moment at which the zone's clock shows so many minutes after the day's 00:00, or a later time.

    More than 1440 minutes are a time of the next day.
    """
    wall = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
    moment = moment_of(wall)
    before, after = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    if before is None or after is None or before >= after:
        return moment
    # The clock never shows it. It is put forward after the moment that the time would be by the later offset, and no
    # later than the one it would be by the offset before.
    early = moment - (after - before) // timedelta(microseconds=1)
    return early + bisect_left(range(early, moment), wall.replace(tzinfo=None), key=lambda at: shown(at, zone))


def shown(moment: Moment, zone: tzinfo) -> datetime:
    """What the zone's clock shows at the moment, as a datetime without a zone."""
    return datetime_of(moment).astimezone(zone).replace(tzinfo=None)
