"""Housekeeping: each task when it is due, one run of it at a time, and whoever looks sees how it goes."""

from collections.abc import Callable

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.system import ManualClock, SequentialIds
from paddock.core.errors import NotFound, Throttled, Unavailable
from paddock.core.ports.stores import Table
from paddock.core.task import AGAIN, EVERY, MOST_CHARACTERS, MOST_LINES, Task, TaskReport, TaskRun
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span
from paddock.core.usecases.house.housekeeping import Housekeeping
from paddock.core.usecases.house.round import Round
from paddock.core.usecases.house.tasks import Tasks
from tests.world.world import World

MIDNIGHT = 20_000 * DAY


@attrs.define
class Chore:
    """A task that says what it was asked for, and does whatever a test wants."""

    report: TaskReport = attrs.field(factory=TaskReport)
    error: Exception | None = None
    deed: Callable[[], object] = bool
    runs: list[tuple[bool, str]] = attrs.field(factory=list)

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run."""
        self.runs.append((dry_run, cursor))
        self.deed()
        if self.error is not None:
            raise self.error
        return self.report


@attrs.define
class House:
    """Housekeeping with one task, due every hour; ``other`` is a second process of the same fleet."""

    clock: ManualClock = attrs.field(factory=lambda: ManualClock(MIDNIGHT + 10 * MINUTE))
    table: Table = attrs.field(factory=memory_table)
    ids: SequentialIds = attrs.field(factory=SequentialIds)
    chore: Chore = attrs.field(factory=Chore)
    every: Span = HOUR
    name: str = "mirror"

    @property
    def keeping(self) -> Housekeeping:
        """A fresh process of the fleet."""
        return Housekeeping(
            works={self.name: self.chore},
            every={self.name: self.every},
            tasks=self.table.tasks,
            clock=self.clock,
            ids=self.ids,
        )

    @property
    def tasks(self) -> Tasks:
        """What an operator has."""
        return Tasks(tasks=self.table.tasks, decisions=MemoryDecisions(), clock=self.clock, ids=self.ids)

    def tick(self, span: Span = 0) -> TaskRun | None:
        """So much later, somebody looks what is due."""
        self.clock.advance(span)
        return self.keeping.when_due(self.name)

    @property
    def record(self) -> Task:
        """The task's record."""
        return self.tasks.get(self.name)


def test_a_task_is_done_once_in_each_span_of_its_schedule() -> None:
    """However late in one it began, the next is on time."""
    house = House()
    assert house.tick() is not None
    assert [house.tick(MINUTE) for _ in range(49)] == [None] * 49
    assert house.tick(MINUTE) is not None, "the next hour has begun"
    assert house.tick(HOUR - SECOND) is None
    assert house.tick(SECOND) is not None
    assert len(house.chore.runs) == 3


def test_what_a_run_did_is_in_the_record() -> None:
    """With as many lines as a record has room for; the next run goes on from its cursor."""
    house = House()
    long = ("x" * 1_000,) * 50
    house.chore.report = TaskReport(60, 10, 50, 7, {"deleted": 60}, errors=long, acts=long, cursor="page 2")
    done = house.tick()
    assert done is not None
    assert done.report == house.chore.report, "whoever logs the run has all of it"
    kept = house.record.report
    assert kept is not None
    assert (kept.attempted, kept.failed, kept.left, kept.by_kind) == (60, 50, 7, {"deleted": 60})
    assert kept.errors == kept.acts == ("x" * MOST_CHARACTERS,) * MOST_LINES
    house.tick(HOUR)
    assert house.chore.runs == [(False, ""), (False, "page 2")]


def test_one_that_another_process_does_is_left_alone() -> None:
    """Until its lease is over; then it was cut off, and is repeated."""
    house = House()
    other: list[TaskRun | None] = []
    house.chore.deed = lambda: other.append(house.keeping.when_due(house.name)) if len(other) < 1 else None
    assert house.tick() is not None
    assert other == [None]
    assert len(house.chore.runs) == 1


def test_of_two_that_begin_at_once_one_is_first() -> None:
    """The record's run decides."""
    house = House()
    slow = house.keeping
    known = slow._known(house.name)
    assert house.tick() is not None
    assert slow._run(known, grants="", dry_run=False) is None
    assert len(house.chore.runs) == 1


def test_a_run_that_was_cut_off_is_repeated_when_its_lease_is_over() -> None:
    """A process that is killed writes nothing more."""
    house = House()

    class Killed(BaseException):
        """No exception that anything catches."""

    def die() -> None:
        raise Killed

    house.chore.deed = die
    with pytest.raises(Killed):
        house.tick()
    house.chore.deed = bool
    assert house.record.under_way
    assert house.tick(14 * MINUTE) is None
    assert house.tick(MINUTE) is not None
    assert not house.record.under_way


def test_one_that_took_longer_than_its_lease_is_told_of_all_the_same() -> None:
    """The lease is another run's then, and stays; whoever always takes longer must not look as if it never ended."""
    house = House(every=MINUTE)
    house.chore.report = TaskReport(attempted=1, succeeded=1, cursor="far")
    wish = house.tasks.ask(house.name)
    later = House(house.clock, house.table, house.ids, every=MINUTE)
    later.chore.error = Unavailable("away")
    until: list[int] = []

    def overtake() -> None:
        later.chore.deed = lambda: until.append(house.record.until)
        house.clock.advance(MINUTE)
        with pytest.raises(Unavailable):
            later.tick()
        house.table.tasks.update(house.name, {}, {"until": until[0]})

    house.chore.deed = overtake
    assert house.tick() is not None
    found = house.record
    assert (found.answered, found.cursor, found.achieved_at) == (wish, "far", house.clock.now())
    assert found.report == found.answer == house.chore.report
    assert found.until == until[0] > house.clock.now()


@pytest.mark.parametrize("error", [Unavailable("away"), Throttled("slowly", SECOND), KeyError("ours")])
def test_what_stops_a_run_is_raised_and_in_the_record(error: Exception) -> None:
    """Even a fault of ours; it is tried again after a quarter of an hour, for a day is long."""
    house = House(every=DAY)
    house.chore.error = error
    with pytest.raises(type(error)):
        house.tick()
    found = house.record
    assert found.error is not None
    assert type(error).__name__ in found.error
    assert found.report is not None
    assert (found.report.attempted, found.report.failed, found.achieved_at) == (1, 1, None)
    assert house.tick(AGAIN - SECOND) is None
    house.chore.error = None
    assert house.tick(SECOND) is not None
    assert (house.record.error, house.record.achieved_at) == (None, house.clock.now())


def test_what_was_left_is_gone_on_with() -> None:
    """After a quarter of an hour, whatever the schedule; what only failed waits for its time, or it would for ever."""
    house = House(every=DAY)
    house.chore.report = TaskReport(left=3)
    house.tick()
    assert house.tick(AGAIN - SECOND) is None
    house.chore.report = TaskReport(attempted=2, succeeded=1, failed=1)
    assert house.tick(SECOND) is not None
    assert house.tick(AGAIN) is None


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    """Neither what began in the future nor a lease that ends there is waited for."""
    house = House(every=DAY)
    assert house.tick() is not None
    house.clock.advance(-3 * DAY)
    assert house.tick() is not None
    assert house.tick() is None
    house.table.tasks.update(house.name, {}, {"until": house.clock.now() + 3 * DAY, "asked": "again"})
    assert house.tick() is not None


def test_an_operator_has_a_task_done_now() -> None:
    """Whether it is due or not, by whoever does it; and knows when it was."""
    house = House()
    house.tick()
    wish = house.tasks.ask(house.name)
    assert house.record.answered != wish
    assert house.tick(SECOND) is not None
    assert (house.record.answered, house.record.asked) == (wish, "")
    assert house.tick(SECOND) is None, "it is granted once"


def test_a_dry_run_leaves_nothing_but_its_answer() -> None:
    """Neither its cursor counts, nor its time, nor what it says: that of the last real run stays."""
    house = House(every=DAY)
    house.chore.report = TaskReport(attempted=1, succeeded=1, left=2, cursor="here")
    house.tick()
    before = house.record
    house.chore.report = TaskReport(acts=("it is deleted",) * 30, cursor="elsewhere")
    wish = house.tasks.ask(house.name, dry_run=True)
    done = house.tick(SECOND)
    assert done == TaskRun(house.name, house.chore.report, dry_run=True)
    assert house.chore.runs == [(False, ""), (True, "here")]
    after = house.record
    assert (after.answered, after.answer) == (wish, house.chore.report.short)
    assert after.answer is not None
    assert (len(after.answer.acts), after.answer.more) == (20, 10)
    kept = attrs.evolve(after, run="", answered="", answer=None, asked_dry=False)
    assert kept == attrs.evolve(before, run="")
    assert house.tick(AGAIN - 2 * SECOND) is None
    assert house.tick(SECOND) is not None, "what was left is still gone on with"


def test_a_run_after_it_does_not_change_the_answer() -> None:
    """Where a task is done all the time, whoever asked still hears of his own run."""
    house = House(every=SECOND)
    house.chore.report = TaskReport(acts=("it would be",))
    house.tasks.ask(house.name, dry_run=True)
    house.tick()
    house.chore.report = TaskReport(attempted=1, succeeded=1)
    house.tick(SECOND)
    assert house.record.answer == TaskReport(acts=("it would be",))
    assert house.record.report == TaskReport(attempted=1, succeeded=1)


def test_a_wish_whose_run_dies_is_not_tried_again() -> None:
    """Or a dry run that is out of memory would keep the task from its own for ever."""
    house = House(every=MINUTE)
    house.tasks.ask(house.name, dry_run=True)

    class Killed(BaseException):
        """No exception that anything catches."""

    def die() -> None:
        raise Killed

    house.chore.deed = die
    with pytest.raises(Killed):
        house.tick()
    house.chore.deed = bool
    house.tick(MINUTE)
    assert house.chore.runs == [(True, ""), (False, "")]


def test_a_wish_that_comes_while_a_run_is_under_way_is_for_the_next() -> None:
    """Two operators get two runs."""
    house = House()
    first = house.tasks.ask(house.name)
    second: list[str] = []

    def wish_again() -> None:
        if not second:
            second.append(house.tasks.ask(house.name, dry_run=True))

    house.chore.deed = wish_again
    house.tick()
    assert (house.record.answered, house.record.asked) == (first, second[0])
    house.tick(SECOND)
    assert (house.record.answered, house.chore.runs) == (second[0], [(False, ""), (True, "")])


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_by_name_grants_a_wish_that_was_for_it(*, dry_run: bool) -> None:
    """Somebody who wanted to change nothing is not told that it is done."""
    house = House()
    wish = house.tasks.ask(house.name, dry_run=dry_run)
    done = house.keeping.run(house.name)
    assert done is not None
    assert not done.dry_run
    found = house.record
    assert (found.asked, found.answered) == ((wish, "") if dry_run else ("", wish))


def test_a_run_by_name_waits_for_no_lease() -> None:
    """Whoever names a task wants it now: the one before may have been killed."""
    house = House()
    other = House(house.clock, house.table, house.ids)
    done: list[TaskRun | None] = []
    house.chore.deed = lambda: done.append(other.keeping.run(house.name))
    house.tick()
    assert [task is not None for task in done] == [True]
    assert len(other.chore.runs) == 1


def test_one_that_never_ran_or_achieves_nothing_is_seen() -> None:
    """A record is shown for every task there may be."""
    house = House()
    assert [task.name for task in house.tasks.all()] == list(EVERY)
    assert {task.began_at for task in house.tasks.all()} == {None}
    assert not house.record.achieves_nothing(house.clock.now())
    house.chore.error = Unavailable("away")
    for _ in range(4):
        with pytest.raises(Unavailable):
            house.tick(HOUR)
    assert house.record.achieves_nothing(house.clock.now() + HOUR)
    house.chore.error = None
    house.tick(HOUR)
    assert not house.record.achieves_nothing(house.clock.now() + 3 * HOUR)
    assert house.record.achieves_nothing(house.clock.now() + 3 * HOUR + SECOND)


def test_a_task_that_does_not_exist_is_refused() -> None:
    """The error names those that do."""
    house = House()
    with pytest.raises(NotFound, match="sweep_github"):
        house.tasks.ask("swep")
    with pytest.raises(NotFound, match="mirror"):
        house.keeping.run("swep")


def test_the_sweeps_change_nothing_in_a_dry_run() -> None:
    """They say what they would do; the run after it does that."""
    world = World(webhooks=lambda event: () if getattr(event, "action", "") == "queued" else (0,))
    job = world.push_job()
    keeping = world.fleet.house.tasks()
    world.clock.advance(MINUTE)
    tasks = Tasks(tasks=world.table.tasks, decisions=MemoryDecisions(), clock=world.clock, ids=world.ids)
    tasks.ask("sweep_github", dry_run=True)
    compared = keeping.when_due("sweep_github")
    assert compared is not None
    assert compared.report.acts[-1].endswith(f"job {job}")
    assert world.fleet.dispatch_once() == 0
    keeping.run("sweep_github")
    world.fleet.dispatch_once()
    machine = world.record(job).machine
    assert machine is not None
    world.cloud.terminate([machine])
    world.clock.advance(5 * MINUTE)
    tasks.ask("sweep", dry_run=True)
    swept = keeping.when_due("sweep")
    assert swept is not None
    assert machine in swept.report.acts[0]
    assert (swept.report.attempted, swept.report.left) == (0, len(swept.report.acts))
    assert world.record(job).machine == machine
    keeping.run("sweep")
    assert world.record(job).machine != machine


def test_a_round_counts_what_it_tries() -> None:
    """What failed is among what was attempted, and has its words."""
    run = Round()
    run.kinds["deleted"] += run.does("x is deleted", lambda: 1) or 0
    run.kinds["failed"] += 1

    def fail() -> int:
        raise Unavailable("away")

    assert run.does("y is deleted", fail) is None
    report = run.report(cursor="z")
    assert (report.attempted, report.succeeded, report.failed, report.cursor) == (2, 1, 1, "z")
    assert (report.acts, report.errors) == (("x is deleted",), ("y is deleted: Unavailable: away",))
    dry = Round(dry_run=True)
    assert dry.does("x is deleted", fail) is None
    assert (dry.report().acts, dry.report().attempted) == (("x is deleted",), 0)
