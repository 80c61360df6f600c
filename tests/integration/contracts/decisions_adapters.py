"""The adapters that keep decisions. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

from paddock.adapters.memory import MemoryDecisions
from paddock.adapters.sqlite import Database, SqliteDecisions
from paddock.core.ports.decisions import Decisions
from tests.aws.logs import logs_on_moto

OpenDecisions: TypeAlias = Callable[[Path], AbstractContextManager[Decisions]]
"""Opens an empty log that may keep its files in the folder given."""


@contextmanager
def memory(_: Path) -> Iterator[Decisions]:
    yield MemoryDecisions()


@contextmanager
def sqlite(folder: Path) -> Iterator[Decisions]:
    with Database(folder / "paddock.db") as database:
        yield SqliteDecisions(database)


@contextmanager
def cloudwatch(_: Path) -> Iterator[Decisions]:
    with logs_on_moto() as made:
        yield made.decisions()


ADAPTERS: dict[str, OpenDecisions] = {"memory": memory, "sqlite": sqlite, "cloudwatch": cloudwatch}
