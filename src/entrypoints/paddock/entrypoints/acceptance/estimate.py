"""What an acceptance costs about, and how long it takes: told before anything is done."""

from collections.abc import Iterable
from typing import Final

import attrs

from paddock.core.catalogue import fitting
from paddock.core.costs.ledger import Rates
from paddock.core.labels import parse_labels
from paddock.core.units import HOUR, MINUTE, MicroDollars, Span
from paddock.entrypoints.acceptance.play import Patience
from paddock.entrypoints.acceptance.scenarios import Cue, Scenario, label_of

DEPLOYING: Final[Span] = 10 * MINUTE
REMOVING: Final[Span] = 15 * MINUTE
FIS_ACTION_MINUTE: Final[MicroDollars] = 100_000
"""Source: AWS's price list of Fault Injection Service, 2026-07: $0.10 for a minute of an action."""
_FIS_MINUTES: Final = 5
_BOOT_MINUTES: Final = 5
_DISK_GIB: Final = 40
_MONTH: Final = 730  # hours


@attrs.frozen(kw_only=True)
class Estimate:
    """So many machines, about so much money, about so long; what bounds it are the fleet's own limits."""

    machines: int
    cost: MicroDollars
    span: Span


def estimated(scenarios: Iterable[Scenario], month: MicroDollars, patience: Patience, arch: str) -> Estimate:
    """Every machine is the dearest that fits, on demand, and lives as long as its workflow lets it.

    It is no upper bound: launches may be repeated, regions differ in price, and a removal may take longer.

    Args:
        scenarios: what is run.
        month: what the stack costs in a month without a job.
        patience: how long is waited.
        arch: of the machines.
    """
    played = tuple(scenarios)
    dearest = max(kind.on_demand for kind in fitting(parse_labels((label_of("a", "a", arch),))))
    rates = Rates()
    hourly = dearest + rates.ipv4_per_hour + rates.disk_per_gib_month * _DISK_GIB // _MONTH
    minutes = sum(len(one.jobs) * (one.minutes + _BOOT_MINUTES) for one in played)
    span = DEPLOYING + patience.scenarios + patience.settle + REMOVING
    interrupted = sum(1 for one in played if one.cue is Cue.INTERRUPT)
    cost = hourly * minutes // 60 + month * span // (_MONTH * HOUR) + interrupted * _FIS_MINUTES * FIS_ACTION_MINUTE
    return Estimate(machines=sum(len(one.jobs) for one in played), cost=cost, span=span)
