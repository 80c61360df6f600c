"""What `paddock jobs --live` lists, while the fleet that it speaks of goes on."""

from typing import Any

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.core.job import Job, JobFacts
from paddock.core.ports.records import Page
from paddock.core.states import LIVE_JOBS, JobState
from paddock.entrypoints.cli.state import live_of
from tests.strategies import NOON

LIFE = (JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED, JobState.RUNNING)


class Moving:
    """Jobs that all move on by one state when so many listings were read."""

    def __init__(self, jobs: Any, after: int) -> None:  # noqa: ANN401 - any store of jobs
        self.jobs = jobs
        self.left = after

    def page(self, *words: Any, **more: Any) -> Page[Job]:  # noqa: ANN401 - the port's own
        """See the port."""
        found: Page[Job] = self.jobs.page(*words, **more)
        self.left -= 1
        for job in self.jobs.page("all", "all").items if self.left == 0 else ():
            onward = LIFE[LIFE.index(job.state) + 1]
            self.jobs.update(str(job.id), {"state": job.state}, {"state": onward})
        return found


@pytest.mark.parametrize("state", LIFE[:-1])
def test_a_job_that_moves_on_while_it_is_listed_is_there_once(state: JobState) -> None:
    """Whatever state it is in, and whenever it moves on."""
    assert set(LIFE) == LIVE_JOBS
    for after in range(1, len(LIFE) + 1):
        table = memory_table()
        table.jobs.add(Job(JobFacts(1, 1, "acme/shop", ("paddock",), created_at=NOON), state=state))
        moving: Any = Moving(table.jobs, after)
        listed, _ = live_of(attrs.evolve(table, jobs=moving))
        assert [job.id for job in listed] == [1]
        assert moving.left == after - len(LIFE)
