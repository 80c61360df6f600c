"""What the functions behind the queues must know: the same variables for all of them, so that one block sets them."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from paddock.adapters.aws.ec2.settings import Ec2Settings, Template
from paddock.adapters.object_keys import is_key
from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch
from paddock.entrypoints.aws_lambda.settings import Environment, region, stack

_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_ROLE: Final = re.compile(r"AROA[A-Z0-9]{12,124}")
_BUCKET: Final = re.compile(r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OBJECT: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+")
_SEAL: Final = re.compile(r"|[0-9a-f]{64}")
_TOPIC: Final = re.compile(r"|arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_ZONE: Final = re.compile(r"[a-z0-9-]+[a-z]")
_SUBNET: Final = re.compile(r"subnet-[0-9a-f]{8,17}")

SUBNETS: Final = "PADDOCK_SUBNETS"
TEMPLATES: Final = "PADDOCK_TEMPLATES"
_SUBNETS_RIGHT: Final = 'must be a subnet for each zone, in JSON: {"eu-west-1a": "subnet-0123456789abcdef0"}'
_TEMPLATES_RIGHT: Final = (
    'must be launch templates in JSON: [{"arch": "x64", "id": "lt-0123456789abcdef0", "version": "3"}], '
    'each with "image" and "root_device" if need be'
)
_FIELDS: Final = frozenset({"arch", "id", "version", "image", "root_device"})


@attrs.frozen
class QueueAt:
    """The addresses of a queue and of its dead-letter queue."""

    url: str
    dead_letter_url: str


@attrs.frozen
class ObjectAt:
    """An object of S3."""

    bucket: str
    key: str


@attrs.frozen(kw_only=True)
class FleetEnvironment:
    """A whole stack, as its functions see it.

    ``ec2`` has the fleet's name, subnets and launch templates; ``role_id`` is the unique id of the machines' role;
    ``config`` is where paddock.yml lies, ``config_seal`` its seal if it was checked, or "". ``github_secret`` names the
    secret by which GitHub is asked: the App's private key or the token, whichever the file speaks of. ``cache`` is
    the bucket with the mirror of runner packages, ``archive`` that of old jobs and cost reports, or "";
    ``reports_topic`` is that in which cost reports are announced, or "". ``endpoints`` are addresses by service.
    """

    region: str
    table: str
    jobs: QueueAt
    events: QueueAt
    reports: QueueAt
    role_id: str
    config: ObjectAt
    github_secret: str
    ec2: Ec2Settings
    cache: str = ""
    archive: str = ""
    reports_topic: str = ""
    endpoints: Mapping[str, str] = attrs.field(factory=dict)
    config_seal: str = ""


def fleet_environment(variables: Mapping[str, str]) -> FleetEnvironment:
    """The settings in the environment.

    Raises:
        InvalidEnvironment: something is wrong with it.
    """
    environment = Environment(variables)
    where, name_of_table = region(environment), table(environment)
    jobs, events, reports = (queue_at(environment, word) for word in ("JOBS", "EVENTS", "REPORTS"))
    role_id = environment.text("PADDOCK_ROLE_ID", _ROLE, "must be the unique id of the machines' role: AROA…")
    config, github_secret = _object(environment), environment.secret("PADDOCK_GITHUB_SECRET")
    cache, archive = (
        environment.text(f"PADDOCK_{word}_BUCKET", _BUCKET, "must be a bucket's name, or be left out", default="")
        for word in ("CACHE", "ARCHIVE")
    )
    topic = environment.text("PADDOCK_REPORTS_TOPIC", _TOPIC, "must be a topic's ARN, or be left out", default="")
    seal = environment.text("PADDOCK_CONFIG_SEAL", _SEAL, "must be 64 hexadecimal digits, or be left out", default="")
    endpoints = environment.endpoints()
    name, subnets, templates = stack(environment), _subnets(environment), _templates(environment)
    ec2 = _ec2(environment, name, subnets, templates) if name and subnets and templates else None
    environment.check()
    assert ec2 is not None, "what is missing was refused"
    return FleetEnvironment(
        region=where,
        table=name_of_table,
        jobs=jobs,
        events=events,
        reports=reports,
        role_id=role_id,
        config=config,
        github_secret=github_secret,
        ec2=ec2,
        cache=cache,
        archive=archive,
        reports_topic=topic,
        endpoints=endpoints,
        config_seal=seal,
    )


def table(environment: Environment) -> str:
    """The name of the fleet's table."""
    return environment.text("PADDOCK_TABLE", _TABLE, "must be a table's name: 3 to 255 letters, digits, _ . -")


def queue_at(environment: Environment, word: str) -> QueueAt:
    """The addresses of the queue that is called so."""
    return QueueAt(environment.queue(f"PADDOCK_{word}_URL"), environment.queue(f"PADDOCK_{word}_DEAD_URL"))


def _object(environment: Environment) -> ObjectAt:
    name, right = "PADDOCK_CONFIG", "must be where paddock.yml lies: s3://bucket/key"
    text = environment.text(name, _OBJECT, right)
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if text and not is_key(key):
        environment.refuse(name, text, f"{right}, of a key of letters, digits and . _ - + /")
    return ObjectAt(bucket, key)


def _subnets(environment: Environment) -> dict[str, str]:
    given = environment.data(SUBNETS, _SUBNETS_RIGHT)
    if given is None:
        return {}
    if not isinstance(given, dict) or not given:
        environment.refuse(SUBNETS, json.dumps(given), _SUBNETS_RIGHT)
        return {}
    wrong = {
        zone: subnet
        for zone, subnet in given.items()
        if not (_ZONE.fullmatch(zone) and isinstance(subnet, str) and _SUBNET.fullmatch(subnet))
    }
    if wrong:
        environment.refuse(SUBNETS, json.dumps(wrong), _SUBNETS_RIGHT)
        return {}
    return given


def _templates(environment: Environment) -> tuple[Template, ...]:
    given = environment.data(TEMPLATES, _TEMPLATES_RIGHT)
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        environment.refuse(TEMPLATES, json.dumps(given), _TEMPLATES_RIGHT)
        return ()
    read = [_template(environment, one) for one in given]
    return tuple(template for template in read if template is not None)


def _template(environment: Environment, given: Any) -> Template | None:  # noqa: ANN401 - plain data of any shape
    text = json.dumps(given)
    if not isinstance(given, dict) or not {"arch", "id", "version"} <= set(given) <= _FIELDS:
        environment.refuse(TEMPLATES, text, _TEMPLATES_RIGHT)
        return None
    if given["arch"] not in tuple(Arch) or not isinstance(given.get("image", ""), str):
        environment.refuse(TEMPLATES, text, f"{_TEMPLATES_RIGHT}; known architectures: {', '.join(Arch)}")
        return None
    try:
        return Template(**{**given, "arch": Arch(given["arch"])})
    except InvalidInput as error:
        environment.refuse(TEMPLATES, text, f"{error.field} must be {error.remedy}")
        return None


def _ec2(
    environment: Environment, name: str, subnets: dict[str, str], templates: tuple[Template, ...]
) -> Ec2Settings | None:
    try:
        return Ec2Settings(fleet=name, subnets=subnets, templates=templates)
    except InvalidInput as error:
        environment.refuse(SUBNETS if error.field == "subnets" else TEMPLATES, error.value, f"must be {error.remedy}")
        return None
