"""The runner's registration, whichever way the assignment gives: one call before the Listener is started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.agent.assignment import Assignment
from paddock.agent.job.environment import JIT_CONFIG
from paddock.agent.registration.jit import check_jit_config
from paddock.agent.registration.program import Run
from paddock.agent.registration.token import configure


@dataclass(frozen=True, slots=True)
class Registered:
    """What the Listener needs more in its environment (it may hold a secret), and the number GitHub knows it by."""

    runner_id: int
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def register(assignment: Assignment, root: Path, *, run: Run, environment: Mapping[str, str]) -> Registered:
    """Register the runner, or see to it that the Listener can.

    Args:
        assignment: the orders, with a ``jit_config`` or a ``registration``.
        root: the runner's directory, unpacked and owned by the user that the runner will have.
        run: runs a program of the package as that user.
        environment: what any program of the package needs.

    Raises:
        AgentFailure: the configuration is not for this runner, or GitHub does not register it; the reason says which.
    """
    if assignment.jit_config:
        check_jit_config(assignment.jit_config, assignment.runner_id)
        return Registered(assignment.runner_id, {JIT_CONFIG: assignment.jit_config})
    return Registered(configure(assignment, root, run=run, environment=environment))
