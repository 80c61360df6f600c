"""What `paddock doctor` needs on AWS, as statements of IAM: it reads, and changes nothing.

To be filled in, besides what the operator's policy names: ``{config_bucket_arn}``, ``{github_secret_arn}``,
``{webhook_secret_arn}``, ``{slack_secret_arn}`` (of a stack that tells a channel), ``{stack_arn}``, ``{function_arn}``
(of all functions), ``{rule_arn}`` (of all rules), ``{dead_queue_arn}`` (of all dead-letter queues),
``{notices_topic_arn}``, ``{reports_topic_arn}`` and ``{spot_role_arn}``. The App's private key is read in order to ask
GitHub as the fleet does: without ``GITHUB_KEY`` the checks of GitHub are unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

Statement: TypeAlias = Mapping[str, Any]


def _may(resource: str, *actions: str) -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": [resource]}


DESCRIPTIONS: Final[Sequence[Statement]] = (
    # AWS restricts these to nothing.
    _may(
        "*",
        "cloudwatch:DescribeAlarms",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSubnets",
        "lambda:ListEventSourceMappings",
        "servicequotas:GetServiceQuota",
        "sts:GetCallerIdentity",
    ),
)
PARTS: Final[Sequence[Statement]] = (
    _may("{stack_arn}", "cloudformation:DescribeStacks"),
    _may("{function_arn}", "lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency"),
    _may("{rule_arn}", "events:DescribeRule", "events:ListTargetsByRule"),
    _may("{dead_queue_arn}", "sqs:GetQueueAttributes"),
    _may("{github_secret_arn}", "secretsmanager:DescribeSecret"),
    _may("{webhook_secret_arn}", "secretsmanager:DescribeSecret"),
    _may("{slack_secret_arn}", "secretsmanager:DescribeSecret"),
    _may("{notices_topic_arn}", "sns:ListSubscriptionsByTopic"),
    _may("{reports_topic_arn}", "sns:ListSubscriptionsByTopic"),
    _may("{spot_role_arn}", "iam:GetRole"),
    _may("{config_bucket_arn}/config/*", "s3:GetObject"),
)
GITHUB_KEY: Final[Sequence[Statement]] = (_may("{github_secret_arn}", "secretsmanager:GetSecretValue"),)
