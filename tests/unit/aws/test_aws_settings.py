"""A function's settings come from its environment, and every mistake in it is told at once."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from paddock.adapters.aws.ec2.settings import Template
from paddock.core.environment import Environments
from paddock.core.settings import Alias
from paddock.core.spec import Arch
from paddock.entrypoints.aws_lambda.addresses import base_of, queue_base
from paddock.entrypoints.aws_lambda.fleet_settings import ObjectAt, QueueAt, fleet_environment
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment, webhook_settings
from tests.aws.invocations import ROLE_ID, STACK

WEBHOOK = {"AWS_REGION", "PADDOCK_STACK", "PADDOCK_JOBS_URL", "PADDOCK_EVENTS_URL", "PADDOCK_WEBHOOK_SECRET"}
Reader = Callable[[Mapping[str, str]], Any]


def problems(read: Reader, variables: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by variable."""
    with pytest.raises(InvalidEnvironment) as refused:
        read(variables)
    assert refused.value.field == refused.value.problems[0].field
    lines = str(refused.value).splitlines()
    assert [line.split(" ")[0] for line in lines] == [problem.field for problem in refused.value.problems]
    assert all(line.endswith(f": {each.remedy}") for line, each in zip(lines, refused.value.problems, strict=True))
    return {problem.field: str(problem) for problem in refused.value.problems}


def test_a_stack_that_is_right() -> None:
    """Every variable is where it belongs."""
    found = fleet_environment(STACK)
    assert (found.region, found.table, found.role_id) == ("eu-west-1", "paddock-ci", ROLE_ID)
    queues = [(found.jobs, "jobs"), (found.events, "events"), (found.reports, "reports")]
    for queue, name in queues:
        base = "https://sqs.eu-west-1.amazonaws.com/123456789012"
        assert queue == QueueAt(f"{base}/{name}", f"{base}/{name}-dead")
    assert found.config == ObjectAt("paddock-ci-config", "config/paddock.yml")
    assert found.github_secret == "paddock-ci/github"
    assert found.ec2.fleet == "paddock-ci"
    assert dict(found.ec2.subnets) == {
        "eu-west-1a": "subnet-0123456789abcdef0",
        "eu-west-1b": "subnet-0123456789abcdef1",
    }
    assert found.ec2.templates == (Template(arch=Arch.X64, id="lt-0123456789abcdef0", version="3"),)
    assert dict(found.endpoints) == {}
    assert found.cache == ""
    assert fleet_environment({**STACK, "PADDOCK_CACHE_BUCKET": "paddock-ci-cache"}).cache == "paddock-ci-cache"


def test_the_webhook_function_needs_the_least() -> None:
    """Five variables; aliases, environments and addresses if there are any."""
    found = webhook_settings({name: STACK[name] for name in WEBHOOK})
    assert (found.stack, found.webhook_secret, found.aliases) == ("paddock-ci", "paddock-ci/webhook", ())
    aliases = json.dumps([{"match": "linux-*", "runs_on": "paddock/cpu=4"}])
    address = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9324"}
    found = webhook_settings({**STACK, "PADDOCK_ALIASES": aliases, **address})
    assert found.aliases == (Alias("linux-*", "paddock/cpu=4"),)
    others = '{"unnamed": false, "others": ["dev"]}'
    assert webhook_settings({**STACK, "PADDOCK_ENVIRONMENTS": others}).environments == Environments(
        unnamed=False, others=("dev",)
    )
    assert found.environments == Environments()
    assert found.endpoints == {"sqs": "http://127.0.0.1:9324", "secretsmanager": "http://127.0.0.1:4566"}


def test_an_empty_environment_is_told_whole() -> None:
    """Every variable that is missing, in one error; and none that is not needed."""
    assert set(problems(webhook_settings, {})) == WEBHOOK
    assert set(problems(fleet_environment, {})) == set(STACK) - {"PADDOCK_WEBHOOK_SECRET"}


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("AWS_REGION", "Ireland", "eu-west-1"),
        ("PADDOCK_STACK", "my stack", "letters"),
        ("PADDOCK_TABLE", "no", "table"),
        ("PADDOCK_JOBS_URL", "jobs", "https://sqs"),
        ("PADDOCK_JOBS_URL", "https://sqs.eu-west-1.amazonaws.com/", "https://sqs"),
        ("PADDOCK_EVENTS_DEAD_URL", "https://user:word@sqs.eu-west-1.amazonaws.com/1/events", "https://sqs"),
        ("PADDOCK_REPORTS_URL", "https://[", "https://sqs"),
        ("PADDOCK_REPORTS_URL", "arn:aws:sqs:eu-west-1:123456789012:reports", "https://sqs"),
        ("PADDOCK_ROLE_ID", "arn:aws:iam::123456789012:role/machines", "AROA"),
        ("PADDOCK_CONFIG", "paddock.yml", "s3://"),
        ("PADDOCK_CONFIG", "s3://paddock-ci-config/.hidden", "s3://"),
        ("PADDOCK_CONFIG_SEAL", "0123456789abcdef", "64 hexadecimal digits"),
        ("PADDOCK_CACHE_BUCKET", "s3://paddock-ci-cache", "bucket"),
        ("PADDOCK_GITHUB_SECRET", "", "Secrets Manager"),
        ("PADDOCK_SUBNETS", "subnet-0123456789abcdef0", "subnet"),
        ("PADDOCK_SUBNETS", "{}", "subnet"),
        ("PADDOCK_SUBNETS", '["subnet-0123456789abcdef0"]', "subnet"),
        ("PADDOCK_SUBNETS", '{"eu-west-1a": "vpc-0123456789abcdef0"}', "subnet"),
        ("PADDOCK_SUBNETS", '{"eu-west-1a": "subnet-12345678", "eu-west-1b": "subnet-12345678"}', "another subnet"),
        ("PADDOCK_TEMPLATES", "lt-0123456789abcdef0", "lt-"),
        ("PADDOCK_TEMPLATES", "[]", "lt-"),
        ("PADDOCK_TEMPLATES", '["lt-0123456789abcdef0"]', "lt-"),
        ("PADDOCK_TEMPLATES", '[{"arch": "x64", "id": "lt-0123456789abcdef0"}]', "version"),
        ("PADDOCK_TEMPLATES", '[{"arch": "s390x", "id": "lt-0123456789abcdef0", "version": "3"}]', "arm64"),
        ("PADDOCK_TEMPLATES", '[{"arch": ["x64"], "id": "lt-0123456789abcdef0", "version": "3"}]', "arm64"),
        ("PADDOCK_TEMPLATES", '[{"arch": "x64", "id": "lt-0123456789abcdef0", "version": "$Latest"}]', r"not $Latest"),
        ("PADDOCK_TEMPLATES", '[{"arch": "x64", "id": "lt-0123456789abcdef0", "version": 3}]', "number"),
        ("PADDOCK_TEMPLATES", json.dumps(json.loads(STACK["PADDOCK_TEMPLATES"]) * 2), "one per"),
        ("PADDOCK_TEMPLATES", "null", "lt-"),
        ("PADDOCK_SUBNETS", "null", "subnet"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:4566", "scheme://"),
    ],
)
def test_one_wrong_variable(name: str, value: str, word: str) -> None:
    """It alone is named, with what would be right."""
    found = problems(fleet_environment, {**STACK, name: value})
    assert set(found) == {name}
    assert word in found[name]


@pytest.mark.parametrize(
    "value",
    ["linux-*", "{}", '"linux-*"', "[1]", '[{"match": "a"}]', '[{"match": "", "runs_on": "b"}]', "[null]", "null"],
)
def test_aliases_that_are_none(value: str) -> None:
    """They are refused: a label that nobody claims would leave its jobs waiting."""
    assert set(problems(webhook_settings, {**STACK, "PADDOCK_ALIASES": value})) == {"PADDOCK_ALIASES"}


def test_several_mistakes_are_told_together() -> None:
    """In one error, each with its value."""
    found = problems(fleet_environment, {**STACK, "PADDOCK_TABLE": "no", "PADDOCK_ROLE_ID": "no role"})
    assert set(found) == {"PADDOCK_TABLE", "PADDOCK_ROLE_ID"}
    assert "'no'" in found["PADDOCK_TABLE"]
    assert "'no role'" in found["PADDOCK_ROLE_ID"]


@pytest.mark.parametrize("name", ["PADDOCK_GITHUB_SECRET", "PADDOCK_WEBHOOK_SECRET"])
def test_a_secret_in_the_place_of_its_name_is_not_shown(name: str) -> None:
    """Somebody pastes the key itself: the error says how long it is, and no more."""
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA"
    read: Reader = webhook_settings if name == "PADDOCK_WEBHOOK_SECRET" else fleet_environment
    found = problems(read, {**STACK, name: key})
    assert set(found) == {name}
    assert f"{len(key)} characters" in found[name]
    assert "MIIE" not in found[name]


def test_addresses_of_services() -> None:
    """AWS's own by region and partition, unless another is set; a queue's from its own URL."""
    assert base_of("secretsmanager", "eu-west-1", {}) == "https://secretsmanager.eu-west-1.amazonaws.com"
    assert base_of("secretsmanager", "cn-north-1", {}) == "https://secretsmanager.cn-north-1.amazonaws.com.cn"
    assert base_of("secretsmanager", "eu-west-1", {"secretsmanager": "http://here"}) == "http://here"
    assert queue_base(STACK["PADDOCK_JOBS_URL"], {}) == "https://sqs.eu-west-1.amazonaws.com"
    assert queue_base(STACK["PADDOCK_JOBS_URL"], {"sqs": "http://here"}) == "http://here"


@pytest.mark.parametrize(
    "value", ["[]", '{"unnamed": 1}', '{"others": "dev"}', '{"others": [1]}', '{"else": []}', "null", "dev"]
)
def test_environments_that_are_none(value: str) -> None:
    """They are refused: a job that two fleets take, or none, would be told to nobody."""
    assert set(problems(webhook_settings, {**STACK, "PADDOCK_ENVIRONMENTS": value})) == {"PADDOCK_ENVIRONMENTS"}
