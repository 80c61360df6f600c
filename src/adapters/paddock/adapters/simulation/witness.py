"""Hears first of whatever happens at GitHub and in the cloud, and tells everybody whom it concerns, in order."""

from collections.abc import Sequence

from paddock.adapters.memory.github import Event
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.archive import Archive
from paddock.adapters.simulation.claims import Claims
from paddock.adapters.simulation.delivery import Courier, Post
from paddock.adapters.simulation.invariants import Invariants
from paddock.adapters.simulation.measure import Measure
from paddock.adapters.simulation.pool_watch import PoolWatch
from paddock.adapters.simulation.protocols import Ending
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.watch import Watch
from paddock.core.messages import MachineChanged, MachineWarned, WarningKind
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.ports.stores import Table
from paddock.core.units import Moment


class Witness:
    """GitHub's listener and the cloud's. It has to be there before those whom it tells: they are set when they are.

    ``agents``, ``archive``, ``courier``, ``invariants``, ``pools``, ``post`` and ``watch`` are those.
    """

    agents: Agents
    archive: Archive
    courier: Courier
    invariants: Invariants
    pools: PoolWatch
    post: Post
    watch: Watch

    def __init__(self, *, timeline: Timeline, measure: Measure, claims: Claims, table: Table) -> None:
        """Args: the time; who counts; which jobs count; where launches are written down."""
        self._timeline = timeline
        self._measure = measure
        self._claims = claims
        self._table = table

    def told(self, event: Event) -> None:
        """GitHub tells what happened to a job or a run. A redelivery is no news to anybody but the fleet."""
        job = None if event.redelivery else event.job
        if job is not None and self._claims.labels(job.labels):
            if event.action == "queued":
                self._measure.queued()
                self._measure.levels.change(event.at, waiting=1)
            elif event.action == "in_progress" or (event.action == "completed" and job.started_at is None):
                self._measure.levels.change(event.at, waiting=-1)
        elif job is not None and event.action == "queued":
            self._measure.other(job.id)
        if job is not None and event.action == "completed":
            self.agents.concluded(job.id)
            self.archive.concluded(job.id)
        self.courier(event)

    def launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        """The cloud started machines for this request, in this order."""
        now, launch = self._timeline.now(), self._table.launches.get(request.token)
        self._measure.levels.change(now, machines=len(machines))
        for job_id in () if launch is None else launch.jobs[: len(machines)]:
            self._measure.asked(job_id, now)
        self.agents.launched(request, machines)
        self.invariants.launched(request, machines)
        self.pools.launched(request, machines)
        self.watch.launched(request, machines)

    def booted(self, machine: Machine) -> None:
        """The cloud tells: the machine's system is up."""
        self.agents.booted(machine)

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """The cloud tells: it takes the machine back."""
        self.agents.warned(machine, warning, at)
        self.post.event(MachineWarned(machine.id, warning, at, self._timeline.now()))

    def stopping(self, machine: Machine) -> None:
        """The cloud tells: the machine goes to sleep."""
        self.pools.stopping(machine)
        self.agents.stopping(machine)

    def ended(self, machine: Machine, by: Ending) -> None:
        """The cloud tells: the machine is gone."""
        now = self._timeline.now()
        self.invariants.ended(machine, by)
        self.pools.ended(machine)
        self.agents.ended(machine, by)
        self.archive.ended(machine.id)
        self._measure.levels.change(now, machines=-1)
        self.post.event(MachineChanged(machine.id, "terminated", now, now))

    def begun(self, machine: str, job_id: int) -> None:
        """A machine begins a job."""
        self._measure.levels.change(self._timeline.now(), busy=1)
        self.pools.begun(machine, job_id)

    def over(self) -> None:
        """A machine has no job any more."""
        self._measure.levels.change(self._timeline.now(), busy=-1)
