"""Workloads that a test has written down, run by run or by a rule."""

from collections.abc import Iterator, Sequence

import attrs

from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.core.units import MINUTE, SECOND, Moment, Span
from tests.strategies import NOON

MATRIX = 10


@attrs.frozen
class Given:
    """A workload of these runs."""

    found: Sequence[RunLoad]
    name: str = "given"

    @property
    def repositories(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(sorted({run.repository for run in self.found}))

    def runs(self) -> Iterator[RunLoad]:
        """As they were given."""
        return iter(self.found)


@attrs.frozen
class Burst:
    """Runs of ten jobs each, within a minute. ``salted``: each job has labels of its own, and so its own machine.

    ``cancelled_after``: then somebody cancels the runs, each so long after it began. ``label`` is what all ask for.
    ``forks``: each is a stranger's pull request. ``first`` is when it begins.
    """

    count: int = 2_000
    salted: bool = True
    owners: tuple[str, ...] = ("acme",)
    within: Span = MINUTE
    label: str = "paddock"
    cancelled_after: Span | None = None
    forks: bool = False
    first: Moment = NOON
    name: str = "burst"

    @property
    def repositories(self) -> tuple[str, ...]:
        """See `Workload.repositories`."""
        return tuple(f"{owner}/app" for owner in self.owners)

    def runs(self) -> Iterator[RunLoad]:
        """See `Workload.runs`."""
        runs = self.count // MATRIX
        for number in range(runs):
            salt = [f"={number}-{each}" if self.salted else "" for each in range(MATRIX)]
            labels = [self.label.replace("paddock", f"paddock{one}", 1) for one in salt]
            lasts = 3 * MINUTE + number % 20 * 15 * SECOND  # so that not all machines end at once, too
            jobs = tuple(JobLoad(f"job {each}", (label,), lasts) for each, label in enumerate(labels))
            repository = self.repositories[number % len(self.owners)]
            at = self.first + number * self.within // runs
            yield RunLoad(at, repository, "ci", jobs, cancelled_after=self.cancelled_after)
