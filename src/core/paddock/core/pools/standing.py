"""A pool's record: what is known beside its configuration. How its machines come up, and what its demand asks for."""

from typing import TypedDict

import attrs

from paddock.core.pools.pool import Bounds
from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.spec import RunnerSpec
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span

BOOTS_KEPT = 10
_UNMEASURED: Span = 90 * SECOND  # a boot before any was seen
_FIRST_PAUSE, _LONGEST_PAUSE = MINUTE, HOUR


@attrs.frozen
class PoolAim:
    """What a pool was to be when it was last looked at, for whoever asks: the table is all that a terminal reads.

    ``machine`` is what each of its machines is, ``window`` the name of the one in force. At ``next_at`` there will
    be other targets, ``next_targets``; None if there is no such moment ahead. ``barred`` says why nothing may be
    launched, if so.

    ``usual``, ``schedule`` and ``bounds`` are the pool's own: the targets where no window is in force, the windows, and
    what its demand may ask for.
    """

    machine: RunnerSpec
    targets: Targets
    window: str | None = None
    next_at: Moment | None = None
    next_targets: Targets = Targets()
    next_window: str | None = None
    most: int | None = None
    auto: bool = False
    barred: str = ""
    usual: Targets = Targets()
    schedule: Schedule = Schedule()
    bounds: Bounds = Bounds()


@attrs.frozen
class PoolStanding:
    """One pool's record.

    ``launching`` names the launch that is under way, or was cut off: it is resumed before there is another one.
    ``launches`` counts them, so that of two runs that have seen the same pool one launches.
    ``expected`` are the machines that were launched and have not come up yet, ``boots`` how long the last ones took to,
    oldest first. ``failures`` counts those since the last success that never came up; until ``paused_until`` nothing is
    launched because of them.

    ``targets`` and ``schedule`` are what the pool's own demand asks for, where it is sized by it; None: nobody knows
    yet. ``evidence`` says why, ``sized_at`` when that was found.

    ``aim`` is what it was to be when it was last looked at; ``first_at`` is when it was looked at for the first time.
    """

    name: str
    launching: str | None = None
    launches: int = 0
    expected: tuple[str, ...] = ()
    boots: tuple[Span, ...] = ()
    failures: int = 0
    paused_until: Moment = 0
    targets: Targets | None = None
    schedule: Schedule | None = None
    evidence: tuple[str, ...] = ()
    sized_at: Moment | None = None
    aim: PoolAim | None = None
    first_at: Moment | None = None

    @property
    def key(self) -> str:
        """The record's key: the pool's name."""
        return self.name

    @property
    def boot(self) -> Span:
        """How long a machine takes to come up: the longest of the last ones."""
        return max(self.boots, default=_UNMEASURED)

    def after(self, boots: tuple[Span, ...], failures: int, expected: tuple[str, ...], now: Moment) -> "StandingChange":
        """What becomes of the record when some machines came up, and some never did."""
        failed = failures if boots else self.failures + failures
        change = StandingChange(expected=expected, failures=failed)
        if boots:
            change["boots"] = (*self.boots, *boots)[-BOOTS_KEPT:]
        if failures:
            change["paused_until"] = now + min(_FIRST_PAUSE << min(failed - 1, 10), _LONGEST_PAUSE)
        elif boots:
            change["paused_until"] = 0
        return change


class StandingIs(TypedDict, total=False):
    """A condition on the record."""

    launching: str | None
    launches: int
    sized_at: Moment | None


class StandingChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    launching: str | None
    launches: int
    expected: tuple[str, ...]
    boots: tuple[Span, ...]
    failures: int
    paused_until: Moment
    targets: Targets | None
    schedule: Schedule | None
    evidence: tuple[str, ...]
    sized_at: Moment | None
    aim: PoolAim | None
