"""What jobs got of pools, and what the pools' machines cost while they had none."""

from collections.abc import Mapping

from paddock.adapters.simulation.outcome import PoolUse
from paddock.core.units import MicroDollars, Span


class PoolMeasure:
    """Counts by pool."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._got: dict[int, tuple[str, str, str]] = {}  # from which pool each job has which machine, in which state
        self._counts: dict[str, dict[str, int]] = {}
        self.waits: dict[tuple[str, str], list[Span]] = {}
        """By pool and state: how long jobs waited from the receipt of their webhook, if their own machine served them.

        GitHub may give a job another one's machine; what that one waited says nothing of how a machine was started.
        """

    def got(self, job_id: int, pool: str, how: str, machine: str = "") -> None:
        """The job has a machine: ``hot``, ``stopped`` or ``booting`` of the pool, or ``overflow``. The last counts."""
        self._got[job_id] = (pool, how, machine)

    def job(self, job_id: int, machine: str | None, wait: Span | None) -> None:
        """A job is closed. `machine` served it, so long after its webhook was received; None: none, or not at first."""
        pool, how, mine = self._got.pop(job_id, ("", "", ""))
        if pool and machine is not None:
            self._count(pool, how, 1)
            if wait is not None and machine == mine:
                self.waits.setdefault((pool, how), []).append(wait)

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
