"""Output as a pipe has it, whatever the terminal is around the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def wide(columns: int = 1_000) -> Iterator[None]:
    """Inside, lines are as long as they are: rich asks the environment how wide a terminal is."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
