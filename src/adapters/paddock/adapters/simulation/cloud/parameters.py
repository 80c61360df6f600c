"""What the simulated EC2 is like. Every default says where it comes from, or that it is assumed.

Sources, by the names used below:

* *throttling*: AWS, "Request throttling for the Amazon EC2 API" (EC2 Developer Guide).
* *billing*: AWS, "Billing for interrupted Spot Instances" (EC2 User Guide).
* *notices*: AWS, "Spot Instance interruption notices" and "EC2 instance rebalance recommendations" (EC2 User Guide).
* *Percival*: C. Percival, "EC2 boot time benchmarking", 2021: API 1.5 s, pending to running 4.9 s.
* *RunsOn*: its page on warm pools: a Linux job waits less than 25 s cold, 15 s stopped, 6 s hot.
* *Spot-and-Scoot*: Kim et al., arXiv 2604.16457, 2026: machines of one type and zone that are interrupted together are
  so within three minutes in over 92 % of cases.
* *advisor*: AWS's Spot Instance Advisor: on average less than 5 % of spot machines are interrupted in a month, in five
  bands by type (below 5, 10, 15, 20 and above 20 %).
* *Karpenter*: issue 6425 of aws/karpenter-provider-aws, 2024: times from launch to interruption, node by node.
* *flapping*: issue 5250 of the same, 2023: taken five minutes after launch, to be had again five minutes later.
* *SkyPilot*: its catalogue of spot prices per zone: 0.26 to 0.57 of on demand for m6g.2xlarge, middle 0.47.
"""

import attrs

from paddock.adapters.simulation.cloud.draws import LogNormal
from paddock.adapters.simulation.outcome import Start
from paddock.core.catalogue import CATALOGUE, InstanceType
from paddock.core.spec import Market
from paddock.core.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND, MicroDollars, Span


@attrs.frozen
class StartTimes:
    """How long a start takes: the API's own time, then until EC2 says ``running``, then until the agent is up."""

    call: LogNormal
    pending: LogNormal
    boot: LogNormal


@attrs.frozen
class Limit:
    """A token bucket of the API: `capacity` tokens at most, `refill` a second come back."""

    capacity: int
    refill: int


@attrs.frozen
class ApiLimits:
    """The API's buckets, per account and region. Source: *throttling*.

    CreateFleet has no line of its own there and falls under "other mutating calls"; that its machines are drawn from
    RunInstances' resource bucket is assumed. StopInstances has a line for its machines alone.
    A description by ids counts as neither filtered nor paginated.
    """

    launch: Limit = Limit(50, 5)
    launched_machines: Limit = Limit(1_000, 2)
    terminate: Limit = Limit(100, 5)
    terminated_machines: Limit = Limit(1_000, 20)
    start: Limit = Limit(5, 2)
    started_machines: Limit = Limit(1_000, 2)
    stop: Limit = Limit(50, 5)
    stopped_machines: Limit = Limit(1_000, 20)
    describe: Limit = Limit(50, 10)
    page: Limit = Limit(100, 20)


@attrs.frozen
class Supply:
    """What one pool (zone, type, market) has to give.

    ``vcpu`` is how many vCPUs it holds at its best. How much of that can be had moves between `least` and 1000
    permille, to a new level every `every` on average; with it moves the price of spot, by up to `drift` permille of on
    demand at a time, within `price` (least and most, in permille of on demand).
    """

    vcpu: LogNormal
    least: int
    every: Span
    price: tuple[int, int] = (1_000, 1_000)
    drift: int = 0


@attrs.frozen
class Episodes:
    """Dry spells of a pool, of a type in all zones, or of a zone: capacity lacks, and spot machines are taken back.

    One begins every `every` on average (0: never) and lasts `lasts`. At its beginning, and then every `again` on
    average while it lasts (0: once only), each spot machine within it is taken with a chance of `share` permille.
    Meanwhile no more than `scarce` permille of the usual capacity can be had. `moods`: each pool, type or zone has one
    of these, in per cent, for good: its episodes come so much more or less often.
    """

    every: Span = 0
    lasts: LogNormal = LogNormal(40 * MINUTE, 4 * HOUR)
    share: int = 920
    scarce: int = 0
    again: Span = 0
    moods: tuple[int, ...] = (100,)


@attrs.frozen
class Notices:
    """How the cloud tells that it takes a machine back.

    ``ahead``: from the warning to the end (*notices*: two minutes). ``missing`` permille come without a word: notices
    are sent on a best-effort basis (*notices*; the share is assumed). ``rebalance`` permille are told first that the
    risk is higher, `lead` before the warning, and ``with_warning`` permille together with it (both shares are assumed).
    ``spread``: machines that are taken in one wave are taken within this (*Spot-and-Scoot*).
    """

    ahead: Span = 2 * MINUTE
    missing: int = 10
    rebalance: int = 500
    with_warning: int = 200
    lead: LogNormal = LogNormal(4 * MINUTE, 15 * MINUTE)
    spread: Span = 3 * MINUTE


@attrs.frozen
class Prices:
    """List prices that go with every machine, in micro-dollars, and EC2's rules.

    Source: AWS list prices for us-east-1, 2026-07: gp3 $0.08 a GiB-month (of 730 hours), public IPv4 $0.005 an hour;
    Linux is billed by the second, sixty of them at least. Spot machines that EC2 takes back in their first hour are
    free; their disk and address are not (*billing*).
    """

    disk_per_gib_month: MicroDollars = 80_000
    address_per_hour: MicroDollars = 5_000
    minimum: Span = MINUTE
    free_within: Span = HOUR


@attrs.frozen
class CloudParameters:
    """A region on a usual day. `quiet`, `stormy` and `churning` are other days.

    *Start times*. ``cold``: *Percival* and, for the agent, 5 to 12 s from ``running``; with a handshake of 4 s that is
    below *RunsOn*'s 25 s. ``stopped``: 3 to 5 s less. ``hot``: there is nothing to start; the agent takes its orders.
    ``start`` says which of them launches take. What was stopped is started by ``stopped``. ``halt`` is how long a stop
    takes (assumed: the system shuts down in seconds, and EC2 says so a while later).

    *Machines that fail* (assumed; permille): ``dead_boots`` come to run but their agent never starts, ``failed_starts``
    end by themselves before they run.

    *Spot* ``reclaim_every``: any one machine alone is taken back so often. Together with the episodes a machine is
    taken with a chance of about 4 % a day. *Advisor* gives less than 5 % a month for the average type; CI takes the
    small and crowded ones, and a breaker that is never needed cannot be judged. How much of it is episodes follows
    *Spot-and-Scoot*; how long they last is assumed.

    *Capacity* is nowhere published: assumed so that a fleet of some hundred machines rarely notices it.
    ``quota``: vCPUs that may run at once per market; None means raised as far as needed (new accounts have 5).

    *Consistency* (assumed; AWS says that it is eventual, not how long): ``unseen`` permille of new machines are missing
    from descriptions and listings for `unseen_for`. What has ended is listed for an hour (EC2 User Guide, "Terminate
    your instance"). ``token_memory``: how long a launch token is remembered; a shorter time saves memory in long runs.
    """

    zones: tuple[str, ...] = ("us-east-1a", "us-east-1b", "us-east-1c")
    types: tuple[InstanceType, ...] = CATALOGUE
    start: Start = Start.COLD
    cold: StartTimes = StartTimes(
        LogNormal(1_500 * MILLISECOND, 2 * SECOND),
        LogNormal(5 * SECOND, 8 * SECOND),
        LogNormal(8 * SECOND, 12 * SECOND),
    )
    stopped: StartTimes = StartTimes(
        LogNormal(800 * MILLISECOND, 1_200 * MILLISECOND),
        LogNormal(3_500 * MILLISECOND, 6 * SECOND),
        LogNormal(7 * SECOND, 10 * SECOND),
    )
    hot: StartTimes = StartTimes(LogNormal(0, 0), LogNormal(0, 0), LogNormal(300 * MILLISECOND, SECOND))
    halt: LogNormal = LogNormal(20 * SECOND, 50 * SECOND)
    dead_boots: int = 2
    failed_starts: int = 1
    spot: Supply = Supply(LogNormal(2_000, 12_000), 250, 2 * HOUR, (260, 570), 8)
    on_demand: Supply = Supply(LogNormal(20_000, 100_000), 600, 6 * HOUR)
    pool_spells: Episodes = Episodes(45 * DAY, again=10 * MINUTE, scarce=100, moods=(30, 60, 100, 160, 300))
    type_spells: Episodes = Episodes(180 * DAY, LogNormal(HOUR, 6 * HOUR), share=600, scarce=200, again=20 * MINUTE)
    zone_spells: Episodes = Episodes(
        365 * DAY, LogNormal(30 * MINUTE, 2 * HOUR), share=500, scarce=300, again=15 * MINUTE
    )
    on_demand_spells: Episodes = Episodes(120 * DAY, LogNormal(30 * MINUTE, 3 * HOUR), moods=(30, 60, 100, 160, 300))
    reclaim_every: Span = 200 * DAY
    notices: Notices = Notices()
    quota: tuple[tuple[Market, int | None], ...] = ((Market.SPOT, None), (Market.ON_DEMAND, None))
    limits: ApiLimits = ApiLimits()
    unseen: int = 50
    unseen_for: LogNormal = LogNormal(SECOND, 5 * SECOND)
    listed_after_end: Span = HOUR
    token_memory: Span = 2 * DAY
    page_size: int = 100
    prices: Prices = Prices()

    @property
    def times(self) -> StartTimes:
        """How long a launch takes."""
        return {Start.COLD: self.cold, Start.STOPPED: self.stopped, Start.HOT: self.hot}[self.start]


_NEVER = Episodes()


def quiet() -> CloudParameters:
    """A day on which nothing goes wrong: capacity without end, every machine boots, none is taken back, all are seen.

    Prices stand still, spot at the share of on demand that the catalogue estimates. The API's limits are as ever.
    """
    endless = Supply(LogNormal(10**9, 10**9), 1_000, DAY)
    return CloudParameters(
        dead_boots=0,
        failed_starts=0,
        spot=attrs.evolve(endless, price=(550, 550)),
        on_demand=endless,
        pool_spells=_NEVER,
        type_spells=_NEVER,
        zone_spells=_NEVER,
        on_demand_spells=_NEVER,
        reclaim_every=0,
        notices=Notices(missing=0, rebalance=0, with_warning=0),
        unseen=0,
    )


def usual() -> CloudParameters:
    """A day as most are."""
    return CloudParameters()


def stormy() -> CloudParameters:
    """A day on which everything goes wrong that can (assumed; nobody has such a day): what a fleet must live through.

    Pools are small and dry up every few hours, and give and take in turns while they do; storms go over types and
    zones; machines do not boot, notices are missing, what was launched is not seen for a while.
    """
    moods = (30, 60, 100, 160, 300)
    return CloudParameters(
        dead_boots=50,
        failed_starts=30,
        spot=Supply(LogNormal(32, 160), 100, 20 * MINUTE, (200, 980), 60),
        on_demand=Supply(LogNormal(256, 1_024), 300, HOUR),
        pool_spells=Episodes(6 * HOUR, LogNormal(30 * MINUTE, 2 * HOUR), 900, 400, 8 * MINUTE, moods),
        type_spells=Episodes(12 * HOUR, LogNormal(20 * MINUTE, HOUR), 700, 300, 6 * MINUTE, moods),
        zone_spells=Episodes(DAY, LogNormal(15 * MINUTE, HOUR), 600, 200, 5 * MINUTE),
        on_demand_spells=Episodes(8 * HOUR, LogNormal(10 * MINUTE, 30 * MINUTE), moods=moods),
        reclaim_every=12 * HOUR,
        notices=Notices(missing=200),
        unseen=300,
        unseen_for=LogNormal(3 * SECOND, 15 * SECOND),
    )


def churning() -> CloudParameters:
    """A usual day, but some pools take machines back again and again, and sell new ones at once: churn proper.

    Calibrated by *Karpenter*, the one record of it with numbers: of 240 nodes in 16 hours 29 were interrupted, 1 to 17
    minutes after their launch (mean 7, median 4), and none that was older; so such pools do it all the time, and others
    do not. One pool in eight is such, for 12 % of what is launched anywhere meets it. Its spells last for hours, and
    the next begins within minutes; others have theirs as rarely as on any day. A wave every 4 minutes, and a short
    lead, make 7 minutes from launch to warning on average (median 5 to 6). Capacity is back at once (*flapping*), so
    nothing is scarce.
    """
    churns = 45 * DAY * 100 // (15 * MINUTE)  # a quarter of an hour until the next spell
    return CloudParameters(
        pool_spells=Episodes(
            45 * DAY,
            LogNormal(8 * HOUR, DAY),
            scarce=1_000,
            again=4 * MINUTE,
            moods=(30, 60, 100, 100, 100, 160, 300, churns),
        ),
        notices=Notices(lead=LogNormal(30 * SECOND, 3 * MINUTE)),
    )
