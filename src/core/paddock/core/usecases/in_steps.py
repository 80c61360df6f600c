"""The handover in steps, where orders lie elsewhere than records: in files, say."""

from collections.abc import Sequence

from paddock.core.messages import Assignment
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.together import Together, Write


class InSteps:
    """See the port `Handover`."""

    def __init__(self, together: Together, assignments: Assignments) -> None:
        self._together = together
        self._assignments = assignments

    def give(self, machines: Sequence[Write], orders: Sequence[Assignment], jobs: Sequence[Write]) -> bool:
        """No machine works that nobody wrote down, and no job counts on a machine without orders."""
        if not self._together.write(machines):
            return False
        for one in orders:
            if self._assignments.put(one).runner_name != one.runner_name:
                return False
        return self._together.write(jobs)

    def close(self, writes: Sequence[Write], machines: Sequence[str]) -> bool:
        """The record is closed last, so that a crash leaves something that is found again."""
        for machine in machines:
            self._assignments.delete(machine)
        return self._together.write(writes)
