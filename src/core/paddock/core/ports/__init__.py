"""What the core needs of the outside: small protocols, owned here, implemented by adapters.

Each method's docstring is its promise; the contract suites in ``tests/integration/contracts`` hold every adapter to it.

A name is imported when it is first asked for: the webhook function needs three ports and starts without the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from paddock.core.ports.machines import (
        LaunchOutcome,
        LaunchRequest,
        Machine,
        Machines,
        MachineState,
        StartOutcome,
        StartResult,
    )
    from paddock.core.ports.queues import DeadLetter, Depth, Queue, Received, Sender
    from paddock.core.ports.records import Page, Records
    from paddock.core.ports.several import Several
    from paddock.core.ports.starts import Starts
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
    "Several",
    "Sleeper",
    "StartOutcome",
    "StartResult",
    "Starts",
    "Table",
    "WorkflowRun",
    "Workflows",
]

_HOME = {
    "assignments": (
        "AssignmentReceipt",
        "Assignments",
    ),
    "decisions": ("Decisions",),
    "github": (
        "Deliveries",
        "GitHub",
        "GitHubJob",
        "HookDelivery",
        "JitConfig",
        "RegisteredRunner",
        "Releases",
        "Runners",
        "Scope",
        "WorkflowRun",
        "Workflows",
    ),
    "machines": (
        "LaunchOutcome",
        "LaunchRequest",
        "Machine",
        "Machines",
        "MachineState",
        "StartOutcome",
        "StartResult",
    ),
    "queues": (
        "DeadLetter",
        "Depth",
        "Queue",
        "Received",
        "Sender",
    ),
    "records": (
        "Page",
        "Records",
    ),
    "several": ("Several",),
    "starts": ("Starts",),
    "stores": ("Table",),
    "system": (
        "Chance",
        "Clock",
        "Ids",
        "Sleeper",
    ),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
