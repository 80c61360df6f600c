"""The contract of writing several records in one step: on memory, SQLite and DynamoDB, alone and from many threads."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.sqlite import Database, sqlite_table
from paddock.core.errors import IllegalTransition, Unavailable
from paddock.core.job import Job, JobChange, JobFacts, JobIs
from paddock.core.ports.stores import Table
from paddock.core.ports.together import MOST, Add, Update
from paddock.core.records import JOBS, RUNNERS
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.states import JobState, RunnerState
from tests.aws.steps import Tokens, Way, tokens_of, way_to
from tests.aws.table import table_of
from tests.threads import race


@pytest.fixture(params=["memory", "sqlite", pytest.param("dynamodb", marks=pytest.mark.slow)])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    """An empty table."""
    if request.param == "memory":
        yield memory_table()
    elif request.param == "sqlite":
        with Database(tmp_path / "paddock.db") as database:
            yield sqlite_table(database)
    else:
        with table_of(tmp_path) as under_test:
            yield under_test.whole()


JOB = Job(JobFacts(1, 1, "acme/app", ("paddock",)), JobState.LAUNCHED, machine="i-1")
RUNNER = Runner("i-1", "acme/app", ("paddock",), "l-1", assigned_job=1)
STARTS = Update(
    JOBS, "1", JobIs(state=JobState.LAUNCHED, machine="i-1"), JobChange(state=JobState.RUNNING, started_at=5)
)
WORKS = Update(
    RUNNERS,
    "i-1",
    RunnerIs(state=frozenset({RunnerState.BOOTING, RunnerState.READY}), served_job=None),
    RunnerChange(state=RunnerState.BUSY, served_job=1),
)


def test_all_conditions_hold_and_all_is_written(table: Table) -> None:
    """Additions and changes, of several kinds, in the listings too."""
    assert table.together.write([Add(JOBS, JOB), Add(RUNNERS, RUNNER)])
    assert (table.jobs.get("1"), table.runners.get("i-1")) == (JOB, RUNNER)
    assert table.together.write([STARTS, WORKS])
    job, runner = table.jobs.get("1"), table.runners.get("i-1")
    assert job is not None
    assert runner is not None
    assert (job.state, job.started_at, runner.state, runner.served_job) == (
        *(JobState.RUNNING, 5),
        *(RunnerState.BUSY, 1),
    )
    assert table.jobs.page("live", "queued").items == ()
    assert table.jobs.page("live", "placed").items == (job,)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.runners.update("i-1", {}, {"served_job": 2}),
        lambda table: table.jobs.update("1", {}, {"machine": "i-2"}),
        lambda table: table.jobs.remove("1"),
    ],
    ids=["the first does not hold", "the second does not hold", "one is not there"],
)
def test_one_condition_does_not_hold_and_nothing_is_written(table: Table, spoil: Callable[[Table], object]) -> None:
    """Whichever it is, and wherever it stands."""
    table.together.write([Add(JOBS, JOB), Add(RUNNERS, RUNNER)])
    spoil(table)
    before = table.jobs.get("1"), table.runners.get("i-1")
    for writes in ([STARTS, WORKS], [WORKS, STARTS]):
        assert not table.together.write(writes)
        assert (table.jobs.get("1"), table.runners.get("i-1")) == before


def test_a_taken_key_is_a_condition_that_does_not_hold(table: Table) -> None:
    """So a repetition is False, and changes nothing."""
    assert table.together.write([Add(JOBS, JOB)])
    assert not table.together.write([Add(RUNNERS, RUNNER), Add(JOBS, JOB)])
    assert table.runners.get("i-1") is None


def test_what_no_life_has_is_refused_before_anything_is_read(table: Table) -> None:
    """Although another write of the same step would be fine."""
    table.together.write([Add(JOBS, JOB)])
    back = Update(JOBS, "1", JobIs(state=JobState.FINISHED), JobChange(state=JobState.RUNNING))
    with pytest.raises(IllegalTransition):
        table.together.write([Add(RUNNERS, RUNNER), back])
    assert table.runners.get("i-1") is None


def test_a_step_has_its_limits(table: Table) -> None:
    """DynamoDB's: a hundred writes, each of another record."""
    with pytest.raises(ValueError, match="differ"):
        table.together.write([Add(JOBS, JOB), STARTS])
    many = [Add(JOBS, Job(JobFacts(number, 1, "acme/app", ()))) for number in range(MOST + 1)]
    with pytest.raises(ValueError, match="at most 100"):
        table.together.write(many)
    assert table.together.write(many[:MOST])
    assert table.together.write([])


def test_a_change_that_would_make_it_another_record_undoes_the_whole_step(table: Table) -> None:
    """Nothing of it is left, also not of the writes before."""
    table.together.write([Add(JOBS, JOB), Add(RUNNERS, RUNNER)])
    other = Update(RUNNERS, "i-1", RunnerIs(), {"machine": "i-9"})
    with pytest.raises(ValueError, match="keeps its key"):
        table.together.write([other, STARTS])
    assert table.jobs.get("1") == JOB


def test_of_many_at_once_one_wins(table: Table) -> None:
    """Eight threads claim the same two records, each in its own name."""
    table.together.write([Add(JOBS, JOB), Add(RUNNERS, RUNNER)])

    def claim(number: int) -> bool:
        return table.together.write(
            [
                Update(JOBS, "1", JobIs(launch=0), JobChange(launch=number + 1)),
                Update(RUNNERS, "i-1", RunnerIs(served_job=None), RunnerChange(served_job=number + 1)),
            ]
        )

    won = race(8, claim)
    job, runner = table.jobs.get("1"), table.runners.get("i-1")
    assert sum(won) == 1
    assert job is not None
    assert runner is not None
    assert job.launch == runner.served_job == won.index(True) + 1


@pytest.fixture(params=["moto", "strict"])
def losing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Table, Way]]:
    """A table on DynamoDB, and the way to it, which loses answers: as moto has it, and with tokens that are kept."""
    behind = [Tokens()] if request.param == "strict" else []
    with way_to(*behind) as (way, url), table_of(tmp_path, lambda _: nullcontext(url)) as under_test:
        yield under_test.whole(), way


@pytest.mark.slow
def test_a_step_whose_answer_was_lost_is_done_once(losing: tuple[Table, Way]) -> None:
    """The request is made again under its token, which is how it is known: all is as if nothing had been lost."""
    table, way = losing
    assert table.together.write([Add(JOBS, JOB), Add(RUNNERS, RUNNER)])
    way.seen.clear()
    way.lose = 1
    assert table.together.write([STARTS, WORKS])
    first, second = tokens_of(way.seen)
    assert first == second
    job, runner = table.jobs.get("1"), table.runners.get("i-1")
    assert job is not None
    assert runner is not None
    assert (job.state, runner.state) == (JobState.RUNNING, RunnerState.BUSY)


@pytest.mark.slow
def test_a_step_whose_answers_were_all_lost_is_unknown(losing: tuple[Table, Way]) -> None:
    """It may be done or not; whoever hears so looks, and the same step anew finds its own writes."""
    table, way = losing
    assert table.together.write([Add(JOBS, JOB), Add(RUNNERS, RUNNER)])
    way.lose = 3
    with pytest.raises(Unavailable):
        table.together.write([STARTS, WORKS])
    assert len(set(tokens_of(way.seen)[1:])) == 1
    assert not table.together.write([STARTS, WORKS])
