"""Play seeds of chaos until one goes wrong: ``python -m tests.hunt SEEDS JOBS``. It says which; ends with 1."""

import sys
from itertools import chain

from paddock.adapters.simulation.chaos import Case, broken, case_of
from paddock.adapters.simulation.faults import FaultPlan


def main(seeds: int, jobs: int) -> int:
    """A quiet world first: many bugs need no fault."""
    cases = chain([Case(0, jobs, FaultPlan())], (case_of(seed, jobs) for seed in range(seeds)))
    for case in cases:
        violations = broken(case)
        if violations:
            sys.stdout.write(f"seed {case.seed}: {violations[0].rule}: {violations[0].what[:150]}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
