"""All machines' agents, and what they touch: the cloud tells of machines, GitHub of jobs, the fleet sends orders."""

from collections.abc import Callable, Mapping, Sequence

from paddock.adapters.memory.assignments import MemoryAssignments
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.ports import WEB
from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.simulation.draws import between, hit
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.host import Agent, Standing
from paddock.adapters.simulation.measure import Service
from paddock.adapters.simulation.parameters import Hosts
from paddock.adapters.simulation.protocols import Ending, Life
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.messages import Assignment, ReportEvent, RunnerReported, WarningKind
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.github import Scope
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.ports.system import Chance
from paddock.core.spec import Market
from paddock.core.states import OperationalResult
from paddock.core.units import HOUR, SECOND, Moment, Span

SHORT_JOB: Span = 90 * SECOND  # of a script that says nothing

_SIGNS = frozenset({ReportEvent.STARTED, ReportEvent.HEARTBEAT})


class Orders:
    """`MemoryAssignments` that wakes the machine they are for."""

    def __init__(
        self,
        inner: MemoryAssignments,
        ordered: Callable[[str], None],
        seen: Callable[[Assignment, AssignmentReceipt], object],
    ) -> None:
        """Args: the store; who is told of a machine that got its orders; who looks at the orders themselves."""
        self._inner = inner
        self._ordered = ordered
        self._seen = seen

    def put(self, assignment: Assignment) -> AssignmentReceipt:
        """Write it, and let its machine look."""
        receipt = self._inner.put(assignment)
        self._seen(assignment, receipt)
        self._ordered(assignment.machine)
        return receipt

    def get(self, machine: str) -> AssignmentReceipt | None:
        """As the store says."""
        return self._inner.get(machine)

    def delete(self, machine: str) -> None:
        """As the store does."""
        self._inner.delete(machine)


class Agents:
    """The surroundings of every agent.

    ``by_machine`` holds all that were booted and not forgotten, ``services`` the time on a machine of every job that
    ever had any, by its id, ``lost_runs`` the runs that lost a job to the cloud.
    """

    def __init__(  # noqa: PLR0913 - it is where the parts of the world meet
        self,
        *,
        timeline: Timeline,
        chance: Chance,
        hosts: Hosts,
        github: MemoryGitHub,
        assignments: MemoryAssignments,
        report: Callable[[RunnerReported], None],
        power_off: Callable[[str], None],
        fail: Callable[[str], None],
        reclaim: Callable[[str, bool], None],
        job_of: Callable[[JobRecord], tuple[Span, str] | None],
        lives: Mapping[str, Life],
        begun: Callable[[str, int], object],
        over: Callable[[], object],
        faults: FaultPlan,
        one_table: bool,
    ) -> None:
        """Args: what agents touch.

        `one_table`: signs of life are left with the orders, and not reported; nor is success, of which GitHub tells.
        `job_of` knows how long a job takes and how it ends (None: as its script says); `lives` is the cloud's log;
        `begun` is told of a machine that begins a job, `over` of one that has none any more.
        """
        self.timeline = timeline
        self.chance = chance
        self.hosts = hosts
        self.by_machine: dict[str, Agent] = {}
        self._notices: dict[str, tuple[WarningKind, Moment]] = {}  # of machines whose agent is not up yet
        self._standby: set[str] = set()  # machines that a pool keeps
        self._by_runner: dict[int, Agent] = {}
        self._github = github
        self._assignments = assignments
        self._job_of = job_of
        self._lives = lives
        self._begins = begun
        self._is_over = over
        self.services: dict[int, Service] = {}
        self.lost_runs: set[int] = set()
        self._fail = fail
        self._reclaim = reclaim
        self.faults = faults
        self._report = report
        self._one_table = one_table
        self.power_off = power_off

    # -- the cloud tells ----------------------------------------------------------------------------------------

    def launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        """Machines were started: their metadata says whether a pool keeps them."""
        if request.stock is not None:
            self._standby.update(machine.id for machine in machines)

    def booted(self, machine: Machine) -> None:
        """A machine's system is up."""
        agent = Agent(machine, self, standby=machine.id in self._standby)
        self.by_machine[machine.id] = agent
        faults, chance = self.faults, self.chance
        if hit(chance, faults.failure):
            dies = self.timeline.now() + between(0, HOUR // 2)(chance)
            self.timeline.at(dies, lambda: self._fail(machine.id))
        if machine.market is Market.SPOT and hit(chance, faults.reclaim):
            taken = self.timeline.now() + between(0, HOUR // 2)(chance)
            warning = chance.below(4) > 0
            self.timeline.at(taken, lambda: self._reclaim(machine.id, warning))
        if hit(chance, faults.dead_boot):
            agent.mute, agent.over_at = True, self.timeline.now()
            return
        if hit(chance, faults.clock_off):
            agent.skew = between(0, 2 * faults.skew)(chance) - faults.skew
        if hit(chance, faults.mute):
            dies = self.timeline.now() + between(0, 10 * 60 * SECOND)(chance)
            self.timeline.at(dies, lambda: self._mute(agent))
        notice = self._notices.pop(machine.id, None)
        if notice is not None:
            self.warned(machine, *notice)
        agent.start()

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """A machine's metadata has a notice, whether its agent is up already or not."""
        if machine.id not in self.by_machine:
            self._notices[machine.id] = (warning, at)
            return
        seen = self.timeline.now() + self.hosts.notice(self.chance)
        agent = self.by_machine[machine.id]
        self.timeline.at(seen, lambda: agent.warned(warning, at))

    def stopping(self, machine: Machine) -> None:
        """A machine goes to sleep, and what runs there with it. It has another agent when it has booted again."""
        agent = self.by_machine.pop(machine.id, None)
        if agent is not None:
            agent.vanish(Ending.FLEET)

    def ended(self, machine: Machine, by: Ending) -> None:
        """A machine is gone."""
        self._notices.pop(machine.id, None)
        agent = self.by_machine.get(machine.id)
        if agent is None or by is Ending.ITSELF:
            return
        if by is Ending.SPOT and agent.job_id is not None and agent.concluded_at is None:
            self._lost(agent.job_id)
        agent.vanish(by)

    def forget(self, machine: str) -> None:
        """Nobody will ask about this machine any more."""
        self._standby.discard(machine)
        agent = self.by_machine.pop(machine, None)
        if agent is not None and agent.orders is not None:
            self._by_runner.pop(agent.runner_id, None)

    def ordered(self, machine: str) -> None:
        """A machine's orders were written."""
        agent = self.by_machine.get(machine)
        if agent is not None and not agent.mute:
            agent.ordered()

    # -- GitHub tells -------------------------------------------------------------------------------------------

    def assigned(self, runner_id: int, job_id: int) -> None:
        """GitHub handed the runner a job."""
        agent = self._by_runner.get(runner_id)
        if agent is not None:
            agent.assigned(job_id)

    def removed(self, runner_id: int) -> None:
        """GitHub deleted the registration."""
        agent = self._by_runner.get(runner_id)
        if agent is not None:
            agent.removed()

    def cancelled(self, runner_id: int, job_id: int) -> None:
        """Somebody cancelled the job."""
        agent = self._by_runner.get(runner_id)
        if agent is not None:
            agent.cancelled(job_id)

    def concluded(self, job_id: int) -> None:
        """GitHub concluded the job, whatever its machine knows of that."""
        service = self.services.get(job_id)
        agent = None if service is None else self.by_machine.get(service.machine)
        if agent is not None:
            agent.concluded_at = self.timeline.now()

    # -- agents do ----------------------------------------------------------------------------------------------

    def take_orders(self, machine: str) -> Assignment | None:
        """The machine's assignment, once."""
        orders = self._assignments.take(machine)
        if orders is not None and orders.runner_id:
            self._by_runner[orders.runner_id] = self.by_machine[machine]
        return orders

    def report(self, report: RunnerReported) -> None:
        """Tell the fleet."""
        if not self._one_table or not _is_silent(report):
            self._report(report)
        elif report.event in _SIGNS:
            said = report.ready_at, report.runner_id, report.started_at
            self._assignments.beat(report.machine, report.at, *said)

    def register(self, orders: Assignment) -> int:
        """The number of the runner, which registers itself if nobody did it for it."""
        if orders.registration is None:
            return orders.runner_id
        owner, _, name = orders.registration.url.removeprefix(f"{WEB}/").partition("/")
        made = self._github.runners.register(Scope(owner, name), orders.runner_name, orders.labels)
        self._by_runner[made.id] = self.by_machine[orders.machine]
        return made.id

    def connect(self, runner_id: int) -> None:
        """Open the runner's session."""
        if hit(self.chance, self.faults.deleted):
            self._github.runners.delete(runner_id)
        self._github.runners.connect(runner_id)

    def disconnect(self, runner_id: int) -> None:
        """Close it."""
        self._github.runners.disconnect(runner_id)

    def begin(self, runner_id: int, job_id: int) -> JobRecord:
        """Acquire the job and start it."""
        self._github.runs.acquire(runner_id, job_id)
        job = self._github.runs.started(runner_id, job_id)
        agent = self._by_runner[runner_id]
        self._begun(agent, job_id)
        if hit(self.chance, self.faults.hang):
            stops = self.timeline.now() + between(0, 10 * 60 * SECOND)(self.chance)
            self.timeline.at(stops, lambda: self._hang(agent))
        return job

    def _begun(self, agent: Agent, job_id: int) -> None:
        life, now = self._lives[agent.machine.id], self.timeline.now()
        self.services[job_id] = Service(
            machine=agent.machine.id,
            launched_at=life.machine.launched_at,
            running_at=life.running_at or agent.booted_at,
            booted_at=agent.booted_at,
            begun_at=now,
        )
        self._begins(agent.machine.id, job_id)

    def job_of(self, job: JobRecord) -> tuple[Span, str]:
        """How long the job takes, and how it ends by itself."""
        known = self._job_of(job)
        if known is not None:
            return known
        script = job.script.faults
        return (SHORT_JOB if script.duration is None else script.duration), script.result or "success"

    def complete(self, runner_id: int, job_id: int, conclusion: str, result: OperationalResult) -> None:
        """Tell GitHub how the job ended."""
        self._over(job_id, result, taken=result is OperationalResult.INTERRUPTED)
        self._github.runs.complete(runner_id, job_id, conclusion)

    def lose(self, runner_id: int, job_id: int | None, by: Ending | None) -> None:
        """The runner fell silent in the midst of its job: GitHub hears nothing more, and its lease runs out."""
        if job_id is not None:
            self._over(job_id, OperationalResult.INTERRUPTED, taken=by is Ending.SPOT)
        self._github.runs.lose(runner_id)

    def _lost(self, job_id: int) -> None:
        told = self._github.state.jobs.get(job_id)
        if told is not None:
            self.lost_runs.add(told.run_id)

    def _over(self, job_id: int, result: OperationalResult, *, taken: bool) -> None:
        service = self.services.get(job_id)
        if service is not None and service.over_at is None:
            service.over_at, service.result, service.taken = self.timeline.now(), result, taken
            if taken:
                self._lost(job_id)
            self._is_over()

    def _mute(self, agent: Agent) -> None:
        if agent.standing in {Standing.LEAVING, Standing.OFF}:
            return
        agent.mute = True
        if agent.standing in {Standing.WAITING, Standing.PREPARING}:
            agent.vanish()  # nobody will start its runner

    def _hang(self, agent: Agent) -> None:
        if agent.standing is Standing.WORKING:
            agent.hang()


def _is_silent(report: RunnerReported) -> bool:
    """True if the queue hears nothing of it on AWS: a plain sign of life, or that all went well."""
    sign = report.event in _SIGNS
    served = report.event is ReportEvent.FINISHED and report.result is OperationalResult.SERVED
    well = served and report.conclusion == "success"
    return (sign or well) and not report.reason and report.interrupted_by is None
