"""A workload in a few numbers: what is in it, before an hour is spent on simulating it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import attrs

from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.outcome import Spread
from paddock.core.units import HOUR, SECOND, Moment, Span

_MOST_SETS = 1_000
_SALT = re.compile(r"(paddock)=[^/]*", re.IGNORECASE)
_NOTE = re.compile(r"/x-[^/=]*=[^/]*", re.IGNORECASE)
OTHERS = ("(other label sets)",)


@attrs.frozen
class Summary:
    """``hours`` are jobs queued by the hour that begins at the moment; empty hours are left out.

    ``labels`` are the durations by label set, most jobs first, salt and notes (``x-…=``) taken out. ``repositories``
    are jobs by repository, most first. Durations are exact to the second. ``began`` and ``ended`` are None if there
    was no run at all.
    """

    name: str
    began: Moment | None
    ended: Moment | None
    runs: int
    cancelled: int
    jobs: int
    failing: int
    largest: int
    durations: Spread
    hours: Mapping[Moment, int]
    labels: Sequence[tuple[tuple[str, ...], Spread]]
    repositories: Sequence[tuple[str, int]]


class _Tally:
    """Durations by whole seconds: as many entries as there are different ones, however many jobs."""

    def __init__(self) -> None:
        self.seconds: Counter[int] = Counter()

    def spread(self) -> Spread:
        counted = sorted(self.seconds.items())
        count = sum(number for _, number in counted)
        if not count:
            return Spread()
        total = sum(second * number for second, number in counted)
        p50, p95, p99 = (_quantile(counted, count, part) * SECOND for part in (50, 95, 99))
        return Spread(count, total * SECOND // count, p50, p95, p99, most=counted[-1][0] * SECOND)


def summary_of(workload: Workload) -> Summary:
    """Go through the workload once and count."""
    began: Moment | None = None
    ended: Moment | None = None
    runs = cancelled = failing = largest = 0
    everything = _Tally()
    hours: Counter[Moment] = Counter()
    repositories: Counter[str] = Counter()
    tallies: dict[tuple[str, ...], _Tally] = {}
    for run in workload.runs():
        began, ended = run.at if began is None else began, run.at
        runs += 1
        cancelled += run.cancelled_after is not None
        largest = max(largest, len(run.jobs))
        hours[run.at - run.at % HOUR] += len(run.jobs)
        repositories[run.repository] += len(run.jobs)
        for job in run.jobs:
            failing += job.conclusion in ("failure", "timed_out")
            everything.seconds[job.duration // SECOND] += 1
            key = plain_labels(job.labels)
            if key not in tallies and len(tallies) >= _MOST_SETS:
                key = OTHERS
            tallies.setdefault(key, _Tally()).seconds[job.duration // SECOND] += 1
    spreads = [(labels, tally.spread()) for labels, tally in tallies.items()]
    return Summary(
        name=workload.name,
        began=began,
        ended=ended,
        runs=runs,
        cancelled=cancelled,
        jobs=sum(hours.values()),
        failing=failing,
        largest=largest,
        durations=everything.spread(),
        hours=dict(hours),
        labels=sorted(spreads, key=lambda one: (-one[1].count, one[0])),
        repositories=sorted(repositories.items(), key=lambda one: (-one[1], one[0])),
    )


def plain_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels without what only makes them unique."""
    return tuple(_NOTE.sub("", _SALT.sub(r"\1", label)) for label in labels)


def days(summary: Summary) -> Iterator[tuple[Moment, list[int]]]:
    """Each UTC day from the first to the last, with the jobs of its 24 hours."""
    if summary.began is None or summary.ended is None:
        return
    day = 24 * HOUR
    for start in range(summary.began - summary.began % day, summary.ended + 1, day):
        yield start, [summary.hours.get(start + hour * HOUR, 0) for hour in range(24)]


def _quantile(counted: Sequence[tuple[int, int]], count: int, part: int) -> Span:
    """The nearest rank: the smallest value that so many of 100 do not exceed."""
    wanted = -(-count * part // 100)
    for second, number in counted:
        wanted -= number
        if wanted <= 0:
            return second
    return counted[-1][0]
