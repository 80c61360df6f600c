"""What jobs got of pools, and what the pools' machines cost while they had none."""

from collections.abc import Mapping

from paddock.adapters.simulation.outcome import PoolUse
from paddock.core.units import MicroDollars, Span


class PoolMeasure:
    """Counts by pool."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._got: dict[int, tuple[str, str]] = {}  # from which pool each job has its machine, and in which state
        self._counts: dict[str, dict[str, int]] = {}

    def got(self, job_id: int, pool: str, how: str) -> None:
        """The job has a machine: ``hot``, ``stopped`` or ``booting`` of the pool, or ``overflow``. The last counts."""
        self._got[job_id] = (pool, how)

    def job(self, job_id: int, *, served: bool) -> None:
        """A job is closed."""
        pool, how = self._got.pop(job_id, ("", ""))
        if pool and served:
            self._count(pool, how, 1)

    def machine(self, pool: str, idle: Span, idle_cost: MicroDollars, sleep_cost: MicroDollars) -> None:
        """A pool's machine is closed: how long it waited, and what that and its sleep cost."""
        self._count(pool, "machines", 1)
        self._count(pool, "idle", idle)
        self._count(pool, "idle_cost", idle_cost)
        self._count(pool, "sleep_cost", sleep_cost)

    def _count(self, pool: str, what: str, number: int) -> None:
        counts = self._counts.setdefault(pool, {})
        counts[what] = counts.get(what, 0) + number

    def outcomes(self) -> Mapping[str, PoolUse]:
        """By pool, sorted."""
        return {name: PoolUse(**counts) for name, counts in sorted(self._counts.items())}
