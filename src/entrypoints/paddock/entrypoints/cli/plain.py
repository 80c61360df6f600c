"""The fleet as plain lines, for logs and pipes: one line for each change of a job's state."""

from collections.abc import Mapping, Sequence

from paddock.adapters.report.chapters import offset_text
from paddock.adapters.report.figures import by_queueing
from paddock.adapters.report.text import clean
from paddock.adapters.report.tones import SYMBOLS, tone_of, word_of
from paddock.core.job import Job
from paddock.core.units import Moment


def transitions(before: Mapping[int, Job], jobs: Sequence[Job], began: Moment, now: Moment) -> list[str]:
    """What has changed since `before` (jobs by id, as they were seen last), a line for each job, oldest job first.

    A line reads ``+12.3 s  ▸ running  lint (acme/shop 4711)  on i-0abc  reason``; its time counts from `began`.
    """
    lines = []
    for job in by_queueing(jobs):
        old = before.get(job.id)
        if old is None or (old.state, old.conclusion, old.machine) != (job.state, job.conclusion, job.machine):
            lines.append(_line(job, offset_text(now, began)))
    return lines


def _line(job: Job, when: str) -> str:
    parts = [
        f"{when:>12}",
        f"{SYMBOLS[tone_of(job)]} {word_of(job):<11}",
        f"{job.facts.name or 'unnamed'} ({job.facts.repository} {job.id})",
    ]
    if job.machine:
        parts.append(f"on {job.machine}")
    if job.reason:
        parts.append(job.reason)
    return clean("  ".join(parts)).rstrip()
