"""What breaker and on-demand retry are worth: the same days without them, with one of them, and with both.

Without: no circuit ever opens, nothing is avoided, and whatever lost its machine runs again on spot, up to three times.
Two markets: one in which some pools take machines back again and again, which is what a breaker is for; and a stormy
one, where most machines are taken by chance alone or by a storm's first wave, which nobody can foresee.
"""

from collections.abc import Iterator, Mapping

import attrs

from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.workloads import built_in_day
from paddock.core.circuit import CircuitPolicy
from paddock.core.rerun import RerunPolicy
from paddock.core.settings import FleetSettings
from paddock.entrypoints.simulation.engine import CHURNING, STORMY, run
from tests.bench.harness import Figure

SEEDS = range(1, 6)
NEVER = 10**9
NO_BREAKER = CircuitPolicy(threshold=NEVER, zone_types=NEVER, avoid=0)
NO_RETRY = RerunPolicy(most=3, on_demand=False)
NUMBERS = (
    ("again", "re-runs interrupted again", "jobs", lambda one: one.jobs.again),
    ("interrupted", "jobs interrupted", "jobs", lambda one: one.jobs.interrupted),
    ("wasted_min", "machine time that came to nothing", "min", lambda one: one.jobs.wasted // 60_000_000),
    ("usd", "all costs", "USD", lambda one: one.cost.total / 1e6),
)


def figures() -> Iterator[Figure]:
    """Sums over the seeds, for each market and each arm."""
    load = built_in_day()
    both = FleetSettings(repositories=tuple(load.repositories))
    arms = {
        "without": attrs.evolve(both, circuit=NO_BREAKER, rerun=NO_RETRY),
        "retry_only": attrs.evolve(both, circuit=NO_BREAKER),
        "breaker_only": attrs.evolve(both, rerun=NO_RETRY),
        "with": both,
    }
    for market in (CHURNING, STORMY):
        outcomes = {
            name: [run(load, settings, name, seed, market, _quietly) for seed in SEEDS]
            for name, settings in arms.items()
        }
        for found in outcomes.values():
            _check(found)
        yield from _compared(market, outcomes)


def _compared(market: str, outcomes: Mapping[str, list[Outcome]]) -> Iterator[Figure]:
    for name, what, unit, number in NUMBERS:
        first = sum(map(number, outcomes["without"]))
        for arm, found in outcomes.items():
            then = sum(map(number, found))
            told = f"{what}, {len(SEEDS)} built-in days, {market} market, neither" if arm == "without" else ""
            yield Figure(f"churn.{market}.{name}.{arm}", round(then, 2), unit, told or _against(first, then))


def _against(first: float, then: float) -> str:
    if not first:
        return "nothing to compare"
    return f"{abs(100 * (first - then) / first):.0f} % {'less' if then <= first else 'more'}"


def _quietly(_now: int, _jobs: int) -> None:
    """Nobody watches."""


def _check(outcomes: list[Outcome]) -> None:
    """A day with violations measures nothing."""
    wrong = [violation for outcome in outcomes for violation in outcome.violations]
    if wrong:
        raise AssertionError(f"the days did not go as they must: {wrong[0].rule}: {wrong[0].what}")
