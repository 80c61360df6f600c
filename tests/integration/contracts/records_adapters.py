"""The adapters that keep records. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from paddock.adapters.memory import MemoryRecords
from paddock.adapters.sqlite import Database, SqliteRecords
from paddock.core.ports.records import Records
from paddock.core.ports.stores import (
    CircuitStore,
    InterruptionStore,
    JobStore,
    LaunchStore,
    LedgerStore,
    PoolStore,
    RerunStore,
    RunnerStore,
    RunStore,
    ShortageStore,
    SwitchStore,
)
from paddock.core.records import (
    CIRCUITS,
    INTERRUPTIONS,
    JOBS,
    LAUNCHES,
    LEDGER,
    POOLS,
    RERUNS,
    RUNNERS,
    RUNS,
    SHORTAGES,
    SWITCHES,
    Kind,
)

AnyRecords: TypeAlias = Records[Any, Any, Any]
OpenRecords: TypeAlias = Callable[[Kind[Any], Path], AbstractContextManager[AnyRecords]]
"""Opens the records of a kind; everything opened with the same folder (empty at first) is the same store."""


@contextmanager
def memory(kind: Kind[Any], _: Path) -> Iterator[AnyRecords]:
    yield MemoryRecords(kind)


@contextmanager
def sqlite(kind: Kind[Any], folder: Path) -> Iterator[AnyRecords]:
    with Database(folder / "paddock.db") as database:
        yield SqliteRecords(kind, database)


ADAPTERS: dict[str, OpenRecords] = {"memory": memory, "sqlite": sqlite}


def conformance(database: Database) -> None:
    """Read by mypy only: the adapters are the stores that the use-cases ask for."""
    jobs: JobStore = MemoryRecords(JOBS)
    jobs = SqliteRecords(JOBS, database)
    runners: RunnerStore = MemoryRecords(RUNNERS)
    runners = SqliteRecords(RUNNERS, database)
    launches: LaunchStore = MemoryRecords(LAUNCHES)
    launches = SqliteRecords(LAUNCHES, database)
    runs: RunStore = MemoryRecords(RUNS)
    runs = SqliteRecords(RUNS, database)
    pools: PoolStore = MemoryRecords(POOLS)
    pools = SqliteRecords(POOLS, database)
    circuits: CircuitStore = MemoryRecords(CIRCUITS)
    circuits = SqliteRecords(CIRCUITS, database)
    interruptions: InterruptionStore = MemoryRecords(INTERRUPTIONS)
    interruptions = SqliteRecords(INTERRUPTIONS, database)
    shortages: ShortageStore = MemoryRecords(SHORTAGES)
    shortages = SqliteRecords(SHORTAGES, database)
    reruns: RerunStore = MemoryRecords(RERUNS)
    reruns = SqliteRecords(RERUNS, database)
    entries: LedgerStore = MemoryRecords(LEDGER)
    entries = SqliteRecords(LEDGER, database)
    switches: SwitchStore = MemoryRecords(SWITCHES)
    switches = SqliteRecords(SWITCHES, database)
    del jobs, runners, launches, runs, pools, circuits, interruptions, shortages, reruns, entries, switches
