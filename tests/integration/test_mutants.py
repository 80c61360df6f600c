"""Bugs that fleets have had are planted into the use-cases, and chaos notices each of them.

That holds the tests themselves to something, and takes minutes: all of it is for ``nox -s mutants``, every twelfth
bug for everybody.
"""

from collections.abc import Sequence

import pytest
from _pytest.mark.structures import ParameterSet

from tests.mutants import CORE, HOUSE_MUTANTS, MUTANTS, POOL_MUTANTS, Mutant, caught

pytestmark = pytest.mark.slow
EVERY = 12


def some_for_all(mutants: Sequence[Mutant]) -> list[ParameterSet]:
    """All of them, most for those alone who ask for planted bugs."""
    return [
        pytest.param(mutant, id=mutant.name, marks=[pytest.mark.planted] if number % EVERY else [])
        for number, mutant in enumerate(mutants)
    ]


@pytest.mark.parametrize("mutant", some_for_all(MUTANTS))
def test_chaos_notices(mutant: Mutant) -> None:
    """Within a few seeds something is wrong that must never be."""
    found = caught(mutant)
    assert found.startswith("seed "), found or "nothing went wrong"


@pytest.mark.parametrize("mutant", [*MUTANTS, *POOL_MUTANTS, *HOUSE_MUTANTS], ids=lambda mutant: mutant.name)
def test_every_bug_has_its_place(mutant: Mutant) -> None:
    """A bug has to follow the code that it is planted into."""
    assert (CORE / "usecases" / mutant.file).read_text(encoding="utf-8").count(mutant.find) == 1


def test_there_are_enough_of_them() -> None:
    """One for each way in which a fleet loses, doubles, kills or miscounts."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30


@pytest.mark.parametrize("mutant", some_for_all((*POOL_MUTANTS, *HOUSE_MUTANTS)))
def test_bugs_of_pools_and_of_housekeeping_are_noticed(mutant: Mutant) -> None:
    """By worlds with pools; or by the tests that put one process within another's calls."""
    found = caught(mutant)
    assert found.startswith("FAILED " if mutant.tests else "seed "), found or "nothing went wrong"


def test_there_are_enough_of_pools() -> None:
    """One for each way in which a pool doubles, keeps, ends or miscounts machines."""
    assert len({mutant.name for mutant in POOL_MUTANTS}) == len(POOL_MUTANTS) >= 15
