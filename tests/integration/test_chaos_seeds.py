"""A slice of the chaos that ``nox -s chaos`` plays by the ten thousand: nothing that must never be, comes of it."""

import pytest

from paddock.adapters.simulation.chaos import JOBS, broken, case_of, shrink, told

pytestmark = pytest.mark.slow

SEEDS = range(36)
AT_ONCE = 6


@pytest.mark.parametrize("first", SEEDS[::AT_ONCE])
def test_nothing_is_broken_by_any_mix_of_faults(first: int) -> None:
    """Whatever fails is told as the smallest story that still does."""
    for seed in range(first, first + AT_ONCE):
        case = case_of(seed, JOBS)
        if broken(case):
            smallest = shrink(case, lambda one: bool(broken(one)), tries=20)
            pytest.fail(told(smallest, broken(smallest)))
