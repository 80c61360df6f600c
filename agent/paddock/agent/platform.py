"""All that a machine gives its agent, in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field

from paddock.agent.machine.service import SystemdService
from paddock.agent.machine.signals import StopRequest
from paddock.agent.machine.users import User
from paddock.agent.ports import (
    Archive,
    AssignmentSource,
    Clock,
    Identity,
    LogStore,
    Notices,
    PackageMirror,
    Power,
    Processes,
    ReportSink,
    Resources,
    ServiceManager,
)
from paddock.agent.reasons import AgentFailure
from paddock.agent.telling.log import Log
from paddock.agent.telling.state import StateFile


def _nowhere(_job_id: int) -> LogStore | None:
    return None


def _nobody() -> ServiceManager:
    return SystemdService({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What the machine gives the agent. None stands for what it does not have.

    ``user`` is whom the job runs as, None: as the agent. ``log_store`` is asked once, for the job's id, 0 if there is
    none. ``trouble`` is what was wrong with the machine before it had orders: it is told when it is known for whom.
    """

    identity: Identity
    source: AssignmentSource
    sink: ReportSink
    power: Power
    processes: Processes
    clock: Clock
    stop: StopRequest
    log: Log
    user: User | None = None
    resources: Resources | None = None
    notices: Notices | None = None
    mirror: PackageMirror | None = None
    archive: Archive | None = None
    log_store: Callable[[int], LogStore | None] = _nowhere
    service: ServiceManager = field(default_factory=_nobody)
    state: StateFile | None = None
    trouble: AgentFailure | None = None
