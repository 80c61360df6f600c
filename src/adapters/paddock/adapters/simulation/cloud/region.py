"""EC2 in virtual time: one region of one account."""

from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock

import attrs

from paddock.adapters.memory.machines import NO_OFFER
from paddock.adapters.simulation.cloud.allocation import allocate
from paddock.adapters.simulation.cloud.api import Api
from paddock.adapters.simulation.cloud.billing import Bill, Books
from paddock.adapters.simulation.cloud.draws import Stream, happens
from paddock.adapters.simulation.cloud.lives import Instance, Register
from paddock.adapters.simulation.cloud.parameters import CloudParameters
from paddock.adapters.simulation.cloud.pools import Pool, Pools
from paddock.adapters.simulation.cloud.reclaims import Reclaims
from paddock.adapters.simulation.cloud.sleep import Sleep
from paddock.adapters.simulation.cloud.tokens import Tokens
from paddock.adapters.simulation.outcome import Calls
from paddock.adapters.simulation.protocols import Charge, CloudListener, Ending, Life
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.errors import InvalidInput
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, MachineState, StartOutcome
from paddock.core.ports.records import Page
from paddock.core.ports.system import Chance, Ids
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import Moment, Span


class SimulatedEc2:
    """A `SimulatedCloud`; bound to its parameters, as by ``partial(SimulatedEc2, stormy())``, a `CloudMaker`.

    Calls return at once; what happens later happens on the timeline. All chance comes from `chance`, once: whatever it
    seeds has a stream of its own, so that prices, capacity and spells do not hang on what anybody launches.
    """

    def __init__(
        self, parameters: CloudParameters, *, timeline: Timeline, ids: Ids, chance: Chance, listener: CloudListener
    ) -> None:
        """Args: what it is like; virtual time; the machines' ids; its own chance; who is told what happens."""
        now = timeline.now()
        root = Stream(chance.below(1 << 64))
        self._parameters = parameters
        self._times = parameters.times
        self._timeline = timeline
        self._ids = ids
        self._listener = listener
        self._api = Api(parameters.limits, now)
        self._pools = Pools(parameters, root, now)
        self._books = Books(parameters.prices)
        self._machines = Register(parameters.listed_after_end)
        self._reclaims = Reclaims(
            parameters, timeline=timeline, stream=root.child("reclaims"), listener=listener, end=self._taken
        )
        self._fleets = root.child("fleets")
        self._starts = root.child("starts")
        self._quota = dict(parameters.quota)
        self._vcpu = dict.fromkeys(Market, 0)
        self._sleep = Sleep(
            parameters,
            timeline=timeline,
            stream=root.child("sleep"),
            listener=listener,
            vcpu=self._vcpu,
            runs=self._runs,
        )
        self._tokens = Tokens(parameters.token_memory)
        self._lock = Lock()

    # -- what the fleet may do: the port `Machines` -----------------------------------------------------------------

    def offers(self, spec: RunnerSpec) -> tuple[Offer, ...]:
        """Every type that fits, in every zone."""
        return tuple(offer for offer, _ in self._pools.offers(spec))

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start up to `count` machines: spot by price and capacity, on demand by price. Idempotent by token.

        Raises:
            Throttled: the bucket of requests, or of machines, is empty; the token is as good as before.
            TokenReused: the token was used with other parameters.
            ValueError: the token or the count is not one that EC2 takes.
        """
        request.check()
        with self._lock:
            now = self._now()
            self._api.launch(now)
            known = self._tokens.find(request)
            if known is None:
                outcome = self._start(request, now)
                self._tokens.keep(request, outcome, now)
                return outcome
        return attrs.evolve(known, machines=tuple(self._again(machine) for machine in known.machines))

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """The machines by id; those that are unknown, unseen yet or long gone are missing. Raises Throttled."""
        if not ids:
            return {}
        now = self._now()
        self._api.describe(now)
        found = ((id_, self._machines.find(id_)) for id_ in ids)
        return {id_: known.as_seen() for id_, known in found if known is not None and known.seen_at <= now}

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """All machines that live, in the order of their launch. Raises Throttled.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise ValueError(str(InvalidInput("cursor", cursor, "must be None or what a page returned")))
        now = self._now()
        self._api.page(now)
        items, last = self._machines.page(0 if cursor is None else int(cursor), self._parameters.page_size, now)
        return Page(items, None if last is None else str(last))

    def terminate(self, ids: Sequence[str]) -> None:
        """End the machines. Idempotent: unknown and ended machines are no error. Raises Throttled, and ends none."""
        if not ids:
            return
        self._api.terminate(len(ids), self._now())
        for id_ in ids:
            self._end_if_alive(id_, Ending.FLEET)

    def stop(self, ids: Sequence[str]) -> None:
        """Let machines sleep. Idempotent. Raises Throttled, and stops none.

        Raises:
            Rejected: some are spot machines; the others were told to stop.
            Unavailable: some are pending; the others were told to stop.
        """
        if ids:
            self._api.stop(len(ids), self._now())
            self._sleep.stop([one for one in map(self._machines.find, dict.fromkeys(ids)) if one is not None])

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Wake stopped machines, each if its pool and the quota have room. Raises Throttled, and starts none."""
        if not ids:
            return {}
        self._api.start(len(ids), self._now())
        return {id_: self._sleep.start(self._machines.find(id_)) for id_ in dict.fromkeys(ids)}

    # -- what happens besides -----------------------------------------------------------------------------------------

    def power_off(self, machine: str) -> None:
        """The machine powers itself off, which terminates it. One that has ended is no error."""
        self._end_if_alive(machine, Ending.ITSELF)

    def fail(self, machine: str) -> None:
        """Its hardware fails, without a word. One that has ended, or sleeps, is no error."""
        instance = self._machines.find(machine)
        if instance is not None and instance.stopping_at is None:
            self._end_if_alive(machine, Ending.HARDWARE)

    def reclaim(self, machine: str, *, warning: bool = True) -> None:
        """Take a spot machine back: warn now and end it two minutes later, or end it now.

        One that has ended, or was warned already, is no error.

        Raises:
            ValueError: it is on demand, and EC2 takes no such machine.
        """
        instance = self._machines.find(machine)
        if instance is None or instance.ended_at is not None:
            return
        if instance.machine.market is not Market.SPOT:
            raise ValueError(f"machine {machine} is {instance.machine.market}: only spot machines are taken back")
        self._reclaims.take(instance, warning=warning)

    def storm(self, lasts: Span, *, zone: str | None = None, instance_type: str | None = None) -> None:
        """Let a dry spell of spot capacity begin now, over a zone, a type, or one pool if both are named."""
        weather = self._pools.storm(self._now(), lasts, zone=zone, instance_type=instance_type)
        self._reclaims.storm(weather)

    # -- what it can be asked -----------------------------------------------------------------------------------------

    @property
    def log(self) -> Mapping[str, Life]:
        """Every machine's life by id, in the order of launch, except those that were forgotten."""
        return self._machines.log

    @property
    def alive(self) -> Sequence[str]:
        """The ids of the machines that have not ended, in the order of launch."""
        return self._machines.alive

    @property
    def bill(self) -> Bill:
        """What the machines that have ended cost, those included that were forgotten."""
        return self._books.bill

    def charge(self, machine: str) -> Charge:
        """What the machine costs so far. KeyError if it is unknown or forgotten."""
        return self._books.charge(self._machines.life(machine), self._timeline.now())

    def forget(self, machine: str) -> None:
        """Drop an ended machine's life from the log. Unknown ones, and those that live, are no error and stay."""
        self._machines.forget(machine)

    def calls(self) -> Sequence[Calls]:
        """Requests by action of the API, so far."""
        return self._api.calls

    def price(self, offer: Offer, spec: RunnerSpec, market: Market) -> int:
        """What a machine of this offer would cost an hour, in micro-dollars, if it were launched now.

        Raises:
            ValueError: the offer does not fit the spec.
        """
        for pool in self._pools.fitting(spec, market):
            if pool.offer == offer:
                pool.look(self._timeline.now())
                return pool.price
        raise ValueError(f"{offer} does not fit {spec}")

    # -- how it is done -----------------------------------------------------------------------------------------------

    def _now(self) -> Moment:
        """The time; what EC2 no longer knows by then is let go."""
        now = self._timeline.now()
        self._machines.drop(now)
        self._tokens.drop(now)
        return now

    def _again(self, machine: Machine) -> Machine:
        instance = self._machines.find(machine.id)
        return attrs.evolve(machine, state=MachineState.TERMINATED) if instance is None else instance.as_seen()

    def _start(self, request: LaunchRequest, now: Moment) -> LaunchOutcome:
        market = request.market
        pools: Sequence[Pool] = self._pools.fitting(request.spec, market)
        if not pools:
            return LaunchOutcome((), (f"NoFittingType: no instance type serves {request.spec}",), permanent=True)
        if request.without:
            pools = [pool for pool in pools if pool.offer not in request.without]
            if not pools:
                return LaunchOutcome((), (NO_OFFER,))
        count = self._api.launchable(request.count, now)
        quota = self._quota.get(market)
        room = None if quota is None else max(0, quota - self._vcpu[market])
        allocation = allocate(pools, count, market=market, room=room, now=now, chance=self._fleets)
        machines = tuple(self._new(request, pool, now) for pool, number in allocation.picks for _ in range(number))
        self._api.launched(len(machines), now)
        errors = allocation.errors
        if count < request.count:
            errors += (
                f"RequestLimitExceeded: {request.count - count} of {request.count} machines were too many at once",
            )
        return LaunchOutcome(machines, errors, lacks=allocation.lacks)

    def _new(self, request: LaunchRequest, pool: Pool, now: Moment) -> Machine:
        parameters, starts, kind = self._parameters, self._starts, pool.kind
        machine = Machine(
            id=f"i-{self._ids.token()[-17:]}",
            state=MachineState.PENDING,
            launched_at=now,
            token=request.token,
            instance_type=kind.name,
            vcpu=kind.vcpu,
            arch=kind.arch,
            market=pool.market,
            zone=pool.offer.zone,
            price=pool.price,
            disk=request.disk,
            ours=True,
        )
        times = self._times
        pending = times.call.draw(starts) + times.pending.draw(starts)
        boot = times.boot.draw(starts)
        fate = starts.below(1_000) - parameters.failed_starts
        unseen = happens(starts, parameters.unseen)
        instance = Instance(
            machine,
            pool=pool,
            number=self._machines.number(),
            seen_at=now + parameters.unseen_for.draw(starts) if unseen else now,
            boot=None if 0 <= fate < parameters.dead_boots else boot,
        )
        step = partial(self._end, instance, Ending.HARDWARE) if fate < 0 else partial(self._runs, instance)
        instance.next = self._timeline.at(now + pending, step)
        self._machines.add(instance)
        self._sleep.hold(pool)
        if pool.market is Market.SPOT:
            self._reclaims.launched(instance)
        return machine

    def _runs(self, instance: Instance) -> None:
        now = self._timeline.now()
        instance.running_at = now
        instance.next = (
            None if instance.boot is None else self._timeline.at(now + instance.boot, partial(self._boots, instance))
        )

    def _boots(self, instance: Instance) -> None:
        instance.next = None
        instance.booted_at = self._timeline.now()
        self._listener.booted(instance.machine)

    def _taken(self, instance: Instance) -> None:
        self._end(instance, Ending.SPOT)

    def _end_if_alive(self, machine: str, by: Ending) -> None:
        instance = self._machines.find(machine)
        if instance is not None and instance.ended_at is None:
            self._end(instance, by)

    def _end(self, instance: Instance, by: Ending) -> None:
        now = self._timeline.now()
        instance.ended_at, instance.ended_by = now, by
        if instance.next is not None:
            instance.next.cancel()
            instance.next = None
        if instance.stopping_at is None:
            self._sleep.free(instance.pool)
        if instance.pool.market is Market.SPOT:
            self._reclaims.ended(instance)
        self._machines.end(instance)
        self._books.close(instance, now)
        self._listener.ended(instance.machine, by)
