"""The port by which a machine gets its assignment: one item that only this machine can read."""

from typing import Protocol

import attrs

from paddock.core.messages import Assignment
from paddock.core.units import Moment


@attrs.frozen
class AssignmentReceipt:
    """What stands under a machine's key, without the secret. It outlives the reading: nothing is assigned twice.

    ``runner_id`` is 0 as long as nobody but GitHub knows it: of a runner that registers itself, the machine may note
    it there with a sign of life. ``heartbeat_at`` is the machine's last one, where it leaves that there and does not
    report it, ``ready_at`` when its runner was ready, ``started_at`` when that began a job. All are the machine's own
    word: its clock may be off, or set by its job.
    """

    machine: str
    runner_name: str
    runner_id: int
    taken: bool
    heartbeat_at: Moment | None = None
    ready_at: Moment | None = None
    started_at: Moment | None = None


class Assignments(Protocol):
    """One assignment per machine, ever. Every method may raise `Unavailable` or `Throttled`."""

    def put(self, assignment: Assignment) -> AssignmentReceipt:
        """Write the assignment if the machine never had one; what then stands there (compare its runner's name)."""

    def get(self, machine: str) -> AssignmentReceipt | None:
        """What stands there, or None if the machine never had one."""

    def delete(self, machine: str) -> None:
        """Forget it, when the machine is gone. Idempotent."""
