"""The sums that every report shows, computed once so that they agree with one another."""

from collections.abc import Mapping, Sequence

import attrs

from paddock.core.costs.ledger import CostLedger, Phase
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.units import MicroDollars, Moment, Span


@attrs.frozen
class Figures:
    """A fleet in numbers.

    Spans are None where nothing was measured. Money counts priced ledger entries only, so ``compute + storage +
    network`` is the ledger's total; ``unpriced`` counts the machines whose cost is not (fully) known and therefore
    not in it, but for what they cost asleep. ``estimated`` is the part of it that rests on the catalogue's estimate of
    spot prices.
    """

    by_state: Mapping[JobState, int]
    wait_median: Span | None
    wait_p95: Span | None
    duration_median: Span | None
    machines: int
    machines_alive: int
    compute: MicroDollars
    storage: MicroDollars
    network: MicroDollars
    estimated: MicroDollars
    unpriced: int
    phases: Mapping[Phase, Span]

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(self.by_state.values())

    @property
    def known(self) -> MicroDollars:
        """The cost that is known: all of it if nothing is unpriced."""
        return self.compute + self.storage + self.network

    @property
    def total(self) -> MicroDollars | None:
        """The known cost, or None if there are machines and the cost of not a single one is known."""
        return None if self.unpriced and self.unpriced >= self.machines and not self.known else self.known

    @property
    def estimated_per_cent(self) -> int:
        """The estimated share of the known cost in whole per cent; never rounded down to none, nor up to all."""
        if not self.known or self.estimated == self.known:
            return 100 if self.known else 0
        return min(max(round(self.estimated * 100 / self.known), 1 if self.estimated else 0), 99)


def figures(jobs: Sequence[Job], runners: Sequence[Runner], ledger: CostLedger) -> Figures:
    """The numbers of these jobs and machines."""
    by_state = dict.fromkeys(JobState, 0)
    for job in jobs:
        by_state[job.state] += 1
    waits = [job.wait for job in jobs if job.wait is not None]
    durations = [job.duration for job in jobs if job.duration is not None]
    priced = [entry for entry in ledger.entries if entry.compute is not None]
    phases = dict.fromkeys(Phase, 0)
    for entry in ledger.entries:
        phases[entry.phase] += entry.end - entry.start
    return Figures(
        by_state=by_state,
        wait_median=percentile(waits, 50),
        wait_p95=percentile(waits, 95),
        duration_median=percentile(durations, 50),
        machines=len(runners),
        machines_alive=sum(runner.live for runner in runners),
        compute=sum(entry.compute or 0 for entry in priced),
        storage=sum(entry.storage for entry in priced),
        network=sum(entry.network for entry in priced),
        estimated=sum(entry.compute or 0 for entry in priced if entry.market == Market.SPOT),
        unpriced=sum(cost is None for cost in machine_costs(runners, ledger).values()),
        phases=phases,
    )


def machine_costs(runners: Sequence[Runner], ledger: CostLedger) -> dict[str, MicroDollars | None]:
    """What each machine cost, by its id; None if it has no bill yet, or a line of its bill has no price."""
    costs: dict[str, MicroDollars | None] = {}
    for entry in ledger.entries:
        so_far = costs.get(entry.machine, 0)
        costs[entry.machine] = None if so_far is None or entry.amount is None else so_far + entry.amount
    return {runner.machine: costs.get(runner.machine) for runner in runners}


def percentile(values: Sequence[int], per_cent: int) -> int | None:
    """The nearest-rank percentile: the least value that `per_cent` % of the values do not exceed. None if empty."""
    if not values:
        return None
    rank = -(-len(values) * per_cent // 100)  # rounded up, in integers
    return sorted(values)[max(rank, 1) - 1]


def by_queueing(jobs: Sequence[Job]) -> list[Job]:
    """Jobs in the order in which GitHub queued them."""
    return sorted(jobs, key=lambda job: (queued_at(job), job.id))


def by_launch(runners: Sequence[Runner]) -> list[Runner]:
    """Machines in the order of their launch."""
    return sorted(runners, key=lambda runner: (runner.launched_at, runner.machine))


def queued_at(job: Job) -> Moment:
    """When GitHub queued the job; when we heard of it, if GitHub did not say."""
    return job.facts.created_at or job.received_at
