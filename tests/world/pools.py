"""The simulated world with a pool: its machines wait on standby, and the task ``pools`` is run when a story says so.

::

    world = PoolWorld(hot=1, stopped=1)
    world.stocked()                  # one is ready, one sleeps
    job = world.push_job(labels=ASKS)

What the simulation itself finds wrong is in `flaws`.
"""

from typing import Any

import attrs

from paddock.adapters.simulation.protocols import Life
from paddock.adapters.simulation.wires import Around, Crash
from paddock.core.pools.pool import Pool
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import MINUTE, Moment
from paddock.core.usecases.claims import spares_of
from tests.world.invariants import everything_in
from tests.world.world import REPOSITORY, StoryCloud, World

WARM = "warm"
ASKS = f"paddock/runner={WARM}"
SPEC = RunnerSpec(pool=WARM, spot=False)
POOL = Pool(WARM, SPEC)
SETTINGS = FleetSettings(repositories=(REPOSITORY,), specs={WARM: RunnerSpec(pool=WARM)}, pools={WARM: POOL})


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


class PoolCloud(StoryCloud):
    """The small cloud. ``stillborn``: machines that boot now say nothing."""

    stillborn = False

    def _booted(self, life: Life, run: int) -> None:
        if not self.stillborn:
            super()._booted(life, run)


class PoolWorld(World):
    """A world whose fleet has the pool ``warm``."""

    cloud: PoolCloud

    def __init__(self, *, pool: Pool = POOL, settings: FleetSettings = SETTINGS, **more: Any) -> None:  # noqa: ANN401 - see World
        """Args: the pool, in place of that of the settings; `hot` and `stopped` are its targets; and as `World`."""
        targets = {key: more.pop(key) for key in ("hot", "stopped") if key in more}
        pool = attrs.evolve(pool, **targets)
        super().__init__(settings=attrs.evolve(settings, pools={pool.name: pool}), cloud=PoolCloud, **more)
        assert isinstance(self.cloud, PoolCloud)
        self.sweeps(on=True)

    def sweeps(self, *, on: bool) -> None:
        """Whether the sweeps run by themselves; the task ``pools`` never does."""
        super().sweeps(on=on)
        self.sim.processes.schedules[-1].on = False

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
            return self.fleet.house.pools(dry_run=dry_run)
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
    """What the simulation's own invariants find."""
    return ["\n    ".join((one.rule, one.what, *one.story)) for one in world.sim.check()]
