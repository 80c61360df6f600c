"""Assignments as items, each under the key that only its machine may read: its ``aws:userid``.

What the machine makes of its item is told in ``paddock.agent.aws.item``. A receipt is read without the body, which is
a secret and most of the item; where a put finds the key taken, DynamoDB sends the body along, and it is dropped.
"""

from typing import Final

from paddock.adapters.aws.dynamodb.body import packed
from paddock.adapters.aws.dynamodb.definition import ASSIGNMENT, PARTITION, SORT, TTL
from paddock.adapters.aws.dynamodb.table import Table, TransactItem
from paddock.adapters.aws.dynamodb.values import Item, Value
from paddock.core.messages import Assignment
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.system import Clock
from paddock.core.units import DAY, SECOND, Span

KEPT: Span = 7 * DAY
"""For how long after the assignment was put: a job waits a day at most and runs five.

Nobody deletes what is left of the orders of a machine that took them and served: that costs, and this does not. What
was not taken is a secret still, and deleted when its machine is closed.
"""

_BODY: Final = "body"
_NAME: Final = "runner_name"
_NUMBER: Final = "runner_id"
_TAKEN: Final = "taken_at"  # set by the machine in the very step that takes the body away
_HEARTBEAT: Final = "heartbeat_at"  # set by the machine every few minutes
_READY: Final = "ready_at"  # set with these, once its runner has listened
_STARTED: Final = "started_at"  # set with the start's
_RECEIPT: Final = (SORT, _NAME, _NUMBER, _TAKEN, _HEARTBEAT, _READY, _STARTED)


class DynamoAssignments:
    """One assignment per machine, ever. Safe for threads and processes. Each method is one request."""

    def __init__(self, table: Table, machine_role_id: str, clock: Clock) -> None:
        """Args: the table; the unique id of the machines' role (``AROA…``); says until when it is kept."""
        self._table = table
        self._role_id = machine_role_id
        self._clock = clock

    def put(self, assignment: Assignment) -> AssignmentReceipt:
        """Write the assignment if the machine never had one; what then stands there."""
        item = self._item(assignment)
        standing = self._table.add(item)
        return _receipt(assignment.machine, item if standing is None else standing)

    def get(self, machine: str) -> AssignmentReceipt | None:
        """What stands there, or None if the machine never had one."""
        item = self._table.get(self._key(machine), _RECEIPT)
        return None if item is None else _receipt(machine, item)

    def delete(self, machine: str) -> None:
        """Forget it, when the machine is gone. Idempotent."""
        self._table.delete(self._key(machine))

    def given(self, assignment: Assignment) -> TransactItem:
        """`put` as part of a transaction, which fails if the machine ever had one."""
        return {"Put": {"Item": self._item(assignment), "ConditionExpression": f"attribute_not_exists({PARTITION})"}}

    def _item(self, assignment: Assignment) -> Item:
        return {
            **self._key(assignment.machine),
            _BODY: {"B": packed(assignment)},
            _NAME: {"S": assignment.runner_name},
            _NUMBER: {"N": str(assignment.runner_id)},
            "created_at": {"N": str(assignment.created_at)},
            TTL: {"N": str((self._clock.now() + KEPT) // SECOND)},
        }

    def _key(self, machine: str) -> Item:
        return {PARTITION: {"S": f"{self._role_id}:{machine}"}, SORT: {"S": ASSIGNMENT}}


def _receipt(machine: str, item: Item) -> AssignmentReceipt:
    return AssignmentReceipt(
        machine,
        item.get(_NAME, {}).get("S", ""),
        _whole(item.get(_NUMBER)) or 0,
        taken=_TAKEN in item,
        heartbeat_at=_whole(item.get(_HEARTBEAT)),
        ready_at=_whole(item.get(_READY)),
        started_at=_whole(item.get(_STARTED)),
    )


def _whole(value: Value | None) -> int | None:
    """A whole number, as a machine may have written it or not: one that cannot be read must not shield the machine."""
    text = "" if value is None else str(value.get("N", ""))
    return int(text) if text.isascii() and text.isdigit() else None
