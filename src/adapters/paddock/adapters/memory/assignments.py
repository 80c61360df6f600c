"""Assignments in a dictionary, one per machine."""

from threading import Lock

import attrs

from paddock.core.messages import Assignment
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.units import Moment


@attrs.frozen
class _Slot:
    """``secret`` is the whole assignment until the machine takes it."""

    receipt: AssignmentReceipt
    secret: Assignment | None = attrs.field(repr=False)


class MemoryAssignments:
    """One assignment per machine, ever; the secret is kept until the machine reads it. Safe for threads."""

    def __init__(self) -> None:
        """Empty at first."""
        self._slots: dict[str, _Slot] = {}
        self._lock = Lock()

    def put(self, assignment: Assignment) -> AssignmentReceipt:
        """Write the assignment if the machine never had one; what then stands there."""
        receipt = AssignmentReceipt(assignment.machine, assignment.runner_name, assignment.runner_id, taken=False)
        with self._lock:
            return self._slots.setdefault(assignment.machine, _Slot(receipt, assignment)).receipt

    def get(self, machine: str) -> AssignmentReceipt | None:
        """What stands there, or None if the machine never had one."""
        slot = self._slots.get(machine)
        return None if slot is None else slot.receipt

    def delete(self, machine: str) -> None:
        """Forget it, when the machine is gone. Idempotent."""
        with self._lock:
            self._slots.pop(machine, None)

    def take(self, machine: str) -> Assignment | None:
        """The machine's side: its assignment, once. None if there is none yet, or if it was taken already."""
        with self._lock:
            slot = self._slots.get(machine)
            if slot is None or slot.secret is None:
                return None
            self._slots[machine] = _Slot(attrs.evolve(slot.receipt, taken=True), None)
            return slot.secret

    def beat(
        self,
        machine: str,
        at: Moment,
        ready_at: Moment | None = None,
        runner_id: int | None = None,
        started_at: Moment | None = None,
    ) -> None:
        """The machine's side: a sign of life, and what it has learnt by then.

        That is since when it is ready, its runner's number, and when it began a job. Nothing if there is no assignment.
        """
        with self._lock:
            slot = self._slots.get(machine)
            if slot is not None:
                ready = slot.receipt.ready_at if ready_at is None else ready_at
                number = runner_id or slot.receipt.runner_id
                began = slot.receipt.started_at if started_at is None else started_at
                receipt = attrs.evolve(
                    slot.receipt, heartbeat_at=at, ready_at=ready, runner_id=number, started_at=began
                )
                self._slots[machine] = attrs.evolve(slot, receipt=receipt)
