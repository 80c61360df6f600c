"""Who bears what AWS's services cost: each job the same. Pure.

Functions, queues, the table and logs are paid by the request, and every job causes about the same requests, however
long it runs and whatever its machine is: its webhooks, its launch, its reports, its records. What AWS counts, it counts
for the fleet as a whole; so the jobs that began are the only measure there is of who caused it. Machines, whose time
is known to the microsecond, are never shared like that.
"""

from collections.abc import Mapping
from typing import Final

from paddock.core.costs.report import CostLine
from paddock.core.costs.sums import By, Cost
from paddock.core.errors import InvalidInput
from paddock.core.units import MicroDollars

FLEET: Final = ""
"""The name of what belongs to none: what services cost where no job began is the fleet's own."""


def shares(amount: MicroDollars, jobs: Mapping[str, int]) -> dict[str, MicroDollars]:
    """Divide what services cost among names by the jobs of each that began: whole micro-dollars that add up to it.

    What is left of a division goes, a micro-dollar each, to those whose remainders are largest, and of equal ones to
    the first by name. So more jobs never get less, and equal numbers of jobs differ by a micro-dollar at most. Where
    no job began, all of it is `FLEET`'s.

    Raises:
        InvalidInput: the amount is negative, or a number of jobs is.
    """
    if amount < 0:
        raise InvalidInput("amount", amount, "must be zero or more micro-dollars")
    for name, count in jobs.items():
        if count < 0:
            raise InvalidInput(f"jobs of {name or 'none'}", count, "must be zero or more")
    whole = sum(jobs.values())
    if not whole:
        return {**dict.fromkeys(jobs, 0), FLEET: amount}
    found = {name: amount * count // whole for name, count in jobs.items()}
    left = amount - sum(found.values())
    for name in sorted(jobs, key=lambda name: (-(amount * jobs[name] % whole), name))[:left]:
        found[name] += 1
    return found


def shared_lines(costs: Mapping[str, Cost], services: MicroDollars | None, by: By) -> tuple[CostLine, ...]:
    """A line for each name with its share of `services`, the dearest first; days in their order.

    What is the fleet's own has a line even if no machine was anybody's.

    Args:
        costs: of machines, by name.
        services: what is known of the services' cost; None if nothing is, and then nobody's share is known.
        by: what the names are.
    """
    if services is None:
        return tuple(CostLine(name, cost) for name, cost in costs.items())
    found = shares(services, {name: cost.jobs for name, cost in costs.items()})
    lines = [
        CostLine(name, costs.get(name, Cost()), services=share)
        for name, share in found.items()
        if share or name in costs
    ]
    return tuple(lines if by is By.DAY else sorted(lines, key=lambda line: (-line.spent, line.name)))
