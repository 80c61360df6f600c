"""The machine's own item: waiting for the assignment, taking it once, scrubbing it, and signs of life."""

import json
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from paddock.adapters.aws.dynamodb.body import packed
from paddock.agent.aws.assignments import REFUSALS, ItemAssignmentSource
from paddock.agent.aws.credentials import RoleCredentials, Signer
from paddock.agent.aws.item import OwnItem
from paddock.agent.aws.service import Service
from paddock.agent.aws.sigv4 import Credentials
from paddock.agent.ports import AssignmentSource
from paddock.agent.reasons import AgentFailure, Reason, Stopped
from paddock.core.codec import message_to_data
from tests.agent.runner_package import assignment
from tests.aws.machine import MACHINE, SECOND, USER_ID, HandClock, World, fault, moto, patience, world
from tests.http_stub import Answer

NUMBERS = count()
BODY = json.dumps({"kind": "assignment", "version": 1, "jit_config": "the secret", "runner_name": "p-1"})
ORDERS = assignment(MACHINE, "https://example.test/runner.tar.gz", b"")


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def machine(aws: str, tmp_path: Path) -> Iterator[World]:
    with world(aws, tmp_path, f"assignments-{next(NUMBERS)}") as made:
        yield made


class Waiting:
    """A source whose time passes by its own pauses; at set moments something happens."""

    def __init__(self, machine: World, *, hand: str = "hand-1", attempts: int = 4) -> None:
        self.clock = HandClock()
        self.start = self.clock.time
        self.slept: list[float] = []
        self.service = Service("dynamodb", machine.front.url, signer(self.clock), patience(attempts=attempts))
        self.item = OwnItem(self.service, machine.name, USER_ID)
        self.after: dict[int, object] = {}
        self.source = ItemAssignmentSource(
            self.item, clock=self.clock, log=machine.log, hand=hand, chance=lambda: 0.5, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.sleep(seconds)
        deed = self.after.pop(len(self.slept), None)
        if callable(deed):
            deed()

    def waited(self) -> float:
        """Seconds since the start."""
        return (self.clock.time - self.start) / SECOND


def signer(clock: HandClock) -> Signer:
    """The machine's signature, with keys that never end."""
    return Signer(
        RoleCredentials(lambda: Credentials("ASIA1", "secret/+key", "session/+token=="), clock), clock, "eu-west-1"
    )


@pytest.fixture
def waiting(machine: World) -> Iterator[Waiting]:
    made = Waiting(machine)
    yield made
    made.service.close()


def refusal(waiting: Waiting, seconds: int = 60) -> AgentFailure:
    """Why nothing could be taken."""
    with pytest.raises(AgentFailure) as caught:
        waiting.source.take(seconds * SECOND)
    return caught.value


def test_an_assignment_that_is_there_is_taken(machine: World, waiting: Waiting) -> None:
    """Two requests; the data comes out, the secret is gone, the receipt stays and says when and by whom."""
    machine.put_item(BODY, runner_id={"N": "42"})
    source: AssignmentSource = waiting.source
    assert source.take(60 * SECOND) == json.loads(BODY)
    assert machine.item() == {
        "pk": {"S": USER_ID},
        "sk": {"S": "ASSIGNMENT"},
        "runner_name": {"S": "p-1"},
        "runner_id": {"N": "42"},
        "taken_at": {"N": str(waiting.start)},
        "taken_by": {"S": "hand-1"},
    }
    assert machine.front.operations() == ["GetItem", "UpdateItem"]
    assert waiting.slept == []


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("way", ["read", "unread"])
def test_packed_orders_are_taken(machine: World, waiting: Waiting, way: str, lost: int) -> None:
    """Read first or unread. Should the answer be lost, they are known if they had been read, and gone if not."""
    machine.put_item(packed(ORDERS))
    machine.front.lose["UpdateItem"] = lost
    waiting.source._at_once = way == "unread"
    if way == "unread" and lost:
        assert refusal(waiting).reason is Reason.ASSIGNMENT_TAKEN
    else:
        assert waiting.source.take(0) == message_to_data(ORDERS)
    assert machine.front.operations() == ["GetItem"] * (way == "read") + ["UpdateItem"] * (1 + lost)
    assert set(machine.item() or {}) == {"pk", "sk", "runner_name", "taken_at", "taken_by"}


def test_packed_orders_that_cannot_be_read_are_scrubbed_and_named(machine: World, waiting: Waiting) -> None:
    """Of a shape that is to come, or no bytes at all: they are gone, and the reason says so."""
    machine.put_item(b"\x03the secret")
    failure = refusal(waiting)
    assert failure.reason is Reason.BAD_ASSIGNMENT
    assert "shape 3" in failure.detail
    assert "body" not in (machine.item() or {"body": 1})
    second = Waiting(machine)
    spoilt = {"Item": {"body": {"B": "no base64!"}}}
    machine.front.faults.update(GetItem=[Answer(200, spoilt)], UpdateItem=[Answer(200, {"Attributes": spoilt["Item"]})])
    assert refusal(second).reason is Reason.BAD_ASSIGNMENT
    second.service.close()


def test_it_is_read_consistently_and_only_under_the_machines_own_key(machine: World, waiting: Waiting) -> None:
    """What the machine's role allows, and what sees a write that has just been made."""
    waiting.source.discard()
    machine.put_item(BODY)
    waiting.source.take(0)
    waiting.source.discard()  # asks nobody: it was taken
    asked = machine.front.bodies("GetItem") + machine.front.bodies("UpdateItem")
    assert len(asked) == 3
    assert {json.dumps(body["Key"]) for body in asked} == {
        json.dumps({"pk": {"S": USER_ID}, "sk": {"S": "ASSIGNMENT"}}),
    }
    assert machine.front.bodies("GetItem")[0]["ConsistentRead"] is True


def test_an_assignment_that_comes_later_is_waited_for(machine: World, waiting: Waiting) -> None:
    """It is seen at the next look, two seconds later."""
    waiting.after[3] = lambda: machine.put_item(BODY)
    assert waiting.source.take(60 * SECOND) == json.loads(BODY)
    assert waiting.slept == [2.0] * 3


def test_looks_become_rarer(waiting: Waiting) -> None:
    """Every two seconds fifteen times, then every five, and the last one at the deadline itself."""
    assert waiting.source.take(60 * SECOND) is None
    assert waiting.slept == [2.0] * 15 + [5.0] * 6
    assert waiting.waited() == 60
    assert waiting.source.looks == 22


def test_a_pools_machine_looks_every_second(machine: World, waiting: Waiting) -> None:
    """However long it has waited: when a job comes, somebody waits for it. A table that is away is left in peace."""
    waiting.source._standby = True
    machine.front.faults["GetItem"] = [Answer(503)] * 8
    waiting.after[102] = lambda: machine.put_item(BODY)
    assert waiting.source.take(3_600 * SECOND) == json.loads(BODY)
    assert waiting.slept == [5.0] * 2 + [1.0] * 100


def test_refusals_count_in_a_row(machine: World, waiting: Waiting) -> None:
    """A wait of hours may meet some, long after one another: they are no lack of rights."""
    denied = fault(400, "AccessDeniedException")
    machine.front.faults["GetItem"] = [*[denied] * (REFUSALS - 1), Answer(200, {}), *[denied] * (REFUSALS - 1)]
    waiting.after[2 * REFUSALS - 1] = lambda: machine.put_item(BODY)
    assert waiting.source.take(3_600 * SECOND) == json.loads(BODY)


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 1.6), (0.5, 2.0), (1.0, 2.4)])
def test_pauses_vary(machine: World, chance: float, pause: float) -> None:
    """By a fifth, up or down: a hundred machines do not look in step."""
    waiting = Waiting(machine)
    waiting.source._chance = lambda: chance
    waiting.source.take(SECOND * 10)
    assert waiting.slept[0] == pytest.approx(pause)
    waiting.service.close()


def test_a_deadline_in_the_past_is_one_look(machine: World, waiting: Waiting) -> None:
    """A machine that has no time left still takes what is there."""
    assert waiting.source.take(0) is None
    machine.put_item(BODY)
    assert waiting.source.take(0) == json.loads(BODY)
    assert waiting.slept == []


def test_it_is_taken_once(machine: World, waiting: Waiting) -> None:
    """A second agent of the same machine is refused: a JIT configuration is never used twice."""
    machine.put_item(BODY)
    waiting.source.take(0)
    second = Waiting(machine, hand="hand-2")
    failure = refusal(second)
    second.service.close()
    assert failure.reason is Reason.ASSIGNMENT_TAKEN
    assert str(waiting.start) in failure.detail


def test_orders_that_another_hand_took_meanwhile_are_not_used(machine: World, waiting: Waiting) -> None:
    """They were read here, and nothing came of taking them: that they are gone is no proof that it was this hand."""
    machine.put_item(BODY)
    machine.front.faults["UpdateItem"] = [Answer(503)] * 4
    second = Waiting(machine, hand="hand-2")
    waiting.after[1] = lambda: second.source.take(0)
    with pytest.raises(AgentFailure) as caught:
        waiting.source.take(60 * SECOND)
    second.service.close()
    assert caught.value.reason is Reason.ASSIGNMENT_TAKEN


class CutShort(OwnItem):
    """The machine is told to stop when the table has done what was asked, and before anybody here knows."""

    def take(self, *, by: str, at: int) -> dict[str, object] | None:
        """Do it."""
        super().take(by=by, at=at)
        raise Stopped


def test_orders_are_known_to_whoever_is_told_to_stop_while_they_are_taken(machine: World, waiting: Waiting) -> None:
    """Somebody has to answer for that job: what was read is returned, and the stop comes a moment later."""
    machine.put_item(BODY)
    source = ItemAssignmentSource(
        CutShort(waiting.service, machine.name, USER_ID),
        clock=waiting.clock,
        log=machine.log,
        hand="hand-1",
        chance=lambda: 0.5,
        sleep=waiting.clock.sleep,
    )
    assert source.take(0) == json.loads(BODY)
    assert "body" not in (machine.item() or {"body": 1})


def test_of_many_hands_one_takes_it(machine: World) -> None:
    """At the same moment, in any order: one gets the data, all others are told that it is taken."""
    machine.put_item(BODY)
    got: list[object] = []
    everybody = [Waiting(machine, hand=f"hand-{number}") for number in range(6)]

    def reach(one: Waiting) -> None:
        try:
            got.append(one.source.take(0))
        except AgentFailure as failure:
            got.append(failure.reason)

    threads = [threading.Thread(target=reach, args=(one,)) for one in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in everybody:
        one.service.close()
    assert sorted(got, key=str, reverse=True) == [json.loads(BODY), *[Reason.ASSIGNMENT_TAKEN] * 5]


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_loses_no_assignment(machine: World, waiting: Waiting, lost: int) -> None:
    """The table did it and its answer never came: the repetition finds its own hand, and the data is there."""
    machine.put_item(BODY)
    machine.front.lose["UpdateItem"] = lost
    assert waiting.source.take(0) == json.loads(BODY)
    assert machine.front.operations() == ["GetItem"] + ["UpdateItem"] * (lost + 1)
    item = machine.item()
    assert item is not None
    assert "body" not in item


def test_a_body_that_is_no_json_is_scrubbed_and_named(machine: World, waiting: Waiting) -> None:
    """The secret in it is gone all the same, and the reason does not quote it."""
    machine.put_item('{"jit_config": "the secret"')
    failure = refusal(waiting)
    assert failure.reason is Reason.BAD_ASSIGNMENT
    assert "secret" not in failure.detail
    assert "body" not in (machine.item() or {"body": 1})


def test_throttling_and_outages_are_waited_out(machine: World, waiting: Waiting) -> None:
    """A table that is busy for a while costs time, not the machine; the log says so once."""
    machine.put_item(BODY)
    busy = [
        fault(400, "ProvisionedThroughputExceededException"),
        Answer(503),
        fault(400, "ThrottlingException"),
        fault(500, "InternalServerError"),
    ]
    machine.front.faults["GetItem"] = busy * 3
    assert waiting.source.take(60 * SECOND) == json.loads(BODY)
    assert len(waiting.slept) == 3
    lines = [json.loads(line)["event"] for line in machine.log_path.read_text().splitlines()]
    assert lines == ["assignment_outage"]


def test_an_outage_while_taking_is_waited_out(machine: World, waiting: Waiting) -> None:
    """The assignment lies there until the table can be written to again."""
    machine.put_item(BODY)
    machine.front.faults["UpdateItem"] = [Answer(503)] * 6
    assert waiting.source.take(60 * SECOND) == json.loads(BODY)


def test_an_outage_until_the_end_is_no_missing_assignment(machine: World, waiting: Waiting) -> None:
    """Nobody knows whether one was there: the reason says that it could not be read."""
    machine.front.faults["GetItem"] = [Answer(503)] * 1_000
    failure = refusal(waiting, 20)
    assert failure.reason is Reason.ASSIGNMENT_UNREADABLE
    assert failure.detail == "dynamodb GetItem: HTTP 503"
    assert waiting.waited() >= 20


def test_a_refusal_says_what_is_missing(machine: World, waiting: Waiting) -> None:
    """A role that is minutes old is not known everywhere; after some tries the text names the rights and the key."""
    words = "User: arn:aws:sts::1:assumed-role/m/i-0 is not authorized to perform: dynamodb:GetItem"
    machine.front.faults["GetItem"] = [fault(400, "AccessDeniedException", words)] * REFUSALS
    failure = refusal(waiting)
    assert failure.reason is Reason.ASSIGNMENT_UNREADABLE
    assert words in failure.detail
    assert f"dynamodb:GetItem and dynamodb:UpdateItem on the item whose partition key is {USER_ID}" in failure.detail
    assert len(waiting.slept) == REFUSALS - 1


def test_a_right_that_comes_late_is_in_time(machine: World, waiting: Waiting) -> None:
    """Refused a few times, then let in: the orders are taken."""
    machine.put_item(BODY)
    machine.front.faults["GetItem"] = [fault(400, "AccessDeniedException")] * (REFUSALS - 1)
    assert waiting.source.take(60 * SECOND) == json.loads(BODY)


def test_a_table_that_is_not_there_is_final(machine: World, waiting: Waiting) -> None:
    """The settings name another table than the stack has."""
    machine.dynamodb.delete_table(TableName=machine.name)
    failure = refusal(waiting)
    assert failure.reason is Reason.ASSIGNMENT_UNREADABLE
    assert "ResourceNotFoundException" in failure.detail


def test_what_was_never_taken_is_discarded(machine: World, waiting: Waiting) -> None:
    """The machine ends: the secret goes, the receipt stays, and a later agent is told."""
    machine.put_item(BODY)
    waiting.source.discard()
    assert machine.item() == {
        "pk": {"S": USER_ID},
        "sk": {"S": "ASSIGNMENT"},
        "runner_name": {"S": "p-1"},
        "discarded_at": {"N": str(waiting.start)},
    }
    assert refusal(waiting).reason is Reason.ASSIGNMENT_TAKEN


def test_discarding_nothing_does_nothing(machine: World, waiting: Waiting) -> None:
    """No item comes to be, a taken one stays as it is, and no outage hurts."""
    waiting.source.discard()
    assert machine.item() is None
    machine.put_item(BODY)
    waiting.source.take(0)
    taken = machine.item()
    waiting.source.discard()
    assert machine.item() == taken
    machine.front.faults["UpdateItem"] = [fault(400, "AccessDeniedException")]
    waiting.source.discard()
    machine.front.faults["UpdateItem"] = [Answer(503)] * 4
    waiting.source.discard()
    assert machine.item() == taken


def test_a_sign_of_life_is_one_write(machine: World, waiting: Waiting) -> None:
    """The moment, and what is known besides: the runner's id, when it was ready. The rest of the item stays."""
    machine.put_item(None)
    waiting.item.heartbeat(at=7, runner_id=None)
    assert set(machine.item() or {}) == {"pk", "sk", "runner_name", "heartbeat_at"}
    assert (machine.item() or {})["heartbeat_at"] == {"N": "7"}
    waiting.item.heartbeat(at=8, runner_id=None, ready_at=6)
    waiting.item.heartbeat(at=9, runner_id=42)
    assert machine.item() == {
        "pk": {"S": USER_ID},
        "sk": {"S": "ASSIGNMENT"},
        "runner_name": {"S": "p-1"},
        "heartbeat_at": {"N": "9"},
        "runner_id": {"N": "42"},
        "ready_at": {"N": "6"},
    }
    assert machine.front.operations() == ["UpdateItem"] * 3


def test_a_sign_of_life_makes_no_item(machine: World, waiting: Waiting) -> None:
    """The control plane puts an assignment only where nothing stands: a heartbeat must not take its place."""
    waiting.item.heartbeat(at=7, runner_id=None)
    assert machine.item() is None
