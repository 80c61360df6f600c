"""A day's costs, as they are reported: values only. Money is micro-dollars, time microseconds.

What is not known is None, or told by how much of it there is; it is never zero.
"""

from collections.abc import Callable, Iterable, Sequence

import attrs

from paddock.core.costs.sums import Cost
from paddock.core.units import MicroDollars, Moment, Span

VERSION = 1  # of what is kept as JSON


@attrs.frozen
class CostLine:
    """What belongs to one name; empty: to none. ``others`` says how many names were put together in it.

    ``services`` is its share of what AWS's services cost (`paddock.core.costs.shares`), None if that is not known.
    """

    name: str
    cost: Cost
    others: int = 0
    services: MicroDollars | None = None

    @property
    def spent(self) -> MicroDollars:
        """Its machines and its share of the services together, as far as they are known."""
        return self.cost.total + (self.services or 0)


@attrs.frozen
class ServiceCost:
    """What the fleet used of one of AWS's services on that day: ``quantity`` of ``unit``, as counted.

    ``quantity`` is None if it could not be counted, ``amount`` if that, or the price, is not known. ``why`` says what
    failed when it was to be counted; empty: nothing did.
    """

    service: str
    what: str
    quantity: int | None
    unit: str
    amount: MicroDollars | None
    why: str = ""


Counting = Callable[[Moment, Moment], Sequence[ServiceCost]]
"""What a fleet used of AWS's services from the first moment to the second; it may raise a `PaddockError`."""


def failures_of(services: Iterable[ServiceCost] | None) -> Sequence[str]:
    """What kept services from being counted, each once."""
    return list(dict.fromkeys(one.why for one in services or () if one.why))


def spent_on(services: Iterable[ServiceCost]) -> MicroDollars:
    """What services cost, as far as it is known. No machine's bill has any of it; `known_of` is what is shared."""
    return sum(one.amount or 0 for one in services)


def known_of(services: Sequence[ServiceCost] | None) -> MicroDollars | None:
    """What is known of services' cost; None if they were not counted, or if of none of them it is known.

    A fleet that uses none pays nothing for them, and that is known.
    """
    if services is None or (services and all(one.amount is None for one in services)):
        return None
    return spent_on(services)


@attrs.frozen
class SpotSaving:
    """Spot machines against the same time on demand at list prices. ``unknown`` is time of types without one."""

    paid: MicroDollars = 0
    on_demand: MicroDollars = 0
    unknown: Span = 0

    @property
    def saved(self) -> MicroDollars:
        """What spot saved."""
        return self.on_demand - self.paid


@attrs.frozen
class Forced:
    """Machines that were bought on demand although spot would have done, and what of it spot would have saved."""

    machines: int = 0
    paid: MicroDollars = 0
    extra: MicroDollars = 0


@attrs.frozen
class HostedCost:
    """The jobs that ended on that day, on GitHub's own runners. ``unknown`` jobs have no comparable one."""

    jobs: int = 0
    cost: MicroDollars = 0
    unknown: int = 0


@attrs.frozen
class PoolCost:
    """A pool's day. ``idle`` is what hot machines cost while they waited, disks apart: stopped they would not.

    ``cost`` is its own machines'; ``services`` its share of what AWS's services cost, by all jobs that asked for it,
    None if that is not known.
    """

    pool: str
    jobs: int
    overflow: int
    cost: MicroDollars
    idle_cost: MicroDollars
    idle: MicroDollars
    utilisation: int | None
    services: MicroDollars | None = None


@attrs.frozen
class DiskUse:
    """Disks of one size that a repository's jobs had: how many told their use, the most of it, what they cost."""

    repository: str
    disk: int
    machines: int
    used: int
    cost: MicroDollars


@attrs.frozen
class DaySpent:
    """What a day before that one cost, by its own report."""

    day: str
    spent: MicroDollars


@attrs.frozen
class Trend:
    """The mean of the days before that one, as many as there are reports of among the last ``of``."""

    of: int
    days: int
    mean: MicroDollars | None


@attrs.frozen
class MonthSoFar:
    """The calendar month up to that day. ``missing`` days have no report, and nothing is added for them.

    ``forecast`` is the whole month at the mean of the days that are reported.
    """

    days: int
    missing: int
    spent: MicroDollars
    forecast: MicroDollars


@attrs.frozen
class Anomaly:
    """What was not as usual: ``usual`` is the mean of the days before, ``cause`` a sentence of what differs most."""

    what: str
    amount: MicroDollars
    usual: MicroDollars
    cause: str


@attrs.frozen
class Advice:
    """What could be done, and what it would have saved on that day."""

    about: str
    text: str
    saves: MicroDollars


@attrs.frozen
class RealBill:
    """What AWS's own bill says of so many days up to ``day``, beside our books; ``within`` a few per cent or not."""

    day: str
    days: int
    billed: MicroDollars
    booked: MicroDollars
    within: bool
    text: str


@attrs.frozen
class CostReport:
    """One day, from ``since`` to ``until``: midnight to midnight by the clocks of ``zone``."""

    stack: str
    day: str
    zone: str
    since: Moment
    until: Moment
    made_at: Moment
    dated: str
    total: Cost
    markets: tuple[CostLine, ...] = ()
    types: tuple[CostLine, ...] = ()
    phases: tuple[CostLine, ...] = ()
    repositories: tuple[CostLine, ...] = ()
    workflows: tuple[CostLine, ...] = ()
    pools: tuple[PoolCost, ...] = ()
    services: tuple[ServiceCost, ...] | None = None
    spot: SpotSaving = SpotSaving()
    forced: Forced = Forced()
    hosted: HostedCost = HostedCost()
    disks: tuple[DiskUse, ...] = ()
    history: tuple[DaySpent, ...] = ()
    trends: tuple[Trend, ...] = ()
    month: MonthSoFar | None = None
    anomalies: tuple[Anomaly, ...] = ()
    advice: tuple[Advice, ...] = ()
    bill: RealBill | None = None
    version: int = VERSION
    environment: str = ""

    @property
    def of_services(self) -> MicroDollars:
        """What the services cost, as far as it is known."""
        return spent_on(self.services or ())

    @property
    def spent(self) -> MicroDollars:
        """Machines and services together, as far as prices and use are known."""
        return self.total.total + self.of_services

    @property
    def quiet(self) -> bool:
        """True if no machine was there."""
        return not self.total.machines

    @property
    def unpriced(self) -> Span:
        """Time of machines whose compute has no known price."""
        return self.total.unpriced
