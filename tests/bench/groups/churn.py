"""What breaker and forced on-demand retry are worth: the same stormy days without them, and with them.

Without: no circuit ever opens, and whatever lost its machine runs again on spot, up to three times.
"""

from collections.abc import Iterator

import attrs

from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.workloads import built_in_day
from paddock.core.circuit import CircuitPolicy
from paddock.core.rerun import RerunPolicy
from paddock.core.settings import FleetSettings
from paddock.entrypoints.simulation.engine import STORMY, run
from tests.bench.harness import Figure

SEEDS = range(1, 6)
NEVER = 10**9


def figures() -> Iterator[Figure]:
    """Sums over the seeds."""
    load = built_in_day()
    ours = FleetSettings(repositories=tuple(load.repositories))
    wild = attrs.evolve(
        ours,
        circuit=CircuitPolicy(threshold=NEVER, zone_types=NEVER),
        rerun=RerunPolicy(most=3, on_demand=False),
    )
    before = [run(load, wild, "churn", seed, STORMY, _quietly) for seed in SEEDS]
    after = [run(load, ours, "ours", seed, STORMY, _quietly) for seed in SEEDS]
    _check([*before, *after])
    days = f"{len(SEEDS)} built-in days in a stormy market"
    for name, what, unit, number in (
        ("interrupted", "jobs interrupted", "jobs", lambda one: one.jobs.interrupted),
        ("again", "re-runs interrupted again", "jobs", lambda one: one.jobs.again),
        ("wasted_min", "machine time that came to nothing", "min", lambda one: one.jobs.wasted // 60_000_000),
        ("usd", "all costs", "USD", lambda one: one.cost.total / 1e6),
    ):
        first, then = sum(map(number, before)), sum(map(number, after))
        saved = (
            f"{abs(100 * (first - then) / first):.0f} % {'less' if then <= first else 'more'}"
            if first
            else "nothing to compare"
        )
        yield Figure(f"churn.{name}.without", round(first, 2), unit, f"{what}, {days}, no breaker, spot retries")
        yield Figure(f"churn.{name}.with", round(then, 2), unit, f"the same with both: {saved}")


def _quietly(_now: int, _jobs: int) -> None:
    """Nobody watches."""


def _check(outcomes: list[Outcome]) -> None:
    """A day with violations measures nothing."""
    wrong = [violation for outcome in outcomes for violation in outcome.violations]
    if wrong:
        raise AssertionError(f"the days did not go as they must: {wrong[0].rule}: {wrong[0].what}")
