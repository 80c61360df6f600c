"""What comes of a simulation, gathered while it runs: exact percentiles, the fleet's size over time, the money."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import attrs

from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.simulation.outcome import Cost, Jobs, Level, Spread, Waits
from paddock.adapters.simulation.pool_measure import PoolMeasure
from paddock.adapters.simulation.protocols import Charge, Ending, Life
from paddock.core.job import Job
from paddock.core.spec import Market
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import MINUTE, MicroDollars, Moment, Span

_PARTS = ("total", "webhook", "decision", "cloud", "boot", "handshake")
_OTHERS = "others"
_HEAD = "paddock"
MOST_LABEL_SETS = 50


@attrs.define
class Service:
    """What the world knows of a job's time on a machine. ``taken``: the cloud took the machine, and that ended it."""

    machine: str
    launched_at: Moment
    running_at: Moment
    booted_at: Moment
    begun_at: Moment
    over_at: Moment | None = None
    result: OperationalResult | None = None
    taken: bool = False

    @property
    def lost(self) -> bool:
        """True if it did not come to its own end."""
        return self.result is OperationalResult.INTERRUPTED


def spread_of(spans: Iterable[Span]) -> Spread:
    """Mean and percentiles by nearest rank, exact."""
    ordered = sorted(spans)
    count = len(ordered)
    if not count:
        return Spread()

    def at(per_cent: int) -> Span:
        return ordered[max(0, -(-count * per_cent // 100) - 1)]

    return Spread(count, sum(ordered) // count, at(50), at(95), at(99), ordered[-1])


def label_set(labels: tuple[str, ...]) -> str:
    """How a label set is named: salt is left out, so that alike jobs are counted together."""
    return ", ".join(_unsalted(label) for label in labels)


def _unsalted(label: str) -> str:
    head, slash, rest = label.partition("/")
    return f"{_HEAD}{slash}{rest}" if head.casefold().startswith(f"{_HEAD}=") else label


class WaitLog:
    """The waits of jobs, by label set: eight bytes for each part of each."""

    def __init__(self) -> None:
        """Nobody has waited yet."""
        self._spans: dict[str, tuple[array[int], ...]] = {}
        self._names: dict[tuple[str, ...], str] = {}

    def add(self, labels: tuple[str, ...], spans: tuple[Span, ...]) -> None:
        """One job's wait and its parts."""
        name = self._names.get(labels)
        if name is None:
            name = label_set(labels)
            if name not in self._spans and len(self._spans) >= MOST_LABEL_SETS:
                name = _OTHERS
            if len(self._names) < MOST_LABEL_SETS * 100:
                self._names[labels] = name
        columns = self._spans.get(name)
        if columns is None:
            columns = self._spans[name] = tuple(array("q") for _ in _PARTS)
        for column, span in zip(columns, spans, strict=True):
            column.append(span)

    def waits(self) -> Waits:
        """Of all."""
        columns = zip(*self._spans.values(), strict=True) if self._spans else ((),) * len(_PARTS)
        return Waits(*(spread_of(chain.from_iterable(column)) for column in columns))

    def by_labels(self) -> Mapping[str, Waits]:
        """By label set, sorted."""
        return {name: Waits(*map(spread_of, columns)) for name, columns in sorted(self._spans.items())}


class Levels:
    """The most of each within every interval."""

    def __init__(self, began: Moment, interval: Span) -> None:
        """Args: when the first interval begins, and how long each is."""
        self._interval = interval
        self._at = began
        self._levels: list[Level] = []
        self.waiting = 0
        self.machines = 0
        self.busy = 0
        self._most = (0, 0, 0)

    def change(self, now: Moment, *, waiting: int = 0, machines: int = 0, busy: int = 0) -> None:
        """So many more (or fewer) from now on."""
        if now >= self._at + self._interval:
            self._turn(now)
        self.waiting += waiting
        self.machines += machines
        self.busy += busy
        most = self._most
        if self.waiting > most[0] or self.machines > most[1] or self.busy > most[2]:
            self._most = (max(most[0], self.waiting), max(most[1], self.machines), max(most[2], self.busy))

    def levels(self, now: Moment) -> tuple[Level, ...]:
        """All intervals up to now."""
        if now >= self._at + self._interval:
            self._turn(now)
        return (*self._levels, Level(self._at, *self._most))

    def _turn(self, now: Moment) -> None:
        while now >= self._at + self._interval:
            self._levels.append(Level(self._at, *self._most))
            self._at += self._interval
            self._most = (self.waiting, self.machines, self.busy)


class Measure:
    """Counts jobs and money as they are closed."""

    def __init__(self, began: Moment, interval: Span = 5 * MINUTE) -> None:
        """Args: when it began; how long a level's interval is."""
        self.log = WaitLog()
        self.levels = Levels(began, interval)
        self._counts = dict.fromkeys((field.name for field in attrs.fields(Jobs)), 0)
        self._cost = dict.fromkeys((field.name for field in attrs.fields(Cost)), 0)
        self._asked: dict[int, Moment] = {}
        self._others: set[int] = set()
        self.pools = PoolMeasure()
        self.machines = 0
        self.reclaimed = 0

    def asked(self, job_id: int, at: Moment) -> None:
        """The cloud was asked for a machine for the job, and gave one."""
        self._asked.setdefault(job_id, at)

    def queued(self) -> None:
        """GitHub queued one more job for us."""
        self._counts["queued"] += 1

    def other(self, job_id: int) -> None:
        """GitHub queued a job that is not the fleet's: how it ends is not for us to answer for."""
        self._counts["others"] += 1
        self._others.add(job_id)

    def job(self, told: JobRecord, known: Job | None, service: Service | None) -> None:
        """A job is closed: what GitHub says of it, the fleet's record, and its time on a machine."""
        if told.id in self._others:
            self._others.remove(told.id)
            return
        counts = self._counts
        asked = self._asked.pop(told.id, None)
        counts[_how(told, known, service)] += 1
        first = service is not None and known is not None and known.launch == 1
        wait = service.begun_at - known.received_at if first and service is not None and known is not None else None
        self.pools.job(told.id, None if service is None else service.machine, wait)
        if known is not None and known.launch > 1:
            counts["retried"] += 1
        if told.attempt > 1:
            counts["rerun"] += 1
        if service is None:
            return
        if service.taken:
            counts["interrupted"] += 1
            counts["again"] += told.attempt > 1
            counts["wasted"] += max(0, (service.over_at or service.begun_at) - service.begun_at)
        if known is not None and known.launch == 1:
            steps = (
                known.received_at,
                asked or service.launched_at,
                service.running_at,
                service.booted_at,
                service.begun_at,
            )
            parts, at = [], told.created_at
            for step in steps:
                # Its machine may be a sibling's, which was asked for sooner.
                parts.append(max(at, step) - at)
                at = max(at, step)
            self.log.add(told.labels, (sum(parts), *parts))

    def machine(
        self,
        life: Life,
        charge: Charge,
        ready: Moment | None,
        begun: Moment | None,
        over: Moment | None,
        pool: str | None = None,
    ) -> None:
        """A machine's life is closed: its charge, and when its runner listened, its job began, and that was over.

        `pool`: of which it was, if it was one's.
        """
        self.machines += 1
        self.reclaimed += life.ended_by is Ending.SPOT
        cost, compute = self._cost, charge.compute
        cost["spot" if life.machine.market is Market.SPOT else "on_demand"] += compute
        cost["disk"] += charge.disk
        cost["address"] += charge.address
        cost["free"] += charge.free
        start = life.machine.launched_at if life.running_at is None else life.running_at
        end = max(start, life.ended_at or start)
        runs = life.runs if life.stopping_at is not None else (*life.runs, (start, end))
        cost["sleep"] += _asleep(life, charge.disk, end)
        boot = job = 0
        if life.stopping_at is None:  # of its last run: before that it was a spare, whose time is idle
            boot = _share(compute, runs, end if ready is None else ready) - _share(compute, runs, start)
        if begun is not None:
            job = _share(compute, runs, end if over is None else over) - _share(compute, runs, begun)
        cost["boot"] += boot
        cost["job"] += job
        cost["idle"] += compute - boot - job
        if pool is not None:
            awake = sum(stop - since for since, stop in runs)
            idle = compute - boot - job
            self.pools.machine(pool, awake * idle // compute if compute else 0, idle, _asleep(life, charge.disk, end))

    def jobs(self) -> Jobs:
        """The counts."""
        return Jobs(**self._counts)

    def cost(self, control: MicroDollars) -> Cost:
        """The money; `control` is the control plane's."""
        return Cost(**{**self._cost, "control": control})


def _share(amount: MicroDollars, runs: Sequence[tuple[Moment, Moment]], until: Moment) -> MicroDollars:
    """The part of the amount that falls before `until`: of a running total, so that parts add up to the whole."""
    whole = sum(end - start for start, end in runs)
    if whole <= 0:
        return amount
    return amount * sum(min(max(until, start), end) - start for start, end in runs) // whole


def _asleep(life: Life, disk: MicroDollars, end: Moment) -> MicroDollars:
    """The part of what its disk cost that is of the time between its runs, or after the last."""
    if not life.runs or end <= life.machine.launched_at:
        return 0
    starts = [since for since, _ in life.runs[1:]]
    starts += [end if life.stopping_at is not None else life.started_at or end]
    slept = sum(max(0, start - until) for (_, until), start in zip(life.runs, starts, strict=True))
    return disk * slept // (end - life.machine.launched_at)


def _how(told: JobRecord, known: Job | None, service: Service | None) -> str:
    if known is not None and known.state in {JobState.REJECTED, JobState.ABANDONED}:
        return known.state.value
    if service is not None and service.result is OperationalResult.SERVED and told.conclusion != "cancelled":
        return "served"
    return "cancelled" if told.conclusion == "cancelled" and (service is None or not service.lost) else "failed"
