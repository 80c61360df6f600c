"""What sweeps and `paddock jobs --live` list, while the fleet goes on; and the oldest of those that are queued."""

from typing import Any

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.core.job import Job, JobFacts
from paddock.core.ports.records import Page
from paddock.core.states import LIVE_JOBS, JobState
from paddock.core.usecases.listing import jobs_in, live_jobs, oldest_queued
from paddock.core.usecases.turns import MOST_AHEAD
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
    for after in (1, 2, 3):
        table = memory_table()
        table.jobs.add(Job(JobFacts(1, 1, "acme/shop", ("paddock",), created_at=NOON), state=state))
        moving: Any = Moving(table.jobs, after)
        listed = live_jobs(attrs.evolve(table, jobs=moving))
        assert [job.id for job in listed] == [1]
        assert moving.left == after - 3


def test_jobs_of_some_states_are_found_among_those_that_are_listed_with_them() -> None:
    """Each alone, all of them together, oldest first; ended ones are in no listing."""
    table = memory_table()
    for number, state in enumerate(JobState):
        table.jobs.add(Job(JobFacts(number, 1, "acme/shop", ("paddock",), created_at=NOON - number), state=state))
    for state in JobState:
        assert [job.state for job in jobs_in(table, state)] == ([state] if state in LIVE_JOBS else [])
    assert [job.state for job in jobs_in(table, JobState.RUNNING, JobState.QUEUED)] == [
        *(JobState.QUEUED, JobState.RUNNING)
    ]
    assert [job.state for job in live_jobs(table)] == [
        *(JobState.QUEUED, JobState.DISPATCHING),
        *(JobState.RUNNING, JobState.LAUNCHED),
    ]


@pytest.mark.parametrize("held", [0, 5, 90])
def test_the_oldest_queued_jobs_are_found_behind_those_that_are_being_dispatched(held: int) -> None:
    """However many these are; and no more are read than are wanted."""
    table = memory_table()
    for number in range(held + 50):
        state = JobState.DISPATCHING if number < held else JobState.QUEUED
        table.jobs.add(Job(JobFacts(number, 1, "acme/shop", ("paddock",), created_at=NOON + number), state=state))
    counted: Any = Counted(table.jobs)
    oldest = oldest_queued(counted, MOST_AHEAD)
    assert [job.id for job in oldest] == list(range(held, held + MOST_AHEAD))
    assert counted.read == MOST_AHEAD


def test_what_is_being_dispatched_is_found_without_reading_the_queue() -> None:
    """A limit on machines counts those, and is what makes a queue long."""
    table = memory_table()
    for number in range(200):
        state = JobState.DISPATCHING if number % 100 == 0 else JobState.QUEUED
        table.jobs.add(Job(JobFacts(number, 1, "acme/shop", ("paddock",), created_at=NOON + number), state=state))
    counted: Any = Counted(table.jobs)
    assert [job.id for job in jobs_in(attrs.evolve(table, jobs=counted), JobState.DISPATCHING)] == [0, 100]
    assert counted.read == 2


class Counted:
    """Jobs, and how many of them listings have read."""

    def __init__(self, jobs: Any) -> None:  # noqa: ANN401 - any store of jobs
        self.jobs = jobs
        self.read = 0

    def page(self, *words: Any, **more: Any) -> Page[Job]:  # noqa: ANN401 - the port's own
        """See the port."""
        found: Page[Job] = self.jobs.page(*words, **more)
        self.read += len(found.items)
        return found
