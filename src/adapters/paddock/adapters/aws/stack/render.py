"""A template, put together of its fragments, the roles' statements, the table's definition and the events' patterns.

The same shape gives the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddock.adapters.aws.cloud_events import PATTERNS
from paddock.adapters.aws.dynamodb.definition import TABLE
from paddock.adapters.aws.roles import SLACK
from paddock.adapters.aws.stack import policies
from paddock.adapters.aws.stack.boot import user_data
from paddock.adapters.aws.stack.fragments import Template, fragment, merged
from paddock.adapters.aws.stack.shape import Image, Shape
from paddock.adapters.aws.stack.watch import WATCHED
from paddock.adapters.aws.stack.watched import Names, Watched

RUNTIME: Final = "python3.12"
"""The functions' runtime: their bundles have the bytecode of this Python, and parts compiled for it."""

VISIBILITY: Final = 6
"""By how much a queue's time-out is longer than that of the function behind it ("AWS Lambda Developer Guide", SQS)."""

NO_VALUE: Final = {"Ref": "AWS::NoValue"}
_ANYWHERE: Final = ({"CidrIp": "0.0.0.0/0"}, {"CidrIpv6": "::/0"})


def rendered(shape: Shape, watched: Sequence[Watched] = WATCHED) -> Template:
    """The template of a stack of this shape.

    Raises:
        ValueError: something that watches it has a logical id that the template has, too.
    """
    every = fragment("functions")
    functions = every if shape.slack else _but_slack(every)
    whole = merged(
        fragment("parameters"),
        *_network(shape),
        fragment("storage", {"table": {"TableName": {"Ref": "AWS::StackName"}, **TABLE}}),
        *(_queue(word, about) for word, about in functions.items() if "queue" in about),
        _machines(shape),
        *(_launch_template(image, shape) for image in shape.images),
        *(_function(word, about, shape) for word, about in functions.items()),
        fragment("entrances", PATTERNS),
        fragment("notices"),
        *([fragment("slack")] if shape.slack else []),
        *({"Resources": each(_names(_but_slack(every), shape))} for each in watched),
        fragment("outputs", {"zones": ",".join(zone.name for zone in shape.zones)}),
    )
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Paddock - GitHub Actions runners on ephemeral machines",
        **whole,
    }


def body(template: Mapping[str, Any]) -> str:
    """The template as text: JSON with sorted keys, a line for each thing, so that two can be compared."""
    return json.dumps(template, indent=1, sort_keys=True) + "\n"


def _but_slack(functions: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The functions that every stack has, and that are watched: who tells of alarms has nobody to be told by."""
    return {word: about for word, about in functions.items() if word != SLACK}


def _network(shape: Shape) -> list[Template]:
    if shape.vpc:
        return []
    way = "network_private" if shape.private else "network_public"
    subnets = [
        fragment(
            "subnet",
            {"n": number, "zone": zone.name, "cidr": f"10.77.{32 * (number - 1)}.0/19", "public": not shape.private},
        )
        for number, zone in enumerate(shape.zones, 1)
    ]
    return [fragment("network"), fragment(way), *subnets]


def _queue(function: str, about: Mapping[str, Any]) -> Template:
    word = about["queue"]
    words = {
        "word": word,
        "Word": word.title(),
        "Function": function.title(),
        "visibility": VISIBILITY * about["timeout"],
        "window": about["window"],
        "at_once": about["at_once"],
    }
    return fragment("queue", words)


def _function(word: str, about: Mapping[str, Any], shape: Shape) -> Template:
    words = {
        "subnets": _json_of(_subnets(shape)),
        "templates": _json_of([_template_of(image) for image in shape.images]),
    }
    variables = fragment("variables", words)[about["variables"]]
    return fragment(
        "function",
        {
            "word": word,
            "Word": word.title(),
            "runtime": RUNTIME,
            "statements": policies.statements(word, shape),
            **about,
            "variables": variables,
        },
    )


def _subnets(shape: Shape) -> dict[str, str]:
    if shape.vpc:
        return {zone.name: zone.subnet for zone in shape.zones}
    return {f"${{Zone{number}}}": f"${{Subnet{number}}}" for number, _ in enumerate(shape.zones, 1)}


def _template_of(image: Image) -> dict[str, str]:
    """An entry of ``PADDOCK_TEMPLATES``: the newest version is named by its number, as that of this very deployment."""
    logical = f"LaunchTemplate{image.logical}"
    named = {"image": image.name} if image.name else {}
    version = f"${{{logical}.LatestVersionNumber}}"
    return {"arch": image.arch, "id": f"${{{logical}}}", "version": version, "root_device": image.root_device, **named}


def _json_of(data: object) -> Any:  # noqa: ANN401 - a text, or what CloudFormation makes one of
    text = json.dumps(data)
    return {"Fn::Sub": text} if "${" in text else text


def _machines(shape: Shape) -> Template:
    ports = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **where} for port in shape.egress for where in _ANYWHERE
    ]
    words = {
        "statements": policies.statements(policies.MACHINE, shape),
        "shipper": policies.statements(policies.SHIPPER, shape),
        "trust": policies.trust(),
        "machine_policies": list(shape.machine_policies),
        "vpc": shape.vpc or {"Ref": "Vpc"},
        "egress": ports or [{"IpProtocol": "-1", **where} for where in _ANYWHERE],
    }
    return fragment("machines", words)


def _launch_template(image: Image, shape: Shape) -> Template:
    tags = [{"Key": key, "Value": value} for key, value in sorted(shape.tags.items())]
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>" if image.parameter else "AWS::EC2::Image::Id"
    words = {
        "Name": image.logical,
        "name": image.id,
        "image_type": kind,
        "source": image.parameter or image.source,
        "image_help": f"What {image.id} machines are started from",
        "root_device": image.root_device,
        # The fleet's own come with each launch; what more there is must not stand twice.
        "tags": [{"ResourceType": what, "Tags": tags} for what in ("instance", "volume")] if tags else NO_VALUE,
        "user_data": user_data(image),
    }
    return fragment("launch_template", words)


def _names(functions: Mapping[str, Mapping[str, Any]], shape: Shape) -> Names:
    queues = {about["queue"]: about["queue"].title() for about in functions.values() if "queue" in about}
    return Names(
        stack="${AWS::StackName}",
        region="${AWS::Region}",
        topic="${Topic}",
        table="${Table}",
        functions={word: f"${{{word.title()}Function}}" for word in functions},
        queues={word: f"${{{logical}Queue.QueueName}}" for word, logical in queues.items()},
        dead={word: f"${{{logical}DeadQueue.QueueName}}" for word, logical in queues.items()},
        logs={word: f"${{{word.title()}Logs}}" for word in functions},
        timeouts={word: about["timeout"] for word, about in functions.items()},
        runbook=shape.runbook,
        targets=shape.targets,
    )
