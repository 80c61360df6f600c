"""What a generated load is like, as one value; its defaults are what has been published."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from paddock.adapters.simulation.workloads import published
from paddock.adapters.simulation.workloads.quantiles import Quantiles
from paddock.core.errors import InvalidInput
from paddock.core.units import Moment, moment_of

TUESDAY: Moment = moment_of(datetime(2026, 11, 24, tzinfo=UTC))
"""Where a load begins if nobody says otherwise: a Tuesday, the busiest day of the week."""

THOUSAND = 1_000


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as ``Europe/Berlin``.

    Raises:
        InvalidInput: the system knows no such zone.
    """
    if name == "UTC":
        return UTC  # also where there is no database of zones
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        remedy = "is no time zone that this system knows: write an IANA name such as Europe/Berlin (package tzdata)"
        raise InvalidInput("zone", name, remedy) from None


@attrs.frozen
class Office:
    """People who push by the hours of one time zone.

    ``share`` is their part of all pushes, against the other offices' shares. ``hours`` (24 numbers) and ``week``
    (7, from Monday) are weights against one another.
    """

    zone: str
    share: int = 1
    hours: tuple[int, ...] = published.OFFICE_HOURS
    week: tuple[int, ...] = published.WEEK

    def __attrs_post_init__(self) -> None:
        """Check it.

        Raises:
            InvalidInput: a field cannot be used; the error names it.
        """
        zone_of(self.zone)
        if self.share < 1:
            raise InvalidInput("office.share", self.share, "must be 1 or more")
        for name, weights, count in (("hours", self.hours, 24), ("week", self.week, 7)):
            if len(weights) != count or min(weights) < 0 or not any(weights[:5] if name == "week" else weights):
                raise InvalidInput(f"office.{name}", weights, f"must be {count} weights of 0 or more, not all 0")


WORLD = Office("UTC", hours=published.HOURS)
"""Everybody together, as the published curve has it."""


@attrs.frozen
class LabelShare:
    """A label set as workflows write it, and its part of all jobs against the other sets' shares."""

    labels: tuple[str, ...]
    share: int = 1

    def __attrs_post_init__(self) -> None:
        """Check it.

        Raises:
            InvalidInput: there is no label, or no share.
        """
        if not self.labels:
            raise InvalidInput("labels", self.labels, "must have one label at least")
        if self.share < 1:
            raise InvalidInput("labels.share", self.share, "must be 1 or more")


_HUNDRED = 100


def asking(labels: Sequence[LabelShare], pools: Mapping[str, int]) -> tuple[LabelShare, ...]:
    """The label sets, and those that ask for pools: so many in a hundred of all jobs each; the others share the rest.

    Raises:
        InvalidInput: a pool's part is none, or all of them leave nothing for the others.
    """
    for name, per_cent in pools.items():
        if per_cent < 1:
            raise InvalidInput(f"pools.{name}", per_cent, "is a part of a hundred jobs: must be 1 or more")
    left = _HUNDRED - sum(pools.values())
    if left < 1:
        raise InvalidInput("pools", dict(pools), f"must leave some of a hundred jobs to the others: {_HUNDRED - left}")
    whole = sum(one.share for one in labels)
    others = tuple(LabelShare(one.labels, one.share * left) for one in labels)
    return (*others, *(LabelShare((f"paddock/pool={name}",), whole * part) for name, part in pools.items()))


@attrs.frozen
class GeneratorParameters:
    """A load. Whatever is left out is the published figure, see the module ``published``.

    ``jobs_per_day`` is the mean of a working day; weekends have fewer. ``start`` is the load's first moment.
    ``repositories`` is how many there are, all of ``owner``; they are of very different size. ``fan_out`` are numbers
    of jobs per run with their weights. ``scheduled``, ``failing`` and ``cancelled`` are of 1,000 runs,
    ``pull_requests`` of 1,000 that no cron started. A cancelled run is one that a later push replaces, after
    ``until_cancelled``. ``burst`` is the shape of the gamma distribution of an hour's own factor: the smaller, the more
    hours differ; None: they do not.
    """

    jobs_per_day: int = 2_000
    start: Moment = TUESDAY
    offices: tuple[Office, ...] = (WORLD,)
    repositories: int = 24
    owner: str = "acme"
    labels: tuple[LabelShare, ...] = tuple(LabelShare(labels, share) for labels, share in published.LABELS)
    fan_out: tuple[tuple[int, int], ...] = published.FAN_OUT
    durations: Quantiles = published.DURATIONS
    until_cancelled: Quantiles = published.UNTIL_CANCELLED
    scheduled: int = published.SCHEDULED
    pull_requests: int = published.PULL_REQUESTS
    failing: int = published.FAILING
    cancelled: int = published.CANCELLED
    burst: int | None = published.BURST

    def __attrs_post_init__(self) -> None:
        """Check it.

        Raises:
            InvalidInput: a field cannot be used; the error names it.
        """
        for name, most in (("jobs_per_day", 100_000_000), ("repositories", 100_000)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidInput(name, getattr(self, name), f"must be a whole number from 1 to {most:,}")
        for name in ("scheduled", "pull_requests", "failing", "cancelled"):
            if not 0 <= getattr(self, name) <= THOUSAND:
                raise InvalidInput(name, getattr(self, name), "counts of 1,000: must be from 0 to 1000")
        if self.cancelled + self.scheduled > THOUSAND:
            remedy = f"must be at most {THOUSAND - self.scheduled}: scheduled runs are replaced by no push"
            raise InvalidInput("cancelled", self.cancelled, remedy)
        for name in ("offices", "labels", "fan_out"):
            if not getattr(self, name):
                raise InvalidInput(name, getattr(self, name), "must have one entry at least")
        if any(number < 1 for pair in self.fan_out for number in pair):
            raise InvalidInput("fan_out", self.fan_out, "must be pairs (jobs, weight), both 1 or more")
        if self.burst is not None and self.burst < 1:
            raise InvalidInput("burst", self.burst, "must be 1 or more, or None")
