"""What a cold start pays before it does anything."""

from collections.abc import Iterator

from tests.bench.harness import Figure, milliseconds, start_nanoseconds
from tests.import_budgets import BUDGETS


def figures() -> Iterator[Figure]:
    """A bare interpreter, and each entrypoint of the import budgets in one."""
    yield milliseconds("import_ms.bare", start_nanoseconds("pass"), "CPU of an interpreter that does nothing")
    for name, budget in BUDGETS.items():
        stable = name.replace(" --", "_")
        what = f"CPU of an interpreter that starts {name} and ends"
        yield milliseconds(f"import_ms.{stable}", start_nanoseconds(budget.code), what)
