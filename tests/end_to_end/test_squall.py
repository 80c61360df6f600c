"""The fleet on AWS in worse weather than in `test_weather`, but for few jobs: all that may go wrong, at once."""

from pathlib import Path

from tests.aws.weather import Rarities
from tests.end_to_end.foul import Foul, play

SQUALL = Foul(
    jobs=24,
    at_once=8,
    refused=80,
    failed=10,
    killed=Rarities(aws=300, github=15, invocations=40),
    warned=5,
    again=8,
    beside=8,
    unhanded=10,
    twice=5,
)


def test_few_jobs_in_a_squall(tmp_path: Path, agent: Path) -> None:
    """Every kind of fault is met, and in the end no job is lost, none was served twice, and nothing is left."""
    play(tmp_path, agent, SQUALL).all_kinds()
