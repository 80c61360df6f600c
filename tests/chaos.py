"""Many seeds of chaos: ``python -m tests.chaos --seeds 10000``. Ends with 1 and a short story if one of them fails."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from rich.console import Console

from paddock.adapters.simulation.chaos import JOBS, Case, broken, case_of, shrink, told, with_pools

MOST_TOLD = 3


def case(seed: int, jobs: int, *, pools: bool) -> Case:
    """The seed's case; with `pools` it has some, whatever the seed says."""
    found = case_of(seed, jobs)
    return with_pools(found) if pools and not found.settings.pools else found


def fails(seed: int, jobs: int, pools: bool) -> tuple[int, int]:  # noqa: FBT001 - handed to another process
    """How many violations the seed's case has."""
    return seed, len(broken(case(seed, jobs, pools=pools)))


def main() -> int:
    """Play the seeds on all processors, within the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--jobs", type=int, default=JOBS, help="jobs of each")
    parser.add_argument("--minutes", type=float, default=None, help="no new seed is begun after that")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pools", action="store_true", help="every seed has pools, not only a third of them")
    options = parser.parse_args()
    say = Console(soft_wrap=True, highlight=False, markup=False).print
    began, played, wrong = time.monotonic(), 0, list[int]()
    seeds = iter(range(options.first, options.first + options.seeds))
    with ProcessPoolExecutor(options.workers) as pool:
        waiting = [pool.submit(fails, seed, options.jobs, options.pools) for seed in islice(seeds, 2 * options.workers)]
        while waiting:
            seed, number = waiting.pop(0).result()
            played += 1
            if number:
                wrong.append(seed)
                say(f"seed {seed}: {number} violations")
            elif played % 100 == 0:
                say(f"{played} seeds, {len(wrong)} of them wrong, {time.monotonic() - began:.0f} s")
            late = options.minutes is not None and time.monotonic() - began > 60 * options.minutes
            waiting += [
                pool.submit(fails, seed, options.jobs, options.pools) for seed in islice(seeds, 0 if late else 1)
            ]
    for seed in wrong[:MOST_TOLD]:
        small = shrink(case(seed, options.jobs, pools=options.pools), lambda one: bool(broken(one)), tries=60)
        say(f"\n{told(small, broken(small))}")
    say(f"{played} seeds of {options.jobs} jobs in {time.monotonic() - began:.0f} s: {len(wrong)} wrong {wrong[:20]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
