"""What an operator's terminal must know of a stack: some of its functions' variables, and where their log is."""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from paddock.entrypoints.aws_lambda.fleet_settings import QueueAt, queue_at, table
from paddock.entrypoints.aws_lambda.settings import REGION, Environment, stack

GROUPS: Final = "PADDOCK_LOG_GROUPS"
_GROUP: Final = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_RIGHT: Final = "must be the functions' log groups, with commas between: /aws/lambda/ci-webhook,/aws/lambda/ci-dispatch"


@attrs.frozen(kw_only=True)
class OperatorSettings:
    """A stack, as its operators see it. ``groups`` are the log groups of its functions, at least one."""

    region: str
    stack: str
    table: str
    groups: tuple[str, ...]
    jobs: QueueAt


def operator_settings(variables: Mapping[str, str], default_region: str | None = None) -> OperatorSettings:
    """The settings in the environment.

    Args:
        variables: the environment.
        default_region: the region if ``AWS_REGION`` names none: that of AWS's own configuration.

    Raises:
        InvalidEnvironment: something is wrong with it.
    """
    if not variables.get("AWS_REGION") and default_region:
        variables = {**variables, "AWS_REGION": default_region}
    environment = Environment(variables)
    settings = OperatorSettings(
        region=environment.text("AWS_REGION", REGION, "must be the stack's region, such as eu-west-1"),
        stack=stack(environment),
        table=table(environment),
        groups=_groups(environment, variables.get(GROUPS)),
        jobs=queue_at(environment, "JOBS"),
    )
    environment.check()
    return settings


def _groups(environment: Environment, given: str | None) -> tuple[str, ...]:
    groups = tuple(word for word in re.split(r"[,\s]+", given or "") if word)
    if not groups or not all(_GROUP.fullmatch(group) for group in groups):
        environment.refuse(GROUPS, given, _RIGHT)
    return tuple(dict.fromkeys(groups))
