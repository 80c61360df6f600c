"""How many requests it takes to start what a pool has room for: what is written of it is counted here."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paddock.adapters.aws.ec2.sleep import TOGETHER, Sleep
from paddock.core.errors import NoCapacity
from paddock.core.ports.machines import StartResult

ROOT = Path(__file__).parents[3]
IDS = [f"i-{number}" for number in range(TOGETHER)]
SAID = "at most 14"


class Pool:
    """EC2 with one pool, which has room for so many machines more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.calls = 0
        self.meta = SimpleNamespace(events=SimpleNamespace(register_first=lambda *_, **__: None))
        self.stop_instances = self.start_instances

    def start_instances(self, InstanceIds: Sequence[str]) -> None:  # noqa: N803 - as boto3 has it
        """All of them or none."""
        self.calls += 1
        if len(InstanceIds) > self.room:
            raise NoCapacity("InsufficientInstanceCapacity")
        self.room -= len(InstanceIds)


def asked(operation: Any, **arguments: Any) -> Any:  # noqa: ANN401 - any operation
    return operation(**arguments)


def calls(room: int) -> int:
    """Requests for fifty machines, of which as many start as there is room for."""
    pool = Pool(room)
    outcomes = Sleep(pool, asked, lambda _: {}).start(IDS)  # type: ignore[arg-type]  # what is asked of them here
    assert [one.result for one in outcomes.values()].count(StartResult.STARTING) == room
    return pool.calls


def test_the_most_that_fifty_starts_take_is_what_is_written() -> None:
    """One where there is room for all, two where there is none; whatever the room, no more than is said."""
    counted = [calls(room) for room in range(TOGETHER + 1)]
    assert (counted[0], counted[TOGETHER]) == (2, 1)
    assert f"at most {max(counted)}" == SAID


@pytest.mark.parametrize("path", ["src/adapters/paddock/adapters/aws/ec2/sleep.py", "docs/decisions/0038*.md"])
def test_code_and_decision_say_how_many_they_are(path: str) -> None:
    """The same number in both."""
    (found,) = ROOT.glob(path)
    text = " ".join(found.read_text().split())
    assert f"{SAID} for fifty machines" in text or f"{SAID} starts for fifty machines" in text
