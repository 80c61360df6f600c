"""What EC2 tells by EventBridge becomes messages of ours; what is none of it is told in one sentence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.cloud_events import ENDING, PATTERNS, REBALANCE, SPOT, STATE, cloud_event, event_in
from paddock.adapters.aws.senders import machine_of
from paddock.adapters.wire import message_text
from paddock.core.errors import InvalidInput
from paddock.core.messages import MachineChanged, MachineWarned, WarningKind
from paddock.core.units import MINUTE, SECOND
from tests.aws.events import fits
from tests.aws.invocations import ROLE_ID
from tests.contracts import breaches
from tests.strategies import MESSAGES, NOON, machine_ids

MACHINE = "i-1234567890abcdef0"


def event(kind: str, **detail: object) -> dict[str, Any]:
    """An event as AWS's user guide shows it."""
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": kind,
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2026-11-22T12:00:00Z",
        "region": "us-east-2",
        "resources": [f"arn:aws:ec2:us-east-2:123456789012:instance/{MACHINE}"],
        "detail": {"instance-id": MACHINE, **detail},
    }


SPOT_EVENT = event(SPOT, **{"instance-action": "terminate"})
REBALANCE_EVENT = event(REBALANCE)
STATE_EVENT = event(STATE, state="shutting-down")
LATER = NOON + 7 * SECOND


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (SPOT_EVENT, MachineWarned(MACHINE, WarningKind.SPOT, NOON + 2 * MINUTE, LATER)),
        (REBALANCE_EVENT, MachineWarned(MACHINE, WarningKind.REBALANCE, NOON + 2 * MINUTE, LATER)),
        (STATE_EVENT, MachineChanged(MACHINE, "shutting-down", NOON, LATER)),
    ],
)
def test_an_event_of_ec2_is_a_message_of_ours(told: dict[str, Any], expected: MachineWarned | MachineChanged) -> None:
    """Who, what, and when; the message is one of the contract's."""
    found = event_in(json.dumps(told), LATER)
    assert found == expected
    assert breaches(expected_kind(expected), json.loads(message_text(found))) == []


def expected_kind(message: MachineWarned | MachineChanged) -> str:
    return "machine_warned" if isinstance(message, MachineWarned) else "machine_changed"


@pytest.mark.parametrize("state", ["pending", "running", "stopping", "stopped", "shutting-down", "terminated", "new"])
def test_every_state_is_kept_in_ec2s_own_words(state: str) -> None:
    """Those that are new to us as well: what they mean is the use-cases' affair."""
    assert cloud_event(event(STATE, state=state), NOON) == MachineChanged(MACHINE, state, NOON, NOON)


STATES = ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")
"""All that EC2 knows; source: "Amazon EC2 User Guide", "Instance lifecycle"."""
TELLS = [SPOT_EVENT, REBALANCE_EVENT, *(event(STATE, state=state) for state in STATES)]
FOREIGN = [
    {**SPOT_EVENT, "source": "aws.autoscaling"},
    event("EC2 Spot Instance Request Fulfillment"),
    event("EC2 Instance Launch Successful"),
    {**STATE_EVENT, "detail": {"instance-id": MACHINE, "state": "SHUTTING-DOWN"}},
    {**STATE_EVENT, "detail": {"instance-id": MACHINE}},
    {**STATE_EVENT, "detail": None},
]


def test_the_rules_let_through_what_is_acted_on_and_each_event_once() -> None:
    """Both warnings, and the changes that mean an end; not the second word on the same end."""
    through = [[rule for rule, pattern in PATTERNS.items() if fits(pattern, told)] for told in TELLS]
    assert through[:2] == [["machine-warned"]] * 2
    changed = {state: rules for state, rules in zip(STATES, through[2:], strict=True) if rules}
    assert changed == {state: ["machine-changed"] for state in ENDING}
    assert not any(fits(pattern, told) for pattern in PATTERNS.values() for told in FOREIGN)


def test_whatever_a_rule_lets_through_is_read() -> None:
    """And the patterns name nothing that the parser refuses: each value of theirs is in an event that is read."""
    for pattern in PATTERNS.values():
        read = [told for told in TELLS if fits(pattern, told) and cloud_event(told, LATER).machine == MACHINE]
        named: Any = pattern
        assert {told["source"] for told in read} == set(named["source"])
        assert {told["detail-type"] for told in read} == set(named["detail-type"])
        states = named.get("detail", {}).get("state", ())
        assert {told["detail"]["state"] for told in read if "state" in told["detail"]} == set(states)


def test_short_ids_are_ids() -> None:
    """AWS's own example of a change of state has one of eight digits."""
    told = {**STATE_EVENT, "detail": {"instance-id": "i-abcd1111", "state": "pending"}}
    assert cloud_event(told, NOON).machine == "i-abcd1111"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"source": "aws.rds"}, "source"),
        ({"source": None}, "source"),
        ({"detail-type": "EC2 Spot Instance Request Fulfillment"}, "detail-type"),
        ({"detail-type": ["EC2 Instance State-change Notification"]}, "detail-type"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-11-22T12:00:00"}, "time"),
        ({"time": 1_795_348_800}, "time"),
        ({"detail": None}, "detail"),
        ({"detail": {}}, "detail.instance-id"),
        ({"detail": {"instance-id": "i-123", "state": "running"}}, "detail.instance-id"),
        ({"detail": {"instance-id": f"{MACHINE}\n", "state": "running"}}, "detail.instance-id"),
        ({"detail": {"instance-id": MACHINE}}, "detail.state"),
        ({"detail": {"instance-id": MACHINE, "state": ""}}, "detail.state"),
        ({"detail": {"instance-id": MACHINE, "state": 16}}, "detail.state"),
    ],
)
def test_what_has_another_shape_is_refused(changed: dict[str, Any], field: str) -> None:
    """And the error names the field: such an event is none that EC2 documents."""
    with pytest.raises(InvalidInput) as refused:
        event_in(json.dumps({**STATE_EVENT, **changed}), NOON)
    assert refused.value.field == field


@given(st.one_of(*MESSAGES.values()))
def test_our_own_messages_are_read_as_ever(message: object) -> None:
    """A text that EventBridge did not write is the codec's."""
    assert event_in(message_text(message), NOON) == message


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_raises_anything_but_invalid_input(text: str) -> None:
    """Whatever lies in the queue."""
    with pytest.raises(InvalidInput):
        event_in(text, NOON)


@given(machine_ids)
def test_the_sender_of_a_machine_is_the_machine(machine: str) -> None:
    """Its ``aws:userid`` is its role's id and its own."""
    assert machine_of(f"{ROLE_ID}:{machine}", ROLE_ID) == machine


@pytest.mark.parametrize(
    "sender",
    [
        "",
        MACHINE,
        ROLE_ID,
        f"AROAOTHEROTHEROTHER12:{MACHINE}",
        f"{ROLE_ID}:deploy",
        f"{ROLE_ID}:{MACHINE}:more",
        f"{ROLE_ID}:{MACHINE}\n",
        f"{ROLE_ID.lower()}:{MACHINE}",
        "AIDAEXAMPLEEXAMPLE123",
    ],
)
def test_anybody_else_is_no_machine(sender: str) -> None:
    """A user, another role, another session of the role."""
    assert machine_of(sender, ROLE_ID) is None
