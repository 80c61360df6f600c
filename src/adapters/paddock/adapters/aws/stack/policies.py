"""The roles' statements as a template has them: each placeholder is what the stack makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddock.adapters.aws.roles import BILL, MACHINE, ROLES, SHIPPER, TRUST
from paddock.adapters.aws.stack.shape import Shape

_EC2: Final = "arn:${AWS::Partition}:ec2:${AWS::Region}"
_LOGS: Final = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
_QUEUES: Final = ("jobs", "events", "reports")


def names(function: str) -> dict[str, str]:
    """What stands for each single placeholder in the role of a function or of the machines, in ``Fn::Sub``'s words."""
    queues = {f"{word}_arn": f"${{{word.title()}Queue.Arn}}" for word in _QUEUES}
    dead = {f"{word}_dead_arn": f"${{{word.title()}DeadQueue.Arn}}" for word in _QUEUES}
    return {
        **queues,
        **dead,
        "partition": "${AWS::Partition}",
        "region": "${AWS::Region}",
        "account": "${AWS::AccountId}",
        "fleet": "${AWS::StackName}",
        "table_arn": "${Table.Arn}",
        "machine_role_id": "${MachineRole.RoleId}",
        "machine_role_arn": "${MachineRole.Arn}",
        "config_bucket_arn": "arn:${AWS::Partition}:s3:::${DeployBucket}",
        "cache_bucket_arn": "${CacheBucket.Arn}",
        "archive_bucket_arn": "${ArchiveBucket.Arn}",
        "reports_topic_arn": "${ReportsTopic}",
        "github_secret_arn": "${GithubSecret}",
        "webhook_secret_arn": "${WebhookSecret}",
        "slack_secret_arn": "${SlackSecret}",
        "function_log_group_arn": f"{_LOGS}/aws/lambda/${{AWS::StackName}}-{function}",
        "machine_log_group_arn": f"{_LOGS}/paddock/${{AWS::StackName}}/machines",
    }


def lists(shape: Shape) -> dict[str, list[str]]:
    """What stands for each placeholder of which there are as many as the shape has."""
    own = f"{_EC2}:${{AWS::AccountId}}"
    made = [f"{own}:subnet/${{Subnet{number}}}" for number, _ in enumerate(shape.zones, 1)]
    return {
        "launch_template_arn": [f"{own}:launch-template/${{LaunchTemplate{each.logical}}}" for each in shape.images],
        "subnet_arn": [zone.arn for zone in shape.zones] if shape.vpc else made,
        "security_group_arn": [f"{own}:security-group/${{MachineGroup.GroupId}}"],
        "image_arn": [f"{_EC2}::image/${{Image{each.logical}}}" for each in shape.images],
    }


def trust() -> list[dict[str, Any]]:
    """Who may take on the role by which machines ship their logs, in CloudFormation's words."""
    return [_filled(dict(one), names(SHIPPER), {}) for one in TRUST]


def statements(function: str, shape: Shape) -> list[dict[str, Any]]:
    """The statements of a function's role, or of the machines' (`MACHINE`, `SHIPPER`), in CloudFormation's words."""
    single, several = names(function), lists(shape)
    billed = [{"Fn::If": ["Billed", dict(one), {"Ref": "AWS::NoValue"}]} for one in BILL.get(function, ())]
    return [*(_filled(dict(one), single, several) for one in ROLES[function]), *billed]


def _filled(value: Any, single: Mapping[str, str], several: Mapping[str, Sequence[str]]) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return _substituted(value, single)
    if isinstance(value, Mapping):
        return {key if "{" not in key else _key(key): _filled(inner, single, several) for key, inner in value.items()}
    found: list[Any] = []
    for each in value:
        many = several.get(each.strip("{}")) if isinstance(each, str) else None
        found += [_sub(text) for text in many] if many is not None else [_filled(each, single, several)]
    return found


def _key(key: str) -> str:
    raise ValueError(f"{key}: CloudFormation fills nothing into a key")


def _substituted(text: str, single: Mapping[str, str]) -> Any:  # noqa: ANN401 - a text, or what CloudFormation makes one of
    # A variable of IAM's own, such as ${aws:userid}, is none of CloudFormation's.
    filled = text.replace("${", "${!")
    for name, stands in single.items():
        filled = filled.replace(f"{{{name}}}", stands)
    return text if filled == text.replace("${", "${!") else _sub(filled)


def _sub(text: str) -> Any:  # noqa: ANN401 - as above
    return {"Fn::Sub": text} if "${" in text else text


__all__ = ["MACHINE", "SHIPPER", "lists", "names", "statements", "trust"]
