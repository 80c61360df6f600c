"""Bugs that fleets have had are planted into the use-cases, and chaos notices each of them."""

import pytest

from tests.mutants import MUTANTS, POOL_MUTANTS, Mutant, caught

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_chaos_notices(mutant: Mutant) -> None:
    """Within a few seeds something is wrong that must never be."""
    found = caught(mutant)
    assert found.startswith("seed "), found or "nothing went wrong"


def test_there_are_enough_of_them() -> None:
    """One for each way in which a fleet loses, doubles, kills or miscounts."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30


@pytest.mark.parametrize("mutant", POOL_MUTANTS, ids=lambda mutant: mutant.name)
def test_bugs_of_pools_are_noticed(mutant: Mutant) -> None:
    """By worlds with pools; or by the tests that put one process within another's calls."""
    found = caught(mutant)
    assert found.startswith("FAILED " if mutant.tests else "seed "), found or "nothing went wrong"


def test_there_are_enough_of_pools() -> None:
    """One for each way in which a pool doubles, keeps, ends or miscounts machines."""
    assert len({mutant.name for mutant in POOL_MUTANTS}) == len(POOL_MUTANTS) >= 15
