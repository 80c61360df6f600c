"""Ports that go together, in memory."""

from paddock.adapters.memory.github import (
    MemoryDeliveries,
    MemoryGitHub,
    MemoryReleases,
    MemoryRunners,
    MemoryWorkflows,
)
from paddock.adapters.memory.records import MemoryRecords
from paddock.core.ports.github import GitHub
from paddock.core.ports.stores import Table
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
)


def memory_table() -> Table:
    """Empty stores of every kind."""
    return Table(
        jobs=MemoryRecords(JOBS),
        runners=MemoryRecords(RUNNERS),
        launches=MemoryRecords(LAUNCHES),
        runs=MemoryRecords(RUNS),
        pools=MemoryRecords(POOLS),
        circuits=MemoryRecords(CIRCUITS),
        interruptions=MemoryRecords(INTERRUPTIONS),
        shortages=MemoryRecords(SHORTAGES),
        reruns=MemoryRecords(RERUNS),
        ledger=MemoryRecords(LEDGER),
        switches=MemoryRecords(SWITCHES),
    )


def memory_github(model: MemoryGitHub) -> GitHub:
    """The model of GitHub, as the core's ports."""
    return GitHub(MemoryRunners(model), MemoryWorkflows(model), MemoryDeliveries(model), MemoryReleases(model))
