"""No entrypoint loads what it does not need: a cold start pays for every import."""

import pytest

from tests.import_budgets import BUDGETS, Budget, loaded, uninvited


@pytest.mark.parametrize("name", BUDGETS)
def test_an_entrypoint_loads_only_what_its_budget_names(name: str) -> None:
    """In a fresh interpreter, the third-party modules that came along are all in the table."""
    assert uninvited(BUDGETS[name]) == frozenset()


def test_the_check_sees_what_is_loaded() -> None:
    """An import that the budget does not name is found, also one that hides in a function that the start calls."""
    code = "def start():\n    import yaml\nstart()"
    assert loaded(code) >= {"yaml"}
    assert uninvited(Budget(code, frozenset({"attrs"}))) == {"yaml"} | (loaded(code) - {"attrs"})


def test_an_entrypoint_that_does_not_start_is_no_pass() -> None:
    """An import error fails the check instead of counting as a very small program."""
    with pytest.raises(AssertionError, match="no_such_module"):
        loaded("import no_such_module")
