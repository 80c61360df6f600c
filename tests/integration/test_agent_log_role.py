"""The role by which a machine ships its log: asked for when there is something to ship, renewed, and done without."""

import errno
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.serialize import create_serializer

from paddock.agent.aws.log_role import LIFE
from paddock.agent.aws.platform import Ec2, connect
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.ports import LogStore
from paddock.agent.telling.shipping import Shipper
from paddock.agent.telling.tail import Pace
from tests.agent.machine import eventually
from tests.aws.judge import model
from tests.aws.machine import LOG_ROLE, MACHINE, SECOND, HandClock, World, fault, patience, xml_fault
from tests.http_stub import LOST, Answer

REFUSED = f"User: arn:aws:sts::1:assumed-role/m/{MACHINE} is not authorized to perform: sts:AssumeRole"


@pytest.fixture
def clock() -> HandClock:
    """A clock that goes right and that a test moves on: moto's sessions end by the time of day."""
    return HandClock(int(time.time()) * SECOND)


@pytest.fixture
def ec2(machine: World, clock: HandClock) -> Iterator[Ec2]:
    made = connect(machine.config(), clock, machine.log, patience=patience())
    yield made
    made.close()


def store_of(ec2: Ec2) -> LogStore:
    store = ec2.log_store(17)
    assert store is not None
    return store


def lines_of(machine: World) -> list[str]:
    """What stands in the machine's stream."""
    found = machine.logs.get_log_events(
        logGroupName=f"/paddock/{machine.name}", logStreamName=f"{MACHINE}/17", startFromHead=True
    )
    return [event["message"] for event in found["events"]]


def put_by(machine: World) -> list[str]:
    """The access keys by which lines were offered, one after the other."""
    puts = [seen for seen in machine.front.seen if machine.front.operation(seen) == "PutLogEvents"]
    return [seen.headers["authorization"].partition("Credential=")[2].partition("/")[0] for seen in puts]


def test_the_first_lines_ask_for_the_role_in_the_machines_name(machine: World, ec2: Ec2, clock: HandClock) -> None:
    """Not before, and once, as AWS's own client would, by the machine's keys; all of the log goes by the session's."""
    assert machine.front.operations() == []
    for text in ("one", "two"):
        store_of(ec2).append([(clock.now(), text)])
    assert machine.front.operations() == [
        *("AssumeRole", "PutLogEvents", "CreateLogStream", "PutLogEvents"),
        "PutLogEvents",
    ]
    asked = {
        "RoleArn": LOG_ROLE,
        "RoleSessionName": MACHINE,
        "DurationSeconds": LIFE,
        "Tags": [{"Key": "machine", "Value": MACHINE}],
    }
    sent = create_serializer("query").serialize_to_request(asked, model("sts").operation_model("AssumeRole"))
    assert machine.front.forms("AssumeRole") == [{key: str(value) for key, value in sent["body"].items()}]
    (session,) = machine.front.sessions
    assert set(put_by(machine)) == {session}
    assert session not in machine.front.seen[0].headers["authorization"]
    assert lines_of(machine) == ["one", "two"]


def test_without_a_role_in_the_settings_the_machines_own_ships(machine: World) -> None:
    """For those who give the machines' role the right by a policy of their own: STS is not asked."""
    made = connect(machine.config(log_role=""), SteadyClock(), machine.log, patience=patience())
    store_of(made).append([(SteadyClock().now(), "one")])
    made.close()
    assert "AssumeRole" not in machine.front.operations()
    assert lines_of(machine) == ["one"]


def session(machine: World, key: str, ends: int) -> Answer:
    """What STS answers: moto gives sessions by the time of day alone."""
    machine.front.sessions[key] = (f"secret-{key}", f"token-{key}")
    until = datetime.fromtimestamp(ends // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    given = {
        "AccessKeyId": key,
        "SecretAccessKey": f"secret-{key}",
        "SessionToken": f"token-{key}",
        "Expiration": until,
    }
    return Answer(200, "".join(f"<{name}>{value}</{name}>" for name, value in given.items()).encode())


def test_the_session_is_renewed_before_it_ends(machine: World, ec2: Ec2, clock: HandClock) -> None:
    """AWS gives no more than an hour, and a job may take many: no line goes by keys that end within five minutes."""
    hour = 3_600 * SECOND
    machine.front.faults["AssumeRole"] = [
        session(machine, key, clock.now() + ends) for key, ends in (("first", hour), ("second", 2 * hour))
    ]
    for minutes in (0, 54, 2, 50, 5):
        clock.time += minutes * 60 * SECOND
        store_of(ec2).append([(clock.now(), "a line")])
    assert put_by(machine) == ["first"] * 3 + ["second"] * 3  # the first found no stream
    assert machine.front.operations().count("AssumeRole") == 2
    assert len(lines_of(machine)) == 5


def test_old_keys_serve_while_sts_is_away(machine: World, ec2: Ec2, clock: HandClock) -> None:
    """It is asked again, and as long as the session lasts nothing waits for the answer."""
    machine.front.faults["AssumeRole"] = [session(machine, "first", clock.now() + 3_600 * SECOND)]
    store_of(ec2).append([(clock.now(), "one")])
    clock.time += 56 * 60 * SECOND
    machine.front.faults["AssumeRole"] = [LOST] * 40  # as often as it is asked
    store_of(ec2).append([(clock.now(), "two")])
    assert lines_of(machine) == ["one", "two"]
    clock.time += 20 * 60 * SECOND
    machine.front.faults["AssumeRole"] = [xml_fault(403, "AccessDenied", REFUSED)]
    with pytest.raises(OSError, match="sts AssumeRole: AccessDenied"):
        store_of(ec2).append([(clock.now(), "three")])


@pytest.mark.parametrize(
    ("answers", "code", "number"),
    [
        ([xml_fault(403, "AccessDenied", REFUSED)], "AccessDenied", errno.EACCES),
        ([xml_fault(403, "RegionDisabledException")], "RegionDisabledException", errno.EACCES),
        ([xml_fault(400, "ValidationError")], "ValidationError", errno.EINVAL),
        ([xml_fault(400, "Throttling")] * 4, "Throttling", errno.EIO),
        ([Answer(503)] * 4, "HTTP 503", errno.EIO),
        ([LOST] * 4, "Unreachable", errno.EIO),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_without_a_session_lines_wait(
    machine: World, ec2: Ec2, clock: HandClock, answers: list[Answer], code: str, number: int
) -> None:
    """Nothing is offered with the machine's own keys instead; the same lines go through when STS has thought better."""
    machine.front.faults["AssumeRole"] = answers
    with pytest.raises(OSError, match=f"sts AssumeRole: {code}") as caught:
        store_of(ec2).append([(clock.now(), "one")])
    assert caught.value.errno == number
    assert put_by(machine) == []
    store_of(ec2).append([(clock.now(), "one")])
    assert lines_of(machine) == ["one"]


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_keys_that_are_not_taken_are_replaced(machine: World, ec2: Ec2, clock: HandClock, code: str) -> None:
    """They ended early, or are so new that not every server knows them."""
    machine.front.faults["PutLogEvents"] = [fault(400, code)]
    store_of(ec2).append([(clock.now(), "one")])
    first, second, third = put_by(machine)
    assert first != second == third
    assert lines_of(machine) == ["one"]


@pytest.mark.parametrize(
    "field", ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "no XML", "a line more"]
)
def test_an_answer_without_keys_is_none(machine: World, ec2: Ec2, clock: HandClock, field: str) -> None:
    """It is told without a word of what was in it, and asked for again with the next lines."""
    given = {"AccessKeyId": "ASIASECRET", "SecretAccessKey": "SECRET", "SessionToken": "SECRET", "Expiration": ""}
    given["Expiration"] = "2099-01-01T00:00:00Z"
    given.pop(field, None)
    if field == "a line more":
        given["SessionToken"] = "SECRET\r\nHost: elsewhere"
    text = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
    body = b"SECRET" if field == "no XML" else text.encode()
    machine.front.faults["AssumeRole"] = [Answer(200, body)]
    with pytest.raises(OSError, match="sts AssumeRole: Incomplete") as caught:
        store_of(ec2).append([(clock.now(), "one")])
    assert "SECRET" not in f"{caught.value} {caught.value!r}"
    store_of(ec2).append([(clock.now(), "one")])
    assert lines_of(machine) == ["one"]


def test_nothing_shows_the_keys(machine: World, ec2: Ec2, clock: HandClock, tmp_path: Path) -> None:
    """Neither the machine's parts nor its log, nor anything on its disk."""
    machine.log.write("before")
    store_of(ec2).append([(clock.now(), "one")])
    machine.log.write("parts", ec2=repr(ec2), services=[repr(vars(service)) for service in ec2.services])
    ((secret, token),) = machine.front.sessions.values()
    written = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert '"event": "parts"' in written
    for text in (secret, token):
        assert text not in written + repr(ec2) + repr(store_of(ec2))


def test_the_log_says_once_that_it_waits(machine: World, ec2: Ec2, tmp_path: Path) -> None:
    """However often STS refuses: then all is shipped, that line among it."""
    machine.front.faults["AssumeRole"] = [xml_fault(403, "AccessDenied", REFUSED)] * 5
    shipper = Shipper(machine.log, store_of(ec2), position=tmp_path / "shipped.json", pace=Pace(span=0.01), pause=0.001)
    machine.log.write("before")
    shipper.start()
    eventually(lambda: shipper.counts.lines >= 1, "the lines' arrival")
    machine.log.write("after")
    assert shipper.finish()
    told = [line.partition(" agent ")[2].partition(" ") for line in lines_of(machine)]
    assert [event for event, _, _ in told] == ["before", "log_waits", "after"]
    assert f"AwsError: sts AssumeRole: AccessDenied: {REFUSED}" in told[1][2]
    assert shipper.counts.retries == 5
