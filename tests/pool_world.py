"""The simulated world with a pool: its machines wait on standby, and the task ``pools`` is run when a story says so.

::

    world = PoolWorld(hot=1, stopped=1)
    world.stocked()                  # one is ready, one sleeps
    job = world.push_job(labels=ASKS)

A machine that was launched for a pool says that it is up, and again every five minutes, until it has orders or sleeps.
"""

from collections.abc import Callable
from typing import Any

import attrs

from paddock.adapters.simulation.host import Standing
from paddock.adapters.simulation.protocols import CloudListener
from paddock.adapters.simulation.wires import Around, Crash
from paddock.core.messages import WarningKind
from paddock.core.pool import Pool
from paddock.core.ports.machines import Machine
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, MINUTE, Moment, Span
from paddock.core.usecases.claims import spares_of
from tests.world import REPOSITORY, StoryCloud, World
from tests.world_invariants import everything_in

WARM = "warm"
ASKS = f"paddock/runner={WARM}"
SPEC = RunnerSpec(pool=WARM, spot=False)
POOL = Pool(WARM, SPEC)
SETTINGS = FleetSettings(repositories=(REPOSITORY,), specs={WARM: RunnerSpec(pool=WARM)}, pools={WARM: POOL})
SIGN: Span = 5 * MINUTE


def comes_up(table: Table, machine: str, now: Moment) -> None:
    """Its agent says that it is up, and waits: what the fleet notes of that."""
    runner = table.runners.get(machine)
    if runner is None:
        return
    change = RunnerChange(heartbeat_at=now)
    when = RunnerIs(state=runner.state, assigned_job=runner.assigned_job)
    if runner.state is RunnerState.BOOTING and runner.assigned_job is None:
        change.update(RunnerChange(state=RunnerState.READY, since=now))
        if runner.ready_at is None:
            change["ready_at"] = now
        if runner.naps and runner.naps[-1].up_at is None:
            change["naps"] = (*runner.naps[:-1], attrs.evolve(runner.naps[-1], up_at=now))
    table.runners.update(machine, when, change)


class _Told:
    """Passes on what the cloud tells of machines, and lets those of pools say that they are up."""

    def __init__(self, inner: CloudListener, up: Callable[[Machine], None]) -> None:
        self._inner = inner
        self._up = up

    def booted(self, machine: Machine) -> None:
        """Its system is up."""
        self._inner.booted(machine)
        self._up(machine)

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """As the cloud says."""
        self._inner.warned(machine, warning, at)

    def stopping(self, machine: Machine) -> None:
        """As the cloud says."""
        self._inner.stopping(machine)

    def ended(self, machine: Machine, by: Any) -> None:  # noqa: ANN401 - whoever ended it
        """As the cloud says."""
        self._inner.ended(machine, by)


class PoolCloud(StoryCloud):
    """The small cloud, whose machines of pools are on standby. ``stillborn``: those that boot now say nothing."""

    table: Table
    stillborn = False

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - see SmallCloud
        parts["listener"] = _Told(parts["listener"], self._up)
        super().__init__(**parts)

    def _up(self, machine: Machine) -> None:
        stocks = {request.token: request.stock for request in self.launches}
        if stocks.get(machine.token) is not None and not self.stillborn:
            self._sign(machine.id, len(self.log[machine.id].runs))

    def _sign(self, machine: str, run: int) -> None:
        agent, life = self.agents[machine], self.log[machine]
        if life.ended_at is not None or len(life.runs) != run or agent.mute or agent.standing is not Standing.WAITING:
            return
        comes_up(self.table, machine, self._timeline.now())
        self._timeline.at(self._timeline.now() + SIGN, lambda: self._sign(machine, run))


class PoolWorld(World):
    """A world whose fleet has the pool ``warm``."""

    cloud: PoolCloud

    def __init__(self, *, pool: Pool = POOL, settings: FleetSettings = SETTINGS, **more: Any) -> None:  # noqa: ANN401 - see World
        """Args: the pool, in place of that of the settings; `hot` and `stopped` are its targets; and as `World`."""
        targets = {key: more.pop(key) for key in ("hot", "stopped") if key in more}
        pool = attrs.evolve(pool, **targets)
        super().__init__(settings=attrs.evolve(settings, pools={pool.name: pool}), cloud=PoolCloud, **more)
        assert isinstance(self.cloud, PoolCloud)
        self.cloud.table = self.table
        self.agents.hosts = attrs.evolve(self.agents.hosts, orders=3650 * DAY)

    # -- the pool -----------------------------------------------------------------------------------------------

    @property
    def pool(self) -> Pool:
        """As it is configured now."""
        return self.settings.pools[WARM]

    def configure(self, settings: FleetSettings | None = None, **pool: Any) -> None:  # noqa: ANN401 - see Pool
        """The operator changes the settings, or the pool, and the next process knows it."""
        settings = settings or self.settings
        if pool:
            settings = attrs.evolve(settings, pools={WARM: attrs.evolve(self.pool, **pool)})
        self.settings = settings
        self.fleet = self.new_fleet()

    def without_pool(self) -> None:
        """The pool is taken out of the configuration."""
        self.configure(attrs.evolve(self.settings, pools={}))

    def meddle(self, around: Around) -> None:
        """From now on this is around the ports of every process."""
        self.around = around
        self.fleet = self.new_fleet()

    def pools(self, *, dry_run: bool = False) -> TaskReport:
        """The task runs once; a process that dies in it leaves an empty report."""
        try:
            return self.fleet.pools(dry_run=dry_run)
        except Crash as crash:
            self.sim.processes.crashes.append(f"pools: {crash}")
            self.fleet = self.new_fleet()
            return TaskReport()

    def minutes(self, count: int) -> list[TaskReport]:
        """So many minutes pass, and the task runs in each."""
        reports = []
        for _ in range(count):
            reports.append(self.pools())
            self.run(MINUTE)
        return reports

    def stocked(self, within: int = 12) -> None:
        """The task runs each minute until as many are hot, and as many sleep, as should."""
        for _ in range(within):
            if self.states() == self._wanted():
                return
            self.minutes(1)
        assert self.states() == self._wanted(), self.spares()

    def _wanted(self) -> list[RunnerState]:
        return [RunnerState.READY] * self.pool.hot + [RunnerState.STOPPED] * self.pool.stopped

    def spares(self) -> list[Runner]:
        """The records of the pool's spares, oldest first."""
        return spares_of(self.table.runners, WARM)

    def states(self) -> list[RunnerState]:
        """Their states, in the order of the alphabet."""
        return sorted(spare.state for spare in self.spares())

    def spare(self, state: RunnerState) -> Runner:
        """The one spare in this state."""
        (found,) = (spare for spare in self.spares() if spare.state is state)
        return found

    def runners(self) -> list[Runner]:
        """All machines' records."""
        return everything_in(self.table.runners)

    def told(self, machine: str) -> list[str]:
        """What was decided about the machine, in order."""
        return [decision.verdict for decision in self.decisions.about(f"machine:{machine}")]


def everything(world: World) -> dict[str, Any]:
    """All that stands in any store, and what the cloud has: to be compared."""
    stores = {field.name: getattr(world.table, field.name) for field in attrs.fields(Table)}
    return {
        **{name: tuple(everything_in(store)) for name, store in stores.items() if name != "together"},
        "orders": dict(world.assignments._slots),
        "machines": {
            name: (life.ended_at, tuple(life.runs), life.stopping_at) for name, life in world.cloud.log.items()
        },
        "launches asked": len(world.cloud.launches),
        "queues": (world.jobs.depth(), world.events.depth()),
        "decisions": {subject: len(told) for subject, told in world.decisions._about.items()},
    }


def flaws(world: PoolWorld) -> list[str]:
    """What the simulation's own invariants find, but for what is no flaw of a pool's machine: that it has no job."""
    spares = {runner.machine for runner in world.runners() if runner.stock is not None}

    def of_a_spare(what: str) -> bool:
        return any(machine in what for machine in spares) or " for () gave " in what

    without_job = {"one machine for each job", "no machine outlives its purpose"}
    found = [one for one in world.sim.check() if one.rule not in without_job or not of_a_spare(one.what)]
    with_cause = "launches are held against a job with cause"  # a claim is one, and gives no new machine
    # One that was claimed asleep by a process that died before it was started is billed as if it had been.
    unstarted = {runner.machine for runner in world.runners() if runner.naps and _never_started(world, runner)}
    found = [
        one for one in found if one.rule != "the ledger equals the bill" or not any(m in one.what for m in unstarted)
    ]
    claimed = any(runner.claim is not None for runner in world.runners())
    found = [one for one in found if one.rule != with_cause or not claimed]
    return ["\n    ".join((one.rule, one.what, *one.story)) for one in found]


def _never_started(world: PoolWorld, runner: Runner) -> bool:
    """True if its record says that it was woken from its last sleep, and the cloud was not asked to."""
    woken, started = runner.naps[-1].woken_at, world.cloud.lives[runner.machine].started_at
    return woken is not None and (started is None or started < woken)
