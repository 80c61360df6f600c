"""The stack's parts: functions, what calls them, their secrets, and what they have given up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from paddock.adapters.aws import codes
from paddock.adapters.aws.errors import Asking
from paddock.adapters.sqs_wire import CODES as SQS
from paddock.core.errors import NotFound
from paddock.core.health.finding import Finding, failure, fine, warning

FUNCTIONS: Final = "functions"
MAPPINGS: Final = "queues' functions"
RULES: Final = "schedules and rules"
SECRETS: Final = "secrets"
LETTERS: Final = "dead letters"
MANY: Final = 10  # as the alarm ``dead-letters`` has it
_lambda: Final = Asking(codes.LAMBDA)
_events: Final = Asking(codes.EVENTS)
_secrets: Final = Asking(codes.SECRETS)
_sqs: Final = Asking(SQS)


@attrs.frozen(kw_only=True)
class Function:
    """A function. ``reserved`` 0: nobody may run it; None: nothing is reserved."""

    name: str
    state: str = "Active"
    updated: str = "Successful"
    reason: str = ""
    reserved: int | None = None


def function(functions: Any, name: str) -> Function | None:  # noqa: ANN401 - botocore makes the classes of clients as it runs
    """How a function stands; None: it is not there."""
    try:
        found = _lambda(functions.get_function_configuration, FunctionName=name)
        reserved = _lambda(functions.get_function_concurrency, FunctionName=name).get("ReservedConcurrentExecutions")
    except NotFound:
        return None
    return Function(
        name=name,
        state=found.get("State", "Active"),
        updated=found.get("LastUpdateStatus", "Successful"),
        reason=found.get("StateReason") or found.get("LastUpdateStatusReason") or "",
        reserved=reserved,
    )


def judge_functions(found: Mapping[str, Function | None], deploy: str) -> Iterator[Finding]:
    """Whether each can run.

    Args:
        found: how each stands, by its name.
        deploy: the command that deploys the stack.
    """
    wrong = []
    for name, one in found.items():
        if one is None:
            wrong.append(failure(FUNCTIONS, f"{name} is not there", f"{deploy} puts it back"))
        elif one.reserved == 0:
            said = f"{name} may not run: a removal of the stack has begun, or somebody has stopped it"
            wrong.append(failure(FUNCTIONS, said, f"`aws lambda delete-function-concurrency --function-name {name}`"))
        elif one.state not in ("Active", "Inactive") or one.updated == "Failed":
            said = f"{name} is {one.state}, its last update {one.updated}{f': {one.reason}' if one.reason else ''}"
            wrong.append(failure(FUNCTIONS, said, f"`paddock stack package` and {deploy} make it anew"))
    yield from wrong or [fine(FUNCTIONS, f"{len(found)} can run")]


def mappings(functions: Any, name: str) -> Sequence[tuple[str, str]]:  # noqa: ANN401 - as above
    """What polls queues for a function: their ids and their states."""
    found = _lambda(functions.list_event_source_mappings, FunctionName=name)["EventSourceMappings"]
    return tuple((one["UUID"], one.get("State", "")) for one in found)


def judge_mappings(found: Mapping[str, Sequence[tuple[str, str]]], deploy: str) -> Iterator[Finding]:
    """Whether each queue's function is given what is on it.

    Args:
        found: each function's mappings, as `mappings` tells them.
        deploy: the command that deploys the stack.
    """
    wrong = []
    for name, ones in found.items():
        if not ones:
            wrong.append(failure(MAPPINGS, f"nothing gives {name} what is on its queue", f"{deploy} puts it back"))
        for uuid, state in ones:
            if state not in ("Enabled", "Enabling", "Creating", "Updating"):
                fix = f"`aws lambda update-event-source-mapping --uuid {uuid} --enabled`"
                wrong.append(failure(MAPPINGS, f"{name} is given nothing: its mapping is {state}", fix))
    yield from wrong or [fine(MAPPINGS, f"{', '.join(found)} are given what is on their queues")]


@attrs.frozen(kw_only=True)
class Rule:
    """A rule of EventBridge. ``wanted``: paddock.yml needs it; ``targets`` are how many it calls."""

    name: str
    state: str
    targets: int
    wanted: bool = True


def rule(events: Any, name: str, *, wanted: bool) -> Rule | None:  # noqa: ANN401 - as above
    """A rule as it stands; None: it is not there."""
    try:
        found = _events(events.describe_rule, Name=name)
        targets = _events(events.list_targets_by_rule, Rule=name)["Targets"]
    except NotFound:
        return None
    return Rule(name=name, state=found.get("State", ""), targets=len(targets), wanted=wanted)


def judge_rules(found: Mapping[str, Rule | None], deploy: str) -> Iterator[Finding]:
    """Whether the clock and EC2's events reach the fleet. What paddock.yml does not need may be off.

    Args:
        found: how each stands, by its name.
        deploy: the command that deploys the stack.
    """
    wrong = []
    for name, one in found.items():
        if one is None:
            wrong.append(failure(RULES, f"{name} is not there", f"{deploy} puts it back"))
        elif one.wanted and one.state == "DISABLED":
            wrong.append(failure(RULES, f"{name} is disabled", f"`aws events enable-rule --name {name}`"))
        elif one.wanted and not one.targets:
            wrong.append(failure(RULES, f"{name} calls nobody", f"{deploy} puts it back"))
    yield from wrong or [fine(RULES, f"{sum(1 for one in found.values() if one and one.wanted)} are enabled")]


def has_secret(secrets: Any, name: str) -> str:  # noqa: ANN401 - as above
    """What is wrong with a secret, without reading it; empty: it has a value."""
    try:
        found = _secrets(secrets.describe_secret, SecretId=name)
    except NotFound:
        return "is not there"
    if found.get("DeletedDate"):
        return "is marked to be deleted"
    stages = {stage for one in found.get("VersionIdsToStages", {}).values() for stage in one}
    return "" if "AWSCURRENT" in stages else "is empty"


def judge_secrets(found: Mapping[str, str], deploy: str) -> Iterator[Finding]:
    """Whether the functions find their secrets.

    Args:
        found: what is wrong with each, as `has_secret` says it, by its name.
        deploy: the command that deploys the stack.
    """
    wrong = [
        failure(SECRETS, f"the secret {name} {said}", f"{deploy}, without --no-secrets, fills it")
        for name, said in found.items()
        if said
    ]
    yield from wrong or [fine(SECRETS, f"{', '.join(found)} have values")]


def letters(sqs: Any, url: str) -> int:  # noqa: ANN401 - as above
    """How many messages lie on a queue."""
    names = ["ApproximateNumberOfMessages"]
    return int(_sqs(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


def judge_letters(found: Mapping[str, int]) -> Finding:
    """Whether messages have been given up, by queue."""
    dead = {name: count for name, count in found.items() if count}
    if not dead:
        return fine(LETTERS, "none")
    told = ", ".join(f"{count} of {name}" for name, count in dead.items())
    fix = (
        "`paddock housekeeping status --profile aws` says what becomes of them; the functions' logs say why they died; "
        "`paddock housekeeping run dead_letters --profile aws` puts them back"
    )
    return (failure if sum(dead.values()) > MANY else warning)(LETTERS, f"given up: {told}", fix)


def names_of(stack: str, words: Iterable[str]) -> tuple[str, ...]:
    """How a stack calls its parts of these words."""
    return tuple(f"{stack}-{word}" for word in words)
