"""Spares are launched for a pool: one launch of a pool at a time, resumed if it was cut off, and slowed if they fail.

::

    launch record ──> named on the pool's record ──> cloud asked (token) ──> machine records ──> name taken off
                               │                                                   │
                          crash: the next run asks with the same token        they come up, or never do:
                          before it asks for anything else                    then there is a pause, longer each time
"""

from contextlib import suppress

import attrs

from paddock.core.errors import Conflict, NoCapacity, PaddockError, Unsupported
from paddock.core.launch import Launch, LaunchChange, LaunchIs
from paddock.core.pools.plan import LaunchSpares
from paddock.core.pools.pool import Pool
from paddock.core.pools.standing import PoolAim, PoolStanding, StandingChange, StandingIs
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.settings import FleetSettings, Limits
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.switch import PAUSED
from paddock.core.units import Span, money_text, rfc3339
from paddock.core.usecases.adopt import record_of
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.usage import UsageMeter

_SHORT = ("InsufficientInstanceCapacity: no offer had capacity a moment ago",)


class Spares:
    """Asks the cloud for spares, and keeps the pools' records."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        offers: Offers,
        decisions: Decisions,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._pools = table.pools
        self._launches = table.launches
        self._runners = table.runners
        self._switches = table.switches
        self._usage = UsageMeter(table, clock)
        self._machines = machines
        self._offers = offers
        self._clock = clock
        self._ids = ids
        self._record = Recorder(decisions, clock, "pools")

    def standing(self, pool: str) -> PoolStanding:
        """The pool's record."""
        return self._pools.get(pool) or PoolStanding(pool, first_at=self._clock.now())

    def prepared(self, standing: PoolStanding) -> PoolStanding:
        """The record once what was cut off has been resumed, and it is known which machines came up.

        What was cut off waits as well while nothing may be launched: nobody knows whether it has begun.

        Raises:
            PaddockError: a store or the cloud did not answer.
        """
        if standing.launching is not None:
            launch = self._launches.get(standing.launching)
            if launch is not None:
                return standing if self.barred(standing) else self._asked(standing, launch)
            standing = self._pools.update(
                standing.key, StandingIs(launching=standing.launching), StandingChange(launching=None)
            )
        boots: list[Span] = []
        waiting: list[str] = []
        failures = 0
        for machine in standing.expected:
            runner = self._runners.get(machine)
            if runner is not None and runner.ready_at is not None:
                boots.append(max(0, runner.ready_at - runner.launched_at))
            elif runner is not None and runner.live and runner.state is not RunnerState.DRAINING:
                waiting.append(machine)
            elif runner is None or runner.assigned_job is None:  # a job's end tells of its machine
                failures += 1
        if len(waiting) == len(standing.expected):
            return standing
        change = standing.after(tuple(boots), failures, tuple(waiting), self._clock.now())
        return self._pools.update(standing.key, StandingIs(launching=None, launches=standing.launches), change)

    def barred(self, standing: PoolStanding) -> str:
        """Why nothing may be launched or started for the pool now; empty if it may."""
        now = self._clock.now()
        paused = self._switches.get(PAUSED)
        if paused is not None and paused.on:
            return paused.why
        if now < standing.paused_until:
            until = rfc3339(standing.paused_until)
            return f"{standing.failures} spares in a row never came up: none is launched until {until}"
        most = self._settings.limits.spend_per_day
        spent = 0 if most is None else self._usage.read(Limits(spend_per_day=most)).spent_today
        if most is not None and spent >= most:
            return f"{money_text(spent)} spent today, the limit is {money_text(most)}"
        return ""

    def aims(self, standing: PoolStanding, aim: PoolAim) -> None:
        """Note what the pool is to be, if that is news."""
        if standing.aim != aim and not self._pools.add(attrs.evolve(standing, aim=aim)):
            self._pools.update(standing.key, StandingIs(), StandingChange(aim=aim))

    def launch(self, pool: Pool, standing: PoolStanding, act: LaunchSpares) -> PoolStanding:
        """Launch them; the pool's record afterwards.

        Raises:
            Conflict: another run launches for the pool.
            PaddockError: a store or the cloud did not answer: the next run goes on.
        """
        spec = pool.spec
        choice = self._offers.choose(spec, Market.ON_DEMAND, self._offers.look({Market.ON_DEMAND}))
        if choice.empty:
            raise _nothing(LaunchOutcome((), _SHORT))
        launch = Launch(
            id=self._ids.token(),
            spec=spec,
            market=Market.ON_DEMAND,
            jobs=(),
            created_at=self._clock.now(),
            without=choice.without,
            disk=spec.disk or self._settings.default_disk,
            stock=act.stock,
            count=act.count,
            digest=pool.digest,
        )
        self._launches.add(launch)
        first = PoolStanding(pool.name, launching=launch.id, launches=1, first_at=self._clock.now())
        if self._pools.add(first):
            return self._asked(first, launch)
        when = StandingIs(launching=None, launches=standing.launches)
        change = StandingChange(launching=launch.id, launches=standing.launches + 1)
        standing = self._pools.update(pool.name, when, change)
        return self._asked(standing, launch)

    def _asked(self, standing: PoolStanding, launch: Launch) -> PoolStanding:
        """Ask the cloud for the launch, once more if need be, and write its machines down."""
        request = LaunchRequest(
            token=launch.token,
            count=launch.count,
            spec=launch.spec,
            market=launch.market,
            disk=launch.disk,
            without=launch.without,
            stock=launch.stock,
        )
        try:
            outcome = self._machines.launch(request)
        except PaddockError as error:
            if not error.retryable:  # nor would it be answered otherwise: what is asked next is what is wanted then
                self._pools.update(standing.key, StandingIs(launching=launch.id), StandingChange(launching=None))
            raise
        self._offers.remember(outcome.lacks)
        names = tuple(machine.id for machine in outcome.machines)
        if launch.machines is None:
            with suppress(Conflict):  # another run of this has had the same answer
                change = LaunchChange(machines=names, errors=outcome.errors)
                self._launches.update(launch.key, LaunchIs(machines=None), change)
        for machine in outcome.machines:
            if self._runners.add(record_of(machine, launch, None, None, self._settings)):
                why = f"a spare of pool {standing.name}: {machine.instance_type}"
                self._record.machine(machine.id, "launched", why)
        expected = tuple(dict.fromkeys((*standing.expected, *names)))
        done = self._pools.update(
            standing.key, StandingIs(launching=launch.id), StandingChange(launching=None, expected=expected)
        )
        if not names:
            raise _nothing(outcome)
        return done


def _nothing(outcome: LaunchOutcome) -> PaddockError:
    words = "; ".join(outcome.errors) or "the cloud gave no machine and no reason"
    return Unsupported(words) if outcome.permanent else NoCapacity(words)
