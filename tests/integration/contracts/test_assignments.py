"""What every store of assignments promises, held against each adapter."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings

from paddock.core.messages import Assignment, RunnerPackage
from paddock.core.ports.assignments import AssignmentReceipt
from tests.integration.contracts.assignments_adapters import PARAMETERS, AssignmentsUnderTest, OpenAssignments, fewer
from tests.strategies import assignments
from tests.threads import race

SECRET = "c2VjcmV0"
FIRST = Assignment(
    machine="i-0000000000000000a",
    job_id=1,
    launch=1,
    repository="acme/api",
    labels=("paddock",),
    runner_name="paddock--i-0000000000000000a--first",
    runner_id=11,
    package=RunnerPackage("2.330.0", "https://example.test/runner.tar.gz", "0" * 64, "runner.tar.gz"),
    jit_config=SECRET,
)
SECOND = attrs.evolve(FIRST, runner_name="paddock--i-0000000000000000a--second", runner_id=12)


@pytest.fixture(params=PARAMETERS)
def under_test(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AssignmentsUnderTest]:
    """A store without assignments."""
    with request.param(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("adapter", PARAMETERS)
def test_the_machine_reads_what_was_written(adapter: OpenAssignments, tmp_path: Path) -> None:
    """Whatever is in an assignment, the machine gets an equal one."""
    with adapter(tmp_path) as under_test:

        @settings(max_examples=fewer(adapter, 40))
        @given(assignments)
        def reads(assignment: Assignment) -> None:
            under_test.assignments.delete(assignment.machine)
            under_test.assignments.put(assignment)
            assert under_test.take(assignment.machine) == assignment

        reads()


def test_putting_tells_what_stands_there(under_test: AssignmentsUnderTest) -> None:
    """The receipt names the registration, and is the same when it is read."""
    receipt = under_test.assignments.put(FIRST)
    assert receipt == AssignmentReceipt(FIRST.machine, FIRST.runner_name, 11, taken=False)
    assert under_test.assignments.get(FIRST.machine) == receipt


def test_a_machine_has_one_assignment_ever(under_test: AssignmentsUnderTest) -> None:
    """A second one is not written; the receipt shows the first one's runner, so the caller knows that it lost."""
    first = under_test.assignments.put(FIRST)
    assert under_test.assignments.put(SECOND) == first
    assert under_test.take(FIRST.machine) == FIRST


def test_a_machine_that_has_read_its_assignment_gets_no_other(under_test: AssignmentsUnderTest) -> None:
    """The receipt outlives the reading and says so: a runner that GitHub deleted cannot be given a second job."""
    under_test.assignments.put(FIRST)
    under_test.take(FIRST.machine)
    taken = AssignmentReceipt(FIRST.machine, FIRST.runner_name, 11, taken=True)
    assert under_test.assignments.get(FIRST.machine) == taken
    assert under_test.assignments.put(SECOND) == taken


def test_an_assignment_can_be_taken_once(under_test: AssignmentsUnderTest) -> None:
    """A registration is good for one runner: whoever asks again, or too early, gets nothing."""
    assert under_test.take(FIRST.machine) is None
    under_test.assignments.put(FIRST)
    assert under_test.take(FIRST.machine) == FIRST
    assert under_test.take(FIRST.machine) is None


def test_a_machine_without_assignment_has_no_receipt(under_test: AssignmentsUnderTest) -> None:
    """Nothing written yet is None, for this machine and no other."""
    under_test.assignments.put(FIRST)
    assert under_test.assignments.get("i-00000000000000404") is None


def test_deleting_is_idempotent(under_test: AssignmentsUnderTest) -> None:
    """A machine that is gone is forgotten; again, or unknown, is no error; the others stay."""
    other = attrs.evolve(FIRST, machine="i-0000000000000000b")
    under_test.assignments.put(FIRST)
    under_test.assignments.put(other)
    under_test.assignments.delete(FIRST.machine)
    under_test.assignments.delete(FIRST.machine)
    assert under_test.assignments.get(FIRST.machine) is None
    assert under_test.take(FIRST.machine) is None
    assert under_test.assignments.get(other.machine) is not None


def test_of_many_threads_that_assign_one_machine_one_wins(under_test: AssignmentsUnderTest) -> None:
    """All of them are told the same registration, and it is the one that the machine reads."""
    offers = [attrs.evolve(FIRST, runner_id=number) for number in range(8)]
    receipts = race(8, lambda number: under_test.assignments.put(offers[number]))
    (winner,) = {receipt.runner_id for receipt in receipts}
    assert under_test.take(FIRST.machine) == offers[winner]
