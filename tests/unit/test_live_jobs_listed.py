"""What `paddock jobs --live` lists, while the fleet that it speaks of goes on."""

from typing import Any

import attrs

from paddock.adapters.memory.bundles import memory_table
from paddock.core.job import Job, JobFacts
from paddock.core.ports.records import Page
from paddock.core.states import LIVE_JOBS, JobState
from paddock.entrypoints.cli.state import live_of
from tests.strategies import NOON

LIFE = (JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED, JobState.RUNNING)


class Moving:
    """Jobs that move on, each by one state, whenever some were read."""

    def __init__(self, jobs: Any) -> None:  # noqa: ANN401 - any store of jobs
        self.jobs = jobs

    def page(self, *words: Any, **more: Any) -> Page[Job]:  # noqa: ANN401 - the port's own
        """See the port."""
        found: Page[Job] = self.jobs.page(*words, **more)
        for job in self.jobs.page("all", "all").items:
            if job.state in LIFE[:-1]:
                onward = LIFE[LIFE.index(job.state) + 1]
                self.jobs.update(str(job.id), {"state": job.state}, {"state": onward})
        return found


def test_a_job_that_moves_on_while_it_is_listed_is_there_once() -> None:
    """Whatever state it was in when the listing began, and as it was read last."""
    assert set(LIFE) == LIVE_JOBS
    for number, state in enumerate(LIFE):
        table = memory_table()
        table.jobs.add(Job(JobFacts(number, 1, "acme/shop", ("paddock",), created_at=NOON), state=state))
        moving: Any = Moving(table.jobs)
        listed, _ = live_of(attrs.evolve(table, jobs=moving))
        assert [job.id for job in listed] == [number]
