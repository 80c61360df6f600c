"""Ports that go together, in memory."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from paddock.adapters.memory.github import (
    MemoryDeliveries,
    MemoryGitHub,
    MemoryReleases,
    MemoryRunners,
    MemoryWorkflows,
)
from paddock.adapters.memory.records import MemoryRecords
from paddock.adapters.tables import ExclusiveTogether, stores_of, table_of
from paddock.core.ports.github import GitHub
from paddock.core.ports.stores import Table


def memory_table() -> Table:
    """Empty stores of every kind."""
    stores = stores_of(MemoryRecords)

    @contextmanager
    def alone() -> Iterator[None]:
        with ExitStack() as locks:
            for store in stores.values():  # always in this order, so that no two wait for each other
                locks.enter_context(store.lock)
            yield

    return table_of(stores, ExclusiveTogether(stores, alone))


def memory_github(model: MemoryGitHub) -> GitHub:
    """The model of GitHub, as the core's ports."""
    return GitHub(MemoryRunners(model), MemoryWorkflows(model), MemoryDeliveries(model), MemoryReleases(model))
