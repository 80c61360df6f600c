"""Machines and their orders lie in one table, so that they are written in one transaction."""

from collections.abc import Sequence

from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.core.messages import Assignment
from paddock.core.ports.together import MOST, Write
from paddock.core.usecases.in_steps import InSteps


class DynamoHandover:
    """Safe for threads and processes. Each method is one request; `give` is more for a launch of over 33 machines."""

    def __init__(self, together: DynamoTogether, assignments: DynamoAssignments) -> None:
        """Args: the records, and the orders, of one table."""
        self._together = together
        self._assignments = assignments
        self._in_steps = InSteps(together, assignments)

    def give(self, machines: Sequence[Write], orders: Sequence[Assignment], jobs: Sequence[Write]) -> bool:
        """See `paddock.core.ports.handover.Handover`."""
        if len(machines) + len(orders) + len(jobs) > MOST:
            return self._in_steps.give(machines, orders, jobs)
        return self._together.write([*machines, *jobs], [self._assignments.given(one) for one in orders])

    def close(self, writes: Sequence[Write], machines: Sequence[str]) -> bool:  # noqa: ARG002 - see there
        """See `paddock.core.ports.handover.Handover`. A delete would be paid for, and time to live is not.

        What the machine took is out of its item since that very step; its name and its times stay for `KEPT`.
        """
        return self._together.write(writes)
