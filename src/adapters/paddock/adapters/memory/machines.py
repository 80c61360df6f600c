"""A small EC2 in memory: launches by token, shortages on demand, states by the clock."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

import attrs

from paddock.adapters.memory.lacks import errors_of
from paddock.adapters.memory.sleep import STARTS, refuse_stops
from paddock.core.catalogue import CATALOGUE, InstanceType, fitting
from paddock.core.errors import InvalidInput, TokenReused
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import (
    Lack,
    LaunchOutcome,
    LaunchRequest,
    Machine,
    MachineState,
    StartOutcome,
    StartResult,
)
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock, Ids
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import DAY, HOUR, SECOND, Moment, Span

NO_OFFER = "NoOffer: every offer that fits was left out of the request"
_REMEMBERED: Span = 2 * DAY  # how long a token is good for at EC2
_AWAKE = frozenset({MachineState.PENDING, MachineState.RUNNING})


@attrs.define(eq=False)
class Shortage:
    """A lack of capacity for the types, markets and zones it names (None: any): ``left`` more can be had.

    ``code`` is EC2's: InsufficientInstanceCapacity, MaxSpotInstanceCountExceeded, VcpuLimitExceeded, ...
    """

    code: str = "InsufficientInstanceCapacity"
    instance_type: str | None = None
    market: Market | None = None
    zone: str | None = None
    left: int = 0

    def concerns(self, kind: InstanceType, market: Market, zone: str) -> bool:
        """True if a machine of this kind would draw on it."""
        return self.instance_type in {None, kind.name} and self.market in {None, market} and self.zone in {None, zone}


@attrs.define(eq=False)
class _Life:
    """A machine as launched or last started, since when it may be seen, and when it was told to stop, and ended."""

    machine: Machine
    number: int
    seen_at: Moment
    stock: Stock | None = None
    stopping_at: Moment | None = None
    ended_at: Moment | None = None
    ended_by: str = ""


class MemoryMachines:
    """A region that starts the cheapest type that fits. Safe for threads: one lock.

    As at EC2, what was just launched may not be seen yet (for `unseen`), what has ended is listed for a while
    (`listed_after_end`), and a token that came to nothing comes to nothing again.
    """

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        *,
        types: Iterable[InstanceType] = CATALOGUE,
        zones: Sequence[str] = ("us-east-1a",),
        boot: Span = 20 * SECOND,
        halt: Span = 15 * SECOND,
        unseen: Span = 0,
        listed_after_end: Span = HOUR,
        page_size: int = 100,
    ) -> None:
        """Args: see below.

        clock, ids: whose time it is, and where the machines get their ids.
        types, zones: what can be had where.
        boot: from a launch or a start to ``running``.
        halt: from being told to stop to ``stopped``.
        unseen, listed_after_end: as above.
        page_size: machines per page.
        """
        self._clock = clock
        self._ids = ids
        self._types = tuple(types)
        self._zones = tuple(zones)
        self._boot = boot
        self._halt = halt
        self._unseen = unseen
        self._listed_after_end = listed_after_end
        self._page_size = page_size
        self.shortages: list[Shortage] = []
        self._offers: dict[RunnerSpec, tuple[Offer, ...]] = {}
        self._lives: dict[str, _Life] = {}
        self._live: dict[int, _Life] = {}  # by number, hence in the order of launch
        self._launches: dict[str, tuple[LaunchRequest, LaunchOutcome]] = {}
        self._tokens: deque[tuple[Moment, str]] = deque()
        self._ended: deque[_Life] = deque()
        self._count = 0
        self._lock = Lock()

    def offers(self, spec: RunnerSpec) -> tuple[Offer, ...]:
        """Every type that fits, in every zone."""
        known = self._offers.get(spec)
        if known is None:
            kinds = fitting(spec, self._types)
            known = self._offers[spec] = tuple(sorted(Offer(zone, kind.name) for kind in kinds for zone in self._zones))
        return known

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start up to `count` machines of the cheapest types that fit and can be had. Idempotent by token.

        Raises:
            TokenReused: the token was used with other parameters.
            ValueError: the token or the count is not one that EC2 takes.
        """
        request.check()
        with self._lock:
            now = self._clock.now()
            self._forget(now)
            known = self._launches.get(request.token)
            if known is not None:
                return self._again(request, *known, now)
            outcome = self._start(request, now)
            self._launches[request.token] = (request, outcome)
            self._tokens.append((now, request.token))
            return outcome

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """The machines by id; those that are unknown, unseen yet or long gone are missing."""
        with self._lock:
            now = self._clock.now()
            self._forget(now)
            found = ((id_, self._lives.get(id_)) for id_ in ids)
            return {id_: self._seen(life, now) for id_, life in found if life is not None and self._visible(life, now)}

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """All machines that are not terminated, in the order of their launch.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise ValueError(str(InvalidInput("cursor", cursor, "must be None or what a page returned")))
        after = 0 if cursor is None else int(cursor)
        with self._lock:
            now = self._clock.now()
            lives = [life for number, life in self._live.items() if number > after and self._visible(life, now)]
            items = tuple(self._seen(life, now) for life in lives[: self._page_size])
            more = len(lives) > self._page_size
        return Page(items, str(lives[self._page_size - 1].number) if more else None)

    def terminate(self, ids: Sequence[str]) -> None:
        """End the machines. Idempotent: unknown and ended machines are no error."""
        with self._lock:
            for id_ in ids:
                self._end(self._lives.get(id_), "Client.UserInitiatedShutdown")

    def stop(self, ids: Sequence[str]) -> None:
        """Let machines sleep. Idempotent.

        Raises:
            Rejected: some are spot machines; the others were told to stop.
            Unavailable: some are pending; the others were told to stop.
        """
        spot: list[str] = []
        pending: list[str] = []
        with self._lock:
            now = self._clock.now()
            for life in self._of(ids):
                state = self._seen(life, now).state
                if life.machine.market is Market.SPOT and state in _AWAKE:
                    spot.append(life.machine.id)
                elif state is MachineState.PENDING:
                    pending.append(life.machine.id)
                elif state is MachineState.RUNNING:
                    life.stopping_at = now
        refuse_stops(spot, pending)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Wake stopped machines, each if its kind can be had; what came of each."""
        with self._lock:
            now = self._clock.now()
            self._forget(now)
            return {id_: self._start_again(self._lives.get(id_), now) for id_ in ids}

    def stock(self, machine: str) -> Stock | None:
        """What the machine was launched to be kept as, which its agent would read; None if for a job, or unknown."""
        life = self._lives.get(machine)
        return None if life is None else life.stock

    def kill(self, machine: str, by: str = "Client.InstanceInitiatedShutdown") -> None:
        """End a machine as a power-off from within, a crash, or AWS taking a spot machine back would.

        `by` is EC2's code of the reason; ``Server.SpotInstanceTermination`` is a spot machine taken back.

        Raises:
            KeyError: there never was such a machine: the script that says so is wrong.
        """
        with self._lock:
            self._end(self._lives[machine], by)

    def _again(
        self, request: LaunchRequest, first: LaunchRequest, outcome: LaunchOutcome, now: Moment
    ) -> LaunchOutcome:
        if request != first:
            raise TokenReused(f"token {request.token!r} was used with other parameters: a new request needs a new one")
        lives = [(machine, self._lives.get(machine.id)) for machine in outcome.machines]
        machines = (
            attrs.evolve(machine, state=MachineState.TERMINATED) if life is None else self._seen(life, now)
            for machine, life in lives
        )
        return attrs.evolve(outcome, machines=tuple(machines))

    def _start(self, request: LaunchRequest, now: Moment) -> LaunchOutcome:
        kinds = sorted(fitting(request.spec, self._types), key=lambda kind: (kind.price(request.market), kind.name))
        if not kinds:
            return LaunchOutcome((), (f"NoFittingType: no instance type serves {request.spec}",), permanent=True)
        machines: list[Machine] = []
        lacks: list[Lack] = []
        for kind, zone in ((kind, zone) for kind in kinds for zone in self._zones):
            if Offer(zone, kind.name) in request.without:
                continue
            short = [shortage for shortage in self.shortages if shortage.concerns(kind, request.market, zone)]
            wanted = request.count - len(machines)
            had = min([wanted, *(shortage.left for shortage in short)])
            for shortage in short:
                shortage.left -= had
            machines.extend(self._new(request, kind, zone, now) for _ in range(had))
            if had == wanted:
                return LaunchOutcome(tuple(machines), lacks=tuple(lacks))
            empty = next(shortage for shortage in short if shortage.left == 0)
            lacks.append(Lack(Offer(zone, kind.name), request.market, empty.code))
        return LaunchOutcome(tuple(machines), errors_of(lacks) or (NO_OFFER,), lacks=tuple(lacks))

    def _of(self, ids: Sequence[str]) -> Iterable[_Life]:
        """The lives of those that are known, each once."""
        return (self._lives[id_] for id_ in dict.fromkeys(ids) if id_ in self._lives)

    def _start_again(self, life: _Life | None, now: Moment) -> StartOutcome:
        state = MachineState.TERMINATED if life is None else self._seen(life, now).state
        if life is None or state is not MachineState.STOPPED:
            return StartOutcome(STARTS[state])
        machine = life.machine
        kind = next(kind for kind in self._types if kind.name == machine.instance_type)
        short = [one for one in self.shortages if one.concerns(kind, machine.market, machine.zone)]
        empty = next((one for one in short if one.left == 0), None)
        if empty is not None:
            return StartOutcome(StartResult.NO_CAPACITY, empty.code)
        for one in short:
            one.left -= 1
        life.machine = attrs.evolve(machine, state=MachineState.PENDING, launched_at=now)
        life.stopping_at = None
        return StartOutcome(StartResult.STARTING)

    def _new(self, request: LaunchRequest, kind: InstanceType, zone: str, now: Moment) -> Machine:
        self._count += 1
        machine = Machine(
            id=f"i-{self._ids.token()[-17:]}",
            state=MachineState.PENDING,
            launched_at=now,
            token=request.token,
            instance_type=kind.name,
            vcpu=kind.vcpu,
            arch=kind.arch,
            market=request.market,
            zone=zone,
            price=kind.price(request.market),
            disk=request.disk,
            ours=True,
        )
        life = _Life(machine, self._count, now + self._unseen, request.stock)
        self._lives[machine.id] = self._live[life.number] = life
        return machine

    def _seen(self, life: _Life, now: Moment) -> Machine:
        """The machine with its state as of now."""
        if life.ended_at is not None:
            terminated = attrs.evolve(life.machine, state=MachineState.TERMINATED)
            return attrs.evolve(terminated, ended_at=life.ended_at, ended_by=life.ended_by)
        if life.stopping_at is not None:
            halted = now >= life.stopping_at + self._halt
            return attrs.evolve(life.machine, state=MachineState.STOPPED if halted else MachineState.STOPPING)
        if now < life.machine.launched_at + self._boot:
            return life.machine
        if life.machine.state is MachineState.PENDING:
            life.machine = attrs.evolve(life.machine, state=MachineState.RUNNING)
        return life.machine

    def _visible(self, life: _Life, now: Moment) -> bool:
        return now >= life.seen_at

    def _end(self, life: _Life | None, by: str) -> None:
        if life is None or life.ended_at is not None:
            return
        life.ended_at, life.ended_by = self._clock.now(), by
        del self._live[life.number]
        self._ended.append(life)

    def _forget(self, now: Moment) -> None:
        """Drop what EC2 would no longer know, so that years can be simulated."""
        while self._ended and (self._ended[0].ended_at or 0) + self._listed_after_end <= now:
            del self._lives[self._ended.popleft().machine.id]
        while self._tokens and self._tokens[0][0] + _REMEMBERED <= now:
            del self._launches[self._tokens.popleft()[1]]
