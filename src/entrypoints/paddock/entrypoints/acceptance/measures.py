"""What the gates speak of: jobs, waits and lives as they were seen, in numbers and words; and what was not seen."""

from collections.abc import Iterable, Iterator
from typing import Final

from paddock.adapters.report.figures import percentile
from paddock.core.ports.github import GitHubJob
from paddock.core.runner import machine_of
from paddock.core.units import Span, money_text, span_text
from paddock.entrypoints.acceptance.scenarios import Cue, Expected
from paddock.entrypoints.acceptance.values import Observed, Played

AGAIN: Final = "an interrupted job is run again on demand"
REMOVED: Final = "nothing is left"


def left_out(seen: Observed) -> dict[str, str]:
    """The gates that are not judged, by their names, and why: the operator did not wish for what they ask."""
    why = {}
    if not any(scenario.cue is Cue.INTERRUPT for scenario in seen.chosen):
        why[AGAIN] = "its scenario was not chosen (--only)"
    if seen.kept:
        why[REMOVED] = "the environment is kept (--keep)"
    return why


def named(played: Played, expected: Expected) -> GitHubJob | None:
    """The job of this name and attempt; None if GitHub has none."""
    found = (job for job in played.jobs if (job.facts.name, job.facts.run_attempt) == (expected.name, expected.attempt))
    return next(found, None)


def hopeless(played: Played) -> bool:
    """True if its machine could not be taken back, so that nothing of it can be judged but that it is gone.

    Of a job that never ran nobody tried: that is judged.
    """
    return played.interruption is not None and not played.interruption.done


def jobs_of(seen: Observed) -> list[GitHubJob]:
    """All jobs that GitHub has of the runs."""
    return [job for played in seen.played for job in played.jobs]


def served(seen: Observed) -> list[GitHubJob]:
    """Those that ran on a runner."""
    return [job for job in jobs_of(seen) if job.started_at is not None and job.runner_name]


def what_of(job: GitHubJob) -> str:
    """A job in words."""
    return f"{job.facts.workflow or 'job'} {job.facts.name} ({job.facts.job_id})"


def waits(seen: Observed) -> list[Span]:
    """From GitHub's queueing to the start, the shortest first."""
    return sorted(max(0, (job.started_at or 0) - job.facts.created_at) for job in served(seen))


def launches(seen: Observed) -> list[Span]:
    """From the launch of the machine that served a job to the job's start, by GitHub's clock and ours."""
    found = []
    for job in served(seen):
        runner = seen.books.runners.get(machine_of(job.runner_name) or "")
        if runner is not None and job.started_at is not None:
            found.append(max(0, job.started_at - runner.launched_at))
    return sorted(found)


def spans_text(spans: Iterable[Span]) -> str:
    """Their percentiles in words."""
    listed = sorted(spans)
    p50, p95 = percentile(listed, 50), percentile(listed, 95)
    return (
        f"p50 {span_text(p50)}, p95 {span_text(p95)} of {len(listed)}" if p50 is not None and p95 is not None else "-"
    )


def lingered(seen: Observed) -> Iterator[Span]:
    """From each job's end to its machine's."""
    for job in served(seen):
        runner = seen.books.runners.get(machine_of(job.runner_name) or "")
        if runner is not None and runner.gone_at is not None and job.completed_at is not None:
            yield max(0, runner.gone_at - job.completed_at)


def taken_back(seen: Observed) -> str:
    """The machines that AWS was told to take back."""
    done = [played.interruption.machine for played in seen.played if played.interruption and played.interruption.done]
    return f"{', '.join(done)} taken back" if done else "-"


def bills_text(seen: Observed) -> str:
    """How many bills there are, and what they come to."""
    total = sum(bill.total or 0 for bill in seen.books.bills.values())
    return f"{len(seen.books.bills)} bills, {money_text(total)} in all"


def nothing_ran(seen: Observed) -> tuple[str, ...]:
    """Why nothing can be said of jobs that ran."""
    return () if served(seen) else ("no job ran",)


def no_machine(seen: Observed) -> tuple[str, ...]:
    """Why nothing can be said of machines."""
    return () if seen.books.instances else ("no machine was seen",)


def no_queue(seen: Observed) -> tuple[str, ...]:
    """Why nothing can be said of dead letters."""
    return () if seen.books.dead else ("no dead-letter queue was asked",)


def not_interrupted(seen: Observed) -> tuple[str, ...]:
    """Why nothing can be said of interruptions."""
    orders = [(played.interruption, played) for played in seen.played if played.scenario.cue is Cue.INTERRUPT]
    if not orders:
        return ("the scenario was not played",)
    return tuple(
        f"no machine was taken back: {order.why if order is not None and order.why else 'its job never ran'}"
        for order, _ in orders
        if order is None or not order.done
    )


def not_removed(seen: Observed) -> tuple[str, ...]:
    """Why nothing can be said of what is left."""
    return () if seen.left is not None else ("its removal was cut off, or nobody could look",)


def unplayed(seen: Observed) -> tuple[str, ...]:
    """Why nothing can be said of conclusions."""
    return () if seen.played else ("nothing was played",)
