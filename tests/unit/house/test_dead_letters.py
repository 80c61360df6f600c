"""Dead letters: another life for each, a few times and later each time; what dies again after that stays dead."""

from collections.abc import Callable
from typing import Any

import pytest

from paddock.adapters.memory import ManualClock, MemoryDecisions, MemoryQueue
from paddock.adapters.simulation.wires import Crash, Wired
from paddock.core.decision import Decision
from paddock.core.errors import AccessDenied, Unavailable
from paddock.core.job import JobFacts
from paddock.core.messages import JobRequested, MachineChanged, RunCompleted
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from paddock.core.usecases.house.dead_letters import MOST_POISONED, MOST_SHOWN, MOST_TRIED, DeadLetters, Memory, Tried
from tests.faults import Failing, Fuse
from tests.strategies import NOON

Queue = MemoryQueue[Any]


def run_completed(number: int) -> RunCompleted:
    return RunCompleted(number, 1, "acme/api", None)


def job_requested(number: int) -> JobRequested:
    return JobRequested(JobFacts(number, 1, "acme/api", ("paddock",)), NOON)


class House:
    """Two queues that give a message up after one loan of a second, and the task with what it remembers."""

    def __init__(self, around: Callable[[str, object], Any] = lambda _, port: port, most: int = 1_000) -> None:
        self.clock = ManualClock(NOON)
        self.jobs: Queue = MemoryQueue(self.clock, visibility=SECOND, max_receives=1)
        self.events: Queue = MemoryQueue(self.clock, visibility=SECOND, max_receives=1)
        self.decisions = MemoryDecisions()
        self.queues = {"jobs": around("jobs", self.jobs), "events": around("events", self.events)}
        self.written = around("decisions", self.decisions)
        self.most = most
        self.cursor = ""

    def die(self) -> int:
        """Every message that waits is lent, and never done; how many there were."""
        lent = sum(len(queue.receive(10_000)) for queue in (self.jobs, self.events))
        self.clock.advance(SECOND)
        return lent

    def run(self, *, dry_run: bool = False) -> TaskReport:
        """One run, which goes on where the last one ended."""
        task = DeadLetters(queues=self.queues, decisions=self.written, clock=self.clock, most=self.most)
        report = task(dry_run=dry_run, cursor=self.cursor)
        self.cursor = report.cursor
        return report

    def minutes(self, count: int) -> dict[str, int]:
        """A run each minute, in which everything that is put back dies at once; what was done in all."""
        total: dict[str, int] = {}
        for _ in range(count):
            report = self.run()
            assert not report.errors
            for kind in ("put_back", "quarantined"):
                total[kind] = total.get(kind, 0) + report.by_kind.get(kind, 0)
            self.die()
            self.clock.advance(MINUTE - SECOND)
        return total

    def quarantined(self, subject: str) -> list[Decision]:
        """What was decided about it."""
        return list(self.decisions.about(subject))


def test_nothing_dead_is_nothing_done() -> None:
    """And nothing is remembered."""
    assert House().run() == TaskReport()


def test_a_dead_letter_is_put_back_at_once() -> None:
    """On its own queue, where it is handled as if nothing had been."""
    house = House()
    house.jobs.send([job_requested(1)])
    house.events.send([run_completed(1), run_completed(2)])
    house.die()
    report = house.run()
    assert (report.attempted, report.succeeded, report.failed, report.left) == (3, 3, 0, 0)
    assert report.by_kind == {"put_back": 3}
    assert report.acts == ("put back 1 dead letters of jobs", "put back 2 dead letters of events")
    assert [one.message for one in house.jobs.receive(10)] == [job_requested(1)]
    assert len(house.events.receive(10)) == 2


def test_each_further_try_is_later_than_the_one_before() -> None:
    """After a quarter of an hour, and after an hour: what was wrong may take that long to be mended."""
    house = House()
    house.events.send([run_completed(1)])
    house.die()
    tries = []
    for minute in range(200):
        if house.run().by_kind.get("put_back"):
            tries.append(minute)
        house.die()
        house.clock.advance(MINUTE - SECOND)
    assert tries == [0, 15, 75]


def test_what_waits_for_its_next_try_is_left() -> None:
    """It is counted, and is no failure."""
    house = House()
    house.events.send([run_completed(1)])
    house.die()
    house.run()
    house.die()
    report = house.run()
    assert (report.attempted, report.left, report.by_kind) == (0, 1, {"waiting": 1})


def test_a_letter_that_dies_after_its_last_try_is_quarantined_and_told_once() -> None:
    """It stays where it is for ever; the decision stands where its job is explained."""
    house = House()
    house.jobs.send([job_requested(7)])
    house.die()
    assert house.minutes(200) == {"put_back": 3, "quarantined": 1}
    (decision,) = house.quarantined("job:7")
    assert (decision.verdict, decision.facts["queue"]) == ("quarantined", "jobs")
    assert house.run().by_kind == {"in_quarantine": 1}
    assert not Memory.read(house.cursor).tried
    house.clock.advance(30 * DAY)
    assert house.run().by_kind == {"in_quarantine": 1}
    assert (house.jobs.depth().dead, len(house.quarantined("job:7"))) == (1, 1)


def test_the_report_says_which_letter_is_poison() -> None:
    """The job, the machine or the run that it is about, and by which digest decisions name it."""
    house = House()
    house.jobs.send([job_requested(7)])
    house.events.send([MachineChanged("i-1", "stopped", NOON, NOON), run_completed(3)])
    house.die()
    house.minutes(76)
    report = house.run()
    assert (report.attempted, report.succeeded, report.by_kind["quarantined"]) == (3, 3, 3)
    told = [act.partition(": ")[0] for act in report.acts]
    assert [act.partition(" of ")[2] for act in told] == [
        "jobs, about job 7",
        "events, about machine i-1",
        "events, about run 3 of acme/api",
    ]
    assert house.quarantined("machine:i-1")
    (letter,) = [act.split()[2] for act in told if "about run" in act]
    assert house.quarantined(f"letter:{letter}")


def test_a_letter_is_known_by_its_text_and_its_queue() -> None:
    """Copies of it share its tries, and are put back together; the same text on another queue is another letter."""
    house = House()
    house.events.send([run_completed(1), run_completed(1)])
    house.die()
    assert house.minutes(5) == {"put_back": 2, "quarantined": 0}
    house.jobs.send([run_completed(1)])
    house.die()
    assert house.run().by_kind == {"put_back": 1, "waiting": 2}
    house.die()
    assert house.minutes(80) == {"put_back": 6, "quarantined": 2}
    assert house.run().by_kind == {"in_quarantine": 3}


def test_poison_keeps_no_other_letter_from_its_tries() -> None:
    """Neither the letters before it nor those behind it."""
    house = House()
    house.events.send([run_completed(number) for number in range(30)])
    house.die()
    house.minutes(80)
    house.events.send([run_completed(99)])
    house.die()
    assert house.run().by_kind == {"in_quarantine": 30, "put_back": 1}
    assert [one.message for one in house.events.receive(10)] == [run_completed(99)]


def test_what_cannot_be_read_stays_dead() -> None:
    """It would die at once."""
    house = House()
    house.events.send_text("broken")
    house.die()
    assert house.run() == house.run(dry_run=True) == TaskReport()
    assert house.events.depth().dead == 1


def test_a_storm_is_put_back_as_fast_as_the_limit_lets() -> None:
    """Of each queue so many a run; what is left is counted."""
    house = House(most=1_000)
    house.events.send([run_completed(number) for number in range(2_500)])
    house.jobs.send([job_requested(1)])
    house.die()
    reports = [house.run() for _ in range(3)]
    assert [report.by_kind["put_back"] for report in reports] == [1_001, 1_000, 500]
    assert [report.left for report in reports] == [1_500, 500, 0]
    assert len(house.events.receive(10_000)) == 2_500
    assert len(house.cursor) < 6_000


def test_beyond_what_is_remembered_a_storm_that_dies_again_begins_anew() -> None:
    """None is lost or kept from its tries; each must die for each further one, and the newest are remembered."""
    house = House()
    house.events.send([run_completed(number) for number in range(3 * MOST_TRIED)])
    house.die()
    house.run()
    assert house.die() == 3 * MOST_TRIED
    assert house.run().by_kind == {"put_back": 2 * MOST_TRIED, "waiting": MOST_TRIED}


def test_a_storm_sets_no_poison_free() -> None:
    """What is in quarantine is remembered apart."""
    house = House()
    house.events.send([run_completed(number) for number in range(MOST_POISONED)])
    house.die()
    house.minutes(80)
    house.events.send([run_completed(1_000 + number) for number in range(2 * MOST_TRIED)])
    house.die()
    assert house.run().by_kind == {"in_quarantine": MOST_POISONED, "put_back": 2 * MOST_TRIED}
    assert house.run().by_kind == {"in_quarantine": MOST_POISONED}
    assert len(house.cursor) < 6_000


def test_the_oldest_tries_are_forgotten_where_there_are_too_many() -> None:
    """By when they were, whatever the order in which the letters died first."""
    times = [number * 7 % (MOST_TRIED + 1) for number in range(MOST_TRIED + 1)]
    memory = Memory({f"{number:016x}": Tried(1, NOON + number * SECOND) for number in times})
    tried = Memory.read(memory.text(NOON + HOUR)).tried
    assert [one.at for one in tried.values()] == [NOON + number * SECOND for number in range(1, MOST_TRIED + 1)]


def test_the_oldest_is_forgotten_where_there_is_too_much_poison() -> None:
    """It is tried and told anew: better than a record that grows for ever."""
    memory = Memory({}, [f"{number:016x}" for number in range(MOST_POISONED + 1)])
    assert Memory.read(memory.text(NOON)).poison == tuple(memory.poison[1:])


def test_what_was_not_heard_of_for_days_is_forgotten() -> None:
    """It was handled; so an idle fleet's record is small."""
    house = House()
    house.events.send([run_completed(1)])
    house.die()
    house.run()
    assert house.cursor
    house.events.delete([one.receipt for one in house.events.receive(1)])
    house.clock.advance(2 * DAY + SECOND)
    house.run()
    assert not house.cursor


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", "3", '{"tried": []}', '{"tried": {"a": 1}, "poison": []}'])
def test_a_cursor_that_cannot_be_read_is_an_empty_memory(cursor: str) -> None:
    """A newer or older version may have written it."""
    assert Memory.read(cursor) == Memory()


def test_a_cursor_says_what_was_remembered() -> None:
    """To the second."""
    memory = Memory({"a": Tried(2, NOON), "b": Tried(1, NOON + MINUTE)}, ("c",))
    assert Memory.read(memory.text(NOON + HOUR)) == memory


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    """Nothing is put back, decided or remembered."""
    house = House()
    house.jobs.send([job_requested(7)])
    house.die()
    house.minutes(76)
    house.events.send([run_completed(3), run_completed(4)])
    house.events.send_text("broken")
    house.die()
    before = house.cursor
    report = house.run(dry_run=True)
    assert [act.partition(" letter ")[0] for act in report.acts] == ["quarantine"] + ["put back"] * 2
    assert (report.attempted, report.by_kind) == (0, {"quarantined": 1, "put_back": 2})
    assert (house.cursor, house.quarantined("job:7")) == (before, [])
    assert (house.jobs.depth().dead, house.events.depth().dead) == (1, 3)
    assert house.run().by_kind == report.by_kind


def test_a_dry_run_looks_at_so_many_and_counts_the_rest() -> None:
    """While they are looked at nobody else sees them."""
    house = House()
    house.events.send([run_completed(number) for number in range(MOST_SHOWN + 3)])
    house.die()
    report = house.run(dry_run=True)
    assert (len(report.acts), report.left) == (MOST_SHOWN, 3)


def test_a_queue_that_does_not_answer_stops_no_other() -> None:
    """Its error is told."""
    failing = Failing({"jobs.redrive": AccessDenied("no right to receive")})
    house = House(failing.around)
    house.jobs.send([job_requested(1)])
    house.events.send([run_completed(1)])
    house.die()
    report = house.run()
    assert (report.attempted, report.succeeded, report.failed) == (2, 1, 1)
    assert report.errors == ("jobs: AccessDenied: no right to receive",)
    assert house.events.depth().dead == 0
    failing.errors.clear()
    assert house.run().by_kind == {"put_back": 1}


def test_a_redrive_whose_answer_is_lost_counts_for_what_it_put_back() -> None:
    """Else a letter that is sent and cannot be deleted would be sent each minute, for ever."""

    def lost(name: str, port: object) -> Any:  # noqa: ANN401 - any port
        def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - any answer
            answer = call()
            if what == "events.redrive":
                raise Unavailable("no answer")
            return answer

        return Wired(name, port, intercept)

    house = House(lost)
    house.events.send([run_completed(1)])
    house.die()
    report = house.run()
    assert (report.by_kind, report.failed) == ({"put_back": 1}, 1)
    house.die()
    assert house.run().by_kind == {"waiting": 1}


def test_a_quarantine_that_cannot_be_written_down_is_told_by_the_next_run() -> None:
    """It stays dead meanwhile."""
    failing = Failing()
    house = House(failing.around)
    house.jobs.send([job_requested(7)])
    house.die()
    house.minutes(76)
    failing.errors["decisions.append"] = Unavailable("away")
    report = house.run()
    assert (report.by_kind, report.failed) == ({}, 1)
    failing.errors.clear()
    assert house.run().by_kind == {"quarantined": 1}
    assert len(house.quarantined("job:7")) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_dies_loses_no_letter(*, after: bool) -> None:
    """Wherever it dies. What it put back is not remembered, and has one try more."""
    for at in range(1, 10):
        fuse = Fuse(at, after=after)
        house = House(fuse.around)
        house.jobs.send([job_requested(1)])
        house.events.send([run_completed(1)])
        house.die()
        try:
            house.run()
        except Crash:
            house.queues = {"jobs": house.jobs, "events": house.events}
            house.run()
        else:
            assert at > 2
        assert house.jobs.depth().waiting == house.events.depth().waiting == 1


def test_a_request_of_long_ago_stays_dead() -> None:
    """GitHub has given the job up; a machine for it would be launched for nothing, and nobody else would ask."""
    house = House()
    ages = {1: 25 * HOUR, 2: 23 * HOUR}
    facts = [JobFacts(number, 1, "acme/api", ("paddock",), created_at=NOON - age) for number, age in ages.items()]
    house.jobs.send([JobRequested(one, NOON) for one in facts])
    house.die()
    report = house.run()
    assert (report.by_kind["put_back"], report.by_kind["too_old"]) == (1, 1)
    assert house.jobs.depth().dead == 1
