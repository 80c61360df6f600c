"""How far a log is searched for a subject: as far as its record says that something may have been decided."""

import attrs
import pytest

from paddock.adapters.aws.logs.windows import EARLY, LATE, RERUN, UNKNOWN, RecordWindows, Window
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.system import ManualClock
from paddock.core.job import Job, JobFacts
from paddock.core.ports.stores import Table
from paddock.core.rerun import Rerun
from paddock.core.runner import Runner
from paddock.core.states import JobState, RunnerState
from paddock.core.units import DAY, HOUR, SECOND
from tests.strategies import NOON

FACTS = JobFacts(1, 7, "acme/shop", ("paddock",), created_at=NOON)
QUEUED = Job(FACTS, received_at=NOON + SECOND)
ENDED = attrs.evolve(QUEUED, state=JobState.FINISHED, finished_at=NOON + HOUR)
RUNNER = Runner("i-1", "acme/shop", ("paddock",), "l-1", launched_at=NOON)
LAST_WEEK = Window(NOON + 90 * DAY - UNKNOWN)


@pytest.fixture
def table() -> Table:
    """An empty one."""
    return memory_table()


def window(table: Table, subject: str, *, after: int = 90 * DAY) -> Window:
    """The subject's window, asked so long after noon."""
    return RecordWindows(table, ManualClock(NOON + after))(subject)


def test_a_job_that_lives_has_no_end(table: Table) -> None:
    """From a little before GitHub queued it, or we heard of it, whichever came first."""
    table.jobs.add(QUEUED)
    assert window(table, "job:1") == Window(NOON - EARLY)
    table.jobs.add(attrs.evolve(QUEUED, facts=attrs.evolve(FACTS, job_id=2, created_at=0)))
    assert window(table, "job:2") == Window(NOON + SECOND - EARLY)


def test_a_job_that_ended_has_an_end(table: Table) -> None:
    """Some hours later; until then, by a clock that may be behind the functions', there is none."""
    table.jobs.add(ENDED)
    assert window(table, "job:1") == Window(NOON - EARLY, NOON + HOUR + LATE)
    assert window(table, "job:1", after=HOUR + LATE) == Window(NOON - EARLY)


def test_a_job_whose_run_may_be_re_run_is_followed_for_as_long_as_a_run_lasts(table: Table) -> None:
    """What becomes of it is decided when the whole run is complete."""
    table.jobs.add(ENDED)
    table.reruns.add(Rerun(7, "acme/shop", 1, (1,)))
    assert window(table, "job:1") == Window(NOON - EARLY, NOON + HOUR + RERUN)


def test_a_machine_by_its_life(table: Table) -> None:
    """From a little before its launch until some hours after its end, if it has ended."""
    table.runners.add(RUNNER)
    assert window(table, "machine:i-1") == Window(NOON - EARLY)
    table.runners.add(attrs.evolve(RUNNER, machine="i-2", state=RunnerState.GONE, gone_at=NOON + HOUR))
    assert window(table, "machine:i-2") == Window(NOON - EARLY, NOON + HOUR + LATE)


@pytest.mark.parametrize("subject", ["job:404", "machine:i-404", "machine:fleet", "delivery:1", "circuit:a/b", ""])
def test_what_has_no_record_is_looked_for_in_the_last_week(table: Table, subject: str) -> None:
    """A bound all the same: nobody waits for a year's log to be searched."""
    assert window(table, subject) == LAST_WEEK


def test_a_record_without_a_time_bounds_nothing(table: Table) -> None:
    """Nor does it open the whole log."""
    table.jobs.add(Job(attrs.evolve(FACTS, created_at=0)))
    table.runners.add(attrs.evolve(RUNNER, launched_at=0))
    assert window(table, "job:1") == window(table, "machine:i-1") == LAST_WEEK
