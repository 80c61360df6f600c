"""Reports on their way from a machine's directory to the queue, past whatever a hostile job puts there."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from paddock.adapters.memory import ManualClock, MemoryQueue
from paddock.adapters.process import Collected, FileAssignments, Mailbox
from paddock.agent.local.machine import FileAssignmentSource
from paddock.agent.machine.clock import SteadyClock
from paddock.core.codec import message_to_data
from paddock.core.errors import InvalidInput, Unavailable
from paddock.core.messages import Assignment, EventMessage, ReportEvent, RunnerReported
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.units import DAY, SECOND, Span
from paddock.entrypoints.local.places import Places
from tests.agent.runner_package import assignment
from tests.threads import race

NOON = 1_795_348_800 * SECOND
REPORT = RunnerReported(ReportEvent.HEARTBEAT, "m-1", 1, 1, "paddock--m-1--x", NOON)


def lay(root: Path, machine: str, name: str, report: RunnerReported | str) -> Path:
    """Put a report (or any text) into a machine's outbox."""
    outbox = root / "machines" / machine / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    path = outbox / name
    path.write_text(report if isinstance(report, str) else json.dumps(message_to_data(report)))
    return path


class ToldQueue(MemoryQueue[EventMessage]):
    """Remembers what it was sent, in order, and fails on demand."""

    def __init__(self) -> None:
        super().__init__(ManualClock(NOON))
        self.sent: list[EventMessage] = []
        self.broken = False

    def send(self, messages: Sequence[EventMessage], *, delay: Span = 0) -> None:
        """As the port says, unless it is broken."""
        if self.broken:
            raise Unavailable("the queue is away")
        self.sent += messages
        super().send(messages, delay=delay)


@pytest.fixture
def queue() -> ToldQueue:
    """An empty queue."""
    return ToldQueue()


def test_reports_go_in_order_and_are_deleted(tmp_path: Path, queue: ToldQueue) -> None:
    """By number, machine by machine; what is being written is left alone."""
    for number in (10, 2, 1):
        lay(tmp_path, "m-1", f"{number:06}-heartbeat.json", attrs.evolve(REPORT, at=NOON + number))
    part = lay(tmp_path, "m-1", ".000011-finished.json.part", "half")
    lay(tmp_path, "m-2", "000001-heartbeat.json", attrs.evolve(REPORT, machine="m-2"))
    assert Mailbox(tmp_path, queue).collect() == Collected(4)
    assert [report.at - NOON for report in queue.sent if isinstance(report, RunnerReported)] == [1, 2, 10, 0]
    assert list((tmp_path / "machines" / "m-1" / "outbox").iterdir()) == [part]
    assert Mailbox(tmp_path, queue).collect() == Collected()


def test_a_machine_speaks_for_itself_alone(tmp_path: Path, queue: ToldQueue) -> None:
    """Whatever name stands in the report, it is filed under its own machine, and the attempt is told."""
    lay(tmp_path, "m-1", "000001-finished.json", attrs.evolve(REPORT, machine="m-2"))
    assert Mailbox(tmp_path, queue).collect() == Collected(1, (), ("machines/m-1/outbox/000001-finished.json",))
    assert queue.sent == [REPORT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "[" * 100_000,
        json.dumps({"kind": "job_requested", "version": 1}),
        json.dumps({**message_to_data(REPORT), "event": "exploded"}),
        json.dumps({**message_to_data(REPORT), "version": 99}),
        json.dumps(message_to_data(assignment("m-1", "http://x.test/", b""))),
        "x" * 2_000_000,
    ],
    ids=["empty", "text", "list", "deep", "another kind", "another event", "another version", "no report", "huge"],
)
def test_what_cannot_be_read_is_moved_aside(tmp_path: Path, queue: ToldQueue, text: str) -> None:
    """It is told and kept for whoever looks, and does not stop the others."""
    lay(tmp_path, "m-1", "000001-started.json", text)
    lay(tmp_path, "m-1", "000002-heartbeat.json", REPORT)
    assert Mailbox(tmp_path, queue).collect() == Collected(1, ("machines/m-1/outbox/000001-started.json",))
    assert (tmp_path / "machines" / "m-1" / "outbox" / "bad" / "000001-started.json").read_text() == text
    assert queue.sent == [REPORT]


def test_bytes_that_are_no_text_are_moved_aside(tmp_path: Path, queue: ToldQueue) -> None:
    """A report that is not even text is put where people find it, and the others go on."""
    lay(tmp_path, "m-1", "000001-started.json", "").write_bytes(b"\xff\xfe")
    assert len(Mailbox(tmp_path, queue).collect().bad) == 1


def test_links_pipes_and_directories_are_not_read(tmp_path: Path, queue: ToldQueue) -> None:
    """A job could point at the fleet's own files, or at something that never answers."""
    (tmp_path / "secret.json").write_text(json.dumps(message_to_data(REPORT)))
    outbox = lay(tmp_path, "m-1", "000004-heartbeat.json", REPORT).parent
    (outbox / "000001-started.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(outbox / "000002-started.json")
    (outbox / "000003-started.json").mkdir()
    collected = Mailbox(tmp_path, queue).collect()
    assert (collected.sent, len(collected.bad)) == (1, 3)
    assert (tmp_path / "secret.json").exists()


def test_an_outbox_that_leads_elsewhere_is_not_entered(tmp_path: Path, queue: ToldQueue) -> None:
    """Neither the outbox nor the place for bad reports may be a link."""
    elsewhere = lay(tmp_path, "m-2", "000001-heartbeat.json", attrs.evolve(REPORT, machine="m-2")).parent
    (tmp_path / "machines" / "m-1").mkdir()
    (tmp_path / "machines" / "m-1" / "outbox").symlink_to(elsewhere)
    assert Mailbox(tmp_path, queue).collect() == Collected(1)
    bad = lay(tmp_path, "m-3", "000001-started.json", "bad").parent / "bad"
    bad.symlink_to(elsewhere)
    assert len(Mailbox(tmp_path, queue).collect().bad) == 1
    assert list(elsewhere.iterdir()) == []
    assert list(bad.parent.iterdir()) == [bad]


def test_a_queue_that_is_away_loses_nothing(tmp_path: Path, queue: ToldQueue) -> None:
    """The files stay until the queue has them."""
    lay(tmp_path, "m-1", "000001-heartbeat.json", REPORT)
    queue.broken = True
    with pytest.raises(Unavailable):
        Mailbox(tmp_path, queue).collect()
    queue.broken = False
    assert Mailbox(tmp_path, queue).collect() == Collected(1)


def test_one_machine_cannot_starve_the_others(tmp_path: Path, queue: ToldQueue) -> None:
    """A flood is worked off in rounds, and each round comes to everybody."""
    for number in range(250):
        lay(tmp_path, "m-1", f"{number:06}-heartbeat.json", REPORT)
    lay(tmp_path, "m-2", "000001-heartbeat.json", REPORT)
    mailbox = Mailbox(tmp_path, queue)
    assert [mailbox.collect().sent for _ in range(4)] == [101, 100, 50, 0]


def test_a_fleet_without_machines_has_no_mail(tmp_path: Path, queue: ToldQueue) -> None:
    """Nothing there yet is no error."""
    assert Mailbox(tmp_path / "new", queue).collect() == Collected()
    assert Mailbox(tmp_path / "new", queue).sweep(0, NOON) == ()


def test_an_abandoned_assignment_is_swept(tmp_path: Path, queue: ToldQueue) -> None:
    """A directory that holds no machine is removed when it is old, with the secret in it."""
    FileAssignments(tmp_path).put(assignment("m-1", "http://x.test/", b""))
    mailbox = Mailbox(tmp_path, queue)
    made = int((tmp_path / "machines" / "m-1").stat().st_mtime * SECOND)
    assert mailbox.sweep(DAY, made + DAY) == ()
    assert mailbox.sweep(DAY, made + DAY + 2 * SECOND) == ("m-1",)
    assert not (tmp_path / "machines" / "m-1").exists()


def test_what_is_no_machine_is_never_swept(tmp_path: Path, queue: ToldQueue) -> None:
    """Somebody's directory beside the machines stays, however old it is; one that was only begun goes."""
    theirs, begun = tmp_path / "machines" / "laser-cutter", tmp_path / "machines" / "m-1"
    theirs.mkdir(parents=True)
    begun.mkdir()
    (theirs / "plans.txt").write_text("years of work")
    (begun / ".machine.json.7.part").touch()
    mailbox = Mailbox(tmp_path, queue)
    made = int(begun.stat().st_mtime * SECOND)
    assert mailbox.sweep(DAY, made + 9 * DAY) == ("m-1",)
    assert (theirs / "plans.txt").read_text() == "years of work"


def test_a_state_that_is_somebody_elses_is_refused(tmp_path: Path) -> None:
    """A directory with machines that no fleet made is not taken for a fleet's; an empty one, or a fleet's own, is."""
    (tmp_path / "machines" / "laser-cutter").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="a directory 'machines' that no fleet made"):
        Places(tmp_path).make()
    (tmp_path / "fleet.db").touch()
    Places(tmp_path).make()
    Places(tmp_path / "new").make()


@pytest.mark.parametrize("machine", ["", "..", "../m-1", "a/b", ".hidden", "x" * 129, "m\n1"])
def test_an_id_that_could_be_a_path_is_refused(tmp_path: Path, machine: str) -> None:
    """No file is written outside a machine's directory, nor read or deleted there."""
    assignments = FileAssignments(tmp_path)
    with pytest.raises(InvalidInput, match="machine = "):
        assignments.put(assignment(machine, "http://x.test/", b""))
    assert assignments.get(machine) is None
    assignments.delete(machine)
    assert list(tmp_path.iterdir()) == []


def test_an_assignments_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 in a directory of mode 0700, from the first moment."""
    FileAssignments(tmp_path).put(assignment("m-1", "http://x.test/", b""))
    directory = tmp_path / "machines" / "m-1"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [(path.name, path.stat().st_mode & 0o777) for path in directory.iterdir()] == [("assignment.json", 0o600)]


def test_of_those_who_assign_while_the_agent_takes_only_one_is_ever_read(tmp_path: Path) -> None:
    """However the writers and the reader cross, a machine reads one assignment, and nothing lies there afterwards."""
    assignments = FileAssignments(tmp_path)
    for turn in range(60):
        machine = f"m-{turn}"
        source = FileAssignmentSource(
            tmp_path / "machines" / machine, clock=SteadyClock(), below=lambda _: 0, sleep=rest
        )
        offers = [assignment(machine, "http://x.test/", b"", runner_id=number + 1) for number in range(3)]

        def act(
            number: int, offers: list[Assignment] = offers, source: FileAssignmentSource = source
        ) -> AssignmentReceipt | object:
            return source.take(10 * SECOND) if number == len(offers) else assignments.put(offers[number])

        *receipts, taken = race(len(offers) + 1, act)
        assert isinstance(taken, dict)
        final = AssignmentReceipt(machine, taken["runner_name"], taken["runner_id"], taken=True)
        assert assignments.get(machine) == final
        assert {receipt.runner_id for receipt in receipts if isinstance(receipt, AssignmentReceipt)} == {
            final.runner_id
        }
        assert source.take(0) is None


def rest(_: float) -> None:
    """Give the others a turn, and look again at once."""
    os.sched_yield()
