"""The table, made of a store for each kind of record: every adapter makes its own stores and nothing else."""

from collections.abc import Callable
from typing import Any

from paddock.core.ports.records import Records
from paddock.core.ports.stores import Table
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
    Kind,
)


def table_of(store: Callable[[Kind[Any]], Records[Any, Any, Any]]) -> Table:
    """The table whose stores are made, one for each kind, by `store`."""
    return Table(
        jobs=store(JOBS),
        runners=store(RUNNERS),
        launches=store(LAUNCHES),
        runs=store(RUNS),
        pools=store(POOLS),
        circuits=store(CIRCUITS),
        interruptions=store(INTERRUPTIONS),
        shortages=store(SHORTAGES),
        reruns=store(RERUNS),
        ledger=store(LEDGER),
        switches=store(SWITCHES),
        paces=store(PACES),
    )
