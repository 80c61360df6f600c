"""Lives cut into segments, for drawing.

::

    job       queued ── waiting ── launched ── launching ── started ── running ── finished
    machine   launched ── boot ── ready ── idle ── busy ── job ── idle again ── drain ── gone
                                           stopped ── sleep ── woken ── boot ── up ── idle ...

Every clock may be off (GitHub's is cut to seconds, machines bring their own), so moments are pulled into order; what
is still going on ends now.
"""

from collections.abc import Iterable

import attrs

from paddock.adapters.report.figures import queued_at
from paddock.core.costs.bill import runs
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import JobState
from paddock.core.units import Moment, Span


@attrs.frozen
class Segment:
    """A stretch of a life. ``kind`` is a word for people and the name of its drawing."""

    kind: str
    start: Moment
    end: Moment

    @property
    def span(self) -> Span:
        """How long it took."""
        return self.end - self.start


def job_segments(job: Job, now: Moment, last_word: Moment | None = None) -> tuple[Segment, ...]:
    """The job's segments, at least one, each beginning where the one before ended.

    `last_word` is the last that was heard of the job; it ends a job whose record has no end.
    """
    launched = None if job.state in {JobState.QUEUED, JobState.DISPATCHING} else job.launched_at
    heard = [moment for moment in (job.started_at, launched, last_word) if moment is not None]
    start = queued_at(job) or min(heard, default=now)
    last = now if job.live else max(heard, default=start)
    end = last if job.finished_at is None else job.finished_at
    waited = job.started_at if launched is None else launched  # served by a machine launched for another job
    return _chain(start, end, (("waiting", waited), ("launching", job.started_at), ("running", None)))


def machine_segments(runner: Runner, now: Moment) -> tuple[Segment, ...]:
    """The machine's segments, at least one, as the ledger cuts them; a live machine's last one ends now."""
    end = max(runner.gone_at if runner.gone_at is not None else now, runner.launched_at)
    found, asleep = runs(runner, end)
    segments: list[Segment] = []
    for index, run in enumerate(found):
        last = index == len(found) - 1  # no other has a job
        busy = runner.busy_at if last else None
        boot_end = run.up if run.up is not None else busy
        drain = None if busy is None else runner.idle_at
        segments += _chain(run.since, run.until, (("boot", boot_end), ("idle", busy), ("job", drain), ("drain", None)))
        woken = end if last else found[index + 1].since
        segments += [Segment("sleep", run.until, woken)] if asleep or not last else []
    return tuple(segment for segment in segments if segment.span) or (segments[-1],)


def _chain(start: Moment, end: Moment, parts: Iterable[tuple[str, Moment | None]]) -> tuple[Segment, ...]:
    """The parts in order. A part without an end is skipped if a later one has one, else it lasts to the end."""
    end = max(start, end)
    pairs = list(parts)
    last = max((index + 1 for index, (_, stop) in enumerate(pairs) if stop is not None), default=0)
    segments: list[Segment] = []
    at = start
    for index, (kind, stop) in enumerate(pairs[: last + 1]):
        if index == last:
            upto = end
        elif stop is None:
            continue
        else:
            upto = min(max(stop, at), end)
        segments.append(Segment(kind, at, upto))
        at = upto
    return tuple(segment for segment in segments if segment.span) or (segments[-1],)
