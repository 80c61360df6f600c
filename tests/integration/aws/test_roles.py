"""The roles of functions and machines, held against what each of them called on the wire, and against the documents."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.aws.roles import MACHINE, ROLES, SHIPPER, TRUST, filled
from paddock.core.records import KINDS
from tests.aws.judge import REGION
from tests.aws.machine import ROLE_ID
from tests.aws.recorded import Call, Caller
from tests.aws.rights import Stack, arn_of, denied, names_of, unused

DOCUMENT = Path(__file__).parents[3] / "docs/agent.md"
NAMES = names_of("stack", "fleet")
STACK = Stack(
    NAMES,
    {
        "launch_template_arn": [arn_of("launch-template/lt-1")],
        "image_arn": [arn_of("image/ami-1"), arn_of("image/ami-2")],
        "security_group_arn": [arn_of("security-group/sg-1")],
        "subnet_arn": [arn_of("subnet/subnet-1"), arn_of("subnet/subnet-2")],
    },
)
UNBOUND = {"pricing:GetProducts", "ce:GetCostAndUsage", *(action for one in METRICS for action in one["Action"])}
"""Reading alone, and restricted to nothing by AWS."""


MINE, OTHER = "i-0123456789abcdef0", "i-00000000000000bad"
OURS, THEIRS = {"paddock:fleet": "fleet"}, {"paddock:fleet": "theirs"}
LAUNCH = ("launch-template/lt-1", "image/ami-1", "security-group/sg-1", "subnet/subnet-1", "role/machine")


def call(
    function: str,
    action: str,
    *resources: str,
    instance: str = "x-1",
    leading: tuple[str, ...] = (),
    tags: Mapping[str, Mapping[str, str]] | None = None,
) -> Call:
    service, _, operation = action.partition(":")
    return Call(
        number=1,
        caller=Caller(function, instance),
        service=service,
        operation=operation,
        resources=resources,
        leading=leading,
        tags=tags or {},
    )


def launch(function: str, *resources: str, **tags: Mapping[str, str]) -> Call:
    return call(function, "ec2:CreateFleet", *(resources or LAUNCH), tags=tags or {"instance": OURS, "volume": OURS})


def test_every_placeholder_is_known() -> None:
    """All that a stack must fill in is named; what is left over is a policy variable of IAM's, or a list of EC2's."""
    left = {
        name
        for statements in (*ROLES.values(), TRUST)
        for name in re.findall(r"(?<!\$)\{(\w+)\}", json.dumps([dict(one) for one in filled(statements, NAMES)]))
    }
    assert left == {"launch_template_arn", "subnet_arn", "security_group_arn", "image_arn"}


def test_the_machines_roles_are_the_documented_ones() -> None:
    """docs/agent.md shows them word for word, with its own names for what is to be filled in."""
    blocks = re.findall(r"```json\n(\{\n  \"Version\".*?)```", DOCUMENT.read_text(), re.DOTALL)
    names = {
        "partition": "aws",
        "account": "ACCOUNT",
        "region": "REGION",
        "fleet": "FLEET",
        "table_arn": "arn:aws:dynamodb:REGION:ACCOUNT:table/TABLE",
        "reports_arn": "arn:aws:sqs:REGION:ACCOUNT:QUEUE",
        "machine_log_group_arn": "arn:aws:logs:REGION:ACCOUNT:log-group:GROUP",
        "machine_role_arn": "arn:aws:iam::ACCOUNT:role/MACHINE",
        "machine_role_id": "ROLEID",
        "cache_bucket_arn": "arn:aws:s3:::CACHE",
        "archive_bucket_arn": "arn:aws:s3:::ARCHIVE",
    }

    def listed(name: str, value: Any) -> Any:  # noqa: ANN401 - plain data
        if name == "Principal":
            return {kind: [whom] for kind, whom in value.items()}
        return [value] if name in {"Action", "Resource"} and isinstance(value, str) else value

    documented = [
        [
            {key: listed(key, value) for key, value in one.items() if key != "Sid"}
            for one in json.loads(block)["Statement"]
        ]
        for block in blocks
    ]
    made = [[dict(one) for one in filled(role, names)] for role in (ROLES[MACHINE], ROLES[SHIPPER], TRUST)]
    assert documented == made


def test_nothing_is_allowed_twice_and_nothing_wholesale() -> None:
    """No wildcard stands for an action; only descriptions, which EC2 cannot restrict, are allowed on everything."""
    for statements in ROLES.values():
        for one in statements:
            assert one["Effect"] == "Allow"
            assert not [action for action in one["Action"] if "*" in action]
            if "*" in one["Resource"]:
                assert all(action.startswith("ec2:Describe") or action in UNBOUND for action in one["Action"])


@pytest.mark.parametrize("function", [name for name in ROLES if name not in {MACHINE, SHIPPER}])
def test_few_can_launch_and_one_can_write_what_machines_obey(function: str) -> None:
    """Pools are launched on a schedule; an assignment, which holds a registration, is dispatch's alone to put."""
    key = (f"{ROLE_ID}:i-0123456789abcdef0",)
    launched = {line.split()[1] for line in denied([launch(function)], STACK)}
    ordered = denied([call(function, "dynamodb:PutItem", "table/stack", leading=key)], STACK)
    every = {"ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"}
    assert launched == (set() if function in {"dispatch", "schedules"} else every)
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
    ]
    assert denied(right, STACK) == []
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
        tried("logs:PutLogEvents", f"log-group//paddock/stack:log-stream:{MINE}/job-1"),
        tried("logs:PutLogEvents", "log-group//paddock/stack:log-stream:dispatch"),
        tried("logs:PutLogEvents", f"log-group//aws/lambda/stack:log-stream:{MINE}/job-1"),
        tried("logs:GetLogEvents", f"log-group//paddock/stack:log-stream:{MINE}/job-1"),
    ]
    assert len(denied(wrong, STACK)) == len(wrong)


def test_a_machine_writes_its_log_by_a_session_that_names_it() -> None:
    """It may ask for the shipper alone; the session reaches the streams of the machine in its tag, in one group."""
    session = {"session": {"machine": MINE}}
    asked = [
        call(MACHINE, "sts:AssumeRole", f"role/{name}", instance=MINE, tags=session)
        for name in (f"fleet-{REGION}-shipper", f"theirs-{REGION}-shipper", "machine")
    ]
    assert [bool(denied([one], STACK)) for one in asked] == [False, True, True]
    shipper = Caller(SHIPPER, MINE, tags=(("machine", MINE),))

    def tried(action: str, stream: str, group: str = "/paddock/stack") -> Call:
        return attrs.evolve(call(SHIPPER, action, f"log-group/{group}:log-stream:{stream}"), caller=shipper)

    assert (
        denied([tried(f"logs:{action}", f"{MINE}/17") for action in ("CreateLogStream", "PutLogEvents")], STACK) == []
    )
    wrong = [
        tried("logs:PutLogEvents", f"{OTHER}/17"),
        tried("logs:CreateLogStream", f"{OTHER}/17"),
        tried("logs:PutLogEvents", MINE),
        tried("logs:PutLogEvents", f"{MINE}/17", "/aws/lambda/stack"),
        tried("logs:GetLogEvents", f"{MINE}/17"),
        attrs.evolve(tried("logs:PutLogEvents", f"{MINE}/17"), caller=Caller(SHIPPER, MINE)),
    ]
    assert [bool(denied([one], STACK)) for one in wrong] == [True] * len(wrong)


def test_the_mirror_writes_nothing_but_the_runners_packages() -> None:
    """The agent's own file lies beside them, and every machine executes it."""
    actions = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
    place = "bucket/stack-cache/{}/1/file"
    assert denied([call("schedules", action, place.format("runners")) for action in actions], STACK) == []
    assert len(denied([call("schedules", action, place.format("agent")) for action in actions], STACK)) == len(actions)


def test_housekeeping_puts_old_jobs_and_reports_on_pools_into_the_archive_and_takes_nothing_out() -> None:
    """What machines left there for a diagnosis is not its affair."""
    place, actions = "bucket/stack-archive/{}/2026/12/20.md", ("s3:GetObject", "s3:PutObject")
    right = [call("schedules", action, place.format(folder)) for action in actions for folder in ("jobs", "pools")]
    assert denied(right, STACK) == []
    wrong = [
        *(call("schedules", action, place.format("diag")) for action in actions),
        call("schedules", "s3:DeleteObject", place.format("pools")),
    ]
    assert len(denied(wrong, STACK)) == len(wrong)


def test_each_kind_of_act_in_a_step_needs_its_right() -> None:
    """Dispatch puts records and orders together; who closes a machine's record may forget its orders, not put any."""
    order, record = f"{ROLE_ID}:i-0123456789abcdef0", f"{KINDS[0].prefix}#1"

    def step(function: str, **acts: tuple[str, ...]) -> Call:
        tried = call(function, "dynamodb:TransactWriteItems", "table/stack")
        return attrs.evolve(tried, acts=tuple(acts.items()))

    given = step("dispatch", Put=(record, order), Update=(record,))
    closed = [step(function, Put=(record,), Update=(record,), Delete=(order,)) for function in ("events", "schedules")]
    assert denied([given, *closed], STACK) == []
    wrong = [
        step("reports", Put=(order,)),
        step("events", Put=(order,)),
        step("schedules", Update=(order,)),
        step("schedules", Delete=(record,)),
        step("reports", Delete=(order,)),
        step("events", ConditionCheck=(record,)),
    ]
    assert len(denied(wrong, STACK)) == len(wrong)


def test_a_launch_is_of_the_fleets_parts_and_bears_its_name() -> None:
    """Another's template, subnet, image, group or role, and machines or disks without the fleet's tag, are refused."""
    assert denied([launch("dispatch"), launch("dispatch", *LAUNCH, "spot-instances-request/new")], STACK) == []
    for part in LAUNCH:
        kind = part.partition("/")[0]
        told = denied([launch("dispatch", *(f"{kind}/other" if one == part else one for one in LAUNCH))], STACK)
        assert told
        assert all(f"{kind}/other" in line for line in told)
    for kind, other in (("instance", "volume"), ("volume", "instance")):
        for tags in ({other: OURS}, {other: OURS, kind: THEIRS}):
            told = denied([launch("dispatch", **tags)], STACK)
            assert told
            assert all(f":{kind}/new" in line for line in told)


def test_machines_are_stopped_and_ended_by_the_tag_that_they_bear() -> None:
    """Several in one call are looked at one by one: another fleet's, or one without a tag, is refused."""
    mine, other = f"instance/{MINE}", f"instance/{OTHER}"
    for action in ("Start", "Stop", "Terminate"):
        tried = call("schedules", f"ec2:{action}Instances", mine, other)
        assert denied([attrs.evolve(tried, bears={mine: OURS, other: OURS})], STACK) == []
        for bears in ({mine: OURS}, {mine: OURS, other: THEIRS}):
            (told,) = denied([attrs.evolve(tried, bears=bears)], STACK)
            assert other in told


def test_whoever_may_not_list_is_not_told_what_is_missing() -> None:
    """S3 asks for one right more where an object is not there: a machine has it not, and hears 403."""
    missing = [
        attrs.evolve(call(function, "s3:GetObject", f"bucket/stack-{key}"), status=404)
        for function, key in (("dispatch", "config/config/paddock.yml"), (MACHINE, "cache/runners/1/x"))
    ]
    (told,) = denied(missing, STACK)
    assert told.startswith("machine: s3:ListBucket")


def test_what_is_not_used_is_named() -> None:
    """By function, statement, action and resource: the one queue of two that nothing went to, the disks of a launch."""
    used = [call("webhook", "sqs:SendMessage", "queue/stack-jobs"), launch("dispatch")]
    left = {(one.function, one.action, one.resource) for one in unused(used, STACK)}
    assert ("webhook", "sqs:SendMessage", "{jobs_arn}") not in left
    assert ("webhook", "sqs:SendMessage", "{events_arn}") in left
    assert {(action, one) for function, action, one in left if function == "dispatch" and "RunInst" in action} == {
        ("ec2:RunInstances", "arn:{partition}:ec2:{region}:{account}:spot-instances-request/*"),
    }
    assert ("dispatch", "iam:PassRole", "{machine_role_arn}") not in left
