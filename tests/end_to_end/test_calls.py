"""What a job costs in calls, counted on the wire of a whole fleet on AWS: the bounds that the design sets."""

from pathlib import Path

import pytest

from tests.bench.calls import BATCH, counted
from tests.bench.job_calls import Counted

SLOW = 2  # what is counted does not depend on it, and a bench has more time than a test

MOST_OF_AWS = {"alone": 12, "one of ten": 10}
MOST_OF_GITHUB = {"alone": 2, "one of ten": 1.2}


@pytest.mark.slow
def test_a_job_costs_few_calls(tmp_path: Path) -> None:
    """From the first webhook to the end, in a warm fleet; signs of life, logs and what goes by time are apart."""
    alone, ten = counted(tmp_path, SLOW)
    assert (alone.jobs, ten.jobs) == (1, BATCH)
    for name, jobs in (("alone", alone), ("one of ten", ten)):
        assert 1 <= jobs.aws <= MOST_OF_AWS[name], shown(jobs)
        assert 1 <= jobs.asked_github <= MOST_OF_GITHUB[name], shown(jobs)


def shown(jobs: Counted) -> str:
    """What was counted, a line for each kind of call."""
    calls = [f"{kind} {action}: {count}" for (kind, action), count in sorted(jobs.calls.items())]
    return "\n".join([f"{jobs.jobs} jobs", *calls, f"of GitHub: {dict(jobs.github)}"])
