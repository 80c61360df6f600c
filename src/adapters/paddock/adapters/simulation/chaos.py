"""Chaos: a seed makes a load, a configuration and a mix of faults; whatever must never be, must not come of it.

::

    case_of(seed) ──play──> violations? ──shrink──> the smallest case that still fails ──told──> a story to read
                                            half the jobs, one fault less, the defaults: as long as it fails
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import attrs

from paddock.adapters.simulation.cloud import CloudParameters, SimulatedEc2, stormy, usual
from paddock.adapters.simulation.draws import chance_for
from paddock.adapters.simulation.faults import FaultPlan, random_plan
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outcome import Outcome, Violation
from paddock.adapters.simulation.outside import START
from paddock.adapters.simulation.parameters import Parameters, Rates
from paddock.adapters.simulation.world import Simulation
from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Schedule, Window
from paddock.core.ports.system import Chance
from paddock.core.settings import FleetSettings, Limits
from paddock.core.spec import Arch, Market, Range, RunnerSpec
from paddock.core.units import HOUR, MINUTE, SECOND, Span, rfc3339

JOBS = 200
_NOON = 12 * 60  # the minute of the day at which it begins
REPOSITORIES = ("acme/app", "acme/lib", "zeta/web")
_LABELS = (
    ("paddock",),
    ("paddock",),
    ("paddock/cpu=4",),
    ("self-hosted", "paddock", "cpu=4"),
    ("paddock/cpu=4/arch=arm64/disk=80",),
    ("paddock/spot=false",),
    ("paddock/retry=false",),
    ("paddock=salt-1/cpu=8",),
)
_OVERFLOW = ("", "", "/spot=false", "/retry=false")
_SPECS = (RunnerSpec(spot=False), RunnerSpec(cpu=Range(4, 8), arch=Arch.ARM64, disk=80, spot=False))
_DURATIONS: tuple[Span, ...] = (10 * SECOND, 40 * SECOND, 2 * MINUTE, 8 * MINUTE, 25 * MINUTE, 80 * MINUTE)


@attrs.frozen
class Flurry:
    """About two hours of pushes, as a `Workload`: `jobs` jobs in runs of one to eight, one run in twenty cancelled.

    Half of the jobs ask for one of the pools, if there are any.
    """

    seed: int
    jobs: int
    pools: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return f"flurry {self.seed} of {self.jobs} jobs"

    @property
    def repositories(self) -> tuple[str, ...]:
        """All of them, whether they occur or not."""
        return REPOSITORIES

    def runs(self) -> Iterator[RunLoad]:
        """The runs, in the order of time."""
        chance, left, at = chance_for(self.seed, "flurry"), self.jobs, START
        asks = chance_for(self.seed, "asks")
        number = 0
        while left > 0:
            # One draw each, whatever is left: half the jobs are the first half of the same flurry.
            at += chance.below(3 * MINUTE)
            size, repository, cancelled = (1, 1, 1, 2, 2, 3, 4, 8)[chance.below(8)], chance.below(3), chance.below(20)
            jobs = tuple(self._asking(_job(chance), asks) for _ in range(size))[:left]
            left -= len(jobs)
            number += 1
            yield RunLoad(
                at,
                REPOSITORIES[repository],
                "ci" if number % 3 else "nightly",
                jobs,
                branch=f"topic-{number % 7}",
                cancelled_after=chance.below(10 * MINUTE) if cancelled == 0 else None,
            )

    def _asking(self, job: JobLoad, asks: Chance) -> JobLoad:
        if not self.pools or asks.below(2):
            return job
        pool, cold = self.pools[asks.below(len(self.pools))], _OVERFLOW[asks.below(len(_OVERFLOW))]
        return attrs.evolve(job, labels=(f"paddock/pool={pool}{cold}",))


def _job(chance: Chance) -> JobLoad:
    labels, lasts = _LABELS[chance.below(len(_LABELS))], _DURATIONS[chance.below(len(_DURATIONS))]
    return JobLoad(f"job {chance.below(100)}", labels, lasts, "success" if chance.below(6) else "failure")


@attrs.frozen
class Case:
    """Everything that a story depends on."""

    seed: int
    jobs: int
    plan: FaultPlan
    settings: FleetSettings = FleetSettings(repositories=REPOSITORIES)
    stormy: bool = False
    quota: int | None = None  # vCPUs that may run at once, in each market
    one_table: bool = True
    registered: int | None = Rates().jit_per_minute  # runners just in time, a minute; the others by token
    resized: Mapping[str, Pool] | None = None  # the pools that somebody wants an hour later

    @property
    def cloud(self) -> CloudParameters:
        """The region it happens in."""
        quota = tuple((market, self.quota) for market in Market)
        return attrs.evolve(stormy() if self.stormy else usual(), quota=quota)


def case_of(seed: int, jobs: int = JOBS) -> Case:
    """The seed's case: faults in every mix, half of them with limits, a third in a storm, a sixth with a quota.

    In a quarter of them nearly all runners are registered by token. A third has one or two pools, and in half of those
    they become others after an hour.

    Half of them are as on AWS, where orders and signs of life lie beside the records.
    """
    chance = chance_for(seed, "case")
    plan = random_plan(chance)
    limits = Limits(
        machines=8 + chance.below(40) if chance.below(4) == 0 else None,
        machines_per_repository=4 + chance.below(10) if chance.below(4) == 0 else None,
        launches_per_minute=10 + chance.below(30) if chance.below(4) == 0 else None,
    )
    settings = FleetSettings(repositories=REPOSITORIES, limits=limits)
    storm = chance.below(3) == 0
    quota = 32 + chance.below(96) if chance.below(6) == 0 else None
    case = Case(seed, jobs, plan, settings, storm, quota, one_table=chance.below(2) == 0)
    case = attrs.evolve(case, registered=chance.below(4)) if chance.below(4) == 0 else case
    return with_pools(case) if chance_for(seed, "has pools").below(3) == 0 else case


def with_pools(case: Case) -> Case:
    """The case with its seed's pools, which every fault befalls as well."""
    chance = chance_for(case.seed, "pools")
    names = ("web", "arm")[: 1 + chance.below(2)]
    pools = {name: _pool(name, spec, chance) for name, spec in zip(names, _SPECS, strict=False)}
    later = {name: _pool(name, pool.spec, chance) for name, pool in pools.items()} if chance.below(2) else None
    return attrs.evolve(case, settings=attrs.evolve(case.settings, pools=pools), resized=later)


def _pool(name: str, spec: RunnerSpec, chance: Chance) -> Pool:
    """A pool of a few machines, whose targets change within the hour, and whose machines do not grow old."""
    hot, stopped = chance.below(4), chance.below(4)
    begins = _NOON + chance.below(90)
    windows = [
        Window(f"window {number}", begins + 30 * number, begins + 30 * number + 5 + chance.below(25), *targets)
        for number, targets in enumerate([(chance.below(6), chance.below(6)) for _ in range(chance.below(3))])
    ]
    most = max([hot, *(window.hot for window in windows)]) + 1 + chance.below(6)
    return Pool(
        name,
        attrs.evolve(spec, pool=name),
        hot=hot,
        stopped=stopped,
        idle_timeout=(1 + chance.below(30)) * MINUTE,
        max_age=(30 + chance.below(300)) * MINUTE,
        schedule=Schedule(windows=tuple(windows)),
        most=most if chance.below(2) else None,
        digest=f"image {chance.below(3)}",
    )


def play(case: Case) -> Outcome:
    """Run it to its end."""
    world = Simulation(
        Flurry(case.seed, case.jobs, tuple(case.settings.pools)),
        settings=case.settings,
        seed=case.seed,
        faults=case.plan,
        cloud=partial(SimulatedEc2, case.cloud),
        parameters=Parameters(one_table=case.one_table, rates=Rates(jit_per_minute=case.registered)),
        policy="chaos",
    )
    if case.resized is not None:
        world.timeline.at(START + HOUR, partial(world.resize, case.resized))
    return world.run()


def broken(case: Case) -> tuple[Violation, ...]:
    """What must not be, and came of it."""
    return play(case).violations


def shrink(case: Case, fails: Callable[[Case], bool], *, tries: int = 200) -> Case:
    """The smallest case found that still fails: fewer jobs, fewer faults, plainer settings. `case` itself must fail."""
    for _ in range(tries):
        smaller = next((one for one in _smaller(case) if fails(one)), None)
        if smaller is None:
            return case
        case = smaller
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases that are simpler in one thing, the boldest first."""
    yield from _plainer(case)
    if case.stormy:
        yield attrs.evolve(case, stormy=False)
    if case.quota is not None:
        yield attrs.evolve(case, quota=None)
    if case.registered != Rates().jit_per_minute:
        yield attrs.evolve(case, registered=Rates().jit_per_minute)
    if not case.one_table:
        yield attrs.evolve(case, one_table=True)
    for jobs in sorted({case.jobs // 2, case.jobs * 3 // 4, case.jobs - 1} - {0, case.jobs}):
        yield attrs.evolve(case, jobs=jobs)
    if case.plan.outages:
        yield attrs.evolve(case, plan=attrs.evolve(case.plan, outages=()))
    for name in odds(case.plan):
        yield attrs.evolve(case, plan=without(case.plan, name))


def _plainer(case: Case) -> Iterator[Case]:
    """Cases with plainer settings."""
    plain = FleetSettings(repositories=REPOSITORIES)
    if case.resized is not None:
        yield attrs.evolve(case, resized=None)
    if case.settings != plain:
        yield attrs.evolve(case, settings=plain, resized=None)
    if case.settings.pools and case.settings.limits != Limits():
        yield attrs.evolve(case, settings=attrs.evolve(case.settings, limits=Limits()))
    for name in case.settings.pools if len(case.settings.pools) > 1 else ():
        left = {key: pool for key, pool in case.settings.pools.items() if key != name}
        yield attrs.evolve(case, settings=attrs.evolve(case.settings, pools=left), resized=None)


def without(plan: FaultPlan, name: str) -> FaultPlan:
    """The plan with one of its odds at nothing."""
    nothing: dict[str, Any] = {name: 0}
    return attrs.evolve(plan, **nothing)


def odds(plan: FaultPlan) -> dict[str, int]:
    """The faults that are on, by name."""
    others = {"name", "late", "held", "skew", "outages"}
    found = {name: value for name, value in attrs.asdict(plan, recurse=False).items() if name not in others}
    return {name: value for name, value in found.items() if value}


def told(case: Case, violations: tuple[Violation, ...]) -> str:
    """The case and what came of it, for people."""
    faults = ", ".join(f"{name} {value}" for name, value in odds(case.plan).items()) or "none"
    outages = ", ".join(f"{one.of} for {one.lasts // SECOND} s" for one in case.plan.outages)
    lines = [
        f"seed {case.seed}, {case.jobs} jobs{', in a storm' if case.stormy else ''}",
        f"faults (of ten thousand): {faults}{f'; outages: {outages}' if outages else ''}",
    ]
    if case.settings.limits != Limits():
        lines.append(f"limits: {case.settings.limits}")
    lines += [f"pool: {pool}" for pool in case.settings.pools.values()]
    lines += [f"an hour later: {pool}" for pool in (case.resized or {}).values()]
    if case.quota is not None:
        lines.append(f"quota: {case.quota} vCPUs in each market")
    for violation in violations[:3]:
        lines.append(f"{rfc3339(violation.at)} {violation.rule}: {violation.what}")
        lines += [f"    {line}" for line in violation.story[-30:]]
    return "\n".join(lines)
