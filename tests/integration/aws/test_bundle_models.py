"""What the functions' bundle knows of AWS: little, and what is left of it means the same as the whole."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.serialize import create_serializer
from botocore.session import Session

from deploy.bundle import models
from deploy.bundle.contents import FUNCTIONS
from paddock.adapters.aws.ec2.policy import MACHINES, POOLER
from paddock.adapters.aws.pricing.policy import PRICES
from tests.aws.bundles import SITE, modules_of

pytestmark = pytest.mark.slow

SERVICES = ("ce", "cloudwatch", "dynamodb", "ec2", "pricing", "s3", "sns", "sqs")
DEPTH = 4  # of DynamoDB's values, which may hold themselves
OWN = re.compile(r"(?:_client|\.(?:ce|cloudwatch|ec2|pricing|sns))\.([a-z_0-9]+)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The descriptions as they are in the bundle."""
    found = tmp_path_factory.mktemp("models")
    for name, data in models.files(modules_of(FUNCTIONS), SITE):
        path = found / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return found / models.PLACE


@cache
def whole(service: str) -> ServiceModel:
    return ServiceModel(models.loader_of(SITE).load_service_model(service, "service-2"), service_name=service)


def cut(folder: Path, service: str) -> ServiceModel:
    return ServiceModel(loader(folder).load_service_model(service, "service-2"), service_name=service)


def loader(folder: Path) -> Loader:
    return Loader(extra_search_paths=[str(folder)], include_default_search_paths=False)


def value_of(shape: Shape, depth: int = 0) -> Any:  # noqa: ANN401 - of any shape
    """Something with all members in it."""
    if isinstance(shape, StructureShape):
        members = dict(shape.members)
        if depth > DEPTH:
            return {}
        if getattr(shape, "is_tagged_union", False):
            members = dict(list(members.items())[:1])
        return {name: value_of(member, depth + 1) for name, member in members.items()}
    if isinstance(shape, ListShape):
        return [value_of(shape.member, depth + 1), value_of(shape.member, depth + 1)]
    if isinstance(shape, MapShape):
        return {"key": value_of(shape.value, depth + 1)}
    if shape.type_name == "string":
        return (getattr(shape, "enum", None) or ["some text é"])[0]
    made = {"integer": 3, "long": 2**40, "boolean": True, "blob": b"some bytes", "double": 1.5, "float": 1.5}
    return {**made, "timestamp": datetime(2026, 11, 29, 12, 30, tzinfo=UTC)}[shape.type_name]


def told_of(shape: Shape | None, above: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - plain data
    """Everything about a shape that botocore reads or writes by."""
    if shape is None or shape.name in above:
        return shape and shape.name
    here, below = (shape.name, shape.type_name, shape.serialization, shape.metadata), (*above, shape.name)
    if isinstance(shape, StructureShape):
        return (*here, [(name, told_of(member, below)) for name, member in shape.members.items()])
    if isinstance(shape, ListShape):
        return (*here, told_of(shape.member, below))
    if isinstance(shape, MapShape):
        return (*here, told_of(shape.key, below), told_of(shape.value, below))
    return here


def pairs(folder: Path, service: str) -> Iterator[tuple[OperationModel, OperationModel]]:
    """Each operation in the bundle, and the same as AWS's clients know it."""
    ours, theirs = cut(folder, service), whole(service)
    for name in ours.operation_names:
        yield ours.operation_model(name), theirs.operation_model(name)


@pytest.mark.parametrize("service", SERVICES)
def test_requests_are_the_same_to_the_byte(folder: Path, service: str) -> None:
    """Each operation with all of its parameters, written by both descriptions."""
    for ours, theirs in pairs(folder, service):
        values = value_of(theirs.input_shape) if theirs.input_shape else {}
        written = [
            create_serializer(model.service_model.resolved_protocol, include_validation=False).serialize_to_request(
                values, model
            )
            for model in (ours, theirs)
        ]
        assert written[0] == written[1], ours.name
        assert written[0]["body"] or written[0]["query_string"] or written[0]["url_path"]


@pytest.mark.parametrize("service", SERVICES)
def test_everything_else_that_a_client_goes_by_is_the_same(folder: Path, service: str) -> None:
    """Answers and errors are read alike, addresses and signatures are the same, by every rule of the service."""
    ours, theirs = cut(folder, service), whole(service)
    assert ours.metadata == theirs.metadata
    for mine, other in pairs(folder, service):
        for name in ("http", "auth_type", "idempotent_members", "endpoint", "http_checksum", "has_streaming_output"):
            assert getattr(mine, name) == getattr(other, name), (mine.name, name)
        assert told_of(mine.input_shape) == told_of(other.input_shape), mine.name
        assert told_of(mine.output_shape) == told_of(other.output_shape), mine.name
        assert [told_of(each) for each in mine.error_shapes] == [told_of(each) for each in other.error_shapes]
    rules = [each.load_service_model(service, models.RULES) for each in (loader(folder), models.loader_of(SITE))]
    assert models._wordless(rules[0]) == models._wordless(rules[1])


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1", "eu-nowhere-7"])
def test_clients_find_the_same_addresses(folder: Path, region: str) -> None:
    """In every partition, and in a region that is not known yet."""
    found = []
    for each in (loader(folder), models.loader_of(SITE)):
        session = Session()
        session.register_component("data_loader", each)
        clients = [
            session.create_client(name, region, aws_access_key_id="k", aws_secret_access_key="s")
            for name in ("dynamodb", "s3", "sqs")
        ]
        signed: list[Any] = [client.meta.config for client in clients]  # botocore sets it when the client is made
        found.append(
            [
                (client.meta.endpoint_url, config.signature_version)
                for client, config in zip(clients, signed, strict=True)
            ]
        )
        for client in clients:
            client.close()
    assert found[0] == found[1]


def test_what_the_adapters_call_is_there_and_little_more(folder: Path) -> None:
    """The calls in the adapters' own text; for EC2, nothing that no policy speaks of."""
    granted = {
        str(action).removeprefix("ec2:")
        for statement in (*MACHINES, *POOLER, *PRICES)
        for action in statement["Action"]
    }
    assert set(cut(folder, "ec2").operation_names) <= granted
    home = Path(models.__file__).parents[2] / "src/adapters/paddock/adapters/aws"
    for service in SERVICES:
        bundled = {xform_name(name) for name in cut(folder, service).operation_names}
        known = {xform_name(name) for name in whole(service).operation_names}
        text = "".join(path.read_text(encoding="utf-8") for path in (home / service).glob("*.py"))
        called = set(OWN.findall(text)) & known
        assert called
        assert called <= bundled
        assert len(bundled - called) <= 3, sorted(bundled - called)
