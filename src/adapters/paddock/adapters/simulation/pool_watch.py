"""What must be true of pools and their machines, as it happens and every few minutes; and what jobs got of them.

::

    launched ──> spare ──claim──> one job's, for good           a claim needs a spare; whoever has orders never sleeps
                  │  ▲                                          never more machines than the pool may have
                  └──┘ sleeps, wakes                            not more spares, nor fewer, than it wants, for long
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs

from paddock.adapters.memory import MemoryAssignments
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.host import Standing
from paddock.adapters.simulation.measure import Measure
from paddock.adapters.simulation.pool_levels import PoolLevels
from paddock.adapters.simulation.protocols import SimulatedCloud
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.launch import Launch
from paddock.core.messages import Assignment
from paddock.core.pools.pool import Pool, Stock
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.machines import LaunchRequest, Machine, StartOutcome, StartResult
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.states import RunnerState
from paddock.core.units import Moment, Span

_HOW = {RunnerState.READY: Stock.HOT.value, RunnerState.STOPPED: Stock.STOPPED.value, RunnerState.BOOTING: "booting"}


class PoolWatch:
    """Looks at the pools of a fleet. ``pools`` are as they are wished for now."""

    def __init__(  # noqa: PLR0913 - who watches looks at everything
        self,
        *,
        timeline: Timeline,
        pools: Mapping[str, Pool],
        cloud: SimulatedCloud,
        agents: Agents,
        assignments: MemoryAssignments,
        table: Table,
        findings: Findings,
        measure: Measure,
        exact: bool,
        hindered_since: Callable[[Moment], Span],
        second: Callable[[int, str], object],
        has_one: Callable[[int], object],
    ) -> None:
        """Args: what there is to look at; `exact`: the fleet's calls do as they are told, and listings are complete.

        `second` is told of a job's machine that has its orders, `has_one` of a job that has claimed one.
        """
        self.pools: Mapping[str, Pool] = pools
        self._timeline = timeline
        self._cloud = cloud
        self._agents = agents
        self._assignments = assignments
        self._table = table
        self._wrong = findings.wrong
        self._measure = measure
        self._exact = exact
        self._second = second
        self._has_one = has_one
        self._levels = PoolLevels(
            timeline=timeline, cloud=cloud, table=table, findings=findings, since=None if exact else hindered_since
        )
        self._resized_at: Moment = 0
        self._machines: dict[str, str] = {}  # the pool of each that lives
        self._claimed: dict[str, tuple[str, str, Moment]] = {}  # of which pool, how it was found, and when
        self._served: dict[str, int] = {}  # which job each machine had

    def unwanted(self, runner: Runner) -> Moment | None:
        """Since when nobody wants the machine, which has no job; None if a pool keeps it."""
        if not runner.spare:
            return runner.idle_at or runner.claimed_at or runner.launched_at
        return None if runner.spare_of in self.pools else max(self._resized_at, runner.launched_at)

    # -- as it happens ------------------------------------------------------------------------------------------

    def wanted(self, launch: Launch) -> None:
        """A launch was written down: a job that asks for a pool has none of its own if a spare is ready for it."""
        pool = self.pools.get(launch.spec.pool or "")
        if pool is None or launch.stock is not None or launch.claimed:
            return
        for job_id in launch.jobs:
            self._measure.pools.got(job_id, pool.name, "overflow")
        free = next((one for one in self._ready(pool) if self._waits(one)), None) if self._exact else None
        if free is not None and launch.jobs:
            said = f"job {launch.jobs[0]} starts cold, and {free.machine} of pool {pool.name} is ready"
            self._wrong("a job that asks for a pool has what it has", said, launch.jobs[0], free.machine)

    def _ready(self, pool: Pool) -> Sequence[Runner]:
        return self._table.runners.page("spare", pool.name, limit=1_000).items

    def _waits(self, runner: Runner) -> bool:
        """True if the machine is fit to be claimed, by what the fleet knows and by what is true."""
        agent = self._agents.by_machine.get(runner.machine)
        alive = agent is not None and agent.standing is Standing.WAITING and not agent.mute and not agent.skew
        heard = runner.heartbeat_at or 0
        lately = self._timeline.now() - heard < self._agents.hosts.heartbeat * 2
        return alive and lately and runner.spare and runner.state is RunnerState.READY

    def launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        """The cloud started machines."""
        name = request.spec.pool
        if request.stock is None or name is None:
            return
        self._machines.update((machine.id, name) for machine in machines)
        if len(machines) < request.count:
            self._levels.lacks(name)
        pool, launch = self.pools.get(name), self._table.launches.get(request.token)
        if launch is None or launch.created_at < self._resized_at:
            return  # it was cut off, and goes on as it was begun
        there = sum(one == name for one in self._machines.values())
        if pool is not None and pool.most is not None and there > pool.most:
            said = f"pool {name} has {there} machines, and may have {pool.most}"
            self._wrong("a pool is no larger than it may be", said, None, machines[0].id)
        if pool is not None and self._exact:
            self._levels.launched(pool, self._spares(pool), len(machines), there)

    def refused(self, request: LaunchRequest) -> None:
        """The cloud gave no machine for the request."""
        if request.stock is not None and request.spec.pool is not None:
            self._levels.lacks(request.spec.pool)

    def started(self, outcomes: Mapping[str, StartOutcome]) -> None:
        """Machines were to be woken."""
        for machine, outcome in outcomes.items():
            if outcome.result is StartResult.NO_CAPACITY and machine in self._machines:
                self._levels.lacks(self._machines[machine])

    def changed(self, before: Runner, after: Runner) -> None:
        """A machine's record was changed."""
        if after.claimed_at is None or after.claimed_at == before.claimed_at or after.assigned_job is None:
            return
        job_id = after.assigned_job
        if not before.spare or before.assigned_job is not None or before.state not in _HOW:
            said = (
                f"job {job_id} claimed machine {after.machine}, which was {before.state}, job {before.assigned_job}'s"
            )
            self._wrong("a claim needs a spare", said, job_id, after.machine)
        self._claimed[after.machine] = (before.pool or "", _HOW.get(before.state, "booting"), self._timeline.now())
        self._has_one(job_id)

    def ordered(self, orders: Assignment, receipt: AssignmentReceipt) -> None:
        """A machine got its orders. A claim alone is given back if the job turns out to need none."""
        claim = self._claimed.pop(orders.machine, None)
        if claim is not None and receipt.runner_name == orders.runner_name:
            pool, how, at = claim
            self._measure.asked(orders.job_id, at)
            self._measure.pools.got(orders.job_id, pool, how, orders.machine)
            self._second(orders.job_id, orders.machine)

    def stopping(self, machine: Machine) -> None:
        """The machine goes to sleep: it must be nobody's."""
        runner, agent = self._table.runners.get(machine.id), self._agents.by_machine.get(machine.id)
        job_id = None if runner is None else runner.assigned_job
        at_work = agent is not None and agent.orders is not None
        ordered = self._assignments.get(machine.id) is not None
        if job_id is not None or at_work or ordered:
            whose = "orders" if job_id is None else f"a claim of job {job_id}"
            self._wrong(
                "no machine with orders sleeps", f"{machine.id} has {whose}, and is stopped", job_id, machine.id
            )

    def begun(self, machine: str, job_id: int) -> None:
        """A machine begins a job: its only one."""
        first = self._served.setdefault(machine, job_id)
        if first != job_id:
            said = f"machine {machine} had job {first}, and begins job {job_id}"
            self._wrong("a machine has one job", said, job_id, machine)

    def ended(self, machine: Machine) -> None:
        """A machine is gone."""
        self._machines.pop(machine.id, None)
        self._served.pop(machine.id, None)
        self._claimed.pop(machine.id, None)

    # -- every few minutes --------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at what each pool has."""
        if not self.pools:
            return
        there = Counter(self._machines.values())
        for pool in self.pools.values():
            self._levels.look(pool, self._spares(pool), there[pool.name])

    def _spares(self, pool: Pool) -> Sequence[Runner]:
        return [one for one in self._ready(pool) if one.spare and self._lives(one)]

    def _lives(self, runner: Runner) -> bool:
        life = self._cloud.log.get(runner.machine)
        return life is not None and life.ended_at is None

    def resized(self, pools: Mapping[str, Pool]) -> None:
        """Somebody wants other pools from now on."""
        self._resized_at = self._timeline.now()
        self.pools = pools
        self._levels.restart()


def emptied(pools: Mapping[str, Pool], idle_timeout: Span) -> Mapping[str, Pool]:
    """The pools with nothing wanted of any."""
    nothing = {"hot": 0, "stopped": 0, "idle_timeout": idle_timeout, "auto": False}
    return {
        name: attrs.evolve(pool, **nothing, schedule=attrs.evolve(pool.schedule, windows=()))  # type: ignore[arg-type]
        for name, pool in pools.items()
    }
