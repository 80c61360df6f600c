"""Play seeds of chaos until one goes wrong: ``python -m tests.hunt SEEDS JOBS [FIRST]``. It says which; ends with 1."""

import sys
from itertools import chain

from paddock.adapters.simulation.chaos import REPOSITORIES, Case, broken, case_of, with_pools
from paddock.adapters.simulation.faults import FaultPlan, Outage
from paddock.core.settings import FleetSettings, Limits
from paddock.core.units import MINUTE


def main(seeds: int, jobs: int, first: int = 0, pools: int = 0) -> int:
    """Quiet worlds first, without limits and with: many bugs need no fault. Then some with a single kind of fault.

    With `pools` all of them have some.
    """
    narrow = FleetSettings(repositories=REPOSITORIES, limits=Limits(machines=12, machines_per_repository=6))
    quiet = (Case(0, jobs, FaultPlan()), Case(1, jobs, FaultPlan(), narrow), Case(2, jobs, FaultPlan(), quota=32))
    shut = (Outage("github.workflows.", 5 * MINUTE, 40 * MINUTE),)  # nor can anybody be asked
    deaf = FaultPlan("nobody is heard", webhook_lost=4_000, report_lost=8_000, outages=shut)
    blind = FaultPlan("nothing is seen", stale=5_000, failure=3_000)
    single = (Case(seed, jobs, plan) for seed, plan in enumerate((deaf, deaf, blind, blind, deaf, deaf)))
    cases = chain(quiet, single, (case_of(seed, jobs) for seed in range(first, first + seeds)))
    for case in map(with_pools, cases) if pools else cases:
        violations = broken(case)
        if violations:
            sys.stdout.write(f"seed {case.seed}: {violations[0].rule}: {violations[0].what[:150]}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
