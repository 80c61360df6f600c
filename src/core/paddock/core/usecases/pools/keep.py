"""The task ``pools``: each pool is brought to what it should be, a step each minute.

::

    spares' records + the cloud ──mend──> records as they are ──plan──> start, launch, stop, end
                                                                            │
                              each on the condition that the record is as it was seen, and the cloud after that:
                              a job that claims the machine at this moment has it, or comes too late

It observes anew each time and remembers nothing but what stands in the table, so it may be cut off anywhere.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from paddock.core.errors import Conflict, NotFound, PaddockError, Unavailable
from paddock.core.pools.mend import EndBroken, Note, StopAgain, member_of, mend
from paddock.core.pools.naps import asleep_again, noted, woken
from paddock.core.pools.plan import EndMember, LaunchSpares, Member, StartMember, StopMember, plan
from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.pools.standing import PoolAim, PoolStanding
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import Machine, Machines, StartOutcome, StartResult
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.runner import Nap, Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.states import RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import MINUTE, Moment
from paddock.core.usecases.claims import spares_of
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.listing import live_runners
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.pools.spares import Spares
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.retire import Retire


@attrs.frozen
class PoolSeen:
    """A pool as it was observed. ``members`` are its spares and, where it limits all its machines, the others."""

    pool: Pool
    standing: PoolStanding
    runners: Mapping[str, Runner]
    machines: Mapping[str, Machine]
    members: tuple[Member, ...]


def in_force(pool: Pool, standing: PoolStanding) -> Pool:
    """The pool with the targets that hold: its own, or those that its demand asks for, if it says so."""
    if not pool.auto or standing.targets is None:
        return pool
    schedule = standing.schedule or Schedule(pool.schedule.zone)
    return attrs.evolve(pool, hot=standing.targets.hot, stopped=standing.targets.stopped, schedule=schedule)


def aim_of(pool: Pool, now: Moment, barred: str) -> PoolAim:
    """What the pool is to be now, and next. `pool` has the targets that hold."""
    window = pool.schedule.active(now)
    change = pool.schedule.next_change(now, pool.targets)
    return PoolAim(
        machine=pool.spec,
        targets=pool.targets if window is None else window.targets,
        window=None if window is None else window.name,
        next_at=None if change is None else change.at,
        next_targets=Targets() if change is None else change.targets,
        next_window=None if change is None or change.window is None else change.window.name,
        most=pool.most,
        auto=pool.auto,
        barred=barred,
        usual=pool.targets,
        schedule=pool.schedule,
        bounds=pool.bounds,
    )


class Pools:
    """Keeps the pools of a fleet."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        assignments: Assignments,
        retire: Retire,
        offers: Offers,
        decisions: Decisions,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._table = table
        self._runners = table.runners
        self._machines = machines
        self._assignments = assignments
        self._retire = retire
        self._offers = offers
        self._spares = Spares(
            settings=settings,
            table=table,
            machines=machines,
            offers=offers,
            decisions=decisions,
            clock=clock,
            ids=ids,
        )
        self._clock = clock
        self._record = Recorder(decisions, clock, "pools")

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:  # noqa: ARG002 - it looks at all
        """One run over all pools, each on its own: one that fails does not stop the others. See `Work`."""
        done = Round(dry_run=dry_run)
        for pool in self._settings.pools.values():
            try:
                self._one(pool, done)
            except Exception as error:  # noqa: BLE001 - nor does a fault of ours
                done.kinds["pool"] += 1
                done.failed(f"pool {pool.name}", error)
        return done.report()

    def observe(self, pool: Pool, standing: PoolStanding) -> PoolSeen:
        """The pool as it is now. Records are read before the cloud is asked.

        Raises:
            PaddockError: a store or the cloud did not answer.
        """
        runners = {runner.machine: runner for runner in spares_of(self._runners, pool.name)}
        for name in standing.expected:  # a listing may be behind, and what it lacks would be launched again
            new = None if name in runners else self._runners.get(name)
            if new is not None and new.spare and new.spare_of == pool.name:
                runners[name] = new
        machines = self._machines.describe([*runners]) if runners else {}
        members = [member_of(runner, machines.get(name)) for name, runner in runners.items()]
        if pool.most is not None:
            members += [
                member_of(runner, None)
                for runner in live_runners(self._table)
                if runner.pool == pool.name and runner.stock is not None and runner.machine not in runners
            ]
        return PoolSeen(pool, standing, runners, machines, tuple(members))

    def _one(self, pool: Pool, done: Round) -> None:
        standing = self._spares.standing(pool.name)
        if not done.dry_run:
            standing = self._spares.prepared(standing)
        seen = self.observe(pool, standing)
        if self._mended(seen, done):
            standing = self._spares.prepared(standing)  # one that never came up counts before there is another
            seen = self.observe(pool, standing)
        acts = plan(in_force(pool, standing), self._clock.now(), standing.boot + MINUTE, seen.members)
        if standing.launching is not None:  # else it would have been resumed
            done.acts.append(f"a launch of pool {pool.name} was cut off, and is gone on with before there is another")
            acts = tuple(act for act in acts if not isinstance(act, LaunchSpares))
        more = standing.launching is not None or any(isinstance(act, LaunchSpares | StartMember) for act in acts)
        barred = self._spares.barred(standing) if more else ""
        if not done.dry_run:
            self._spares.aims(standing, aim_of(in_force(pool, standing), self._clock.now(), barred))
        self._start([act for act in acts if isinstance(act, StartMember)], seen, barred, done)
        for act in acts:
            if isinstance(act, LaunchSpares):
                standing = self._launch(act, pool, standing, barred, done)
        self._stop([act for act in acts if isinstance(act, StopMember)], seen, done)
        for act in acts:
            if isinstance(act, EndMember):
                self._end(act.machine, act.reason, seen, done)

    # -- what record, cloud and clock disagree about ------------------------------------------------------------

    def _mended(self, seen: PoolSeen, done: Round) -> bool:
        """Mend it; True if anything was."""
        mendings = mend(seen.runners.values(), seen.machines, self._clock.now(), self._settings.deadlines)
        for mending in mendings:
            runner = seen.runners[mending.machine]
            if isinstance(mending, EndBroken):
                self._end(mending.machine, mending.reason, seen, done)
                continue
            act = f"{type(mending).__name__} {runner.machine}: {mending.reason}"
            _counted(done, type(mending).__name__)
            if isinstance(mending, Note):
                change = noted(runner, mending.state, self._clock.now(), seen.machines.get(runner.machine))
                done.does(act, partial(self._flip, runner, change))
            elif isinstance(mending, StopAgain):
                done.does(act, partial(self._stop_again, runner))
        return bool(mendings) and not done.dry_run

    def _stop_again(self, runner: Runner) -> Runner | None:
        """It ran until now, so its nap begins now; None if it is not as it was seen any more."""
        now = self._clock.now()
        change = RunnerChange(since=now, naps=(*runner.naps[:-1], Nap(now)))
        mine = self._flipped_without_orders(runner, change)
        if mine is not None:
            self._machines.stop([runner.machine])
        return mine

    def _flip(self, runner: Runner, change: RunnerChange) -> Runner | None:
        """The record, changed if it is as it was seen, and nobody's; None if it is not."""
        when = RunnerIs(state=runner.state, spare_of=runner.spare_of, since=runner.since, gone_at=None)
        try:
            return self._runners.update(runner.key, when, change)
        except (Conflict, NotFound):
            return None

    # -- acts ---------------------------------------------------------------------------------------------------

    def _start(self, acts: Sequence[StartMember], seen: PoolSeen, barred: str, done: Round) -> None:
        """Wake them: flipped one by one, started together."""
        if barred and acts:
            done.left += len(acts)
            done.acts.append(f"{len(acts)} are not started: {barred}")
            return
        flipped: dict[str, Runner] = {}
        for act in acts:
            _counted(done, "StartMember")
            runner, words = seen.runners[act.machine], f"start {act.machine}: {act.reason}"
            change = woken(runner, self._clock.now())
            mine = done.does(words, partial(self._flip, runner, change))
            if mine is not None:
                flipped[act.machine] = mine
        if not flipped:
            return
        try:
            outcomes = self._machines.start([*flipped])
        except PaddockError as error:
            done.failed(f"start of {len(flipped)}", error)
            outcomes = {}
        for name, runner in flipped.items():
            done.tries(f"start of {name}", partial(self._woken, runner, outcomes.get(name), seen.pool))

    def _woken(self, runner: Runner, outcome: StartOutcome | None, pool: Pool) -> None:
        """What becomes of one that was to be started; no outcome: nobody knows what came of it."""
        if outcome is not None and outcome.started:
            self._record.machine(runner.machine, "woken", f"pool {pool.name} wants it hot")
        elif outcome is not None and outcome.result in {StartResult.REFUSED, StartResult.GONE}:
            self._retire.spare(runner, f"the cloud does not start it: {outcome.code or outcome.result}")
        else:  # it sleeps on, as far as anybody knows; if it was started after all, the next run sees that
            if outcome is not None and outcome.result is StartResult.NO_CAPACITY:
                self._offers.not_woken(runner, outcome.code)
            self._flip(runner, asleep_again(runner, self._clock.now()))

    def _launch(self, act: LaunchSpares, pool: Pool, standing: PoolStanding, barred: str, done: Round) -> PoolStanding:
        words = f"launch {act.count} {act.stock} of pool {pool.name}: {act.reason}"
        if barred:
            done.left += act.count
            done.acts.append(f"not now: {words}; {barred}")
            return standing
        _counted(done, "LaunchSpares")
        return done.does(words, lambda: self._spares.launch(pool, standing, act)) or standing

    def _stop(self, acts: Sequence[StopMember], seen: PoolSeen, done: Round) -> None:
        """Put them to sleep: flipped one by one, so that none can be claimed, then looked at, then stopped together."""
        asleep: list[str] = []
        for act in acts:
            _counted(done, "StopMember")
            runner = seen.runners[act.machine]
            change = noted(runner, RunnerState.STOPPING, self._clock.now())
            words = f"stop {act.machine}: {act.reason}"
            mine = done.does(words, partial(self._flipped_without_orders, runner, change))
            if mine is not None:
                asleep.append(act.machine)
        if asleep:
            done.tries(f"stop of {len(asleep)}", lambda: self._machines.stop(asleep))
            for name in asleep:
                self._record.machine(name, "stopping", f"pool {seen.pool.name} puts it to sleep")

    def _flipped_without_orders(self, runner: Runner, change: RunnerChange) -> Runner | None:
        """As `_flip`, if there are no orders for it: a record may have missed them, the machine has not.

        Raises:
            Unavailable: there are, or nobody knows. Unknown means keep.
        """
        if self._assignments.get(runner.machine) is not None:
            raise Unavailable(f"machine {runner.machine} has orders, though its record names no job")
        return self._flip(runner, change)

    def _end(self, machine: str, reason: str, seen: PoolSeen, done: Round) -> None:
        _counted(done, "EndMember")
        runner = seen.runners[machine]
        done.does(f"end {machine}: {reason}", lambda: self._retire.spare(runner, reason) or None)


def _counted(done: Round, kind: str) -> None:
    """An act of this kind is attempted; in a dry run it is left."""
    if done.dry_run:
        done.left += 1
    else:
        done.kinds[kind] += 1
