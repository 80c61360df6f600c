"""What the core needs of the outside: small protocols, owned here, implemented by adapters.

Each method's docstring is its promise; the contract suites in ``tests/integration/contracts`` hold every adapter to it.
"""

from paddock.core.ports.assignments import AssignmentReceipt, Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import (
    Deliveries,
    GitHub,
    GitHubJob,
    HookDelivery,
    JitConfig,
    RegisteredRunner,
    Releases,
    Runners,
    Scope,
    WorkflowRun,
    Workflows,
)
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, Machines, MachineState
from paddock.core.ports.queues import DeadLetter, Depth, Queue, Received, Sender
from paddock.core.ports.records import Page, Records
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Chance, Clock, Ids, Sleeper

__all__ = [
    "AssignmentReceipt",
    "Assignments",
    "Chance",
    "Clock",
    "DeadLetter",
    "Decisions",
    "Deliveries",
    "Depth",
    "GitHub",
    "GitHubJob",
    "HookDelivery",
    "Ids",
    "JitConfig",
    "LaunchOutcome",
    "LaunchRequest",
    "Machine",
    "MachineState",
    "Machines",
    "Page",
    "Queue",
    "Received",
    "Records",
    "RegisteredRunner",
    "Releases",
    "Runners",
    "Scope",
    "Sender",
    "Sleeper",
    "Table",
    "WorkflowRun",
    "Workflows",
]
