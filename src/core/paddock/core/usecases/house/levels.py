"""How high things stand in the fleet, out of what a sweep has seen anyway: no request is made for it.

A level that events count up and down drifts with the first one that is lost; these are read off the records.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from paddock.core.circuit import Circuit
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import CircuitState, RunnerState
from paddock.core.units import Moment, Span
from paddock.core.usecases.house.plan import Snapshot
from paddock.core.usecases.life import WAITING_OR_LAUNCHED

SWEEPS, SWEEP_FAILURES = "sweeps", "sweep_failures"
STATES = {
    "machines_starting": frozenset({RunnerState.REQUESTED, RunnerState.BOOTING}),
    "machines_idle": frozenset({RunnerState.READY}),
    "machines_busy": frozenset({RunnerState.BUSY}),
    "machines_ending": frozenset({RunnerState.DRAINING, RunnerState.STOPPING}),
}
"""Machines that are stopped are among the pools' levels."""


def levels(seen: Snapshot, circuits: Iterable[Circuit], failures: int) -> dict[str, int]:
    """The levels of this moment, by their names in the catalogue of metrics.

    ``jobs_waiting`` and ``sweeps`` (always 1) are always there, the others if they are not zero: a fleet that does
    nothing pays for two metrics. Where there was a sweep, a level that it does not tell of is zero.

    Args:
        seen: what the sweep observed.
        circuits: every circuit.
        failures: how many of the sweep's acts failed.
    """
    waiting = [job for job in seen.jobs if job.state in WAITING_OR_LAUNCHED]
    found = {SWEEPS: 1, "jobs_waiting": len(waiting)}
    more = {
        **{name: sum(runner.state in states for runner in seen.runners) for name, states in STATES.items()},
        "machines": len(seen.machines),
        "oldest_wait": _longest(waiting, seen.now),
        "cost_per_hour": _price(seen.runners),
        "circuits_open": sum(circuit.state is not CircuitState.CLOSED for circuit in circuits),
        SWEEP_FAILURES: failures,
        **_pools(seen.runners),
    }
    return found | {name: level for name, level in more.items() if level}


def _pools(runners: Sequence[Runner]) -> dict[str, int]:
    """How the pools stand: spares that wait awake or asleep, what those awake cost, how full the fullest pool is."""
    kept = [runner for runner in runners if runner.stock is not None and runner.pool is not None]
    spares = [runner for runner in kept if runner.spare]
    there, taken = Counter(runner.pool for runner in kept), Counter(runner.pool for runner in kept if not runner.spare)
    ready = [runner for runner in spares if runner.state is RunnerState.READY]
    return {
        "pool_hot": len(ready),
        "pool_stopped": sum(runner.state is RunnerState.STOPPED for runner in spares),
        "pool_idle_cost": _price(ready),
        "pool_utilization": max((taken[pool] * 100 // number for pool, number in there.items()), default=0),
    }


def _longest(waiting: Sequence[Job], now: Moment) -> Span:
    """How long the job has waited that GitHub queued first; 0 if none waits."""
    return max((max(0, now - (job.facts.created_at or job.received_at)) for job in waiting), default=0)


def _price(runners: Iterable[Runner]) -> int:
    """What the machines cost in an hour, of those whose price is known, without disks and addresses."""
    paid = RunnerState.STOPPED
    return sum(runner.price or 0 for runner in runners if runner.live and runner.state is not paid)
