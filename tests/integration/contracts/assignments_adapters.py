"""The adapters that keep assignments. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import randrange
from typing import TypeAlias

import attrs

from paddock.adapters.memory import MemoryAssignments
from paddock.adapters.process import FileAssignments
from paddock.agent.local.machine import FileAssignmentSource
from paddock.agent.machine.clock import SteadyClock
from paddock.core.codec import message_from_data
from paddock.core.messages import Assignment
from paddock.core.ports.assignments import Assignments


@attrs.frozen
class AssignmentsUnderTest:
    """An empty store, and the machine's side of it: ``take`` reads a machine's assignment as its agent does."""

    assignments: Assignments
    take: Callable[[str], Assignment | None]


OpenAssignments: TypeAlias = Callable[[Path], AbstractContextManager[AssignmentsUnderTest]]
"""Opens a store that may keep its files in the folder given (empty at first)."""


@contextmanager
def memory(_: Path) -> Iterator[AssignmentsUnderTest]:
    assignments = MemoryAssignments()
    yield AssignmentsUnderTest(assignments, assignments.take)


@contextmanager
def process(folder: Path) -> Iterator[AssignmentsUnderTest]:
    def take(machine: str) -> Assignment | None:
        source = FileAssignmentSource(folder / "machines" / machine, clock=SteadyClock(), below=randrange)
        data = source.take(0)
        return None if data is None else message_from_data(data)

    yield AssignmentsUnderTest(FileAssignments(folder), take)


ADAPTERS: dict[str, OpenAssignments] = {"memory": memory, "process": process}
