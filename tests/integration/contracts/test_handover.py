"""The contract of handing machines over: in steps over memory, SQLite and files, and in one step on DynamoDB."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest

from paddock.adapters.aws.dynamodb.handover import DynamoHandover
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.memory import MemoryAssignments
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.process import FileAssignments
from paddock.adapters.sqlite import Database, sqlite_table
from paddock.core.job import Job, JobChange, JobFacts, JobIs
from paddock.core.messages import Assignment, RunnerPackage
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.handover import Handover
from paddock.core.ports.stores import Table
from paddock.core.ports.together import Add, Update, Write
from paddock.core.records import JOBS, RUNNERS
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.states import JobState, RunnerState
from paddock.core.usecases.in_steps import InSteps
from tests.aws.machine import ROLE_ID
from tests.aws.table import table_of
from tests.threads import race


@attrs.frozen
class Books:
    """Empty records, and no orders. `forgets`: the store does so by itself, and is left to with what was taken."""

    table: Table
    assignments: Assignments
    handover: Handover
    forgets: bool = False


def in_memory(_: Path, __: ExitStack) -> Books:
    table, assignments = memory_table(), MemoryAssignments()
    return Books(table, assignments, InSteps(table.together, assignments))


def in_files(folder: Path, stack: ExitStack) -> Books:
    table = sqlite_table(stack.enter_context(Database(folder / "paddock.db")))
    assignments = FileAssignments(folder)
    return Books(table, assignments, InSteps(table.together, assignments))


def on_dynamodb(folder: Path, stack: ExitStack) -> Books:
    made = stack.enter_context(table_of(folder))
    table, assignments = made.whole(), made.assignments(ROLE_ID)
    assert isinstance(table.together, DynamoTogether)
    return Books(table, assignments, DynamoHandover(table.together, assignments), forgets=True)


@pytest.fixture(params=[in_memory, in_files, pytest.param(on_dynamodb, marks=pytest.mark.slow)])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """Empty ones."""
    with ExitStack() as stack:
        yield request.param(tmp_path, stack)


PACKAGE = RunnerPackage("2.336.0", "http://127.0.0.1/runner.tar.gz", "0" * 64, "runner.tar.gz", {})


def orders(machine: str, number: int = 1) -> Assignment:
    """Some for a machine, as the runner of this number."""
    return Assignment(
        machine=machine,
        job_id=number,
        launch=1,
        repository="acme/app",
        labels=("paddock",),
        runner_name=f"paddock--{machine}--{number}",
        runner_id=number,
        package=PACKAGE,
        jit_config="secret",
        max_runtime=1,
        idle_timeout=1,
        setup_info="",
        created_at=1,
    )


def job(number: int) -> Job:
    """One that a dispatcher holds."""
    return Job(JobFacts(number, 1, "acme/app", ("paddock",)), JobState.DISPATCHING, launch=1)


def runner(machine: str, number: int) -> Add:
    """A machine's record is written."""
    return Add(RUNNERS, Runner(machine, "acme/app", ("paddock",), "l-1", assigned_job=number))


def launched(machine: str, number: int) -> Update:
    """A job gets the machine."""
    change = JobChange(state=JobState.LAUNCHED, machine=machine)
    return Update(JOBS, str(number), JobIs(state=JobState.DISPATCHING, launch=1), change)


def state(books: Books, number: int) -> JobState:
    """The job's."""
    found = books.table.jobs.get(str(number))
    assert found is not None
    return found.state


def give(books: Books, *machines: str) -> bool:
    """Give the n-th machine to job n."""
    numbered = list(enumerate(machines, 1))
    return books.handover.give(
        [runner(machine, number) for number, machine in numbered],
        [orders(machine, number) for number, machine in numbered],
        [launched(machine, number) for number, machine in numbered],
    )


def test_machines_are_given(books: Books) -> None:
    """Records, orders and jobs, for several at once."""
    assert books.table.together.write([Add(JOBS, job(1)), Add(JOBS, job(2))])
    assert give(books, "i-1", "i-2")
    for number, machine in enumerate(("i-1", "i-2"), 1):
        receipt = books.assignments.get(machine)
        assert receipt is not None
        assert (receipt.runner_id, receipt.taken) == (number, False)
        assert books.table.runners.get(machine) == runner(machine, number).record
        assert state(books, number) is JobState.LAUNCHED


def test_a_launch_of_more_machines_than_a_step_takes(books: Books) -> None:
    """Forty machines are over a hundred writes."""
    machines = [f"i-{number}" for number in range(40)]
    for number in range(1, 41):
        assert books.table.jobs.add(job(number))
    assert give(books, *machines)
    assert {state(books, number) for number in range(1, 41)} == {JobState.LAUNCHED}


def test_a_machine_that_has_orders_gets_no_others(books: Books) -> None:
    """Nor does the job count on it: whoever meets False looks whose it is."""
    assert books.table.jobs.add(job(1))
    first = books.assignments.put(orders("i-1", 7))
    assert not give(books, "i-1")
    assert books.assignments.get("i-1") == first
    assert state(books, 1) is JobState.DISPATCHING


def test_a_machine_that_is_known_gets_no_orders(books: Books) -> None:
    """They would be somebody else's."""
    assert books.table.jobs.add(job(1))
    assert books.table.together.write([runner("i-1", 3)])
    assert not give(books, "i-1")
    assert books.assignments.get("i-1") is None
    assert state(books, 1) is JobState.DISPATCHING


def test_a_job_that_moved_on_keeps_its_state(books: Books) -> None:
    """Orders may have been put all the same, where that is no single step."""
    assert books.table.jobs.add(attrs.evolve(job(1), state=JobState.CANCELLED))
    assert not give(books, "i-1")
    assert state(books, 1) is JobState.CANCELLED


def test_a_repetition_changes_nothing(books: Books) -> None:
    """It is False: its own writes stand in its way."""
    assert books.table.jobs.add(job(1))
    assert give(books, "i-1")
    before = books.table.jobs.get("1"), books.table.runners.get("i-1"), books.assignments.get("i-1")
    assert not give(books, "i-1")
    assert (books.table.jobs.get("1"), books.table.runners.get("i-1"), books.assignments.get("i-1")) == before


def closing(machine: str, before: RunnerState) -> list[Write]:
    """Its record is closed."""
    when = RunnerIs(state=before)
    return [Update(RUNNERS, machine, when, RunnerChange(state=RunnerState.GONE, gone_at=5))]


def test_a_machine_is_closed(books: Books) -> None:
    """Its orders are forgotten with it, or by the store in its own time."""
    assert books.table.jobs.add(job(1))
    assert give(books, "i-1")
    assert books.handover.close(closing("i-1", RunnerState.BOOTING), ["i-1"])
    closed = books.table.runners.get("i-1")
    assert closed is not None
    assert closed.state is RunnerState.GONE
    assert (books.assignments.get("i-1") is None) is not books.forgets


def test_a_machine_that_is_otherwise_is_not_closed(books: Books) -> None:
    """Its record stays as it is; one without orders is no fault."""
    assert books.table.together.write([runner("i-1", 3)])
    assert not books.handover.close(closing("i-1", RunnerState.DRAINING), ["i-1"])
    assert books.table.runners.get("i-1") == runner("i-1", 3).record
    assert books.handover.close(closing("i-1", RunnerState.BOOTING), ["i-1"])


def test_one_of_many_gives_the_machine(books: Books) -> None:
    """And its orders are those that stand there."""
    assert books.table.jobs.add(job(1))

    def attempt(number: int) -> bool:
        return books.handover.give([runner("i-1", 1)], [orders("i-1", number + 1)], [launched("i-1", 1)])

    won = [number + 1 for number, gave in enumerate(race(5, attempt)) if gave]
    receipt = books.assignments.get("i-1")
    assert receipt is not None
    assert won == [receipt.runner_id]
