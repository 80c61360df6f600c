"""The adapters that keep assignments. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs

from paddock.adapters.memory import MemoryAssignments
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


ADAPTERS: dict[str, OpenAssignments] = {"memory": memory}
