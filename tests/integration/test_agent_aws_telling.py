"""What an EC2 machine tells, and where: reports to the queue, lines to its log stream, files to the bucket."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.aws.item import OwnItem
from paddock.agent.aws.logs import CloudWatchLogs
from paddock.agent.aws.platform import Ec2, connect
from paddock.agent.aws.reports import MAX_BYTES, QueueTransport, _body
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.ports import Archive, LogStore, PackageMirror
from paddock.agent.telling.delivery import Delivery, Refused, deliver_spool
from paddock.agent.telling.report import Event, Report, Result
from paddock.core.codec import message_from_data
from paddock.core.messages import RunnerReported
from tests.aws.machine import MACHINE, SECOND, USER_ID, World, fault, patience, xml_fault
from tests.http_stub import LOST, Answer

SUCCESS: dict[str, Any] = {"result": Result.SERVED, "conclusion": "success", "exit_code": 0}


@pytest.fixture
def ec2(machine: World) -> Iterator[Ec2]:
    made = connect(machine.config(), SteadyClock(), machine.log, patience=patience())
    yield made
    made.close()


def report(event: Event, **fields: Any) -> dict[str, object]:  # noqa: ANN401 - a report's own fields
    """A report as the agent makes it."""
    base: dict[str, Any] = {"machine": MACHINE, "job_id": 17, "launch": 1, "runner_name": "p-1", "at": 5}
    return Report(event=event, **{**base, **fields}).to_data()


@pytest.mark.parametrize(
    "data",
    [
        report(Event.FINISHED, **{**SUCCESS, "conclusion": "failure"}, phases={"job": 7}, peaks={"cpu_percent": 90}),
        report(Event.FINISHED, **{**SUCCESS, "conclusion": "cancelled"}),
        report(Event.FINISHED, **{**SUCCESS, "conclusion": None}),
        report(Event.FINISHED, **SUCCESS, reason="agent_died"),
        report(Event.FINISHED, **SUCCESS, interrupted_by="spot"),
        report(Event.FINISHED, **SUCCESS, detail="what somebody should know"),
        report(Event.FINISHED, **{**SUCCESS, "result": Result.TIMED_OUT}),
        report(Event.FAILED_TO_START, result=Result.FAILED_TO_START, reason="low_disk", detail="no\0t \ud800 nice\x1b"),
        report(Event.HEARTBEAT, reason="spot_notice", interrupted_by="spot"),
        report(Event.HEARTBEAT, reason="rebalance"),
    ],
    ids=[
        "failure",
        "cancelled",
        "unknown",
        "reason",
        "interrupted",
        "detail",
        "timed_out",
        "failed_to_start",
        "spot",
        "rebalance",
    ],
)
def test_what_matters_goes_to_the_queue(machine: World, ec2: Ec2, data: dict[str, object]) -> None:
    """One message each, which the core reads as the same report; characters that SQS refuses are escaped."""
    ec2.transport.send(data)
    assert machine.front.operations() == ["SendMessage"]
    (message,) = machine.messages()
    assert message == json.loads(json.dumps(data))
    if "\ud800" not in str(data["detail"]):
        assert isinstance(message_from_data(message), RunnerReported)
    sent = machine.front.bodies("SendMessage")[0]["MessageBody"]
    assert sent.isascii()
    assert sent.isprintable()


def test_a_success_is_nothing_to_tell(machine: World, ec2: Ec2, tmp_path: Path) -> None:
    """GitHub tells of the job and EC2 of the machine: the report is off the machine's hands without a request.

    So is one that an earlier agent left on the disk, and what comes behind it is not held up.
    """
    success = Report(event=Event.FINISHED, machine=MACHINE, job_id=17, launch=1, runner_name="p-1", at=5, **SUCCESS)
    ec2.transport.send(success.to_data())
    delivery = Delivery(tmp_path / "spool", None, machine.log)
    delivery.send(success)
    left = tmp_path / "spool" / "000001-finished.json"
    assert left.exists()
    after = replace(success, conclusion="failure", at=6)
    assert deliver_spool(tmp_path / "spool", ec2.transport, machine.log, say=after)
    assert not left.exists()
    assert [message["at"] for message in machine.messages()] == [6]
    assert machine.front.operations() == ["SendMessage"]


@pytest.mark.parametrize("event", [Event.HEARTBEAT, Event.STARTED])
def test_a_plain_sign_of_life_is_no_message(machine: World, ec2: Ec2, event: Event) -> None:
    """It is one write to the machine's own item: no function is woken for it. GitHub tells of a job's start as well."""
    machine.put_item(None)
    ec2.transport.send(report(event, at=99, runner_id=42, ready_at=77))
    assert machine.front.operations() == ["UpdateItem"]
    item = machine.item() or {}
    told = {name: item[name]["N"] for name in ("heartbeat_at", "runner_id", "ready_at")}
    assert told == {"heartbeat_at": "99", "runner_id": "42", "ready_at": "77"}
    assert machine.messages() == []


def test_a_very_long_detail_is_cut_at_its_beginning(machine: World, ec2: Ec2) -> None:
    """The message fits into the queue whatever the job printed, and the end of it is what is kept."""
    ec2.transport.send(report(Event.FINISHED, detail="\N{SNOWMAN}" * 300_000 + "the end"))
    (message,) = machine.messages()
    assert message["detail"].endswith("the end")
    assert message["machine"] == MACHINE
    assert len(machine.front.bodies("SendMessage")[0]["MessageBody"]) <= MAX_BYTES


@given(detail=st.text(max_size=10), times=st.integers(1, 100_000))
def test_any_detail_fits(detail: str, times: int) -> None:
    """Whatever the characters and their number."""
    body = _body(report(Event.FINISHED, detail=detail * times))
    assert len(body) <= MAX_BYTES
    assert (detail * times).endswith(json.loads(body)["detail"])


@pytest.mark.parametrize(
    "faults", [[Answer(503)] * 4, [LOST] * 4, [fault(400, "RequestThrottled")] * 4, [fault(400, "KmsThrottled")] * 4]
)
def test_a_report_that_cannot_be_sent_now_may_be_sent_again(machine: World, ec2: Ec2, faults: list[Answer]) -> None:
    """An outage is an OSError; afterwards the same report goes through."""
    machine.front.faults["SendMessage"] = faults
    with pytest.raises(OSError, match="sqs SendMessage"):
        ec2.transport.send(report(Event.FINISHED))
    ec2.transport.send(report(Event.FINISHED))
    assert len(machine.messages()) == 1


@pytest.mark.parametrize("code", ["InvalidMessageContents", "UnsupportedOperation"])
def test_a_report_that_is_refused_is_refused_for_good(machine: World, ec2: Ec2, code: str) -> None:
    """No repetition will help: the sender is told so, and by which code."""
    machine.front.faults["SendMessage"] = [fault(400, code)]
    with pytest.raises(Refused, match=code):
        ec2.transport.send(report(Event.FINISHED))


@pytest.mark.parametrize("code", ["AccessDeniedException", "QueueDoesNotExist"])
def test_what_somebody_may_mend_is_tried_again(machine: World, ec2: Ec2, code: str) -> None:
    """A right or a queue that is not there may come: the report may be sent again. A sign of life is not worth that."""
    machine.front.faults["SendMessage"] = [fault(400, code)]
    with pytest.raises(OSError, match=code):
        ec2.transport.send(report(Event.FINISHED))
    machine.front.faults["UpdateItem"] = [fault(400, "AccessDeniedException")]
    with pytest.raises(Refused, match="AccessDenied"):
        ec2.transport.send(report(Event.HEARTBEAT))


def test_a_queue_that_is_not_there(machine: World, ec2: Ec2) -> None:
    """As SQS itself says it."""
    item = OwnItem(ec2.services[1], machine.name, USER_ID)
    sqs = next(service for service in ec2.services if service.name == "sqs")
    with pytest.raises(OSError, match=r"QueueDoesNotExist|NonExistentQueue"):
        QueueTransport(sqs, "https://sqs.example/123456789012/nobody", item).send(report(Event.FINISHED))


def lines_of(machine: World, stream: str) -> list[tuple[int, str]]:
    """What stands in a stream of the machine's group."""
    reply = machine.logs.get_log_events(
        logGroupName=f"/paddock/{machine.name}", logStreamName=stream, startFromHead=True
    )
    return [(event["timestamp"], event["message"]) for event in reply["events"]]


def test_lines_go_to_the_stream_of_machine_and_job(machine: World, ec2: Ec2) -> None:
    """The stream is made when the first lines come, and not again; lines keep their order and moments."""
    store = ec2.log_store(17)
    assert store is not None
    port: LogStore = store
    now = SteadyClock().now()
    port.append([(now, "one"), (now + 1_000, "two"), (now + 1_000, "")])
    port.append([(now + 2_000, "\N{SNOWMAN} \x1b[31m")])
    port.append([])
    assert lines_of(machine, f"{MACHINE}/17") == [
        (now // 1_000, "one"),
        (now // 1_000 + 1, "two"),
        (now // 1_000 + 1, " "),
        (now // 1_000 + 2, "\N{SNOWMAN} \x1b[31m"),
    ]
    operations = ["AssumeRole", "PutLogEvents", "CreateLogStream", "PutLogEvents", "PutLogEvents"]
    assert machine.front.operations() == operations


def test_a_stream_that_another_made_is_used(machine: World, ec2: Ec2) -> None:
    """Two agents, or a repetition, may both find it missing."""
    store = ec2.log_store(17)
    assert store is not None
    machine.logs.create_log_stream(logGroupName=f"/paddock/{machine.name}", logStreamName=f"{MACHINE}/17")
    machine.front.faults["PutLogEvents"] = [fault(400, "ResourceNotFoundException")]
    store.append([(SteadyClock().now(), "one")])
    assert [text for _, text in lines_of(machine, f"{MACHINE}/17")] == ["one"]


@pytest.mark.parametrize(
    "answer",
    [
        fault(400, "ThrottlingException"),
        fault(500, "ServiceUnavailableException"),
        LOST,
        fault(400, "AccessDeniedException"),
        fault(400, "InvalidParameterException"),
    ],
)
def test_lines_that_are_not_stored_may_be_offered_again(machine: World, ec2: Ec2, answer: Answer) -> None:
    """Every failure is an OSError, and the same lines go through afterwards."""
    store = ec2.log_store(17)
    assert store is not None
    machine.front.faults["PutLogEvents"] = [answer] * 4
    with pytest.raises(OSError, match="logs PutLogEvents"):
        store.append([(SteadyClock().now(), "one")])
    machine.front.faults.clear()
    store.append([(SteadyClock().now(), "one")])
    assert [text for _, text in lines_of(machine, f"{MACHINE}/17")] == ["one"]


def test_a_group_that_is_not_there_is_an_outage(ec2: Ec2) -> None:
    """The stream cannot be made: the file on the disk remains the log."""
    logs = next(service for service in ec2.services if service.name == "logs")
    with pytest.raises(OSError, match="CreateLogStream: ResourceNotFoundException"):
        CloudWatchLogs(logs, "/nobody", "s", lambda _count, _why: None).append([(1, "one")])


def test_two_megabytes_are_more_than_one_call(machine: World, ec2: Ec2) -> None:
    """Each call keeps the limits, and every line arrives."""
    store = ec2.log_store(17)
    assert store is not None
    now = SteadyClock().now()
    lines = [(now + number, f"{number} " + "x" * 1_000) for number in range(2_000)]
    store.append(lines)
    sizes = [
        sum(len(event["message"].encode()) + 26 for event in body["logEvents"])
        for body in machine.front.bodies("PutLogEvents")
    ]
    assert len(sizes) == 3  # the first one found no stream
    assert max(sizes) <= 1_048_576


def test_lines_that_were_thrown_away_are_counted(machine: World, ec2: Ec2) -> None:
    """A 200 that took only some of them: how many were lost, and why, is told."""
    logs = next(service for service in ec2.services if service.name == "logs")
    told: list[tuple[int, str]] = []
    store = CloudWatchLogs(logs, "g", "s", lambda lost, why: told.append((lost, why)))
    info = {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 3}
    machine.front.faults["PutLogEvents"] = [Answer(200, {"rejectedLogEventsInfo": info})]
    store.append([(number, "x") for number in range(5)])
    assert told == [(2, "expired"), (1, "too old"), (2, "too new")]
    machine.front.faults["PutLogEvents"] = [Answer(200, {"rejectedLogEventsInfo": {}})]
    store.append([(1, "x")])
    assert len(told) == 3


def test_no_group_means_no_store(machine: World) -> None:
    """A stack without machine logs."""
    made = connect(machine.config(log_group=""), SteadyClock(), machine.log)
    assert made.log_store(17) is None
    made.close()


def test_a_file_is_archived_under_the_machines_own_name(machine: World, ec2: Ec2, tmp_path: Path) -> None:
    """One PUT; its key begins with the machine's aws:userid, which is all that its role may write to."""
    file = tmp_path / "Worker 1.log.gz"
    file.write_bytes(b"0123456789" * 50_000)
    assert ec2.archive is not None
    archive: Archive = ec2.archive
    archive.put(file.name, file)
    stored = machine.s3.get_object(Bucket=machine.name, Key=f"diag/{USER_ID}/Worker 1.log.gz")
    with stored["Body"] as body:
        assert body.read() == file.read_bytes()
    (seen,) = machine.front.seen
    assert seen.headers["content-length"] == "500000"
    assert seen.path == f"/{machine.name}/diag/{USER_ID.replace(':', '%3A')}/Worker%201.log.gz"


def test_an_empty_file_is_archived(machine: World, ec2: Ec2, tmp_path: Path) -> None:
    """No bytes are bytes too."""
    file = tmp_path / "empty.gz"
    file.touch()
    assert ec2.archive is not None
    ec2.archive.put("empty.gz", file)
    assert machine.s3.head_object(Bucket=machine.name, Key=f"diag/{USER_ID}/empty.gz")["ContentLength"] == 0


def test_an_upload_is_tried_again_from_its_beginning(machine: World, ec2: Ec2, tmp_path: Path) -> None:
    """Slow down, a fault and a broken connection later it is there, whole."""
    file = tmp_path / "x.gz"
    file.write_bytes(b"abc" * 100_000)
    machine.front.faults["PUT"] = [xml_fault(503, "SlowDown"), xml_fault(500, "InternalError"), LOST]
    assert ec2.archive is not None
    ec2.archive.put("x.gz", file)
    assert machine.s3.head_object(Bucket=machine.name, Key=f"diag/{USER_ID}/x.gz")["ContentLength"] == 300_000
    assert {len(seen.body) for seen in machine.front.seen} == {300_000}


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "InvalidRequest", "PermanentRedirect"])
def test_an_upload_that_is_refused_says_so(machine: World, ec2: Ec2, tmp_path: Path, code: str) -> None:
    """It was not stored; a missing file was not either."""
    file = tmp_path / "x.gz"
    file.write_bytes(b"abc")
    machine.front.faults["PUT"] = [xml_fault(403 if code == "AccessDenied" else 301, code, "no")]
    assert ec2.archive is not None
    with pytest.raises(OSError, match=f"s3 PutObject: {code}"):
        ec2.archive.put("x.gz", file)
    with pytest.raises(FileNotFoundError):
        ec2.archive.put("y.gz", tmp_path / "y.gz")


def test_the_mirror_gives_an_address_that_works(machine: World, ec2: Ec2) -> None:
    """Whoever asks it with these headers, a Range among them or not, gets the fleet's copy; nothing is sent before."""
    key = "runners/2.336.0/linux-arm64/actions-runner-linux-arm64-2.336.0.tar.gz"
    machine.s3.put_object(Bucket=machine.name, Key=key, Body=b"0123456789")
    assert ec2.mirror is not None
    mirror: PackageMirror = ec2.mirror
    found = mirror.request("2.336.0", "linux-arm64", key.rpartition("/")[2])
    assert found is not None
    assert machine.front.seen == []
    address, headers = found
    for more, wanted in (({}, b"0123456789"), ({"Range": "bytes=4-"}, b"456789")):
        with urllib.request.urlopen(urllib.request.Request(address, headers={**headers, **more})) as reply:
            assert reply.read() == wanted


def test_without_keys_there_is_no_mirror(machine: World, ec2: Ec2) -> None:
    """The package then comes from GitHub."""
    machine.imds.role = ""
    assert ec2.mirror is not None
    assert ec2.mirror.request("2.336.0", "linux-x64", "a.tar.gz") is None


def test_without_buckets_there_is_neither(machine: World) -> None:
    """A stack may have no cache and no archive."""
    made = connect(machine.config(cache_bucket="", archive_bucket=""), SteadyClock(), machine.log)
    assert (made.mirror, made.archive) == (None, None)
    made.close()


def test_keys_that_end_in_the_middle_of_a_life_are_renewed(machine: World, ec2: Ec2) -> None:
    """The table refuses the old ones: the machine asks its metadata service and goes on."""
    machine.put_item(None)
    ec2.transport.send(report(Event.HEARTBEAT))
    machine.front.faults["UpdateItem"] = [fault(400, "ExpiredTokenException")]
    ec2.transport.send(report(Event.HEARTBEAT, at=6 * SECOND))
    assert (machine.item() or {})["heartbeat_at"] == {"N": str(6 * SECOND)}
    assert machine.imds.keys == 2
