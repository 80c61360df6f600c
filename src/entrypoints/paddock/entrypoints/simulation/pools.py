"""Pools as they are and as their demand asks for, run on one load with one seed: the simulator's word on a sizing."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Final

import attrs

from paddock.adapters.simulation.load import JobLoad, RunLoad, Workload
from paddock.adapters.simulation.outcome import Outcome
from paddock.core.pools.pool import Pool
from paddock.core.settings import FleetSettings
from paddock.core.sizing.demand import Demand
from paddock.core.sizing.targets import Recommendation
from paddock.entrypoints.simulation.comparison import Watch, size_of
from paddock.entrypoints.simulation.engine import Engine

NOW: Final = "now"
THEN: Final = "recommended"


@attrs.frozen
class RecordedDemand:
    """The `Workload` of what was asked of pools: a run for each job, with the label of its pool and what it took.

    Jobs of other labels are not in it, and every pool has a made-up repository of its own.
    """

    demands: Mapping[str, Demand]
    name: str = "the jobs of these pools"

    @property
    def repositories(self) -> tuple[str, ...]:
        """One for each pool."""
        return tuple(sorted(_repository(pool) for pool in self.demands))

    def runs(self) -> Iterator[RunLoad]:
        """The runs, in the order of time."""
        loads = [_loads(pool, demand) for pool, demand in sorted(self.demands.items())]
        return merge(*loads, key=lambda run: run.at)


def try_pools(
    pools: Sequence[Pool],
    recommended: Mapping[str, Recommendation],
    workload: Workload,
    engine: Engine,
    seed: int,
    watch: Watch,
) -> tuple[Outcome, Outcome]:
    """What comes of the workload with these pools, and with those that have a recommendation as it says.

    Nothing limits the fleet but its pools, and whoever occurs in the workload may use it.

    Raises:
        InvalidInput: the workload is empty, or damaged.
    """
    size = size_of(workload)
    owners = sorted({repository.partition("/")[0] for repository in workload.repositories})
    everybody = FleetSettings(repositories=tuple(f"{owner}/*" for owner in owners))
    then = [_with(pool, recommended.get(pool.name)) for pool in pools]
    first, second = (
        engine.run(workload, _having(everybody, kept), name, seed, "", watch(name, size))
        for name, kept in ((NOW, [_with(pool, None) for pool in pools]), (THEN, then))
    )
    return first, second


def _having(settings: FleetSettings, pools: Sequence[Pool]) -> FleetSettings:
    return attrs.evolve(settings, pools={pool.name: pool for pool in pools})


def _with(pool: Pool, one: Recommendation | None) -> Pool:
    """The pool with these targets for the whole of the time: none that it finds itself."""
    if one is None:
        return attrs.evolve(pool, auto=False)
    return attrs.evolve(pool, auto=False, hot=one.targets.hot, stopped=one.targets.stopped, schedule=one.schedule)


def _loads(pool: str, demand: Demand) -> Iterator[RunLoad]:
    for job in demand.jobs:
        load = JobLoad("job", (f"paddock/pool={pool}",), max(0, job.machine_until - job.machine_from))
        yield RunLoad(job.queued_at, _repository(pool), "recorded", (load,))


def _repository(pool: str) -> str:
    return f"recorded/{pool}"
