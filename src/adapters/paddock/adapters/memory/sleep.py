"""What EC2 answers to stops and starts of machines that are not in the state for it: in every cloud of ours."""

from collections.abc import Mapping, Sequence

from paddock.core.errors import Rejected, Unavailable
from paddock.core.ports.machines import MachineState, StartResult

STARTS: Mapping[MachineState, StartResult] = {
    MachineState.PENDING: StartResult.STARTING,
    MachineState.RUNNING: StartResult.STARTING,
    MachineState.STOPPING: StartResult.STOPPING,
    MachineState.TERMINATED: StartResult.GONE,
}
"""What comes of the start of a machine that is not stopped."""


def refuse_stops(spot: Sequence[str], pending: Sequence[str]) -> None:
    """Name the machines that were not stopped, in their order, if there are any.

    Raises:
        Rejected: spot machines can never be stopped.
        Unavailable: pending ones cannot yet.
    """
    never = f"spot machines cannot be stopped: {', '.join(spot)}" if spot else ""
    not_yet = f"machines that are pending cannot be stopped yet: {', '.join(pending)}" if pending else ""
    if never:
        raise Rejected("; ".join(filter(None, (never, not_yet))))
    if not_yet:
        raise Unavailable(not_yet)
