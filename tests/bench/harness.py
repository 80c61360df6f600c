"""How things are measured."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import attrs

RUNS = 7


@attrs.frozen
class Figure:
    """One measured thing. ``nanoseconds`` is the CPU time in it, for its ratio to the yardstick; None without one."""

    name: str
    value: float
    unit: str
    what: str
    nanoseconds: float | None = None


def cpu_nanoseconds(work: Callable[[], object], repeats: int, runs: int = RUNS) -> float:
    """The CPU time of one call of `work`: the best of `runs`, each of `repeats` calls, without garbage collection."""
    work()
    best = float("inf")
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(runs):
            gc.collect()
            before = time.process_time_ns()
            for _ in range(repeats):
                work()
            best = min(best, (time.process_time_ns() - before) / repeats)
    finally:
        if collecting:
            gc.enable()
    return best


def yardstick() -> float:
    """Nanoseconds of CPU time for a fixed piece of pure Python: what this machine is worth just now."""
    return cpu_nanoseconds(_fixed_work, 3)


def _fixed_work() -> int:
    table: dict[str, int] = {}
    total = 0
    for number in range(20_000):
        key = f"k{number % 997}"
        table[key] = table.get(key, 0) + number
        total ^= table[key]
    return total


def start_nanoseconds(code: str, *options: str, runs: int = RUNS) -> float:
    """The CPU time of a fresh interpreter that runs `code` and ends: user and system, the best of several.

    ``options`` are the interpreter's, besides ``-I``.

    Raises:
        RuntimeError: the code failed.
    """
    # The first run compiles bytecode and does not count.
    return min([_child(code, options) for _ in range(runs + 1)][1:])


def _child(code: str, options: Sequence[str]) -> float:
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", *options, "-c", code], os.environ, file_actions=null)
    _, status, used = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"ended with {os.waitstatus_to_exitcode(status)}: {code}")
    return (used.ru_utime + used.ru_stime) * 1e9


def microseconds(name: str, nanoseconds: float, what: str) -> Figure:
    """A figure in microseconds of CPU time."""
    return Figure(name, round(nanoseconds / 1e3, 2), "us", what, nanoseconds)


def milliseconds(name: str, nanoseconds: float, what: str) -> Figure:
    """A figure in milliseconds of CPU time."""
    return Figure(name, round(nanoseconds / 1e6, 1), "ms", what, nanoseconds)


def per_second(name: str, nanoseconds: float, what: str) -> Figure:
    """A figure in things per second of CPU time, given the time of one."""
    return Figure(name, round(1e9 / nanoseconds), "1/s", what, nanoseconds)


Group = Callable[[], Iterator[Figure]]
