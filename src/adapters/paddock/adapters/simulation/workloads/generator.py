"""A load made up by chance from published figures: the same seed gives the same load, everywhere."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

import attrs

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.workloads.parameters import THOUSAND, GeneratorParameters
from paddock.adapters.simulation.workloads.published import SIZES
from paddock.adapters.simulation.workloads.quantiles import RANKS, exponential, near
from paddock.adapters.simulation.workloads.shape import minutes
from paddock.core.errors import InvalidInput
from paddock.core.ports.system import Chance
from paddock.core.units import MILLISECOND, MINUTE, Moment

_BRANCHES = 10_000
_ALIKE = RANKS // 16  # legs of a matrix take about as long as one another

# A Tuesday has 1.03 times the jobs of the mean working day. The seed is one whose day looks like the mean of all days:
# 2,014 jobs of 6.3 minutes, its busiest hours in the afternoon, no matrix above 64.
_DAY = GeneratorParameters(jobs_per_day=1_945)
_DAY_SEED = 73


@attrs.frozen
class Generated:
    """The `Workload` of `generated`."""

    parameters: GeneratorParameters
    seed: int
    days: int
    name: str

    @property
    def repositories(self) -> tuple[str, ...]:
        """See `Workload.repositories`. Also those that happen to have no run."""
        owner, count = self.parameters.owner, self.parameters.repositories
        width = len(str(count))
        return tuple(f"{owner}/repository-{number:0{width}}" for number in range(1, count + 1))

    def runs(self) -> Iterator[RunLoad]:
        """See `Workload.runs`. One run is held at a time."""
        chance = SeededChance(self.seed)
        draw = _Draw(self.parameters, self.repositories, chance)
        ahead = exponential(chance)  # how many more runs must have been expected until the next one comes
        for minute in minutes(self.parameters, self.days, chance):
            expected, passed = minute.pushed + minute.scheduled, 0
            while passed + ahead < expected:
                passed += ahead
                at = minute.start + MINUTE * passed // expected
                pushed = chance.below(expected) < minute.pushed
                yield draw.run(at - at % MILLISECOND, pushed=pushed)
                ahead = exponential(chance)
            ahead -= expected - passed


def generated(parameters: GeneratorParameters, seed: int, days: int) -> Generated:
    """A load of so many days of 24 hours from ``parameters.start`` on.

    Raises:
        InvalidInput: there is no such number of days.
    """
    if not 1 <= days <= 3_660:  # noqa: PLR2004 - ten years
        raise InvalidInput("days", days, "must be a whole number from 1 to 3660")
    return Generated(parameters, seed, days, f"{parameters.jobs_per_day:,} jobs a day, {days} d, seed {seed}")


def built_in_day() -> Generated:
    """A Tuesday of about 2,000 jobs: the same for everybody."""
    return Generated(_DAY, _DAY_SEED, 1, "built-in day")


class _Draw:
    """Runs by chance, apart from when they come."""

    def __init__(self, parameters: GeneratorParameters, repositories: Sequence[str], chance: Chance) -> None:
        self._parameters, self._repositories, self._chance = parameters, repositories, chance
        count = len(repositories)
        # Their sizes are the quantiles of the published distribution, the first repository being the largest.
        self._sizes = tuple(accumulate(SIZES.at(RANKS * (2 * n + 1) // (2 * count)) for n in reversed(range(count))))
        self._labels = tuple(accumulate(one.share for one in parameters.labels))
        self._fan_out = tuple(accumulate(weight for _, weight in parameters.fan_out))
        unscheduled = THOUSAND - parameters.scheduled
        # Scheduled runs are replaced by no push, so the others bear the whole share.
        self._cancelled = RANKS * parameters.cancelled // unscheduled if unscheduled else 0

    def run(self, at: Moment, *, pushed: bool) -> RunLoad:
        """A run at the moment, started by a push or else by cron."""
        repository = self._repositories[self._weighted(self._sizes)]
        jobs = self._jobs()
        branch, cancelled_after = "main", None
        if pushed:
            if self._happens(self._parameters.pull_requests):
                branch = f"feature-{self._chance.below(_BRANCHES)}"
            if self._chance.below(RANKS) < self._cancelled:
                cancelled_after = self._parameters.until_cancelled.drawn(self._chance)
                # A run that is cancelled is one that would have gone on.
                jobs = (attrs.evolve(jobs[0], duration=jobs[0].duration + cancelled_after), *jobs[1:])
        if cancelled_after is None and self._happens(self._parameters.failing):
            unlucky = self._chance.below(len(jobs))
            jobs = tuple(
                attrs.evolve(job, conclusion="failure") if number == unlucky else job for number, job in enumerate(jobs)
            )
        return RunLoad(at, repository, "ci" if pushed else "nightly", jobs, branch, cancelled_after)

    def _jobs(self) -> tuple[JobLoad, ...]:
        """A job to build, and if there are more, the legs of a matrix, which are alike."""
        count = self._parameters.fan_out[self._weighted(self._fan_out)][0]
        first = JobLoad("build", self._some_labels(), self._parameters.durations.drawn(self._chance))
        if count == 1:
            return (first,)
        labels, rank = self._some_labels(), self._chance.below(RANKS)
        legs = (
            JobLoad(name, labels, self._parameters.durations.at(near(rank, _ALIKE, self._chance)))
            for name in _legs(count - 1)
        )
        return (first, *legs)

    def _some_labels(self) -> tuple[str, ...]:
        return self._parameters.labels[self._weighted(self._labels)].labels

    def _weighted(self, sums: Sequence[int]) -> int:
        """A place by chance; `sums` are the weights, added up."""
        return bisect_right(sums, self._chance.below(sums[-1]))

    def _happens(self, per_thousand: int) -> bool:
        return self._chance.below(THOUSAND) < per_thousand


@cache
def _legs(count: int) -> tuple[str, ...]:
    return tuple(f"test ({number})" for number in range(1, count + 1))
