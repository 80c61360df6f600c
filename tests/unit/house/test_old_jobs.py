"""Old jobs: each that has ended is in the archive exactly once, whatever fails, and the table forgets by itself."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.objects import MemoryObjects
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.simulation.wires import Around, Crash, Wired
from paddock.core.archive import ArchivedJob, read_archive
from paddock.core.codec import to_data
from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.errors import AccessDenied, InvalidInput, PaddockError, Unavailable
from paddock.core.job import Job, JobChange, JobFacts, JobIs
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from paddock.core.usecases.house.old_jobs import AGE, PATIENCE, OldJobs
from tests.contracts import breaches
from tests.faults import Failing, Fuse
from tests.strategies import NOON
from tests.world.world import World

FOLDER = "jobs/2026/11/22"


class House:
    """A table, a store of objects, and the task."""

    def __init__(self, *, objects: int = 20, jobs: int = 1_000) -> None:
        """Args: the bounds of a run."""
        self.table = memory_table()
        self.clock = ManualClock(NOON + 30 * DAY)
        self.objects = MemoryObjects(self.clock, page_size=3)
        self.failing = Failing()
        self.bounds = objects, jobs
        self.cursor = ""

    def add(
        self, number: int, at: Moment | None = None, state: JobState = JobState.FINISHED, machine: str | None = None
    ) -> None:
        """A job, created so many minutes after noon of the first day and on its own machine, unless it is said."""
        facts = JobFacts(number, 7, "acme/api", ("paddock",), created_at=NOON + number * MINUTE if at is None else at)
        self.table.jobs.add(Job(facts, state, machine=machine or f"i-{number}"))

    def bill(self, machine: str, job: int | None) -> Bill:
        """Write the machine's bill."""
        bill = Bill(machine, NOON, (Interval(Phase.JOB, NOON + 5, 1, 2, 3),), "m7i.large", Market.SPOT, "a/b", "", job)
        self.table.ledger.add(bill)
        return bill

    def end(self, number: int) -> None:
        """The job runs no more."""
        when, change = JobIs(state=JobState.RUNNING), JobChange(state=JobState.FINISHED)
        self.table.jobs.update(str(number), when, change)

    def task(self, around: Around) -> OldJobs:
        """The task, as a process has it that is wired like this."""
        most_objects, most_jobs = self.bounds
        return OldJobs(
            table=attrs.evolve(
                self.table, jobs=around("jobs", self.table.jobs), ledger=around("ledger", self.table.ledger)
            ),
            objects=around("objects", self.objects),
            clock=self.clock,
            most_objects=most_objects,
            most_jobs=most_jobs,
        )

    def run(self, *, dry_run: bool = False) -> TaskReport:
        """A run, whose cursor is kept unless it is a dry one."""
        report = self.task(self.failing.around)(dry_run=dry_run, cursor=self.cursor)
        assert report.attempted == report.succeeded + report.failed
        assert report.failed == len(report.errors)
        if not dry_run:
            self.cursor = report.cursor
        return report

    def keys(self) -> list[str]:
        """What is stored."""
        return [listed.key for listed in self.objects.page("").items]

    def archived(self) -> list[int]:
        """The ids of all jobs in the archive, in its order."""
        return [one.job.id for one in read_archive(self.objects)]


def numbers(found: Sequence[ArchivedJob]) -> list[tuple[int, str | None]]:
    """Each job's id, and whose bill is with it."""
    return [(one.job.id, None if one.bill is None else one.bill.machine) for one in found]


def test_what_is_older_than_a_week_is_archived_with_its_bill() -> None:
    """By day and oldest first; what is younger stays, and nothing is deleted."""
    house = House()
    for number, at in ((3, NOON + DAY), (2, NOON + HOUR), (1, NOON), (4, house.clock.now() - AGE)):
        house.add(number, at)
    house.bill("i-1", 1)
    report = house.run()
    assert house.keys() == [
        "jobs/2026/11/22/20261122T120000.000000Z-1.jsonl.gz",
        "jobs/2026/11/23/20261123T120000.000000Z-3.jsonl.gz",
    ]
    assert numbers(list(read_archive(house.objects))) == [(1, "i-1"), (2, None), (3, None)]
    assert (report.attempted, report.succeeded, report.failed, report.left) == (2, 2, 0, 0)
    assert report.by_kind == {"finished": 3}
    assert report.acts == (f"put {house.keys()[0]}: 2 jobs", f"put {house.keys()[1]}: 1 job")
    assert all(house.table.jobs.get(str(number)) for number in (1, 2, 3, 4))


def test_the_next_run_goes_on_where_the_last_one_ended() -> None:
    """A run that finds nothing new stores nothing, and what has become old since is an object of its own."""
    house = House()
    house.add(1)
    house.add(2, house.clock.now() - AGE)
    house.run()
    before = house.cursor
    assert house.run() == TaskReport(cursor=before)
    house.clock.advance(SECOND)
    assert house.run().succeeded == 1
    assert house.archived() == [1, 2]
    assert len(house.keys()) == 2


def test_an_empty_table_is_no_failure() -> None:
    """Nothing to do is not nothing achieved."""
    assert House().run().attempted == 0


def test_a_run_is_bounded_and_says_what_is_left() -> None:
    """At most so many objects of so many jobs; what was seen behind them is left, and comes next."""
    house = House(objects=2, jobs=3)
    for number in range(1, 12):
        house.add(number)
    reports = [house.run() for _ in range(3)]
    assert [(report.succeeded, report.left) for report in reports] == [(2, 3), (2, 0), (0, 0)]
    assert house.archived() == list(range(1, 12))


def test_forgotten_records_do_not_mislead_the_walk() -> None:
    """Also if the very job on which the cursor stands has been forgotten meanwhile, weeks later."""
    house = House(objects=2, jobs=2)
    for number in range(1, 9):
        house.add(number)
    house.run()
    for number in range(1, 5):
        house.table.jobs.remove(str(number))
    house.clock.advance(60 * DAY)
    house.run()
    assert house.archived() == list(range(1, 9))


def test_a_page_without_records_is_not_the_end() -> None:
    """A listing may have pages of which every record has gone; what comes behind them is archived."""
    house = House(jobs=2)
    for number in range(1, 7):
        house.add(number)

    def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the port returns
        found = call()
        first = what == "jobs.page" and found.items and found.items[0].id
        return attrs.evolve(found, items=()) if first in {1, 3} else found

    house.task(lambda name, port: Wired(name, port, intercept))()
    assert house.archived() == [5, 6]


def test_a_job_that_still_runs_is_passed_and_archived_when_it_has_ended() -> None:
    """It holds nobody up, is looked at again each time, and stands in an object of its own."""
    house = House()
    house.add(1, state=JobState.RUNNING)
    house.add(2)
    report = house.run()
    assert report.by_kind == {"finished": 1, "waiting": 1}
    assert house.archived() == [2]
    report = house.run()
    assert (report.attempted, report.by_kind) == (0, {"waiting": 1})
    house.end(1)
    bill = house.bill("i-1", 1)
    report = house.run()
    assert report.acts == (f"put {FOLDER}/20261122T120100.000000Z-1-late.jsonl.gz: 1 job",)
    assert [one.bill for one in read_archive(house.objects) if one.job.id == 1] == [bill]
    assert sorted(house.archived()) == [1, 2]
    assert house.run().attempted == 0


def test_a_job_that_never_ends_is_archived_as_it_stands_and_told() -> None:
    """It is not lost: before the table forgets it, it is archived as a failure of ours."""
    house = House()
    house.add(1, state=JobState.RUNNING)
    house.run()
    house.clock.set(NOON + MINUTE + PATIENCE)
    report = house.run()
    assert report.errors == (f"{FOLDER}/20261122T120100.000000Z-1-late.jsonl.gz: archived as it stands, running",)
    assert (report.attempted, report.failed) == (1, 1)
    assert [one.job.state for one in read_archive(house.objects)] == [JobState.RUNNING]
    assert house.run().attempted == 0


def test_a_job_whose_record_went_before_it_ended_is_told() -> None:
    """Nobody can archive it any more, and it is told once."""
    house = House()
    house.add(1, state=JobState.RUNNING)
    house.run()
    house.table.jobs.remove("1")
    assert house.run().errors == ("job 1: its record went before it had ended, so it is not in the archive",)
    assert house.run().attempted == 0


def test_the_walk_waits_if_too_many_have_not_ended_but_not_for_ever() -> None:
    """The cursor has its bound: then the walk stops and says so, and goes on when those that wait are settled."""
    house = House(objects=8, jobs=2)
    for number in (1, 2, 3, 4):
        house.add(number, state=JobState.RUNNING)
    house.add(5)
    report = house.run()
    assert report.errors == ("too many jobs have not ended: the walk waits before job 3",)
    house.clock.set(NOON + HOUR + PATIENCE)
    house.run()
    assert sorted(house.archived()) == [1, 2, 5]
    house.run()
    assert sorted(house.archived()) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("call", ["objects.put", "ledger.get", "jobs.page"])
@pytest.mark.parametrize("error", [Unavailable("away"), AccessDenied("no")], ids=["passing", "lasting"])
def test_what_fails_stops_the_walk_there_and_is_told(call: str, error: PaddockError) -> None:
    """The order matters: the next run begins with what failed."""
    house = House(objects=2, jobs=2)
    for number in range(1, 7):
        house.add(number)
    house.run()
    house.failing.errors = {call: error}
    report = house.run()
    assert (report.attempted, report.failed) == (1, 1)
    assert type(error).__name__ in report.errors[0]
    house.failing.errors = {}
    house.run()
    assert house.archived() == [1, 2, 3, 4, 5, 6]


def test_one_that_fails_holds_up_neither_the_others_that_were_passed_nor_the_walk() -> None:
    """A record that cannot be read is tried again each time, after the others, and costs half a run at most."""
    house = House(objects=4, jobs=10)
    for number in (1, 2, 3, 4):
        house.add(number, state=JobState.RUNNING)
    house.run()
    house.add(5)
    house.failing.errors = {"jobs.get": Unavailable("cannot be read")}
    report = house.run()
    assert (report.succeeded, report.failed) == (1, 2)
    assert [error[:6] for error in report.errors] == ["job 1:", "job 2:"]
    assert [error[:6] for error in house.run().errors] == ["job 3:", "job 4:"]
    house.failing.errors = {}
    for number in (1, 2, 3, 4):
        house.end(number)
    house.run()
    house.run()
    assert sorted(house.archived()) == [1, 2, 3, 4, 5]


def test_a_dry_run_changes_nothing_and_says_what_would_be() -> None:
    """Within the bounds of a run, the jobs that were passed included."""
    house = House(objects=2, jobs=2)
    house.add(1, state=JobState.RUNNING)
    house.add(2)
    house.run()
    house.end(1)
    for number in (3, 4, 5):
        house.add(number)
    before, stored, cursor = house.keys(), house.archived(), house.cursor
    report = house.run(dry_run=True)
    assert report.acts == (
        f"put {FOLDER}/20261122T120100.000000Z-1-late.jsonl.gz: 1 job",
        f"put {FOLDER}/20261122T120300.000000Z-3.jsonl.gz: 2 jobs",
    )
    assert (report.attempted, report.left, report.cursor) == (0, 4, cursor)
    assert (house.keys(), house.archived()) == (before, stored)
    assert [act.removeprefix("would ") for act in report.acts] == list(house.run().acts)


def test_a_bill_goes_with_the_job_that_its_machine_served() -> None:
    """The machine of a job may have served another one, or none: then its bill is not this job's."""
    house = House()
    for number, served in ((1, 1), (2, 7), (3, None)):
        house.add(number)
        house.bill(f"i-{number}", served)
    house.run()
    assert numbers(list(read_archive(house.objects))) == [(1, "i-1"), (2, None), (3, None)]


def test_bills_are_asked_for_once_per_machine_and_records_once_per_page() -> None:
    """What a thousand jobs cost in calls, is told and kept to."""
    house = House(jobs=10)
    for number in range(1, 10):
        house.add(number)
    house.add(10, machine="i-9")
    house.run()
    calls = house.failing.calls
    assert [calls.count(call) for call in ("jobs.page", "jobs.get", "ledger.get", "objects.put")] == [1, 0, 9, 1]


@pytest.mark.parametrize("cursor", ["nonsense", "[]", "{}", '{"page": 1}'])
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    """Beginning anew would store jobs twice, so nobody guesses."""
    house = House()
    house.add(1)
    house.cursor = cursor
    with pytest.raises(InvalidInput, match="cursor"):
        house.run()
    assert house.keys() == []


def test_a_cursor_of_another_listing_stops_the_walk() -> None:
    """It is told as what the store says of it, and nothing is stored."""
    house = House()
    house.add(1)
    house.cursor = json.dumps({"page": "elsewhere", "created_at": 0, "key": "1", "waiting": []})
    assert "ValueError: cursor" in house.run().errors[0]
    assert house.keys() == []


class Lost(House):
    """A house whose cursor may be lost after a run, as if the process had died before it was saved."""

    def step(self, *, lost: bool, ends: Sequence[int], forgotten: bool) -> None:
        """A run; then jobs end, and what was archived is forgotten if the cursor was kept."""
        before = self.cursor
        self.run()
        if lost:
            self.cursor = before
        elif forgotten:
            for number in self.archived():
                self.table.jobs.remove(str(number))
        for number in ends:
            job = self.table.jobs.get(str(number))
            if job is not None and job.live:
                self.end(number)


NUMBERS = st.integers(5, 13)  # as listings sort their keys, 10 comes before 9


@settings(max_examples=40)
@given(
    running=st.sets(NUMBERS, max_size=4),
    jobs=st.integers(1, 4),
    steps=st.lists(
        st.fixed_dictionaries(
            {"lost": st.booleans(), "ends": st.lists(NUMBERS, max_size=2), "forgotten": st.booleans()}
        ),
        max_size=6,
    ),
)
def test_every_job_is_archived_once_whatever_is_lost(
    running: set[int], jobs: int, steps: list[dict[str, bool]]
) -> None:
    """Runs that die before their cursor is saved, jobs that end meanwhile, records that go: no job lacks or doubles."""
    house = Lost(objects=4, jobs=jobs)
    for number in range(5, 14):
        house.add(number, NOON + number // 3 * 12 * HOUR, JobState.RUNNING if number in running else JobState.FINISHED)
    for step in steps:
        house.step(**step)  # type: ignore[arg-type] # a dictionary's values have one type
        assert len(house.archived()) == len(set(house.archived()))
    for _ in range(16):
        house.step(lost=False, ends=range(5, 14), forgotten=False)
    assert sorted(house.archived()) == list(range(5, 14))


def digests(house: House) -> dict[str, str]:
    """What is stored, and the digest of its bytes."""
    return {key: stored.sha256 for key in list(house.keys()) if (stored := house.objects.head(key)) is not None}


def seven(first: JobState) -> House:
    """A house with seven jobs in four objects, the first of them in this state."""
    house = House(objects=4, jobs=2)
    for number in range(1, 8):
        house.add(number, state=first if number == 1 else JobState.FINISHED)
    return house


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_dies_anywhere_is_repeated_to_the_byte(after: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Before or after any call, and although a job that was passed has ended in between: the same as in one run."""
    whole = seven(JobState.FINISHED)
    whole.run()
    for at in range(1, len(whole.failing.calls)):
        house, fuse = seven(JobState.RUNNING), Fuse(at, after=after)
        with pytest.raises(Crash):
            house.task(fuse.around)()
        house.end(1)
        house.run()
        assert digests(house) == digests(whole)


def test_the_jobs_of_a_fleet_are_archived_as_it_knew_them() -> None:
    """A job that was served, one that was refused: lines that the contract allows, with what the machine cost."""
    world = World()
    served, refused = world.push_job(), world.push_job(labels="paddock/cpu=0")
    world.run_until_quiet()
    objects = MemoryObjects(world.clock)
    clock = ManualClock(world.clock.now() + 8 * DAY)
    report = OldJobs(table=world.table, objects=objects, clock=clock)()
    assert report.by_kind == {"finished": 1, "rejected": 1}
    found = {one.job.id: one for one in read_archive(objects)}
    assert {number: one.job for number, one in found.items()} == {
        number: world.record(number) for number in (served, refused)
    }
    assert found[served].bill == world.table.ledger.get(world.record(served).machine or "")
    assert found[served].bill is not None
    assert found[refused].bill is None
    for one in found.values():
        assert breaches("archived_job", json.loads(json.dumps(to_data(one)))) == []
