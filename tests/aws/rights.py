"""Recorded calls held against the statements of roles: what is called without a right, what right is not used.

It judges as IAM does, as far as our statements go: actions and resources by their patterns, DynamoDB's leading keys.
Each act of a transaction needs the right to what it stands for ("Using IAM with DynamoDB transactions"); which keys go
with it AWS does not say, so here all acts of one kind must be allowed by one statement, and each kind for itself.
Conditions on EC2's tags are not judged here, for the wire does not show the tags of what is ended.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from paddock.adapters.aws.roles import MACHINE, ROLES, Statement, filled
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, ROLE_ID
from tests.aws.recorded import Call

# What AWS checks for an operation, where that is not the operation itself.
CHECKED: Mapping[str, tuple[str, ...]] = {
    "ec2:CreateFleet": ("ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"),
    "sqs:SendMessageBatch": ("sqs:SendMessage",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
}
OF_INSTANCES = frozenset(f"ec2:{word}Instances" for word in ("Start", "Stop", "Terminate"))
"""Actions of EC2 whose requests name all that they are done to."""

_ACTS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "Get": "dynamodb:GetItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
_ARNS: Mapping[str, str] = {
    "table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/",
    "queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:",
    "secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:",
    "bucket": "arn:aws:s3:::",
    "instance": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/",
    "log-group": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:",
}


def names_of(stack: str, fleet: str) -> dict[str, str]:
    """What a test's stack of this name puts in place of the roles' placeholders."""
    queues = {
        f"{word}{dead}_arn": f"{_ARNS['queue']}{stack}-{word}{dead.replace('_', '-')}"
        for word in ("jobs", "events", "reports")
        for dead in ("", "_dead")
    }
    return {
        **queues,
        "partition": "aws",
        "region": REGION,
        "account": ACCOUNT,
        "fleet": fleet,
        "table_arn": f"{_ARNS['table']}{stack}",
        "machine_role_id": ROLE_ID,
        "machine_role_arn": f"arn:aws:iam::{ACCOUNT}:role/machine",
        "config_bucket_arn": f"{_ARNS['bucket']}{stack}-config",
        "cache_bucket_arn": f"{_ARNS['bucket']}{stack}-cache",
        "archive_bucket_arn": f"{_ARNS['bucket']}{stack}-archive",
        "reports_topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{stack}-daily-report",
        "github_secret_arn": f"{_ARNS['secret']}{stack}/github",
        "webhook_secret_arn": f"{_ARNS['secret']}{stack}/webhook",
        "slack_secret_arn": f"{_ARNS['secret']}{stack}/slack",
        "function_log_group_arn": f"{_ARNS['log-group']}/aws/lambda/{stack}",
        "machine_log_group_arn": f"{_ARNS['log-group']}/paddock/{stack}",
    }


def actions_of(call: Call) -> tuple[str, ...]:
    """What AWS checks for a call."""
    if call.acts:
        return tuple(_ACTS[act] for act, _ in call.acts)
    return CHECKED.get(call.action, (call.action,))


def denied(calls: Iterable[Call], names: Mapping[str, str]) -> list[str]:
    """The calls that a role does not allow to whoever made them, each kind once."""
    roles = {function: filled(statements, names) for function, statements in ROLES.items()}
    found: dict[str, None] = {}
    for call in calls:
        for action in actions_of(call):
            leading = _leading(call, action)
            if not any(_allows(one, action, call, leading) for one in roles[call.caller.function]):
                found[f"{call.caller.function}: {action} on {call.resources} {leading}"] = None
    return list(found)


def polled(calls: Iterable[Call], functions: Mapping[str, str]) -> Iterator[Call]:
    """The calls of pumps as Lambda makes them: in the name of the function behind the queue.

    Args:
        calls: of pumps.
        functions: their names, by the last word of the queue's.
    """
    for call in calls:
        (queue,) = call.resources
        function = functions[queue.rpartition("-")[2]]
        yield attrs.evolve(call, caller=attrs.evolve(call.caller, function=function))


def unused(calls: Iterable[Call]) -> set[tuple[str, str]]:
    """The actions that a role allows and that its function never needed: (function, action)."""
    used = {(call.caller.function, action) for call in calls for action in actions_of(call)}
    granted = {
        (function, str(action))
        for function, statements in ROLES.items()
        for statement in statements
        for action in statement["Action"]
    }
    return granted - used


def _leading(call: Call, action: str) -> tuple[str, ...]:
    """The partition keys that an action is judged by: in a transaction those of all its acts of this kind."""
    of_kind = (keys for act, keys in call.acts if _ACTS[act] == action)
    return tuple(key for keys in of_kind for key in keys) if call.acts else call.leading


def _allows(statement: Statement, action: str, call: Call, leading: Sequence[str]) -> bool:
    if action not in statement["Action"]:
        return False
    user = f"{ROLE_ID}:{call.caller.instance}" if call.caller.function == MACHINE else "AROAFUNCTION:function"
    patterns = [_pattern(str(one).replace("${aws:userid}", user)) for one in statement["Resource"]]
    # What a fleet is made of is EC2's to know; descriptions cannot be held to anything.
    if call.service != "ec2" or action in OF_INSTANCES:
        arns = list(_arns(call))
        if not all(any(pattern.fullmatch(arn) for pattern in patterns) for arn in arns):
            return False
    return _keys_match(statement, leading, user)


def _keys_match(statement: Statement, leading: Sequence[str], user: str) -> bool:
    conditions: Any = statement.get("Condition", {})
    for operator in ("ForAllValues:StringLike", "ForAllValues:StringEquals"):
        wanted: Sequence[str] = conditions.get(operator, {}).get("dynamodb:LeadingKeys", ())
        patterns = [_pattern(one.replace("${aws:userid}", user)) for one in wanted]
        if patterns and not all(any(pattern.fullmatch(key) for pattern in patterns) for key in leading):
            return False
    return True


def _arns(call: Call) -> Iterator[str]:
    for resource in call.resources:
        kind, _, name = resource.partition("/")
        if call.service == "logs":
            name += f":log-stream:{call.caller.instance}/1"
        yield _ARNS[kind] + name


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of IAM: ``*`` is anything, ``?`` one character."""
    return re.compile("".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in text), re.DOTALL)
