"""The template's roles are the data's, to the letter; and two environments of one account do not touch each other."""

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.aws.roles import BILL, MACHINE, ROLES, SHIPPER, SLACK, TRUST, filled
from paddock.agent.aws.config import parse_config
from tests.aws.cloudformation import Made
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.rights import names_of
from tests.aws.shapes import SHAPES, made, template

EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES)
ENVIRONMENTS = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,8})?", fullmatch=True).filter(
    lambda name: len(name) <= 16
)
_BRACES = re.compile(r"(?<!\$)\{(\w+)\}")


def functions_of(shape: str) -> list[str]:
    """Those whose roles a stack of this shape has."""
    return [function for function in ROLES if function != SLACK or SHAPES[shape].slack]


def document(stack: Made, function: str) -> Any:  # noqa: ANN401 - plain data
    """The one policy of a role."""
    role = stack.properties(f"{function.title()}Role")
    (policy,) = role["Policies"]
    return policy["PolicyDocument"]


def names(stack: Made, function: str) -> dict[str, str]:
    """What the placeholders of the data stand for in this stack, found by what is in the stack and not by its roles."""

    def arn(logical: str) -> str:
        found: str = stack.worked_out({"Fn::GetAtt": [logical, "Arn"]})
        return found

    group = "MachineLogs" if function in {MACHINE, SHIPPER} else f"{function.title()}Logs"
    group_arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{stack.properties(group)['LogGroupName']}"
    return {
        **names_of("unused", "unused"),
        **{f"{word}_arn": arn(f"{word.title()}Queue") for word in ("jobs", "events", "reports")},
        **{f"{word}_dead_arn": arn(f"{word.title()}DeadQueue") for word in ("jobs", "events", "reports")},
        "fleet": stack.stack,
        "table_arn": arn("Table"),
        "machine_role_id": stack.worked_out({"Fn::GetAtt": ["MachineRole", "RoleId"]}),
        "machine_role_arn": arn("MachineRole"),
        "config_bucket_arn": f"arn:aws:s3:::{stack.parameter('DeployBucket')}",
        "cache_bucket_arn": arn("CacheBucket"),
        "archive_bucket_arn": arn("ArchiveBucket"),
        "reports_topic_arn": stack.worked_out({"Ref": "ReportsTopic"}),
        "slack_secret_arn": stack.worked_out({"Ref": "SlackSecret"}) if function == SLACK else "",
        "github_secret_arn": stack.worked_out({"Ref": "GithubSecret"}),
        "webhook_secret_arn": stack.worked_out({"Ref": "WebhookSecret"}),
        "function_log_group_arn": group_arn,
        "machine_log_group_arn": group_arn,
    }


def several(stack: Made) -> dict[str, list[str]]:
    """The same for placeholders of which there are as many as the stack has."""
    ec2 = f"arn:aws:ec2:{REGION}"
    environment = stack.of("AWS::Lambda::Function")["DispatchFunction"]["Environment"]["Variables"]
    templates = [stack.worked_out({"Ref": name}) for name in stack.of("AWS::EC2::LaunchTemplate")]
    images = [one["LaunchTemplateData"]["ImageId"] for one in stack.of("AWS::EC2::LaunchTemplate").values()]
    group = stack.worked_out({"Fn::GetAtt": ["MachineGroup", "GroupId"]})
    return {
        "launch_template_arn": [f"{ec2}:{ACCOUNT}:launch-template/{one}" for one in templates],
        "subnet_arn": [f"{ec2}:{ACCOUNT}:subnet/{one}" for one in json.loads(environment["PADDOCK_SUBNETS"]).values()],
        "security_group_arn": [f"{ec2}:{ACCOUNT}:security-group/{group}"],
        "image_arn": [f"{ec2}::image/{one}" for one in images],
    }


def expected(stack: Made, function: str) -> list[dict[str, Any]]:
    """The data's statements, with what this stack made in their places."""
    many = several(stack)

    def widened(resource: str) -> list[str]:
        found = _BRACES.fullmatch(resource)
        return many[found[1]] if found else [resource]

    return [
        {**one, "Resource": [each for resource in one["Resource"] for each in widened(resource)]}
        for one in filled(ROLES[function], names(stack, function))
    ]


@EVERY_SHAPE
@pytest.mark.parametrize("function", ROLES)
def test_a_role_is_the_datas(shape: str, function: str) -> None:
    """Statement by statement, with every placeholder filled in by what the stack makes; nothing more, nothing less."""
    stack = made(shape)
    if function not in functions_of(shape):
        assert f"{function.title()}Role" not in template(shape)["Resources"]
        return
    assert document(stack, function) == {"Version": "2012-10-17", "Statement": expected(stack, function)}


def test_aws_own_bill_may_be_asked_for_only_where_paddock_yml_says_so() -> None:
    """`costs.bill` is a parameter of the stack: with it the one function that asks has the right, and no other has."""
    asked = made("new", AwsBill="yes")
    for function in functions_of("new"):
        added = [dict(one) for one in BILL.get(function, ())]
        assert document(asked, function)["Statement"] == [*expected(asked, function), *added]
        assert "ce:GetCostAndUsage" not in json.dumps(document(made("new"), function))
    assert [one["Action"] for one in BILL["schedules"]] == [["ce:GetCostAndUsage"]]


@EVERY_SHAPE
def test_every_role_is_one_of_the_datas_and_serves_one(shape: str) -> None:
    """Who may bear it, which function does, and that a boundary bounds all of them."""
    stack = made(shape)
    roles = stack.of("AWS::IAM::Role")
    assert set(roles) == {f"{function.title()}Role" for function in functions_of(shape)}
    for name, role in roles.items():
        (who,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = "ec2.amazonaws.com" if name == "MachineRole" else "lambda.amazonaws.com"
        if name == "ShipperRole":  # no service's: a machine's
            assert [who] == list(filled(TRUST, names(stack, SHIPPER)))
        else:
            assert who == {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        assert "PermissionsBoundary" not in role
        assert role.get("ManagedPolicyArns", []) == (
            list(SHAPES[shape].machine_policies) if name == "MachineRole" else []
        )
    for name, function in stack.of("AWS::Lambda::Function").items():
        own = stack.worked_out({"Fn::GetAtt": [name.replace("Function", "Role"), "Arn"]})
        assert function["Role"] == own
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    bounded = made(shape, PermissionsBoundary=boundary).of("AWS::IAM::Role")
    assert {role["PermissionsBoundary"] for role in bounded.values()} == {boundary}


@EVERY_SHAPE
def test_the_role_that_machines_may_take_on_is_the_one_that_their_agent_asks_for(shape: str) -> None:
    """The right names it by its name, the user data by what it becomes: both are the same, and it is there."""
    stack = made(shape)
    arn = stack.worked_out({"Fn::GetAtt": ["ShipperRole", "Arn"]})
    right = [one for one in document(stack, MACHINE)["Statement"] if "sts:AssumeRole" in one["Action"]]
    assert [one["Resource"] for one in right] == [[arn]]
    for one in stack.of("AWS::EC2::LaunchTemplate").values():
        written = yaml.safe_load(one["LaunchTemplateData"]["UserData"])["write_files"]
        (told,) = [json.loads(file["content"]) for file in written if file["path"] == "/etc/paddock/agent.json"]
        assert parse_config(told).log_role == arn


def test_a_right_that_the_data_lacks_would_be_seen() -> None:
    """The comparison does compare: one action more in the template, and a role is no longer the data's."""
    changed = json.loads(json.dumps(template("new")))
    policy = changed["Resources"]["WebhookRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    policy["Statement"][0]["Action"].append("logs:DeleteLogGroup")
    stack = Made(changed, "paddock-dev", made().parameters)
    assert document(stack, "webhook")["Statement"] != expected(stack, "webhook")


def statements(stack: Made) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role."""
    for function in functions_of("private"):
        for one in document(stack, function)["Statement"]:
            yield function, one


def own(stack: Made) -> set[str]:
    """ARNs of everything that a stack has and a policy can name, with something inside where there can be."""
    arns = {value for function in ROLES for value in names(stack, function).values() if value.startswith("arn:")}
    arns -= set(names_of("unused", "unused").values())
    arns |= {stack.worked_out({"Fn::GetAtt": [role, "Arn"]}) for role in stack.of("AWS::IAM::Role")}
    inside = {f"{arn}/x" for arn in arns} | {f"{arn}:x" for arn in arns} | {f"{arn}:log-stream:i-1" for arn in arns}
    folders = {f"{arn}/{folder}/x" for arn in arns for folder in ("runners", "jobs", "agent", "index", "diag")}
    made_of = several(stack)
    machines = {*made_of["launch_template_arn"], *made_of["security_group_arn"]}
    return arns | inside | folders | machines


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """As IAM compares: ``*`` is anything, ``?`` one character."""
    return re.compile("".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern), re.DOTALL)


def matches(pattern: str, arn: str) -> bool:
    """Whether a statement on this resource reaches what has the ARN."""
    return compiled(pattern).fullmatch(arn) is not None


def held_to(stack: Made, statement: dict[str, Any]) -> bool:
    """Whether a statement on things that have no name before they are made is held to this fleet's tag."""
    conditions = statement.get("Condition", {}).get("StringEquals", {})
    tags = [conditions.get(f"aws:{kind}Tag/paddock:fleet") for kind in ("Request", "Resource")]
    return stack.stack in tags


UNBOUND = {"pricing:GetProducts", "ce:GetCostAndUsage", *(action for one in METRICS for action in one["Action"])}
"""Reading alone, and restricted to nothing by AWS."""
SHARED = re.compile(r"arn:aws:ec2:[a-z0-9-]+:\d*:(snapshot|fleet|network-interface|spot-instances-request)/\*")
"""What a launch makes or reads besides, none of which is another fleet's: EC2 gives such things no name before."""


@settings(max_examples=15, deadline=None)
@example(first="dev", second="dev-jobs")
@example(first="dev-jobs", second="dev")
@given(first=ENVIRONMENTS, second=ENVIRONMENTS)
def test_two_environments_do_not_touch_each_other(first: str, second: str) -> None:
    """Whatever they are called: no role of one reaches what the other has, in one account and region."""
    if first == second:
        return
    one, other = made("private", first), made("private", second)
    others = own(other)
    for function, statement in statements(one):
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            reached = {arn for arn in others if matches(resource, arn)}
            if resource == "*":
                assert all(action.startswith("ec2:Describe") or action in UNBOUND for action in statement["Action"])
            elif ":instance/" in resource or ":volume/" in resource:
                marks = statement.get("Condition", {}).get("StringEquals", {}).get("ec2:CreateAction")
                # Tags are put on what is being launched, which is held to the tag by the statement before.
                assert held_to(one, statement) or (statement["Action"] == ["ec2:CreateTags"] and marks)
            elif not SHARED.fullmatch(resource):
                assert reached == set(), f"{function}: {statement['Action']} on {resource}"


@settings(max_examples=30, deadline=None)
@example(first="dev", second="dev-jobs")
@given(first=ENVIRONMENTS, second=ENVIRONMENTS)
def test_no_name_of_one_environment_is_anothers(first: str, second: str) -> None:
    """Two stacks can stand side by side: nothing that bears a name bears the same, or the second could not be made."""
    if first == second:
        return
    told = [set(named(made("private", environment))) for environment in (first, second)]
    assert told[0] & told[1] == set()
    assert len(told[0]) > 30


def named(stack: Made) -> Iterator[tuple[str, str]]:
    """The names of everything that is given one, with its type."""
    keys = ("Name", "QueueName", "FunctionName", "RoleName", "BucketName", "LogGroupName", "TopicName", "GroupName")
    more = ("InstanceProfileName", "LaunchTemplateName")
    for about in stack.template["Resources"].values():
        if about["Type"] in {
            "AWS::Lambda::Permission",
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::EventInvokeConfig",
        }:
            continue
        for key in (*keys, *more):
            if key in about.get("Properties", {}):
                yield about["Type"], str(stack.worked_out(about["Properties"][key]))


def test_the_proof_would_notice_a_star() -> None:
    """A role that names queues by a pattern would be seen to reach the neighbour's."""
    star = f"arn:aws:sqs:{REGION}:{ACCOUNT}:paddock-*"
    assert [arn for arn in own(made("private", "prod")) if matches(star, arn)]
    pairs = itertools.product(own(made("private", "dev")), own(made("private", "dev")))
    assert any(matches(first, second) for first, second in pairs)
