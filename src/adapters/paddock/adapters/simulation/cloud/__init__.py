"""EC2 in virtual time: capacity, prices, starts, limits and reclaims after published figures, and its own bill.

`SimulatedEc2` keeps the port `Machines` and the protocol `SimulatedCloud`; `CloudParameters` say what it is like.
"""

from paddock.adapters.simulation.cloud.allocation import Code
from paddock.adapters.simulation.cloud.billing import Bill
from paddock.adapters.simulation.cloud.draws import LogNormal, Stream
from paddock.adapters.simulation.cloud.parameters import (
    ApiLimits,
    CloudParameters,
    Episodes,
    Limit,
    Notices,
    Prices,
    StartTimes,
    Supply,
    churning,
    quiet,
    stormy,
    usual,
)
from paddock.adapters.simulation.cloud.region import SimulatedEc2
from paddock.adapters.simulation.outcome import Start

__all__ = [
    "ApiLimits",
    "Bill",
    "CloudParameters",
    "Code",
    "Episodes",
    "Limit",
    "LogNormal",
    "Notices",
    "Prices",
    "SimulatedEc2",
    "Start",
    "StartTimes",
    "Stream",
    "Supply",
    "churning",
    "quiet",
    "stormy",
    "usual",
]
