"""Schedules of pools: how many machines are kept warm at which hours of people's days.

The configuration and a pool's record hold a `Schedule`, `paddock.core.pools.schedule_check` says what is wrong with
one, and `paddock.core.pools.plan` asks for its `targets`, with the time that a machine takes to boot as `ahead`.
``paddock pools`` shows the `next_change`.

Windows are of wall clocks: each is in force on its days from one time of day to another, in its own zone or the
schedule's. One that ends no later than it begins goes across midnight, and belongs to the day on which it began; from a
time to the same time is a whole day. Where several are in force the highest priority wins, and in a gap the pool's own
targets hold. Windows of one priority must never meet: that the first in a list wins surprises whoever sorts the list.
(Should a government make two meet that did not, the first in the list does win.)

Both edges of a window are the *first* moments at which the clock shows their time or a later one
(`paddock.core.wallclock`). When clocks are put forward or back that means:

* Edges keep their order. No window has a negative length, none is in force twice, and where one window ends as another
  begins, it does so on these days, too. If windows ended at the last occurrence of a time that exists twice, the two
  would meet for an hour a year, and half an hour from 02:15 on would last an hour and a half.
* A window whose edges are both skipped has no length, and is not in force that day.
* What is in force as a clock is put back stays so until the clock gets there again. A window is longer or shorter than
  its hours by no more than the clock was put back or forward.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, tzinfo
from enum import StrEnum
from typing import Final

import attrs

from paddock.core.units import DAY, Moment, Span
from paddock.core.wallclock import MIDNIGHT, clock_text, moment_at, shown, zone_of

HORIZON: Final[Span] = 400 * DAY
"""How far ahead a change is looked for: whatever clocks do, they do within a year."""

_AT_ONCE: Final[Span] = 7 * DAY
"""How much of it is looked at in one go."""


class Day(StrEnum):
    """Days of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


DAYS: Final = tuple(Day)
"""The days by their numbers, Monday's being 0."""


@attrs.frozen
class Targets:
    """How many machines of a pool are to run and listen (``hot``), and how many to sleep (``stopped``)."""

    hot: int = 0
    stopped: int = 0

    def most(self, other: "Targets") -> "Targets":
        """As many as either asks for, of each kind."""
        return Targets(max(self.hot, other.hot), max(self.stopped, other.stopped))


@attrs.frozen
class Window:
    """Some hours of some days, and the targets in them.

    ``begins`` (0 to 1439) and ``ends`` (0 to 1440) are minutes of the day by the wall clock. ``days`` are those on
    which it begins; none means all. ``zone`` is an IANA name; None means the schedule's. The highest ``priority`` wins.
    """

    name: str
    begins: int
    ends: int
    hot: int = 0
    stopped: int = 0
    days: tuple[Day, ...] = ()
    zone: str | None = None
    priority: int = 0

    @property
    def targets(self) -> Targets:
        """What is to be there while it is in force."""
        return Targets(self.hot, self.stopped)

    @property
    def minutes(self) -> int:
        """Its length by the wall clock, 1 to 1440."""
        return (self.ends - self.begins) % MIDNIGHT or MIDNIGHT

    def begins_on(self, day: date) -> bool:
        """True if it begins on this day."""
        return not self.days or DAYS[day.weekday()] in self.days

    def stretches(self, zone: tzinfo, days: Iterable[int]) -> list["Stretch"]:
        """Those of its stretches that begin on these days (ordinals of dates) and have a length."""
        found: list[Stretch] = []
        for day in map(date.fromordinal, days):
            if self.begins_on(day):
                begins, ends = (moment_at(day, at, zone) for at in (self.begins, self.begins + self.minutes))
                found += [Stretch(self, begins, ends)] if begins < ends else []
        return found

    def describe(self, zone: str) -> str:
        """Its days and hours for people: ``mon-fri 08:00-18:00 Europe/Berlin``. `zone` is the schedule's."""
        ends = MIDNIGHT if self.begins + self.minutes == MIDNIGHT else self.ends
        hours = f"{clock_text(self.begins)}-{clock_text(ends)}"
        return f"{_days_text(self.days)} {hours} {self.zone or zone}"


@attrs.frozen
class Stretch:
    """A window from one of its beginnings to the end of that, which is excluded."""

    window: Window
    begins: Moment
    ends: Moment


@attrs.frozen
class Change:
    """From `at` on there are other targets: those of `window`, or the pool's own if it is None."""

    at: Moment
    targets: Targets
    window: Window | None


@attrs.frozen
class Schedule:
    """A pool's windows. ``zone`` is the IANA name of the zone of all that have none of their own.

    It can be relied on once `paddock.core.pools.schedule_check.problems` finds none. Every method raises InvalidInput
    where it needs a zone that this system does not know.
    """

    zone: str = "UTC"
    windows: tuple[Window, ...] = ()

    def active(self, moment: Moment) -> Window | None:
        """The window in force at the moment; None in a gap."""
        return _strongest(self._stretches(moment, moment), moment)

    def steps(self, since: Moment, until: Moment) -> Iterator[tuple[Moment, Window | None]]:
        """What is in force at `since`, and what from each moment on at which that changes, `until` included."""
        last = self.active(since)
        yield since, last
        for at in range(since, until, _AT_ONCE):
            upto = min(at + _AT_ONCE, until)
            stretches = self._stretches(at, upto)
            for edge in sorted({edge for one in stretches for edge in (one.begins, one.ends) if at < edge <= upto}):
                window = _strongest(stretches, edge)
                if window != last:
                    yield edge, window
                last = window

    def next_change(self, moment: Moment, default: Targets) -> Change | None:
        """The first change of the targets after the moment; None if there is none within the `HORIZON`.

        `default` are the pool's own targets. One window after another with the same targets is no change.
        """
        if all(window.targets == default for window in self.windows):
            return None
        present = self.targets(moment, default)
        for at, window in self.steps(moment, moment + HORIZON):
            targets = default if window is None else window.targets
            if targets != present:
                return Change(at, targets, window)
        return None

    def targets(self, moment: Moment, default: Targets, ahead: Span = 0) -> Targets:
        """What is to be there at the moment, if machines take `ahead` to become ready.

        That is the most of whatever is in force at any moment from this one to `ahead` later, both included; so it is
        never less than what is in force now. `default` are the pool's own targets.

        Raises:
            ValueError: `ahead` is negative.
        """
        if ahead < 0:
            raise ValueError(f"ahead = {ahead}: must be 0 or more, for nothing is ready before it is started")
        found: Targets | None = None
        for _, window in self.steps(moment, moment + ahead):
            targets = default if window is None else window.targets
            found = targets if found is None else found.most(targets)
        return default if found is None else found

    def zone_name(self, window: Window) -> str:
        """The zone by whose clock the window goes."""
        return self.zone if window.zone is None else window.zone

    def _stretches(self, since: Moment, until: Moment) -> list[Stretch]:
        """Those of all windows, in their order, that hold any moment from `since` to `until`, both included."""
        found: list[Stretch] = []
        for window in self.windows:
            zone = zone_of(self.zone_name(window))
            # Yesterday's may go on; and where the clock was put back over midnight, tomorrow's have begun already.
            days = range(shown(since, zone).toordinal() - 1, shown(until, zone).toordinal() + 2)
            found += [one for one in window.stretches(zone, days) if one.begins <= until and since <= one.ends]
        return found


def _strongest(stretches: Iterable[Stretch], moment: Moment) -> Window | None:
    """Of the windows in force at the moment the one of the highest priority, and the first of such."""
    here = [one.window for one in stretches if one.begins <= moment < one.ends]
    return max(here, key=lambda window: window.priority, default=None)


def _days_text(days: Sequence[Day]) -> str:
    """Days for people: ``daily``, ``mon-fri``, ``mon, wed-thu``."""
    numbers = [number for number, day in enumerate(DAYS) if day in days or not days]
    if len(numbers) == len(DAYS):
        return "daily"
    first = [number for number in numbers if number - 1 not in numbers]
    last = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(
        DAYS[one][:3] if one == other else f"{DAYS[one][:3]}-{DAYS[other][:3]}"
        for one, other in zip(first, last, strict=True)
    )
