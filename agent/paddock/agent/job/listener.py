"""What the Listener's lines mean. Only its own standard output is read, and only lines of its own form.

The job's display name is chosen by the workflow's author and may hold anything, also the words we look for, and line
breaks. It is printed twice: behind ``Running job: ``, and before `` completed with result: ``, which ends what the
Listener says of the job. So a beginning must begin its line, behind the Listener's time stamp, and only the first one
counts; a result must end its line, whatever is before it, and only the last one counts: no name is printed after it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from paddock.agent.reasons import Reason

MAX_JOB_NAME = 500

_STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: "
_LISTENING = re.compile(rf"{_STAMP}Listening for Jobs", re.ASCII)
_RUNNING = re.compile(rf"{_STAMP}Running job: (.*)", re.ASCII | re.DOTALL)
_RESULT = " completed with result: "


class JobResult(StrEnum):
    """The Listener's words for how a job ended."""

    SUCCEEDED = "Succeeded"
    SUCCEEDED_WITH_ISSUES = "SucceededWithIssues"
    FAILED = "Failed"
    CANCELED = "Canceled"
    SKIPPED = "Skipped"
    ABANDONED = "Abandoned"


CONCLUSIONS = {
    JobResult.SUCCEEDED: "success",
    JobResult.SUCCEEDED_WITH_ISSUES: "success",
    JobResult.FAILED: "failure",
    JobResult.CANCELED: "cancelled",
    JobResult.SKIPPED: "skipped",
    JobResult.ABANDONED: "failure",  # it lost its lease: GitHub ends such a job as failed
}
"""The Listener's words in GitHub's."""


@dataclass(frozen=True, slots=True)
class Listening:
    """It is connected and waits for a job."""


@dataclass(frozen=True, slots=True)
class JobBegan:
    """It took a job; `name` is the display name, cleaned.

    Where a job has begun before, it is the rest of that one's name, and `result` what the line ends with, if it is one.
    """

    name: str
    result: JobResult | None = None


@dataclass(frozen=True, slots=True)
class JobEnded:
    """Its job ended, in its own view."""

    result: JobResult


Line: TypeAlias = Listening | JobBegan | JobEnded | None


def read_output(line: str) -> Line:
    """What a line of standard output says; None if it is none of the three that matter."""
    line = line.rstrip("\r\n")
    if _LISTENING.fullmatch(line):
        return Listening()
    _, said, word = line.rpartition(_RESULT)
    result = JobResult(word) if said and word in tuple(JobResult) else None
    running = _RUNNING.fullmatch(line)
    if running is not None:
        return JobBegan(clean_name(running[1]), result)
    return None if result is None else JobEnded(result)


_COMPLAINTS: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"Runner version v?\S+ is deprecated and cannot receive messages"), Reason.VERSION_TOO_OLD),
    (re.compile(r"A session for this runner already exists"), Reason.SESSION_CONFLICT),
    (re.compile(r"Stop retry on SessionConflictException"), Reason.SESSION_CONFLICT),
    (re.compile(r"The runner registration has been deleted from the server"), Reason.REGISTRATION_DELETED),
    (re.compile(r"The runner no longer exists on the server"), Reason.REGISTRATION_DELETED),
    (re.compile(r"Runner is not configured|Not configured"), Reason.NOT_CONFIGURED),
    (re.compile(r"clock may be out of sync with the server time"), Reason.CLOCK_SKEW),
)


def read_complaint(line: str) -> Reason | None:
    """What a line of standard error complains of; None if it is of no consequence."""
    return next((reason for pattern, reason in _COMPLAINTS if pattern.search(line)), None)


def clean_name(name: str) -> str:
    """A display name without control characters and not longer than anybody would read."""
    return "".join(char if char.isprintable() else " " for char in name)[:MAX_JOB_NAME]
