"""Recorded calls held against the statements of roles: what is called without a right, what right is not used.

It judges as IAM does (`tests.aws.iam`): every action on every resource that a call touches, with the condition keys
that AWS would know of it. Where AWS checks more for an operation than the operation itself, it stands here with where
that is said. moto enforces nothing of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.aws.roles import BILL, ROLES, Statement, filled
from tests.aws.iam import Asked, Context, allows
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, ROLE_ID
from tests.aws.recorded import MACHINE, SESSION, Call, Caller

FREE: Final = frozenset({"sts:GetCallerIdentity"})
"""What needs no right."""

_NAMES: Mapping[str, str] = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:UploadInParts": "s3:PutObject",
}
"""The actions of operations that are not called as they are."""
_SERVICES: Mapping[str, str] = {"monitoring": "cloudwatch"}
"""IAM's names of services that sign by another."""
_ACTS: Mapping[str, str] = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "Get": "dynamodb:GetItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
_EC2: Final = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
_ARNS: Mapping[str, str] = {
    "table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/",
    "queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:",
    "secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:",
    "bucket": "arn:aws:s3:::",
    "log-group": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:",
    "topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:",
    "role": f"arn:aws:iam::{ACCOUNT}:role/",
    "image": f"arn:aws:ec2:{REGION}::image/",
    "snapshot": f"arn:aws:ec2:{REGION}::snapshot/",
    **{
        kind: f"{_EC2}{kind}/"
        for kind in (
            *("instance", "volume", "launch-template", "subnet", "security-group"),
            *("fleet", "network-interface", "spot-instances-request"),
        )
    },
}
_NEW: Final = ("instance", "volume", "network-interface", "fleet")
"""What a launch makes."""


@attrs.frozen
class Stack:
    """What is put in place of the roles' placeholders: of each the one, or all that there are."""

    names: Mapping[str, str]
    many: Mapping[str, Sequence[str]] = attrs.field(factory=dict)

    def filled(self, statement: Statement) -> Statement:
        """The statement as this stack has it."""
        resources = [each for one in statement["Resource"] for each in self.many.get(one.strip("{}"), [one])]
        return filled([{**statement, "Resource": resources}], self.names)[0]


@attrs.frozen(order=True)
class Grant:
    """One action on one pattern of resources, as the statement of this number (from 0) of a role grants it.

    ``keys`` are what its conditions want, in one line.
    """

    function: str
    statement: int
    action: str
    resource: str
    keys: str = ""

    def __str__(self) -> str:
        """For people."""
        return f"{self.function}: {self.action} on {self.resource} {self.keys}".rstrip()


def arn_of(resource: str) -> str:
    """The ARN of a resource as `Call.resources` names it; ``*`` is everything."""
    if resource == "*":
        return resource
    kind, _, name = resource.partition("/")
    return _ARNS[kind] + name


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


def stack_of(stack: str, settings: Ec2Settings, parts: Iterable[str] = ()) -> Stack:
    """A test's stack of this name, with its fleet's templates and subnets, and the templates' parts (`World.parts`)."""
    made = [
        *(f"launch-template/{template.id}" for template in settings.templates),
        *(f"subnet/{subnet}" for subnet in settings.subnets.values()),
        *parts,
    ]
    kinds = {"launch_template": "launch-template", "subnet": "subnet", "security_group": "security-group"}
    many = {
        f"{name}_arn": [arn_of(one) for one in made if one.startswith(f"{kind}/")]
        for name, kind in {**kinds, "image": "image"}.items()
    }
    return Stack(names_of(stack, settings.fleet), many)


def asked(call: Call) -> Iterator[Asked]:
    """What AWS checks for a call."""
    context: dict[str, tuple[str, ...]] = {
        "aws:userid": (user_of(call.caller),),
        **{f"aws:PrincipalTag/{key}": (value,) for key, value in call.caller.tags},
    }
    if call.action == "ec2:CreateFleet":
        yield from _launch(call, context)
    elif call.action == "sts:AssumeRole":
        yield from _role(call, context)
    elif call.service == "dynamodb":
        yield from _items(call, context)
    elif call.action not in FREE:
        yield from _plain(call, context)


def user_of(caller: Caller) -> str:
    """Its ``aws:userid``: a role's id, and the name of the session."""
    return caller.user or f"{ROLE_ID if caller.function == MACHINE else 'AROAFUNCTION'}:{caller.instance}"


def granted() -> dict[Grant, Statement]:
    """All that roles grant, AWS's own bill included, each with the statement that says no more than that."""
    return {
        Grant(function, number, action, resource, _keys(statement)): {
            **statement,
            "Action": [action],
            "Resource": [resource],
        }
        for function, statements in ROLES.items()
        for number, statement in enumerate((*statements, *BILL.get(function, ())))
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


@attrs.frozen
class Judged:
    """``refused``: what no statement of the caller's allows, each once; ``used``: the grants by which all else is."""

    refused: list[str]
    used: set[Grant]


def judged(calls: Iterable[Call], stack: Stack) -> Judged:
    """Calls held against the roles of who made them."""
    refused: dict[str, None] = {}
    used: set[Grant] = set()
    by_action: dict[tuple[str, str], list[tuple[Grant, Statement]]] = {}
    for grant, statement in granted().items():
        by_action.setdefault((grant.function, grant.action), []).append((grant, stack.filled(statement)))
    for call in calls:
        for one in asked(call):
            candidates = by_action.get((call.caller.function, one.action), [])
            found = [grant for grant, statement in candidates if allows(statement, one)]
            used.update(found)
            if not found:
                about = {key: value for key, value in one.context.items() if key != "aws:userid"}
                refused[f"{call.caller.function}: {one.action} on {one.resource} {about or ''}".rstrip()] = None
    return Judged(list(refused), used)


def denied(calls: Iterable[Call], stack: Stack) -> list[str]:
    """The calls that a role does not allow to whoever made them, each kind once."""
    return judged(calls, stack).refused


def unused(calls: Iterable[Call], stack: Stack) -> set[Grant]:
    """What roles grant and no call needed."""
    return set(granted()) - judged(calls, stack).used


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


def _keys(statement: Statement) -> str:
    conditions: Mapping[str, Mapping[str, Any]] = statement.get("Condition", {})
    wanted = [value for keys in conditions.values() for value in keys.values()]
    return " ".join(one if isinstance(one, str) else " ".join(one) for one in wanted)


def _action(call: Call) -> str:
    action = f"{_SERVICES.get(call.service, call.service)}:{call.operation}"
    return _NAMES.get(action, action)


def _plain(call: Call, context: Context) -> Iterator[Asked]:
    """An operation that is checked for each of its resources; one that AWS restricts to nothing is asked on ``*``."""
    action = _action(call)
    bound = () if call.operation.startswith("Describe") else call.resources  # EC2 restricts no description
    for resource in bound or ("*",):
        bears = {f"aws:ResourceTag/{key}": (value,) for key, value in call.bears.get(resource, {}).items()}
        yield Asked(action, arn_of(resource), {**context, **bears})
    if action == "s3:GetObject" and call.status == 404:
        # "GetObject", permissions: whoever may not list the bucket is told 403 of what is not there.
        (bucket,) = (resource.split("/")[1] for resource in call.resources)
        yield Asked("s3:ListBucket", arn_of(f"bucket/{bucket}"), context)


def _items(call: Call, context: Context) -> Iterator[Asked]:
    """Items, by their partition keys.

    Each act of a transaction needs the right to what it stands for ("Using IAM with DynamoDB transactions"); which keys
    go with it AWS does not say, so here all acts of one kind must be allowed by one statement, each kind for itself.
    """
    acts = [(_ACTS[act], keys) for act, keys in call.acts] or [(_action(call), call.leading)]
    for action, keys in acts:
        for resource in call.resources:
            yield Asked(action, arn_of(resource), {**context, "dynamodb:LeadingKeys": keys})


def _launch(call: Call, context: Context) -> Iterator[Asked]:
    """An instant fleet: it runs and tags its machines, and gives them a role, in its caller's name.

    "Actions, resources, and condition keys for Amazon EC2": what is launched from, and what comes of it, are each
    checked, new things with the tags that are asked for them. Which of a request's subnets are used nobody knows
    before, so all are; tags are put on by whichever of both actions.
    """
    launched = [one for one in call.resources if not one.startswith("role/")]
    for resource in (*launched, "snapshot/of-the-image", *(f"{kind}/new" for kind in _NEW)):
        tags = _requested(call.tags.get(resource.partition("/")[0], {}))
        for action in ("CreateFleet", "RunInstances"):
            yield Asked(f"ec2:{action}", arn_of(resource), {**context, **tags})
            if tags:
                yield Asked("ec2:CreateTags", arn_of(resource), {**context, **tags, "ec2:CreateAction": (action,)})
    for resource in call.resources:
        if resource.startswith("role/"):
            yield Asked("iam:PassRole", arn_of(resource), {**context, "iam:PassedToService": ("ec2.amazonaws.com",)})


def _role(call: Call, context: Context) -> Iterator[Asked]:
    """A role that is assumed, and the tags of the session, which take a right of their own ("Passing session tags")."""
    (resource,) = call.resources
    tags = _requested(call.tags.get(SESSION, {}))
    for action in ("sts:AssumeRole", *(["sts:TagSession"] if tags else [])):
        yield Asked(action, arn_of(resource), {**context, **tags})


def _requested(tags: Mapping[str, str]) -> Context:
    """The condition keys of tags that are asked for."""
    named = {f"aws:RequestTag/{key}": (value,) for key, value in tags.items()}
    return {**named, "aws:TagKeys": tuple(tags)} if tags else {}
