"""Reports on their way out of the machine: on the disk first, in order, again and again, and never lost."""

import json
import os
import resource
import threading
from pathlib import Path

import pytest

from paddock.agent.ports import ReportSink
from paddock.agent.telling.delivery import Delivery, Refused, ReportTransport, deliver_spool
from paddock.agent.telling.report import Event
from paddock.agent.telling.state import StateFile, last_words
from tests.agent.machine import eventually
from tests.agent.telling import NOON, ToldTransport, a_log, a_report

_: type[ReportTransport] = ToldTransport
QUICK = 0.005


def a_delivery(root: Path, transport: ToldTransport | None, *, patience: float = 30.0) -> Delivery:
    """A delivery with a spool in the directory."""
    delivery = Delivery(root / "spool", transport, a_log(root), patience=patience, pause=QUICK)
    _: ReportSink = delivery
    return delivery


def spooled(root: Path) -> list[str]:
    """The names of the reports on the disk."""
    return sorted(path.name for path in (root / "spool").glob("*.json"))


def no_thread_is_left() -> bool:
    """True once nobody delivers any more."""
    return not any(thread.name == "reports" for thread in threading.enumerate())


def test_reports_arrive_in_order_and_leave_the_disk(tmp_path: Path) -> None:
    """With all their fields; the thread ends when nothing waits."""
    transport = ToldTransport()
    delivery = a_delivery(tmp_path, transport)
    events = (Event.STARTED, Event.HEARTBEAT, Event.FINISHED)
    reports = [a_report(event, NOON + at, reason="rebalance") for at, event in enumerate(events)]
    for report in reports:
        delivery.send(report)
    assert delivery.flush()
    assert transport.told == [json.loads(json.dumps(report.to_data())) for report in reports]
    assert spooled(tmp_path) == []
    eventually(no_thread_is_left, "the end of the thread")


def test_a_report_is_on_the_disk_before_it_is_offered(tmp_path: Path) -> None:
    """And sending does not wait for a transport that hangs."""
    transport = ToldTransport()
    transport.open.clear()
    delivery = a_delivery(tmp_path, transport)
    delivery.send(a_report(Event.STARTED))
    delivery.send(a_report(Event.FINISHED))
    assert spooled(tmp_path) == ["000001-started.json", "000002-finished.json"]
    assert (tmp_path / "spool" / "000001-started.json").stat().st_mode & 0o777 == 0o600
    assert transport.told == []
    transport.open.set()
    assert delivery.flush()


def test_an_outage_delays_and_loses_nothing(tmp_path: Path) -> None:
    """It is tried again until it works; nothing overtakes what waits, and the log tells of the outage once."""
    transport = ToldTransport(*[ConnectionResetError("gone")] * 7)
    delivery = a_delivery(tmp_path, transport)
    delivery.send(a_report(Event.STARTED))
    delivery.send(a_report(Event.FINISHED))
    eventually(lambda: len(transport.told) == 2, "both reports")
    assert transport.events == ["started", "finished"]
    assert (tmp_path / "agent.log").read_text().count("report_waits") == 1


def test_a_sign_of_life_keeps_nothing_waiting(tmp_path: Path) -> None:
    """A heartbeat that waits goes when anything newer comes; a start, an end and a warning keep their places."""
    transport = ToldTransport()
    transport.down = OSError("away")
    delivery = a_delivery(tmp_path, transport)
    delivery.send(a_report(Event.STARTED))
    for at in range(5):
        delivery.send(a_report(Event.HEARTBEAT, NOON + at))
    delivery.send(a_report(Event.HEARTBEAT, NOON + 5, interrupted_by="spot", reason="spot_notice"))
    for at in range(6, 9):
        delivery.send(a_report(Event.HEARTBEAT, NOON + at))
    assert len(spooled(tmp_path)) == 3
    delivery.send(a_report(Event.FINISHED, NOON + 9))
    assert len(spooled(tmp_path)) == 3
    transport.down = None
    assert delivery.flush()
    told = [(data["event"], data["at"]) for data in transport.told]
    assert told == [("started", NOON), ("heartbeat", NOON + 5), ("finished", NOON + 9)]


def test_that_a_machine_is_ready_is_not_kept(tmp_path: Path) -> None:
    """It is true as long as it waits: no file outlives it, a newer word takes its place, and leaving it is not said."""
    transport = ToldTransport()
    transport.down = OSError("away")
    delivery = a_delivery(tmp_path, transport, patience=0.2)
    for at in range(3):
        delivery.send(a_report(Event.READY, NOON + at))
    assert spooled(tmp_path) == []
    assert [entry.data["at"] for entry in delivery._waiting] == [NOON + 2]
    assert delivery.flush()
    transport.down = None
    delivery.send(a_report(Event.READY, NOON + 3))
    eventually(lambda: transport.told, "the word while it waits")
    delivery.send(a_report(Event.FAILED_TO_START, NOON + 4))
    assert delivery.flush()
    assert [(data["event"], data["at"]) for data in transport.told] == [
        ("ready", NOON + 3),
        ("failed_to_start", NOON + 4),
    ]


def test_that_a_machine_is_ready_says_nothing_of_what_it_is_at(tmp_path: Path) -> None:
    """While it is told, orders may be taken, and that is what must stand on the disk: the agent may die of it."""
    state = StateFile(tmp_path)
    state.note("taking", machine="m-1")
    before = (tmp_path / "state.json").read_bytes()
    delivery = Delivery(tmp_path / "spool", ToldTransport(), a_log(tmp_path), state=state, pause=QUICK)
    delivery.send(a_report(Event.READY))
    assert delivery.flush()
    assert (tmp_path / "state.json").read_bytes() == before


def test_where_files_are_collected_a_ready_machine_leaves_one(tmp_path: Path) -> None:
    """There is no other way."""
    a_delivery(tmp_path, None).send(a_report(Event.READY))
    assert spooled(tmp_path) == ["000001-ready.json"]


def test_what_is_refused_is_set_aside(tmp_path: Path) -> None:
    """It is kept for people and does not stop the others."""
    transport = ToldTransport(Refused("too large"))
    delivery = a_delivery(tmp_path, transport)
    delivery.send(a_report(Event.STARTED))
    delivery.send(a_report(Event.FINISHED))
    assert delivery.flush()
    assert transport.events == ["finished"]
    assert [path.name for path in (tmp_path / "spool" / "bad").iterdir()] == ["000001-started.json"]
    assert "report_refused" in (tmp_path / "agent.log").read_text()


def test_an_end_that_is_refused_was_not_delivered(tmp_path: Path) -> None:
    """Whoever asks whether all is told hears that it is not."""
    delivery = a_delivery(tmp_path, ToldTransport(Refused("too large")))
    delivery.send(a_report(Event.FINISHED))
    assert not delivery.flush()


def test_a_second_flush_tries_again(tmp_path: Path) -> None:
    """Also if the first one gave up while the transport hung: the other side may be back."""
    transport = ToldTransport(OSError("cut off"))
    transport.open.clear()
    delivery = a_delivery(tmp_path, transport, patience=0.2)
    delivery.send(a_report(Event.FINISHED))
    assert not delivery.flush()
    threading.Timer(0.05, transport.open.set).start()
    assert delivery.flush()
    assert transport.events == ["finished"]


def test_a_fault_of_the_transport_silences_nobody(tmp_path: Path) -> None:
    """An error that it should not raise is tried again some times, then the report is set aside."""
    transport = ToldTransport(*[KeyError("bug")] * 5)
    delivery = a_delivery(tmp_path, transport)
    delivery.send(a_report(Event.STARTED))
    delivery.send(a_report(Event.FINISHED))
    assert delivery.flush()
    assert (transport.calls, transport.events) == (6, ["finished"])


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "fails"])
def test_the_last_flush_has_a_bound(tmp_path: Path, *, hangs: bool) -> None:
    """What is left stays on the disk, and the next start of the agent delivers it, in order, before its own."""
    transport = ToldTransport()
    transport.down = OSError("away")
    if hangs:
        transport.open.clear()
    delivery = a_delivery(tmp_path, transport, patience=0.05)
    delivery.send(a_report(Event.STARTED))
    delivery.send(a_report(Event.FINISHED))
    assert not delivery.flush()
    transport.open.set()
    eventually(no_thread_is_left, "the end of the thread")
    assert spooled(tmp_path) == ["000001-started.json", "000002-finished.json"]
    later = ToldTransport()
    assert deliver_spool(tmp_path / "spool", later, a_log(tmp_path), say=a_report(Event.HEARTBEAT), pause=QUICK)
    assert later.events == ["started", "finished", "heartbeat"]
    assert spooled(tmp_path) == []


def test_a_report_may_arrive_twice_and_is_then_the_same(tmp_path: Path) -> None:
    """A transport that takes a report and then fails gets it again, equal in every field."""
    transport = ToldTransport(TimeoutError("no answer"), takes_before_failing=True)
    delivery = a_delivery(tmp_path, transport)
    delivery.send(a_report(Event.FINISHED))
    assert delivery.flush()
    assert len(transport.told) == 2
    assert transport.told[0] == transport.told[1]


def test_a_full_disk_keeps_no_report_back(tmp_path: Path) -> None:
    """It is kept in memory and sent all the same."""
    transport = ToldTransport()
    transport.down = OSError("away")
    delivery = a_delivery(tmp_path, transport)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        delivery.send(a_report(Event.STARTED))
        assert spooled(tmp_path) == []
        transport.down = None
        eventually(lambda: transport.told, "the report")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_that_are_collected_are_written_in_order_once_there_is_room(tmp_path: Path) -> None:
    """Without a transport the spool is the outbox: what had no room comes with the flush, the first one first."""
    delivery = a_delivery(tmp_path, None)
    (tmp_path / "spool").write_text("in the way")
    delivery.send(a_report(Event.STARTED))
    assert not delivery.flush()
    (tmp_path / "spool").unlink()
    delivery.send(a_report(Event.FINISHED))
    assert delivery.flush()
    assert spooled(tmp_path) == ["000001-started.json", "000002-finished.json"]


def test_secrets_do_not_leave_with_a_report(tmp_path: Path) -> None:
    """Neither in the tail of an error nor in a job's name; not on the disk, and not on the way."""
    transport = ToldTransport()
    log = a_log(tmp_path)
    log.hide("hunter2-hunter2")
    delivery = Delivery(tmp_path / "spool", transport, log, state=StateFile(tmp_path))
    delivery.send(a_report(Event.FINISHED, detail="no: hunter2-hunter2", job_name="print hunter2-hunter2"))
    assert delivery.flush()
    assert (transport.told[0]["detail"], transport.told[0]["job_name"]) == ("no: ***", "print ***")
    assert all("hunter2" not in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_what_lies_in_the_spool_is_read_with_suspicion(tmp_path: Path) -> None:
    """Links, pipes, directories and garbage are put aside; what is half written or named otherwise is left alone."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (tmp_path / "secret.json").write_text(json.dumps(a_report().to_data()))
    (spool / "000001-started.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(spool / "000002-started.json")
    (spool / "000003-started.json").mkdir()
    (spool / "000004-started.json").write_text("[" * 100_000)
    (spool / "000005-finished.json").write_text(json.dumps(a_report(Event.FINISHED).to_data()))
    (spool / ".000006-finished.json.part").write_text("{")
    transport = ToldTransport()
    assert deliver_spool(spool, transport, a_log(tmp_path))
    assert transport.events == ["finished"]
    assert len(list((spool / "bad").iterdir())) == 4
    assert (spool / ".000006-finished.json.part").exists()


@pytest.mark.parametrize("event", [Event.FINISHED, Event.FAILED_TO_START])
def test_after_the_final_report_there_are_no_last_words(tmp_path: Path, event: Event) -> None:
    """Neither once it is delivered nor while it waits on the disk."""
    transport = ToldTransport()
    transport.open.clear()
    delivery = Delivery(tmp_path / "spool", transport, a_log(tmp_path), state=StateFile(tmp_path))
    delivery.send(a_report(Event.STARTED))
    assert last_words(tmp_path, NOON) is not None
    delivery.send(a_report(event))
    assert last_words(tmp_path, NOON) is None
    transport.open.set()
    assert delivery.flush()
    assert last_words(tmp_path, NOON) is None
