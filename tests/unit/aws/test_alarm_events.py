"""The alarm on interruptions, as EventBridge tells it, has the circuits looked at; nothing else follows from alarms."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from paddock.adapters.aws.alarm_events import SPOT, AlarmChanged, pattern
from paddock.adapters.aws.cloud_events import event_in
from paddock.adapters.aws.watching.alarms import definitions
from paddock.adapters.aws.watching.targets import Targets
from paddock.core.circuit import Interruption
from paddock.core.errors import AccessDenied, InvalidInput, Unavailable
from paddock.core.states import CircuitState
from paddock.core.units import SECOND
from paddock.entrypoints.aws_lambda.events import EventsFunction
from paddock.entrypoints.aws_lambda.logs import start_logging
from tests.aws.events import fits
from tests.aws.invocations import Desk, failed, lines, logging_kept, record, sqs_event
from tests.faults import Failing
from tests.strategies import NOON
from tests.world.spot import circuits_of, machine_of, running
from tests.world.world import World

HERE = "us-east-1a"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is as it was, whatever a function did to it."""
    with logging_kept():
        yield


def told(name: str = f"paddock-dev-{SPOT}", state: str = "ALARM", **more: object) -> dict[str, Any]:
    """An event as CloudWatch's user guide shows it."""
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": "2026-11-22T12:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {"metrics": []},
            "previousState": {"reason": "…", "timestamp": "2026-11-22T11:00:00.000+0000", "value": "OK"},
            "state": {"reason": "…", "timestamp": "2026-11-22T12:00:00.000+0000", "value": state},
        },
        **more,
    }


def stormy(failing: Failing | None = None) -> tuple[World, str]:
    """Three machines of one type were taken back, and whoever weighed each of them did not see the others."""
    world = World(around=failing.around) if failing else World()
    jobs = world.push_jobs(3, labels="paddock/family=c7i")
    running(world, *jobs)
    now = world.clock.now()
    for job in jobs:
        kind = world.runner(machine_of(world, job)).instance_type
        hit = Interruption(machine_of(world, job), HERE, kind, now, told_at=now, weighed=True)
        assert world.table.interruptions.add(hit)
    return world, f"{HERE}/{kind}"


def test_a_storm_has_the_circuits_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    """What was missed opens; told again, it changes nothing; the log says what was done."""
    start_logging()
    (world, key), desk = stormy(), Desk()
    function = EventsFunction(world.fleet, desk, world.clock)
    for opened in (key, ""):
        assert failed(function(sqs_event(record(json.dumps(told()))))) == []
        assert [line["facts"] for line in lines(capsys) if SPOT in line["message"]] == [{"opened": opened}]
        assert circuits_of(world) == {key: CircuitState.OPEN}
    assert (desk.deferred, desk.buried) == ({}, [])


@pytest.mark.parametrize("event", [told(state="OK"), told("paddock-dev-jobs-waiting"), told("somebody-elses")])
def test_other_alarms_are_tolerated(event: dict[str, Any]) -> None:
    """And the end of this one: nothing is asked of anybody."""
    failing = Failing()
    (world, _), desk = stormy(failing), Desk()
    failing.calls.clear()
    assert failed(EventsFunction(world.fleet, desk, world.clock)(sqs_event(record(json.dumps(event))))) == []
    assert (failing.calls, desk.buried) == ([], [])


@pytest.mark.parametrize(
    ("error", "deferred"),
    [(Unavailable("away"), {"receipt-1": 5 * SECOND}), (AccessDenied("no"), {}), (KeyError("a bug"), {})],
)
def test_a_look_that_fails_comes_back(error: Exception, deferred: dict[str, int]) -> None:
    """After a while if that may help, else until it is a dead letter."""
    failing, desk = Failing(), Desk()
    world, _ = stormy(failing)
    failing.errors["table.interruptions.page"] = error  # type: ignore[assignment]  # a fault of ours, too
    assert failed(EventsFunction(world.fleet, desk, world.clock)(sqs_event(record(json.dumps(told()))))) == [
        "message-1"
    ]
    assert desk.deferred == deferred


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"detail-type": "CloudWatch Alarm Configuration Change"}, "detail-type"),
        ({"detail": None}, "detail.alarmName"),
        ({"detail": {"alarmName": ""}}, "detail.alarmName"),
        ({"detail": {"alarmName": "x", "state": "ALARM"}}, "detail.state.value"),
        ({"detail": {"alarmName": "x", "state": {"value": 1}}}, "detail.state.value"),
    ],
)
def test_what_is_no_such_event_is_named(changed: dict[str, Any], field: str) -> None:
    """By its field; so it goes to the dead letters at once."""
    with pytest.raises(InvalidInput) as refused:
        event_in(json.dumps({**told(), **changed}), NOON)
    assert refused.value.field == field


def test_the_rule_lets_through_what_is_acted_on() -> None:
    """The alarm of this stack, when it goes off; an alarm of that name is one that there is."""
    rule = pattern(f"paddock-dev-{SPOT}")
    assert fits(rule, told())
    assert event_in(json.dumps(told()), NOON) == AlarmChanged(f"paddock-dev-{SPOT}", "ALARM")
    others = [told(state="OK"), told(f"paddock-prod-{SPOT}"), told("paddock-dev-budget"), told(source="aws.ec2")]
    assert not any(fits(rule, one) for one in others)
    assert SPOT in {alarm.name for alarm in definitions(Targets())}
