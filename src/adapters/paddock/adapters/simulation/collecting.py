"""Garbage: a simulation makes millions of small values and next to no cycles, so it need not be looked for so often."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (100_000, 20, 100)  # Python's own are (700, 10, 10)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage rarely, and afterwards as often as before."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
