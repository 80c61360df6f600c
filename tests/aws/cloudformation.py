"""What a template of CloudFormation comes to: its intrinsic functions worked out, by parameters and made-up ids."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT

NO_VALUE: Final = object()
_IN_SUB: Final = re.compile(r"\$\{(!?)([^}]+)\}")


def _id(prefix: str, name: str) -> str:
    return f"{prefix}-{hashlib.sha256(name.encode()).hexdigest()[:17]}"


@attrs.frozen
class Made:
    """A stack as it would be: ``resources`` are its properties, with every function in them worked out."""

    template: Mapping[str, Any]
    stack: str
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    account: str = ACCOUNT
    region: str = REGION

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type that are made, by logical id."""
        found = self.template["Resources"].items()
        return {name: self.properties(name) for name, one in found if one["Type"] == kind and self._is_made(one)}

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of one resource."""
        worked: dict[str, Any] = self.worked_out(self.template["Resources"][name].get("Properties", {}))
        return worked

    def parameter(self, name: str) -> Any:  # noqa: ANN401 - texts and numbers
        """What a parameter is."""
        about = self.template["Parameters"][name]
        value = self.parameters.get(name, about.get("Default"))
        assert value is not None, f"the parameter {name} is not given"
        if about["Type"].startswith("AWS::SSM::Parameter::Value"):
            return _id("ami", str(value))
        return value

    def worked_out(self, value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
        """The data with its functions worked out."""
        if isinstance(value, list):
            return [one for one in map(self.worked_out, value) if one is not NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, given),) = value.items()
            found = self._functions().get(name)
            if found is not None:
                return found(given)
        inner = {key: self.worked_out(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one is not NO_VALUE}

    def _functions(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Ref": self._ref,
            "Fn::GetAtt": lambda given: self._attribute(*given),
            "Fn::Sub": self._sub,
            "Fn::If": lambda given: self.worked_out(given[1 if self._holds(given[0]) else 2]),
            "Fn::Base64": self.worked_out,
        }

    def _is_made(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self._holds(resource["Condition"])

    def _holds(self, condition: Any) -> bool:  # noqa: ANN401 - a name or a function
        if isinstance(condition, str):
            return self._holds(self.template["Conditions"][condition])
        ((name, given),) = condition.items()
        if name == "Fn::Not":
            return not self._holds(given[0])
        assert name == "Fn::Equals"
        first, second = map(self.worked_out, given)
        return str(first) == str(second)

    def _sub(self, text: str) -> str:
        def stands(found: re.Match[str]) -> str:
            if found[1]:
                return f"${{{found[2]}}}"
            name, _, attribute = found[2].partition(".")
            return str(self._attribute(name, attribute) if attribute else self._ref(name))

        return _IN_SUB.sub(stands, text)

    def _ref(self, name: str) -> Any:  # noqa: ANN401 - texts, numbers, and nothing at all
        pseudo: dict[str, Any] = {
            "AWS::StackName": self.stack,
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.template.get("Parameters", {}):
            return self.parameter(name)
        kind = self.template["Resources"][name]["Type"]
        own = self.template["Resources"][name].get("Properties", {})
        by_name = {
            "AWS::DynamoDB::Table": "TableName",
            "AWS::Lambda::Function": "FunctionName",
            "AWS::Logs::LogGroup": "LogGroupName",
            "AWS::S3::Bucket": "BucketName",
            "AWS::IAM::Role": "RoleName",
            "AWS::IAM::InstanceProfile": "InstanceProfileName",
        }
        if kind in by_name:
            return self.worked_out(own.get(by_name[kind], f"{self.stack}-{name}"))
        made: dict[str, Callable[[], str]] = {
            "AWS::SQS::Queue": lambda: (
                f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self._named(own, 'QueueName')}"
            ),
            "AWS::SecretsManager::Secret": lambda: self._arn(
                "secretsmanager", f"secret:{self._named(own, 'Name')}-a1B2c3"
            ),
            "AWS::SNS::Topic": lambda: self._arn("sns", self._named(own, "TopicName")),
            "AWS::EC2::LaunchTemplate": lambda: _id("lt", self.stack + name),
            "AWS::EC2::Subnet": lambda: _id("subnet", self.stack + name),
        }
        return made.get(kind, lambda: _id("res", self.stack + name))()

    def _named(self, own: Mapping[str, Any], key: str) -> str:
        return str(self.worked_out(own[key]))

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def _attribute(self, name: str, attribute: str) -> Any:  # noqa: ANN401 - texts and numbers
        kind = self.template["Resources"][name]["Type"]
        own = self.template["Resources"][name].get("Properties", {})
        if attribute == "QueueName":
            return self._named(own, "QueueName")
        if attribute == "Arn":
            arns: dict[str, Callable[[], str]] = {
                "AWS::DynamoDB::Table": lambda: self._arn("dynamodb", f"table/{self._ref(name)}"),
                "AWS::SQS::Queue": lambda: self._arn("sqs", self._named(own, "QueueName")),
                "AWS::S3::Bucket": lambda: f"arn:aws:s3:::{self._ref(name)}",
                "AWS::Lambda::Function": lambda: self._arn("lambda", f"function:{self._ref(name)}"),
                "AWS::Events::Rule": lambda: self._arn("events", f"rule/{self._named(own, 'Name')}"),
                "AWS::IAM::Role": lambda: f"arn:aws:iam::{self.account}:role/{self._ref(name)}",
                "AWS::IAM::InstanceProfile": lambda: f"arn:aws:iam::{self.account}:instance-profile/{self._ref(name)}",
            }
            return arns[kind]()
        others: dict[str, Callable[[], str]] = {
            "RoleId": lambda: "AROA" + hashlib.sha256((self.stack + name).encode()).hexdigest()[:17].upper(),
            "GroupId": lambda: _id("sg", self.stack + name),
            "LatestVersionNumber": lambda: "1",
            "AllocationId": lambda: _id("eipalloc", self.stack + name),
            "FunctionUrl": lambda: "https://abcdefghij.lambda-url.eu-west-1.on.aws/",
        }
        return others[attribute]()
