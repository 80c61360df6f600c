"""A pool by office hours, for a year: what it saves against one that is always on, and how long its jobs wait.

The load is an office's: sixty jobs on a working day by the published hours, nobody at weekends, a matrix now and then.
The scheduled pool keeps two machines up and twenty asleep from 08:00 to 18:00, and four asleep at other times. Arms:

* ``hot``: always on, all machines up: the fewest whose p95 wait is no longer than the scheduled pool's; or the last
  tried, whose p95 is longer all the same, so that the saving is not made to look larger
* ``same``: the scheduled pool's own targets of the day, around the clock
* ``none``: no pool, the same machines

All have the same seed, so the same jobs come at the same moments. The boot of a machine that is woken and the runner's
handshake are what others publish: Percival's 4.9 s from pending to running, brevdev's 3.2 s from there until SSH
answers, Depot's median handshake of a warm runner. All else is as everywhere in the simulator.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

import attrs

from paddock.adapters.simulation.cloud import SimulatedEc2, usual
from paddock.adapters.simulation.cloud.draws import LogNormal
from paddock.adapters.simulation.cloud.parameters import StartTimes
from paddock.adapters.simulation.draws import always
from paddock.adapters.simulation.measure import spread_of
from paddock.adapters.simulation.outcome import Outcome, Spread
from paddock.adapters.simulation.parameters import Hosts, Parameters
from paddock.adapters.simulation.workloads import GeneratorParameters, generated
from paddock.adapters.simulation.workloads.parameters import LabelShare, Office
from paddock.adapters.simulation.world import Simulation
from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import DAYS, Schedule, Window
from paddock.core.settings import FleetSettings
from paddock.core.spec import Range, RunnerSpec
from paddock.core.units import MILLISECOND, MINUTE, SECOND, moment_of
from tests.bench.harness import Figure

YEAR: Final = 364  # whole weeks
JOBS_PER_DAY: Final = 60
SEED: Final = 1
HOT: Final = (5, 6, 7)
ZONE: Final = "Europe/Berlin"
MONDAY: Final = moment_of(datetime(2026, 1, 5, tzinfo=UTC))
_SPEC: Final = RunnerSpec(cpu=Range(4, 8), spot=False, pool="web")
_PARAMETERS: Final = Parameters(hosts=Hosts(handshake=always(2_300 * MILLISECOND)))
_CLOUD: Final = attrs.evolve(
    usual(),
    stopped=StartTimes(
        LogNormal(800 * MILLISECOND, 1_200 * MILLISECOND),
        LogNormal(4_900 * MILLISECOND, 6 * SECOND),
        LogNormal(3_200 * MILLISECOND, 4 * SECOND),
    ),
)


@attrs.frozen
class Arm:
    """One way to keep machines: what came of it, and how long jobs waited that had a hot or a stopped one."""

    outcome: Outcome
    hot: Spread
    stopped: Spread

    @property
    def idle(self) -> int:
        """Micro-dollars for machines of the pool without a job: up, and asleep."""
        return sum(use.idle_cost + use.sleep_cost for use in self.outcome.pools.values())


def a_pool(hot: int, stopped: int, schedule: Schedule = Schedule()) -> Pool:
    """The pool with these targets where no window is in force."""
    return Pool("web", _SPEC, hot, stopped, schedule=schedule, idle_timeout=5 * MINUTE)


def scheduled() -> Pool:
    """Two up and twenty asleep by day, four asleep at night."""
    window = Window("office", 8 * 60, 18 * 60, hot=2, stopped=20, days=DAYS[:5])
    return a_pool(0, 4, Schedule(ZONE, (window,)))


def play(pool: Pool | None, days: int) -> Arm:
    """So many days with this pool, or with none.

    Raises:
        AssertionError: a rule was broken: then nothing was measured.
    """
    label = "paddock/cpu=4" if pool is None else "paddock/pool=web"
    office = Office(ZONE, hours=Office(ZONE).hours, week=(1, 1, 1, 1, 1, 0, 0))
    parameters = GeneratorParameters(
        jobs_per_day=JOBS_PER_DAY, start=MONDAY, offices=(office,), labels=(LabelShare((label,)),), scheduled=0
    )
    load = generated(parameters, SEED, days)
    settings = FleetSettings(repositories=load.repositories, pools={} if pool is None else {pool.name: pool})
    world = Simulation(load, settings=settings, seed=SEED, cloud=partial(SimulatedEc2, _CLOUD), parameters=_PARAMETERS)
    outcome = world.run()
    if outcome.violations:
        raise AssertionError(f"the days did not go as they must: {outcome.violations[0]}")
    waits = world.measure.pools.waits
    return Arm(outcome, spread_of(waits.get(("web", "hot"), ())), spread_of(waits.get(("web", "stopped"), ())))


def figures(days: int = YEAR) -> Iterator[Figure]:
    """A year, four times over: some minutes each."""
    ours = play(scheduled(), days)
    p95 = ours.outcome.wait.total.p95
    for number in HOT:
        hot = play(a_pool(number, 0), days)
        if hot.outcome.wait.total.p95 <= p95:
            break
    same, none = play(a_pool(2, 20), days), play(None, days)
    jobs = ours.outcome.jobs.queued
    said = f"{days} days, {jobs} jobs; idle {_usd(ours.idle)} a year"
    for name, other, what in (
        ("", hot, f"less than {number} machines always up"),
        (".same_targets", same, "less than the same targets around the clock"),
    ):
        told = f"{what}, {_usd(other.idle)}; p95 wait {_s(p95)} s against {_s(other.outcome.wait.total.p95)} s; {said}"
        yield Figure(f"pools.idle_saving_percent{name}", 100 - 100 * ours.idle / other.idle, "%", f"idle cost {told}")
    for name, spread in (("hot", ours.hot), ("stopped", ours.stopped)):
        told = f"from the webhook's receipt, of {spread.count} jobs on their own machines; median {_s(spread.p50)} s"
        yield Figure(f"pools.wait_p95_s.{name}", spread.p95 / SECOND, "s", told)
    for name in ("p50", "p95"):
        with_pool, without = (getattr(one.outcome.wait.total, name) for one in (ours, none))
        told = f"all jobs, from GitHub's queueing, with the pool; without any, {_s(without)} s"
        yield Figure(f"pools.wait_{name}_s", with_pool / SECOND, "s", told)


def _usd(micro: int) -> str:
    return f"${micro / 1e6:,.0f}"


def _s(span: int) -> str:
    return f"{span / SECOND:.1f}"
