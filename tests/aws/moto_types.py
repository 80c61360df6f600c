"""Types of CloudFormation that moto lacks, as models of its own, so that it can make a whole stack of ours.

Importing this is enough: moto finds the subclasses of its model. A secret is a real one of moto's; of all others only
that they were made with these properties is remembered, in ``MADE``.
"""

# ruff: noqa: ANN401, D102 - signatures and data are moto's

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from moto.cloudformation.models import ChangeSet
from moto.core.common_models import CloudFormationModel
from moto.secretsmanager.models import secretsmanager_backends

MADE: dict[str, dict[str, Any]] = {}
"""The properties of what was made, by type; the newest one of each."""


class _Noted(CloudFormationModel):
    """A resource that does nothing. ``attributes`` are what ``Fn::GetAtt`` gives."""

    kind: ClassVar[str] = "AWS::Nothing::Nothing"
    attributes: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.attributes

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.attributes[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_more: Any
    ) -> Any:
        del account_id, region_name
        MADE[cls.kind] = dict(cloudformation_json.get("Properties", {}))
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        del original_resource
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        del resource_name, cloudformation_json, account_id, region_name
        MADE.pop(cls.kind, None)

    def is_created(self) -> bool:
        return True

    def delete(self, account_id: str, region_name: str) -> None:
        self.delete_from_cloudformation_json(self.physical_resource_id, {}, account_id, region_name)


def _noted(name: str, type_name: str, attributes: dict[str, str] | None = None) -> type[CloudFormationModel]:
    kind = staticmethod(lambda: type_name)
    return type(
        name,
        (_Noted, CloudFormationModel),
        {"kind": type_name, "attributes": attributes or {}, "cloudformation_type": kind},
    )


URL = "https://abcdefghij.lambda-url.eu-west-1.on.aws/"
TYPES = [
    _noted("Url", "AWS::Lambda::Url", {"FunctionUrl": URL}),
    _noted("EventInvokeConfig", "AWS::Lambda::EventInvokeConfig"),
    _noted("Budget", "AWS::Budgets::Budget"),
    _noted("Subscription", "AWS::SNS::Subscription"),
    _noted("TopicPolicy", "AWS::SNS::TopicPolicy"),
    _noted("QueuePolicy", "AWS::SQS::QueuePolicy"),
    _noted("BucketPolicy", "AWS::S3::BucketPolicy"),
    _noted("Alarm", "AWS::CloudWatch::Alarm", {"Arn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x"}),
    _noted("Composite", "AWS::CloudWatch::CompositeAlarm"),
]


class Secret(_Noted, CloudFormationModel):
    """One of moto's own, so that something can be put into it."""

    kind = "AWS::SecretsManager::Secret"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_more: Any
    ) -> Any:
        del resource_name
        told = secretsmanager_backends[account_id][region_name].create_secret(
            name=cloudformation_json["Properties"]["Name"],
            secret_string=None,
            secret_binary=None,
            description=None,
            tags=None,
            kms_key_id=None,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        return cls(json.loads(told)["ARN"])

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        del cloudformation_json
        secretsmanager_backends[account_id][region_name].delete_secret(
            resource_name, None, force_delete_without_recovery=True
        )


class _Json:
    """What moto reads templates with, where they are JSON: PyYAML takes a second and more for one of ours."""

    Loader = None

    @staticmethod
    def add_multi_constructor(*_given: object) -> None:
        """Nothing has short tags."""

    @staticmethod
    def load(text: str, Loader: object = None) -> Any:  # noqa: N803 - PyYAML's name for it
        """The template."""
        del Loader
        return json.loads(text)


@contextmanager
def whole_change_sets() -> Iterator[None]:
    """While inside, a stack has the outputs and the parameters of its newest change set: moto forgets them."""
    apply = ChangeSet.apply

    def applied(change_set: Any) -> None:
        apply(change_set)
        stack = change_set.stack
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack._parse_template()
        stack.output_map = stack._create_output_map()

    with (
        patch.object(ChangeSet, "apply", applied),
        patch("moto.cloudformation.models.yaml", _Json),
        patch("moto.cloudformation.responses.yaml", _Json),
    ):
        yield


def forget(url: str) -> None:
    """Have moto forget everything that it knows: it is behind every server of this process."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()
