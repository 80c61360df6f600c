"""Races: the same work in several threads at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60
"""Seconds after which a race that hangs fails instead."""


def race(runners: int, work: Callable[[int], T]) -> list[T]:
    """What `work` returned in each of so many threads that set off together; raises what it raised."""
    start = Barrier(runners)

    def run(number: int) -> T:
        start.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(runners) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(run, number) for number in range(runners)]]
