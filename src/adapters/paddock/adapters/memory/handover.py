"""The handover in one step, as it is where orders lie in the table beside the records."""

from collections.abc import Sequence

from paddock.core.messages import Assignment
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.together import Together, Write


class MemoryHandover:
    """See the port `Handover`. In one step as long as nobody else is at work meanwhile: for one thread."""

    def __init__(self, together: Together, assignments: Assignments) -> None:
        self._together = together
        self._assignments = assignments

    def give(self, machines: Sequence[Write], orders: Sequence[Assignment], jobs: Sequence[Write]) -> bool:
        """All of it, or nothing."""
        if any(self._assignments.get(one.machine) is not None for one in orders):
            return False
        if not self._together.write([*machines, *jobs]):
            return False
        for one in orders:
            self._assignments.put(one)
        return True

    def close(self, writes: Sequence[Write], machines: Sequence[str]) -> bool:
        """All of it, or nothing."""
        if not self._together.write(writes):
            return False
        for machine in machines:
            self._assignments.delete(machine)
        return True
