"""The roles of functions and machines, held against what each of them called on the wire, and against the documents."""

import json
import re
from pathlib import Path

import attrs
import pytest

from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.aws.roles import MACHINE, ROLES, filled
from paddock.core.records import KINDS
from tests.aws.machine import ROLE_ID
from tests.aws.recorded import Call, Caller
from tests.aws.rights import denied, names_of, unused

DOCUMENT = Path(__file__).parents[3] / "docs/agent.md"
NAMES = names_of("stack", "fleet")
UNBOUND = {"pricing:GetProducts", "ce:GetCostAndUsage", *(action for one in METRICS for action in one["Action"])}
"""Reading alone, and restricted to nothing by AWS."""


def call(function: str, action: str, *resources: str, instance: str = "x-1", leading: tuple[str, ...] = ()) -> Call:
    service, _, operation = action.partition(":")
    return Call(
        number=1,
        caller=Caller(function, instance),
        service=service,
        operation=operation,
        resources=resources,
        leading=leading,
    )


def test_every_placeholder_is_known() -> None:
    """All that a stack must fill in is named; what is left over is a policy variable of IAM's, or a list of EC2's."""
    left = {
        name
        for statements in ROLES.values()
        for name in re.findall(r"(?<!\$)\{(\w+)\}", json.dumps([dict(one) for one in filled(statements, NAMES)]))
    }
    assert left == {"launch_template_arn", "subnet_arn", "security_group_arn", "image_arn"}


def test_the_machines_role_is_the_documented_one() -> None:
    """docs/agent.md shows it word for word, with its own names for what is to be filled in."""
    (block,) = re.findall(r"```json\n(\{\n  \"Version\".*?)```", DOCUMENT.read_text(), re.DOTALL)
    names = {
        "table_arn": "arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE",
        "reports_arn": "arn:aws:sqs:REGION:ACCOUNT:QUEUE",
        "machine_log_group_arn": "arn:aws:logs:REGION:ACCOUNT:log-group:GROUP",
        "cache_bucket_arn": "arn:aws:s3:::CACHE",
        "archive_bucket_arn": "arn:aws:s3:::ARCHIVE",
    }
    documented = [
        {
            key: [value] if key in {"Action", "Resource"} and isinstance(value, str) else value
            for key, value in one.items()
        }
        for one in json.loads(block)["Statement"]
    ]
    assert [dict(one) for one in filled(ROLES[MACHINE], names)] == [
        {key: value for key, value in one.items() if key != "Sid"} for one in documented
    ]


def test_nothing_is_allowed_twice_and_nothing_wholesale() -> None:
    """No wildcard stands for an action; only descriptions, which EC2 cannot restrict, are allowed on everything."""
    for statements in ROLES.values():
        for one in statements:
            assert one["Effect"] == "Allow"
            assert not [action for action in one["Action"] if "*" in action]
            if "*" in one["Resource"]:
                assert all(action.startswith("ec2:Describe") or action in UNBOUND for action in one["Action"])


@pytest.mark.parametrize("function", [name for name in ROLES if name != MACHINE])
def test_few_can_launch_and_one_can_write_what_machines_obey(function: str) -> None:
    """Pools are launched on a schedule; an assignment, which holds a registration, is dispatch's alone to put."""
    key = (f"{ROLE_ID}:i-0123456789abcdef0",)
    launched = denied([call(function, "ec2:CreateFleet", "lt-1")], NAMES)
    ordered = denied([call(function, "dynamodb:PutItem", "table/stack", leading=key)], NAMES)
    assert len(launched) == (0 if function in {"dispatch", "schedules"} else 4)
    assert len(ordered) == (0 if function == "dispatch" else 1)


def test_a_machine_reaches_its_own_and_nothing_else() -> None:
    """Its item, its place in the archive, and the reports queue; no other machine's, no record, no other queue."""
    mine, other = f"{ROLE_ID}:i-0123456789abcdef0", f"{ROLE_ID}:i-00000000000000bad"

    def tried(action: str, resource: str, *leading: str) -> Call:
        return call(MACHINE, action, resource, instance="i-0123456789abcdef0", leading=leading)

    right = [
        tried("dynamodb:GetItem", "table/stack", mine),
        tried("dynamodb:UpdateItem", "table/stack", mine),
        tried("sqs:SendMessage", "queue/stack-reports"),
        tried("s3:PutObject", f"bucket/stack-archive/diag/{mine}/Runner_1.log.gz"),
        tried("s3:GetObject", "bucket/stack-cache/runners/2.336.0/linux-x64/runner.tar.gz"),
        tried("logs:PutLogEvents", "log-group//paddock/stack"),
    ]
    assert denied(right, NAMES) == []
    wrong = [
        tried("dynamodb:GetItem", "table/stack", other),
        tried("dynamodb:GetItem", "table/stack", f"{KINDS[0].prefix}#1"),
        tried("dynamodb:GetItem", "table/other", mine),
        tried("dynamodb:DeleteItem", "table/stack", mine),
        tried("dynamodb:Query", "table/stack/index/first"),
        tried("sqs:SendMessage", "queue/stack-events"),
        tried("s3:PutObject", f"bucket/stack-archive/diag/{other}/Runner_1.log.gz"),
        tried("s3:PutObject", "bucket/stack-cache/runners/x"),
        tried("secretsmanager:GetSecretValue", "secret/stack/github"),
    ]
    assert len(denied(wrong, NAMES)) == len(wrong)


def test_the_mirror_writes_nothing_but_the_runners_packages() -> None:
    """The agent's own file lies beside them, and every machine executes it."""
    actions = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
    place = "bucket/stack-cache/{}/1/file"
    assert denied([call("schedules", action, place.format("runners")) for action in actions], NAMES) == []
    assert len(denied([call("schedules", action, place.format("agent")) for action in actions], NAMES)) == len(actions)


def test_housekeeping_puts_old_jobs_and_reports_on_pools_into_the_archive_and_takes_nothing_out() -> None:
    """What machines left there for a diagnosis is not its affair."""
    place, actions = "bucket/stack-archive/{}/2026/12/20.md", ("s3:GetObject", "s3:PutObject")
    right = [call("schedules", action, place.format(folder)) for action in actions for folder in ("jobs", "pools")]
    assert denied(right, NAMES) == []
    wrong = [
        *(call("schedules", action, place.format("diag")) for action in actions),
        call("schedules", "s3:DeleteObject", place.format("pools")),
    ]
    assert len(denied(wrong, NAMES)) == len(wrong)


def test_each_kind_of_act_in_a_step_needs_its_right() -> None:
    """Dispatch puts records and orders together; who closes a machine's record may forget its orders, not put any."""
    order, record = f"{ROLE_ID}:i-0123456789abcdef0", f"{KINDS[0].prefix}#1"

    def step(function: str, **acts: tuple[str, ...]) -> Call:
        tried = call(function, "dynamodb:TransactWriteItems", "table/stack")
        return attrs.evolve(tried, acts=tuple(acts.items()))

    given = step("dispatch", Put=(record, order), Update=(record,))
    closed = [step(function, Put=(record,), Update=(record,), Delete=(order,)) for function in ("events", "schedules")]
    assert denied([given, *closed], NAMES) == []
    wrong = [
        step("reports", Put=(order,)),
        step("events", Put=(order,)),
        step("schedules", Update=(order,)),
        step("schedules", Delete=(record,)),
        step("reports", Delete=(order,)),
        step("events", ConditionCheck=(record,)),
    ]
    assert len(denied(wrong, NAMES)) == len(wrong)


def test_what_is_not_used_is_named() -> None:
    """By function and action; the steps of a fleet are rights of the call that makes it."""
    used = [call("webhook", "sqs:SendMessage", "queue/stack-jobs"), call("dispatch", "ec2:CreateFleet", "lt-1")]
    left = unused(used)
    assert ("webhook", "sqs:SendMessage") not in left
    assert ("webhook", "secretsmanager:GetSecretValue") in left
    assert not {("dispatch", action) for action in ("ec2:RunInstances", "iam:PassRole")} & left
