"""An EC2 machine put together: who it is, and how many requests its life costs."""

import json
from collections import Counter
from pathlib import Path

import pytest

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.imds import DOCUMENT, STOCK
from paddock.agent.aws.platform import connect
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.report import Event
from tests.aws.machine import ACCOUNT, MACHINE, ROLE_ID, SECOND, USER_ID, World, patience, xml_fault
from tests.http_stub import Answer


def test_a_whole_life_costs_few_requests(machine: World, tmp_path: Path) -> None:
    """From the first question to the last word: six to the machine's own metadata, and one AWS call for each deed."""
    clock = SteadyClock()
    machine.put_item(json.dumps({"kind": "assignment"}))
    ec2 = connect(machine.config(), clock, machine.log)
    assert ec2.source.take(60 * SECOND) == {"kind": "assignment"}
    assert ec2.mirror is not None
    assert ec2.mirror.request("2.336.0", "linux-x64", "a.tar.gz") is not None
    base = {"machine": MACHINE, "job_id": 17, "launch": 1, "at": clock.now(), "detail": ""}
    ec2.transport.send({**base, "event": Event.STARTED.value})
    for _ in range(3):
        ec2.transport.send({**base, "event": Event.HEARTBEAT.value})
    store = ec2.log_store(17)
    assert store is not None
    for _ in range(4):
        store.append([(clock.now(), "a line")])
    file = tmp_path / "Worker.log.gz"
    file.write_bytes(b"x")
    assert ec2.archive is not None
    ec2.archive.put(file.name, file)
    ec2.transport.send({**base, "event": Event.FINISHED.value, "result": "served", "conclusion": "success"})
    ec2.source.discard()
    ec2.close()
    assert Counter(machine.front.operations()) == {
        "UpdateItem": 1 + 1 + 3,  # take, start, heartbeats; what was taken needs no discarding, a success no message
        "PutLogEvents": 4 + 1,  # the first found no stream
        "CreateLogStream": 1,
        "AssumeRole": 1,  # with the first lines, and then once an hour
        "PUT": 1,
    }
    assert ec2.imds.requests == 6  # token, document, market, the pool's tag, role, keys
    assert {service.requests for service in ec2.services if service.name == "sts"} == {1}


def test_sts_is_asked_where_the_settings_do_not_know_the_role(machine: World) -> None:
    """Once; its answer is the key under which the machine's item stands."""
    answer = (
        "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>"
        f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/paddock-machine/{MACHINE}</Arn>"
        f"<UserId>{ROLE_ID}:{MACHINE}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
        "</GetCallerIdentityResponse>"
    )
    machine.front.faults["GetCallerIdentity"] = [xml_fault(503, "ServiceUnavailable"), Answer(200, answer.encode())]
    ec2 = connect(machine.config(role_id=""), SteadyClock(), machine.log, patience=patience())
    ec2.close()
    assert ec2.user_id == USER_ID
    assert machine.front.operations() == ["GetCallerIdentity"] * 2
    assert machine.front.seen[0].body == b"Action=GetCallerIdentity&Version=2011-06-15"


def test_a_caller_that_is_no_machine_is_refused(machine: World) -> None:
    """Moto answers as for a user's own keys: under such a name no item of a machine can stand."""
    with pytest.raises(AwsError, match="NotThisMachine") as caught:
        connect(machine.config(role_id=""), SteadyClock(), machine.log, patience=patience())
    assert caught.value.kind is Kind.INVALID


def test_the_region_may_come_from_the_machine_or_the_settings(machine: World) -> None:
    """The settings win; both sign for the region that they name."""
    for region, config in (("eu-west-1", machine.config()), ("us-east-2", machine.config(region="us-east-2"))):
        ec2 = connect(config, SteadyClock(), machine.log)
        assert ec2.mirror is not None
        found = ec2.mirror.request("1.0", "linux-x64", "a.tar.gz")
        assert found is not None
        assert f"/{region}/s3/aws4_request" in found[1]["Authorization"]
        ec2.close()


def test_a_machine_that_cannot_tell_who_it_is_does_nothing(machine: World) -> None:
    """Without an id there is no item, no stream and no report."""
    machine.imds.data[DOCUMENT] = "{}"
    with pytest.raises(AwsError):
        connect(machine.config(), SteadyClock(), machine.log, patience=patience())
    assert machine.front.seen == []


@pytest.mark.parametrize("said", [None, True, False])
@pytest.mark.parametrize("tag", [None, "hot", "stopped"])
def test_whether_a_pool_keeps_the_machine(machine: World, tag: str | None, said: bool | None) -> None:  # noqa: FBT001 - a table's column
    """Its tag says so; the settings, where they say anything, are believed instead, and nobody is asked."""
    if tag is not None:
        machine.imds.data[STOCK] = tag
    ec2 = connect(machine.config(**({} if said is None else {"standby": said})), SteadyClock(), machine.log)
    ec2.close()
    assert ec2.standby is (tag is not None if said is None else said)
    assert (f"GET {STOCK}" in machine.imds.stub.lines()) is (said is None)


@pytest.mark.parametrize("fault", [Answer(503), Answer(403), Answer(hang_up=True)], ids=["503", "403", "nobody"])
def test_a_tag_that_cannot_be_asked_for_is_none(machine: World, fault: Answer) -> None:
    """The machine works, and waits no longer than one for a job; its log says why."""
    machine.imds.data[STOCK] = "hot"
    machine.imds.stub.on(f"GET {STOCK}", fault)
    ec2 = connect(machine.config(), SteadyClock(), machine.log, patience=patience(), sleep=lambda _seconds: None)
    ec2.close()
    assert not ec2.standby
    lines = [json.loads(line) for line in machine.log_path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["standby_unknown"]


def test_the_first_look_of_a_pools_machine_takes_nothing_unread(machine: World) -> None:
    """It looks for hours: an answer that is lost must not cost a job its machine. One for a job takes at once."""
    machine.put_item(json.dumps({"kind": "assignment"}))
    machine.imds.data[STOCK] = "hot"
    ec2 = connect(machine.config(), SteadyClock(), machine.log)
    assert ec2.source.take(0) == {"kind": "assignment"}
    ec2.close()
    assert machine.front.operations() == ["GetItem", "UpdateItem"]
