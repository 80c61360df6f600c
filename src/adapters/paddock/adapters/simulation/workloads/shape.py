"""How many runs are to be expected in each minute: the day's and the week's shape, cron, and the hour's own factor."""

from collections.abc import Iterator

import attrs

from paddock.adapters.simulation.workloads.parameters import THOUSAND, GeneratorParameters, Office, zone_of
from paddock.adapters.simulation.workloads.published import CRON_MINUTES
from paddock.adapters.simulation.workloads.quantiles import ONE, exponential
from paddock.core.ports.system import Chance
from paddock.core.units import DAY, MINUTE, Moment, datetime_of

_WORKING_DAYS = 5
_STEP = 15  # minutes: no time zone changes its hour between two of these
_FINE = 1 << 40  # a share of a day's pushes, as a whole number


@attrs.frozen
class Expected:
    """The runs to be expected in the minute that begins at ``start``, in units of 1 / `ONE`, by what starts them."""

    start: Moment
    pushed: int
    scheduled: int


def minutes(parameters: GeneratorParameters, days: int, chance: Chance) -> Iterator[Expected]:
    """Every minute of the load in the order of time. `chance` gives each hour its own factor."""
    jobs, weights = (sum(column) for column in zip(*((n * w, w) for n, w in parameters.fan_out), strict=True))
    runs = parameters.jobs_per_day * ONE * weights // jobs
    scheduled = runs * parameters.scheduled // THOUSAND
    cron = [scheduled * weight // (24 * sum(CRON_MINUTES)) for weight in CRON_MINUTES]
    share, factor = 0, ONE
    for number in range(days * DAY // MINUTE):
        start = parameters.start + number * MINUTE
        if number % _STEP == 0:
            share = _share(parameters.offices, start)
        if number % 60 == 0:
            factor = _factor(parameters.burst, chance)
        pushed = (runs - scheduled) * share // _FINE * factor // ONE
        yield Expected(start, pushed, cron[start // MINUTE % 60])


def _share(offices: tuple[Office, ...], moment: Moment) -> int:
    """The part of a working day's pushes that falls on a minute, in units of 1 / _FINE."""
    total = sum(office.share for office in offices)
    found = 0
    for office in offices:
        local = datetime_of(moment).astimezone(zone_of(office.zone))
        above = office.share * office.hours[local.hour] * office.week[local.weekday()] * _WORKING_DAYS
        below = total * 60 * sum(office.hours) * sum(office.week[:_WORKING_DAYS])
        found += _FINE * above // below
    return found


def _factor(burst: int | None, chance: Chance) -> int:
    """The hour's own factor: gamma with this shape and mean 1, in units of 1 / ONE."""
    if burst is None:
        return ONE
    return sum(exponential(chance) for _ in range(burst)) // burst
