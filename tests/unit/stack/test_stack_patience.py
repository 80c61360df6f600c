"""No call that stalls uses up a function's time: the time-outs of all clients against those of the template."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from botocore.retries.standard import ExponentialBackoff, RetryContext

from paddock.adapters import slack
from paddock.adapters.aws.clients import PATIENCE, POLLS, Clients, Patience
from paddock.adapters.aws.roles import BILL
from paddock.adapters.aws.sqs.queue import LONGEST_POLL
from paddock.adapters.aws_http import connection, service
from paddock.adapters.github._http import Timeouts
from paddock.adapters.github.retry import RetryLimits
from paddock.adapters.sqs_wire import PAUSES
from paddock.core.units import SECOND
from paddock.entrypoints.aws_lambda.deadline import ANSWER
from tests.aws.judge import REGION
from tests.aws.shapes import SHAPES, made

GITHUBS_PATIENCE: Final = 10
"""Seconds for the answer to a delivery ("Best practices for using webhooks", docs.github.com)."""

ROOT: Final = Path(__file__).parents[3]
TIMEOUTS: Final = Timeouts()
LIMITS: Final = RetryLimits()
WITHOUT_BOTO3: Final = ("webhook", "slack")
TOLD: Final = ("sqs", "ec2", "ce", POLLS)  # one for each row of the page
_LAMBDAS_OWN: Final = "logs"  # Lambda writes a function's log in its name
_NOT_CALLED: Final = "iam"  # rights that EC2 looks at when it is called


@attrs.frozen
class Function:
    """A function of the template: its time-out in seconds, and the services of AWS that its role may call."""

    name: str
    timeout: float
    services: frozenset[str]
    github: bool


@cache
def functions() -> Sequence[Function]:
    """Those of every shape of the stack, by what the template says, with the bill's rights added."""
    found = []
    for shape in SHAPES:
        stack = made(shape)
        secret = stack.worked_out({"Ref": "GithubSecret"})
        for logical, about in stack.of("AWS::Lambda::Function").items():
            name = logical.removesuffix("Function").lower()
            (policy,) = stack.properties(logical.replace("Function", "Role"))["Policies"]
            statements = [*policy["PolicyDocument"]["Statement"], *BILL.get(name, ())]
            services = {action.partition(":")[0] for one in statements for action in _listed(one["Action"])}
            github = any(secret in str(one["Resource"]) for one in statements)
            called = frozenset(services - {_LAMBDAS_OWN, _NOT_CALLED})
            found.append(Function(name, float(about["Timeout"]), called, github))
    return found


def one(name: str) -> Function:
    """A function by its name, which is the same in every shape."""
    (found,) = {each for each in functions() if each.name == name}
    return found


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - a text or several
    return [value] if isinstance(value, str) else list(value)


def by_boto3(patience: Patience) -> float:
    """Seconds that a call takes at most if nothing is ever answered: its tries, and botocore's pauses between them.

    Its pauses after a stall began at a second once; they are shorter in its newer releases.
    """
    pauses = ExponentialBackoff(random=lambda: 1.0)
    retries = range(1, patience.tries)
    waits = sum(max(2.0 ** (each - 1), pauses.delay_amount(RetryContext(attempt_number=each))) for each in retries)
    return patience.tries * (patience.connect + patience.read) + waits


def without_boto3() -> float:
    """The same of a call by `JsonService`."""
    tries = len(service.PAUSES) + 1
    return tries * (connection.CONNECT + connection.READ) + sum(service.PAUSES) / SECOND


def by_github(timeouts: Timeouts, limits: RetryLimits) -> float:
    """The same of a request to GitHub: the last try begins when the limit is reached."""
    return (limits.total + timeouts.connect + timeouts.read) / SECOND


def breaches(
    function: Function,
    patience: Mapping[str, Patience] = PATIENCE,
    timeouts: Timeouts = TIMEOUTS,
    limits: RetryLimits = LIMITS,
) -> list[str]:
    """Whatever can use up more than two thirds of the function's time by one call that stalls."""
    small = function.name in WITHOUT_BOTO3
    worst = {each: without_boto3() for each in function.services if small or each == "secretsmanager"}
    worst |= {each: by_boto3(patience[each]) for each in function.services if each not in worst}
    if function.github:
        worst["github"] = by_github(timeouts, limits)
    most = function.timeout * 2 / 3
    return [f"{function.name}: {each} {seconds} s" for each, seconds in worst.items() if seconds > most]


def test_a_call_that_stalls_leaves_a_function_a_third_of_its_time() -> None:
    """Each service that its role may call, and GitHub where it has GitHub's secret. The webhook has a deadline."""
    found = functions()
    assert {each.name for each in found} == {"webhook", "dispatch", "events", "reports", "schedules", "slack"}
    assert {each.name for each in found if each.github} == {"dispatch", "events", "reports", "schedules"}
    assert [breach for each in found if each.name != "webhook" for breach in breaches(each)] == []
    called = frozenset().union(*(each.services for each in found))
    assert called == {*PATIENCE, "secretsmanager"} - {POLLS, _LAMBDAS_OWN}


def test_the_webhook_answers_before_lambda_and_github_give_up() -> None:
    """Its time-out is not longer than GitHub waits; what is kept of it outlasts any pause, and tries have the rest."""
    webhook = one("webhook")
    assert webhook.timeout <= GITHUBS_PATIENCE
    kept = ANSWER / SECOND
    assert max(*service.PAUSES, *PAUSES) < ANSWER
    assert webhook.timeout - kept > 2 * (connection.CONNECT + connection.READ), "two tries"


def test_slack_is_told_in_time_though_everything_stalls() -> None:
    """The secret is read and one message posted, each as slowly as it may be."""
    function = one("slack")
    assert without_boto3() + slack.CONNECT + slack.READ < function.timeout


def test_who_waits_for_messages_waits_longer_than_sqs() -> None:
    """Else each poll of an empty queue ends as an error."""
    assert PATIENCE[POLLS].read > LONGEST_POLL / SECOND
    assert POLLS not in {name for each in functions() for name in each.services}


def test_the_page_says_what_the_clients_do() -> None:
    """In docs/architecture.md, row by row: the time-outs, the tries, and what they come to."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| who is asked \|.*\n\|[- |]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    told = [[re.findall(r"\d+(?:\.\d+)?", cell) for cell in row.split("|")[2:5]] for row in table.splitlines()]
    alone = [[connection.CONNECT, connection.READ], [len(service.PAUSES) + 1], [without_boto3()]]
    github = [TIMEOUTS.connect, TIMEOUTS.read, LIMITS.total]
    assert [[[float(each) for each in cell] for cell in row] for row in told] == [
        *([[each.connect, each.read], [each.tries], [by_boto3(each)]] for each in map(PATIENCE.__getitem__, TOLD)),
        alone,
        [[each / SECOND for each in github], [LIMITS.attempts, 1], [by_github(TIMEOUTS, LIMITS)]],
    ]
    assert {PATIENCE[name] for name in TOLD} == set(PATIENCE.values())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"patience": {**PATIENCE, "dynamodb": PATIENCE[POLLS]}}, "dynamodb"),
        ({"patience": {**PATIENCE, "ec2": Patience(read=20)}}, "ec2"),
        ({"patience": {**PATIENCE, "sqs": Patience(read=5, tries=7)}}, "sqs"),
        ({"timeouts": Timeouts(read=30 * SECOND)}, "github"),
        ({"limits": RetryLimits(total=40 * SECOND)}, "github"),
    ],
)
def test_longer_time_outs_would_be_found(change: dict[str, Any], fault: str) -> None:
    """Of each client."""
    dispatch = one("dispatch")
    assert [fault in found for found in breaches(dispatch, **change)] == [True]


def test_a_shorter_time_of_a_function_would_be_found() -> None:
    """Whichever calls no longer fit."""
    dispatch = one("dispatch")
    assert len(breaches(attrs.evolve(dispatch, timeout=30.0))) > 2


@pytest.mark.parametrize("name", sorted(PATIENCE))
def test_a_client_has_the_patience_of_its_service(name: str) -> None:
    """What is held to the template above is what botocore was told, and each thread has a connection."""
    told = getattr(Clients(REGION, pool=7), name).meta.config
    asked = PATIENCE[name]
    assert (told.connect_timeout, told.read_timeout) == (asked.connect, asked.read)
    assert told.retries["total_max_attempts"] == asked.tries
    assert told.max_pool_connections == 7
