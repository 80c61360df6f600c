"""Ports that go together, in memory."""

from paddock.adapters.memory.github import (
    MemoryDeliveries,
    MemoryGitHub,
    MemoryReleases,
    MemoryRunners,
    MemoryWorkflows,
)
from paddock.adapters.memory.records import MemoryRecords
from paddock.adapters.tables import table_of
from paddock.core.ports.github import GitHub
from paddock.core.ports.stores import Table


def memory_table() -> Table:
    """Empty stores of every kind."""
    return table_of(MemoryRecords)


def memory_github(model: MemoryGitHub) -> GitHub:
    """The model of GitHub, as the core's ports."""
    return GitHub(MemoryRunners(model), MemoryWorkflows(model), MemoryDeliveries(model), MemoryReleases(model))
