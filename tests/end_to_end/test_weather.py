"""The fleet on AWS in bad weather: 200 jobs, for some minutes. ``PADDOCK_SEED`` and ``PADDOCK_JOBS`` are followed."""

import os
from pathlib import Path

from tests.aws.github_front import FAILURES
from tests.aws.weather import CANCELLED, Rarities
from tests.end_to_end.foul import Foul, play

JOBS = int(os.environ.get("PADDOCK_JOBS", "200"))
BAD = Foul(
    jobs=JOBS,
    at_once=16,
    refused=100,
    failed=12,
    killed=Rarities(aws=250, github=25, invocations=60),
    warned=10,
    again=25,
    beside=20,
    unhanded=40,
    twice=15,
)


def test_many_jobs_in_bad_weather(tmp_path: Path, agent: Path) -> None:
    """Machines are taken back, pools are dry, fleets cut short; AWS and GitHub refuse; functions die in any call.

    And between calls; messages come again, to two at once, or not before they were given up. In the end no job is lost
    and none was served twice, no machine and no assignment is left, and every bill is closed.
    """
    met = play(tmp_path, agent, BAD)
    if JOBS >= 200:
        met.all_kinds()
        assert {status for status, *_ in FAILURES} <= met.failing.done.keys()
        assert {"dynamodb", "sqs", "ec2"} <= {what.partition(" ")[0] for what in met.throttles.done}
        assert {"nothing", "less"} <= met.fleets.lacking.keys()
        assert any(f"dynamodb {reason}" in met.throttles.done for reason in CANCELLED)
