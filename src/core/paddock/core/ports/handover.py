"""The port by which machines are handed to jobs, and taken from the books: records and orders in one step."""

from collections.abc import Sequence
from typing import Protocol

from paddock.core.messages import Assignment
from paddock.core.ports.together import Write


class Handover(Protocol):
    """Writes of records that belong to what is put for machines, or forgotten. May raise `Unavailable` or `Throttled`.

    In one step where orders lie beside the records, and in the order of the arguments where they do not: then a crash
    may leave what comes first without what comes after, and never the other way round. A lost answer is the same as a
    crash. As with `Together`, a repetition finds its own writes, so whoever meets False or an error reads what stands.
    """

    def give(self, machines: Sequence[Write], orders: Sequence[Assignment], jobs: Sequence[Write]) -> bool:
        """Write down the machines, put the orders of each that never had any, give the machines to their jobs.

        False if the condition of a write does not hold, or a machine has orders already.

        Raises:
            IllegalTransition, ValueError: as `Together.write`.
        """

    def close(self, writes: Sequence[Write], machines: Sequence[str]) -> bool:
        """Forget the orders of these machines, and carry out the writes. False if the condition of a write fails.

        The machines have taken their orders. Where a store forgets by itself what is left of those, it may be in days.

        Raises:
            IllegalTransition, ValueError: as `Together.write`.
        """
