"""The bill: what EC2 charges, from its own log of lives. Nobody's ledger has a part in it.

::

    launched       running                                  ended      60 s
       │──────────────┼───────────────────────────────────────│──────────│
       └──────────────────── compute, disk, address ──────────┴─(at least)

Each amount is the rate times the whole span, rounded down once. It counts from the launch: EC2 counts from ``running``,
some seconds later, but a launch is what both sides know to the microsecond. It counts microseconds where EC2 counts
seconds. Both make a machine dearer by a few seconds at most. A spot machine has the price it was launched at; at EC2 it
follows the market, which moves less within a job than this rounds.

A machine that was stopped and started has several runs, each of a minute at least, from its launch or start until it
was told to stop. Between them it costs nothing but its disk.
"""

import attrs

from paddock.adapters.simulation.cloud.parameters import Prices
from paddock.adapters.simulation.protocols import Charge, Ending, Life
from paddock.core.spec import Market
from paddock.core.units import HOUR, MicroDollars, Moment

_MONTH = 730 * HOUR


@attrs.frozen
class Bill:
    """What the ended machines cost, all together: compute by market, disks, addresses.

    ``free`` is the compute that EC2 did not charge for (in no sum), ``machines`` how many ended, ``reclaimed`` how many
    of them EC2 took back.
    """

    spot: MicroDollars = 0
    on_demand: MicroDollars = 0
    disk: MicroDollars = 0
    address: MicroDollars = 0
    free: MicroDollars = 0
    machines: int = 0
    reclaimed: int = 0

    @property
    def total(self) -> MicroDollars:
        """What is to be paid."""
        return self.spot + self.on_demand + self.disk + self.address


def charge_of(life: Life, prices: Prices, now: Moment) -> Charge:
    """What the machine costs from its launch to its end, or to `now` while it lives.

    Compute is free for a spot machine that EC2 took back in its first hour, warned or not; whoever ends it himself,
    even after the warning, pays. It is free as well if the machine failed before it ran.
    """
    machine = life.machine
    end = now if life.ended_at is None else life.ended_at
    lived = end - machine.launched_at
    began = machine.launched_at if life.started_at is None else life.started_at
    span = life.awake(began, now, prices.minimum)
    compute = (machine.price or 0) * span // HOUR
    disk = prices.disk_per_gib_month * machine.disk * max(lived, prices.minimum) // _MONTH
    address = prices.address_per_hour * span // HOUR
    given_back = life.ended_by is Ending.SPOT and lived < prices.free_within
    never_ran = life.ended_by is Ending.HARDWARE and life.running_at is None and not life.runs
    if given_back or never_ran:
        return Charge(0, disk, address, free=compute)
    return Charge(compute, disk, address)


class Books:
    """The running totals: a machine is added when it ends."""

    def __init__(self, prices: Prices) -> None:
        """Args: what things cost."""
        self._prices = prices
        self._compute = {Market.SPOT: 0, Market.ON_DEMAND: 0}
        self._disk = self._address = self._free = self._machines = self._reclaimed = 0

    def charge(self, life: Life, now: Moment) -> Charge:
        """What the machine costs so far."""
        return charge_of(life, self._prices, now)

    def close(self, life: Life, now: Moment) -> None:
        """Add a machine that has ended."""
        charge = charge_of(life, self._prices, now)
        self._compute[life.machine.market] += charge.compute
        self._disk += charge.disk
        self._address += charge.address
        self._free += charge.free
        self._machines += 1
        self._reclaimed += life.ended_by is Ending.SPOT

    @property
    def bill(self) -> Bill:
        """The totals as they are."""
        return Bill(
            spot=self._compute[Market.SPOT],
            on_demand=self._compute[Market.ON_DEMAND],
            disk=self._disk,
            address=self._address,
            free=self._free,
            machines=self._machines,
            reclaimed=self._reclaimed,
        )
