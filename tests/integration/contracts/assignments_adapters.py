"""The adapters that keep assignments. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from random import randrange
from typing import TypeAlias

import attrs
import pytest

from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.table import Table
from paddock.adapters.memory import MemoryAssignments
from paddock.adapters.process import FileAssignments
from paddock.agent.aws.assignments import ItemAssignmentSource
from paddock.agent.aws.credentials import RoleCredentials, Signer
from paddock.agent.aws.item import OwnItem
from paddock.agent.aws.service import Service
from paddock.agent.aws.sigv4 import Credentials
from paddock.agent.local.machine import FileAssignmentSource
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.log import Log
from paddock.core.codec import message_from_data
from paddock.core.messages import Assignment
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.system import Clock
from tests.aws.judge import REGION
from tests.aws.machine import ROLE_ID, HandClock, patience
from tests.aws.table import table_of


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


@contextmanager
def dynamodb(folder: Path) -> Iterator[AssignmentsUnderTest]:
    with table_of(folder) as table, ExitStack() as stack:
        clock = HandClock()
        keys = RoleCredentials(lambda: Credentials("ASIA1", "secret", "session"), clock)
        service = Service("dynamodb", table.url, Signer(keys, clock, REGION), patience(clock))
        stack.callback(service.close)
        log = Log(folder / "agent.log", SteadyClock())
        stack.callback(log.close)

        def take(machine: str) -> Assignment | None:
            item = OwnItem(service, table.name, f"{ROLE_ID}:{machine}")
            hand = f"hand-{randrange(1 << 60)}"
            source = ItemAssignmentSource(item, clock=clock, log=log, hand=hand, chance=lambda: 0.5, sleep=clock.sleep)
            try:
                data = source.take(0)
            except AgentFailure as failure:
                assert failure.reason is Reason.ASSIGNMENT_TAKEN  # noqa: PT017 - it is no test
                return None
            return None if data is None else message_from_data(data)

        yield AssignmentsUnderTest(table.assignments(ROLE_ID), take)


ADAPTERS: dict[str, OpenAssignments] = {"memory": memory, "process": process, "dynamodb": dynamodb}
PARAMETERS = [
    pytest.param(adapter, id=name, marks=[pytest.mark.slow] * (name == "dynamodb"))
    for name, adapter in ADAPTERS.items()
]
"""The adapters, as tests are parametrised by them."""


def fewer(adapter: OpenAssignments, examples: int) -> int:
    """How many examples instead of so many the adapter is tried with: each of DynamoDB's calls is a request."""
    return examples // 4 if adapter is dynamodb else examples


def conformance(table: Table, clock: Clock) -> None:
    """Read by mypy only: the adapter is what the use-cases ask for."""
    assignments: Assignments = DynamoAssignments(table, "AROA", clock)
    del assignments
