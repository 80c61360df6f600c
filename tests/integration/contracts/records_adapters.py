"""The adapters that keep records. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table
from paddock.adapters.memory import MemoryRecords
from paddock.adapters.sqlite import Database, SqliteRecords
from paddock.core.ports.records import Records
from paddock.core.ports.stores import (
    CircuitStore,
    InterruptionStore,
    JobStore,
    LaunchStore,
    LedgerStore,
    PaceStore,
    PoolStore,
    RerunStore,
    RunnerStore,
    RunStore,
    ShortageStore,
    SwitchStore,
    TaskStore,
)
from paddock.core.ports.system import Clock, Ids
from paddock.core.records import (
    CIRCUITS,
    INTERRUPTIONS,
    JOBS,
    LAUNCHES,
    LEDGER,
    PACES,
    POOLS,
    RERUNS,
    RUNNERS,
    RUNS,
    SHORTAGES,
    SWITCHES,
    TASKS,
    Kind,
)
from tests.aws.table import table_of

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


@contextmanager
def dynamodb(kind: Kind[Any], folder: Path) -> Iterator[AnyRecords]:
    with table_of(folder) as table:
        yield table.records(kind)


ADAPTERS: dict[str, OpenRecords] = {"memory": memory, "sqlite": sqlite, "dynamodb": dynamodb}
SLOW: frozenset[str] = frozenset({"dynamodb"})
PARAMETERS = [
    pytest.param(adapter, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, adapter in ADAPTERS.items()
]
"""The adapters, as tests are parametrised by them."""


def fewer(adapter: OpenRecords, examples: int) -> int:
    """How many examples instead of so many the adapter is tried with: each of DynamoDB's calls is a request."""
    return max(2, examples // 4) if adapter is dynamodb else examples


def sequences_of(adapter: OpenRecords, examples: int) -> tuple[int, int]:
    """How many random sequences of calls, and of how many steps; on DynamoDB a step is thirty requests."""
    if adapter is memory:
        return examples, 30
    return (max(1, examples // 4), 30) if adapter is sqlite else (max(1, examples // 10), 20)


def conformance(database: Database, table: Table, clock: Clock, ids: Ids) -> None:
    """Read by mypy only: the adapters are the stores that the use-cases ask for."""
    jobs: JobStore = MemoryRecords(JOBS)
    jobs = SqliteRecords(JOBS, database)
    jobs = DynamoRecords(JOBS, table, clock, ids)
    runners: RunnerStore = MemoryRecords(RUNNERS)
    runners = SqliteRecords(RUNNERS, database)
    runners = DynamoRecords(RUNNERS, table, clock, ids)
    launches: LaunchStore = MemoryRecords(LAUNCHES)
    launches = SqliteRecords(LAUNCHES, database)
    launches = DynamoRecords(LAUNCHES, table, clock, ids)
    runs: RunStore = MemoryRecords(RUNS)
    runs = SqliteRecords(RUNS, database)
    runs = DynamoRecords(RUNS, table, clock, ids)
    pools: PoolStore = MemoryRecords(POOLS)
    pools = SqliteRecords(POOLS, database)
    pools = DynamoRecords(POOLS, table, clock, ids)
    circuits: CircuitStore = MemoryRecords(CIRCUITS)
    circuits = SqliteRecords(CIRCUITS, database)
    circuits = DynamoRecords(CIRCUITS, table, clock, ids)
    interruptions: InterruptionStore = MemoryRecords(INTERRUPTIONS)
    interruptions = SqliteRecords(INTERRUPTIONS, database)
    interruptions = DynamoRecords(INTERRUPTIONS, table, clock, ids)
    shortages: ShortageStore = MemoryRecords(SHORTAGES)
    shortages = SqliteRecords(SHORTAGES, database)
    shortages = DynamoRecords(SHORTAGES, table, clock, ids)
    reruns: RerunStore = MemoryRecords(RERUNS)
    reruns = SqliteRecords(RERUNS, database)
    reruns = DynamoRecords(RERUNS, table, clock, ids)
    bills: LedgerStore = MemoryRecords(LEDGER)
    bills = SqliteRecords(LEDGER, database)
    bills = DynamoRecords(LEDGER, table, clock, ids)
    switches: SwitchStore = MemoryRecords(SWITCHES)
    paces: PaceStore = MemoryRecords(PACES)
    tasks: TaskStore = MemoryRecords(TASKS)
    switches = SqliteRecords(SWITCHES, database)
    paces = SqliteRecords(PACES, database)
    tasks = SqliteRecords(TASKS, database)
    switches = DynamoRecords(SWITCHES, table, clock, ids)
    paces = DynamoRecords(PACES, table, clock, ids)
    tasks = DynamoRecords(TASKS, table, clock, ids)
    del jobs, runners, launches, runs, pools, circuits, interruptions, shortages, reruns, bills, switches, paces, tasks
