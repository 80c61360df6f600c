"""What a cold start pays before it does anything."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.bundle.contents import FUNCTIONS, WEBHOOK
from tests.aws.bundles import make
from tests.bench.harness import Figure, milliseconds, start_nanoseconds
from tests.import_budgets import BUDGETS

BUNDLED = {"webhook": WEBHOOK, "dispatch": FUNCTIONS}
"""Functions that are measured as they are deployed."""


def figures() -> Iterator[Figure]:
    """A bare interpreter, each entrypoint of the import budgets in one, and the functions from their bundles."""
    yield milliseconds("import_ms.bare", start_nanoseconds("pass"), "CPU of an interpreter that does nothing")
    for name, budget in BUDGETS.items():
        if name not in BUNDLED:
            stable = name.replace(" --", "_").replace(" ", "_")
            what = f"CPU of an interpreter that starts {name} and ends"
            yield milliseconds(f"import_ms.{stable}", start_nanoseconds(budget.code), what)
    with TemporaryDirectory() as folder:
        for name, bundle in BUNDLED.items():
            code = make(bundle, Path(folder)).importing(name)
            what = f"CPU of an interpreter that imports the {name} function from its unpacked bundle and ends"
            yield milliseconds(f"import_ms.{name}", start_nanoseconds(code, "-S"), what)
